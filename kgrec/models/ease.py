"""EASE, and EASE that also reads the items' attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix, diags_array, vstack

from kgrec.errors import DataError
from kgrec.models.base import Callback, Model, ModelConfig
from kgrec.models.checks import check_rows, not_fitted
from kgrec.models.confidence import confidence, signed
from kgrec.models.costs import SECONDS_A_CUBE, active
from kgrec.models.growing import resized
from kgrec.models.item_item import ItemItemModel, training_matrix
from kgrec.models.ridge import RidgeSystem, checked_diagonal
from kgrec.models.state import State, check_state, csr_expected, csr_from_state, csr_state
from kgrec.models.training_data import TrainingData
from kgrec.types import Float64Array, FloatArray, IntArray


class EASE(ItemItemModel):
    """The linear model that best rebuilds each item from the others (Steck, WWW 2019).

    With the training matrix X of shape (num_users, num_items), the weights B minimise
    ‖X − XB‖² + l2 ‖B‖² with a diagonal of zeros. In closed form, P = (XᵀX + l2·I)⁻¹ and
    B_ij = −P_ij / P_jj. Solved in float64 over the n items that have interactions, in about 32 n²
    bytes; the others' weights are zero. A saved model has what they are computed from, and not the
    weights; see `kgrec.models.ridge.RidgeSystem`.

    With `dropout` p, the weights rebuild X, in expectation, from an X without a random share p of
    its entries: item i gets the extra penalty p / (1 - p) · (XᵀX)_ii (Steck, Autoencoders that
    don't overfit towards the Identity, NeurIPS 2020), so that popular items do not explain
    everything.

    With `dislikes` d, X is L - d·D, where L has a 1 for each like and D for each dislike. So the
    weights rebuild who likes, who dislikes and who does not know an item, as 1, -d and 0, from the
    same of the other items: what a user disliked speaks against items that others dislike with it,
    and for items that they like in its place. A user whom the model did not see is given by likes.
    """

    config: EASEConfig

    def __init__(self, config: EASEConfig | None = None) -> None:
        super().__init__()
        self.config = config or EASEConfig()
        self._further: csr_matrix | None = None
        self._system: RidgeSystem | None = None

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Solve for the weights; see `Model.fit`.

        Raises:
            DataError: There are no interactions, or too many items for the memory.
        """
        training_matrix(data.train)
        self._read(data)
        self._system = self._made_system(None)
        with self._in_memory():
            _ = self._system.diagonal  # a mistake in the settings is said now
        return self

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return 32 bytes for each pair of unknowns, and what the matrix takes.

        They are the items that have interactions, or the users if there are fewer.
        """
        return super().memory_to_fit(data) + 32 * min(self._sides(data)) ** 2

    def seconds_to_fit(self, data: TrainingData) -> float:
        """Return the seconds of the inverse of as many unknowns; see `Model.seconds_to_fit`."""
        return SECONDS_A_CUBE * min(self._sides(data)) ** 3

    def _sides(self, data: TrainingData) -> tuple[int, int]:
        """Return how many rows and columns with entries the system is made of."""
        train = data.train
        return active(train.user, train.num_users), active(train.item, train.num_items)

    def updated(self, data: TrainingData) -> EASE:
        """Return the model that `fit` finds on `data`; see `Model.updated`.

        If few rows changed, a low-rank update of the inverse gives all that few histories need,
        and the weights are computed when many are asked for. See `RidgeSystem.changed`.
        """
        train, system = self._fitted()
        before = self._further
        assert before is not None
        made = type(self)(self.config)
        made._read(data)
        assert made._train is not None
        assert made._further is not None
        num = data.train.num_items
        further = made._further
        rows = max(before.shape[0], further.shape[0])
        old = [resized(train, (data.train.num_users, num)), resized(before, (rows, num))]
        new = [made._train, resized(further, (rows, num))]
        made._system = system.changed(
            csr_matrix(vstack(old, format="csr"), dtype=np.float64),
            csr_matrix(vstack(new, format="csr"), dtype=np.float64),
            made._penalties(),
        )
        with made._in_memory():
            _ = made._system.diagonal
        return made

    def precompute(self, room: int) -> int:
        """Compute the inverse; see `RidgeSystem.precompute`."""
        return self._fitted()[1].precompute(room)

    @property
    def weights(self) -> FloatArray:
        """The weights, float32 of shape (num_items, num_items); computed at the first use."""
        return self._full()

    def similar(self, items: IntArray) -> FloatArray:
        """Return the weights from each of `items` to all items; see `Model.similar`."""
        train, _ = self._fitted()
        items = check_rows(items, train.shape[1], "item")
        ones, rows = np.ones(len(items), dtype=np.float32), np.arange(len(items))
        return self._times_weights(csr_matrix((ones, (rows, items)), (len(items), train.shape[1])))

    def state(self) -> State:
        """Return what the weights are computed from, which is far smaller; see `RidgeSystem`."""
        train, system = self._fitted()
        assert self._further is not None
        state = csr_state("histories", train) | csr_state("further", self._further)
        return {**state, "diagonal": system.diagonal}

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; see `Model.load_state`."""
        num_items = data.train.num_items
        expected = csr_expected("histories", data.train.num_users) | csr_expected("further", None)
        expected |= {"further.data": (np.float64, (None,)), "diagonal": (np.float64, (num_items,))}
        arrays = check_state(state, {**expected, **self._expected_content(num_items)})
        self._train = csr_from_state(arrays, "histories", num_items)
        self._further = csr_from_state(arrays, "further", num_items)
        self._system = self._made_system(checked_diagonal(arrays["diagonal"]))
        return self

    def _further_rows(self, data: TrainingData) -> csr_matrix:
        """Return what the weights must rebuild besides the users, of shape (n, num_items)."""
        return csr_matrix((0, data.train.num_items))

    def _expected_content(self, num_items: int) -> dict[str, Any]:  # noqa: ARG002
        """Return what `check_state` expects besides the system."""
        return {}

    def _read(self, data: TrainingData) -> None:
        """Take what is needed of the training data."""
        liked = confidence(data.train, self.config.rating_power)
        self._train = signed(liked, data.train, self.config.dislikes)
        self._further = csr_matrix(self._further_rows(data), dtype=np.float64)

    def _penalties(self) -> Float64Array:
        train, share = self._train, self.config.dropout
        assert train is not None
        count = np.asarray(train.multiply(train).sum(axis=0), dtype=np.float64).reshape(-1)
        return np.asarray(self.config.l2 + share / (1.0 - share) * count)

    def _made_system(self, diagonal: Float64Array | None) -> RidgeSystem:
        assert self._train is not None
        assert self._further is not None
        rows = vstack([self._train, self._further], format="csr")
        return RidgeSystem(rows, self._penalties(), diagonal)

    def _full(self) -> FloatArray:
        with self._in_memory():
            return self._fitted()[1].weights

    def _times_weights(self, histories: csr_matrix) -> FloatArray:
        with self._in_memory():
            return self._fitted()[1].times_weights(histories)

    def _weights_to(self, rows: IntArray, targets: Float64Array) -> Float64Array:
        with self._in_memory():
            return self._fitted()[1].weights_to(targets)[rows]

    @contextmanager
    def _in_memory(self) -> Iterator[None]:
        try:
            yield
        except MemoryError as error:
            num_items = self._fitted()[0].shape[1]
            raise DataError(
                f"{self.name} needs {32 * num_items**2 / 2**30:.1f} GiB for {num_items} items, "
                "more than there is. LowRank and ItemKNN need far less."
            ) from error

    def _fitted(self) -> tuple[csr_matrix, RidgeSystem]:
        if self._train is None or self._system is None:
            raise not_fitted(self)
        return self._train, self._system


class EASEConfig(ModelConfig):
    """The settings of `EASE`.

    Attributes:
        l2: Weight of the ridge penalty (λ in the paper).
        dropout: Share of each user's items that the weights must do without; 0: none.
        rating_power: How much a rating counts, see `kgrec.models.confidence.confidence`.
        dislikes: How much a dislike counts against an item, where a like counts 1; 0: not at all.
    """

    name: Literal["ease"] = "ease"
    model: ClassVar[type[Model]] = EASE
    l2: float = Field(default=300.0, gt=0.0, allow_inf_nan=False)
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    rating_power: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    dislikes: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)


class AttributeEASE(EASE):
    """EASE in which each attribute is one more user, who likes all items that have it.

    X is extended by the rows alpha · Â, where Â of shape (num_attributes, num_items) holds the
    attribute's inverse document frequency log(num_items / number of items that have it), and
    each item's column is scaled to length 1, so that an item with a hundred attributes does not
    outweigh one with ten. The words of the items' texts can be users in the same way. An item
    without interactions gets weights through its attributes and words.
    """

    config: AttributeEASEConfig

    def __init__(self, config: AttributeEASEConfig | None = None) -> None:
        super().__init__(config or AttributeEASEConfig())

    @property
    def reads_content(self) -> bool:
        """What is known of an item counts."""
        return True

    def _sides(self, data: TrainingData) -> tuple[int, int]:
        """Return the same with attributes and words as further users."""
        rows, _ = super()._sides(data)
        used = np.bincount(data.train.item, minlength=data.train.num_items) > 0
        if data.attributes is not None and self.config.alpha:
            of_items = np.bincount(data.attributes.indices, minlength=data.attributes.shape[1])
            kept = of_items >= self.config.min_items
            rows += int(kept.sum())
            used |= np.asarray(data.attributes @ kept.astype(np.float32)).reshape(-1) > 0
        if data.words is not None and self.config.words:
            rows += active(data.words.indices.astype(np.int64), data.words.shape[1])
            used |= np.diff(data.words.indptr) > 0
        return rows, int(used.sum())

    def _further_rows(self, data: TrainingData) -> csr_matrix:
        if data.attributes is None:
            raise DataError(
                "attribute_ease needs TrainingData.attributes, the matrix of which item has which "
                "attribute, found None."
            )
        blocks = [self.config.alpha * attribute_rows(data.attributes, self.config.min_items)]
        if self.config.words:
            if data.words is None:
                raise DataError(
                    f"attribute_ease reads the words of the items' texts (words is "
                    f"{self.config.words:g}), and there is no text: set words to 0, or give text."
                )
            blocks.append(csr_matrix(self.config.words * data.words.T))
        further: csr_matrix = vstack(blocks, format="csr")
        return further


class AttributeEASEConfig(EASEConfig):
    """The settings of `AttributeEASE`.

    Attributes:
        alpha: Weight of an item's attributes, as the length of its column in the extra rows.
        min_items: Attributes of fewer items are left out: they make no two items similar.
        words: Weight of the words of an item's text, likewise; 0: they are not read.
    """

    name: Literal["attribute_ease"] = "attribute_ease"  # type: ignore[assignment]
    model: ClassVar[type[Model]] = AttributeEASE
    alpha: float = Field(default=4.0, ge=0.0, allow_inf_nan=False)
    min_items: int = Field(default=2, ge=1, le=2**31 - 1)
    words: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)


def attribute_rows(attributes: csr_matrix, min_items: int = 2) -> csr_matrix:
    """Return the idf-weighted attributes, with each item's column scaled to length 1.

    Args:
        attributes: Binary, of shape (num_items, num_attributes).
        min_items: Attributes of fewer items are left out.

    Returns:
        float64 of shape (num_attributes_kept, num_items). The column of an item without
        attributes, or with none but those that all items have, is zero.
    """
    binary = csr_matrix(attributes, dtype=np.float64, copy=True)
    binary.sum_duplicates()
    binary.eliminate_zeros()
    binary.data[:] = 1.0
    num_items_with = np.bincount(binary.indices, minlength=binary.shape[1])
    kept = np.flatnonzero(num_items_with >= min_items)
    idf = np.log(binary.shape[0] / np.maximum(num_items_with[kept], 1))
    weighted = binary[:, kept] @ diags_array(idf)
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).reshape(-1))
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    rows: csr_matrix = (diags_array(scale) @ weighted).T.tocsr()
    return rows
