"""Planted data with a known answer: blocks of users who like the items of their block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.graph.build import GraphConfig, build_graph
from kgrec.graph.modalities import TEXT, attach
from kgrec.models.base import unit_rows
from kgrec.models.content import item_attributes
from kgrec.models.training_data import TrainingData
from kgrec.types import FloatArray, IntArray

BLOCKS = ((30, 9), (17, 7), (10, 8))
"""Users and items of each block: all sizes differ, so that swapped axes fail."""


@dataclass(frozen=True)
class Planted:
    """Planted data, and the right answers.

    Attributes:
        data: The training data: interactions, graph and attributes of items.
        held_out: For each user, the one item of the block that is not in `data.train`.
        block_of_user: int64 of shape (num_users,); -1 for users without interactions.
        block_of_item: int64 of shape (num_items,).
    """

    data: TrainingData
    held_out: Interactions
    block_of_user: IntArray
    block_of_item: IntArray

    @property
    def known_users(self) -> IntArray:
        """Rows of the users with interactions."""
        return np.flatnonzero(self.block_of_user >= 0)

    @property
    def new_items(self) -> IntArray:
        """Rows of the items that nobody chose."""
        return np.setdiff1d(np.arange(self.data.train.num_items), self.data.train.item)

    def found(self, scores: FloatArray) -> float:
        """Return the share of users whose held-out item ranks first among the items they lack.

        Items that nobody chose are not ranked: in their own block they are as good an answer.

        Args:
            scores: float32 of shape (b, num_items) for the first b users, which include all
                known ones.
        """
        open_ = scores.copy()
        open_[self.data.train.matrix()[: len(scores)].toarray() > 0] = -np.inf
        open_[:, self.new_items] = -np.inf
        return float((open_[self.held_out.user].argmax(axis=1) == self.held_out.item).mean())


def planted(
    seed: int = 0,
    *,
    blocks: Sequence[tuple[int, int]] = BLOCKS,
    new_items: Sequence[int] = (2,),
    new_users: int = 1,
    attributes: bool = True,
    text: bool = True,
) -> Planted:
    """Make users who chose all items of their block except one, which is held out.

    Users and items are numbered block by block. The last rows are users and items without
    interactions, which a model must also serve.

    Args:
        seed: Chooses the held-out items and the text vectors.
        blocks: The number of users and of items of each block.
        new_items: The block of each item that nobody chose. Its content shows its block.
        new_users: The number of users without interactions.
        attributes: Whether an attribute `shelf` of each item names its block.
        text: Whether items have text vectors, of 7 numbers, that are similar within a block.

    >>> case = planted()
    >>> case.data.train.num_users, case.data.train.num_items
    (58, 25)
    >>> case.block_of_item[case.new_items]
    array([2])
    """
    rng = np.random.default_rng(seed)
    block_of_user = np.repeat(np.arange(len(blocks)), [users for users, _ in blocks])
    block_of_item = np.repeat(np.arange(len(blocks)), [items for _, items in blocks])
    chosen = [np.flatnonzero(block_of_item == block) for block in block_of_user]
    missing = [int(rng.choice(items)) for items in chosen]
    block_of_user = np.append(block_of_user, np.full(new_users, -1))
    block_of_item = np.append(block_of_item, np.array(new_items, dtype=np.int64))
    shape = len(block_of_user), len(block_of_item)
    pairs = [
        (user, int(item))
        for user, (items, left_out) in enumerate(zip(chosen, missing, strict=True))
        for item in items
        if item != left_out
    ]
    train = log_from_pairs(pairs, *shape)
    table = None
    if attributes:
        shelf = [f"shelf {block}" for block in block_of_item]
        frame = pd.DataFrame({"item_id": train.items.ids, "shelf": shelf})
        table = AttributeTable.read(frame, categories=["shelf"])
    graph = build_graph(train, items=table, config=GraphConfig(min_degree=1))
    if text:
        vectors = rng.normal(size=(len(blocks), 7))[block_of_item]
        vectors += 0.2 * rng.normal(size=(len(block_of_item), 7))
        attach(graph, "item", TEXT, unit_rows(vectors.astype(np.float32)), made_by="planted")
    return Planted(
        TrainingData(train, graph=graph, attributes=item_attributes(graph)),
        log_from_pairs(list(enumerate(missing)), *shape),
        block_of_user,
        block_of_item,
    )


def log_from_pairs(
    pairs: Sequence[tuple[int, int]], num_users: int, num_items: int
) -> Interactions:
    """Return interactions of (user row, item row) pairs, with ids such as `u003` and `i012`.

    >>> log_from_pairs([(0, 2), (1, 0)], 2, 3).to_pandas().values.tolist()
    [['u000', 'i002'], ['u001', 'i000']]
    """
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Interactions(
        Vocabulary([f"u{row:03}" for row in range(num_users)], "user"),
        Vocabulary([f"i{row:03}" for row in range(num_items)], "item"),
        rows[:, 0].copy(),
        rows[:, 1].copy(),
    )
