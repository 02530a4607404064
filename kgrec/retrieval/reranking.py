"""Lists for another purpose than accuracy alone: how popular, and how different, items are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix, diags, hstack

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, check_kind, option
from kgrec.models.base import unit_rows
from kgrec.retrieval.topk import TopK, empty
from kgrec.types import FloatArray, IntArray

if TYPE_CHECKING:
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.linking import Links

POOL = 5
"""Diverse lists of k items are chosen from so many times k."""
LEAST_POOL = 100
"""Fewest items that they are chosen from."""


@dataclass(frozen=True)
class Dials:
    """How lists differ from those of the model alone, which are those of 0 and 0.

    Attributes:
        popularity: From -1, the least popular items, to 1, the most popular ones: an item's score
            is (1 - |p|) z(score) + p z(log(1 + n)). Here n is the number of users that have the
            item, and z standardises over the catalogue, for scores that of each user, without the
            items that come last because nothing is known of them. Adding a
            weighted popularity to the scores is the usual way to raise or lower it (see Steck, Item
            popularity and recommendation accuracy, RecSys 2011, and Abdollahpouri, Burke and
            Mobasher, FLAIRS 2019); the form with p on both sides of 0 is ours.
        diversity: From 0 to 1: maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).
            Of the `max(100, 5 k)` best items, the next of the list is the one with the largest
            (1 - d) r - d max(similarity to an item of the list), where r is the score scaled to
            0 … 1 over these. The similarity of items is the mean of the cosine of their text
            vectors and that of their attributes, rare ones counting more; see `ItemSimilarity`.

    Raises:
        ConfigError: A dial is outside of its range.
    """

    popularity: float = 0.0
    diversity: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, least in (("popularity", -1), ("diversity", 0)):
            value = getattr(self, name)
            number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
            check_kind(name, value, number, f"a number from {least} to 1")
            if not least <= value <= 1:
                raise ConfigError(f"{option(name)} must lie between {least} and 1, found {value}.")

    def pool(self, k: int, num_items: int) -> int:
        """Return how many of the best items a list of k is chosen from."""
        return min(num_items, max(LEAST_POOL, POOL * k)) if self.diversity else k


NO_DIALS = Dials()
"""Lists of the model alone."""


class ItemSimilarity:
    """Cosines of items: the mean over the kinds of vectors that there are, negative ones as 0.

    Args:
        dense: Vectors, float32 of shape (num_items, dim) each, such as those of texts.
        sparse: Attributes, of shape (num_items, num_attributes) each, as `item_attributes` makes
            them.
    """

    def __init__(self, dense: Sequence[FloatArray], sparse: Sequence[csr_matrix] = ()) -> None:
        self._dense, self._sparse = tuple(dense), tuple(sparse)

    def of(self, rows: IntArray) -> FloatArray:
        """Return the similarities of some items, float32 of shape (n, n), from 0 to 1."""
        total = np.zeros((len(rows), len(rows)), dtype=np.float32)
        for matrix in self._dense:
            unit = unit_rows(matrix[rows])
            total += np.clip(unit @ unit.T, 0.0, 1.0)
        for attributes in self._sparse:
            some: Any = attributes[rows]
            total += np.clip((some @ some.T).toarray(), 0.0, 1.0)
        return np.asarray(total / max(len(self._dense) + len(self._sparse), 1), np.float32)


def item_attributes(
    items: Vocabulary,
    table: AttributeTable | None,
    kg: KnowledgeGraph | None,
    links: Links | None,
) -> csr_matrix | None:
    """Return what items have in common, for their cosines.

    Attributes are the entities that an item has a relation to, or that have one to it, whatever the
    relation, and the values of the columns of categories. Those of a single item tell nothing and
    are left out.

    Args:
        items: The catalogue.
        table: The item table.
        kg: The knowledge graph.
        links: The entities of the items.

    Returns:
        float32 of shape (num_items, num_attributes): log(num_items / items with the attribute) as
        weights, in rows of length 1 or 0; None: items share no attribute.
    """
    blocks = []
    if kg is not None and links is not None:
        width = kg.num_entities
        ones = np.ones(len(links.item), dtype=np.float32)
        of_items = csr_matrix((ones, (links.item, links.entity)), shape=(len(items), width))
        triples = kg.triples
        ones = np.ones(len(triples), dtype=np.float32)
        joined = csr_matrix((ones, (triples[:, 0], triples[:, 2])), shape=(width, width))
        blocks.append(of_items @ (joined + joined.T))
    for category in (table.reindex(items).categories if table is not None else {}).values():
        ones = np.ones(len(category.row), dtype=np.float32)
        shape = (len(items), len(category.values))
        blocks.append(csr_matrix((ones, (category.row, category.value)), shape=shape))
    if not blocks:
        return None
    has = csr_matrix(hstack(blocks, format="csr", dtype=np.float32))
    has.data[:] = 1.0
    number = np.bincount(has.indices, minlength=has.shape[1])
    has = has[:, number > 1]
    if not has.nnz:
        return None
    weight = np.log(len(items) / number[number > 1]).astype(np.float32)
    weighted = csr_matrix(has @ diags(weight))
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    made = diags(1.0 / np.maximum(length, 1e-12)) @ weighted
    return csr_matrix(made, dtype=np.float32)


def diversified(pool: TopK, k: int, diversity: float, similarity: ItemSimilarity) -> TopK:
    """Return k of the items of each list by maximal marginal relevance; see `Dials`.

    Args:
        pool: The best items of each query, best first.
        k: The length of the lists.
        diversity: From 0, the best ones, to 1.
        similarity: That of the items.

    Returns:
        The chosen items in the order of choice, with their scores in `pool`, which do not descend.
    """
    made = empty(len(pool.items), k)
    for row, (items, scores) in enumerate(zip(pool.items, pool.scores, strict=True)):
        there = items >= 0
        chosen = _marginal(items[there], scores[there], k, diversity, similarity)
        made.items[row, : len(chosen)] = items[chosen]
        made.scores[row, : len(chosen)] = scores[chosen]
    return made


def _marginal(
    items: IntArray, scores: FloatArray, k: int, diversity: float, similarity: ItemSimilarity
) -> IntArray:
    """Return the places of the chosen items, int64 of shape (min(k, n),)."""
    number = min(k, len(items))
    if not number:
        return np.zeros(0, dtype=np.int64)
    spread = float(scores.max() - scores.min())
    relevance = (scores - scores.min()) / spread if spread else np.zeros_like(scores)
    alike = similarity.of(items)
    nearest = np.zeros(len(items), dtype=np.float32)
    chosen = np.zeros(number, dtype=np.int64)
    value = relevance.copy()
    for step in range(number):
        # The first is the best one: nothing is on the list that it could be like.
        place = int(np.argmax(value))
        chosen[step] = place
        nearest = np.maximum(nearest, alike[place])
        value = (1.0 - diversity) * relevance - diversity * nearest
        value[chosen[: step + 1]] = -np.inf
    return chosen
