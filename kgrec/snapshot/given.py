"""Checks of what is given: objects of the right kind, and data that fits together."""

from __future__ import annotations

from typing import Final

import numpy as np

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.ids import check_ids_meet
from kgrec.data.interactions import Interactions
from kgrec.data.log_checks import warn_of_training
from kgrec.errors import check_kind
from kgrec.graph.settings import GraphConfig
from kgrec.models.base import Model
from kgrec.snapshot.inputs import Inputs
from kgrec.text.settings import TextConfig

_LOG = "Interactions, such as kgrec.Interactions.read(table)"
_TABLE = "an AttributeTable, such as kgrec.AttributeTable.read(table)"
_KINDS: Final[dict[str, tuple[type | str, str]]] = {
    # Graphs and links are known by what they can do: their modules load slowly.
    "kg": ("check_not_empty", "a graph, such as kgrec.KnowledgeGraph.read(file)"),
    "links": ("entity_of", "Links, such as kgrec.link(items, kg, table)"),
    "model": (Model, "a model, such as kgrec.EASE()"),
    "items": (AttributeTable, _TABLE),
    "users": (AttributeTable, _TABLE),
    "text": (TextConfig, "a kgrec.TextConfig, or None"),
    "graph": (GraphConfig, "a kgrec.GraphConfig"),
    **dict.fromkeys(("train", "valid", "test", "given", "interactions"), (Interactions, _LOG)),
}


def check_kinds(**arguments: object) -> None:
    """Raise a DataError if an argument is no such object; None is always right."""
    for name, value in arguments.items():
        kind, expected = _KINDS[name]
        fits = hasattr(value, kind) if isinstance(kind, str) else isinstance(value, kind)
        check_kind(name, value, value is None or fits, expected)


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
