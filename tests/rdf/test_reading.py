"""Files into graphs: the same statements as the parser's, and what bad input gets."""

import gzip
import itertools
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf import opening
from kgrec.rdf.namespaces import RDF_LANG_STRING, XSD, XSD_STRING

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "movielens-dbpedia"

TURTLE = """\
@prefix ex: <http://ex.org/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
ex:heat a ex:Film ; ex:director ex:mann ;
  ex:label "Heat"@EN, "Heat", "Hitze"@de-AT ; ex:year "1995"^^xsd:integer ; ex:long 170 ;
  ex:note '''two
lines, a "quote" and a \\\\ backslash''' ;
  ex:cast ( ex:pacino [ ex:name "Robert de Niro" ] ) .
ex:heat ex:director ex:mann .
"""


def statements_of(kg):
    """All statements of a graph as text, straight from its columns."""
    ids, names = kg.entities.ids, kg.relations.ids
    edges = {(ids[s], names[p], ids[o]) for s, p, o in kg.triples.tolist()}
    table = kg.literals
    values = {
        (ids[s], names[p], value, datatype, language)
        for s, p, value, datatype, language in zip(
            table.subject.tolist(),
            table.relation.tolist(),
            table.value.to_pylist(),
            table.datatype.to_pylist(),
            table.language.to_pylist(),
            strict=True,
        )
    }
    assert len(edges) == kg.num_triples
    assert len(values) == len(table)
    return edges | values


def oracle(quads):
    """The same, one Python object after the other; the quads have no blank nodes."""
    found = set()
    for quad in quads:
        subject, predicate, object = quad.subject.value, quad.predicate.value, quad.object
        if isinstance(object, ox.Literal):
            tail = (object.value, object.datatype.value, object.language or "")
            found.add((subject, predicate, *tail))
        else:
            found.add((subject, predicate, object.value))
    return found


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


IRIS = st.sampled_from(
    ["http://e.org/a", "http://e.org/é", "https://e.org/a%20b", "urn:x:1", "http://e.org/a!b#c"]
)
BLANKS = st.sampled_from(["x", "b0", "a.b", "é"]).map(ox.BlankNode)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\\", "\\n", '"', '\\"', ' .\n<a> <b> "', '"@en', '"^^<x', "\0", "\t\r\n\b\f\x7f", " ", ""]
)
LITERALS = st.one_of(
    TEXT.map(ox.Literal),
    st.builds(lambda t, tag: ox.Literal(t, language=tag), TEXT, st.sampled_from(["en", "pt-BR"])),
    st.builds(
        lambda t, iri: ox.Literal(t, datatype=ox.NamedNode(iri)),
        TEXT,
        st.sampled_from([XSD + "integer", XSD_STRING, "http://e.org/t!"]),
    ),
)
NODES = IRIS.map(ox.NamedNode) | BLANKS
TRIPLES = st.lists(
    st.builds(ox.Triple, NODES, IRIS.map(ox.NamedNode), NODES | LITERALS), min_size=1, max_size=12
)


def ascii_escaped(text):
    """N-Triples in which every character beyond ASCII is an escape, in IRIs too."""
    return "".join(
        c if ord(c) < 128 else (f"\\u{ord(c):04X}" if ord(c) < 0x10000 else f"\\U{ord(c):08X}")
        for c in text
    )


def without_blanks(triples):
    """Blank nodes are renamed by design: compare them through fixed IRIs."""
    return [
        ox.Triple(
            *(ox.NamedNode(f"bn:{t.value}") if isinstance(t, ox.BlankNode) else t for t in triple)
        )
        for triple in triples
    ]


@settings(max_examples=150, deadline=None)
@given(TRIPLES, st.booleans(), st.integers(1, 4))
def test_reads_what_the_parser_reads(tmp_path_factory, triples, escape, batch):
    triples = without_blanks(triples)
    text = ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES).decode()
    if escape:
        text = ascii_escaped(text.replace("é", "\\u00E9"))
    path = write(tmp_path_factory.mktemp("read") / "g.nt", text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "PIECE", 40 * batch)  # many batches must merge into the same graph
        kg = KnowledgeGraph.read(path)
    assert statements_of(kg) == oracle(ox.parse(text, format=ox.RdfFormat.N_TRIPLES))
    assert kg.report.statements == len(triples)
    assert kg.report.duplicates == len(triples) - kg.num_triples - len(kg.literals)


@settings(max_examples=60, deadline=None)
@given(TRIPLES)
def test_blank_nodes_keep_their_shape(tmp_path_factory, triples):
    """Two graphs are the same up to the names of blank nodes: their canonical forms are equal."""
    path = tmp_path_factory.mktemp("blank") / "g.nt"
    write(path, ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES))
    kg = KnowledgeGraph.read(path)

    def node(text):
        return ox.BlankNode(text[2:]) if text.startswith("_:") else ox.NamedNode(text)

    def literal(value, datatype, language):
        if language:
            return ox.Literal(value, language=language)
        return ox.Literal(value, datatype=ox.NamedNode(datatype))

    ours = ox.Dataset(
        ox.Quad(node(s), node(p), node(rest[0]) if len(rest) == 1 else literal(*rest))
        for s, p, *rest in statements_of(kg)
    )
    theirs = ox.Dataset(ox.parse(path=str(path)))
    for dataset in (ours, theirs):
        dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    assert ours == theirs


def test_turtle_is_what_its_ntriples_are(tmp_path):
    quads = list(ox.parse(TURTLE, format=ox.RdfFormat.TURTLE))
    turtle = KnowledgeGraph.read(write(tmp_path / "g.ttl", TURTLE))
    text = ox.serialize((quad.triple for quad in quads), format=ox.RdfFormat.N_TRIPLES)
    ntriples = KnowledgeGraph.read(write(tmp_path / "g.nt", text))
    assert turtle.equals(ntriples)
    assert turtle.report.duplicates == 1
    assert turtle.report.files[0].blank_nodes == 3
    found = statements_of(turtle)
    heat = "http://ex.org/heat"
    assert (heat, "http://ex.org/label", "Heat", RDF_LANG_STRING, "en") in found
    assert (heat, "http://ex.org/label", "Heat", XSD_STRING, "") in found
    assert (heat, "http://ex.org/label", "Hitze", RDF_LANG_STRING, "de-at") in found
    assert (heat, "http://ex.org/year", "1995", XSD + "integer", "") in found
    note = 'two\nlines, a "quote" and a \\ backslash'
    assert (heat, "http://ex.org/note", note, XSD_STRING, "") in found


def test_order_and_layout_of_the_file_do_not_matter(tmp_path):
    lines = [
        '<http://e/a> <http://e/p> "2" .',
        '<http://e/a>\t<http://e/p>   "1"  . # a comment',
        "# <http://e/z> <http://e/z> <http://e/z> .",
        "<http://e/a><http://e/p><http://e/b>.",
        '<http://e/a> <http://e/p> "1"@en .',
        "",
    ]
    graphs = [
        KnowledgeGraph.read(write(tmp_path / "g.nt", "\r\n".join(order)))
        for order in itertools.permutations(lines[:5])
    ]
    assert all(graph.equals(graphs[0]) for graph in graphs)
    assert graphs[0].literals.value.to_pylist() == ["1", "1", "2"]
    assert graphs[0].literals.language.to_pylist() == ["en", "", ""]


# What looks like canonical N-Triples at first sight, and is not.
ODD = [
    '<a:s> <a:p> "x" . # "y" .',
    '<a:s> <a:p> "x\\\\"@en . # " .',
    '<a:s> <a:p> "x\\\\" . # \\" .',
    '<a:s> <a:p> "x"@en#c\n.',
    "<a:s> <a:p> <a:o> . # <a:x> .",
    "<a:s> <a:p> <a:o>#<a:x> .",
    "<a:s><a:p> <a:o> .",
    "<a:s> <a:p><a:o> .",
    "<a:s><a:p><a:o>. # <a:q> <a:r> .",
    '<a:s><a:p> "x y" .',
    '<a:s> <a:p>"x y z" .',
    "_:b<a:p> <a:o> .",
    "_:b#c <a:p> <a:o> .",
    "<a:s> <a:p> _:b#c .",
    "<a:s> <a:p> _:b.",
    "<a:s> <a:p> _:b .#",
    " <a:s> <a:p> <a:o> .",
    "<a:s>  <a:p> <a:o> .",
    "<a:s> <a:p> <a:o> . ",
    "<a:s>\t<a:p> <a:o> .",
    "# <a:s> <a:p> <a:o> .",
    "",
    '<a:s> <a:p> "tab\t" .',
    "<a:\\u0073> <a:p> <a:o> .",
    '<a:s> <a:p> "\\u005C\\u0022\\"" .',
    '<a:s> <a:p> "x"^^<http://www.w3.org/2001/XMLSchema#string> .',
    '<a:s> <a:p> "x"@EN-gb .',
    '<a:s> <a:p> "x" ^^<a:t> .',
    '<a:s> <a:p> "x"^^ <a:t> .',
    '<a:s> <a:p> "\\\\" .',
    '<a:s> <a:p> "a" "b" .',
    '<a:s> <a:p> "a"b" .',
    "<a:s> <a:p> <a:o> . <a:s> <a:p> <a:o> .",
    '<a:s> <a:p> "o" . <a:s> <a:p> "o" .',
    "<a:s> <a:p> <a:o>\n.",
    "<a:s> <a:p>\n<a:o> .",
    "<a:s> <a:p> .",
    "<a:s> .",
    ". . . .",
    '" " " .',
    '"x" <a:p> <a:o> .',
    "<a:s> _:p <a:o> .",
    "<a:s!> <a:p> <a:o!!> .",
    "<a:s> <a:p> <a:o> .\r",
]
ODD_LINES = st.lists(
    st.sampled_from([*ODD, '<a:s> <a:p> "plain" .', "<a:s> <a:p> <a:o> ."])
    | st.text(st.sampled_from(' \n\t"\\<>_:#.@^ax!'), max_size=30),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400, deadline=None)
@given(ODD_LINES, st.booleans())
def test_accepts_and_rejects_what_the_parser_does(tmp_path_factory, lines, ended):
    text = "\n".join(lines) + ("\n" if ended else "")
    path = write(tmp_path_factory.mktemp("odd") / "g.nt", text)
    try:
        quads = list(ox.parse(text.encode(), format=ox.RdfFormat.N_TRIPLES))
    except SyntaxError as error:
        with pytest.raises(DataError, match=rf"g\.nt, line {error.lineno}, column {error.offset}"):
            KnowledgeGraph.read(path)
        return
    names: dict[str, str] = {}
    expected = set()
    for quad in quads:
        terms = []
        for node in (quad.subject, quad.predicate, quad.object):
            if isinstance(node, ox.BlankNode):
                terms.append(names.setdefault(node.value, f"_:file0_b{len(names)}"))
            elif isinstance(node, ox.Literal):
                terms += [node.value, node.datatype.value, node.language or ""]
            else:
                terms.append(node.value)
        expected.add(tuple(terms))
    kg = KnowledgeGraph.read(path)
    assert statements_of(kg) == expected
    assert kg.report.statements == len(quads)


@pytest.mark.parametrize("line", ODD)
def test_each_odd_line_is_read_as_the_parser_reads_it(tmp_path_factory, line):
    test_accepts_and_rejects_what_the_parser_does.hypothesis.inner_test(
        tmp_path_factory, [line], True
    )


def test_comments_and_cuts_change_nothing(tmp_path, monkeypatch):
    canonical = '_:x <a:p> "q \\" q"@en .\n<a:s> <a:p> _:x .\n<a:s> <a:p> "1"^^<a:t> .\n'
    path = write(tmp_path / "g.nt", canonical)
    expected = KnowledgeGraph.read(write(tmp_path / "h.nt", "# \n" + canonical))
    assert KnowledgeGraph.read(path).equals(expected)
    monkeypatch.setattr(opening, "PIECE", 1)
    assert KnowledgeGraph.read(path).equals(expected)


def test_gzip_is_read_as_plain(tmp_path):
    plain = KnowledgeGraph.read(write(tmp_path / "g.ttl", TURTLE))
    packed = write(tmp_path / "h.ttl.gz", gzip.compress(TURTLE.encode()))
    misnamed = write(tmp_path / "i.ttl", gzip.compress(TURTLE.encode()))
    assert KnowledgeGraph.read(packed).equals(plain)
    assert KnowledgeGraph.read(misnamed).equals(plain)


@pytest.mark.parametrize("at_once", [1, 7, 100])
def test_large_files_are_streamed_to_the_same_graph(tmp_path, monkeypatch, at_once):
    path = write(tmp_path / "g.ttl.gz", gzip.compress(TURTLE.encode()))
    whole = KnowledgeGraph.read(path)
    monkeypatch.setattr(opening, "PIECE", at_once)
    assert KnowledgeGraph.read(path).equals(whole)


def test_blank_nodes_of_two_files_are_kept_apart(tmp_path):
    first = write(tmp_path / "a.nt", '_:x <http://e/p> "1" .\n_:x <http://e/q> _:y .\n')
    second = write(tmp_path / "b.nt", '_:x <http://e/p> "2" .\n')
    kg = KnowledgeGraph.read([first, second])
    assert kg.entities.ids == ["_:file0_b0", "_:file0_b1", "_:file1_b0"]
    assert kg.literals.subject.tolist() == [0, 2]
    assert kg.num_triples == 1
    assert KnowledgeGraph.read([first, second]).equals(kg)


def test_folder_reads_known_files_in_order_and_reports_the_others(tmp_path):
    write(tmp_path / "b.nt", "_:x <http://e/p> <http://e/b> .\n")
    write(tmp_path / "a.ttl", "[] <http://e/p> <http://e/a> .\n")
    other = write(tmp_path / "readme.txt", "no graph")
    kg = KnowledgeGraph.read(tmp_path)
    assert [Path(file.path).name for file in kg.report.files] == ["a.ttl", "b.nt"]
    assert [file.statements for file in kg.report.files] == [1, 1]
    assert kg.report.skipped == (str(other),)


def test_relative_iris_need_a_base(tmp_path):
    path = write(tmp_path / "g.ttl", "<a> <b> <c> .")
    with pytest.raises(DataError, match=r"line 1, column 1.*give base_iri="):
        KnowledgeGraph.read(path)
    kg = KnowledgeGraph.read(path, base_iri="http://e.org/x")
    assert kg.entities.ids == ["http://e.org/a", "http://e.org/c"]
    with pytest.raises(DataError, match=r"g\.ttl"):
        KnowledgeGraph.read(path, base_iri="no iri")


def test_format_can_be_given(tmp_path):
    path = write(tmp_path / "g.data", "@prefix e: <http://e/> . e:a e:b e:c .")
    assert KnowledgeGraph.read(path, format="ttl").num_triples == 1
    with pytest.raises(DataError, match=r"\.nt, \.nq, \.ttl, .*\.gz, \.bz2, \.zst"):
        KnowledgeGraph.read(path)
    with pytest.raises(DataError, match="Did you mean 'ttl'"):
        KnowledgeGraph.read(path, format="tt")


GOOD = "<http://e/a> <http://e/p> <http://e/b> .\n"
BAD = [
    ("g.nt", GOOD * 2 + "<http://e/a> oops <http://e/b> .\n", r"g\.nt, line 3, column 14: not "),
    (
        "g.ttl",
        GOOD + "\n<http://e/a> <http://e/p> ;\n]",
        r"g\.ttl, line \d, column \d+: not valid T",
    ),
    ("g.ttl", "@prefix e: <http://e/> .\nf:a e:b e:c .", r"g\.ttl, line 2, .*prefix"),
    ("g.nt", GOOD + '<http://e/a> <http://e/p> "open', r"line 2"),
    ("g.nt", GOOD + '<http://e/a> <http://e/p> "x" ', r"line 2, .*dot"),
    ("g.nt", b'<http://e/a> <http://e/p> "\xff" .\n', r"g\.nt, line 1, .*UTF-8"),
    ("g.nt.gz", b"no gzip", "gzip file is damaged"),
    ("g.nt.gz", gzip.compress((GOOD * 99).encode(), mtime=0)[:-20], "file is damaged or cut off"),
    ("g.nt.gz", gzip.compress(GOOD.encode(), mtime=0) + b"more", "file is damaged or cut off"),
    ("g.nt.gz", gzip.compress((GOOD + "x").encode(), mtime=0), r"g\.nt\.gz, line 2, column 1"),
    ("g.nt", "<http://e/a> <http://e/\x1b[2J> <http://e/b> .\n", r"\\x1b"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD)
def test_bad_files_get_a_message_with_the_place(tmp_path, name, text, message):
    path = write(tmp_path / name, text)
    with pytest.raises(DataError, match=message) as caught:
        KnowledgeGraph.read(path)
    assert str(path) in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_missing_and_empty_places(tmp_path):
    with pytest.raises(DataError, match=r"none\.nt: there is no such file"):
        KnowledgeGraph.read(tmp_path / "none.nt")
    with pytest.raises(DataError, match="no RDF file"):
        KnowledgeGraph.read(tmp_path)
    with pytest.raises(DataError, match="list of paths is empty"):
        KnowledgeGraph.read([])


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the real data is not here")
def test_agrees_with_the_parser_on_the_real_graph():
    path = SHARED / "kg.nt.gz"
    kg = KnowledgeGraph.read(path)
    quads = ox.parse(gzip.decompress(path.read_bytes()), format=ox.RdfFormat.N_TRIPLES)
    assert statements_of(kg) == oracle(quads)
    assert kg.report.statements == 51_183
