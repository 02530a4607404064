"""Inference with a text module, in a precision that is fast on the processor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from kgrec.errors import ConfigError
from kgrec.text.int8 import CALIBRATION_TEXTS, Int8Bert, int8_possible
from kgrec.text.module import HiddenStates, TextModule
from kgrec.types import FloatArray, IntArray

_LEAST_COSINE = 0.999  # to float32; "auto" takes int8 only from here on


def fast_precision(device: torch.device, *, int8_possible: bool) -> str:
    """Return the fastest precision of `device` that keeps a cosine of 0.999 to float32.

    The processor's features decide, not a measurement, so that the same machine always gives the
    same vectors. bfloat16 needs matrix units, or AMD's AVX-512 BF16, with which MiniLM trains 1.4
    to 1.6 times as fast as in float32 (`experiments/bench_tuning.py`); on other processors without
    matrix units it was measured to be slower.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float32"
    if device.type != "cpu":
        return "float32"
    if _cpu_has("_is_amx_tile_supported"):
        return "bfloat16"
    if int8_possible and _cpu_has("_is_vnni_supported"):
        return "int8"
    return "bfloat16" if _cpu_has("_is_avx512_bf16_supported") and _is_amd() else "float32"


def _cpu_has(question: str) -> bool:
    # These functions of torch are private; without them, the CPU counts as a plain one.
    ask = getattr(torch.cpu, question, None)
    return bool(ask is not None and ask())


def _is_amd() -> bool:
    """Whether Linux says that the processor is AMD's; elsewhere it is not known, so no."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return re.search(r"^vendor_id\s*:\s*AuthenticAMD$", told, re.MULTILINE) is not None


class Forward:
    """A text module for inference: token ids in, pooled vectors out, in a chosen precision.

    Args:
        module: The language model, in float32 on the CPU. It is moved to `device` and rounded to
            the precision.
        device: The device.
        precision: "auto", "float32", "bfloat16" or "int8".

    Attributes:
        module: The module.
        precision: The precision in use, which "auto" chose.

    Raises:
        ConfigError: The precision is not possible.
    """

    def __init__(self, module: TextModule, device: torch.device, precision: str) -> None:
        possible = device.type == "cpu" and int8_possible(module.model)
        if precision == "int8" and not possible:
            raise ConfigError(
                "precision: 'int8' is for BERT models with GELU on a CPU; found "
                f"{module.model.config.model_type!r} on {device.type!r}. "
                "Choose 'auto' or 'float32'."
            )
        self.precision = (
            fast_precision(device, int8_possible=possible) if precision == "auto" else precision
        )
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        self.module = module.to(device=device, dtype=dtype)
        module.steps.float()
        self._hidden_states: HiddenStates = module.hidden_states
        if self.precision == "int8":
            tokens = module.tokenize(CALIBRATION_TEXTS)
            int8 = Int8Bert(module.model, [torch.from_numpy(ids)[None] for ids in tokens])
            if precision == "auto" and _agreement(int8, module, tokens) < _LEAST_COSINE:
                self.precision = "float32"
            else:
                self._hidden_states = int8

    @torch.inference_mode()
    def __call__(
        self, tokens: Sequence[IntArray], *, normalize: bool, query: bool = False
    ) -> FloatArray:
        """Encode one batch.

        Args:
            tokens: Token ids of each text, special tokens included.
            normalize: Scale to length 1.
            query: Whether they are queries; see `TextModule.forward`.

        Returns:
            float32 of shape (n, dim).
        """
        states = self._hidden_states
        vectors = self.module.vectors(tokens, states, normalize=normalize, query=query)
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)


@torch.inference_mode()
def _agreement(int8: Int8Bert, module: TextModule, tokens: Sequence[IntArray]) -> float:
    """Return the mean cosine of the calibration texts' vectors in int8 and in float32."""
    cosines = [
        torch.cosine_similarity(
            module.vectors([ids], int8, normalize=False), module([ids], normalize=False)
        ).item()
        for ids in tokens
    ]
    return sum(cosines) / len(cosines)
