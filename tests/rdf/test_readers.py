"""The readers against the parser and each other: the same lines taken, the same terms found."""

import io
import itertools
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyoxigraph as ox
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odd_lines import VALID, line

from kgrec.errors import DataError, KgrecWarning
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.updates import same_statements
from kgrec.rdf import parsing, readers
from kgrec.rdf.arrow_reader import ArrowReader
from kgrec.rdf.assembly import assemble
from kgrec.rdf.compiled_reader import CompiledReader
from kgrec.rdf.line_errors import whole_lines
from kgrec.rdf.namespaces import RDF
from kgrec.rdf.native.term_table import MOST
from kgrec.rdf.numbered import BlankNodes, GraphChoice
from kgrec.rdf.readers import LARGE, choose_reader
from kgrec.rdf.syntaxes import FORMATS
from kgrec.rdf.triple_terms import TripleTerms

READERS = {
    "arrow": ArrowReader,
    "compiled": partial(CompiledReader, threads=1),
    "threads": partial(CompiledReader, threads=3),
}
EITHER = ("arrow", "compiled")


@dataclass
class Read:
    """What a reader makes of a text."""

    batches: list
    statements: list
    mistakes: list
    nodes: BlankNodes
    graphs: GraphChoice

    @property
    def lines(self):
        return [mistake.line for mistake in self.mistakes]


def read(text, name="nt", reader="compiled", size=1 << 20, wanted=None):
    pieces = [text[k : k + size] for k in range(0, len(text), size)]
    nodes, graphs, mistakes = BlankNodes(0), GraphChoice(wanted), []
    batches = READERS[reader](FORMATS[name], nodes, graphs, TripleTerms()).read(
        whole_lines(iter(pieces), 1 << 30), mistakes.append
    )
    return Read(batches, sorted_statements(batches), mistakes, nodes, graphs)


def sorted_statements(batches):
    found = itertools.chain.from_iterable(map(statements_of, batches))
    return sorted(found, key=lambda statement: (len(statement), statement))


def statements_of(batch):
    terms, predicates = batch.terms.to_pylist(), batch.predicates.to_pylist()
    assert len(set(terms)) == len(terms)
    assert len(set(predicates)) == len(predicates)
    graphs = [""] if batch.graphs is None else batch.graphs.to_pylist()
    edge_graph = [0] * len(batch.edges) if batch.graphs is None else batch.edge_graph.tolist()
    value_graph = [0] * len(batch.values) if batch.graphs is None else batch.value_graph.tolist()
    edges = [
        (terms[s], predicates[p], terms[o], graphs[g])
        for (s, p, o), g in zip(batch.edges.tolist(), edge_graph, strict=True)
    ]
    table = batch.literals
    values = [
        (terms[s], predicates[p], value, datatype, language, graphs[g])
        for (s, p), value, datatype, language, g in zip(
            batch.values.tolist(),
            table.value.to_pylist(),
            table.datatype.to_pylist(),
            table.language.to_pylist(),
            value_graph,
            strict=True,
        )
    ]
    return edges + values


def name_of(term, nodes):
    if isinstance(term, ox.DefaultGraph):
        return ""
    return nodes.name(f"_:{term.value}") if isinstance(term, ox.BlankNode) else term.value


def oracle(text, name="nt"):
    """The same, one line after the other, by the parser."""
    edges, values, wrong = [], [], []
    nodes = BlankNodes(0)  # numbers them in the order in which it is asked
    for number, one in enumerate(text.splitlines(), start=1):
        try:
            quads = list(ox.parse(one, format=FORMATS[name].parser))
            if any(isinstance(quad.object, ox.Triple) for quad in quads):
                raise SyntaxError("triple term")
        except SyntaxError:
            wrong.append(number)
            continue
        for quad in quads:
            front = (name_of(quad.subject, nodes), quad.predicate.value)
            if not isinstance(quad.object, ox.Literal):
                name_of(quad.object, nodes)
            graph = name_of(quad.graph_name, nodes)
            if isinstance(quad.object, ox.Literal):
                literal = quad.object
                language = literal.language or ""
                if literal.direction is not None:
                    language += f"--{literal.direction.value}"
                values.append((*front, literal.value, literal.datatype.value, language, graph))
            else:
                edges.append((*front, name_of(quad.object, nodes), graph))
    return sorted(edges) + sorted(values), wrong


def check(text, name="nt"):
    expected, wrong = oracle(text, name)
    for reader in EITHER:
        found = read(text, name, reader)
        assert found.statements == expected
        assert found.lines == wrong


# ---------------------------------------------------------------- which reader


@pytest.mark.parametrize(
    ("size", "numba", "expected"),
    [
        (0, True, ArrowReader),
        (LARGE - 1, True, ArrowReader),
        (LARGE, True, CompiledReader),
        (1 << 40, True, CompiledReader),
        (0, False, ArrowReader),
        (LARGE, False, ArrowReader),
        (1 << 40, False, ArrowReader),
    ],
)
def test_which_reader_is_chosen(size, numba, expected, monkeypatch):
    monkeypatch.setattr(readers, "native_is_there", lambda: numba)
    assert choose_reader(size) is expected


TEXTS = {
    "nt": "<a:a> <a:p> <a:b> .\n",
    "nq": "<a:a> <a:p> <a:b> .\n<a:a> <a:p> <a:b> <a:g> .\n",
    "ttl": "<a:a> <a:p> <a:b> .\n",
    "trig": "<a:a> <a:p> <a:b> . <a:g> { <a:a> <a:p> <a:b> . }\n",
    "rdf": f'<r:RDF xmlns:r="{RDF}" xmlns:a="a:"><a:T r:about="a:a"/></r:RDF>',
    "jsonld": '{"@id": "a:a", "a:p": {"@id": "a:b"}}',
}


def test_many_small_files_are_as_good_as_a_large_one(tmp_path, monkeypatch):
    """The reader is chosen by what is read in all so far, and the graph is the same."""
    for number in range(4):
        lines = [f"<a:s{number}> <a:p> _:b{k} .\n" for k in range(10)]
        (tmp_path / f"{number}.nt").write_text("".join(lines))
    size = (tmp_path / "0.nt").stat().st_size
    slow = KnowledgeGraph.read(tmp_path)
    taken = []

    def chosen(number):
        taken.append(choose_reader(number))
        return taken[-1]

    monkeypatch.setattr(parsing, "choose_reader", chosen)
    monkeypatch.setattr(readers, "LARGE", 3 * size)
    fast = KnowledgeGraph.read(tmp_path)
    assert taken == [ArrowReader, ArrowReader, CompiledReader, CompiledReader]
    assert fast.entities.ids == slow.entities.ids
    assert fast.triples.tolist() == slow.triples.tolist()
    assert fast.report.files == slow.report.files


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("config", [{}, {"on_error": "skip"}, {"graphs": [""]}])
@pytest.mark.parametrize("format", TEXTS)
def test_which_way_a_file_goes(format, config, large, monkeypatch):
    """The size decides, whatever the syntax and the settings."""
    taken = []

    def chosen(size):
        taken.append(choose_reader(size))
        return taken[-1]

    text = TEXTS[format].encode()
    monkeypatch.setattr(parsing, "choose_reader", chosen)
    monkeypatch.setattr(readers, "LARGE", len(text) + (not large))
    kg = KnowledgeGraph.read(io.BytesIO(text), format=format, **config)
    assert kg.num_triples == 1
    assert taken == [CompiledReader if large else ArrowReader]


# ---------------------------------------------------------------- all read alike


@pytest.mark.parametrize("name", ["nt", "nq"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_lines_are_taken_as_the_parser_takes_them(name, data):
    check(b"".join(data.draw(st.lists(line(name == "nq"), max_size=6))), name)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(line(False), min_size=1, max_size=3).map(b"".join),
    st.integers(0, 200),
    st.sampled_from([b"", b"\x00", b">", b'"', b"\\", b"\n", b" ", b"\xc3", b"<", b".", b"_:"]),
)
@example(b"<a:b> <a:c> <a:d> .\n", 5, b"")
def test_damaged_text_is_taken_as_the_parser_takes_it(text, place, put):
    place %= len(text)
    check(text[:place] + put + text[place + 1 :])


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    name=st.sampled_from(["nt", "nq"]),
    wanted=st.sampled_from([None, [""], ["http://ex.org/a", "_:a"], ["", "a:"]]),
    size=st.integers(1, 300),
)
def test_all_ways_give_the_same(data, name, wanted, size):
    text = b"".join(data.draw(st.lists(line(name == "nq"), max_size=6)))
    first = read(text, name, "arrow", wanted=wanted)
    for reader in READERS:
        other = read(text, name, reader, size, wanted)
        assert other.statements == first.statements
        assert other.mistakes == first.mistakes
        assert len(other.nodes) == len(first.nodes)
        assert vars(other.graphs) == vars(first.graphs)
    for make in READERS.values():
        reader = make(FORMATS[name], BlankNodes(0), GraphChoice(None), TripleTerms())
        pieces = whole_lines(iter([text]), 1 << 30)
        if not first.mistakes:
            reader.read(pieces, None)
            continue
        with pytest.raises((SyntaxError, DataError)):
            reader.read(pieces, None)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), name=st.sampled_from(["nt", "nq"]), count=st.integers(1, 3))
def test_what_a_parser_writes_is_read_as_what_it_reads(data, name, count):
    text = b"".join(data.draw(st.lists(line(name == "nq"), max_size=6)))
    wrong = set(read(text, name, "arrow").lines)
    lines = enumerate(text.splitlines(keepends=True), start=1)
    valid = b"".join(one for number, one in lines if number not in wrong)
    expected = read(valid, name, "arrow")
    quads = list(ox.parse(valid, format=FORMATS[name].parser))
    texts = [
        ox.serialize(quads[k : k + count], format=FORMATS[name].parser)
        for k in range(0, len(quads), count)
    ]
    for make in READERS.values():
        nodes = BlankNodes(0)
        batches = make(FORMATS[name], nodes, GraphChoice(None), TripleTerms()).read_written(texts)
        found = sorted_statements(batches)
        assert found == expected.statements
        assert len(nodes) == len(expected.nodes)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_neither_cuts_nor_threads_change_anything(reader, size):
    text = b"".join(
        VALID.replace(b"ex.org/a", b"ex.org/a%d" % k).replace(b"_:x", b"_:x%d" % (k % 7))
        for k in range(30)
    )
    whole = assemble(read(text).batches)
    found = read(text, reader=reader, size=size)
    assert not found.mistakes
    assert found.statements == oracle(text)[0]
    assert same_statements(assemble(found.batches), whole)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("size", [50, 1 << 20])
def test_mistakes_are_given_in_order_with_their_lines(reader, size):
    text = b"".join(
        [VALID, b"<a> <b> <c> .\n", b"# fine\n", VALID, b'<a:b> <a:c> "x .\r<a:b> <a:c> .\n', VALID]
    )
    found = read(text, reader=reader, size=size)
    assert found.lines == [6, 13, 14]
    assert "No scheme found" in found.mistakes[0].reason
    assert found.statements == oracle(text)[0]


@pytest.mark.parametrize("reader", READERS)
def test_the_first_mistake_is_raised_with_its_place(reader):
    text = VALID * 3 + b"<a:b> oops <a:c> .\n" + VALID + b"worse\n"
    for size in (20, 1 << 20):
        pieces = (text[k : k + size] for k in range(0, len(text), size))
        made = READERS[reader](FORMATS["nt"], BlankNodes(0), GraphChoice(None), TripleTerms())
        with pytest.raises(SyntaxError) as raised:
            made.read(whole_lines(pieces, 1 << 30), None)
        assert (raised.value.lineno, raised.value.offset) == (16, 7)


@pytest.mark.parametrize("reader", READERS)
def test_graphs_are_kept_and_can_be_chosen(reader):
    text = b"<a:a> <a:p> _:x <a:g> .\n<a:a> <a:p> <a:b> .\n<a:c> <a:q> '' .\n_:y <a:r> <a:a> .\n"
    text = text.replace(b"''", b'"v"@en _:h')
    (batch,) = read(text, "nq", reader).batches
    assert sorted(batch.graphs.to_pylist()) == ["", "_:file0_b1", "a:g"]
    chosen = read(text, "nq", reader, wanted=["a:g", ""])
    assert chosen.graphs.met == {"", "_:h", "a:g"}
    assert chosen.graphs.left_out == 1
    assert chosen.statements == [
        ("_:file0_b1", "a:r", "a:a", ""),
        ("a:a", "a:p", "_:file0_b0", "a:g"),
        ("a:a", "a:p", "a:b", ""),
    ]
    (batch,) = chosen.batches
    assert sorted(batch.terms.to_pylist()) == ["_:file0_b0", "_:file0_b1", "a:a", "a:b"]
    assert sorted(batch.graphs.to_pylist()) == ["", "a:g"]
    (batch,) = read(text, "nq", reader, wanted=[""]).batches
    assert batch.graphs is None
    assert read(VALID, reader=reader, wanted=["a:g"]).statements == []


EMPTY = b"# nothing here\n\n  \n"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("size", [1, 30, 61, 1 << 20])
def test_what_is_only_in_some_pieces(reader, size):
    """Blank nodes, graphs, literals and repetitions across pieces, and pieces without any."""
    plain = b"<a:a> <a:p> <a:b> .\n" * 3
    blank = b"_:y <a:p> <a:b> .\n<a:a> <a:p> _:x .\n<a:a> <a:p> <a:b> _:g .\n"
    value = b'<a:a> <a:p> "x" .\n<a:a> <a:p> "x"@en <a:g> .\n_:x <a:p> "x" _:y .\n'
    text = EMPTY * 4 + plain + EMPTY * 9 + blank + plain + value * 2 + EMPTY * 4 + blank + value
    found = read(text, "nq", reader, size)
    assert found.statements == oracle(text, "nq")[0]
    assert found.nodes.names == {
        "_:y": "_:file0_b0",
        "_:x": "_:file0_b1",
        "_:g": "_:file0_b2",
    }
    kg = assemble(found.batches)
    distinct = set(found.statements)
    assert len(kg.graphs) == len(distinct)
    assert kg.report.duplicates == len(found.statements) - len(distinct)
    assert kg.num_triples == len({one[:3] for one in distinct if len(one) == 4})
    assert same_statements(kg, assemble(read(text, "nq", "arrow").batches))
    for batch in found.batches:
        for column in (batch.edges, batch.values, batch.edge_graph, batch.value_graph):
            assert column is None or column.dtype == np.int32


@pytest.mark.parametrize("reader", READERS)
def test_a_text_of_nothing(reader):
    for size in (1, 30, 1 << 20):
        found = read(EMPTY * 5, reader=reader, size=size)
        assert not found.statements
        assert not found.mistakes


@pytest.mark.filterwarnings("ignore:Dataset.default_context")  # rdflib's own
@pytest.mark.parametrize("reader", ["compiled", "threads"])
def test_named_graphs_are_those_that_rdflib_finds(reader):
    rdflib = pytest.importorskip("rdflib")
    rng = np.random.default_rng(0)
    lines = []
    for s, p, o, g in rng.integers((40, 5, 40, 4), size=(3000, 4)).tolist():
        object = f"<e:{o}>" if o % 3 else f'"{o}"@en'
        lines.append(f"<e:{s}> <e:p{p}> {object} {f'<g:{g}>' if g else ''} .\n")
    dataset = rdflib.Dataset()
    dataset.parse(data="".join(lines), format="nquads")
    expected = set()
    for s, p, o, g in dataset.quads():
        graph = "" if g in (None, dataset.default_graph.identifier) else str(g)
        value = (
            (str(o), str(o.datatype), o.language) if isinstance(o, rdflib.Literal) else (str(o),)
        )
        expected.add((str(s), str(p), *value, graph))
    found = read("".join(lines).encode(), "nq", reader, size=5000)
    own = {(*one[:3], "None", *one[4:]) if len(one) == 6 else one for one in found.statements}
    assert own == expected
    assert len(assemble(found.batches).graphs) == len(expected)


@pytest.mark.parametrize("reader", EITHER)
def test_too_long_lines_are_an_error(reader):
    long = b"<http://ex.org/" + b"x" * 10_000 + b"> <a:p> <a:b> .\n"
    check(long)
    huge = b"<http://ex.org/" + b"x" * MOST + b"> <a:p> <a:b> .\n"
    with pytest.raises(DataError, match="a line has more than 16,777,216 bytes"):
        read(huge, reader=reader, size=1 << 22)


def test_a_last_line_without_an_end_and_an_empty_text():
    check(VALID[:-1])
    check(b"")
    check(b"\n")


@pytest.mark.parametrize("format", ["ttl", "trig"])
def test_large_texts_of_other_syntaxes_are_read_alike(format, monkeypatch):
    text = VALID.decode() + "_:x <a:p> [ <a:q> _:y ], ( 1 2.0 true ) .\n"
    if format == "trig":
        text += "<a:g> { <a:a> <a:p> <a:b>, 'x'@en-latn . } _:g { <a:a> <a:p> _:x }\n"
    small = KnowledgeGraph.read(io.BytesIO(text.encode()), format=format)
    monkeypatch.setattr(readers, "LARGE", 1)
    large = KnowledgeGraph.read(io.BytesIO(text.encode()), format=format)
    assert large.num_triples == small.num_triples
    assert large.entities.ids == small.entities.ids
    assert large.equals(small)
    term = b"<a:a> <a:p> <<( <a:b> <a:c> <a:d> )>> ."
    with pytest.warns(KgrecWarning, match=r"statements about statements were left out, 1 in all"):
        without = KnowledgeGraph.read(io.BytesIO(text.encode() + term), format=format)
    assert without.equals(small)
