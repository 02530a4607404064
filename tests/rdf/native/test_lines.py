"""The compiled reader against the parser: the same lines taken, the same terms found."""

import io

import numpy as np
import pyoxigraph as ox
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.updates import same_statements
from kgrec.rdf import parsing
from kgrec.rdf.assembly import assemble
from kgrec.rdf.line_reader import LineReader, uncut_lines, with_graphs
from kgrec.rdf.native.scan import Scanner
from kgrec.rdf.native.term_table import MOST, Table, Text
from kgrec.rdf.ntriples import BlankNodes
from kgrec.rdf.syntaxes import FORMATS

SHORT = FORMATS


def read(text, name="nt", threads=1, size=1 << 20):
    """What the compiled reader makes of a text: statements as text, and its mistakes."""
    pieces = [text[k : k + size] for k in range(0, len(text), size)]
    found = []
    reader = LineReader(SHORT[name], BlankNodes(0), threads)
    batch = reader.read(uncut_lines(iter(pieces), 1 << 30), found.append)
    return statements_of(batch), [(m.line, m.column, m.reason) for m in found], batch


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
    return sorted(edges) + sorted(values)


def name_of(term, nodes):
    if isinstance(term, ox.DefaultGraph):
        return ""
    return nodes.name(f"_:{term.value}") if isinstance(term, ox.BlankNode) else term.value


def oracle(text, name="nt"):
    """The same, one line after the other, by the parser."""
    edges, values, wrong = [], [], []
    nodes = BlankNodes(0)  # numbers them in the order in which it is asked
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            quads = list(ox.parse(line, format=SHORT[name].parser))
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
    found, mistakes, _ = read(text, name)
    assert found == expected
    assert [line for line, _, _ in mistakes] == wrong


def mixed(*parts):
    return st.one_of(*(st.just(p) if isinstance(p, bytes) else p for p in parts))


CHARACTERS = st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass"))
PIECES = st.sampled_from(
    [
        *(b"a", b"Z", b"0", b"/", b"?", b"#", b"%41", b"%4", b"%zz", b":", b"@", b"[", b"]"),
        *(b"//", b"h", b".", b"-", b"_", b"~", b"!", b"'", b"(", b"*", b",", b";", b"=", b"&"),
        *(b" ", b"<", b">", b'"', b"\\u0041", b"\\U0001F600", b"\\", b"^", b"`", b"{", b"|"),
        *("é", "\u200e", "\ue000", "\ufdd0", "\ufffe", "豈", "😀", "\U000e0001", "\u0085"),
        *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\x7f", b"\t", b"\r"),
    ]
).map(lambda one: one.encode() if isinstance(one, str) else one)
IRI = st.one_of(
    st.sampled_from(
        [b"http://ex.org/a", b"urn:x:y", b"http://ex.org/b#c", b"a:", b"http://ex.org/a"]
    ),
    st.builds(
        lambda scheme, rest: scheme + b"".join(rest),
        st.sampled_from([b"http://ex.org/", b"a:", b"http://", b"a+b-c.1:", b"1:", b"", b"a_b:"]),
        st.lists(PIECES, max_size=6),
    ),
).map(lambda iri: b"<" + iri + b">")
BLANK = st.builds(
    lambda begin, rest: b"_:" + begin + rest,
    st.sampled_from([b"a", b"0", b"_", b"-", b".", "é".encode(), b":", b""]),
    st.sampled_from([b"", b"b", b"-", b".", b".c", b"_d", "ü".encode(), b":e", b"b0"]),
)
TAIL = st.one_of(
    st.sampled_from(
        [
            *(b"", b"@en", b"@EN", b"@en-GB", b"@de-latn-DE", b"@x-a", b"@a", b"@en-", b"@1"),
            *(b"@en--ltr", b"@en--xyz", b"@abcdefghi", b"@zh-cmn", b"@e", b" @en", b"@"),
            b"^^<http://www.w3.org/2001/XMLSchema#integer>",
            b"^^<http://www.w3.org/2001/XMLSchema#string>",
            b"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#langString>",
            b"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#HTML>",
            *(b"^^", b"^", b"^^<>", b"^^ <a:b>", b"^^_:b"),
        ]
    ),
    IRI.map(lambda iri: b"^^" + iri),
)
ESCAPE = st.sampled_from(
    [
        *(b"\\t", b"\\n", b'\\"', b"\\\\", b"\\'", b"\\x", b"\\u00e9", b"\\uD800", b"\\U0001F600"),
        *(b"\\U00110000", b"\\u00", b"\\", b'"', b"\\b\\f\\r", b"\\u00E9x", b"\\U0001F60"),
    ]
)
LITERAL = st.builds(
    lambda parts, tail: b'"' + b"".join(parts) + b'"' + tail,
    st.lists(st.one_of(CHARACTERS, ESCAPE, PIECES), max_size=5),
    TAIL,
)
SPACE = st.sampled_from([b" ", b" ", b" ", b"  ", b"\t", b"", b"\x0c", "\xa0".encode()])
STOP = st.sampled_from([b".", b".", b".", b". # comment", b"", b"..", b".x", b". <a:b>", b";"])
END = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r", b" \n", b"\t\r\n"])
NODE = st.one_of(IRI, IRI, BLANK)


def line(quads):
    graph = st.one_of(st.just(b""), IRI, BLANK, LITERAL) if quads else st.just(b"")
    statement = st.builds(
        lambda *parts: b"".join(parts),
        *(SPACE, st.one_of(NODE, LITERAL), SPACE, st.one_of(IRI, IRI, BLANK), SPACE),
        *(st.one_of(NODE, LITERAL, LITERAL), SPACE, graph, SPACE, STOP, END),
    )
    other = st.sampled_from(
        [b"\n", b"# comment\n", b"#\xff\n", b"  \t\n", b"\r\n", b"x\n", b"<<\n"]
    )
    return st.one_of(statement, statement, statement, statement, other)


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


VALID = b"""\
<http://ex.org/a> <http://ex.org/p> <http://ex.org/b> .
<http://ex.org/a> <http://ex.org/p> "x"@en .
_:x <http://ex.org/p> _:y .
<http://ex.org/b> <http://ex.org/q> "7"^^<http://www.w3.org/2001/XMLSchema#integer> .
<http://ex.org/\xc3\xa9> <http://ex.org/p> "tab\\t \\u00e9 \\U0001F600 \xc3\xa9" .
"""


def test_usual_lines_need_no_parser():
    text = Text(len(VALID))
    text.octets[: len(VALID)] = list(VALID)
    found = Scanner().scan(text, len(VALID))
    assert found.unsure.shape == (3, 0)
    assert (found.edges.shape[1], found.values.shape[1], found.num_lines) == (2, 3, 5)
    check(VALID)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_neither_cuts_nor_threads_change_anything(threads, size):
    text = b"".join(
        VALID.replace(b"ex.org/a", b"ex.org/a%d" % k).replace(b"_:x", b"_:x%d" % (k % 7))
        for k in range(30)
    )
    whole = assemble([read(text)[2]])
    found, mistakes, batch = read(text, threads=threads, size=size)
    assert not mistakes
    assert found == oracle(text)[0]
    assert same_statements(assemble([batch]), whole)


def test_mistakes_are_given_in_order_with_their_lines():
    text = b"".join(
        [VALID, b"<a> <b> <c> .\n", b"# fine\n", VALID, b'<a:b> <a:c> "x .\r<a:b> <a:c> .\n', VALID]
    )
    for threads, size in ((1, 1 << 20), (3, 50)):
        found, mistakes, _ = read(text, threads=threads, size=size)
        assert [line for line, _, _ in mistakes] == [6, 13, 14]
        assert "No scheme found" in mistakes[0][2]
        assert found == oracle(text)[0]


def test_graphs_are_kept_and_can_be_chosen():
    text = b"<a:a> <a:p> <a:b> <a:g> .\n<a:a> <a:p> <a:b> .\n<a:c> <a:q> '' .\n"
    text = text.replace(b"''", b'"v"@en _:h')
    _, mistakes, batch = read(text, "nq")
    assert not mistakes
    assert sorted(batch.graphs.to_pylist()) == ["", "_:file0_b0", "a:g"]
    chosen, names = with_graphs(batch, ["a:g", ""])
    assert names == {"", "_:file0_b0", "a:g"}
    assert statements_of(chosen) == [("a:a", "a:p", "a:b", ""), ("a:a", "a:p", "a:b", "a:g")]
    assert chosen.terms.to_pylist() == ["a:a", "a:b"]
    plain, _ = with_graphs(read(VALID)[2], ["a:g"])
    assert len(plain) == 0


def test_long_terms_are_for_the_parser_and_too_long_ones_an_error():
    long = b"<http://ex.org/" + b"x" * 10_000 + b"> <a:p> <a:b> .\n"
    check(long)
    huge = b"<http://ex.org/" + b"x" * MOST + b"> <a:p> <a:b> .\n"
    with pytest.raises(DataError, match="a line has more than 16,777,216 bytes"):
        read(huge, size=1 << 22)


def test_a_last_line_without_an_end_and_an_empty_text():
    check(VALID[:-1])
    check(b"")
    check(b"\n")


def test_a_table_numbers_strings_in_the_order_in_which_they_come():
    words = [b"", b"a", b"ab", b"12345678", b"123456789", b"a", b"", b"\x00", b"ab\x00"]
    many = [b"%d" % (k % 3000) for k in range(10_000)]
    table = Table()
    expected = {}
    for strings in (words, many):
        text = Text(sum(map(len, strings)))
        joined = b"".join(strings)
        text.octets[: len(joined)] = list(joined)
        begins = np.cumsum([0, *map(len, strings)])
        numbers = table.add(text, begins)
        assert numbers.tolist() == [expected.setdefault(s, len(expected)) for s in strings]
    assert len(table) == len(expected)


@pytest.mark.parametrize("format", ["ttl", "trig"])
def test_large_texts_of_other_syntaxes_are_read_alike(format, monkeypatch):
    text = VALID.decode() + "_:x <a:p> [ <a:q> _:y ], ( 1 2.0 true ) .\n"
    if format == "trig":
        text += "<a:g> { <a:a> <a:p> <a:b>, 'x'@en-latn . } _:g { <a:a> <a:p> _:x }\n"
    small = KnowledgeGraph.read(io.BytesIO(text.encode()), format=format)
    monkeypatch.setattr(parsing, "_LARGE", 1)
    large = KnowledgeGraph.read(io.BytesIO(text.encode()), format=format)
    assert large.num_triples == small.num_triples
    assert large.entities.ids == small.entities.ids
    assert large.equals(small)
    term = b"<a:a> <a:p> <<( <a:b> <a:c> <a:d> )>> ."
    with pytest.raises(DataError, match=r"triple term \(RDF 1.2\)"):
        KnowledgeGraph.read(io.BytesIO(text.encode() + term), format=format)
