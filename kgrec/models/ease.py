"""EASE, and EASE that also reads the items' attributes."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix, diags_array, vstack

from kgrec.errors import DataError
from kgrec.models.base import Callback, Model, ModelConfig, TrainingData
from kgrec.models.confidence import confidence
from kgrec.models.item_item import ItemItemModel, training_matrix
from kgrec.types import FloatArray


class EASE(ItemItemModel):
    """The linear model that best rebuilds each item from the others (Steck, WWW 2019).

    With the training matrix X of shape (num_users, num_items), the weights B minimise
    ‖X − XB‖² + l2 ‖B‖² with a diagonal of zeros. In closed form, P = (XᵀX + l2·I)⁻¹ and
    B_ij = −P_ij / P_jj. Solved in float64 over the n items that have interactions, in about 32 n²
    bytes; the others' weights are zero.

    With `dropout` p, the weights rebuild X, in expectation, from an X without a random share p of
    its entries: item i gets the extra penalty p / (1 - p) · (XᵀX)_ii (Steck, Autoencoders that
    don't overfit towards the Identity, NeurIPS 2020), so that popular items do not explain
    everything.
    """

    config: EASEConfig

    def __init__(self, config: EASEConfig | None = None) -> None:
        super().__init__()
        self.config = config or EASEConfig()

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:  # noqa: ARG002
        """Solve for the weights; see `Model.fit`.

        Raises:
            DataError: There are no interactions, or too many items for the memory.
        """
        training_matrix(data.train)
        train = confidence(data.train, self.config.rating_power)
        rows = self._rows(train, data)
        share = self.config.dropout
        count = np.asarray(train.multiply(train).sum(axis=0)).reshape(-1)
        try:
            self._weights = ease_weights(rows, self.config.l2 + share / (1.0 - share) * count)
        except MemoryError as error:
            raise DataError(
                f"{self.name} needs {32 * train.shape[1] ** 2 / 2**30:.1f} GiB for "
                f"{train.shape[1]} items, more than there is. ItemKNN needs far less."
            ) from error
        self._train = train
        return self

    def _rows(self, train: csr_matrix, data: TrainingData) -> csr_matrix:  # noqa: ARG002
        """Return what the weights must rebuild, of shape (num_rows, num_items)."""
        return train


class EASEConfig(ModelConfig):
    """The settings of `EASE`.

    Attributes:
        l2: Weight of the ridge penalty (λ in the paper).
        dropout: Share of each user's items that the weights must do without; 0: none.
        rating_power: How much a rating counts, see `kgrec.models.confidence.confidence`.
    """

    name: Literal["ease"] = "ease"
    model: ClassVar[type[Model]] = EASE
    l2: float = Field(default=300.0, gt=0.0, allow_inf_nan=False)
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    rating_power: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)


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

    def _rows(self, train: csr_matrix, data: TrainingData) -> csr_matrix:
        if data.attributes is None:
            raise DataError(
                "attribute_ease needs TrainingData.attributes, the matrix of which item has which "
                "attribute, found None."
            )
        blocks = [train, self.config.alpha * attribute_rows(data.attributes, self.config.min_items)]
        if self.config.words:
            if data.words is None:
                raise DataError(
                    f"attribute_ease reads the words of the items' texts (words is "
                    f"{self.config.words:g}), and there is no text: set words to 0, or give text."
                )
            blocks.append(csr_matrix(self.config.words * data.words.T))
        extended: csr_matrix = vstack(blocks, format="csr")
        return extended


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
    min_items: int = Field(default=2, ge=1)
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


def ease_weights(rows: csr_matrix, l2: float | npt.NDArray[Any]) -> FloatArray:
    """Return EASE's weights for a matrix of shape (num_rows, num_items).

    Args:
        rows: The matrix that the weights rebuild.
        l2: Ridge penalty of all items, or of each, of shape (num_items,).

    Returns:
        float32 of shape (num_items, num_items), with zeros on the diagonal.

    Raises:
        DataError: The system is singular to machine precision.
    """
    num_items = rows.shape[1]
    used = np.unique(rows.indices)
    part = csr_matrix(rows[:, used], dtype=np.float64)
    gram = (part.T @ part).toarray()
    gram[np.diag_indices_from(gram)] += l2 if np.ndim(l2) == 0 else np.asarray(l2)[used]
    try:
        # By LU, not by Cholesky: half as fast on an idle machine, but LAPACK's Cholesky inverse
        # (dpotrf, dpotri) was seen to take 40 times as long where other processes share the cores.
        inverse = np.linalg.inv(gram)
    except np.linalg.LinAlgError as error:
        raise DataError(
            f"EASE's system is singular with l2={np.min(l2)}; give a larger l2."
        ) from error
    inverse /= -np.diag(inverse).copy()
    np.fill_diagonal(inverse, 0.0)
    if len(used) == num_items:
        return inverse.astype(np.float32)
    weights = np.zeros((num_items, num_items), dtype=np.float32)
    weights[np.ix_(used, used)] = inverse
    return weights
