"""From token ids to pooled vectors: the language model's forward pass, in a chosen precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from kgrec.errors import ConfigError
from kgrec.text.int8 import CALIBRATION_TEXTS, Int8Bert, int8_possible
from kgrec.text.model_files import ModelFiles
from kgrec.types import FloatArray, IntArray

_LEAST_COSINE = 0.999  # to float32, below which "auto" does not take int8


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


def fast_precision(device: torch.device, *, int8_possible: bool) -> str:
    """Return the fastest precision of `device` that keeps a cosine of 0.999 to float32.

    Decided by what the processor can do and not by a measurement, so that the same machine
    always makes the same vectors. bfloat16 needs matrix units: with vector instructions alone
    (AVX-512 BF16) it is slower than float32.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float32"
    if device.type != "cpu":
        return "float32"
    if _cpu_has("_is_amx_tile_supported"):
        return "bfloat16"
    return "int8" if int8_possible and _cpu_has("_is_vnni_supported") else "float32"


def _cpu_has(question: str) -> bool:
    # torch answers these under private names; a torch without them counts as a plain CPU.
    ask = getattr(torch.cpu, question, None)
    return bool(ask is not None and ask())


class Forward:
    """A loaded encoder that maps lists of token ids to pooled vectors.

    Args:
        files: The model's files.
        device: Where it runs.
        precision: "auto", "float32", "bfloat16" or "int8".
        tokenise: Turns texts into token ids, to set the scales of int8.

    Attributes:
        device: Where it runs.
        precision: What "auto" came to.

    Raises:
        ConfigError: The weights cannot be read, or the precision is not possible.
    """

    def __init__(
        self,
        files: ModelFiles,
        device: torch.device,
        precision: str,
        tokenise: Callable[[list[str]], list[IntArray]],
    ) -> None:
        model = _load(files)
        possible = device.type == "cpu" and int8_possible(model)
        if precision == "int8" and not possible:
            raise ConfigError(
                "precision: 'int8' is for BERT models with GELU on a CPU; found "
                f"{model.config.model_type!r} on {device.type!r}. Choose 'auto' or 'float32'."
            )
        self.device = device
        self.precision = (
            fast_precision(device, int8_possible=possible) if precision == "auto" else precision
        )
        self._pad = int(getattr(model.config, "pad_token_id", None) or 0)
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        self._model = model.to(device=device, dtype=dtype)
        self._int8: Int8Bert | None = None
        if self.precision == "int8":
            samples = [torch.from_numpy(ids)[None] for ids in tokenise(list(CALIBRATION_TEXTS))]
            self._int8 = Int8Bert(self._model, samples)
            if precision == "auto" and self._agreement(samples) < _LEAST_COSINE:
                self._int8, self.precision = None, "float32"

    @torch.inference_mode()
    def __call__(self, tokens: Sequence[IntArray], *, normalize: bool) -> FloatArray:
        """Encode one batch.

        Args:
            tokens: Token ids of each text, special tokens included.
            normalize: Scale to length 1.

        Returns:
            float32 of shape (n, dim).
        """
        ids, mask = self._pad_batch(tokens)
        whole = bool(mask.all())
        ids, mask = ids.to(self.device), mask.to(self.device)
        # Without padding no mask is needed, and attention takes its faster path.
        hidden = self._hidden(ids, None if whole else mask)
        vectors = mean_pool(hidden, mask)
        if normalize:
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)

    def _hidden(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        if self._int8 is not None:
            return self._int8(ids, mask)
        hidden: torch.Tensor = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
        return hidden

    @torch.inference_mode()
    def _agreement(self, samples: list[torch.Tensor]) -> float:
        """Return the mean cosine of the calibration texts' vectors in int8 and in float32."""
        assert self._int8 is not None
        cosines = [
            torch.cosine_similarity(
                self._int8(ids, None).mean(1),
                self._model(input_ids=ids).last_hidden_state.mean(1),
            ).item()
            for ids in samples
        ]
        return sum(cosines) / len(cosines)

    def _pad_batch(self, tokens: Sequence[IntArray]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(len(row) for row in tokens)
        ids = np.full((len(tokens), longest), self._pad, dtype=np.int64)
        mask = np.zeros((len(tokens), longest), dtype=np.int64)
        for row, values in enumerate(tokens):
            ids[row, : len(values)] = values
            mask[row, : len(values)] = 1
        return torch.from_numpy(ids), torch.from_numpy(mask)


def _load(files: ModelFiles) -> Any:
    from transformers import AutoModel
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # 100 tensors are read in a blink
    try:
        model = AutoModel.from_pretrained(
            str(files.folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
        )
    except Exception as error:  # each model class raises errors of its own kind
        raise ConfigError(f"{files.folder} cannot be loaded as an encoder: {error}") from error
    finally:
        if shown:
            logging.enable_progress_bar()
    return model.eval()
