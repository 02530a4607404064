"""What is written as N-Triples is read again, and is the same for the same graph."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyoxigraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import DataError, RunError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf import writing
from kgrec.rdf.namespaces import RDF_TYPE, XSD, XSD_STRING

EX = "http://e/"
IRIS = st.sampled_from(
    [EX + "a", EX + "ü", EX + "%C3%BC", EX + "a?b=c&d", EX + "(x)'!", "urn:isbn:1", "mailto:a@b.c",
     EX + "\U0001f600", "https://[::1]:80/", EX + "a#", "a:"]
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(
    "\n\r\t\b\f\v\"\\'\x01\x7f\x85\ufffe\uffff\U0001f600\U0001fffe n u0", max_size=8
)
LITERALS = st.tuples(
    IRIS, IRIS, TEXT, st.sampled_from(["", XSD + "integer", XSD + "date", "urn:mine"]), st.just("")
) | st.tuples(IRIS, IRIS, TEXT, st.just(""), st.sampled_from(["en", "de-AT", "ar--rtl", "x-y"]))


def quads(kg, path):
    kg.write(path)
    return list(pyoxigraph.parse(path=path, format=pyoxigraph.RdfFormat.N_TRIPLES))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(IRIS, IRIS, IRIS), max_size=5), st.lists(LITERALS, min_size=1, max_size=8)
)
def test_a_round_trip_loses_nothing(tmp_path_factory, triples, literals):
    kg = KnowledgeGraph.from_triples(triples, literals)
    path = tmp_path_factory.mktemp("out") / "graph.nt"
    kg.write(path)
    assert KnowledgeGraph.read(path).equals(kg)
    # pyoxigraph writes canonical N-Triples as well.
    text = path.read_bytes()
    parsed = pyoxigraph.parse(text, format=pyoxigraph.RdfFormat.N_TRIPLES)
    assert pyoxigraph.serialize(parsed, format=pyoxigraph.RdfFormat.N_TRIPLES) == text


NODES = st.sampled_from(["_:a", "_:b0", "_:file0_b1", "_:x.y", EX + "a", EX + "b"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(NODES, IRIS, NODES), min_size=1, max_size=8),
    st.lists(st.tuples(NODES, IRIS, TEXT, st.just(""), st.just("")), max_size=4),
)
def test_blank_nodes_come_back_under_other_names(tmp_path_factory, triples, literals):
    kg = KnowledgeGraph.from_triples(triples, literals)
    folder = tmp_path_factory.mktemp("out")
    kg.write(folder / "one.nt")
    KnowledgeGraph.read(folder / "one.nt").write(folder / "two.nt")
    datasets = []
    for name in ("one.nt", "two.nt"):
        parsed = pyoxigraph.parse(path=folder / name, format=pyoxigraph.RdfFormat.N_TRIPLES)
        dataset = pyoxigraph.Dataset(parsed)
        dataset.canonicalize(pyoxigraph.CanonicalizationAlgorithm.UNSTABLE)
        datasets.append(dataset)
    assert datasets[0] == datasets[1]


def test_the_form_is_canonical_and_ordered(tmp_path):
    kg = KnowledgeGraph.from_triples(
        [
            (EX + "b", EX + "q", EX + "a"),
            (EX + "a", EX + "q", "_:n"),
            (EX + "a", EX + "q", EX + "b"),
        ],
        [
            (EX + "a", EX + "p", 'say "no"\n\\\t\x01', "", ""),
            (EX + "a", EX + "q", "7", XSD + "integer", ""),
            (EX + "a", EX + "q", "Zürich", "", "de-CH"),
        ],
    )
    path = tmp_path / "deep" / "graph.nt"
    kg.write(path)
    assert path.read_text().splitlines() == [
        rf'<{EX}a> <{EX}p> "say \"no\"\n\\\t\u0001" .',
        f"<{EX}a> <{EX}q> _:n .",
        f"<{EX}a> <{EX}q> <{EX}b> .",
        f'<{EX}a> <{EX}q> "7"^^<{XSD}integer> .',
        f'<{EX}a> <{EX}q> "Zürich"@de-ch .',
        f"<{EX}b> <{EX}q> <{EX}a> .",
    ]
    assert [entry.name for entry in path.parent.iterdir()] == ["graph.nt"]


def test_batches_do_not_change_the_file(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    triples = [(f"{EX}{a}", f"{EX}p{b}", f"{EX}{c}") for a, b, c in random.integers(0, 9, (60, 3))]
    literals = [
        (f"{EX}{a}", f"{EX}p{b}", str(c), "", "") for a, b, c in random.integers(0, 9, (40, 3))
    ]
    kg = KnowledgeGraph.from_triples(triples, literals)
    kg.write(tmp_path / "one.nt")
    monkeypatch.setattr(writing, "_BATCH", 7)
    kg.write(tmp_path / "seven.nt")
    text = (tmp_path / "one.nt").read_bytes()
    assert text == (tmp_path / "seven.nt").read_bytes()
    assert text.count(b"\n") == kg.num_triples + len(kg.literals)


def test_an_updated_graph_is_written_as_one_that_was_read(tmp_path):
    old = [(EX + "b", EX + "q", EX + "c"), ("no iri", "nor this", EX + "c")]
    new = [
        (EX + "a", EX + "p", EX + "c"),
        (EX + "a", EX + "p", EX + "b"),
        (EX + "b", EX + "p", "_:n"),
    ]
    literals = [(EX + "b", EX + "q", "2", "", ""), (EX + "b", EX + "q", "1", "", "")]
    updated = KnowledgeGraph.from_triples(old).update(added=[*new, *literals], removed=old[1:])
    assert updated.entities.ids != sorted(updated.entities.ids)
    updated.write(tmp_path / "updated.nt")
    fresh = KnowledgeGraph.from_triples(old[:1] + new, literals)
    fresh.write(tmp_path / "fresh.nt")
    assert (tmp_path / "updated.nt").read_bytes() == (tmp_path / "fresh.nt").read_bytes()


def test_gzip_by_extension_and_always_the_same_bytes(tmp_path):
    kg = KnowledgeGraph.from_triples([(EX + "a", RDF_TYPE, EX + "b")] * 2)
    for name in ("a.nt.gz", "b.NT.GZ", "c.nt"):
        kg.write(tmp_path / name)
    assert (tmp_path / "a.nt.gz").read_bytes() == (tmp_path / "b.NT.GZ").read_bytes()
    assert gzip.decompress((tmp_path / "a.nt.gz").read_bytes()) == (tmp_path / "c.nt").read_bytes()
    assert KnowledgeGraph.read(tmp_path / "a.nt.gz").equals(kg)


@pytest.mark.parametrize(
    ("triples", "literals", "message"),
    [
        ([("Heat", EX + "p", EX + "b")], [], "1 of 2 entity ids .*'Heat'. are not absolute"),
        ([(EX + "a b", EX + "p", EX + "b>")], [], "2 of 2 entity ids .*'http://e/a b'"),
        ([(EX + "a", "\x1b[31m", EX + "b")], [], r"1 of 1 relation ids .*\\x1b\[31m'"),
        ([(EX + "a", "_:p", EX + "b")], [], "relation ids"),
        ([("_:a b", EX + "p", EX + "b")], [], "entity ids"),
        ([("_:a <http://e/p> <http://e/q> .\n_:b", EX + "p", EX + "b")], [], "entity ids"),
        ([], [(EX + "a", EX + "p", "1", "integer", "")], "datatype ids"),
        ([], [(EX + "a", EX + "p", "1", "", "e n")], "'e n' is not a language tag"),
    ],
)
def test_what_no_parser_would_take_back_is_not_written(tmp_path, triples, literals, message):
    kg = KnowledgeGraph.from_triples(triples, literals)
    with pytest.raises(DataError, match=message):
        kg.write(tmp_path / "graph.nt")
    assert not list(tmp_path.iterdir())


@settings(max_examples=300, deadline=None)
@given(st.text('ab:/?#[]@%2F.-_~é\u200b\ue000<>" \\|\x85', max_size=10).map("a:".__add__))
def test_the_quick_look_at_iris_lets_nothing_pass_that_a_parser_refuses(text):
    iri = pa.array([text], type=pa.large_string())
    wrong = bool(writing._unwritable(iri, False))
    assert wrong == (not writing._is_written(text, False))


def test_named_graphs_are_written_as_quads(tmp_path):
    frame = pd.DataFrame(
        [
            (EX + "a", EX + "p", EX + "b", None, None, EX + "z"),
            (EX + "a", EX + "p", EX + "b", None, None, None),
            (EX + "a", EX + "p", EX + "b", None, None, "_:g"),
            (EX + "a", EX + "p", "x", None, "en", EX + "g"),
            (EX + "a", EX + "n", "x", XSD_STRING, None, ""),
        ],
        columns=["head", "relation", "tail", "datatype", "language", "graph"],
    )
    kg = KnowledgeGraph.from_pandas(frame)
    kg.write(tmp_path / "out.nq")
    text = (tmp_path / "out.nq").read_bytes()
    assert text.decode().splitlines() == [
        f'<{EX}a> <{EX}n> "x" .',
        f"<{EX}a> <{EX}p> <{EX}b> .",
        f"<{EX}a> <{EX}p> <{EX}b> _:g .",
        f"<{EX}a> <{EX}p> <{EX}b> <{EX}z> .",
        f'<{EX}a> <{EX}p> "x"@en <{EX}g> .',
    ]
    parsed = pyoxigraph.parse(text, format=pyoxigraph.RdfFormat.N_QUADS)
    assert pyoxigraph.serialize(parsed, format=pyoxigraph.RdfFormat.N_QUADS) == text
    kg.write(tmp_path / "out.nq.gz")
    assert gzip.decompress((tmp_path / "out.nq.gz").read_bytes()) == text
    again = KnowledgeGraph.read(tmp_path / "out.nq.gz")
    assert again.without_graphs().equals(kg.without_graphs())
    with pytest.raises(DataError, match="named graphs, which N-Triples cannot hold"):
        kg.write(tmp_path / "out.nt")
    kg.without_graphs().write(tmp_path / "out.nt")
    assert (tmp_path / "out.nt").read_text().count("\n") == 3
    kg.without_graphs().write(tmp_path / "plain.nq")
    assert (tmp_path / "plain.nq").read_bytes() == (tmp_path / "out.nt").read_bytes()
    odd = KnowledgeGraph.from_pandas(frame.assign(graph="no iri"))
    with pytest.raises(DataError, match=r"1 of 1 graph ids .the first is 'no iri'"):
        odd.write(tmp_path / "odd.nq")


def test_where_a_file_cannot_be_written(tmp_path):
    kg = KnowledgeGraph.from_triples([(EX + "a", EX + "p", EX + "b")])
    with pytest.raises(DataError, match=r"ends in \.nt, \.nq, \.nt\.gz or \.nq\.gz"):
        kg.write(tmp_path / "graph.ttl")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        kg.write(tmp_path / "file" / "graph.nt")
    (tmp_path / "folder.nt").mkdir()
    with pytest.raises(RunError, match="cannot be written"):
        kg.write(tmp_path / "folder.nt")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder.nt"]
