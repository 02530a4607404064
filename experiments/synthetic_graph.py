"""A random user–item–entity graph of any size, with degrees by a power law."""

from __future__ import annotations

import numpy as np
import torch
from torch_geometric.data import HeteroData

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.models.training_data import TrainingData

OF_ITEMS, OF_ENTITIES = 8, 2
"""Relations from items to entities, and among entities."""
EXPONENT = 0.8
"""Of the power law: the k-th most popular node has a share that goes with k ** -EXPONENT."""


def synthetic(num_edges: int, seed: int = 0) -> TrainingData:
    """Return a graph with `num_edges` edges: half interactions, half of the knowledge graph.

    There are a user and an entity for each 20 edges, an item for each 50. Users have 10
    interactions and items and entities about as many edges in the mean, spread by the power law.
    An inverse stands beside each edge and is not counted.
    """
    num_users, num_items, num_entities = (max(num_edges // n, 20) for n in (20, 50, 20))
    sizes = num_users, num_items, num_edges // 2, num_edges // 2
    return knowledge(*sizes, num_entities=num_entities, seed=seed)


def knowledge(
    num_users: int,
    num_items: int,
    num_interactions: int,
    num_triples: int,
    *,
    num_entities: int | None = None,
    seed: int = 0,
) -> TrainingData:
    """Return a graph of these sizes; see `synthetic`.

    Args:
        num_users: Users.
        num_items: Items.
        num_interactions: Distinct pairs of a user and an item.
        num_triples: Triples of the knowledge graph, a tenth of them for each relation.
        num_entities: Entities besides the items; None: a tenth of the triples.
        seed: The seed.
    """
    rng = np.random.default_rng(seed)
    num_entities = num_entities or max(num_triples // 10, 20)
    pairs = _pairs(rng, num_interactions, num_users, num_items)
    log = Interactions(_ids("user", num_users), _ids("item", num_items), *pairs)
    sizes = {"user": num_users, "item": num_items, "entity": num_entities}
    entities = _ids("entity", num_entities)
    data = HeteroData()
    for kind, nodes in (("user", log.users), ("item", log.items), ("entity", entities)):
        data[kind].num_nodes, data[kind].node_id = len(nodes), nodes.ids
    _add(data, ("user", "interacts", "item"), pairs)
    each = num_triples // (OF_ITEMS + OF_ENTITIES)
    for number in range(OF_ITEMS + OF_ENTITIES):
        source = "item" if number < OF_ITEMS else "entity"
        # Each relation has popular entities of its own, as genres and directors are.
        shift = int(rng.integers(num_entities))
        sources, targets = _pairs(rng, each, sizes[source], num_entities)
        _add(data, (source, f"r{number}", "entity"), (sources, (targets + shift) % num_entities))
    return TrainingData(log, graph=data)


def _pairs(
    rng: np.random.Generator, num: int, num_sources: int, num_targets: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct pairs, the sources uniform and the targets by the power law."""
    cumulative = np.cumsum(np.arange(1, num_targets + 1) ** -EXPONENT)
    made = np.zeros(0, dtype=np.int64)
    while len(made) < num:
        wanted = int((num - len(made)) * 1.1) + 10
        target = np.searchsorted(cumulative, rng.random(wanted) * cumulative[-1])
        source = rng.integers(num_sources, size=wanted)
        made = np.unique(np.concatenate([made, source * num_targets + target]))
    made = rng.permutation(made)[:num]
    return made // num_targets, made % num_targets


def _ids(name: str, num: int) -> Vocabulary:
    return Vocabulary([f"{name[0]}{row:09}" for row in range(num)], name)


def _add(
    data: HeteroData, kind: tuple[str, str, str], pairs: tuple[np.ndarray, np.ndarray]
) -> None:
    index = torch.from_numpy(np.stack(pairs))
    data[kind].edge_index = index
    data[kind[2], f"rev_{kind[1]}", kind[0]].edge_index = index.flip(0).contiguous()
