"""A fitted model as its vectors alone, which needs no graph and no PyTorch to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from kgrec.errors import RunError
from kgrec.models.base import Callback, Model, ModelConfig, VectorModel, unit_rows
from kgrec.models.checks import check_histories, check_rows
from kgrec.models.contributions import liked_rows
from kgrec.models.history_step import parts_towards_items, towards_items
from kgrec.models.state import State
from kgrec.models.training_data import TrainingData
from kgrec.types import FloatArray, IntArray

_CLOSE = 2e-5
_FITS = 1e-3  # of a sum in float32


class StoredVectors(VectorModel):
    """The answers of another vector model, from arrays that `vectors_of` made.

    What these cannot answer, such as the vector of a history if it is no sum over its items, is
    asked of the other model, which is then loaded.

    Args:
        name: The other model's name.
        arrays: What `vectors_of` returned.
        complete: Loads the other model.
    """

    def __init__(
        self, name: str, arrays: Mapping[str, npt.NDArray[Any]], complete: Callable[[], VectorModel]
    ) -> None:
        super().__init__(ModelConfig(name=name))
        # Arrays of kgrec 0.2.0 have no step: there was none.
        none = {"history.step": np.zeros(1, np.float32), "history.centre": np.zeros(1, np.float32)}
        self._arrays, self._complete = {**none, **arrays}, complete
        widths = {array.shape[1:] for array in (self.user_vectors, self.item_vectors)}
        unknown = self.unknown_items
        inside = not len(unknown) or 0 <= unknown.min() <= unknown.max() < len(self.item_vectors)
        if len(widths) != 1 or not inside or len(self._place()) != len(self.item_vectors):
            raise RunError("The stored vectors do not fit together.")

    @property
    def user_vectors(self) -> FloatArray:
        """The known users, float32 of shape (num_users, dim)."""
        return self._arrays["user"]

    @property
    def item_vectors(self) -> FloatArray:
        """The items, float32 of shape (num_items, dim)."""
        return self._arrays["item"]

    @property
    def similarity_vectors(self) -> FloatArray:
        """The items' vectors for similarity, scaled to length one."""
        return unit_rows(self._place())

    @property
    def unknown_items(self) -> IntArray:
        """Rows of items that are scored below all others."""
        return self._arrays["unknown"].astype(np.int64)

    @property
    def places_content(self) -> bool:
        """Whether `vectors_of_content` works."""
        return "content.centre" in self._arrays

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`."""
        return self._scores(self.user_vectors[check_rows(users, len(self.user_vectors), "user")])

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        return self._scores(self.vectors_of_histories(histories))

    def vectors_of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of unseen users, float32 of shape (b, dim)."""
        if "history.items" not in self._arrays:
            return self._complete().vectors_of_histories(histories)
        found = check_histories(histories, len(self.item_vectors))
        found.eliminate_zeros()
        found.data[:] = 1.0
        return _summed(self._arrays, self.item_vectors, found)

    def parts_of_history(self, history: csr_matrix) -> FloatArray | None:
        """Return the part of each liked item in the user's vector; see `VectorModel`."""
        if "history.items" not in self._arrays:
            return self._complete().parts_of_history(history)
        rows = liked_rows(check_histories(history, len(self.item_vectors)))
        power, unit = self._arrays["history.form"]
        parts = self._arrays["history.items"][rows] * max(len(rows), 1) ** -power
        if unit:
            parts = parts / np.maximum(np.linalg.norm(parts.sum(axis=0)), 1e-12)
        parts = np.asarray(parts, dtype=np.float32)
        before = _before_step(self._arrays, check_histories(history, len(self.item_vectors)))[0]
        size, centre = float(self._arrays["history.step"][0]), self._arrays["history.centre"]
        return parts_towards_items(parts, before, self.item_vectors[rows], centre, size)

    def vectors_of_content(self, content: Mapping[str, FloatArray]) -> FloatArray:
        """Return the vectors of content, float32 (m, dim); see `VectorModel`."""
        if not self.places_content or any(
            f"content.{one}.weight" not in self._arrays for one in content
        ):
            return super().vectors_of_content(content)
        total: Any = self._arrays["content.centre"]
        for name, vectors in content.items():
            centred = vectors - self._arrays[f"content.{name}.mean"]
            total = total + unit_rows(centred) @ self._arrays[f"content.{name}.weight"]
        return np.asarray(unit_rows(total) * self._arrays["content.length"], dtype=np.float32)

    def item_vectors_at(self, places: FloatArray) -> FloatArray:
        """Return the item vectors at some places; see `VectorModel`."""
        return self._complete().item_vectors_at(places)

    def updated(self, data: TrainingData) -> Model:
        """Return the other model with more data; see `Model.updated`."""
        return self._complete().updated(data)

    @property
    def forgets(self) -> bool:
        """A model that was trained keeps traces of everybody."""
        return False

    def state(self) -> State:
        """Return the state of the other model."""
        return self._complete().state()

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Refuse: this is no model to train.

        Raises:
            RunError: Always.
        """
        del data, callback
        raise RunError("Stored vectors cannot be fitted: fit the model that they come from.")

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Return the model as it is: it was made with all that it needs."""
        del state, data
        return self

    def _place(self) -> FloatArray:
        return self._arrays.get("place", self.item_vectors)

    def _scores(self, users: FloatArray) -> FloatArray:
        scores = np.asarray(users @ self.item_vectors.T)
        unknown = np.zeros(len(self.item_vectors), dtype=bool)
        unknown[self.unknown_items] = True
        if unknown.any():
            scores[:, unknown] = scores[:, ~unknown].min(axis=1, keepdims=True)
        return scores


def history_map(
    of_items: FloatArray, head: Callable[[FloatArray], FloatArray], average: FloatArray
) -> dict[str, FloatArray]:
    """Return arrays with which the vector of a history is a sum over its items.

    Args:
        of_items: The vectors of histories of one item each, before the head: float32 (n, dim).
        head: Maps such vectors to those of users, float32 (b, dim) to (b, width).
        average: The vector of a user without history, float32 (width,).

    Returns:
        Arrays for two powers of the number of items and for heads that scale to length one or
        are affine; `fitting_map` chooses those that fit.
    """
    dim = of_items.shape[1]
    zero, one = (head(np.full((1, dim), value, dtype=np.float32))[0] for value in (0.0, 1.0))
    width = len(zero)
    scale = np.zeros(width, dtype=np.float32)
    scale[:dim] = (one - zero)[:dim]
    items = np.zeros((len(of_items), width), dtype=np.float32)
    items[:, :dim] = of_items
    return {"history.items": items * scale, "history.shift": zero, "history.average": average}


def fitting_map(
    made: dict[str, FloatArray],
    of_items: FloatArray,
    items: FloatArray,
    histories: csr_matrix,
    expected: FloatArray,
) -> dict[str, FloatArray] | None:
    """Return the variant of a history map that gives the expected vectors; None: none does.

    Args:
        made: What `history_map` returned, with `history.step` and `history.centre`: the last two
            arguments of `kgrec.models.history_step.towards_items`, in the other order.
        of_items: As there.
        items: The items' side of the product, float32 (n, width).
        histories: Histories to try, CSR of ones, of shape (b, n).
        expected: Their vectors, float32 (b, width).
    """
    for unit in (0.0, 1.0):
        for power in (0.5, 1.0):
            tried = {**made, "history.form": np.array([power, unit], dtype=np.float32)}
            if unit:  # only the direction counts, so the vectors before the head are summed
                tried["history.items"] = of_items
                tried["history.shift"] = np.zeros(of_items.shape[1], dtype=np.float32)
            if tried["history.items"].shape[1] != expected.shape[1]:
                continue
            if np.allclose(_summed(tried, items, histories), expected, rtol=_CLOSE, atol=_CLOSE):
                return tried
    return None


def parts_of_sum(
    alone: FloatArray, whole: FloatArray, head: Callable[[FloatArray], FloatArray]
) -> FloatArray | None:
    """Return vectors that add up to a user's, apart from what a head adds for everybody.

    Args:
        alone: The vectors of histories of each liked item alone, before the head: (m, dim).
        whole: The vector of the whole history, before the head, float32 of shape (dim,).
        head: As for `history_map`.

    Returns:
        float32 of shape (m, width); None: the vector of the history is no multiple of the sum,
        or the head neither affine nor a scaling.
    """
    total = alone.sum(axis=0)
    factor = float(whole @ total) / max(float(total @ total), 1e-30)
    if not np.allclose(
        factor * total, whole, rtol=_FITS, atol=_FITS * np.abs(whole).max(initial=0)
    ):
        return None
    parts = alone * np.float32(factor)
    wanted, nothing = head(whole[None])[0], head(np.zeros_like(whole)[None])
    limit = _FITS * max(1e-12, float(np.abs(wanted).max(initial=0)))
    affine = head(parts) - nothing
    if np.allclose(affine.sum(axis=0) + nothing[0], wanted, rtol=_FITS, atol=limit):
        return np.asarray(affine, dtype=np.float32)
    if len(wanted) != len(whole):
        return None
    scale = float(wanted @ whole) / max(float(whole @ whole), 1e-30)
    scaled = parts * np.float32(scale)
    fits = np.allclose(scaled.sum(axis=0), wanted, rtol=_FITS, atol=limit)
    return np.asarray(scaled, dtype=np.float32) if fits else None


def _summed(
    arrays: Mapping[str, FloatArray], items: FloatArray, histories: csr_matrix
) -> FloatArray:
    vectors = _before_step(arrays, histories)
    size, centre = float(arrays["history.step"][0]), arrays["history.centre"]
    return towards_items(vectors, histories, items, centre, size)


def _before_step(arrays: Mapping[str, FloatArray], histories: csr_matrix) -> FloatArray:
    power, unit = arrays["history.form"]
    count = np.maximum(np.diff(histories.indptr), 1).astype(np.float32)
    sums = np.asarray(histories @ arrays["history.items"]) * (count**-power)[:, None]
    vectors = unit_rows(sums) if unit else sums + arrays["history.shift"]
    vectors[~vectors.any(axis=1)] = arrays["history.average"]
    return np.asarray(vectors, dtype=np.float32)
