"""Updates: the statements of a set of statements, old rows where they were, nothing else copied."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kgrec.data.interactions import Interactions
from kgrec.errors import ConfigError, DataError
from kgrec.graph.build import GraphConfig, build_graph
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.rdf.namespaces import XSD
from kgrec.text.verbalise import verbalise

names = st.sampled_from(["b", "d", "f", "_:x", "a", "c", "ä", "z"])
relations = st.sampled_from(["p", "r", "q"])
triples = st.tuples(names, relations, names)
literals = st.builds(
    lambda s, p, v, kind: (s, p, v, *kind),
    names,
    relations,
    st.sampled_from(["", "1", "10", "ß", "a\n"]),
    st.sampled_from([(XSD + "string", ""), (XSD + "integer", ""), (XSD[:-1] + "x", "")]),
)
statements = st.lists(st.one_of(triples, literals), max_size=14)
KG = KnowledgeGraph.from_triples(
    [("b", "p", "d"), ("b", "p", "f"), ("d", "q", "b")],
    [("b", "year", "1995", XSD + "integer", ""), ("b", "label", "Bee", "", "en")],
)


def stated(kg):
    """All statements of a graph, in its order."""
    entities, relations = kg.entities.ids, kg.relations.ids
    found = [(entities[s], relations[p], entities[o]) for s, p, o in kg.triples.tolist()]
    lit = kg.literals
    columns = (lit.value, lit.datatype, lit.language)
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    for s, p, row in zip(lit.subject.tolist(), lit.relation.tolist(), rows, strict=True):
        found.append((entities[s], relations[p], *row))
    return found


def graph_of(rows):
    return KnowledgeGraph.from_triples(
        [row for row in rows if len(row) == 3], [row for row in rows if len(row) == 5]
    )


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.one_of(triples, literals), min_size=1, max_size=14),
    st.lists(st.tuples(statements, statements), max_size=3),
)
@example(  # what goes is not in the order of the rows, since "b" came behind "d"
    [("d", "p", "d")],
    [([("b", "p", "b")], []), ([("b", "p", "d")], [("b", "p", "b"), ("d", "p", "d")])],
)
def test_like_a_set_of_statements(start, steps):
    kg, naive = graph_of(start), set(start)
    for added, removed in steps:
        old, before = kg, set(naive)
        naive = (naive - set(removed)) | set(added)
        kg = kg.update(added, removed)
        report = kg.report.updates[-1]
        assert report.added == len(naive - before)
        assert report.removed == len(before - naive)
        assert report.already_there == len(before & set(added))
        assert report.not_there == len(set(removed) - before)
        assert report.new_entities == kg.num_entities - old.num_entities
        assert report.new_relations == kg.num_relations - old.num_relations
        assert kg.entities.ids[: old.num_entities] == old.entities.ids
        assert kg.relations.ids[: old.num_relations] == old.relations.ids
    found = stated(kg)
    assert len(found) == len(naive)
    assert set(found) == naive
    check_order(kg)
    if naive:
        fresh = graph_of(sorted(naive, key=str))
        assert kg.equals(fresh)
        assert fresh.equals(kg)
        there = fresh.entities.ids
        rows = kg.entities.rows(there)
        assert verbalise(kg, rows) == verbalise(fresh)
        assert kg.degree()[rows].tolist() == fresh.degree().tolist()
        for row, id in zip(rows.tolist(), there, strict=True):
            around = kg.neighbors(row)
            assert len(around) == sum(id in row[::2] for row in naive if len(row) == 3)


def check_order(kg):
    triples = kg.triples.tolist()
    assert triples == sorted(triples)
    assert kg.triples.dtype == np.int32
    lit = kg.literals
    columns = lit.subject, lit.relation, lit.value, lit.datatype, lit.language
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert rows == sorted(rows, key=lambda row: (*row[:2], *(text.encode() for text in row[2:])))
    assert lit.subject.dtype == lit.relation.dtype == np.int32


def test_what_does_not_change_is_shared():
    same = KG.update([("b", "p", "d")], [("b", "p", "x"), ("x", "p", "b", "1", "", "")[:3]])
    assert same.entities is KG.entities
    assert same.relations is KG.relations
    assert same.triples is KG.triples
    assert same.literals is KG.literals
    edges = KG.update([("b", "q", "d")])
    assert edges.literals is KG.literals
    assert edges.entities is KG.entities
    assert edges.triples is not KG.triples
    texts = KG.update(removed=[("b", "label", "Bee", "", "en")])
    assert texts.triples is KG.triples
    assert texts.entities is KG.entities
    assert KG.num_triples == 3  # frozen: the old graph is what it was
    assert len(KG.literals) == 2


def test_an_entity_without_statements_keeps_its_row():
    kg = KG.update(removed=[("b", "p", "f")])
    assert kg.entities is KG.entities
    assert kg.degree().tolist() == [2, 2, 0]
    assert kg.equals(KnowledgeGraph.from_triples(*_without(KG, ("b", "p", "f"))))
    back = kg.update(added=[("b", "p", "f")])
    assert back.equals(KG)
    assert back.triples.tolist() == KG.triples.tolist()


def _without(kg, statement):
    rows = [row for row in stated(kg) if row != statement]
    return [row for row in rows if len(row) == 3], [row for row in rows if len(row) == 5]


def test_everything_may_go_and_come_back(tmp_path):
    none = KG.update(removed=KG)
    assert none.num_triples == len(none.literals) == 0
    assert none.num_entities == KG.num_entities
    none.save(tmp_path / "none")
    assert KnowledgeGraph.load(tmp_path / "none").equals(none)
    assert none.update(added=KG).equals(KG)
    assert not none.equals(KG)


def test_saved_and_loaded(tmp_path):
    kg = KG.update([("a", "p", "b"), ("a", "label", "Ä", "", "de")], [("d", "q", "b")])
    kg = kg.update([("c", "a", "a")])
    kg.save(tmp_path / "kg")
    loaded = KnowledgeGraph.load(tmp_path / "kg")
    assert loaded.entities == kg.entities
    assert loaded.entities.ids == ["b", "d", "f", "a", "c"]
    assert loaded.relations == kg.relations
    assert loaded.equals(kg)
    assert loaded.report == kg.report
    assert (
        len(json.loads((tmp_path / "kg" / "manifest.json").read_text())["report"]["updates"]) == 2
    )
    # A graph from disk can be changed as well.
    again = loaded.update([("0", "p", "b")], [("a", "label", "Ä", "", "de")])
    assert again.entities.ids == [*kg.entities.ids, "0"]
    assert again.equals(kg.update([("0", "p", "b")], [("a", "label", "Ä", "", "de")]))


def test_removing_what_is_not_there():
    kg = KG.update(removed=[("b", "p", "d"), ("b", "p", "z"), ("b", "year", "1996", "", "")])
    assert kg.report.updates[-1].removed == 1
    assert kg.report.updates[-1].not_there == 2
    assert KG.report.updates == ()
    wrong = [("b", "p", "d"), ("b", "p", "z\x1b[2J"), ("b", "p", "y")]
    with pytest.raises(DataError, match=r"2 of 3 statements to remove .*: b p y\. ") as error:
        KG.update(removed=wrong, missing="raise")
    assert "\x1b" not in str(error.value)
    literal = [("b", "year", "1996", XSD + "integer", ""), ("b", "p", "d")]
    with pytest.raises(DataError, match=r'1 of 2 statements .*: b year "1996"\.'):
        KG.update(removed=literal, missing="raise")
    assert KG.update(removed=wrong[:1], missing="raise").num_triples == 2
    with pytest.raises(ConfigError, match="expected 'ignore' or 'raise', found 'rais'"):
        KG.update(missing="rais")


@pytest.mark.parametrize("name", ["added", "removed"])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("a", "b"), "has 2 parts"),
        ("abc", "is 'abc'; expected 3 strings, or 5"),
        (("a", "b", ""), "missing or empty"),
        (("a", "b", 7), "must be strings"),
        (None, "is None"),
    ],
)
def test_malformed_statements(name, row, message):
    with pytest.raises(DataError, match=message):
        KG.update(**{name: [("b", "p", "d"), row]})


def test_blank_nodes_of_an_added_graph_are_new_ones():
    kg = KnowledgeGraph.from_triples([("_:b0", "p", "a"), ("_:b1", "p", "a")])
    other = KnowledgeGraph.from_triples([("_:b0", "q", "_:b7"), ("a", "q", "c")])
    new = kg.update(added=other)
    assert new.entities.ids == [*kg.entities.ids, "_:b7", "_:update1_b0", "c"]
    assert set(stated(new)) == set(stated(kg)) | {("_:update1_b0", "q", "_:b7"), ("a", "q", "c")}
    again = new.update(added=other)
    assert {"_:update2_b0", "_:update2_b7"} <= set(again.entities.ids)
    # In statements and in what is removed, a name means the graph's own node.
    own = kg.update([("_:b0", "q", "a")], KnowledgeGraph.from_triples([("_:b1", "p", "a")]))
    assert set(stated(own)) == {("_:b0", "p", "a"), ("_:b0", "q", "a")}


def test_many_statements_at_once():
    """Also where blocks begin at the same place, before and behind everything."""
    rng = np.random.default_rng(3)
    rows = [(f"e{rng.integers(400):03}", f"p{rng.integers(7)}", str(n % 90)) for n in range(3000)]
    rows = sorted({(s, p, v, XSD + "integer", "") for s, p, v in rows})
    chosen = rng.random(len(rows))
    old = [row for row, part in zip(rows, chosen, strict=True) if part < 0.7]
    added = [row for row, part in zip(rows, chosen, strict=True) if part > 0.6]
    removed = [row for row, part in zip(rows, chosen, strict=True) if part < 0.1]
    kg = graph_of(old).update(added, removed)
    assert set(stated(kg)) == (set(old) - set(removed)) | set(added)
    check_order(kg)


def test_links_and_training_go_on(tmp_path):
    """Links made for the old graph name the same entities in the new one."""
    log = Interactions.read(pd.DataFrame({"user_id": ["u", "v"], "item_id": ["i1", "i2"]}))
    table = pd.DataFrame({"item_id": ["i1", "i2"], "iri": ["b", "d"]})
    links = link(log.items, KG, table)
    new = KG.update([("a", "p", "b"), ("a", "p", "d")], [("d", "q", "b")])
    assert new.entities.take(links.entity) == ["b", "d"]
    graph = build_graph(log, new, links, config=GraphConfig(min_degree=1))
    assert graph["entity"].node_id == ["f", "a"]
    assert graph["entity", "p", "item"].edge_index.tolist() == [[1, 1], [0, 1]]
    assert [kind for kind in graph.edge_types if kind[1] == "q"] == []
