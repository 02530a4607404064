"""Documents and the statements that they stand for: how tests of syntaxes compare them."""

import io

import pyoxigraph as ox
import pytest

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XSD = "http://www.w3.org/2001/XMLSchema#"
BASE = "http://example.org/doc/file"


def node(text):
    """Return a term of pyoxigraph; `_:` begins a blank node."""
    return ox.BlankNode(text[2:]) if text.startswith("_:") else ox.NamedNode(text)


def dataset(kg):
    """The graph with its named graphs, and canonical names of blank nodes."""
    ids, names, table = kg.entities.ids, kg.relations.ids, kg.literals
    triples = [(ids[s], names[p], node(ids[o])) for s, p, o in kg.triples.tolist()]
    literals = [
        (
            ids[s],
            names[p],
            ox.Literal(value, language=language)
            if language
            else ox.Literal(value, datatype=ox.NamedNode(datatype)),
        )
        for s, p, value, datatype, language in zip(
            table.subject.tolist(),
            table.relation.tolist(),
            table.value.to_pylist(),
            table.datatype.to_pylist(),
            table.language.to_pylist(),
            strict=True,
        )
    ]
    found = ox.Dataset()
    for rows, pairs in (
        (triples, None if kg.graphs is None else kg.graphs.triple),
        (literals, None if kg.graphs is None else kg.graphs.literal),
    ):
        places = [(row, "") for row in range(len(rows))]
        if pairs is not None:
            places = [(row, kg.graphs.names.id(graph)) for row, graph in pairs.tolist()]
        for row, graph in places:
            s, p, o = rows[row]
            where = node(graph) if graph else ox.DefaultGraph()
            found.add(ox.Quad(node(s), ox.NamedNode(p), o, where))
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return set(found)


def expected(text):
    """Return the dataset that N-Quads stand for, as `dataset` does."""
    found = ox.Dataset(ox.parse(text, format=ox.RdfFormat.N_QUADS))
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return set(found)


def read(text, format):
    """Read a document with the base IRI `BASE`, where its syntax knows one."""
    content = text if isinstance(text, bytes) else text.encode()
    base = None if format in ("nt", "nq") else BASE
    return KnowledgeGraph.read(io.BytesIO(content), format=format, base_iri=base)


def cases(good):
    """Return parameters of a test: the document and its statements in N-Quads."""
    return [pytest.param(text, quads, id=name) for name, (text, quads) in good.items()]


def bad_cases(bad):
    """Return parameters of a test: the document that is to be refused."""
    return [pytest.param(text, id=name) for name, text in bad.items()]


def check(text, quads, format):
    """Assert that a document holds these statements and no others."""
    assert dataset(read(text, format)) == expected(quads)


def check_refused(text, format):
    """Assert that a document is refused with the line of the mistake."""
    with pytest.raises(DataError, match=r"<BytesIO>, line \d+"):
        read(text, format)
