"""The task `masked`: texts of the domain, of which a part is hidden and has to be found."""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.errors import ConfigError, DataError
from kgrec.text.batching import length_batches
from kgrec.text.progress import ShowProgress, reporter
from kgrec.text.tuning.adapting import seeded
from kgrec.text.tuning.masked_settings import MaskedConfig
from kgrec.text.tuning.tasks.base import Task
from kgrec.text.tuning.tower import Corpus, Tower
from kgrec.types import IntArray

_SHOWN_MASK, _OTHER_TOKEN = 0.8, 0.1
"""Of hidden tokens, the shares that the mask and that random tokens stand for; the rest stays."""


@dataclass(frozen=True)
class TextBatch:
    """Texts of a step.

    Attributes:
        rows: Rows of texts, int64 of shape (b,).
        seed: The seed of what is hidden.
    """

    rows: IntArray
    seed: int


def masked_task(
    config: MaskedConfig, texts: Sequence[str], tower: Tower, seed: int
) -> Task[TextBatch]:
    """Return the task of a kind.

    Args:
        config: The settings.
        texts: All texts; each is used once, and "" is not.
        tower: The encoder in training.
        seed: The seed of the head's first weights.

    Raises:
        DataError: There are too few texts.
        ConfigError: The model cannot learn this.
    """
    made = MlmTask if config.kind == "mlm" else TsdaeTask
    with seeded(seed):
        return made(config, texts, tower)


class _TextsTask(Task[TextBatch]):
    """What both kinds have.

    Args:
        config: The settings.
        texts: The texts.
        tower: The encoder in training.
    """

    name = "masked"
    metric = "perplexity"
    lower_is_better = True

    def __init__(self, config: MaskedConfig, texts: Sequence[str], tower: Tower) -> None:
        self.config, self.weight = config, config.weight
        self._texts = sorted({text for text in texts if text})
        digests = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in self._texts]
        numbers = np.array([int.from_bytes(one[:4], "big") for one in digests], dtype=np.int64)
        held = numbers < config.valid * 2.0**32
        self._train, self._valid = np.flatnonzero(~held), np.flatnonzero(held)
        if not len(self._train):
            raise DataError(f"The task `masked` needs texts, and found {len(self._texts)}.")
        self._digest = hashlib.sha256(b"".join(digests)).hexdigest()
        self._tokens: Sequence[IntArray] = ()
        self._special = np.array(sorted(tower.module.special_tokens), dtype=np.int64)
        self._embeddings: Tensor = tower.module.model.get_input_embeddings().weight
        self._head = self._made_head(tower).to(tower.device)

    def prepare(self, tower: Tower, progress: ShowProgress = False) -> None:
        """Read the texts; see `Task.prepare`."""
        del progress  # reading takes no time
        self._tokens = tower.read(self._texts).tokens

    def batches(self, random: np.random.Generator) -> Sequence[TextBatch]:
        """Return batches with each text once, or as many as are asked for; see `Task.batches`."""
        order = random.permutation(self._train)[: self.config.texts_per_epoch]
        parts = np.array_split(order, -(-len(order) // self.config.batch_size))
        seeds = random.integers(1 << 62, size=len(parts)).tolist()
        return [TextBatch(part, seed) for part, seed in zip(parts, seeds, strict=True)]

    def num_texts(self, batch: TextBatch) -> int:
        """Return the number of texts; see `Task.num_texts`."""
        return len(batch.rows)

    def loss(self, tower: Tower, batch: TextBatch) -> Tensor:
        """Return the mean cross-entropy of the tokens that are looked for; see `Task.loss`."""
        total, count = self._sums(tower, batch)
        return total / max(count, 1)

    def metrics(self, tower: Tower, progress: ShowProgress = False) -> dict[str, float]:
        """Return the perplexity of the texts that are held out; see `Task.metrics`.

        The same tokens are hidden each time.
        """
        if not len(self._valid):
            return {}
        tower.train(False)
        rows = np.array_split(self._valid, -(-len(self._valid) // self.config.batch_size))
        total, count = 0.0, 0
        with reporter(progress, len(rows), "Hidden tokens") as report, torch.no_grad():
            for place, part in enumerate(rows):
                lost, found = self._sums(tower, TextBatch(part, place))
                total, count = total + float(lost), count + found
                report(place + 1, len(rows))
        return {"perplexity": math.exp(min(total / max(count, 1), 700.0))}

    def identity(self) -> str:
        """Return a digest of the texts."""
        return self._digest

    def heads(self) -> Mapping[str, nn.Parameter]:
        """Return the parameters of the head."""
        return dict(self._head.named_parameters())

    @property
    def _share(self) -> float:
        usual = 0.15 if self.config.kind == "mlm" else 0.6
        return usual if self.config.share is None else self.config.share

    def _plain(self, ids: IntArray) -> IntArray:
        """Return the places of the tokens that are not special."""
        return np.flatnonzero(~np.isin(ids, self._special))

    @abstractmethod
    def _made_head(self, tower: Tower) -> nn.Module:
        """Return the new head."""

    @abstractmethod
    def _sums(self, tower: Tower, batch: TextBatch) -> tuple[Tensor, int]:
        """Return the sum of the cross-entropies of a batch, and their number."""


class MlmTask(_TextsTask):
    """The kind `mlm`; see `MaskedConfig`."""

    def __init__(self, config: MaskedConfig, texts: Sequence[str], tower: Tower) -> None:
        if tower.module.mask_token is None:
            raise ConfigError(
                "text.tuning.tasks: `masked` of kind `mlm` needs a model with a token for the "
                "mask, and this one has none. Choose kind: tsdae."
            )
        if tower.settings.regime.name == "frozen":
            raise ConfigError(
                "text.tuning.tasks: `masked` of kind `mlm` trains the layers of the language "
                "model, and the regime `frozen` trains none of them. Choose another regime."
            )
        self._mask = tower.module.mask_token
        super().__init__(config, texts, tower)

    def _made_head(self, tower: Tower) -> nn.Module:
        return TokenHead(tower.module.hidden_dim, *reversed(self._embeddings.shape))

    def hidden(self, ids: IntArray, random: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Return a text with hidden tokens, and their places.

        Args:
            ids: Token ids, int64 of shape (length,).
            random: What draws.
        """
        plain = self._plain(ids)
        count = max(1, round(self._share * len(plain))) if len(plain) else 0
        places = np.sort(random.choice(plain, count, replace=False)) if count else plain
        draws, changed = random.random(count), ids.copy()
        changed[places[draws < _SHOWN_MASK]] = self._mask
        other = places[(draws >= _SHOWN_MASK) & (draws < _SHOWN_MASK + _OTHER_TOKEN)]
        changed[other] = random.integers(self._embeddings.shape[0], size=len(other))
        return changed, places

    def _sums(self, tower: Tower, batch: TextBatch) -> tuple[Tensor, int]:
        random = np.random.default_rng(batch.seed)
        made = [self.hidden(self._tokens[row], random) for row in batch.rows.tolist()]
        total, count = torch.zeros((), device=tower.device), 0
        lengths = np.array([len(ids) for ids, _ in made], dtype=np.int64)
        for part in length_batches(lengths, tower.settings.token_budget):
            states = tower.token_states([made[one][0] for one in part])
            texts = np.repeat(np.arange(len(part)), [len(made[one][1]) for one in part])
            places = np.concatenate([made[one][1] for one in part])
            wanted = np.concatenate([self._tokens[batch.rows[one]][made[one][1]] for one in part])
            if not len(wanted):
                total = total + states.sum() * 0.0
                continue
            found = states[torch.from_numpy(texts), torch.from_numpy(places)]
            logits = self._head(found, self._embeddings)
            target = torch.from_numpy(wanted).to(logits.device)
            total = total + F.cross_entropy(logits, target, reduction="sum")
            count += len(wanted)
        return total, count


class TsdaeTask(_TextsTask):
    """The kind `tsdae`; see `MaskedConfig`."""

    def _made_head(self, tower: Tower) -> nn.Module:
        heads = int(getattr(tower.module.model.config, "num_attention_heads", 1))
        return Decoder(tower.dim, heads, *reversed(self._embeddings.shape))

    def shortened(self, ids: IntArray, random: np.random.Generator) -> IntArray:
        """Return a text without some of its tokens; at least one is left."""
        plain = self._plain(ids)
        gone = random.random(len(plain)) < self._share
        if gone.all() and len(plain):
            gone[random.integers(len(plain))] = False
        return np.delete(ids, plain[gone])

    def _sums(self, tower: Tower, batch: TextBatch) -> tuple[Tensor, int]:
        random = np.random.default_rng(batch.seed)
        whole = [self._tokens[row] for row in batch.rows.tolist()]
        short = [self.shortened(ids, random) for ids in whole]
        vectors = tower(Corpus.of_tokens(short), np.arange(len(short)))
        # Room for what a vector needs: the first token is given, each of the others is asked.
        lengths = np.array([len(ids) for ids in whole], dtype=np.int64)
        total, count = vectors.sum() * 0.0, 0
        for part in length_batches(lengths, tower.settings.token_budget):
            longest = int(lengths[part].max())
            ids = np.full((len(part), longest), -100, dtype=np.int64)
            for place, one in enumerate(part.tolist()):
                ids[place, : lengths[one]] = whole[one]
            told = torch.from_numpy(ids).to(tower.device)
            if longest < 2:
                continue
            rows = torch.from_numpy(part).to(tower.device)
            logits = self._head(vectors[rows], told[:, :-1].clamp_min(0), self._embeddings)
            target = told[:, 1:]
            total = total + F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")
            count += int((lengths[part] - 1).sum())
        return total, count


class TokenHead(nn.Module):
    """From a hidden state to a number for each token, by the products with its embedding.

    Args:
        hidden: Length of a state.
        width: Length of an embedding.
        num_tokens: Number of tokens.
    """

    def __init__(self, hidden: int, width: int, num_tokens: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(num_tokens))
        nn.init.eye_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Return float32 of shape (n, num_tokens) for states of shape (n, hidden)."""
        made = self.norm(F.gelu(self.dense(states)))
        return F.linear(made, embeddings, self.bias)


class Decoder(nn.Module):
    """One layer of a transformer, which writes a text from its vector.

    Args:
        dim: Length of the vector.
        heads: Heads of its attention.
        width: Length of an embedding.
        num_tokens: Number of tokens.
    """

    def __init__(self, dim: int, heads: int, width: int, num_tokens: int) -> None:
        super().__init__()
        self.given = nn.Linear(dim, width)
        heads = heads if width % heads == 0 else 1
        self.layer = nn.TransformerDecoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True
        )
        self.head = TokenHead(width, width, num_tokens)

    def forward(self, vectors: Tensor, ids: Tensor, embeddings: Tensor) -> Tensor:
        """Return what follows each token.

        Args:
            vectors: float32 of shape (n, dim).
            ids: Tokens, int64 of shape (n, length).
            embeddings: float32 of shape (num_tokens, width).

        Returns:
            float32 of shape (n, length, num_tokens).
        """
        length, width = ids.shape[1], embeddings.shape[1]
        x = F.layer_norm(F.embedding(ids, embeddings), (width,)) + _places(
            length, width, ids.device
        )
        later = torch.ones(length, length, dtype=torch.bool, device=ids.device).triu(1)
        found = self.layer(x, self.given(vectors)[:, None], tgt_mask=later)
        logits: Tensor = self.head(found, embeddings)
        return logits


def _places(length: int, width: int, device: torch.device) -> Tensor:
    """Return sines and cosines of places, float32 (length, width) (Vaswani et al., 2017)."""
    place = torch.arange(length, device=device)[:, None]
    step = torch.arange((width + 1) // 2, device=device)
    angle = place * torch.exp(-math.log(10_000.0) * 2 * step / width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :width]
