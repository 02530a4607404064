"""Paths on random graphs, compared with a search that follows every edge."""

from itertools import product

import numpy as np
import pytest
from film_paths import LIKES, TITLES, film_paths

from kgrec.explain.paths import PathFinder
from kgrec.graph.build import forward_types


def random_graph(seed):
    rng = np.random.default_rng(seed)
    things = ["kurosawa", "drama", "honour", "horror", "slasher"]
    names = ["director", "genre", "about"]
    triples = [
        (int(rng.integers(8)), str(rng.choice(names)), str(rng.choice(things))) for _ in range(22)
    ]
    triples += [
        (int(a), "isBasedOn", int(b)) for a, b in rng.integers(8, size=(3, 2)) if a != b
    ] + [("slasher", "broader", "horror"), ("drama", "inspired", 3)]
    return film_paths(triples, num_items=8, titles=TITLES[:8], likes=LIKES[:2])


def naive_scores(graph, item, liked):
    """The score of each (liked item, nodes between), by following every edge."""
    steps = {}
    for source, name, target in forward_types(graph):
        for a, b in graph[source, name, target].edge_index.t().tolist():
            steps.setdefault((source, a), set()).add(((target, b), name, True))
            steps.setdefault((target, b), set()).add(((source, a), name, False))
    num_items = graph["item"].num_nodes

    def items_at(node):
        return {far for far, _, _ in steps.get(node, ()) if far[0] == "item"}

    def specificity(node):
        count = len(items_at(node))
        return np.log(num_items / count) / np.log(num_items) if count else 0.0

    def shared(one):
        mine, other = (
            {(far, name, way) for far, name, way in steps.get(node, ()) if far[0] == "entity"}
            for node in (("item", one), ("item", item))
        )
        found = {}
        for (far, name, way), (end, last, back) in product(mine, other):
            if far == end:
                factor = 1.0 if (name, way) == (last, back) else 0.75
                found[far] = max(found.get(far, 0), factor)
        return found

    nodes = {one: shared(one) for one in liked}
    overlap = {one: sum(map(specificity, nodes[one])) for one in liked}
    greatest = max(overlap.values()) or 1
    scores = {}
    for one in liked:
        close = (1 + overlap[one] / greatest) / 2
        for node, factor in nodes[one].items():
            scores[one, node] = factor * specificity(node) * close
        for far, _, _ in steps.get(("item", one), ()):
            if far == ("item", item):
                spread = max(len(items_at(("item", one))), len(items_at(far)))
                scores[(one,)] = np.log(num_items / spread) / np.log(num_items) * close
        own = {far for far, _, _ in steps.get(("item", item), ()) if far[0] == "entity"}
        for first, _, _ in steps.get(("item", one), ()):
            if first[0] == "entity" and first not in own:
                for second, _, _ in steps.get(first, ()):
                    if second in own:
                        least = min(specificity(first), specificity(second))
                        scores[one, first, second] = 0.5 * least * close
    return {key: score for key, score in scores.items() if score > 0}


@pytest.mark.parametrize("seed", range(12))
def test_same_as_a_naive_search(seed):
    graph, _ = random_graph(seed)
    finder = PathFinder(graph)
    for item in range(8):
        liked = [row for row in range(8) if row != item][: 3 + seed % 4]
        found = finder.explain(item, liked=liked, k=500)
        scores = {
            (path.liked.row, *((node.type, node.row) for node in path.between)): path.score
            for path in found.paths
            if path.kind != "audience"
        }
        assert scores == pytest.approx(naive_scores(graph, item, liked))
        best = [path.score for path in found.paths]
        assert best == sorted(best, reverse=True)
