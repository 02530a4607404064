"""The arrays that functions take and return. Shapes stand in their docstrings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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

ByteArray = npt.NDArray[np.uint8]
"""Text as it lies in a file."""
