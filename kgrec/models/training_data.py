"""The data that a model learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.models.checks import check_rows
from kgrec.types import IntArray


@dataclass(frozen=True)
class TrainingData:
    """The data for `fit`. A model reads the parts that it needs and changes none of them.

    Attributes:
        train: The interactions to learn from.
        valid: Interactions over the same vocabularies that stop the training; None: none are
            held out.
        graph: The user–item–attribute graph, a `torch_geometric.data.HeteroData`, made of
            `train` and the knowledge graph alone.
        attributes: Which item has which attribute: a binary float32 matrix of shape
            (num_items, num_attributes), from the knowledge graph and the item table.
        candidates: Rows of the items that are ranked for `valid`, int64 of shape (c,); None: all.
        user_features: Features from the user table, see
            `kgrec.models.user_content.user_features`: float32 of shape (num_users, num_features),
            non-negative; None: there is no user table.
        words: Which item's text has which word, see `kgrec.text.words.tf_idf`: float32 of shape
            (num_items, num_words), rows of length 1 or 0; None: there is no text.

    Raises:
        DataError: The parts do not fit together.
        UnknownIdError: A candidate is outside of 0 … num_items - 1.
    """

    train: Interactions
    valid: Interactions | None = None
    graph: Any = None
    attributes: csr_matrix | None = None
    candidates: IntArray | None = None
    user_features: csr_matrix | None = None
    words: csr_matrix | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if self.valid is not None and (
            self.valid.users != self.train.users or self.valid.items != self.train.items
        ):
            raise DataError("train and valid must share their vocabularies.")
        for name, of_items in (("attributes", self.attributes), ("words", self.words)):
            if of_items is not None and of_items.shape[0] != self.train.num_items:
                raise DataError(
                    f"{name} must have a row for each of the {self.train.num_items} items, found "
                    f"the shape {of_items.shape}."
                )
        if self.user_features is not None and (self.user_features.shape[0] != self.train.num_users):
            raise DataError(
                f"user_features must have a row for each of the {self.train.num_users} users, "
                f"found the shape {self.user_features.shape}."
            )
        if self.candidates is not None:
            check_rows(self.candidates, self.train.num_items, "candidate item")
