"""Reading Turtle and TriG with mistakes: what is wrong is left out and listed, all else is read."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf import readers, turtle_recovery

HEAD = "@prefix e: <http://e.org/> .\n@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n"
GOOD = [
    "e:a e:p e:b .",
    "e:a e:p e:c ; e:q 1.5, .5, 5 ; e:r true .",
    'e:a e:p "x . y"@en, "a \\" b"^^xsd:string .',
    "e:b e:p '''long . \"x\"\n e:no e:no e:no .\ne:no e:no e:no .''' .",
    'e:b e:p """a " "" b\\""" .""" .',
    'e:c e:p [ e:q e:d ; e:r ( 1 e:e ) ] . # comment . with " and <',
    "[] e:p _:x.y .",
    "_:x.y e:q <http://e.org/z#a.b> .",
    "e:a.b e:p e:c.\ne:d\n  e:p\n  e:Heat_\\(film\\) .",
    "PREFIX f: <http://f.org/>\nf:a e:p f:b .",
    "@base <http://base.org/> .\n<a> e:p <#b> .",
    "e:a a e:T .",
    "e:é e:p e:ü%20x .",
]
# What is wrong; a part of the reason; what is read of it all the same.
BAD = {
    'e:w e:p "x"@en_US .': ("'en_US' is not a language tag; 'en-US' is one", []),
    'e:w e:p """x"""@en-us-averylongtag .': ("not a language tag", []),
    "e:w e:p <http://e.org/a b> .": ("the IRI 'http://e.org/a b' has a space; write %20", []),
    "<http://e.org/{x}> e:p e:b .": ("'{'; write %7B", []),
    "e:w e:p <http://e.org/open .": ("not closed", []),
    "e:w e:p e:Puente_La_Reina_–_Gares .": ("'–' (EN DASH)", []),
    "e:w e:p e:Heat_(film) .": ("e:Heat_( has the character '('", []),
    "e:w e:p e:O'Brien .": ("write \\' for it", []),
    "e:w e:p e:x#y .": ("write \\# for it", []),
    "e:w e:p e:AC/DC .": ("write \\/ for it", []),
    "e:w e:p none:x .": ("none: has not been declared", []),
    'e:w e:p "1"^^none:int .': ("none: has not been declared", []),
    'e:w e:p "bad \\q escape" .': ("escape character", []),
    'e:w e:p "open .': ("not closed", []),
    'e:w e:p "in\ntwo lines" .': ("", []),
    "e:w e:p oops .": ("oops", []),
    "e:w e:p .": ("", []),
    "e:w e:p e:b": ("dot", []),
    "e:w e:p e:b ] .": ("", []),
    "e:w e:p ( e:b <http://e.org/a b> ) .": ("space", []),
    "oops": ("", []),
    "% ! $ .": ("", []),
    "@prefix bad: <http://e.org/a b> .": ("space", []),
    "@prefix bad2: <http://e.org/>": ("", []),
    "e:w e:p <http://e.org/a b>, e:kept ; e:q 'x'@en_US .": ("space", [("w", "p", "kept")]),
    "e:w e:p e:kept ; e:q [ e:r <http://e.org/a b> ] ; e:s e:kept2 .":
        ("space", [("w", "p", "kept"), ("w", "s", "kept2")]),
}  # fmt: skip
ALONE = [bad for bad in BAD if not BAD[bad][1]]


def read(content, format="ttl", **settings):
    return KnowledgeGraph.read(io.BytesIO(content.encode()), format=format, **settings)


def entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("bad", BAD)
def test_a_wrong_statement_is_left_out_with_line_and_reason(tmp_path, bad):
    reason, kept = BAD[bad]
    out = tmp_path / "out"
    text = f"{HEAD}e:a e:p e:b .\n{bad}\ne:x e:y e:z .\n"
    kg = read(text, on_error="skip", rejects=out)
    found = entries(out)
    assert [entry["line"] for entry in found] == [4]
    assert reason in found[0]["reason"]
    assert bad.startswith(found[0]["text"][:20])
    assert kg.report.rejected == 1
    pairs = kg.to_pandas()[["head", "relation", "tail"]].itertuples(index=False, name=None)
    named = {tuple(part.removeprefix("http://e.org/") for part in row) for row in pairs}
    assert {("a", "p", "b"), ("x", "y", "z"), *kept} <= named
    assert len(named) == 2 + len(kept) + ("[" in bad)
    assert len(kg.literals) == 0
    with pytest.raises(DataError, match=r"line \d+.*: not valid Turtle") as caught:
        read(text)
    if reason and "declared" not in reason:
        assert reason in str(caught.value)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from(GOOD) | st.sampled_from(ALONE), max_size=14),
    st.sampled_from(["\n", "\n\n", "\r\n", '  \n# comment " .\n']),
    st.sampled_from([1 << 22, 64, 7]),
)
def test_just_what_is_wrong_is_left_out(tmp_path_factory, parts, newline, piece):
    out = tmp_path_factory.mktemp("recovery") / "out"
    good = HEAD + newline.join(part for part in parts if part not in BAD)
    lines = HEAD + newline.join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turtle_recovery, "_PIECE", piece)
        kg = read(lines, on_error="skip", rejects=out)
    assert kg.equals(read(good))
    wrong = [part for part in parts if part in BAD]
    if not all(part.endswith(".") for part in wrong):
        # Nobody can tell where a statement without a dot ends if the next one is wrong too.
        assert bool(wrong) <= kg.report.rejected <= len(wrong)
        return
    at, expected = HEAD.count("\n") + 1, []
    for part in parts:
        if part in BAD:
            expected.append(at)
        at += part.count("\n") + newline.count("\n")
    assert [entry["line"] for entry in entries(out)] == expected
    assert kg.report.rejected == len(expected)


IN_GRAPHS = [bad for bad in ALONE[:14] if "#" not in bad]  # what follows it may be a comment
GRAPHS = ["e:g", "GRAPH e:h", "_:g", "", "<http://e.org/k>"]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, *GRAPHS]),
            st.lists(st.sampled_from(GOOD[:7]) | st.sampled_from(IN_GRAPHS), max_size=4),
        ),
        max_size=6,
    ),
    st.sampled_from([1 << 22, 64, 7]),
)
def test_just_what_is_wrong_is_left_out_of_graphs(blocks, piece):
    def written(chosen):
        text = HEAD
        for graph, parts in blocks:
            inside = "\n  ".join(part for part in parts if chosen(part))
            text += f"{inside}\n" if graph is None else f"{graph} {{\n  {inside}\n}}\n"
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turtle_recovery, "_PIECE", piece)
        kg = read(written(lambda part: True), "trig", on_error="skip")
    assert kg.equals(read(written(lambda part: part not in BAD), "trig"))
    assert kg.report.rejected == sum(part in BAD for _, parts in blocks for part in parts)


def test_a_long_string_that_is_not_closed_loses_only_its_statement():
    text = HEAD + 'e:w e:p """open .\ne:a e:p e:b .\ne:c e:p """closed""" .\ne:d e:p e:e .\n'
    kg = read(text, on_error="skip")
    assert (kg.num_triples, kg.literals.value.to_pylist()) == (2, ["closed"])
    assert kg.report.rejected == 1
    kg = read(HEAD + "e:w e:p '''open .\ne:a e:p e:b .\n", on_error="skip")
    assert (kg.num_triples, kg.report.rejected) == (1, 1)


def test_names_of_a_wrong_declaration_mean_nothing():
    text = (
        HEAD + "@prefix e: <http://f.org/ > .\ne:a e:p e:b .\n<http://x> <http://y> <http://z> .\n"
    )
    kg = read(text, on_error="skip")
    assert kg.entities.ids == ["http://x", "http://z"]
    assert kg.report.rejected == 2
    text = "@base <http://a.org/> .\n<a> <p> <b> .\n@base <http://b.org/ > .\n<c> <p> <d> .\n"
    kg = read(text, on_error="skip", base_iri="http://c.org/")
    assert kg.entities.ids == ["http://a.org/a", "http://a.org/b"]


def test_a_declaration_behind_junk_is_read():
    text = HEAD + "oops\n@base <http://base.org/> .\n<a> e:p <b> .\n"
    kg = read(text, on_error="skip")
    assert kg.entities.ids == ["http://base.org/a", "http://base.org/b"]
    assert kg.report.rejected == 1


def test_statements_of_a_graph_with_a_wrong_name_are_left_out():
    text = HEAD + "<g h> {\n e:a e:p e:b .\n e:a e:p e:c }\ne:g { e:x e:y e:z }\n"
    kg = read(text, "trig", on_error="skip")
    assert kg.entities.ids == ["http://e.org/x", "http://e.org/z"]
    assert kg.report.rejected == 2


def test_a_graph_that_is_not_closed_ends_where_the_next_begins():
    text = HEAD + "e:g { e:a e:p e:b .\ne:h { e:x e:y e:z }\n"
    kg = read(text, "trig", on_error="skip")
    assert kg.graphs.counts() == {"http://e.org/g": 1, "http://e.org/h": 1}
    assert kg.report.rejected == 1


@pytest.mark.parametrize("large", [False, True])
def test_a_text_of_several_pieces(monkeypatch, tmp_path, large):
    if large:
        monkeypatch.setattr(readers, "LARGE", 1)
    line = "e:a{0} e:p e:b{0} , <http://e.org/c> .\n"
    parts = [line.format(k) for k in range(150_000)]
    parts[70_000] = parts[149_999] = "e:w e:p 'x'@en_US .\n"
    path = tmp_path / "big.ttl"
    path.write_text(HEAD + "".join(parts))
    kg = KnowledgeGraph.read(path, on_error="skip", rejects=tmp_path / "out")
    assert kg.num_triples == 2 * (150_000 - 2)
    assert [entry["line"] for entry in entries(tmp_path / "out")] == [70_003, 150_002]
