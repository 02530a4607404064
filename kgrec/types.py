"""The types that functions take and return, masks, and the device that computes.

Shapes stand in the functions' docstrings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from kgrec.errors import ConfigError

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.float32]
"""Scores, vectors and features."""

Float64Array = npt.NDArray[np.float64]
"""Metrics, and what is summed up."""

IntArray = npt.NDArray[np.int64]
"""Rows of a vocabulary, and counts."""

RowArray = npt.NDArray[np.int32]
"""Rows as a graph stores them."""

BoolArray = npt.NDArray[np.bool_]
"""Masks."""

EdgeType = tuple[str, str, str]
"""Source node type, relation and destination node type."""

ByteArray = npt.NDArray[np.uint8]
"""Text as it lies in a file."""


class TextEncoderLike(Protocol):
    """Anything that turns texts into vectors, such as `kgrec.TextEncoder`."""

    def encode(self, texts: list[str], /) -> Any:
        """Return vectors of shape (n, dim) of n texts."""


def index_to_mask(index: IntArray | RowArray, size: int) -> BoolArray:
    """Return a mask of shape (size,) that is true at the rows of `index`, integers of shape (n,).

    >>> index_to_mask(np.array([0, 2]), 3).tolist()
    [True, False, True]
    """
    mask = np.zeros(size, dtype=np.bool_)
    mask[index] = True
    return mask


def torch_device(name: str) -> torch.device:
    """Return the device of a setting: "auto" is a GPU where there is one, and else the CPU.

    Raises:
        ConfigError: It is not there, or torch knows none of that name.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"device: {name!r} cannot be used: {first}") from error
    return device
