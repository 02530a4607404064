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

from kgrec.errors import ConfigError, RunError, first_few, printable
from kgrec.files import writing
from kgrec.outputs.folders import replacing_folder
from kgrec.text.model_files import DEFAULT_MODEL, ModelFiles, find_model
from kgrec.types import IntArray

HiddenStates = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""Token ids (n, length), and a mask of that shape or None, to states (n, length, dim)."""

_CHARS_PER_TOKEN = 1000  # text beyond max_length times this is cut before tokenization
_FEW = 100  # layers that any model may have
_SMALL = 1 << 20  # parameters that weights may lack, such as those of a pooler
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
        module = _load_model(files)
        tokenizer = _load_tokenizer(files, module.get_input_embeddings().num_embeddings)
        return cls(module, tokenizer, files.length_within(max_length))

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
        with writing(target), replacing_folder(target) as new, _no_messages():
            self.model.save_pretrained(new)
            self._tokenizer.save_pretrained(new)


def _load_model(files: ModelFiles) -> Any:
    from transformers import AutoConfig, AutoModel

    where, from_disk = printable(str(files.folder)), {"local_files_only": True}
    try:
        with _no_messages():  # 100 tensors are read in no time
            config = AutoConfig.from_pretrained(
                str(files.folder), trust_remote_code=False, **from_disk
            )
            _check_size(config, files)
            model, loaded = AutoModel.from_pretrained(
                str(files.folder),
                config=config,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
                **from_disk,
            )
    except ConfigError:
        raise
    except Exception as error:  # each model class raises its own errors
        reason = printable(str(error), 500)
        raise ConfigError(f"{where} cannot be loaded as an encoder: {reason}") from error
    # transformers fills what is missing with random numbers. The mean of the hidden states does
    # not use a pooler, and many models are published without one.
    missing = sorted(name for name in loaded["missing_keys"] if "pooler" not in name)
    if missing:
        other = sorted(loaded["unexpected_keys"])
        instead = f" They have {first_few(other)} instead." if other else ""
        raise ConfigError(
            f"{where} has no weights for {len(missing)} of the tensors that its config.json asks "
            f"for: {first_few(missing)}.{instead} Both must be of the same model: save them "
            "together with `model.save_pretrained(folder)`."
        )
    broken = [name for name, value in model.named_parameters() if not value.isfinite().all()]
    if broken:
        raise ConfigError(
            f"{where} has weights that are not numbers, in {first_few(broken)}: the file is "
            "damaged, or its training failed."
        )
    return model.eval()


def _check_size(config: Any, files: ModelFiles) -> None:
    """Refuse a `config.json` that asks for a larger model than the weights are."""
    from transformers import AutoModel

    tensors, numbers = files.size
    layers = getattr(config, "num_hidden_layers", 0)
    if isinstance(layers, int) and layers <= max(tensors, _FEW):
        with torch.device("meta"):  # has shapes, but takes no memory
            model = AutoModel.from_config(config, trust_remote_code=False)
        asked = sum(value.numel() for value in model.parameters())
        if asked <= 2 * numbers + _SMALL:
            return
        layers = f"{asked:,} parameters"
    else:
        layers = f"{printable(repr(layers), 40)} layers"
    raise ConfigError(
        f"{printable(str(files.folder / 'config.json'))} asks for {layers}, and the weights "
        f"beside it have {tensors} tensors of {numbers:,} numbers: they are of different models."
    )


@contextmanager
def _no_messages() -> Iterator[None]:
    """Let transformers neither draw bars nor print what is checked here."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def _load_tokenizer(files: ModelFiles, num_tokens: int) -> Any:
    from transformers import AutoTokenizer

    where = printable(str(files.folder))
    try:
        with _no_messages():
            tokenizer = AutoTokenizer.from_pretrained(
                str(files.folder), local_files_only=True, trust_remote_code=False
            )
        largest = max(tokenizer.get_vocab().values(), default=-1)
    except Exception as error:  # each tokenizer raises its own errors
        reason = printable(str(error), 500)
        raise ConfigError(f"{where} has no readable tokenizer: {reason}") from error
    if not 0 <= largest < num_tokens:
        raise ConfigError(
            f"{where}: the tokenizer has {largest + 1:,} tokens, and the model has vectors for "
            f"{num_tokens:,}: they are of different models."
        )
    return tokenizer


def _encodable(text: str) -> str:
    """Return `text` without lone surrogates, which UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")
