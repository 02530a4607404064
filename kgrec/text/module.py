"""The language model that turns texts into vectors, as one module that can be trained.

`TextEncoder` uses the same module, so that there is one tokenizer and one pooling. It reads a
trained and saved module and gives the same vectors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kgrec.errors import ConfigError, RunError, did_you_mean, printable
from kgrec.files import writing
from kgrec.outputs.folders import replacing_folder
from kgrec.text.added import CHILD, read_added, without_added, write_added
from kgrec.text.backend import encodable
from kgrec.text.dense_files import ACTIVATIONS
from kgrec.text.layout import Pooling, Prompts
from kgrec.text.loading import load_model, load_tokenizer, no_messages
from kgrec.text.model_files import DEFAULT_MODEL, ModelFiles, find_model
from kgrec.text.pooling import Dense, Normalize, pool
from kgrec.text.saving import save_modules
from kgrec.types import FloatArray, IntArray

HiddenStates = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""Token ids (n, length), and a mask of that shape or None, to states (n, length, dim)."""

_CHARS_PER_TOKEN = 1000  # text beyond max_length times this is cut before tokenization
_TEXTS_AT_ONCE = 4096  # texts per call of the tokenizer


class TextModule(nn.Module):
    """A language model with its tokenizer and its pooling: token ids in, vectors out.

    `load` returns it in float32, on the CPU and without dropout (`eval`). For training, call
    `train()`, and move it with `to(device)`, like any module.

    Args:
        model: A model of transformers whose output has `last_hidden_state`.
        tokenizer: Its tokenizer, of transformers.
        max_length: Tokens read of each text, special tokens included; the rest is cut.
        pooling: How hidden states become a vector.
        steps: What follows: `Dense` layers, and `Normalize` between them.
        prompts: What is put before each text.
        unit_length: Whether a saved folder asks for vectors of length 1, as `forward` makes them.

    Attributes:
        model: The language model.
        steps: As above, an `nn.ModuleList`.
        max_length: As above.
        pooling: As above.
        prompts: As above.
        unit_length: As above.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        max_length: int,
        *,
        pooling: Pooling = Pooling(),  # noqa: B008  # frozen
        steps: Sequence[Dense | Normalize] = (),
        prompts: Prompts = Prompts(),  # noqa: B008  # frozen
        unit_length: bool = True,
    ) -> None:
        super().__init__()
        self.model = model
        self.steps = nn.ModuleList(steps)
        self.max_length = max_length
        self.pooling, self.prompts, self.unit_length = pooling, prompts, unit_length
        self._tokenizer = tokenizer
        self._pad = int(getattr(model.config, "pad_token_id", None) or 0)
        # A decoder would keep what it needs to write more text.
        takes = inspect.signature(model.forward).parameters
        self._options = {"use_cache": False} if "use_cache" in takes else {}

    @classmethod
    def load(
        cls, model: str | Path | ModelFiles = DEFAULT_MODEL, *, max_length: int | None = None
    ) -> TextModule:
        """Load a model, with the pooling, dense layers and prompts that its folder says.

        Args:
            model: Name of a model on the Hugging Face hub, path of a folder, or files that
                `find_model` has found. Only safetensors weights are read, and no code.
            max_length: Tokens read of each text; None, or more than that, is the model's limit.

        Raises:
            ConfigError: The model cannot be found or loaded, asks for something that kgrec does not
                do, or `max_length` is below 3.
        """
        files = model if isinstance(model, ModelFiles) else find_model(model)
        layout = files.layout
        steps = [Normalize() if isinstance(s, str) else Dense.read(s) for s in layout.steps]
        module = load_model(files)
        read_added(files.folder, module)
        folder = str(files.folder)
        known = module.get_input_embeddings().num_embeddings
        tokenizer = load_tokenizer(folder, printable(folder), known)
        if layout.lower_case:
            _lower_case(tokenizer)
        loaded = cls(
            module,
            tokenizer,
            files.length_within(max_length),
            pooling=layout.pooling,
            steps=steps,
            prompts=layout.prompts,
            unit_length=layout.normalize,
        )
        return loaded.eval()

    def with_dense(
        self,
        dim: int | None = None,
        *,
        weight: FloatArray | None = None,
        bias: bool = False,
        activation: str = "identity",
    ) -> TextModule:
        """Return a module with one more dense layer after those that it has.

        Both modules share the language model.

        Args:
            dim: Length of the new vectors; None: as before, or that of `weight`.
            weight: What the layer begins with, float32 of shape (dim, self.dim); None: the
                identity, of whose rows a smaller `dim` has the first ones, while a larger one adds
                zeros.
            bias: Whether it adds a bias, which begins with zeros.
            activation: One of `kgrec.text.dense_files.ACTIVATIONS`.

        Raises:
            ConfigError: `weight` has another shape, or the activation is unknown.
        """
        if activation not in ACTIVATIONS:
            raise ConfigError(
                f"activation: unknown value {activation!r}.{did_you_mean(activation, ACTIVATIONS)}"
            )
        if dim is None:
            dim = self.dim if weight is None else len(weight)
        if dim < 1:
            raise ConfigError(f"dim: expected at least 1, found {dim}.")
        first = np.eye(dim, self.dim, dtype=np.float32) if weight is None else weight
        if first.shape != (dim, self.dim):
            raise ConfigError(f"weight: expected the shape {(dim, self.dim)}, found {first.shape}.")
        zeros = np.zeros(dim, dtype=np.float32) if bias else None
        dense = Dense(first, zeros, activation).to(self.device).train(self.training)
        made = TextModule(
            self.model,
            self._tokenizer,
            self.max_length,
            pooling=self.pooling,
            steps=[*self.steps, dense],
            prompts=self.prompts,
            unit_length=self.unit_length,
        )
        return made.train(self.training)

    def with_prompts(self, query: str | None = None, document: str | None = None) -> TextModule:
        """Return a module with other prompts, which shares the language model and all layers.

        Args:
            query: What is put before queries; None: as before.
            document: What is put before other texts; None: as before.
        """
        made = copy(self)  # shares all parameters, like `nn.Module`s that are copied shallowly
        made.prompts = self.prompts.changed(query, document)
        return made

    @property
    def hidden_dim(self) -> int:
        """Length of the language model's hidden states."""
        return int(self.model.config.hidden_size)

    @property
    def pooled_dim(self) -> int:
        """Length of what pooling gives."""
        return self.hidden_dim * len(self.pooling.modes)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        dense = [step for step in self.steps if isinstance(step, Dense)]
        return int(dense[-1].linear.out_features) if dense else self.pooled_dim

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def tokenize(self, texts: Sequence[str], *, query: bool = False) -> list[IntArray]:
        """Return the token ids of each text, special tokens included, without padding.

        Args:
            texts: n strings; any may be empty.
            query: Whether they are queries, which have a prompt of their own.

        Returns:
            n arrays, int64 of shape (length,) with length ≤ `max_length`.
        """
        return self._ids(texts, self.prompts.query if query else self.prompts.document)

    def pieces(self, texts: Sequence[str]) -> list[IntArray]:
        """Return the token ids of each text, without special tokens and prompts; see `joined`.

        Args:
            texts: n strings; any may be empty.

        Returns:
            n arrays, int64 of shape (length,) with length ≤ `max_length`.
        """
        return self._ids(texts, "", special=False)

    def joined(self, first: IntArray, second: IntArray) -> IntArray:
        """Return the token ids of two segments as one text, with the separator between them.

        Special tokens are around both. Token types stay those of a single text, as an encoder of
        single texts has learnt no others.

        Args:
            first: From `pieces`; together with `second` at most `pair_room` tokens.
            second: Likewise.
        """
        start, between, end = self._around
        return np.concatenate([start, first, between, second, end])

    @property
    def pair_room(self) -> int:
        """Tokens of two segments together that `joined` may get."""
        return self.max_length - sum(map(len, self._around))

    @cached_property
    def _around(self) -> tuple[IntArray, IntArray, IntArray]:
        """What is before, between and after two segments."""
        (inner,), (whole,) = self.pieces(["a"]), self._ids(["a"], "")
        places = range(len(whole) - len(inner) + 1)
        begin = next((p for p in places if (whole[p : p + len(inner)] == inner).all()), 0)
        tokenizer = self._tokenizer
        mark = tokenizer.eos_token_id if tokenizer.sep_token_id is None else tokenizer.sep_token_id
        between = np.array([] if mark is None else [mark], dtype=np.int64)
        return whole[:begin], between, whole[begin + len(inner) :]

    def _ids(self, texts: Sequence[str], prompt: str, special: bool = True) -> list[IntArray]:
        limit = self.max_length * _CHARS_PER_TOKEN
        rows: list[IntArray] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = texts[start : start + _TEXTS_AT_ONCE]
            found = self._tokenizer(
                [encodable((prompt + text)[:limit]) for text in some],
                truncation=True,
                max_length=self.max_length,
                add_special_tokens=special,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            rows.extend(np.asarray(ids, dtype=np.int64) for ids in found["input_ids"])
        return rows

    def forward(
        self, tokens: Sequence[IntArray], *, normalize: bool = True, query: bool = False
    ) -> torch.Tensor:
        """Return the vectors of one batch, with gradients to the parameters.

        Args:
            tokens: Token ids of b texts, from `tokenize`.
            normalize: Scale to length 1.
            query: Whether they are queries; asked only by models that do not pool their prompts.

        Returns:
            float32 of shape (b, dim), on the device of the parameters.
        """
        return self.vectors(tokens, self.hidden_states, normalize=normalize, query=query)

    def hidden_states(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Return the last hidden states; see `HiddenStates`."""
        found = self.model(input_ids=ids, attention_mask=mask, **self._options)
        hidden: torch.Tensor = found.last_hidden_state
        return hidden

    def vectors(
        self,
        tokens: Sequence[IntArray],
        hidden_states: HiddenStates,
        *,
        normalize: bool,
        query: bool = False,
    ) -> torch.Tensor:
        """Do the same as `forward`, with another function for the hidden states."""
        return self.finished(self.pooled(tokens, hidden_states, query=query), normalize=normalize)

    def pooled(
        self, tokens: Sequence[IntArray], hidden_states: HiddenStates, *, query: bool = False
    ) -> torch.Tensor:
        """Return what pooling gives, float32 of shape (b, pooled_dim)."""
        hidden, mask = self.states(tokens, hidden_states)
        return pool(hidden, mask, self.pooling.modes, self._skipped(query))

    def finished(self, pooled: torch.Tensor, *, normalize: bool = True) -> torch.Tensor:
        """Return the vectors, (b, dim), by what follows the pooling."""
        vectors = pooled
        for step in self.steps:
            vectors = step(vectors)
        return nn.functional.normalize(vectors, dim=1) if normalize else vectors

    def states(
        self, tokens: Sequence[IntArray], hidden_states: HiddenStates
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the hidden states of each token, and where tokens are.

        Returns:
            States of shape (n, longest, hidden_dim), and a mask of shape (n, longest), int64.
        """
        ids, mask = self._padded(tokens)
        whole = bool(mask.all())
        ids, mask = ids.to(self.device), mask.to(self.device)
        # Without padding no mask is needed, and attention takes its faster path.
        return hidden_states(ids, None if whole else mask), mask

    @property
    def mask_token(self) -> int | None:
        """The id of the token that stands for a hidden one; None: the tokenizer has none."""
        found = self._tokenizer.mask_token_id
        return None if found is None else int(found)

    @property
    def special_tokens(self) -> frozenset[int]:
        """The ids of all special tokens, such as those around a text."""
        return frozenset(int(one) for one in self._tokenizer.all_special_ids)

    @property
    def blank_token(self) -> int:
        """The id of the token that says nothing: that of a hidden one, or else padding."""
        return self._pad if self.mask_token is None else self.mask_token

    def spans(self, text: str, *, query: bool = False) -> tuple[IntArray, list[tuple[int, int]]]:
        """Return the token ids of a text, and where in it each token is.

        Args:
            text: The text; only its tokens up to `max_length` are read.
            query: Whether it is a query.

        Returns:
            What `tokenize` returns, and (start, end) of each token; (0, 0) for special tokens and
            those of the prompt.
        """
        prompt = self.prompts.query if query else self.prompts.document
        found = self._tokenizer(
            encodable(prompt + text), truncation=True, max_length=self.max_length,
            return_offsets_mapping=True, return_attention_mask=False, return_token_type_ids=False,
        )  # fmt: skip
        begin = len(prompt)
        spans = [
            (max(start - begin, 0), end - begin) if end > max(start, begin) else (0, 0)
            for start, end in found["offset_mapping"]
        ]
        return np.asarray(found["input_ids"], dtype=np.int64), spans

    def _skipped(self, query: bool) -> int:
        """Return the number of tokens at the beginning that are not pooled."""
        prompt = self.prompts.query if query else self.prompts.document
        if self.pooling.include_prompt or not prompt:
            return 0
        (ids,) = self._ids([""], prompt)
        # A special token at the end comes after the text, not after the prompt.
        return len(ids) - int(len(ids) > 0 and ids[-1] in self._tokenizer.all_special_ids)

    def _padded(self, tokens: Sequence[IntArray]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(len(row) for row in tokens)
        ids = np.full((len(tokens), longest), self._pad, dtype=np.int64)
        mask = np.zeros((len(tokens), longest), dtype=np.int64)
        for row, values in enumerate(tokens):
            ids[row, : len(values)] = values
            mask[row, : len(values)] = 1
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def parameter_groups(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return the parameters by their depth in the model, each in one group.

        Returns:
            "embeddings", "layer 0" (the one next to them) to "layer n-1", "rest", such as a norm
            after the last layer or a pooler that is not used, and "dense", the layers after the
            pooling. In a group, parameters have the names of `named_parameters`. A group without
            parameters is left out; a model whose layers share their parameters has one layer or
            none.
        """
        inside = dict(self.model.named_modules())
        depth = self.model.config.num_hidden_layers
        layers = next(
            (n for n, m in inside.items() if isinstance(m, nn.ModuleList) and len(m) == depth), "-"
        )
        first = self.model.get_input_embeddings()
        path = next(name for name, module in inside.items() if module is first).split(".")
        # The outermost module with the token embeddings, but without the layers.
        around = [".".join(path[: end + 1]) + "." for end in range(len(path))]
        embeddings = next(name for name in around if not f"{layers}.".startswith(name))
        groups: dict[str, dict[str, nn.Parameter]] = {"embeddings": {}}
        groups |= {f"layer {place}": {} for place in range(depth)} | {"rest": {}}
        for name, parameter in self.model.named_parameters():
            group = "embeddings" if name.startswith(embeddings) else "rest"
            for start in (f"{layers}.", f"{CHILD}.layers."):
                if name.startswith(start):
                    group = f"layer {name.removeprefix(start).split('.')[0]}"
            groups[group][f"model.{name}"] = parameter
        groups["dense"] = {f"steps.{name}": p for name, p in self.steps.named_parameters()}
        return {name: group for name, group in groups.items() if group}

    def save(self, folder: str | Path) -> None:
        """Write a folder that `TextEncoder`, `load`, sentence-transformers and transformers read.

        It holds `config.json`, the tokenizer with `max_length`, `model.safetensors` (several for a
        large model), and for sentence-transformers `modules.json` with the pooling, the dense
        layers, the normalisation and the prompts. A prefix, or adapters, are in a file that only
        kgrec reads; see `kgrec.text.added`.

        Args:
            folder: A new or empty folder.

        Raises:
            RunError: It is not empty, or it cannot be written.
        """
        target = Path(folder)
        if target.is_file() or (target.is_dir() and any(target.iterdir())):
            raise RunError(f"{printable(str(target))} exists already; it is not overwritten.")
        self.tokenize([""])  # a tokenizer is saved with the truncation of its last use
        self._tokenizer.model_max_length = self.max_length
        with writing(target), replacing_folder(target) as new, no_messages():
            with without_added(self.model):
                self.model.save_pretrained(new)
            write_added(new, self.model)
            self._tokenizer.save_pretrained(new)
            save_modules(
                new,
                self.pooling.config(self.hidden_dim),
                list(self.steps),
                self.prompts,
                max_length=self.max_length,
                normalize=self.unit_length,
            )


def _lower_case(tokenizer: Any) -> None:
    """Let a tokenizer lower-case its texts, also after it is saved and read again."""
    from tokenizers.normalizers import Lowercase
    from tokenizers.normalizers import Sequence as InTurn

    inner = tokenizer.backend_tokenizer
    first = [Lowercase()]
    inner.normalizer = InTurn(first if inner.normalizer is None else [*first, inner.normalizer])
