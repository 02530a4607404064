"""Drawing neighborhoods: against a naive oracle, and by how often each edge is drawn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import ConfigError
from kgrec.graph.neighbors import InEdges, Neighbors


@st.composite
def graphs(draw):
    """Sizes, some of them 0, and edges of several types, some without any."""
    sizes = {kind: draw(st.integers(0, 7)) for kind in ("a", "b", "c")}
    ends = st.tuples(st.sampled_from("abc"), st.sampled_from("rq"), st.sampled_from("abc"))
    kinds = draw(st.lists(ends, max_size=5, unique=True))
    edges = {}
    for kind in kinds:
        pairs = [(s, t) for s in range(sizes[kind[0]]) for t in range(sizes[kind[2]])]
        edges[kind] = draw(st.lists(st.sampled_from(pairs), max_size=25)) if pairs else []
    seeds = {
        kind: draw(st.lists(st.integers(0, size - 1), unique=True)) if size else []
        for kind, size in sizes.items()
        if draw(st.booleans())
    }
    hops = draw(st.integers(0, 3))
    number = st.sampled_from([-1, 0, 1, 2, 3, 10**12])
    fan_out = {kind: draw(st.lists(number, min_size=hops, max_size=hops)) for kind in kinds}
    return sizes, edges, seeds, fan_out


def drawn(sizes, edges, seeds, fan_out, seed=0):
    stored, order = {}, {}
    for kind, pairs in edges.items():
        ends = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
        stored[kind], order[kind] = InEdges.from_edges(ends[:, 0], ends[:, 1], sizes[kind[2]])
    rows = {kind: torch.tensor(some, dtype=torch.int64) for kind, some in seeds.items()}
    generator = torch.Generator().manual_seed(seed)
    neighbors = Neighbors(sizes, stored)
    part = neighbors.draw(rows, fan_out, generator)
    assert all(bool((table == -1).all()) for table in neighbors._row.values())
    ids = {kind: order[kind][place].tolist() for kind, place in part.place.items()}
    return part, ids


@settings(max_examples=300, deadline=None)
@given(graphs(), st.integers(0, 5))
def test_what_is_drawn_is_a_neighborhood(graph, seed):
    sizes, edges, seeds, fan_out = graph
    part, ids = drawn(sizes, edges, seeds, fan_out, seed)
    hops = max(map(len, fan_out.values()), default=0)
    for kind in sizes:
        assert len(part.num_nodes[kind]) == hops + 1
        assert sum(part.num_nodes[kind]) == len(part.node[kind])
        assert part.node[kind][: part.num_nodes[kind][0]].tolist() == seeds.get(kind, [])
        assert len(set(part.node[kind].tolist())) == len(part.node[kind])
    hop_of = {kind: np.repeat(np.arange(hops + 1), part.num_nodes[kind]).tolist() for kind in sizes}
    reached = {kind: set(range(part.num_nodes[kind][0])) for kind in sizes}
    for kind, pairs in edges.items():
        source, _, target = kind
        assert len(part.num_edges[kind]) == hops
        assert sum(part.num_edges[kind]) == len(ids[kind])
        assert len(set(ids[kind])) == len(ids[kind])
        count = dict.fromkeys(range(len(part.node[target])), 0)
        for edge, s, t in zip(
            ids[kind], part.source[kind].tolist(), part.target[kind].tolist(), strict=True
        ):
            assert pairs[edge] == (int(part.node[source][s]), int(part.node[target][t]))
            assert hop_of[source][s] <= hop_of[target][t] + 1
            reached[source].add(s)
            count[t] += 1
        # Each node is expanded once, by the number of the hop after the one that found it.
        for t, found in count.items():
            degree = sum(pair[1] == int(part.node[target][t]) for pair in pairs)
            hop = hop_of[target][t]
            num = fan_out[kind][hop] if hop < hops else 0
            assert found == (degree if num < 0 else min(num, degree))
            weights = part.weight[kind][part.target[kind] == t].tolist()
            assert weights == [pytest.approx(degree / found)] * found if found else not weights
    assert {kind: len(rows) for kind, rows in reached.items()} == {
        kind: len(rows) for kind, rows in part.node.items()
    }


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_all_edges_are_taken_without_a_limit(graph):
    sizes, edges, seeds, fan_out = graph
    hops = max(map(len, fan_out.values()), default=0)
    part, ids = drawn(sizes, edges, seeds, {kind: [-1] * hops for kind in edges})
    inside = {(kind, row) for kind, rows in seeds.items() for row in rows}
    taken = set()
    for _ in range(hops):
        edge_into = {
            (kind, place)
            for kind, pairs in edges.items()
            for place, (_, target) in enumerate(pairs)
            if (kind[2], target) in inside
        }
        taken |= edge_into
        inside |= {(kind[0], edges[kind][place][0]) for kind, place in edge_into}
    assert {(kind, edge) for kind, some in ids.items() for edge in some} == taken
    assert {(kind, row) for kind, rows in part.node.items() for row in rows.tolist()} == inside


@pytest.mark.parametrize(("degree", "num"), [(2, 1), (7, 3), (7, 5), (7, 6), (64, 9), (1000, 4)])
def test_each_edge_and_each_pair_of_edges_has_the_same_chance(degree, num):
    tries = 20_000
    edges = InEdges(
        torch.arange(tries + 1) * degree, torch.arange(degree).repeat(tries)
    )  # `tries` destinations with the same sources
    neighbors = Neighbors({"s": degree, "t": tries}, {("s", "r", "t"): edges})
    part = neighbors.draw(
        {"t": torch.arange(tries)}, {("s", "r", "t"): [num]}, torch.Generator().manual_seed(3)
    )
    sources = part.node["s"][part.source["s", "r", "t"]].reshape(tries, num).numpy()
    times = np.bincount(sources.ravel(), minlength=degree)
    share = num / degree
    # Draws of one node are without replacement, those of two are independent: variances are exact.
    assert np.abs(times - tries * share).max() < 5 * (tries * share * (1 - share)) ** 0.5 + 1e-9
    if degree <= 64 and num > 1:
        one_hot = np.zeros((tries, degree))
        np.put_along_axis(one_hot, sources, 1, axis=1)
        together = (one_hot.T @ one_hot)[np.triu_indices(degree, 1)]
        both = share * (num - 1) / (degree - 1)
        assert np.abs(together - tries * both).max() < 5 * (tries * both * (1 - both)) ** 0.5
        assert together.sum() == tries * num * (num - 1) / 2


def test_a_hub_costs_what_is_drawn_of_it(monkeypatch):
    """Numbers are drawn for the edges that are taken, and not for all of the hub's."""
    asked = []
    rand = torch.rand
    monkeypatch.setattr(torch, "rand", lambda n, **more: asked.append(n) or rand(n, **more))
    edges, _ = InEdges.from_edges(torch.arange(500_000), torch.zeros(500_000, dtype=torch.int64), 1)
    neighbors = Neighbors({"s": 500_000, "t": 1}, {("s", "r", "t"): edges})
    part = neighbors.draw({"t": torch.zeros(1).long()}, {("s", "r", "t"): [6]}, torch.Generator())
    assert asked == [6]
    assert len(part.node["s"]) == 6


def test_an_interruption_leaves_no_marks(monkeypatch):
    edges, _ = InEdges.from_edges(torch.arange(5), torch.zeros(5, dtype=torch.int64), 2)
    neighbors = Neighbors({"s": 5, "t": 2}, {("s", "r", "t"): edges})
    arguments = {"t": torch.tensor([0])}, {("s", "r", "t"): [-1]}, torch.Generator()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "repeat_interleave", interrupted)
    with pytest.raises(KeyboardInterrupt):
        neighbors.draw(*arguments)
    monkeypatch.undo()
    assert sorted(neighbors.draw(*arguments).node["s"].tolist()) == [0, 1, 2, 3, 4]


def test_without_numba_it_says_so(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"needs numba, .* not installed"):
        Neighbors({"s": 1}, {})
