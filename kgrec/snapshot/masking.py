"""What statements about an item add to a score, by leaving them out of the graph."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.graph.relation_names import INTERACTS
from kgrec.models.base import Model
from kgrec.models.content import item_attributes
from kgrec.models.training_data import TrainingData
from kgrec.snapshot.prepared import prepare
from kgrec.types import BoolArray, EdgeType, FloatArray, IntArray

if TYPE_CHECKING:
    from kgrec.snapshot.snapshot import Snapshot

_TOLERANCE: Final = 0.01
_STEPS: Final = (8, 32, 128)


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
        self._groups = self._statements_of_edges()
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

    def _statements_of_edges(self) -> dict[EdgeType, IntArray]:
        """Return the place in `statements` of each edge, int64 of shape (E,); -1: in none."""
        made: dict[EdgeType, IntArray] = {}
        for kind in self._data.graph.edge_types:
            edges = self._data.graph[kind].edge_index.numpy()
            made[kind] = np.full(edges.shape[1], -1, dtype=np.int64)
            base = kind[1].removeprefix("rev_")
            for own, other in ((0, 2), (2, 0)):
                same = {
                    one.row: place
                    for place, one in enumerate(self.statements)
                    if (one.relation, one.kind) == (base, kind[other])
                }
                if kind[own] != "item" or not same:
                    continue
                for edge in np.flatnonzero(edges[own // 2] == self._item).tolist():
                    place = same.get(int(edges[other // 2, edge]), -1)
                    made[kind][edge] = max(place, made[kind][edge])
        return made

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

    def attributions(self, user: int | None, history: csr_matrix, item: int) -> FloatArray:
        """Return the part of each statement in the score of an item, float32 (n,).

        They are integrated gradients over the edges of the statements; see
        `Model.edge_attributions`. Their sum is by how much the score falls without all of them, as
        `scores` has it, within 1 %: the quadrature gets more points until it is.

        Args:
            user: As for `scores`.
            history: As for `scores`.
            item: Row of the item.

        Raises:
            DataError: The model has no gradients for this, or the sum does not fit.
        """
        number = len(self.statements)
        if not number:
            return np.zeros(0, dtype=np.float32)
        asked = history if user is None else user
        whole = float(self._scores(self._whole, user, history)[0, item])
        difference = whole - float(self.scores(user, history, np.zeros((1, number), bool))[0, item])
        # The second term is what float32 leaves of the difference of two scores.
        allowed = _TOLERANCE * abs(difference) + 1e-6 * max(1.0, abs(whole))
        explained = 0.0
        for steps in _STEPS:
            found = self._whole.edge_attributions(asked, item, self._groups, number, steps)
            if found is None:
                raise DataError(
                    f"The model {self._whole.name} has no gradients for the edges of the graph; "
                    "link predictors have. Use method 'masking'."
                )
            explained = float(found.sum())
            if abs(explained - difference) <= allowed:
                return found.astype(np.float32)
        raise DataError(
            f"Gradients explain {explained:.3g} of the score, but it falls by {difference:.3g} "
            "without all statements: it does not depend on them by messages alone, or too steeply. "
            "Use method 'masking'."
        )

    def _scores(self, model: Model, user: int | None, history: csr_matrix) -> FloatArray:
        if user is not None:
            return model.score(np.array([user]))
        return model.score_histories(history)

    def _without(self, kept: BoolArray) -> Model:
        if kept.all():
            return self._whole
        graph: Any = copy(self._data.graph)
        stays = np.append(kept, True)  # the last one is for the edges of no statement, -1
        for kind, group in self._groups.items():
            if not stays[group].all():
                rows = torch.from_numpy(stays[group])
                graph[kind].edge_index = graph[kind].edge_index[:, rows]
        attributes = item_attributes(graph)
        return self._now.model.updated(replace(self._data, graph=graph, attributes=attributes))
