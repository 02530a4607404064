"""The encoder in training: texts to vectors with gradients, at the cost of what is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.errors import RunError
from kgrec.text.batching import length_batches
from kgrec.text.forward import fast_precision
from kgrec.text.model_files import ModelFiles
from kgrec.text.module import TextModule
from kgrec.text.progress import ShowProgress, reporter
from kgrec.text.tuning.adapting import Adapted
from kgrec.text.tuning.augmenting import AugmentConfig, augmented_text, augmented_tokens
from kgrec.text.tuning.kept_states import KeptStates, kept_states
from kgrec.text.tuning.layers import LowerLayers, layers_of
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.synonyms import find_wordnet, read_synonyms
from kgrec.text.tuning.user_texts import PairReader
from kgrec.types import FloatArray, IntArray, torch_device


@dataclass(frozen=True)
class Corpus:
    """Texts that a tower has read.

    Attributes:
        tokens: The token ids of each text.
        lengths: Their number, int64 of shape (n,).
        kept: What the layers that are not trained give for them; None: they are computed.
        pooled: The pooled vectors, float32 of shape (n, dim), where only what follows is trained.
        query: Whether they are queries, as `TextModule.forward` means it.
        texts: The texts; empty: they are not known.
    """

    tokens: Sequence[IntArray]
    lengths: IntArray
    kept: KeptStates | None = None
    pooled: Tensor | None = None
    query: bool = False
    texts: Sequence[str] = ()

    @classmethod
    def of_tokens(cls, tokens: Sequence[IntArray], *, query: bool = False) -> Corpus:
        """Return texts of which the token ids are known; all layers are computed for them."""
        lengths = np.fromiter((len(row) for row in tokens), np.int64, len(tokens))
        return cls(tokens, lengths, query=query)

    def __len__(self) -> int:
        return len(self.tokens)


class Tower:
    """A text module in training.

    Args:
        files: The files of the model to begin with.
        settings: What is trained of it, and how.
        cache: Folder for hidden states of layers that are not trained.
        seed: The seed of new weights.
        device: The device; "auto" is a GPU where there is one.
        prompts: What is put before queries and before other texts; None: what the model's folder
            says.

    Attributes:
        settings: As above.
        precision: "float32" or "bfloat16".

    Raises:
        ConfigError: The model cannot be loaded, the regime is not possible for it, or there is no
            WordNet for `augment.synonyms`.
    """

    def __init__(
        self, files: ModelFiles, settings: TextTuning, cache: Path, *, seed: int = 0,
        device: str = "auto", prompts: tuple[str | None, str | None] = (None, None),
    ) -> None:  # fmt: skip
        self.settings, self._cache, self._weights = settings, cache, files.weights_sha256
        self._tokenizer = files.tokenizer_sha256
        module = TextModule.load(files, max_length=settings.max_length)
        module = module.with_prompts(*prompts)
        if settings.projection is not None:
            module = module.with_dense(settings.projection, bias=True)
        self._adapted = Adapted(module, settings.regime, seed)
        self._module = module.to(torch_device(device))
        self.precision = settings.precision
        if settings.precision == "auto":
            fast = fast_precision(module.device, int8_possible=False)
            self.precision = "bfloat16" if fast == "bfloat16" else "float32"
        self._lower: LowerLayers | None = None
        self._recorded: list[Tensor] | None = None
        depth = int(module.model.config.num_hidden_layers)
        self._only_steps = self._adapted.lower == depth
        if 0 < self._adapted.lower < depth:
            self._lower = LowerLayers(layers_of(module.model), self._adapted.lower)
        if settings.gradient_checkpointing:
            # Without reentrance, gradients do not depend on what the first layer's input needs.
            own = module.model
            enable = getattr(own, "activation_checkpointing_enable", None)  # its name since 5.20
            (enable or own.gradient_checkpointing_enable)({"use_reentrant": False})
        if settings.dropout is not None:
            self._set_dropout(settings.dropout)
        self._centred = settings.projection is None
        self._synonyms: Mapping[str, Sequence[str]] = {}
        if settings.augment.synonyms:
            self._synonyms = read_synonyms(find_wordnet(settings.augment.wordnet))
        self.train(False)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._module.dim

    @property
    def module(self) -> TextModule:
        """The module that is trained, with what the regime adds to it."""
        return self._module

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self._module.device

    @property
    def fingerprint(self) -> str:
        """Hex digits of the weights, tokenizer and prompts that training begins with."""
        parts = f"{self._weights} {self._tokenizer} {self._module.prompts}"
        return hashlib.sha256(parts.encode()).hexdigest()

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that are trained, by name."""
        return self._adapted.trained

    @property
    def num_parameters(self) -> int:
        """All numbers in the parameters, trained or not."""
        return sum(value.numel() for value in self._module.parameters())

    def depths(self) -> dict[str, int]:
        """Return how far each trained parameter is from the output, by name; 0: the last layer."""
        groups = self._module.parameter_groups()
        layers = [name for name in groups if name.startswith("layer ")]
        depth = {name: len(layers) - 1 - place for place, name in enumerate(layers)}
        depth |= {"embeddings": len(layers), "rest": 0, "dense": 0}
        return {name: depth[group] for group, named in groups.items() for name in named}

    def pair_reader(self, user_share: float) -> PairReader:
        """Return what turns texts of users and items into tokens; see `PairReader`."""
        return PairReader(self._module, user_share)

    def read(self, texts: Sequence[str], *, query: bool = False) -> Corpus:
        """Read texts that are used once: all layers are computed for them.

        Args:
            texts: n strings.
            query: Whether they are queries, which have a prompt of their own.
        """
        made = Corpus.of_tokens(self._module.tokenize(texts, query=query), query=query)
        return replace(made, texts=texts)

    def corpus(
        self, texts: Sequence[str], progress: ShowProgress = False, *, query: bool = False
    ) -> Corpus:
        """Read texts, and compute what does not change in training.

        Args:
            texts: n strings.
            progress: As for `TextEncoder.encode`.
            query: As for `read`.

        Raises:
            RunError: The cache folder cannot be written.
        """
        corpus = self.read(texts, query=query)
        tokens = corpus.tokens
        if not len(tokens) or (self._lower is None and not self._only_steps):
            return corpus
        if self._only_steps:
            return replace(corpus, pooled=self.pooled(corpus, progress=progress))
        self.train(False)
        with reporter(progress, len(tokens), "Layers that are not trained") as report:
            return replace(corpus, kept=self._kept(corpus, report))

    def __call__(self, corpus: Corpus, rows: IntArray) -> Tensor:
        """Return vectors of length 1, with gradients to what is trained.

        Texts of similar length go through the model together.

        Args:
            corpus: Texts.
            rows: Which of them, int64 of shape (b,).

        Returns:
            float32 of shape (b, dim).
        """
        return self.with_pooled(corpus, rows)[0]

    def with_pooled(self, corpus: Corpus, rows: IntArray) -> tuple[Tensor, Tensor]:
        """Return vectors as a call does, and what pooling gave for them, see `finished`."""
        if self._training and self.settings.augment != AugmentConfig():
            corpus, rows = self._augmented(corpus, rows), np.arange(len(rows))
        batches = list(length_batches(corpus.lengths[rows], self.settings.token_budget))
        parts = [self._pooled(corpus, rows[places]) for places in batches]
        back = np.argsort(np.concatenate(batches))
        pooled = torch.cat(parts)[torch.from_numpy(back).to(self.device)]
        vectors = self.finished(pooled)
        if self._recorded is not None:
            self._recorded.append(vectors)
        return vectors, pooled

    def finished(self, pooled: Tensor) -> Tensor:
        """Return vectors of length 1, (b, dim), from what pooling gave, (b, pooled_dim).

        A new projection moves fast. So a task keeps what pooling gave for its texts, and not their
        vectors, which would be those of an old projection.
        """
        return self._module.finished(pooled)

    @contextmanager
    def recorded(self) -> Iterator[list[Tensor]]:
        """Within this context, the list that it gives gets the vectors of each call."""
        self._recorded = []
        try:
            yield self._recorded
        finally:
            self._recorded = None

    def _augmented(self, corpus: Corpus, rows: IntArray) -> Corpus:
        """Return changed texts, which torch's state decides on."""
        config = self.settings.augment
        random = np.random.default_rng(int(torch.randint(1 << 62, ())))
        if corpus.texts and config.of_texts:
            texts = [corpus.texts[row] for row in rows.tolist()]
            told = [augmented_text(text, config, random, self._synonyms) for text in texts]
            tokens: Sequence[IntArray] = self._module.tokenize(told, query=corpus.query)
        else:
            tokens = [corpus.tokens[row] for row in rows.tolist()]
        if config.tokens:
            special = np.array(sorted(self._module.special_tokens), dtype=np.int64)
            tokens = [augmented_tokens(ids, config, special, random) for ids in tokens]
        return Corpus.of_tokens(tokens, query=corpus.query)

    def centre(self, corpus: Corpus) -> None:
        """Let the vectors of a corpus have a mean of zero, by the bias of a new projection.

        Vectors of texts of one domain point in much the same direction, so that their cosines tell
        little; what is common to all goes. It is done once, for the first corpus, and not where
        trained weights were loaded.
        """
        if self._centred or not len(corpus):
            return
        self._centred = True
        self.train(False)
        total = torch.zeros(self.dim, dtype=torch.float64, device=self.device)
        with torch.no_grad():
            for rows in length_batches(corpus.lengths, self.settings.token_budget):
                pooled = self._pooled(corpus, rows)
                total += self._module.finished(pooled, normalize=False).double().sum(0)
            last: Any = self._module.steps[-1]
            last.linear.bias -= (total / len(corpus)).float()

    def vectors(
        self, corpus: Corpus, rows: IntArray | None = None, progress: ShowProgress = False
    ) -> FloatArray:
        """Return the vectors of many texts without gradients and without dropout.

        Args:
            corpus: Texts.
            rows: Which of them, int64 of shape (b,); None: all.
            progress: As for `TextEncoder.encode`.

        Returns:
            float32 of shape (b, dim), of length 1.
        """
        pooled = self.pooled(corpus, rows, progress)
        with torch.no_grad():
            return np.asarray(self.finished(pooled).float().cpu().numpy())

    def pooled(
        self, corpus: Corpus, rows: IntArray | None = None, progress: ShowProgress = False
    ) -> Tensor:
        """Return what pooling gives for many texts without gradients and without dropout.

        Args:
            corpus: Texts.
            rows: Which of them, int64 of shape (b,); None: all.
            progress: As for `TextEncoder.encode`.

        Returns:
            float32 of shape (b, pooled_dim), on the device of the parameters.
        """
        rows = np.arange(len(corpus)) if rows is None else rows
        found = torch.empty((len(rows), self._module.pooled_dim), device=self.device)
        self.train(False)
        done = 0
        with reporter(progress, len(rows), "Encoding texts") as report, torch.no_grad():
            for places in length_batches(corpus.lengths[rows], self.settings.token_budget):
                target = torch.from_numpy(places).to(self.device)
                found[target] = self._pooled(corpus, rows[places]).float()
                done += len(places)
                report(done, len(rows))
        return found

    def train(self, on: bool = True) -> None:
        """Switch dropout on in what is trained, or off."""
        self._module.eval()
        self._training = on
        if on:
            lower = self._adapted.lower
            parts: list[nn.Module] = [self._module]
            if lower:  # what these layers give is computed once, and has no dropout
                parts = [*layers_of(self._module.model)[lower:], self._module.steps]
            for part in parts:
                part.train()

    def plan(self, num_steps: int) -> None:
        """Say how many steps the training has at most, before the first one.

        Raises:
            ConfigError: They are too few for the regime.
        """
        self._adapted.plan(num_steps)

    def after_step(self, step: int) -> None:
        """Do what the regime does after each step, counted from 1; gradients are still there."""
        self._adapted.after_step(step)

    def penalty(self) -> Tensor | None:
        """Return what the regime adds to the loss of a batch; None: nothing."""
        return self._adapted.penalty()

    def kept(self) -> dict[str, Tensor]:
        """Return what the regime keeps between steps besides the trained parameters."""
        return self._adapted.kept()

    def load_kept(self, kept: Mapping[str, Tensor]) -> None:
        """Restore what `kept` returned."""
        self._adapted.load_kept(kept)

    def state(self) -> dict[str, Tensor]:
        """Return copies of the trained parameters, by name."""
        return {name: value.detach().clone() for name, value in self.trained.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Set the trained parameters.

        Raises:
            RunError: They are those of another model or regime.
        """
        own = self.trained
        if own.keys() != state.keys() or any(
            own[name].shape != value.shape for name, value in state.items()
        ):
            raise RunError("The weights are of another model or regime than this one.")
        self._centred = True
        with torch.no_grad():
            for name, value in state.items():
                own[name].copy_(value)

    def save(self, folder: str | Path) -> None:
        """Write a Hugging Face folder, with what was learned in the weights where that is possible.

        It is the end of the training: what PEFT added is gone afterwards.

        Args:
            folder: A new or empty folder.

        Raises:
            RunError: It is not empty, or it cannot be written.
        """
        self.train(False)
        self._adapted.plain().save(folder)

    def _pooled(self, corpus: Corpus, rows: IntArray) -> Tensor:
        if corpus.pooled is not None:
            return corpus.pooled[torch.from_numpy(rows).to(self.device)]
        tokens = [corpus.tokens[row] for row in rows]
        if corpus.kept is None or self._lower is None:
            return self._forward(tokens, corpus.query)
        states = torch.from_numpy(corpus.kept.padded(rows)).to(self.device)
        with self._lower.given(states):
            return self._forward(tokens, corpus.query)

    def _forward(self, tokens: Sequence[IntArray], query: bool = False) -> Tensor:
        return self._module.pooled(tokens, self._hidden_states, query=query)

    def token_states(self, tokens: Sequence[IntArray]) -> Tensor:
        """Return the last hidden state of each token, with gradients to what is trained.

        Args:
            tokens: Token ids of b texts, which go through the model at once.

        Returns:
            float32 of shape (b, longest, hidden_dim); what is beyond a text means nothing.
        """
        return self._module.states(tokens, self._hidden_states)[0].float()

    def _hidden_states(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        # Pooling, and the layers after it, stay in float32.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            return self._module.hidden_states(ids, mask)

    def _kept(self, corpus: Corpus, report: Callable[[int, int], None]) -> KeptStates:
        lower = self._lower
        assert lower is not None

        def outputs(rows: IntArray) -> list[FloatArray]:
            tokens = [corpus.tokens[row] for row in rows]
            with torch.no_grad():
                states = lower.outputs(lambda: self._forward(tokens)).float().cpu().numpy()
            return [states[place, : len(ids)] for place, ids in enumerate(tokens)]

        def parts() -> Iterator[tuple[IntArray, list[FloatArray]]]:
            done = 0
            for rows in length_batches(corpus.lengths, self.settings.token_budget):
                yield rows, outputs(rows)
                done += len(rows)
                report(done, len(corpus))

        if not lower.seen:
            outputs(np.array([int(corpus.lengths.argmin())]))
        dim = int(self._module.model.config.hidden_size)
        return kept_states(self._cache, self._key(corpus), corpus.lengths, dim, parts())

    def _key(self, corpus: Corpus) -> str:
        """Return what stands for the hidden states of the lower layers."""
        found = hashlib.sha256(
            f"{self._weights} {self._adapted.lower} {self.precision} {self.device.type} "
            f"{self.settings.token_budget} {torch.__version__}".encode()
        )
        for ids in corpus.tokens:
            found.update(len(ids).to_bytes(4, "little") + ids.tobytes())
        return found.hexdigest()

    def _set_dropout(self, share: float) -> None:
        for part in self._module.model.modules():
            if isinstance(part, nn.Dropout) and part.p > 0:
                part.p = share
