"""What an earlier snapshot has computed over the first items, to be extended by new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from scipy.sparse import csr_matrix, vstack

from kgrec.retrieval.bm25 import BM25Index
from kgrec.retrieval.index import ExactIndex
from kgrec.retrieval.search import SemanticSearch
from kgrec.text.words import WordCounts
from kgrec.types import FloatArray, IntArray

if TYPE_CHECKING:
    from kgrec.search.taste import TasteSearch

NUM_ALIKE: Final = 10
"""Known items that stand for a new one; a usual number of neighbors, not tuned."""


@dataclass(frozen=True)
class Earlier:
    """What an earlier snapshot of the same model has computed; None: nothing.

    Attributes:
        index: Over the item vectors.
        similarity_index: Over those of length one.
        word_index: Over the words of the items' texts.
        semantic_search: Search by text.
        taste: Search that knows taste.
        alike: Which known items new ones are most like.
    """

    index: ExactIndex | None = None
    similarity_index: ExactIndex | None = None
    word_index: BM25Index | None = None
    semantic_search: SemanticSearch | None = None
    taste: TasteSearch | None = None
    alike: csr_matrix | None = None

    @classmethod
    def of(cls, computed: Mapping[str, Any], before: Earlier) -> Self:
        """Return what a snapshot has computed, or else what an earlier one has.

        Args:
            computed: The snapshot's values by name: `vars` of it.
            before: Those of the earlier one.
        """
        made = {}
        for field in fields(cls):
            own = computed.get(field.name)
            if field.name.endswith("index") and not isinstance(own, ExactIndex | BM25Index):
                own = None  # an approximate index keeps its codes instead
            made[field.name] = getattr(before, field.name) if own is None else own
        return cls(**made)


NOTHING: Final = Earlier()
"""There is no earlier snapshot, or it has computed nothing."""


def extended_index(
    before: ExactIndex | None,
    vectors: FloatArray,
    late: FloatArray | None,
    num_items: int,
    unknown: IntArray,
) -> ExactIndex:
    """Return an exact index over the vectors of all items, zero for those without any.

    Args:
        before: One over the first items; None: there is none.
        vectors: The vectors of the items that the model knows, float32 (n, dim).
        late: Those of all others, float32 (num_items - n, dim); None: they have none.
        num_items: The number of all items.
        unknown: Rows of the items that come last, int64.
    """
    if late is None:
        late = np.zeros((num_items - len(vectors), vectors.shape[1]), dtype=np.float32)
    if before is None:
        before = ExactIndex(vectors)
    return before.extended(late[len(before.vectors) - len(vectors) :], unknown)


def most_alike(
    search: SemanticSearch | BM25Index,
    words: WordCounts,
    num_known: int,
    num_items: int,
    before: csr_matrix | None,
) -> csr_matrix:
    """Return which known items new ones are most like, by their texts.

    Known are the items that the model was fitted on. It is their meaning that counts, or the words
    that they share where there are no text vectors.

    Args:
        search: Compares the items' meaning; where there are no text vectors, their words.
        words: The words of their texts.
        num_known: The number of known items, which are the first ones.
        num_items: The number of all items.
        before: The result of an earlier snapshot, whose new items are the first ones.

    Returns:
        float32 of shape (new items, known items): each row sums to 1, or to 0 for an item without
        text.
    """
    start = num_known if before is None else num_known + before.shape[0]
    rows = np.arange(start, num_items)
    k = min(NUM_ALIKE, num_known)
    if isinstance(search, SemanticSearch):
        more = search.nearest(rows, num_known, k)
    else:
        more = _by_words(search, [words.of_text(row) for row in rows.tolist()], num_known, k)
    return more if before is None else csr_matrix(vstack([before, more], format="csr"))


def _by_words(index: BM25Index, texts: Sequence[Sequence[str]], num: int, k: int) -> csr_matrix:
    pairs: list[tuple[int, int]] = []
    for place, words in enumerate(texts):
        scores = index.score_words(words)[:num]
        best = np.argpartition(-scores, k - 1)[:k]
        pairs += [(place, int(row)) for row in best if scores[row] > 0]
    number = np.bincount([place for place, _ in pairs], minlength=len(texts))
    shares = np.array([1.0 / number[place] for place, _ in pairs], dtype=np.float32)
    at = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return csr_matrix((shares, (at[0], at[1])), shape=(len(texts), num))
