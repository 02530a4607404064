"""The statements of an rdflib graph or dataset as columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgrec.errors import DataError, printable
from kgrec.rdf.numbered import BlankNodes, GraphChoice
from kgrec.rdf.statements import string_array

if TYPE_CHECKING:
    import rdflib


Edges = tuple[Any, Any, Any]
Values = tuple[Any, Any, Any, Any, Any]


@dataclass(frozen=True)
class RdflibColumns:
    """The statements of an rdflib graph or dataset as columns.

    Attributes:
        edges: Subjects, predicates and objects of the statements between entities.
        values: Subjects, predicates, values, datatypes and languages of those with a literal.
        edge_graphs: The name of the graph of each of `edges`, "" for the default graph.
        value_graphs: The same for `values`.
    """

    edges: Edges
    values: Values
    edge_graphs: list[str]
    value_graphs: list[str]


def rdflib_columns(graph: rdflib.Graph, nodes: BlankNodes, graphs: GraphChoice) -> RdflibColumns:
    """Return the statements of an rdflib graph or dataset as columns.

    Args:
        graph: The graph.
        nodes: Names its blank nodes.
        graphs: Chooses among its named graphs.

    Raises:
        DataError: RDF 1.1 does not allow a term in its place.
    """
    import rdflib

    def id(term: Any) -> str:
        if isinstance(term, rdflib.URIRef):
            return str(term)
        if isinstance(term, rdflib.BNode):
            return nodes.name(str(term))
        raise DataError(
            f"The rdflib graph holds the {type(term).__name__} {printable(str(term))!r} where "
            "only an IRI or a blank node is allowed."
        )

    edges: list[tuple[str, ...]] = []
    values: list[tuple[str, ...]] = []
    edge_graphs: list[str] = []
    value_graphs: list[str] = []
    # A set has no order; numbering blank nodes needs one.
    for *statement, name in sorted(_rdflib_quads(graph), key=_text_key):
        if not graphs.takes(name):
            continue
        subject, predicate, object = statement
        if isinstance(object, rdflib.Literal):
            datatype = str(object.datatype or "")
            value = (str(object), datatype, object.language or "")
            values.append((id(subject), id(predicate), *value))
            value_graphs.append(nodes.name(name[2:]) if name.startswith("_:") else name)
        else:
            edges.append((id(subject), id(predicate), id(object)))
            edge_graphs.append(nodes.name(name[2:]) if name.startswith("_:") else name)
    edge_columns = [string_array(column) for column in zip(*edges, strict=True)]
    value_columns = [string_array(column) for column in zip(*values, strict=True)]
    edge_columns = edge_columns or [string_array([])] * 3
    value_columns = value_columns or [string_array([])] * 5
    return RdflibColumns(
        edges=tuple(edge_columns),
        values=tuple(value_columns),
        edge_graphs=edge_graphs,
        value_graphs=value_graphs,
    )


def _rdflib_quads(graph: rdflib.Graph) -> Iterator[tuple[Any, Any, Any, str]]:
    import rdflib
    from rdflib.graph import DATASET_DEFAULT_GRAPH_ID

    if not isinstance(graph, rdflib.ConjunctiveGraph):  # a Dataset is one too
        for subject, predicate, object in graph.triples((None, None, None)):
            yield subject, predicate, object, ""
        return
    default = {None, DATASET_DEFAULT_GRAPH_ID}
    if not isinstance(graph, rdflib.Dataset):
        default.add(graph.default_context.identifier)
    for subject, predicate, object, context in graph.quads((None, None, None, None)):
        name = getattr(context, "identifier", context)
        shown = "" if name in default else str(name)
        is_blank = isinstance(name, rdflib.BNode) and shown
        yield subject, predicate, object, f"_:{shown}" if is_blank else shown


def _text_key(triple: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(str(term) for term in triple)
