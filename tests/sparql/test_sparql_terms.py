"""Terms into queries: whatever an id is, it stays one term."""

import re

import pyoxigraph as ox
import pytest
import rdflib
from hypothesis import example, given
from hypothesis import strategies as st
from sparql_films import EX, LABEL, films

from kgrec.errors import DataError
from kgrec.rdf.namespaces import XSD
from kgrec.sparql import queries
from kgrec.sparql.query_terms import BadTermError, Blank, Literal, iri_text, literal_text, read_term
from kgrec.sparql.settings import DBPEDIA, WIKIDATA, SparqlConfig

CONFIG = SparqlConfig(endpoint="http://ex.org/sparql")
texts = st.text(st.characters() | st.sampled_from("\"'\\<>{}#\n\r\t u0022"), max_size=12)


@given(st.lists(texts, min_size=1, max_size=4, unique=True))
@example(['"'])
@example(["\\"])
@example(['" } ; DROP ALL #'])
@example(["\\\\u0022 }"])
def test_identifiers_stay_what_they_are(values):
    """Each is found as itself, and the query does nothing else."""
    store = ox.Store()
    subject, property = ox.NamedNode("http://ex.org/s"), ox.NamedNode("http://ex.org/p")
    written = []
    for value in values:
        try:
            literal_text(value)
        except DataError:
            assert re.search("[\x00-\x1f\x7f\ud800-\udfff]|\\\\[uU]", value)
            continue
        written.append(value)
        store.add(ox.Quad(subject, property, ox.Literal(value)))
    if not written:
        return
    query = queries.identifier_query(CONFIG, property.value, written)
    found = {row["id"].value: row["n"].value for row in store.query(query)}
    assert found == dict.fromkeys(written, "1")


@given(texts | st.builds("http://ex.org/{}".format, texts))
@example("http://ex.org/> } #")
def test_iris_stay_what_they_are(text):
    try:
        written = iri_text(text)
    except DataError:
        return
    assert re.fullmatch(r'<[^<>"{}|^`\\\x00-\x20]+>', written)
    query = queries.count_query(queries.ANYTHING[0], [text])
    (row,) = ox.Store().query(query)
    assert row["s"] == ox.NamedNode(text)


@pytest.mark.parametrize("config", [CONFIG, WIKIDATA, DBPEDIA])
@pytest.mark.parametrize("direction", ["out", "in"])
@pytest.mark.parametrize("relations", [None, ["http://ex.org/p"]])
def test_every_query_is_sparql(config, direction, relations):
    store = ox.Store()
    pattern = queries.statements_pattern(config, direction, relations, ["http://ex.org/q"])
    names = queries.texts_pattern(config, (), of_properties=True)
    entities = ["http://ex.org/a", "http://ex.org/b"]
    for one in (pattern, names, queries.texts_pattern(config, ())):
        assert len(list(store.query(queries.count_query(one, entities)))) == 2
        assert list(store.query(queries.rows_query(one, entities))) == []
        assert list(store.query(queries.page_query(one, entities[0], 5, 10))) == []


@pytest.mark.parametrize("direction", ["out", "in"])
def test_another_engine_understands_the_queries_alike(direction):
    """rdflib's engine is not pyoxigraph's: what both answer alike is what SPARQL says."""
    store = films()
    other = rdflib.Graph()
    data = store.dump(format=ox.RdfFormat.N_TRIPLES, from_graph=ox.DefaultGraph())
    other.parse(data=data, format="nt")
    config = SparqlConfig(
        endpoint="http://ex.org/", namespaces=(EX,), labels=(LABEL,), languages=("en", "de")
    )
    pattern = queries.statements_pattern(config, direction, None, [EX + "plain"])
    entities = [EX + name for name in ("film03", "person0", "country1", "nobody")]
    texts = queries.texts_pattern(config, ())
    for query in (
        queries.count_query(pattern, entities),
        queries.rows_query(pattern, entities),
        queries.page_query(pattern, entities[1], 2, 1),
        queries.rows_query(texts, entities),
        queries.count_query(texts, entities),
        queries.identifier_query(config, EX + "imdb", ["tt0000003", 'x"\\', "tt0000004"]),
    ):
        names = [str(name) for name in other.query(query).vars]
        theirs = sorted(
            tuple(None if row[name] is None else str(row[name]).strip() for name in names)
            for row in other.query(query)
        )
        ours = sorted(
            tuple(None if row[name] is None else row[name].value.strip() for name in names)
            for row in store.query(query)
        )
        assert ours == theirs
        assert ours


def test_pages_have_one_order():
    store = ox.Store()
    entity = ox.NamedNode("http://ex.org/a")
    values = [ox.Literal("x", language=tag) for tag in ("en", "de", "fr")]
    values += [ox.Literal("1", datatype=ox.NamedNode(XSD + t)) for t in ("integer", "decimal")]
    values += [ox.Literal("x"), ox.NamedNode("http://ex.org/x")]
    store.extend(ox.Quad(entity, ox.NamedNode("http://ex.org/p"), value) for value in values)
    pattern = queries.ANYTHING[0]
    pages = [
        [row["o"] for row in store.query(queries.page_query(pattern, entity.value, 1, place))]
        for place in range(len(values))
    ]
    assert {page[0] for page in pages} == set(values)


@pytest.mark.parametrize(
    ("binding", "term"),
    [
        ({"type": "uri", "value": "http://ex.org/é"}, "http://ex.org/é"),
        ({"type": "bnode", "value": "b0"}, Blank("b0")),
        ({"type": "literal", "value": "01"}, Literal("01")),
        (
            {"type": "literal", "value": "01", "datatype": XSD + "integer"},
            Literal("01", XSD + "integer"),
        ),
        (
            {"type": "typed-literal", "value": " x", "datatype": XSD + "int"},
            Literal(" x", XSD + "int"),
        ),
        (
            {"type": "literal", "value": "", "xml:lang": "en-GB"},
            Literal("", "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString", "en-GB"),
        ),
    ],
)
def test_terms_of_answers(binding, term):
    assert read_term(binding) == term
    assert type(read_term(binding)) is type(term)


@pytest.mark.parametrize(
    "binding",
    [
        None,
        [],
        {},
        {"type": "uri", "value": "no iri"},
        {"type": "uri", "value": 7},
        {"type": "literal", "value": "\ud800"},
        {"type": "literal", "value": "x", "datatype": "no iri"},
        {"type": "literal", "value": "x", "xml:lang": "no tag!"},
        {"type": "literal", "value": "x", "xml:lang": ["en"]},
        {"type": "literal", "value": "x", "xml:lang": "en", "datatype": XSD + "string"},
        {"type": "literal", "value": "x", "xml:lang": "ar", "its:dir": "rtl"},
        {"type": "triple", "value": {}},
        {"type": "triple", "value": "x"},
        {"type": "Uri", "value": "http://ex.org/"},
    ],
    ids=str,
)
def test_terms_that_no_graph_can_hold(binding):
    with pytest.raises(BadTermError):
        read_term(binding)
