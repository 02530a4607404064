"""The task `pairs`: users' texts near the texts of their items, with one encoder for both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional as F

from kgrec.errors import DataError
from kgrec.text.progress import ShowProgress
from kgrec.text.tuning.tasks.base import Task
from kgrec.text.tuning.tower import Corpus, Tower
from kgrec.text.tuning.two_tower_settings import PairsConfig
from kgrec.text.tuning.user_texts import UserText, UserTexts
from kgrec.types import BoolArray, FloatArray, IntArray

MeasurePairs = Callable[[FloatArray, FloatArray], Mapping[str, float]]
"""Vectors of `PairData.ranked_users`, float32 (n, dim), and of all items, float32 (num_items,
dim), to the figures of the validation part."""


@dataclass(frozen=True)
class PairData:
    """What the task learns from.

    Attributes:
        texts: The text of each item, "" for none.
        users: The texts of users.
        liked: Who chose what in the training part, CSR of shape (num_users, num_items) with ones.
        attributes: Which item has which attribute, CSR of shape (num_items, num_attributes) with
            ones; None: there are none, and so no hard negatives.
        ranked: Which items need vectors for validation, bool of shape (num_items,).
        ranked_users: Rows of the users of the validation part, int64 of shape (n,).
        measure: Measures on the validation part; None: there is none.
        metric: The key of what `measure` returns that chooses the best epoch.
    """

    texts: Sequence[str]
    users: UserTexts
    liked: csr_matrix
    attributes: csr_matrix | None
    ranked: BoolArray
    ranked_users: IntArray
    measure: MeasurePairs | None
    metric: str = "ndcg@10"


@dataclass(frozen=True)
class PairBatch:
    """Pairs of a step.

    Attributes:
        users: Rows of users, int64 of shape (b,).
        items: The item of each, int64 of shape (b,).
        seed: The seed of hard negatives and of the titles in users' texts.
    """

    users: IntArray
    items: IntArray
    seed: int


class PairsTask(Task[PairBatch]):
    """See `PairsConfig`.

    Args:
        config: The settings.
        data: The data.

    Raises:
        DataError: There are not two pairs with texts on both sides.
    """

    name = "pairs"

    def __init__(self, config: PairsConfig, data: PairData) -> None:
        self.config, self.data = config, data
        self.weight, self.metric = config.weight, data.metric
        self._liked = csr_matrix(data.liked, dtype=np.float32)
        self._liked.sort_indices()
        with_text = np.array([bool(text) for text in data.texts], dtype=np.bool_)
        self._pairs = self._with_texts(with_text)
        if len(self._pairs) < 2:
            raise DataError(
                "The task `pairs` needs users of whom something is known besides the item of a "
                f"pair, and items with text; it found {len(self._pairs)} such pairs."
            )
        chosen = np.diff(self._liked.tocsc().indptr) > 0
        self._needed = np.flatnonzero((chosen | data.ranked) & with_text)
        self._place = np.full(len(data.texts), -1, dtype=np.int64)
        self._place[self._needed] = np.arange(len(self._needed))
        self._negatives = None
        if config.hard and data.attributes is not None and data.attributes.nnz:
            self._negatives = HardNegatives(data.attributes, np.flatnonzero(chosen & with_text))
        self._items: Corpus | None = None
        self._ranked: Corpus | None = None

    def prepare(self, tower: Tower, progress: ShowProgress = False) -> None:
        """Read the texts of items, and of the users of the validation part; see `Task.prepare`."""
        self._items = tower.corpus(
            [self.data.texts[row] for row in self._needed.tolist()], progress
        )
        tower.centre(self._items)
        if self.data.measure is not None:
            told = [str(self._user(user)) for user in self.data.ranked_users.tolist()]
            self._ranked = tower.corpus(told, progress, query=True)

    def batches(self, random: np.random.Generator) -> Sequence[PairBatch]:
        """Return batches with each pair once, or as many as are asked for; see `Task.batches`."""
        order = random.permutation(len(self._pairs))[: self.config.pairs_per_epoch]
        parts = np.array_split(order, -(-len(order) // self.config.batch_size))
        seeds = random.integers(1 << 62, size=len(parts)).tolist()
        return [
            PairBatch(self._pairs[part, 0], self._pairs[part, 1], seed)
            for part, seed in zip(parts, seeds, strict=True)
        ]

    def num_texts(self, batch: PairBatch) -> int:
        """Return the number of users and items, besides negatives; see `Task.num_texts`."""
        return len(batch.users) + len(batch.items)

    def loss(self, tower: Tower, batch: PairBatch) -> Tensor:
        """Return the loss of a batch; see `Task.loss`."""
        assert self._items is not None
        random = np.random.default_rng(batch.seed)
        pairs = list(zip(batch.users.tolist(), batch.items.tolist(), strict=True))
        told = [str(self._user(user, item, random)) for user, item in pairs]
        columns = np.unique(np.concatenate([batch.items, self._drawn(batch, random)]))
        users = tower.read(told, query=True)
        queries = tower(users, np.arange(len(users)))
        items = tower(self._items, self._place[columns])
        right = np.searchsorted(columns, batch.items)
        wrong = self._liked[batch.users][:, columns].toarray() == 0
        wrong[np.arange(len(right)), right] = True
        return info_nce(
            queries,
            items,
            torch.from_numpy(right).to(tower.device),
            torch.from_numpy(wrong).to(tower.device),
            self.config.temperature,
        )

    def metrics(self, tower: Tower, progress: ShowProgress = False) -> dict[str, float]:
        """Encode all texts, and measure with their vectors; see `Task.metrics`."""
        if self.data.measure is None:
            return {}
        assert self._items is not None
        assert self._ranked is not None
        users = tower.vectors(self._ranked, progress=progress)
        vectors = np.zeros((len(self._place), tower.dim), dtype=np.float32)
        vectors[self._needed] = tower.vectors(self._items, progress=progress)
        return dict(self.data.measure(users, vectors))

    def identity(self) -> str:
        """Return a digest of the interactions and the texts."""
        found = hashlib.sha256(self._liked.indptr.tobytes() + self._liked.indices.tobytes())
        if self.data.attributes is not None:
            found.update(self.data.attributes.indptr.tobytes())
            found.update(self.data.attributes.indices.tobytes())
        users = (str(self.data.users.of(user)) for user in range(self._liked.shape[0]))
        for texts in (self.data.texts, users):
            for text in texts:
                found.update(hashlib.sha256(text.encode("utf-8", "replace")).digest())
        return found.hexdigest()

    def _with_texts(self, with_text: BoolArray) -> IntArray:
        """Return the pairs of which item and user have a text, int64 of shape (n, 2).

        Nothing of a user but the item of the pair is no text.
        """
        counts = np.diff(self._liked.indptr)
        users = np.repeat(np.arange(len(counts)), counts)
        items = self._liked.indices.astype(np.int64)
        told = np.zeros(len(counts), dtype=np.bool_)
        for user in np.flatnonzero(counts).tolist():
            text = self.data.users.of(user)
            told[user] = bool(text.profile or text.own or text.disliked or len(text.liked) > 1)
        return np.stack([users, items], axis=1)[told[users] & with_text[items]]

    def _user(
        self, user: int, item: int = -1, random: np.random.Generator | None = None
    ) -> UserText:
        """Return the text of a user without an item, with few titles; None: the most telling."""
        found = self.data.users.of(user, item)
        return replace(
            found,
            liked=_few(found.liked, self.config.titles, random),
            disliked=_few(found.disliked, self.config.titles, random),
        )

    def _drawn(self, batch: PairBatch, random: np.random.Generator) -> IntArray:
        """Return rows of hard negatives, which may come several times."""
        if self._negatives is None:
            return np.zeros(0, dtype=np.int64)
        found = []
        for user, item in zip(batch.users.tolist(), batch.items.tolist(), strict=True):
            span = slice(self._liked.indptr[user], self._liked.indptr[user + 1])
            own = self._liked.indices[span].astype(np.int64)
            found.append(self._negatives.of(item, own, self.config.hard, random))
        return np.concatenate(found)


class HardNegatives:
    """Draws items that share attributes with an item; rarer attributes count more.

    Args:
        attributes: CSR of shape (num_items, num_attributes) with ones.
        candidates: Rows of the items that are drawn, int64 of shape (n,).
    """

    def __init__(self, attributes: csr_matrix, candidates: IntArray) -> None:
        ones = csr_matrix(attributes, dtype=np.float32)
        self._candidates = candidates
        own = csr_matrix(ones[candidates])
        counts = np.asarray(own.sum(axis=0)).ravel()
        weights = np.log(len(candidates) / np.maximum(counts, 1.0)).astype(np.float32)
        self._weighted = csr_matrix(ones.multiply(weights))
        self._own = csr_matrix(own.T)

    def of(self, item: int, chosen: IntArray, count: int, random: np.random.Generator) -> IntArray:
        """Return different items, fewer where there are not enough.

        Args:
            item: Row of the item.
            chosen: Rows of items that are not drawn, int64; the item itself is not either.
            count: How many are drawn.
            random: What draws.

        Returns:
            Rows, int64 of shape (at most count,), drawn in proportion to the weights of the
            attributes that they share with the item.
        """
        shared = csr_matrix(self._weighted[item] @ self._own)
        rows, weights = self._candidates[shared.indices], shared.data.astype(np.float64)
        free = (weights > 0) & (rows != item) & ~np.isin(rows, chosen)
        order = np.argsort(rows[free])
        rows, weights = rows[free][order], weights[free][order]
        if len(rows) <= count:
            few: IntArray = rows
            return few
        drawn: IntArray = random.choice(rows, count, replace=False, p=weights / weights.sum())
        return drawn


def info_nce(
    queries: Tensor, items: Tensor, right: Tensor, candidates: Tensor, temperature: float
) -> Tensor:
    """Return the mean cross-entropy of finding each query's item among the candidates.

    Args:
        queries: Of length 1, float32 of shape (b, dim).
        items: Of length 1, float32 of shape (m, dim).
        right: The item of each query, int64 of shape (b,).
        candidates: Which items a query is compared with, bool of shape (b, m), the right one
            among them.
        temperature: Divides the cosines.
    """
    logits = (queries @ items.T / temperature).masked_fill(~candidates, float("-inf"))
    return F.cross_entropy(logits, right)


def _few(titles: tuple[str, ...], most: int, random: np.random.Generator | None) -> tuple[str, ...]:
    if len(titles) <= most:
        return titles
    if random is None:
        return titles[:most]
    places = np.sort(random.choice(len(titles), most, replace=False))
    return tuple(titles[place] for place in places.tolist())
