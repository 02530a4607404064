"""Content features of items, and the map from them to item vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import svds

from kgrec.errors import DataError
from kgrec.graph.modalities import NUMERIC, vectors_of
from kgrec.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


@dataclass(frozen=True)
class ItemContent:
    """Content features of all items, in blocks whose rows have at most length one.

    Attributes:
        vectors: Centred, normalised vectors by modality, such as those of the text: float32 of
            shape (num_items, dim) each.
        means: The mean that was subtracted from each, float32 of shape (dim,).
        attributes: Neighbors in the graph except users, idf-weighted and normalised, CSR float32
            of shape (num_items, num_attributes).
        numbers: Numeric columns and the number of attributes as Gaussian bumps, float32 of shape
            (num_items, num_bumps).
        words: The words of the texts, see `TrainingData.words`, CSR float32 of shape (num_items,
            num_words).
    """

    vectors: Mapping[str, FloatArray]
    means: Mapping[str, FloatArray]
    attributes: Any
    numbers: FloatArray
    words: Any

    @classmethod
    def from_graph(
        cls, data: HeteroData, words: Any = None, *, knowledge: bool = True
    ) -> ItemContent:
        """Collect the features.

        Args:
            data: The graph that `kgrec.graph.build.build_graph` made.
            words: As in `TrainingData.words`; None: there are none.
            knowledge: Whether attributes are also those of the knowledge graph, and not the columns
                of the item table alone.
        """
        num_items = int(data["item"].num_nodes)
        vectors, means = {}, {}
        for name, matrix in vectors_of(data, "item").items():
            known = np.abs(matrix).sum(1) > 0
            mean = matrix[known].mean(0) if known.any() else np.zeros(matrix.shape[1], np.float32)
            centred = np.where(known[:, None], matrix - mean, 0.0).astype(np.float32)
            vectors[name], means[name] = _unit_rows(centred), mean.astype(np.float32)
        attributes = item_attributes(data, knowledge=knowledge)
        columns = [np.log1p(np.asarray(attributes.sum(1)).ravel())]
        if NUMERIC in data["item"]:
            columns += list(data["item"][NUMERIC].numpy().T)
        bumps = [number_bumps(column) for column in columns]
        return cls(
            vectors,
            means,
            _idf_weighted(attributes),
            np.concatenate(bumps, axis=1) * np.float32(0.5**0.5),
            sparse.csr_matrix(np.zeros((num_items, 0), np.float32)) if words is None else words,
        )

    def informed(self) -> BoolArray:
        """Return which items have vectors, words or attributes, bool of shape (num_items,)."""
        of_graph = np.diff(self.attributes.indptr) > 0
        of_words = np.diff(self.words.indptr) > 0
        found = of_graph | of_words
        for vectors in self.vectors.values():
            found |= np.abs(vectors).sum(1) > 0
        return np.asarray(found)

    def matrix(self, words: float) -> Any:
        """Return all blocks side by side, CSR float32 of shape (num_items, num_features).

        Args:
            words: What the block of words is multiplied by; 0: it is left out.
        """
        blocks = [sparse.csr_matrix(vectors) for vectors in self.vectors.values()]
        blocks += [self.attributes, sparse.csr_matrix(self.numbers)]
        if words:
            blocks.append(self.words * np.float32(words))
        return sparse.hstack(blocks, format="csr", dtype=np.float32)

    def block(self, modality: str, vectors: FloatArray) -> tuple[FloatArray, slice]:
        """Return new vectors of one modality as a block, and its columns in `matrix`.

        Args:
            modality: One of `vectors`.
            vectors: New vectors, float32 of shape (m, dim).

        Raises:
            DataError: The items have no such vectors, or ones of another width.
        """
        if modality not in self.vectors or vectors.shape[1:] != self.means[modality].shape:
            known = {name: mean.shape[0] for name, mean in self.means.items()}
            raise DataError(
                f"The model knows items by vectors of these modalities and widths: {known}; found "
                f"{modality!r} of shape {vectors.shape}."
            )
        names = list(self.vectors)
        start = sum(self.means[name].shape[0] for name in names[: names.index(modality)])
        return _unit_rows(vectors - self.means[modality]), slice(start, start + vectors.shape[1])


@dataclass(frozen=True)
class ContentMap:
    """A linear map from content to item vectors: v ≈ W' f + c.

    It predicts the vectors of items without interactions, of new items and of free text, like the
    mapping of Gantner et al., Learning Attribute-to-Feature Mappings for Cold-Start
    Recommendations, ICDM 2010.

    Attributes:
        weight: W, float32 of shape (num_features, dim).
        centre: c, float32 of shape (dim,).
        reliability: Mean cosine of an item's vector and the prediction of a map that was fitted
            without this item, 0 to 1. Scores of predicted vectors are multiplied by it, so that
            predictions do not rank above known items without reason.
    """

    weight: FloatArray
    centre: FloatArray
    reliability: float = 1.0

    def __call__(self, features: Any) -> FloatArray:
        """Return the predicted vectors, float32 of shape (m, dim)."""
        return np.asarray(features @ self.weight + self.centre, dtype=np.float32)

    def of_blocks(self, blocks: Sequence[tuple[FloatArray, slice]]) -> FloatArray:
        """Return the vectors predicted from some blocks of the features, float32 (m, dim)."""
        made: Any = sum(block @ self.weight[columns] for block, columns in blocks)
        return np.asarray(made + self.centre, dtype=np.float32)


class ContentRegression:
    """Ridge regressions from fixed features to vectors that change during training.

    Solves (F' F + l2 I) W = F' (V - c), with c the mean of V. Up to `MAX_EXACT` items, the
    dual form W = F' (F F' + l2 I)⁻¹ (V - c) is used: the inverse is computed once, a fit is one
    product, and the leave-one-out errors have a closed form (Hastie et al., The Elements of
    Statistical Learning, section 7.10). With more items, conjugate gradients need only products
    with F, and the reliability is measured on every tenth item. They take seconds, too many for
    each validation of a training: `sketch` solves within the `BASIS` strongest directions of F,
    which are found once. The ridge shrinks the others most.

    Args:
        features: F, CSR float32 of shape (n, num_features).
        l2: Strength of the ridge, above 0.
    """

    MAX_EXACT = 4_000
    BASIS = 256

    def __init__(self, features: Any, l2: float) -> None:
        self.features, self.l2 = features, l2
        self._transposed = features.T.tocsr()
        self._inverse: FloatArray | None = None
        num = features.shape[0]
        if num <= self.MAX_EXACT:
            gram = (features @ self._transposed).toarray().astype(np.float64)
            gram[np.diag_indices(num)] += l2
            self._inverse = np.linalg.inv(gram).astype(np.float32)

    def fit(self, targets: FloatArray) -> ContentMap:
        """Return the map to `targets`, V, float32 of shape (n, dim)."""
        centre = targets.mean(0)
        wanted = np.asarray(targets - centre, dtype=np.float32)
        if self._inverse is None:
            return self._by_gradients(wanted, centre)
        dual = self._inverse @ wanted
        left_out = wanted - dual / np.diag(self._inverse)[:, None]
        weight = np.asarray(self._transposed @ dual, dtype=np.float32)
        return ContentMap(weight, centre, _mean_cosine(left_out + centre, targets))

    def sketch(self, targets: FloatArray) -> ContentMap:
        """Return nearly the map that `fit` returns, in a fraction of its time; see the class."""
        if self._inverse is not None:
            return self.fit(targets)
        left, strength, right = self._basis
        centre = targets.mean(0)
        wanted = np.asarray(targets - centre, dtype=np.float32)
        inner = left.T @ wanted
        shrunk = strength**2 / (strength**2 + self.l2)
        weight = right.T @ ((shrunk / strength)[:, None] * inner)
        error = wanted - left @ (shrunk[:, None] * inner)
        left_out = wanted - error / (1.0 - (left**2 @ shrunk))[:, None]
        return ContentMap(weight, centre, _mean_cosine(left_out + centre, targets))

    @cached_property
    def _basis(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the strongest singular vectors and values of F, float32."""
        size = min(self.BASIS, min(self.features.shape) - 1)
        start = np.ones(min(self.features.shape), dtype=np.float32)
        left, strength, right = svds(self.features, k=size, v0=start)
        kept = strength > 1e-4 * strength.max(initial=0.0)
        made = left[:, kept], strength[kept], right[kept]
        return made[0].astype(np.float32), made[1].astype(np.float32), made[2].astype(np.float32)

    def _by_gradients(self, wanted: FloatArray, centre: FloatArray) -> ContentMap:
        held_out = np.arange(len(wanted)) % 10 == 0
        part = ContentMap(self._solve(self.features[~held_out], wanted[~held_out]), centre)
        reliability = _mean_cosine(part(self.features[held_out]), wanted[held_out] + centre)
        return ContentMap(self._solve(self.features, wanted), centre, reliability)

    def _solve(self, features: Any, wanted: FloatArray, max_iterations: int = 100) -> FloatArray:
        """Conjugate gradients for all columns at once, to a relative residual of 1e-3."""
        transposed = features.T.tocsr()
        residual = np.asarray(transposed @ wanted, dtype=np.float32)
        weight, direction = np.zeros_like(residual), residual.copy()
        size = (residual**2).sum(0)
        goal = 1e-6 * np.maximum(size, 1e-30)
        for _ in range(max_iterations):
            image = transposed @ (features @ direction) + self.l2 * direction
            step = size / np.maximum((direction * image).sum(0), 1e-30)
            weight += step * direction
            residual -= step * image
            new_size = (residual**2).sum(0)
            if (new_size <= goal).all():
                break
            direction = residual + (new_size / np.maximum(size, 1e-30)) * direction
            size = new_size
        return weight


def item_attributes(data: HeteroData, *, knowledge: bool = True) -> sparse.csr_matrix:
    """Return which item touches which node other than users, by whatever relation.

    Args:
        data: The graph that `kgrec.graph.build.build_graph` made.
        knowledge: Whether nodes of the knowledge graph are among them: entities, and items that
            relations join; else only the values of columns of the item table.

    Returns:
        A binary CSR matrix, float32 of shape (num_items, num_attributes); its columns are the
        nodes of all other types, type by type in the order of `data.node_types`. Items joined by a
        relation are attributes of each other.
    """
    num_items = int(data["item"].num_nodes)
    kinds = [
        kind
        for kind in data.node_types
        if kind != "user" and (knowledge or kind.startswith("item_"))
    ]
    sizes = {kind: int(data[kind].num_nodes) for kind in kinds}
    blocks = []
    for kind in kinds:
        pairs = []
        for edge in data.edge_types:  # an edge need not have an inverse
            if edge[0] == "item" and edge[2] == kind:
                pairs.append(data[edge].edge_index.numpy())
            if edge[2] == "item" and edge[0] == kind:
                pairs.append(data[edge].edge_index.numpy()[::-1])
        both = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), dtype=np.int64)
        ones = np.ones(both.shape[1], dtype=np.float32)
        block = sparse.csr_matrix((ones, (both[0], both[1])), shape=(num_items, sizes[kind]))
        block.data[:] = 1.0
        blocks.append(block)
    if not blocks:
        return sparse.csr_matrix(np.zeros((num_items, 0), dtype=np.float32))
    joined: sparse.csr_matrix = sparse.hstack(blocks, format="csr", dtype=np.float32)
    return joined


def _idf_weighted(attributes: Any) -> Any:
    count = np.asarray(attributes.sum(0)).ravel()
    idf = np.where(count > 1, np.log(attributes.shape[0] / np.maximum(count, 1)), 0.0)
    weighted = sparse.csr_matrix(attributes @ sparse.diags(idf))
    weighted.eliminate_zeros()
    norm = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    scale = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
    return sparse.csr_matrix(sparse.diags(scale) @ weighted, dtype=np.float32)


def number_bumps(values: npt.NDArray[Any], width: float = 0.6) -> FloatArray:
    """Spread numbers over Gaussian bumps, so that a linear map of them can be any smooth curve.

    The inner product of two rows is close to exp(-(x - y)² / (2 width²)), x and y in standard
    deviations.
    """
    scale = values.std() or 1.0
    standard = np.clip((values - values.mean()) / scale, -3.0, 3.0)
    centres = np.arange(-3.5, 3.5 + width / 4, width / 2)
    return _unit_rows(np.exp(-((standard[:, None] - centres) ** 2) / width**2))


def _mean_cosine(guessed: FloatArray, true: FloatArray) -> float:
    cosine = (_unit_rows(guessed) * _unit_rows(true)).sum(1)
    return float(np.clip(cosine.mean(), 0.0, 1.0))


def _unit_rows(rows: npt.NDArray[Any]) -> FloatArray:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 0)
    return np.asarray(unit, dtype=np.float32)
