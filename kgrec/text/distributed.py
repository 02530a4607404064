"""Encoding text on the workers of an engine, each with the model of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from kgrec.engine import engine_in_use
from kgrec.errors import ConfigError, printable
from kgrec.types import FloatArray, IntArray

_BATCHES: Final = 8
"""Batches of a block: a tenth of a second and more of work on a core."""


class TokenEncoder(Protocol):
    """What encodes tokens; sent to a worker, it finds its model there."""

    model: str

    @property
    def fingerprint(self) -> str:
        """Identifies the vectors."""
        ...

    def encode_tokens(self, batch: Sequence[IntArray]) -> FloatArray:
        """Return float32 of shape (n, dim)."""
        ...


def encode_in_workers(
    encoder: TokenEncoder,
    tokens: Sequence[IntArray],
    batches: Iterable[IntArray],
    vectors: FloatArray,
) -> Iterator[int]:
    """Yield how many texts of each block are done, and put their vectors in place.

    The batches are those of a single process, so the vectors have the same bits.

    Args:
        encoder: The encoder. Each worker loads its model once.
        tokens: The token ids of each text.
        batches: Rows of the texts of each batch.
        vectors: What is filled, float32 of shape (n, dim).

    Raises:
        ConfigError: A worker finds no model of this name, or another one.
    """
    groups: list[list[IntArray]] = []

    def blocks() -> Iterator[tuple[str, list[list[IntArray]]]]:
        given = iter(batches)
        while group := list(itertools.islice(given, _BATCHES)):
            groups.append(group)
            yield encoder.fingerprint, [[tokens[row] for row in rows] for rows in group]

    for number, found in enumerate(engine_in_use().map(_encoded, encoder, blocks())):
        rows = np.concatenate(groups[number])
        vectors[rows] = found
        groups[number] = []
        yield len(rows)


def _encoded(encoder: TokenEncoder, block: tuple[str, list[list[IntArray]]]) -> FloatArray:
    """Return the vectors of a block's batches, one after the other."""
    expected, batches = block
    if encoder.fingerprint != expected:
        raise ConfigError(
            f"The language model {printable(encoder.model)!r} of a worker is not that of this "
            "process: its files differ. Put the same model on all machines."
        )
    return np.concatenate([encoder.encode_tokens(batch) for batch in batches])
