"""The language model that turns texts into vectors, as one module that can be trained.

`TextEncoder` uses the same module, so that there is one tokenizer and one pooling. It reads a
trained and saved module and gives the same vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kgrec.errors import ConfigError, RunError, printable
from kgrec.files import writing
from kgrec.outputs.folders import replacing_folder
from kgrec.text.model_files import DEFAULT_MODEL, ModelFiles, find_model
from kgrec.types import IntArray

HiddenStates = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""Token ids (n, length), and a mask of that shape or None, to states (n, length, dim)."""

_CHARS_PER_TOKEN = 1000  # text beyond max_length times this is cut before tokenization
_TEXTS_AT_ONCE = 4096  # texts per call of the tokenizer


def mean_pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of the hidden states of each text's own tokens, in float32.

    Args:
        hidden: Shape (n, length, dim).
        mask: Shape (n, length); 1 for a token, 0 for padding.

    Returns:
        float32 of shape (n, dim).
    """
    weights = mask.to(torch.float32)
    total = torch.einsum("nld,nl->nd", hidden.float(), weights)
    return total / weights.sum(1, keepdim=True).clamp_min(1.0)


class TextModule(nn.Module):
    """A language model with its tokenizer and its pooling: token ids in, vectors out.

    `load` returns it in float32, on the CPU and without dropout (`eval`). For training, call
    `train()`, and move it with `to(device)`, like any module.

    Args:
        model: A model of transformers whose output has `last_hidden_state`.
        tokenizer: Its tokenizer, of transformers.
        max_length: Tokens read of each text, special tokens included; the rest is cut.

    Attributes:
        model: The language model.
        max_length: As above.
    """

    def __init__(self, model: Any, tokenizer: Any, max_length: int) -> None:
        super().__init__()
        self.model = model
        self.max_length = max_length
        self._tokenizer = tokenizer
        self._pad = int(getattr(model.config, "pad_token_id", None) or 0)

    @classmethod
    def load(
        cls, model: str | Path | ModelFiles = DEFAULT_MODEL, *, max_length: int | None = None
    ) -> TextModule:
        """Load a model.

        Args:
            model: Name of a model on the Hugging Face hub, path of a folder, or files that
                `find_model` has found. Only safetensors weights are read, and no code.
            max_length: Tokens read of each text; None, or more than that, is the model's limit.

        Raises:
            ConfigError: The model cannot be found or loaded, or `max_length` is below 3.
        """
        files = model if isinstance(model, ModelFiles) else find_model(model)
        return cls(_load_model(files), _load_tokenizer(files), files.length_within(max_length))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.model.config.hidden_size)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def tokenize(self, texts: Sequence[str]) -> list[IntArray]:
        """Return the token ids of each text, special tokens included, without padding.

        Args:
            texts: n strings; any may be empty.

        Returns:
            n arrays, int64 of shape (length,) with length ≤ `max_length`.
        """
        limit = self.max_length * _CHARS_PER_TOKEN
        rows: list[IntArray] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = [_encodable(text[:limit]) for text in texts[start : start + _TEXTS_AT_ONCE]]
            found = self._tokenizer(
                part,
                truncation=True,
                max_length=self.max_length,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            rows.extend(np.asarray(ids, dtype=np.int64) for ids in found["input_ids"])
        return rows

    def forward(self, tokens: Sequence[IntArray], *, normalize: bool = True) -> torch.Tensor:
        """Return the vectors of one batch, with gradients to the parameters.

        Args:
            tokens: Token ids of b texts, from `tokenize`.
            normalize: Scale to length 1.

        Returns:
            float32 of shape (b, dim), on the device of the parameters.
        """
        return self.pooled(tokens, self.hidden_states, normalize=normalize)

    def hidden_states(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Return the last hidden states; see `HiddenStates`."""
        hidden: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return hidden

    def pooled(
        self, tokens: Sequence[IntArray], hidden_states: HiddenStates, *, normalize: bool
    ) -> torch.Tensor:
        """Do the same as `forward`, with another function for the hidden states."""
        ids, mask = self._padded(tokens)
        whole = bool(mask.all())
        ids, mask = ids.to(self.device), mask.to(self.device)
        # Without padding no mask is needed, and attention takes its faster path.
        vectors = mean_pool(hidden_states(ids, None if whole else mask), mask)
        return nn.functional.normalize(vectors, dim=1) if normalize else vectors

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
            "embeddings", "layer 0" (the one next to them) to "layer n-1", and "rest", such as a
            norm after the last layer or a pooler that mean pooling does not use. In a group,
            parameters have the names of `named_parameters`. A group without parameters is left
            out; a model whose layers share their parameters has one layer or none.
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
            if name.startswith(f"{layers}."):
                group = f"layer {name.removeprefix(f'{layers}.').split('.')[0]}"
            groups[group][f"model.{name}"] = parameter
        return {name: group for name, group in groups.items() if group}

    def save(self, folder: str | Path) -> None:
        """Write a folder that `TextEncoder`, `load` and transformers read.

        It holds `config.json`, the tokenizer with `max_length`, and `model.safetensors` (several
        for a large model).

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
        with writing(target), replacing_folder(target) as new, _no_bars():
            self.model.save_pretrained(new)
            self._tokenizer.save_pretrained(new)


def _load_model(files: ModelFiles) -> Any:
    from transformers import AutoModel

    try:
        with _no_bars():  # 100 tensors are read in no time
            model = AutoModel.from_pretrained(
                str(files.folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
            )
    except Exception as error:  # each model class raises its own errors
        raise ConfigError(f"{files.folder} cannot be loaded as an encoder: {error}") from error
    return model.eval()


@contextmanager
def _no_bars() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _load_tokenizer(files: ModelFiles) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            str(files.folder), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{files.folder} has no readable tokenizer: {error}") from error


def _encodable(text: str) -> str:
    """Return `text` without lone surrogates, which UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")
