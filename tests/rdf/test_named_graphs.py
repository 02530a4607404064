"""Named graphs: which statement stands where, kept through assembling, selecting and saving."""

import numpy as np
import pyarrow as pa
import pytest

from kgrec.errors import DataError, UnknownIdError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf.assembly import assemble
from kgrec.rdf.read_report import FileReport, ReadReport
from kgrec.rdf.statements import LiteralTable, Statements

QUADS = [
    ("a", "p", "b", "g1"),
    ("a", "p", "b", "g2"),
    ("b", "p", "c", ""),
    ("b", "p", "c", ""),
    ("c", "q", "a", "g1"),
]
VALUES = [
    ("a", "label", "x", "en", "g2"),
    ("a", "label", "x", "", "g2"),
    ("a", "label", "x", "en", "g2"),
    ("d", "year", "1", "", "g3"),
]


def strings(values):
    return pa.array(values, type=pa.large_string())


def batch(quads, values, name):
    """A batch as a reader makes it: with codes into what is distinct in it."""

    def code(texts):
        distinct = sorted(set(texts), reverse=True)  # any order will do
        return distinct, [distinct.index(text) for text in texts]

    n = len(quads)
    subjects, predicates, objects = ([quad[k] for quad in quads] for k in range(3))
    terms, term = code(subjects + objects + [v[0] for v in values])
    relations, relation = code(predicates + [v[1] for v in values])
    graphs, graph = code([q[3] for q in quads] + [v[4] for v in values])
    datatypes = ["rdf:langString" if v[3] else "xsd:string" for v in values]
    return Statements(
        terms=strings(terms),
        predicates=strings(relations),
        edges=np.array([term[:n], relation[:n], term[n : 2 * n]], dtype=np.int64).T.reshape(n, 3),
        literals=LiteralTable(
            strings([v[2] for v in values]),
            strings(datatypes).dictionary_encode(),
            strings([v[3] for v in values]).dictionary_encode(),
        ),
        values=np.array([term[2 * n :], relation[n:]], dtype=np.int64).T.reshape(-1, 2),
        graphs=strings(graphs),
        edge_graph=np.array(graph[:n], dtype=np.int64),
        value_graph=np.array(graph[n:], dtype=np.int64),
    ), FileReport(name, "nq", n + len(values))


def made(*parts):
    batches, files = zip(*(batch(*part, str(k)) for k, part in enumerate(parts)), strict=True)
    return KnowledgeGraph.from_columns(assemble(batches, ReadReport(files=files)))


def quads_of(kg):
    ids, names, graphs = kg.entities.ids, kg.relations.ids, kg.graphs.names.ids
    edges = [
        (ids[s], names[p], ids[o], graphs[g])
        for row, g in kg.graphs.triple.tolist()
        for s, p, o in [kg.triples[row].tolist()]
    ]
    table = kg.literals
    values = [
        (
            ids[table.subject[row]],
            names[table.relation[row]],
            table.value[row].as_py(),
            table.language[row].as_py(),
            graphs[g],
        )
        for row, g in kg.graphs.literal.tolist()
    ]
    return edges + values


def test_every_quad_is_there_once_and_every_triple_too():
    whole, parts = made((QUADS, VALUES)), made((QUADS[:2], VALUES[:1]), (QUADS[2:], VALUES[1:]))
    for kg in (whole, parts):
        assert sorted(quads_of(kg)) == sorted(set(QUADS) | set(VALUES))
        assert (kg.num_triples, len(kg.literals), len(kg.graphs)) == (3, 3, 7)
        assert kg.report.duplicates == 2
        assert kg.graphs.names.ids == ["", "g1", "g2", "g3"]
        assert kg.graphs.counts() == {"g2": 3, "g1": 2, "": 1, "g3": 1}
    assert whole.equals(parts)


def test_some_graphs_can_be_selected():
    kg = made((QUADS, VALUES))
    chosen = kg.select_graphs(["g1", "g3"])
    assert sorted(quads_of(chosen)) == sorted(
        [quad for quad in (*QUADS, *VALUES) if quad[-1] in ("g1", "g3")] + [("a", "p", "b", "g2")]
    )
    assert chosen.entities.ids == ["a", "b", "c", "d"]
    assert chosen.relations.ids == ["p", "q", "year"]
    assert kg.select_graphs("g3").entities.ids == ["d"]
    assert kg.select_graphs(kg.graphs.names.ids).equals(kg)
    with pytest.raises(UnknownIdError, match="No graph has the id 'g4'"):
        kg.select_graphs(["g4"])


def test_a_graph_without_names_has_the_default_graph_only():
    kg = KnowledgeGraph.from_triples([("a", "p", "b")])
    assert kg.graphs is None
    assert kg.select_graphs("") is kg
    with pytest.raises(UnknownIdError, match="no named graphs"):
        kg.select_graphs("g1")


def test_named_graphs_are_saved(tmp_path):
    kg = made((QUADS, VALUES))
    kg.save(tmp_path / "kg")
    loaded = KnowledgeGraph.load(tmp_path / "kg")
    assert loaded.equals(kg)
    assert sorted(quads_of(loaded)) == sorted(quads_of(kg))
    assert not loaded.equals(made((QUADS[1:], VALUES)))  # the same triples, one graph less


def test_an_update_needs_a_graph_without_names():
    kg = made((QUADS, VALUES))
    with pytest.raises(DataError, match="without_graphs"):
        kg.update(added=[("a", "p", "e")])
    assert kg.without_graphs().update(added=[("a", "p", "e")]).num_triples == 4
