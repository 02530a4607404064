"""Every format, compression and kind of input gives the same graph; what bad input gets."""

import bz2
import gzip
import io
import itertools
from pathlib import Path

import pyarrow as pa
import pyoxigraph as ox
import pytest
import rdflib

from kgrec.errors import ConfigError, DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf import opening
from kgrec.rdf.settings import ReadConfig
from kgrec.rdf.syntaxes import FORMATS, find_format

E = "http://e.org/"
QUADS = f"""\
<{E}heat> <{E}director> <{E}mann> .
<{E}heat> <{E}label> "Heat"@en .
<{E}heat> <{E}label> "Hitze é \\" \\n \\\\"@de-AT .
<{E}heat> <{E}year> "1995"^^<http://www.w3.org/2001/XMLSchema#integer> .
<{E}heat> <{E}cast> _:x .
_:x <{E}name> "Al" .
_:x <{E}role> _:y .
"""


def quads():
    return list(ox.parse(QUADS, format=ox.RdfFormat.N_QUADS))


def written(name):
    prefixes = {"e": E} if name in ("ttl", "trig", "rdf") else None
    return ox.serialize(quads(), format=FORMATS[name].parser, prefixes=prefixes)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "g.nt"
    path.write_text(QUADS)
    return KnowledgeGraph.read(path)


def compress(content, suffix):
    if suffix == ".zst":
        return pa.compress(content, codec="zstd", asbytes=True)
    return {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}[suffix](content)


EXTENSIONS = [(name, end) for name, format in FORMATS.items() for end in format.extensions]


@pytest.mark.parametrize(("name", "extension"), EXTENSIONS)
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst"])
def test_every_extension_and_compression(tmp_path, expected, name, extension, suffix):
    path = tmp_path / f"g.{extension}{suffix}"
    path.write_bytes(compress(written(name), suffix))
    kg = KnowledgeGraph.read(path)
    assert kg.equals(expected)
    (file,) = kg.report.files
    assert (file.format, file.statements, file.blank_nodes) == (name, 7, 2)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst"])
def test_the_first_bytes_tell_the_compression(tmp_path, expected, suffix):
    path = tmp_path / "g.ttl"
    path.write_bytes(compress(written("ttl"), suffix))
    assert KnowledgeGraph.read(path).equals(expected)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
@pytest.mark.parametrize("damage", ["none", "cut", "more", "flipped"])
def test_damaged_archives(tmp_path, suffix, damage):
    packed = compress(QUADS.encode() * 50, suffix)
    content = {
        "none": QUADS.encode(),
        "cut": packed[:-6],
        "more": packed + b"more",
        "flipped": packed[:30] + bytes([packed[30] ^ 255]) + packed[31:],
    }[damage]
    path = tmp_path / f"g.nt{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"g\.nt\{suffix}.*(damaged|cannot be read|not valid)"):
        KnowledgeGraph.read(path)


def test_archives_of_several_members(tmp_path, expected):
    cut = QUADS.index("\n", 200) + 1
    first, second = QUADS[:cut].encode(), QUADS[cut:].encode()
    for suffix in (".gz", ".bz2", ".zst"):
        path = tmp_path / f"g.nt{suffix}"
        path.write_bytes(compress(first, suffix) + compress(second, suffix))
        assert KnowledgeGraph.read(path).equals(expected)


def inputs():
    text, turtle = QUADS, written("ttl")
    store = ox.Store()
    store.extend(quads())
    graph = rdflib.Graph()
    graph.parse(data=text, format="nt")
    dataset = rdflib.Dataset()
    dataset.parse(data=text, format="nquads")
    yield "bytes", lambda: (io.BytesIO(text.encode()), "nt")
    yield "text", lambda: (io.StringIO(text), "nt")
    yield "one byte at a time", lambda: (Slow(turtle), "ttl")
    yield "compressed stream", lambda: (io.BytesIO(gzip.compress(turtle)), "text/turtle")
    yield "rdflib graph", lambda: (graph, None)
    yield "rdflib dataset", lambda: (dataset, None)
    yield "store", lambda: (store, None)
    yield "dataset", lambda: (ox.Dataset(quads()), None)


class Slow(io.RawIOBase):
    """A stream that is not seekable and gives one byte at a time."""

    def __init__(self, content):
        self.rest = content

    def readable(self):
        return True

    def read(self, size=-1):
        found, self.rest = self.rest[:1], self.rest[1:]
        return found


@pytest.mark.parametrize(("name", "make"), list(inputs()), ids=lambda value: str(value)[:20])
def test_whatever_is_given(expected, name, make):
    given, format = make()
    kg = KnowledgeGraph.read(given, format=format)
    # Numbering follows an order, which another library need not share.
    assert set(ox_canonical(kg)) == set(ox_canonical(expected))
    assert kg.entities.ids[:2] == ["_:file0_b0", "_:file0_b1"]
    if hasattr(given, "closed"):
        assert not given.closed


def node(text):
    return ox.BlankNode(text[2:]) if text.startswith("_:") else ox.NamedNode(text)


def ox_canonical(kg):
    """The graph as a pyoxigraph Dataset whose blank nodes have canonical names."""
    found = ox.Dataset()
    ids, names, table = kg.entities.ids, kg.relations.ids, kg.literals
    for s, p, o in kg.triples.tolist():
        found.add(ox.Quad(node(ids[s]), ox.NamedNode(names[p]), node(ids[o])))
    for s, p, value, datatype, language in zip(
        table.subject.tolist(),
        table.relation.tolist(),
        table.value.to_pylist(),
        table.datatype.to_pylist(),
        table.language.to_pylist(),
        strict=True,
    ):
        literal = (
            ox.Literal(value, language=language)
            if language
            else ox.Literal(value, datatype=ox.NamedNode(datatype))
        )
        found.add(ox.Quad(node(ids[s]), ox.NamedNode(names[p]), literal))
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return found


def test_files_opened_by_the_caller_tell_their_format(tmp_path, expected):
    path = tmp_path / "g.nt.gz"
    path.write_bytes(gzip.compress(QUADS.encode()))
    with path.open("rb") as stream:
        kg = KnowledgeGraph.read(stream)
    assert kg.equals(expected)
    assert kg.report.files[0].path == str(path)
    plain = tmp_path / "g.nt"
    plain.write_text(QUADS)
    with plain.open(encoding="utf-8") as stream:
        assert KnowledgeGraph.read(stream).equals(expected)
    with pytest.raises(DataError, match="closed"):
        KnowledgeGraph.read(stream)


def test_patterns_lists_and_folders(tmp_path):
    for number, name in enumerate(["b.nt", "a.nt.gz", "deep/c.nt", "deep/d.txt"]):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        content = f"_:x <{E}p> <{E}{number}> .\n".encode()
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)

    def read(given):
        report = KnowledgeGraph.read(given).report
        return [Path(file.path).name for file in report.files], report.skipped

    assert read(str(tmp_path / "*.nt*")) == (["a.nt.gz", "b.nt"], ())
    assert read(tmp_path / "**" / "*.nt") == (["b.nt", "c.nt"], ())
    assert read([tmp_path / "deep", tmp_path / "b.nt"]) == (
        ["c.nt", "b.nt"],
        (str(tmp_path / "deep" / "d.txt"),),
    )
    with pytest.raises(DataError, match="no file matches this pattern"):
        KnowledgeGraph.read(tmp_path / "*.ttl")
    with pytest.raises(DataError, match="no RDF format is known"):
        KnowledgeGraph.read(tmp_path / "deep" / "*")
    odd = tmp_path / "odd[1].nt"  # a file is never taken for a pattern
    odd.write_text(QUADS)
    assert read(odd)[0] == ["odd[1].nt"]


def test_mixed_inputs_keep_blank_nodes_apart():
    text = f"_:x <{E}p> <{E}o> .\n"
    graph = rdflib.Graph()
    graph.parse(data=text, format="nt")
    store = ox.Store()
    store.load(text.encode(), format=ox.RdfFormat.N_TRIPLES)
    kg = KnowledgeGraph.read([io.StringIO(text), graph, store], format="nt")
    assert kg.entities.ids[:3] == ["_:file0_b0", "_:file1_b0", "_:file2_b0"]
    assert kg.num_triples == 3
    assert [file.format for file in kg.report.files] == ["nt", "rdflib", "store"]


@pytest.mark.parametrize("name", ["jsonld", "rdf", "ttl", "trig", "nq"])
def test_blank_nodes_have_the_same_names_at_every_reading(name):
    content = written(name)
    graphs = [KnowledgeGraph.read(io.BytesIO(content), format=name) for _ in range(3)]
    assert all(graph.equals(graphs[0]) for graph in graphs)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("text/turtle", "ttl"),
        ("application/n-triples;charset=utf-8", "nt"),
        ("Application/LD+JSON", "jsonld"),
        ("application/rdf+xml", "rdf"),
        ("application/n-quads", "nq"),
        ("application/trig", "trig"),
        (".owl", "rdf"),
        ("NT", "nt"),
    ],
)
def test_formats_by_name(given, name):
    assert find_format(given).name == name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tt", "Did you mean 'ttl'"),
        ("text/turtel", "Did you mean 'text/turtle'"),
        ("text/html", "Unknown format 'text/html'"),
        ("a\x1bb", r"\\x1bb"),
    ],
)
def test_unknown_formats(given, message):
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.read(io.BytesIO(b""), format=given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (io.BytesIO(b""), "give format="),
        (b"<a:s> <a:p> <a:o> .", "bytes cannot be read.*BytesIO"),
        (None, "NoneType cannot be read"),
        ([3], "int cannot be read"),
        ("a\0b", "not a path"),
    ],
)
def test_what_is_no_input(given, message):
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.read(given)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nt", ""),
        ("nt", "# nothing\n"),
        ("nq", "\n\n"),
        ("ttl", ""),
        ("ttl", "@prefix : <a:> .  # nothing"),
        ("trig", "@prefix : <a:> . :g {}"),
        ("jsonld", "{}"),
        ("jsonld", "[]"),
        ("rdf", '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'),
    ],
)
def test_documents_without_statements_are_valid_and_said_to_be_empty(name, content):
    kg = KnowledgeGraph.read(io.StringIO(content), format=name)
    assert (kg.num_entities, kg.num_relations, kg.num_triples, len(kg.literals)) == (0, 0, 0, 0)
    assert kg.triples.shape == (0, 3)
    assert kg.report.notes == ("The graph is empty: no statement was read from <StringIO>.",)
    for use in (kg.check_not_empty, kg.statistics):
        with pytest.raises(DataError, match="The graph is empty: no statement"):
            use()


def test_empty_files_beside_others_are_no_matter(expected):
    kg = KnowledgeGraph.read([io.StringIO(QUADS), io.StringIO("")], format="nt")
    assert kg.equals(expected)
    assert [file.statements for file in kg.report.files] == [7, 0]
    assert kg.report.notes == ()


NAMED = f"""\
<{E}a> <{E}p> <{E}b> .
<{E}a> <{E}p> <{E}c> <{E}g> .
<{E}a> <{E}p> "1" <{E}g> .
<{E}a> <{E}p> "2" <{E}h> .
"""


def named(kind):
    if kind == "store":
        store = ox.Store()
        store.load(NAMED.encode(), format=ox.RdfFormat.N_QUADS)
        return store
    if kind == "rdflib":
        dataset = rdflib.Dataset()
        dataset.parse(data=NAMED, format="nquads")
        return dataset
    found = ox.parse(NAMED, format=ox.RdfFormat.N_QUADS)
    return io.BytesIO(ox.serialize(found, format=FORMATS[kind].parser))


@pytest.mark.parametrize("kind", ["nq", "trig", "jsonld", "store", "rdflib"])
@pytest.mark.parametrize(
    ("graphs", "objects", "values"),
    [
        (None, ["b", "c"], ["1", "2"]),
        ([""], ["b"], []),
        ([E + "g"], ["c"], ["1"]),
        ([E + "h", ""], ["b"], ["2"]),
    ],
)
def test_named_graphs_can_be_chosen(kind, graphs, objects, values):
    format = kind if kind in FORMATS else None
    kg = KnowledgeGraph.read(named(kind), format=format, graphs=graphs)
    ids = kg.entities.ids
    assert sorted(ids[o] for o in kg.triples[:, 2]) == [E + name for name in objects]
    assert sorted(kg.literals.value.to_pylist()) == values
    assert kg.report.files[0].other_graphs == 4 - len(objects) - len(values)
    wanted = ["", E + "g", E + "h"] if graphs is None else graphs
    if wanted == [""]:
        assert kg.graphs is None
    else:
        sizes = {"": 1, E + "g": 2, E + "h": 1}
        assert kg.graphs.counts() == {name: sizes[name] for name in wanted}
        alone = KnowledgeGraph.read(named(kind), format=format, graphs=wanted[:1])
        selected = kg.select_graphs(wanted[:1])
        assert selected.without_graphs().equals(alone.without_graphs())


@pytest.mark.parametrize("kind", ["nq", "trig", "store", "rdflib"])
def test_graphs_named_by_blank_nodes(kind, monkeypatch):
    text = f'_:g <{E}p> "1" _:g .\n<{E}a> <{E}p> <{E}b> _:h .\n'
    monkeypatch.setitem(globals(), "NAMED", text)
    kg = KnowledgeGraph.read(named(kind), format=kind if kind in FORMATS else None)
    (subject,) = kg.entities.take(kg.literals.subject)
    assert subject in kg.graphs.names
    assert sorted(kg.graphs.names.ids) == ["_:file0_b0", "_:file0_b1"]
    assert kg.select_graphs(subject).num_triples == 0
    assert len(kg.select_graphs(subject).literals) == 1


def test_one_statement_in_several_graphs_is_one_statement():
    text = f"<{E}a> <{E}p> <{E}b> .\n<{E}a> <{E}p> <{E}b> <{E}g> .\n" * 2
    kg = KnowledgeGraph.read(io.StringIO(text), format="nq")
    assert kg.num_triples == 1
    assert kg.graphs.counts() == {"": 1, E + "g": 1}
    assert (kg.report.statements, kg.report.duplicates) == (4, 2)


def test_a_graph_that_is_nowhere_is_an_error():
    with pytest.raises(DataError, match=rf"named graph '{E}gg'. Did you mean '{E}g'"):
        KnowledgeGraph.read(named("nq"), format="nq", graphs=[E + "gg"])
    with pytest.raises(ConfigError, match="graphs: expected a list or tuple, found 'http"):
        KnowledgeGraph.read(named("nq"), format="nq", graphs=E + "g")


def test_plain_files_have_the_default_graph_only():
    text = f'<{E}a> <{E}p> "1" .\n'
    kg = KnowledgeGraph.read([io.StringIO(text), named("store")], format="nt", graphs=[E + "g"])
    assert kg.literals.value.to_pylist() == ["1"]
    assert [file.other_graphs for file in kg.report.files] == [1, 2]


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="Did you mean 'on_error'"):
        KnowledgeGraph.read("g.nt", on_eror="skip")
    with pytest.raises(ConfigError, match=r"on_error.*'skipp'"):
        KnowledgeGraph.read("g.nt", on_error="skipp")
    with pytest.raises(ConfigError, match=r"max_bytes.*greater than 0"):
        KnowledgeGraph.read("g.nt", max_bytes=0)
    config = ReadConfig(format="nt")
    assert KnowledgeGraph.read(io.StringIO(NAMED.splitlines()[0]), config=config).num_triples == 1
    with pytest.raises(DataError, match="not valid Turtle"):
        KnowledgeGraph.read(io.StringIO("x"), config=config, format="ttl")


@pytest.mark.parametrize("name", ["nt", "ttl", "jsonld", "rdf"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".zst"])
def test_limit_of_the_decompressed_size(tmp_path, name, suffix):
    content = written(name)
    path = tmp_path / f"g.{name}{suffix}"
    path.write_bytes(compress(content, suffix))
    assert KnowledgeGraph.read(path, max_bytes=len(content)).num_entities == 4
    with pytest.raises(DataError, match=rf"g\.{name}.*{len(content) - 1} bytes.*max_bytes"):
        KnowledgeGraph.read(path, max_bytes=len(content) - 1)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_archives_made_to_fill_the_memory(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(opening, "_FREE_OF_RATIO", 1 << 20)
    line = f"<{E}a> <{E}p> <{E}b> .\n".encode()
    bomb = tmp_path / f"bomb.nt{suffix}"
    bomb.write_bytes(compress(line * 300_000, suffix))
    with pytest.raises(DataError, match=r"give more than .* max_ratio"):
        KnowledgeGraph.read(bomb, max_ratio=20)
    assert KnowledgeGraph.read(bomb, max_ratio=20_000).num_triples == 1


@pytest.mark.parametrize("name", ["nt", "nq", "ttl", "trig", "jsonld", "rdf"])
def test_limit_of_a_literal(name):
    text = f'<{E}a> <{E}p> "{"é" * 50}" .\n<{E}a> <{E}p> "x" .\n'
    found = ox.parse(text, format=ox.RdfFormat.N_TRIPLES)
    content = ox.serialize(found, format=FORMATS[name].parser)
    kg = KnowledgeGraph.read(io.BytesIO(content), format=name, max_literal=100)
    assert len(kg.literals) == 2
    with pytest.raises(DataError, match="100 bytes, and 99 is the limit max_literal"):
        KnowledgeGraph.read(io.BytesIO(content), format=name, max_literal=99)


def test_a_line_without_end_is_not_gathered():
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            self.given += len(buffer)
            assert self.given < 1 << 25
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    with pytest.raises(DataError, match=r"a line has more than .* max_literal"):
        KnowledgeGraph.read(Endless(), format="nt", max_literal=1 << 20)


def test_text_that_no_file_can_hold():
    with pytest.raises(DataError, match="not UTF-8"):
        KnowledgeGraph.read(io.StringIO(f'<{E}a> <{E}p> "\ud800" .'), format="nt")


def test_the_order_of_lines_in_a_store_does_not_matter():
    lines = QUADS.splitlines()[:4]
    graphs = []
    for order in itertools.permutations(lines):
        store = ox.Store()
        store.load("\n".join(order).encode(), format=ox.RdfFormat.N_TRIPLES)
        graphs.append(KnowledgeGraph.from_store(store))
    assert all(graph.equals(graphs[0]) for graph in graphs)


def test_base_iris():
    turtle = "<a> <../b> <#c> ."
    kg = KnowledgeGraph.read(io.StringIO(turtle), format="ttl", base_iri="http://e.org/x/y")
    assert kg.entities.ids == ["http://e.org/x/a", "http://e.org/x/y#c"]
    assert kg.relations.ids == ["http://e.org/b"]
    for name, text in {
        "ttl": turtle,
        "trig": "{ <a> <b> <c> }",
        "rdf": '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
        '<e:A r:about="rel"/></r:RDF>',
        "jsonld": '{"@id": "rel", "http://e/p": 1}',
    }.items():
        with pytest.raises(DataError, match="give base_iri="):
            KnowledgeGraph.read(io.StringIO(text), format=name)
        with pytest.raises(DataError, match="StringIO"):
            KnowledgeGraph.read(io.StringIO(text), format=name, base_iri="no iri")
