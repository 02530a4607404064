"""What statements about an item add to a score, by leaving them out of the graph."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.graph.relation_names import INTERACTS
from kgrec.models.base import Model
from kgrec.models.content import item_attributes
from kgrec.models.training_data import TrainingData
from kgrec.snapshot.prepared import prepare
from kgrec.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from kgrec.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class Statement:
    """A statement about an item in the graph that models see.

    Attributes:
        relation: Name of the relation.
        label: Its name in words.
        kind: Type of the other node.
        row: Row of the other node.
        name: Its name.
        forward: Whether the relation runs from the item.
    """

    relation: str
    label: str
    kind: str
    row: int
    name: str
    forward: bool


class Masking:
    """Scores without some statements about an item.

    The model gets the graph without them (`Model.updated`) and is not trained again: closed forms
    are solved anew, and a link predictor passes its messages over the edges that are left. Texts
    stay as they are, also where they tell the same.

    Args:
        now: The snapshot; it must have the interactions that it was trained on.
        item: Row of the item that the statements are about.

    Raises:
        DataError: The snapshot has no interactions, or was updated at once.
    """

    def __init__(self, now: Snapshot, item: int) -> None:
        if not now.interactions or now.base is not None:
            raise DataError(
                "Statements are left out of the graph that the model was trained on: this takes "
                "the interactions of the training, and no update that is not settled yet."
            )
        self._now, self._item = now, item
        made = prepare(now.inputs, now.interactions[0], None, None, now.derived)
        self._data: TrainingData = made.data
        self.statements = self._found()
        self._whole = now.model.updated(self._data)

    def _found(self) -> tuple[Statement, ...]:
        names, found = self._now.names, dict[tuple[str, str, int], Statement]()
        for kind in self._data.graph.edge_types:
            if kind[1] == INTERACTS[1] or "user" in (kind[0], kind[2]):
                continue
            forward = not kind[1].startswith("rev_")
            for end, other in ((0, 2), (2, 0)):
                if kind[end] != "item" or (end == 2 and not forward):
                    continue
                edges = self._data.graph[kind].edge_index.numpy()
                base = kind[1].removeprefix("rev_")
                for row in edges[other // 2, edges[end // 2] == self._item].tolist():
                    key = (base, kind[other], int(row))
                    iri = self._iri(base)
                    label = names.relation((kind[0], base, kind[2]), iri)
                    said = Statement(
                        base, label, kind[other], int(row), names.node(kind[other], int(row)),
                        forward == (end == 0),
                    )  # fmt: skip
                    found.setdefault(key, said)
        return tuple(found.values())

    def _iri(self, name: str) -> str:
        edges = self._now.arrays.edges
        return next((edge.iri for kind, edge in edges.items() if kind[1] == name), "")

    def scores(self, user: int | None, history: csr_matrix, kept: BoolArray) -> FloatArray:
        """Return the scores of all items with some of the statements, float32 (b, num_items).

        Args:
            user: Row of the user, if these are all of their items; None: they are those of a new
                user.
            history: The items of the user, CSR of shape (1, num_items).
            kept: Which statements stay, bool of shape (b, number of statements).
        """
        rows = [self._scores(self._without(row), user, history) for row in kept]
        return np.concatenate(rows)

    def effects(self, user: int | None, history: csr_matrix, item: int) -> FloatArray:
        """Return by how much the score of an item falls without each statement, float32 (n,)."""
        whole = self._scores(self._whole, user, history)[0, item]
        alone = ~np.eye(len(self.statements), dtype=bool)
        if not len(alone):
            return np.zeros(0, dtype=np.float32)
        return np.asarray(whole - self.scores(user, history, alone)[:, item], dtype=np.float32)

    def _scores(self, model: Model, user: int | None, history: csr_matrix) -> FloatArray:
        if user is not None:
            return model.score(np.array([user]))
        return model.score_histories(history)

    def _without(self, kept: BoolArray) -> Model:
        if kept.all():
            return self._whole
        gone = [one for one, stays in zip(self.statements, kept, strict=True) if not stays]
        graph: Any = copy(self._data.graph)
        for kind in graph.edge_types:
            base = kind[1].removeprefix("rev_")
            for own, other in ((0, 2), (2, 0)):
                rows = [one.row for one in gone if one.relation == base and one.kind == kind[other]]
                if kind[own] != "item" or not rows:
                    continue
                edges = graph[kind].edge_index
                out = (edges[own // 2] == self._item) & torch.isin(
                    edges[other // 2], torch.tensor(rows)
                )
                graph[kind].edge_index = edges[:, ~out]
        attributes = item_attributes(graph)
        return self._now.model.updated(replace(self._data, graph=graph, attributes=attributes))
