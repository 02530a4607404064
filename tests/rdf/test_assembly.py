"""A graph is made of batches as of sets of tuples, in little memory."""

import tracemalloc
import weakref

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.rdf import assembly, native, triple_keys
from kgrec.rdf.assembly import assemble, given_up
from kgrec.rdf.statements import LiteralTable, Statements

TERMS = ["", "e:", "e:a", "e:ab", "e:b", "e:ü", "_:file0_b0", "e:a\0"]
NAMES = ["", "g:1", "g:2", "_:file0_b1"]
ROW = st.tuples(
    st.sampled_from(TERMS), st.sampled_from("pqr"), st.sampled_from(TERMS), st.sampled_from(NAMES)
)
VALUE = st.tuples(
    st.sampled_from(TERMS),
    st.sampled_from("pqr"),
    st.sampled_from(["", "x", "xy", "y" * 40]),
    st.sampled_from(["", "en"]),
    st.sampled_from(NAMES),
)
BATCHES = st.lists(st.tuples(st.lists(ROW, max_size=25), st.lists(VALUE, max_size=25)), max_size=4)


def strings(values):
    return pa.array(values, type=pa.large_string())


def batch(rows, values, *, named):
    """A batch as a reader makes it: int32 codes into distinct strings in an order of its own."""

    def coded(*columns):
        distinct = sorted(
            {text for column in columns for text in column}, key=lambda t: (len(t), t)
        )
        codes = [np.array([distinct.index(t) for t in c], dtype=np.int32) for c in columns]
        return strings(distinct), codes

    subjects, predicates, objects, graphs = ([row[k] for row in rows] for k in range(4))
    owners, relations, texts, tags, places = ([row[k] for row in values] for k in range(5))
    terms, (subject, object, owner) = coded(subjects, objects, owners)
    names, (predicate, relation) = coded(predicates, relations)
    made = Statements(
        terms=terms,
        predicates=names,
        edges=np.stack([subject, predicate, object]).T,
        literals=LiteralTable(
            strings(texts),
            strings(["l" if tag else "s" for tag in tags]).dictionary_encode(),
            strings(tags).dictionary_encode(),
        ),
        values=np.stack([owner, relation]).T,
    )
    if not named:
        return made
    graph_names, (edge_graph, value_graph) = coded(graphs, places)
    return Statements(
        *(getattr(made, name) for name in ("terms", "predicates", "edges", "literals", "values")),
        graph_names,
        edge_graph,
        value_graph,
    )


def check(kg, batches, named):
    """Compare a graph with sets of tuples."""
    rows = [row for part in batches for row in part[0]]
    values = [row for part in batches for row in part[1]]
    ids, relations = kg.entities.ids, kg.relations.ids
    used = {t for s, _, o, _ in rows for t in (s, o)} | {value[0] for value in values}
    assert ids == sorted(used, key=str.encode)
    assert relations == sorted({row[1] for row in rows} | {value[1] for value in values})
    triples = [(ids[s], relations[p], ids[o]) for s, p, o in kg.triples.tolist()]
    by_rows = sorted({row[:3] for row in rows}, key=lambda t: tuple(map(str.encode, t)))
    assert kg.triples.dtype == np.int32
    assert triples == by_rows
    table = kg.literals
    literals = [
        (ids[s], relations[p], text, tag)
        for s, p, text, tag in zip(
            table.subject,
            table.relation,
            table.value.to_pylist(),
            table.language.to_pylist(),
            strict=True,
        )
    ]
    assert table.datatype.to_pylist() == ["l" if one[3] else "s" for one in literals]
    assert len(set(literals)) == len(literals)
    assert set(literals) == {value[:4] for value in values}
    assert [one[:3] for one in literals] == sorted(
        (one[:3] for one in literals), key=lambda one: tuple(map(str.encode, one))
    )
    stated = len(rows) + len(values)
    distinct = len(triples) + len(literals)
    if named:
        graphs = kg.graphs.names.ids
        found = {(triples[row], graphs[g]) for row, g in kg.graphs.triple.tolist()}
        assert found == {(row[:3], row[3]) for row in rows}
        found_too = {(literals[row], graphs[g]) for row, g in kg.graphs.literal.tolist()}
        assert found_too == {(value[:4], value[4]) for value in values}
        distinct = len(kg.graphs)
        assert distinct == len(found) + len(found_too)
    assert kg.report.duplicates == stated - distinct


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("way", ["few", "native", "columns"])
@settings(max_examples=60, deadline=None)
@given(given_batches=BATCHES)
def test_batches_are_the_set_of_their_statements(way, named, given_batches):
    """With numpy, with the compiled loops, and where a key would have more than 63 bits."""
    batches = [part for part in given_batches if part[0] or part[1]]
    if not batches:
        return
    with pytest.MonkeyPatch.context() as patch:
        if way == "native":
            patch.setattr(native, "_WORTH", 1)
            patch.setattr(assembly, "_FEW_STRINGS", 0)
        if way == "columns":
            patch.setattr(triple_keys, "_MOST_BITS", -1)
        kg = assemble(batch(*part, named=named) for part in batches)
    check(kg, batches, named)


def test_what_is_given_up_is_held_by_the_taker_only():
    given_list = [{1}, {2}, {3}]
    taken = given_up(given_list)
    assert next(taken) == {1}
    assert given_list == [{3}, {2}]
    assert list(taken) == [{2}, {3}]
    assert not given_list


def planted(count, named):
    rng = np.random.default_rng(0)
    edges = rng.integers(0, (1000, 7, 1000), size=(count, 3), dtype=np.int32)
    ids = rng.permutation(1000)
    return Statements(
        terms=strings([f"e:{n}" for n in ids]),
        predicates=strings(list("pqrstuv")),
        edges=np.asfortranarray(edges),
        literals=LiteralTable(
            strings([]), strings([]).dictionary_encode(), strings([]).dictionary_encode()
        ),
        values=np.empty((0, 2), dtype=np.int32),
        graphs=strings(["g:a", "g:b"]) if named else None,
        edge_graph=rng.integers(2, size=count, dtype=np.int32) if named else None,
        value_graph=np.empty(0, dtype=np.int32) if named else None,
    )


@pytest.mark.parametrize(("named", "most"), [(False, 32), (True, 90)])
def test_memory_of_a_triple(named, most):
    """What is sorted is given back on the way: the columns have 12 bytes, a key has 8."""
    count = 1 << 18
    assemble([planted(count, named)])  # compiling takes memory itself
    tracemalloc.start()
    try:
        batches = [planted(count, named)]
        gone = weakref.ref(batches[0].edges)
        tracemalloc.reset_peak()
        kg = assemble(given_up(batches))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert gone() is None
    assert len(kg.triples) + kg.report.duplicates == count if not named else kg.graphs is not None
    assert peak < most * count
