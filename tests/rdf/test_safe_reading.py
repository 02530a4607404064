"""Files from strangers: no network, no other file, no bombs, no crash of the parser."""

import io
import json
import socket
import subprocess
import sys

import pytest

from kgrec.errors import DataError, KgrecWarning
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf.namespaces import RDF, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.nesting import MAX_DEPTH, check_json, check_triple_terms

HEAD = f'<r:RDF xmlns:r="{RDF}" xmlns:e="http://e/">'
BODY = '<r:Description r:about="http://e/s"><e:p>{}</e:p></r:Description></r:RDF>'
XML = '<?xml version="1.0"?>'


def read(content, format, **settings):
    if isinstance(content, str):
        content = content.encode()
    return KnowledgeGraph.read(io.BytesIO(content), format=format, **settings)


def values(kg):
    return kg.literals.value.to_pylist()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was asked for")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


REMOTE = [
    ("jsonld", '{"@context": "http://127.0.0.1:9/c", "@id": "a:s", "name": "x"}', "contexts="),
    ("jsonld", '{"@context": {"@import": "http://127.0.0.1:9/c"}, "a:p": 1}', "contexts="),
    (
        "jsonld",
        '{"@context": {"T": {"@id": "a:T", "@context": "http://127.0.0.1:9/c"}}, "@type": "T"}',
        "contexts=",
    ),
    (
        "rdf",
        f'<!DOCTYPE x [<!ENTITY a SYSTEM "http://127.0.0.1:9/e">]>{HEAD}{BODY.format("&a;")}',
        "external entity 'http://127.0.0.1:9/e'",
    ),
    (
        "rdf",
        f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{HEAD}{BODY.format("&a;")}',
        "external entity 'file:///etc/passwd'",
    ),
    (
        "rdf",
        f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{HEAD}{BODY.format("&a;")}',
        "'a' is not declared",
    ),
    (
        "rdf",
        f'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>{HEAD}{BODY.format("&a;")}',
        "'a' is not declared",
    ),
]


@pytest.mark.parametrize(("format", "content", "message"), REMOTE)
def test_nothing_is_loaded_while_reading(format, content, message):
    with pytest.raises(DataError, match=message):
        read(content, format)


def test_native_code_does_not_connect_either():
    """The parser would get past a patched socket module, but not unseen past a listening port."""
    program = (
        "import io, socket\n"
        "from kgrec.kg.graph import KnowledgeGraph\n"
        "from kgrec.errors import DataError\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "server.settimeout(0.5)\n"
        "port = server.getsockname()[1]\n"
        f"for format, content, message in {REMOTE!r}:\n"
        "    content = content.replace('127.0.0.1:9/', f'127.0.0.1:{port}/')\n"
        "    try:\n"
        "        KnowledgeGraph.read(io.BytesIO(content.encode()), format=format)\n"
        "    except DataError:\n"
        "        pass\n"
        "def asked():\n"
        "    try:\n"
        "        server.accept()\n"
        "    except TimeoutError:\n"
        "        return False\n"
        "    return True\n"
        "print(asked())\n"
        "socket.create_connection(('127.0.0.1', port))\n"
        "print(asked())\n"  # so it would have been seen
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("format", ["nt", "nq", "ttl", "trig"])
def test_a_term_beyond_the_parsers_buffer_is_a_message(format):
    with pytest.raises(DataError, match="too long for the parser"):
        read(f'<a:s> <a:p> "{"x" * (17 << 20)}" .\n', format)


def test_an_external_dtd_that_is_not_needed_is_not_loaded():
    content = f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{HEAD}{BODY.format("v")}'
    assert values(read(content, "rdf")) == ["v"]


@pytest.mark.parametrize("quote", ['"', "'"])
def test_entities_of_owl_files(quote):
    dtd = f"<!DOCTYPE r:RDF [<!ENTITY e {quote}http://e/{quote}><!ENTITY t {quote}&e;t#{quote}>]>"
    body = '<r:Description r:about="&t;s"><e:p>&e; &amp; &#233;</e:p></r:Description></r:RDF>'
    kg = read(f"{XML}{dtd}{HEAD}{body}", "rdf")
    assert kg.entities.ids == ["http://e/t#s"]
    assert values(kg) == ["http://e/ & é"]


def test_billion_laughs_are_refused():
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    content = f"<!DOCTYPE x [{''.join(lines)}]>{HEAD}{BODY.format('&a9;')}"
    with pytest.raises(DataError, match="entity 'a5' stands for more than 65,536 characters"):
        read(content, "rdf")


@pytest.mark.parametrize("place", ["text", "attribute"])
def test_many_uses_of_one_entity_are_refused(place):
    uses = "&a;" * 5_000
    body = BODY.format(uses)
    if place == "attribute":
        body = f'<r:Description r:about="http://e/s" e:p="{uses}"/></r:RDF>'
    content = f'<!DOCTYPE x [<!ENTITY a "{"x" * 60_000}">]>{HEAD}{body}'
    with pytest.raises(DataError, match=r"entities expand without bound|amplification"):
        read(content, "rdf")


def test_an_entity_that_holds_itself():
    content = f'<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b "&a;">]>{HEAD}{BODY.format("&a;")}'
    with pytest.raises(DataError, match="recursive entity"):
        read(content, "rdf")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "utf-8-sig"])
def test_encodings_of_xml(encoding):
    name = encoding.removesuffix("-sig")
    content = f'<?xml version="1.0" encoding="{name}"?>{HEAD}{BODY.format("é")}'
    assert values(read(content.encode(encoding), "rdf")) == ["é"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1, column 1: .*no element found"),
        ("<!-- nothing -->", "no element found"),
        (HEAD, "no element found"),
        (f"{HEAD}\n<e:A>\n</r:RDF>", "line 3, column 3: .*mismatched tag"),
        (f"{HEAD}\n<e:A/>\n</r:RDF>more", "line 3, column 9: .*junk"),
        (f'{HEAD}\n<e:A r:about="http://e e"/></r:RDF>', "line 2: .*Invalid IRI code point ' '"),
        (f'{HEAD}\n\n<x:A r:about="http://e"/></r:RDF>', "line 3: .*prefix"),
        ('<?xml version="1.0" encoding="none-such"?><x/>', "unknown encoding"),
        (HEAD + "<e:A><e:p>" * (MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} levels"),
    ],
)
def test_bad_xml_gets_its_place(content, message):
    with pytest.raises(DataError, match=message):
        read(content, "rdf")


def test_long_xml_is_read_as_short(monkeypatch):
    from kgrec.rdf import opening, parsing

    content = f'{HEAD}\n<e:A r:about="http://e/s">\n<e:p>v</e:p>\n</e:A>\n</r:RDF>'
    whole = read(content, "rdf")
    monkeypatch.setattr(opening, "PIECE", 7)
    monkeypatch.setattr(parsing, "LARGE", 1)
    assert read(content, "rdf").equals(whole)
    with pytest.raises(DataError, match=r"line 2: .*Invalid IRI"):
        read(content.replace("http://e/s", "http://e s"), "rdf")


# ---------------------------------------------------------------- depth


DEEP = {
    "nt": lambda n: "<a:s> <a:p> " + "<<(<a:s> <a:p> " * n + "<a:o>" + " )>>" * n + " .",
    "ttl": lambda n: "<a:s> <a:p> " + "<<(<a:s> <a:p> " * n + "<a:o>" + " )>>" * n + " .",
    "escaped": lambda n: "@prefix a: <a:> . a:\\#' a:p " + "<<( a:s a:p " * n + "1" + " )>>" * n,
    "jsonld": lambda n: '{"a:b":' * n + "1" + "}" * n,
    "json": lambda n: "[" * n + "]" * n,
    "rdf": lambda n: HEAD + "<e:A><e:p>" * n + "</e:p></e:A>" * n + "</r:RDF>",
}


@pytest.mark.parametrize("kind", DEEP)
def test_depth_that_would_overflow_the_stack_is_refused(kind):
    """Each of these ended the process before it was looked at."""
    format = {"json": "jsonld", "escaped": "ttl"}.get(kind, kind)
    with pytest.raises(DataError, match="more than 256"):
        read(DEEP[kind](100_000), format)


@pytest.mark.parametrize("kind", ["jsonld", "json", "rdf"])
def test_depth_of_data_is_read(kind):
    format = {"json": "jsonld"}.get(kind, kind)
    read(DEEP[kind](100), format)


def test_deep_collections_and_blank_nodes_of_turtle_are_read():
    nested = "<a:s> <a:p> " + "(" * 5000 + ")" * 5000 + " ."
    assert read(nested, "ttl").num_triples == 2 * 5000 - 1
    nested = "<a:s> <a:p> " + "[<a:p> " * 5000 + "1" + "]" * 5000 + " ."
    assert read(nested, "ttl").num_triples == 5000


def test_brackets_in_strings_do_not_count():
    check_json(json.dumps({"a": "[{" * 1000 + '"\\' * 1000}).encode())
    with pytest.raises(DataError):
        check_json(('{"a": "\\"", "b": ' * 300).encode())
    text = '<a:s> <a:p> "' + "<<( " * 1000 + '" . # ' + "<<( " * 1000 + "\n"
    check_triple_terms(text.encode())
    assert len(read(text, "ttl").literals) == 1
    long = f"<a:s> <a:p> '''{'<<( ' * 1000}''', \"\"\"{'<<( ' * 1000}\"\"\" ."
    assert len(read(long, "ttl").literals) == 1


@pytest.mark.parametrize("format", ["nt", "ttl"])
def test_triple_terms_that_are_nested_too_deeply_are_refused(format):
    def nested(depth):
        return "<a:s> <a:p> " + "<<( <a:s> <a:p> " * depth + "<a:o>" + " )>>" * depth + " ."

    with pytest.raises(DataError, match=f"more than {MAX_DEPTH} levels"):
        read(nested(100_000), format)
    with pytest.warns(KgrecWarning, match="1 in all"):
        assert read(nested(MAX_DEPTH), format).report.statements == 0
    many = (nested(1) + "\n") * (2 * MAX_DEPTH)
    with pytest.warns(KgrecWarning, match=f"{2 * MAX_DEPTH} in all"):
        assert read(many, format).report.statements == 0


# ---------------------------------------------------------------- contexts of JSON-LD


CONTEXTS = {
    "http://e.org/c/films": {"@context": ["base", {"title": "http://e.org/title"}]},
    "http://e.org/c/base": {
        "@context": {
            "@base": "http://elsewhere/",
            "name": "http://e.org/name",
            "Film": {"@id": "http://e.org/Film", "@context": {"name": "http://e.org/filmName"}},
        }
    },
    "http://e.org/c/round": {"@context": "round"},
    "http://e.org/c/list": {"@context": [{"a": "http://e.org/a"}]},
    "http://e.org/c/none": {"a": 1},
}


def literals(kg):
    names = kg.relations.take(kg.literals.relation)
    return sorted(zip(names, values(kg), strict=True))


@pytest.mark.parametrize("kind", [dict, json.dumps, lambda c: json.dumps(c).encode()])
def test_a_loader_gives_remote_contexts(kind):
    asked = []

    def loader(iri):
        asked.append(iri)
        return kind(CONTEXTS[iri])

    content = json.dumps(
        {
            "@context": "c/films",
            "@graph": [
                {"@id": "heat", "@type": "Film", "name": "Heat", "title": "HEAT"},
                {"@id": "mann", "name": "Mann"},
            ],
        }
    )
    kg = read(content, "jsonld", base_iri="http://e.org/x", loader=loader)
    assert literals(kg) == [
        ("http://e.org/filmName", "Heat"),
        ("http://e.org/name", "Mann"),
        ("http://e.org/title", "HEAT"),
    ]
    # The base of a context from elsewhere is not the document's.
    assert kg.entities.ids == ["http://e.org/Film", "http://e.org/heat", "http://e.org/mann"]
    assert asked == ["http://e.org/c/films", "http://e.org/c/base"]


def test_a_context_can_be_imported_and_overridden():
    context = {"@version": 1.1, "@import": "http://e.org/c/base", "name": "http://e.org/mine"}
    content = json.dumps({"@context": context, "@id": "a:s", "name": "x"})
    kg = read(content, "jsonld", loader=CONTEXTS.__getitem__)
    assert literals(kg) == [("http://e.org/mine", "x")]


def test_json_literals_are_not_contexts():
    inner = {"@context": "http://e.org/c/none"}
    value = {"@type": "@json", "@value": inner}
    kg = read(json.dumps({"@id": "a:s", "a:p": value}), "jsonld", loader=CONTEXTS.__getitem__)
    assert json.loads(values(kg)[0]) == inner


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("http://e.org/c/round", "leads back to itself"),
        ("http://e.org/c/gone", "could not load .*c/gone: KeyError"),
        ("http://e.org/c/none", "not a JSON object with a key '@context'"),
        ({"@import": "http://e.org/c/list"}, "is not a single context"),
        ({"@import": 3}, "not a string"),
    ],
)
def test_bad_remote_contexts(context, message):
    content = json.dumps({"@context": context, "@id": "a:s", "name": "x"})
    with pytest.raises(DataError, match=message):
        read(content, "jsonld", loader=CONTEXTS.__getitem__)


def test_text_directions_of_json_ld_are_left_out_and_counted():
    content = json.dumps(
        {
            "@id": "a:s",
            "a:p": [
                {"@value": "one", "@language": "ar-EG", "@direction": "rtl"},
                {"@value": "two", "@direction": "rtl"},
                {"@value": "three", "@language": "en"},
            ],
        }
    )
    kg = read(content, "jsonld")
    table = kg.literals
    assert sorted(
        zip(values(kg), table.datatype.to_pylist(), table.language.to_pylist(), strict=True)
    ) == [
        ("one", RDF_LANG_STRING, "ar-eg"),
        ("three", RDF_LANG_STRING, "en"),
        ("two", XSD_STRING, ""),
    ]
    assert kg.report.notes == ("<BytesIO>: text whose base direction was left out: 1.",)


def test_nothing_in_a_file_is_used_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.ttl").write_text("<a:secret> <a:p> 1 .")
    for format, content in {
        "ttl": '@base <file:///etc/passwd> . <> <http://www.w3.org/2002/07/owl#imports> "x" .',
        "nt": "<file:../other.ttl> <http://www.w3.org/2002/07/owl#imports> <file:other.ttl> .",
        "rdf": f'{HEAD}<r:Description r:about="file:///etc/passwd"><e:p>1</e:p>'
        "</r:Description></r:RDF>",
    }.items():
        kg = read(content, format)
        assert "a:secret" not in kg.entities
        assert sorted(path.name for path in tmp_path.iterdir()) == ["other.ttl"]
