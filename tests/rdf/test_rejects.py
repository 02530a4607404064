"""Reading on behind wrong lines: what is left out is counted, listed, and nothing else is lost."""

import io
import json

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph

GOOD = [
    "<a:s> <a:p> <a:o> .",
    '<a:s> <a:p> "x y" . # comment',
    "_:b <a:p> _:c .",
    "# nothing",
    "",
    '<a:s> <a:q> "é"@en .',
]
BAD = {
    "oops": 1,
    "<a:s> oops <a:o> .": 7,
    "<a:s> <a:p> <http://a b> .": 13,
    '<a:s> <a:p> "open .': None,
    '<a:s> <a:p> "x"^^<int> .': 18,
    "<a:s> <a:p> <a:o>": None,
    "<a:s> <a:p> <<( <a:a> <a:b> <a:c> )>> .": None,
    "\x1b[2J\x00": 1,
    '<a:s> <a:p> "\\q" .': 14,
    '"x" <a:p> <a:o> .': 1,
}


def read(content, format="nt", **settings):
    if isinstance(content, str):
        content = content.encode()
    return KnowledgeGraph.read(io.BytesIO(content), format=format, **settings)


def entries(path):
    text = path.read_text(encoding="ascii")
    assert not any(ord(char) < 32 and char != "\n" for char in text)
    return [json.loads(line) for line in text.splitlines()]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from(GOOD) | st.sampled_from(list(BAD)), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore::kgrec.errors.KgrecWarning")
def test_just_the_bad_lines_are_left_out(tmp_path_factory, lines, newline, ended):
    path = tmp_path_factory.mktemp("rejects") / "out.jsonl"
    content = newline.join(lines) + (newline if ended else "")
    kg = read(content, on_error="skip", rejects=path)
    good = [line for line in lines if line not in BAD]
    assert kg.equals(read("\n".join(good)))
    expected = [(n, line) for n, line in enumerate(lines, 1) if line in BAD]
    found = entries(path)
    assert [(entry["line"], entry["text"]) for entry in found] == expected
    for entry, (_, line) in zip(found, expected, strict=True):
        assert entry["file"] == "<BytesIO>"
        assert entry["reason"]
        assert BAD[line] in (None, entry["column"])
    valid = [line for _, line in expected if "<<(" in line]
    assert kg.report.files[0].about_statements == len(valid)
    assert kg.report.rejected == kg.report.files[0].rejected == len(expected) - len(valid)
    assert kg.report.rejects == str(path)


def test_quads_and_octets_that_are_no_text(tmp_path):
    content = (
        b'<a:s> <a:p> <a:o> <a:g> .\n<a:s> <a:p> "\xff\xfe" .\n<a:s> <a:p> <a:o> <a:g> <a:h> .\n'
    )
    path = tmp_path / "rejects"
    kg = read(content, "nq", on_error="skip", rejects=path)
    assert kg.graphs.counts() == {"a:g": 1}
    first, second = entries(path)
    assert (first["line"], first["text"]) == (2, '<a:s> <a:p> "\\xff\\xfe" .')
    assert "UTF-8" in first["reason"]
    assert second["line"] == 3


def test_lines_are_counted_over_many_pieces(tmp_path):
    line = "<a:s> <a:p> <a:o> .\n"
    size = (5 << 20) // len(line)
    content = line * size + "bad 1\n" + line * size + "bad 2\n"
    kg = read(content, on_error="skip", rejects=tmp_path / "rejects")
    assert kg.report.statements == 2 * size
    assert [(e["line"], e["text"]) for e in entries(tmp_path / "rejects")] == [
        (size + 1, "bad 1"),
        (2 * size + 2, "bad 2"),
    ]


def test_rejects_of_several_files_are_in_one_list(tmp_path):
    for name in ("a.nt", "b.nt", "c.nt"):
        (tmp_path / name).write_text(f"<a:{name[0]}> <a:p> <a:o> .\n" + "bad\n" * (name != "c.nt"))
    out = tmp_path / "out.jsonl"
    out.write_text("of somebody else")
    with pytest.raises(DataError, match=r"out\.jsonl exists already\. Choose another name"):
        KnowledgeGraph.read(tmp_path / "*.nt", on_error="skip", rejects=out)
    assert out.read_text() == "of somebody else"
    out.unlink()
    kg = KnowledgeGraph.read(tmp_path / "*.nt", on_error="skip", rejects=out)
    assert [entry["file"] for entry in entries(out)] == [
        str(tmp_path / "a.nt"),
        str(tmp_path / "b.nt"),
    ]
    assert [file.rejected for file in kg.report.files] == [1, 1, 0]
    assert kg.report.remarks() == (
        f"2 statements are not valid and were left out; {out} lists them, the first in "
        f"{tmp_path / 'a.nt'}, line 2: {entries(out)[0]['reason'].rstrip('.')}.",
    )
    KnowledgeGraph.read(tmp_path / "c.nt", on_error="skip", rejects=out)
    assert out.read_text() == ""  # none of this reading, so none of an older one
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nt", "b.nt", "c.nt", "out.jsonl"]


def test_all_lines_may_be_bad():
    kg = read("bad\n" * 100, on_error="skip")
    assert kg.report.rejected == 100
    assert "graph is empty" in kg.report.notes[0]
    assert kg.report.rejects is None


NOT_BY_LINES = {
    "jsonld": ('{"@id": "a:s",\n"a:p" 1}', "line 2", "JSON-LD"),
}


@pytest.mark.parametrize("format", NOT_BY_LINES)
def test_other_syntaxes_say_that_they_stop(tmp_path, format):
    content, place, title = NOT_BY_LINES[format]
    path = tmp_path / "rejects"
    with pytest.raises(
        DataError, match=f"{place}.*not valid {title}.*Reading cannot continue after this"
    ):
        read(content, format, on_error="skip", rejects=path)
    (entry,) = entries(path)
    assert entry["line"] == int(place[-1])
    with pytest.raises(DataError, match=place) as raised:
        read(content, format)
    assert "read on" not in str(raised.value)


def test_an_open_string_does_not_swallow_what_follows():
    """A parser that reads on by itself takes the next quotation mark for the end of the string."""
    content = '<a:s> <a:p> "open .\n<a:s> <a:p> <a:o> .\n<a:s> <a:p> "closed" .\n'
    kg = read(content, on_error="skip")
    assert (kg.num_triples, kg.literals.value.to_pylist()) == (1, ["closed"])
    assert kg.report.rejected == 1


def test_a_list_of_rejects_that_cannot_be_written(tmp_path):
    with pytest.raises(DataError, match="rejects cannot be written"):
        read("", on_error="skip", rejects=tmp_path / "none" / "rejects")


def test_raise_is_the_default_and_names_the_first_mistake():
    quads = list(ox.parse("<a:s> <a:p> <a:o> .", format=ox.RdfFormat.N_TRIPLES))
    assert len(quads) == 1
    with pytest.raises(DataError, match=r"<BytesIO>, line 2, column 7: not valid N-Triples"):
        read("<a:s> <a:p> <a:o> .\n<a:s> oops <a:o> .\nbad")


@pytest.mark.parametrize("graph", [False, True])
def test_a_wrong_node_of_json_ld_is_left_out(tmp_path, graph):
    good = [{"@id": f"a:{k}", "a:p": {"@id": "_:b"}} for k in range(5)]
    bad = [{"@id": 5}, {"@id": "a:w", "a:p": {"@value": "x", "@type": "a b"}}]
    nodes = [good[0], bad[0], *good[1:3], bad[1], *good[3:]]
    document = {"@context": {"x": "a:x"}, "@graph": nodes} if graph else nodes
    path = tmp_path / "rejects"
    kg = read(json.dumps(document), "jsonld", on_error="skip", rejects=path)
    assert kg.entities.ids == [*sorted(node["@id"] for node in good), "_:file0_b0"][-1:] + [
        node["@id"] for node in good
    ]
    assert kg.num_triples == 5
    assert [json.loads(entry["text"]) for entry in entries(path)] == bad
    assert kg.report.rejected == 2
