"""What encodes texts: the contract of a backend, and what texts of any backend have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from kgrec.errors import DataError
from kgrec.text.progress import ShowProgress, reporter
from kgrec.types import FloatArray


class TextBackend(Protocol):
    """What turns texts into vectors, such as `TextEncoder` and `MultilingualEncoder`.

    An object of your own needs no base class: these four are enough for a `Recommender`.
    """

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """64 hex digits that identify the vectors; known without loading a model."""
        ...

    def encode(self, texts: Sequence[str], *, progress: ShowProgress = False) -> FloatArray:
        """Return the vectors of documents, float32 of shape (n, dim)."""
        ...

    def encode_query(self, text: str) -> FloatArray:
        """Return the vector of a query, float32 of shape (1, dim)."""
        ...


class KnownLanguages:
    """A backend that can say which languages it knows; by default it says nothing."""

    @property
    def is_english(self) -> bool:
        """Whether it knows English only."""
        return False

    @property
    def known_scripts(self) -> frozenset[str] | None:
        """The scripts that it knows, by name, such as "Latin"; None: that is unknown."""
        return None


def scripts_known_by(backend: TextBackend) -> frozenset[str] | None:
    """Return the scripts that a backend knows; None: it does not say it."""
    return backend.known_scripts if isinstance(backend, KnownLanguages) else None


def english_only(backend: TextBackend) -> bool:
    """Return whether a backend is known to know English only."""
    return isinstance(backend, KnownLanguages) and backend.is_english


def encode_distinct(
    texts: Sequence[str],
    encode: Callable[[list[str], Callable[[int, int], None]], FloatArray],
    dim: Callable[[], int],
    progress: ShowProgress,
) -> FloatArray:
    """Return the vectors of texts, of which identical ones are encoded once.

    Args:
        texts: n strings.
        encode: Takes the m distinct ones, and what is told how many are done, of how many; returns
            float32 of shape (m, dim).
        dim: Returns the length of a vector; called if there are no texts.
        progress: See `TextEncoder.encode`.

    Returns:
        float32 of shape (n, dim), in the order of `texts`.

    Raises:
        DataError: `texts` is a single string, or one of them is not a string.
    """
    check_texts(texts)
    if len(texts) == 0:
        return np.empty((0, dim()), dtype=np.float32)
    row_of: dict[str, int] = {}
    inverse = np.fromiter(
        (row_of.setdefault(text, len(row_of)) for text in texts), np.int64, len(texts)
    )
    with reporter(progress, len(row_of), "Encoding texts") as report:
        vectors = encode(list(row_of), report)
    return vectors if len(row_of) == len(texts) else vectors[inverse]


def check_texts(texts: Sequence[str]) -> None:
    """Check that texts are a sequence of strings.

    Raises:
        DataError: They are not.
    """
    if isinstance(texts, str):
        raise DataError("texts: expected a sequence of strings, found one string.")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"texts[{row}]: expected a string, found {type(text).__name__}.")


def encodable(text: str) -> str:
    """Return `text` without lone surrogates, which UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")
