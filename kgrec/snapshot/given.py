"""Checks of what is given: objects of the right kind, and data that fits together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.ids import check_ids_meet
from kgrec.data.interactions import Interactions
from kgrec.data.log_checks import warn_of_training
from kgrec.data.tables import require_column
from kgrec.data.vocabulary import id_list
from kgrec.errors import DataError, check_kind, printable
from kgrec.graph.settings import GraphConfig
from kgrec.models.base import Model
from kgrec.retrieval.settings import ApproximateIndexConfig, ExactIndexConfig
from kgrec.snapshot.inputs import Inputs
from kgrec.text.settings import TextConfig

_LOG = "Interactions, such as kgrec.Interactions.read(table)"
_TABLE = "an AttributeTable, such as kgrec.AttributeTable.read(table)"
_KINDS: Final[dict[str, tuple[type | tuple[type, ...] | str, str]]] = {
    # Graphs and links are known by what they can do: their modules load slowly.
    "kg": ("check_not_empty", "a graph, such as kgrec.KnowledgeGraph.read(file)"),
    "links": ("entity_of", "Links, such as kgrec.link(items, kg, table)"),
    "model": (Model, "a model, such as kgrec.EASE()"),
    "items": (AttributeTable, _TABLE),
    "users": (AttributeTable, _TABLE),
    "text": (TextConfig, "a kgrec.TextConfig, or None"),
    "graph": (GraphConfig, "a kgrec.GraphConfig"),
    "index": (
        (ExactIndexConfig, ApproximateIndexConfig),
        "a kgrec.ApproximateIndexConfig or kgrec.ExactIndexConfig",
    ),
    **dict.fromkeys(("train", "valid", "test", "given", "interactions"), (Interactions, _LOG)),
}


def check_kinds(**arguments: object) -> None:
    """Raise a DataError if an argument is no such object; None is always right."""
    for name, value in arguments.items():
        kind, expected = _KINDS[name]
        fits = hasattr(value, kind) if isinstance(kind, str) else isinstance(value, kind)
        check_kind(name, value, value is None or fits, expected)


def pair_ids(
    pairs: Iterable[tuple[str | int, str | int]] | pd.DataFrame,
) -> tuple[list[str], list[str]]:
    """Return the ids of users and of items in pairs, in their order.

    Args:
        pairs: Pairs of ids, or a frame with the columns `user_id` and `item_id`.

    Raises:
        DataError: A frame lacks a column, or something is no pair of ids.
    """
    if isinstance(pairs, pd.DataFrame):
        for column in ("user_id", "item_id"):
            require_column(pairs, column, "pairs")
        return pairs["user_id"].astype(str).tolist(), pairs["item_id"].astype(str).tolist()
    rows = list(pairs)
    wrong = [row for row in rows if not isinstance(row, tuple | list) or len(row) != 2]
    if wrong:
        raise DataError(
            f"pairs must be pairs of a user and an item, found {printable(repr(wrong[0]), 60)}."
        )
    users, items = [row[0] for row in rows], [row[1] for row in rows]
    return id_list(users, "pairs"), id_list(items, "pairs")


def check_fits(given: Inputs, train: Interactions) -> None:
    """Warn or raise if training cannot teach, or its ids are not those of tables and links."""
    warn_of_training(train.user, train.item)
    if given.items is not None:
        check_ids_meet(train.items, given.items.ids, "the item table")
    if given.users is not None:
        check_ids_meet(train.users, given.users.ids, "the user table")
    if given.links is not None:
        known = train.items if given.items is None else train.items.union(given.items.ids)
        linked = given.links.items.take(np.unique(given.links.item))
        check_ids_meet(known, linked, "the links")
