"""Planted data with a known answer: blocks of users who like the items of their block.

No two sizes are alike, so that swapped axes fail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.graph.build import GraphConfig, build_graph
from kgrec.models.base import TrainingData
from kgrec.models.content import item_attributes

BLOCKS = ((16, 8), (9, 6), (7, 5))
"""Users and items of each block."""
NUM_USERS, NUM_WARM = 32, 19
COLD = (19, 20, 21)
"""One item for each block that nobody chose; text and attribute say where it belongs."""


@dataclass(frozen=True)
class Planted:
    """The data, and what the right answers are."""

    data: TrainingData
    held_out: Interactions
    block_of_user: np.ndarray
    block_of_item: np.ndarray


def log_of(pairs, num_users, num_items):
    """Return a log of (user row, item row) pairs."""
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Interactions(
        Vocabulary([f"u{row:03}" for row in range(num_users)], "user"),
        Vocabulary([f"i{row:03}" for row in range(num_items)], "item"),
        columns[:, 0].copy(),
        columns[:, 1].copy(),
    )


def planted(seed=0, *, attributes=True, text=True):
    """Every user chose all items of their block but one, which is held out."""
    rng = np.random.default_rng(seed)
    train, held_out, block_of_user, block_of_item = [], [], [], []
    first = 0
    for block, (num_users, num_items) in enumerate(BLOCKS):
        items = np.arange(first, first + num_items)
        for user in range(len(block_of_user), len(block_of_user) + num_users):
            missing = int(rng.choice(items))
            held_out.append((user, missing))
            train += [(user, item) for item in items if item != missing]
        block_of_user += [block] * num_users
        block_of_item += [block] * num_items
        first += num_items
    block_of_item += [0, 1, 2]
    num_items = len(block_of_item)
    log = log_of(train, NUM_USERS, num_items)
    table = None
    if attributes:
        shelf = [f"shelf {block}" for block in block_of_item]
        table = AttributeTable.read(
            pd.DataFrame({"item_id": log.items.ids, "shelf": shelf}), categories=["shelf"]
        )
    graph = build_graph(log, items=table, config=GraphConfig(min_degree=1))
    if text:
        directions = rng.normal(size=(len(BLOCKS), 7))
        noise = 0.2 * rng.normal(size=(num_items, 7))
        vectors = directions[block_of_item] + noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        graph["item"].text = torch.from_numpy(vectors.astype(np.float32))
    data = TrainingData(log, graph=graph, attributes=item_attributes(graph))
    return Planted(
        data,
        log_of(held_out, NUM_USERS, num_items),
        np.array(block_of_user),
        np.array(block_of_item),
    )


def found(scores, train, held_out):
    """Return the share of users whose held-out item is the best that they do not have."""
    scores = scores.copy()
    scores[train.matrix().toarray() > 0] = -np.inf
    scores[:, list(COLD)] = -np.inf
    return float((scores[held_out.user].argmax(1) == held_out.item).mean())
