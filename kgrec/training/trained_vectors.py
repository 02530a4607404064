"""The vectors of a trained link predictor, and what is computed of them: scores and new users."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional as F

from kgrec.graph.propagation import Propagation
from kgrec.models.contributions import liked_rows
from kgrec.models.encoders.base import Propagated
from kgrec.models.heads.inner_product import DotHead
from kgrec.models.history_step import parts_towards_items, towards_items
from kgrec.models.link_predictor import LinkPredictor
from kgrec.models.state import State
from kgrec.models.stored_vectors import fitting_map, history_map, parts_of_sum
from kgrec.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class TrainedVectors:
    """All that scoring reads, computed from the weights and the graph.

    Attributes:
        predictor: The weights.
        graph: The graph.
        propagated: The vectors of all nodes, with their layers.
        user: The users' side of the product, float32 of shape (num_users, width).
        item: The items' side, float32 of shape (num_items, width).
        place: The items' vectors for similarity, float32 of shape (num_items, dim).
        average: The mean of the users with training interactions, float32 of shape (width,).
        centre: The mean of `item` over the items with them, float32 of shape (width,).
    """

    predictor: LinkPredictor
    graph: Propagation
    propagated: Propagated
    user: FloatArray
    item: FloatArray
    place: FloatArray
    average: FloatArray
    centre: FloatArray

    @classmethod
    def of(
        cls,
        predictor: LinkPredictor,
        graph: Propagation,
        propagated: Propagated,
        known_users: BoolArray,
        known_items: BoolArray,
        reliability: FloatArray,
    ) -> TrainedVectors:
        """Return what the head makes of the vectors of the nodes.

        Args:
            predictor: The weights.
            graph: The graph.
            propagated: The vectors of all nodes, with their layers.
            known_users: Which users have training interactions, bool of shape (num_users,); the
                others get the average of these.
            known_items: Which items have them, bool of shape (num_items,).
            reliability: What the place of each item is multiplied by, float32 of shape
                (num_items, 1).
        """
        head = predictor.head
        with torch.no_grad():
            place = _own(head.place(propagated), propagated.item)
            place *= reliability
            lies_apart = head.is_inner_product and type(head).place is not DotHead.place
            item = head.item(propagated.item).cpu().numpy() if lies_apart else place
            user = _own(head.user(propagated.user), propagated.user)
        average = np.asarray(user[known_users].mean(0))
        user[~known_users] = average
        centre = np.asarray(item[known_items].mean(0))
        return cls(predictor, graph, propagated, user, item, place, average, centre)

    @property
    def unknown_items(self) -> IntArray:
        """Rows of the items without interactions and content, int64; none if these are all."""
        rows = np.flatnonzero(~self.item.any(axis=1))
        return rows[:0] if len(rows) == len(self.item) else rows

    def scores(self, users: FloatArray) -> FloatArray:
        """Return the scores of all items, float32 of shape (b, num_items).

        Args:
            users: Vectors of users, float32 of shape (b, width).
        """
        head = self.predictor.head
        if head.is_inner_product:
            scores = np.asarray(users @ self.item.T)
        else:
            with torch.no_grad():
                given = torch.from_numpy(users).to(self.graph.device)
                scores = head.scores(given, self.propagated).cpu().numpy()
        unknown = np.zeros(len(self.item), dtype=bool)
        unknown[self.unknown_items] = True
        if unknown.any():
            # Items without interactions and content share the last place.
            scores[:, unknown] = scores[:, ~unknown].min(axis=1, keepdims=True)
        return scores

    def of_histories(self, histories: csr_matrix, step: float) -> FloatArray:
        """Return the vectors of unseen users, after a step towards their items, (b, width).

        Args:
            histories: CSR of shape (b, num_items).
            step: The size of the step; see `kgrec.models.history_step.towards_items`.
        """
        liked = histories.tocoo()
        rows = liked.row.astype(np.int64), liked.col.astype(np.int64), liked.shape[0]
        vectors = self._after_head(self._folded_in(*rows))
        # A user without liked items, or with unknown ones only, counts as the average user.
        vectors[~vectors.any(axis=1)] = self.average
        if not self.predictor.head.is_inner_product:
            return vectors
        ones = csr_matrix(histories, dtype=np.float32, copy=True)
        ones.data[:] = 1.0
        return towards_items(vectors, ones, self.item, self.centre, step)

    def parts_of_history(self, history: csr_matrix, step: float) -> FloatArray | None:
        """Return the part of each liked item in the user's vector; None: it is no sum of them.

        Args:
            history: CSR of shape (1, num_items).
            step: As for `of_histories`.
        """
        liked = liked_rows(history)
        zeros, place = np.zeros_like(liked), np.arange(len(liked))
        alone = self._folded_in(place, liked, len(liked)).cpu().numpy()
        whole = self._folded_in(zeros, liked, 1).cpu().numpy()
        parts = parts_of_sum(alone, whole[0], self._through_head)
        if parts is None or not self.predictor.head.is_inner_product:
            return parts
        before = self.of_histories(history, 0.0)[0]
        return parts_towards_items(parts, before, self.item[liked], self.centre, step)

    def history_arrays(self, histories: csr_matrix, expected: FloatArray, step: float) -> State:
        """Return arrays from which `StoredVectors` makes vectors of histories; none: it cannot.

        Args:
            histories: Some histories, CSR of shape (b, num_items), on which they are tried.
            expected: The vectors of these histories, float32 of shape (b, width).
            step: As for `of_histories`.
        """
        every = np.arange(len(self.item))
        of_items = self._folded_in(every, every, len(every)).cpu().numpy()
        made = history_map(of_items, self._through_head, self.average)
        made |= {"history.step": np.array([step], np.float32), "history.centre": self.centre}
        return fitting_map(made, of_items, self.item, histories, expected) or {}

    def _folded_in(self, row: IntArray, item: IntArray, num: int) -> Tensor:
        """Return the vectors of `num` unseen users before the head; see `fold_in`."""
        rows, items = (torch.from_numpy(ids).to(self.graph.device) for ids in (row, item))
        with torch.no_grad():
            return self.predictor.fold_in(self.graph, self.propagated, rows, items, num)

    def _after_head(self, users: Tensor) -> FloatArray:
        with torch.no_grad():
            return np.array(self.predictor.head.user(users).cpu().numpy())

    def _through_head(self, vectors: FloatArray) -> FloatArray:
        return self._after_head(torch.from_numpy(vectors).to(self.graph.device))


def _own(made: Tensor, read: Tensor) -> FloatArray:
    """Return an array that may be changed, while `read`, which it may be, is still read."""
    array = made.cpu().numpy()
    shared = made.untyped_storage().data_ptr() == read.untyped_storage().data_ptr()
    return array.copy() if shared and read.device.type == "cpu" else array


def with_vectors_of_items(
    propagated: Propagated, new: BoolArray, vectors: FloatArray, known: Tensor
) -> Propagated:
    """Return the vectors of all nodes with others of new items, which get the usual length.

    Args:
        propagated: The vectors of all nodes, with their layers.
        new: Which items are new, bool of shape (num_items,).
        vectors: Theirs, float32 of shape (n, dim).
        known: Which items have the usual length, bool of shape (num_items,).
    """
    device = propagated.item.device
    rows = torch.from_numpy(np.flatnonzero(new)).to(device)
    made = torch.from_numpy(vectors).to(device)
    made = F.normalize(made, dim=1) * propagated.item[known].norm(dim=1).mean()
    item = propagated.item.clone()
    item[rows] = made
    layers = [layer.clone() for layer in propagated.item_layers]
    for layer in layers:
        if layer.shape[1] != made.shape[1]:  # the result is wider than its layers
            continue
        # In the history of an unseen user, a new item gets the length of the known ones.
        length = layer[known].norm(dim=1).mean()
        layer[rows] = F.normalize(made, dim=1) * length
    nodes = {**propagated.nodes, "item": item}
    return replace(propagated, item=item, item_layers=layers, nodes=nodes)
