"""The task `interactions`: vectors of items' texts from which users' choices can be rebuilt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional as F

from kgrec.engine.peers import Peers
from kgrec.errors import DataError
from kgrec.text.progress import ShowProgress
from kgrec.text.tuning.bank import Bank
from kgrec.text.tuning.settings import InteractionsConfig
from kgrec.text.tuning.tasks.base import Task
from kgrec.text.tuning.tower import Corpus, Tower
from kgrec.types import BoolArray, FloatArray, IntArray

Measure = Callable[[FloatArray], Mapping[str, float]]
"""Vectors of all items, float32 (num_items, dim), to the figures of the validation part."""

Scores = Callable[[IntArray], FloatArray]
"""Rows of users to scores of all items, float32 (len(users), num_items)."""


@dataclass(frozen=True)
class Choices:
    """What the task learns from.

    Attributes:
        texts: The text of each item, "" for none.
        matrix: Who chose what in the training part, CSR of shape (num_users, num_items) with ones.
        ranked: Which items besides the chosen ones need vectors for validation, bool of shape
            (num_items,).
        measure: Measures on the validation part; None: there is none.
        scores: Scores that are taught in place of the choices; None: there are none.
        metric: The key of what `measure` returns that chooses the best epoch.
        teach_new: Whether the scores tell something of the items that nobody has chosen, too, so
            that their texts are learnt from.
    """

    texts: Sequence[str]
    matrix: csr_matrix
    ranked: BoolArray
    measure: Measure | None
    scores: Scores | None
    metric: str = "ndcg@10"
    teach_new: bool = False


@dataclass(frozen=True)
class ChoiceBatch:
    """What a step works on.

    Attributes:
        items: Rows of the items whose texts are encoded, int64 of shape (b,).
        others: Rows of items that are as the language model read them last, int64 of shape (m,).
        users: Rows of users, int64 of shape (n,).
    """

    items: IntArray
    others: IntArray
    users: IntArray


class InteractionsTask(Task[ChoiceBatch]):
    """See `InteractionsConfig`.

    Args:
        config: The settings.
        choices: The data.

    Raises:
        DataError: No two items with text have a user in common.
    """

    name = "interactions"

    def __init__(self, config: InteractionsConfig, choices: Choices) -> None:
        self.config, self.choices = config, choices
        self.weight, self.metric = config.weight, choices.metric
        with_text = np.array([bool(text) for text in choices.texts], dtype=np.bool_)
        matrix = csr_matrix(choices.matrix, dtype=np.float32)
        chosen = np.diff(matrix.tocsc().indptr) > 0
        self._chosen = chosen
        self._trained = np.flatnonzero((chosen | choices.teach_new) & with_text)
        self._needed = np.flatnonzero((chosen | choices.teach_new | choices.ranked) & with_text)
        self._matrix = matrix
        of_trained = np.diff(csr_matrix(matrix[:, np.flatnonzero(chosen & with_text)]).indptr)
        self._users = np.flatnonzero(of_trained > 1)
        if not len(self._users):
            raise DataError(
                "The task `interactions` needs users who chose two items with text in the training "
                "part; there is none."
            )
        self._place = np.full(matrix.shape[1], -1, dtype=np.int64)
        self._place[self._needed] = np.arange(len(self._needed))
        self._corpus: Corpus | None = None
        self._bank: Bank | None = None

    def prepare(self, tower: Tower, progress: ShowProgress = False) -> None:
        """Read the texts and encode them once; see `Task.prepare`."""
        self._corpus = tower.corpus(
            [self.choices.texts[row] for row in self._needed.tolist()], progress
        )
        tower.centre(self._corpus)
        if self._bank is None:
            self._bank = Bank(tower.pooled(self._corpus, progress=progress))
        self._bank = Bank(self._bank.values.to(tower.device))

    def batches(self, random: np.random.Generator) -> Sequence[ChoiceBatch]:
        """Return batches with each trained item and user at least once; see `Task.batches`."""
        of_items = self._shares(self._trained, self.config.batch_items, random)
        of_users = self._shares(self._users, self.config.batch_users, random)
        made = []
        for place in range(max(len(of_items), len(of_users))):
            items = of_items[place % len(of_items)]
            rest = np.setdiff1d(self._trained, items, assume_unique=True)
            if len(rest) > self.config.other_items:
                rest = random.choice(rest, self.config.other_items, replace=False)
            users = of_users[place % len(of_users)]
            made.append(ChoiceBatch(items, np.sort(rest), np.sort(users)))
        return made

    def num_texts(self, batch: ChoiceBatch) -> int:
        """Return the number of items whose texts are encoded; see `Task.num_texts`."""
        return len(batch.items)

    def loss(self, tower: Tower, batch: ChoiceBatch) -> Tensor:
        """Return the loss of a batch; see `Task.loss`."""
        corpus, bank = self._ready()
        places = self._place[batch.items]
        vectors, pooled = tower.with_pooled(corpus, places)
        kept = bank.values
        others = kept[torch.from_numpy(self._place[batch.others]).to(kept.device)]
        bank.read(self.place, places, pooled)
        columns = np.concatenate([batch.items, batch.others])
        chosen = csr_matrix(self._matrix[batch.users])[:, columns].toarray()
        users = np.flatnonzero(chosen.sum(axis=1) > 1)
        if not len(users):
            return vectors.sum() * 0.0
        made = torch.cat([vectors, tower.finished(others)])
        x = torch.from_numpy(chosen[users]).to(made.device)
        if self.config.loss == "reconstruction":
            return reconstruction_loss(made, x)
        cosines = left_out_cosines(made, x)
        loss = vectors.sum() * 0.0
        for of_group in self._groups(columns):
            places_of_group = torch.from_numpy(of_group).to(made.device)
            targets = self._targets(batch.users[users], columns[of_group], x[:, places_of_group])
            loss = loss + softmax_loss(
                cosines[:, places_of_group], targets, self.config.temperature
            )
        return loss

    def metrics(self, tower: Tower, progress: ShowProgress = False) -> dict[str, float]:
        """Encode all texts again, and measure with their vectors; see `Task.metrics`."""
        if self.choices.measure is None:
            return {}
        corpus, bank = self._ready()
        bank.values.copy_(tower.pooled(corpus, progress=progress))
        with torch.no_grad():
            vectors = tower.finished(bank.values).cpu().numpy()
        of_all = np.zeros((len(self._place), vectors.shape[1]), dtype=np.float32)
        of_all[self._needed] = vectors
        return dict(self.choices.measure(of_all))

    def identity(self) -> str:
        """Return a digest of the interactions and the texts."""
        found = hashlib.sha256(self._matrix.indptr.tobytes() + self._matrix.indices.tobytes())
        for text in self.choices.texts:
            found.update(hashlib.sha256(text.encode("utf-8", "replace")).digest())
        return found.hexdigest()

    def end_step(self, peers: Peers) -> None:
        """Keep what pooling gave; see `Task.end_step`."""
        self._ready()[1].end_step(peers)

    def state(self) -> dict[str, Tensor]:
        """Return what pooling gave in the last pass."""
        return {} if self._bank is None else {"bank": self._bank.values.clone()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what pooling gave in the last pass; see `Task.load_state`."""
        device = None if self._bank is None else self._bank.values.device
        self._bank = Bank(state["bank"].to(device=device, copy=True))

    @staticmethod
    def _shares(rows: IntArray, size: int, random: np.random.Generator) -> list[IntArray]:
        """Return the rows in random order, in parts of at most `size`."""
        return np.array_split(random.permutation(rows), -(-len(rows) // size))

    def _ready(self) -> tuple[Corpus, Bank]:
        assert self._corpus is not None
        assert self._bank is not None
        return self._corpus, self._bank

    def _groups(self, columns: IntArray) -> list[IntArray]:
        """Return the places of the chosen items, and of the others if the scores teach them.

        What is predicted for a new item is nearer to the mean than the score of a known one, so
        each group has a softmax of its own.
        """
        known = self._chosen[columns]
        found = [np.flatnonzero(known), np.flatnonzero(~known)]
        return [one for one in found if len(one) > 1]

    def _targets(self, users: IntArray, columns: IntArray, x: Tensor) -> Tensor:
        """Return what the softmax has to give: rows that sum to 1."""
        if self.choices.scores is None:
            return x / x.sum(1, keepdim=True)
        scores = torch.from_numpy(self.choices.scores(users)[:, columns]).to(x.device)
        spread, mean = torch.std_mean(scores, dim=1, keepdim=True)
        standard = (scores - mean) / spread.clamp_min(1e-12)
        return torch.softmax(standard / self.config.target_temperature, dim=1)


def reconstruction_loss(vectors: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean squared distance of users' choices and what a linear autoencoder gives.

    It is ‖norm(X) - norm(X(AAᵀ - I))‖² for each row (beeFormer, arXiv 2409.10309, after ELSA,
    Vančura et al., RecSys 2022).

    Args:
        vectors: A, of length 1, float32 of shape (m, dim).
        chosen: X, float32 of shape (n, m) with ones and zeros.
    """
    rebuilt = chosen @ vectors @ vectors.T - chosen
    distance = F.normalize(chosen, dim=1) - F.normalize(rebuilt, dim=1)
    return distance.square().sum(1).mean()


def left_out_cosines(vectors: Tensor, chosen: Tensor) -> Tensor:
    """Return the cosine of each item with the sum of each user's other items.

    An item that the user has is left out of the sum, as if it were new.

    Args:
        vectors: Of length 1, float32 of shape (m, dim).
        chosen: float32 of shape (n, m) with ones and zeros.

    Returns:
        float32 of shape (n, m).
    """
    sums = chosen @ vectors
    products = sums @ vectors.T
    # |s - xv|² = |s|² - 2x sv + x, and (s - xv)v = sv - x, as |v| = 1 and x is 0 or 1.
    squares = sums.square().sum(1, keepdim=True) - 2 * chosen * products + chosen
    return (products - chosen) * squares.clamp_min(1e-6).rsqrt()


def softmax_loss(cosines: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy of target distributions and the softmax of cosines.

    Args:
        cosines: float32 of shape (n, m).
        targets: float32 of shape (n, m) with rows that sum to 1.
        temperature: Divides the cosines.
    """
    return -(targets * torch.log_softmax(cosines / temperature, dim=1)).sum(1).mean()
