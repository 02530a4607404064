"""What is known of a data set before anything is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from kgrec.graph.modalities import NUMERIC, vectors_of
from kgrec.models.training_data import TrainingData


@dataclass(frozen=True)
class Facts:
    """Counts and shares that decide which models are tried.

    Attributes:
        num_users: Users with training interactions.
        num_items: Items with training interactions.
        catalogue: All items.
        interactions: Training interactions.
        valid_users: Users with validation interactions; 0: there is no validation part.
        new_items: Share of the ranked items that have no training interactions.
        new_users: Share of the validation users that have no training interactions.
        has_times: Whether interactions have times that differ.
        rating_ratio: Largest rating over the smallest of the training interactions; 1: all are
            the same, or there are none, or some are not above 0.
        attributes: Attributes of an item that other items have too, on average.
        item_rows: Items with more than one interaction.
        user_rows: Users with more than one interaction.
        attribute_rows: Attributes of three or more items.
        word_rows: Words in the items' texts.
        user_features: Features of the user table.
        has_dislikes: Whether it is known what users did not like.
        has_vectors: Whether items have vectors, such as those of texts.
        has_numbers: Whether items have numeric columns.
        has_entities: Whether there is a knowledge graph.
        has_columns: Whether the item table has columns of categories.
    """

    num_users: int
    num_items: int
    catalogue: int
    interactions: int
    valid_users: int
    new_items: float
    new_users: float
    has_times: bool
    rating_ratio: float
    attributes: float
    item_rows: int
    user_rows: int
    attribute_rows: int
    word_rows: int
    user_features: int
    has_dislikes: bool
    has_vectors: bool
    has_numbers: bool
    has_entities: bool = False
    has_columns: bool = False

    @property
    def has_words(self) -> bool:
        """Whether items have texts."""
        return self.word_rows > 0

    @classmethod
    def of(cls, data: TrainingData) -> Self:
        """Count what `data` holds."""
        train = data.train
        count = np.bincount(train.item, minlength=train.num_items)
        active = np.bincount(train.user, minlength=train.num_users)
        ranked = count if data.candidates is None else count[data.candidates]
        valid = np.zeros(0, dtype=np.int64) if data.valid is None else np.unique(data.valid.user)
        column = np.zeros(0, dtype=np.int64)
        if data.attributes is not None:
            column = np.bincount(data.attributes.indices, minlength=data.attributes.shape[1])
        shared = float(column[column > 1].sum()) / max(1, train.num_items)
        graph = data.graph
        kinds = [] if graph is None else graph.node_types
        times, ratings = train.timestamp, train.rating
        usable = ratings is not None and len(ratings) > 0 and bool((ratings > 0).all())
        return cls(
            num_users=int((active > 0).sum()),
            num_items=int((count > 0).sum()),
            catalogue=train.num_items,
            interactions=len(train),
            valid_users=len(valid),
            new_items=float((ranked == 0).mean()) if len(ranked) else 0.0,
            new_users=float((active[valid] == 0).mean()) if len(valid) else 0.0,
            has_times=times is not None and len(times) > 0 and bool(times.min() < times.max()),
            rating_ratio=float(ratings.max() / ratings.min())
            if usable and ratings is not None
            else 1.0,
            attributes=shared,
            item_rows=int((count > 1).sum()),
            user_rows=int((active > 1).sum()),
            attribute_rows=int((column > 2).sum()),
            word_rows=0 if data.words is None else len(np.unique(data.words.indices)),
            user_features=0 if data.user_features is None else data.user_features.shape[1],
            has_dislikes=train.dislikes is not None and len(train.dislikes) > 0,
            has_vectors=graph is not None and bool(vectors_of(graph, "item")),
            has_numbers=graph is not None and NUMERIC in graph["item"],
            has_entities=any(kind.startswith("entity") for kind in kinds),
            has_columns=any(kind.startswith("item_") for kind in kinds),
        )

    def lines(self) -> list[str]:
        """Return the facts as lines for people."""
        have = {
            "times": self.has_times,
            "ratings that differ": self.rating_ratio > 1,
            "dislikes": self.has_dislikes,
            "texts": self.has_words or self.has_vectors,
            "numbers": self.has_numbers,
            "a user table": self.user_features > 0,
        }
        there = [name for name, present in have.items() if present]
        absent = [name for name, present in have.items() if not present]
        return [
            f"{self.interactions:,} interactions: {self.interactions / max(1, self.num_users):.1f} "
            f"a user, {self.interactions / max(1, self.num_items):.1f} an item; "
            f"{self.attributes:.1f} shared attributes an item.",
            f"Of the ranked items {self.new_items:.0%} are new, of the validation users "
            f"{self.new_users:.0%}.",
            f"There are: {', '.join(there) or 'interactions only'}."
            + (f" Not: {', '.join(absent)}." if absent else ""),
        ]
