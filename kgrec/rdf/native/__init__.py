"""Compiled loops over the bytes of N-Triples and N-Quads, for large files."""

from __future__ import annotations

import functools
import importlib.util
import sys
from typing import Final

_WORTH: Final = 1 << 17
"""Rows; fewer are done before the compiled loops are loaded."""


@functools.cache
def native_is_there() -> bool:
    """Return whether the compiled loops can be used: numba may be missing on a new Python."""
    return importlib.util.find_spec("numba") is not None and sys.byteorder == "little"


def native_pays(rows: int) -> bool:
    """Return whether to use the compiled loops for so many rows."""
    return rows >= _WORTH and native_is_there()
