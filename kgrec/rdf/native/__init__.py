"""Compiled loops over the bytes of N-Triples and N-Quads, for large files."""

from __future__ import annotations

import functools
import importlib.util
import sys


@functools.cache
def native_is_there() -> bool:
    """Return whether the compiled loops can be used: numba may be missing on a new Python."""
    return importlib.util.find_spec("numba") is not None and sys.byteorder == "little"
