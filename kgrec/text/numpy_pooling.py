"""Pooling and dense layers for a single text, without PyTorch; see `kgrec.text.pooling`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from kgrec.text.dense_files import DenseFiles
from kgrec.types import FloatArray


def pool(hidden: FloatArray, modes: tuple[str, ...], skipped: int = 0) -> FloatArray:
    """Return the vector of a text's hidden states.

    Args:
        hidden: float32 of shape (length, dim).
        modes: Poolings, see `kgrec.text.layout.POOLINGS`.
        skipped: Tokens at the beginning that are not pooled, if there are others.

    Returns:
        float32 of shape (dim · number of modes,).
    """
    places = np.arange(1, len(hidden) + 1, dtype=np.float32)
    if skipped < len(hidden):
        hidden, places = hidden[skipped:], places[skipped:]
    return np.concatenate([_POOLS[mode](hidden, places) for mode in modes]).astype(np.float32)


_POOLS: Final[dict[str, Callable[[FloatArray, FloatArray], FloatArray]]] = {
    "mean": lambda hidden, _: hidden.mean(axis=0),
    "cls": lambda hidden, _: hidden[0],
    "max": lambda hidden, _: hidden.max(axis=0),
    "mean_sqrt_len_tokens": lambda hidden, _: hidden.sum(axis=0) / math.sqrt(len(hidden)),
    "weightedmean": lambda hidden, places: places @ hidden / places.sum(),
    "lasttoken": lambda hidden, _: hidden[-1],
}


def apply_step(step: DenseFiles | str, vector: FloatArray) -> FloatArray:
    """Return what a step of a layout makes of a vector, float32 of shape (num_inputs,)."""
    if isinstance(step, str):
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), dtype=np.float32)
    weights = step.weights
    made = weights["weight"] @ vector
    if "bias" in weights:
        made = made + weights["bias"]
    made = _ACTIVATIONS[step.activation](made)
    if step.residual:
        made = made + (weights["residual"] @ vector if "residual" in weights else vector)
    return np.asarray(made, dtype=np.float32)


def erf(x: FloatArray) -> FloatArray:
    """Return the error function; a query is short, and importing SciPy's takes longer."""
    return np.array(list(map(math.erf, x.ravel().tolist())), dtype=np.float32).reshape(x.shape)


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray((1.0 + np.tanh(x / 2)) / 2)


_ACTIVATIONS: Final[dict[str, Callable[[FloatArray], FloatArray]]] = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: 0.5 * x * (1.0 + erf(x / np.float32(math.sqrt(2.0)))),
    "silu": lambda x: x * _sigmoid(x),
    "sigmoid": _sigmoid,
}
