"""Vectors of texts that may be empty, from an encoder and a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgrec.text.backend import TextBackend, scripts_known_by
from kgrec.text.cache import EmbeddingCache, encode_cached, text_keys
from kgrec.text.progress import ShowProgress
from kgrec.text.scripts import warn_of_unknown_scripts
from kgrec.text.words import WordCounts
from kgrec.types import FloatArray


@dataclass(frozen=True)
class TextVectors:
    """Makes the vectors of texts; that of an empty text is zero.

    Attributes:
        encoder: The text encoder.
        cache: The store of its vectors; None: they are not stored.
        progress: Whether encoding shows a progress bar.
    """

    encoder: TextBackend
    cache: EmbeddingCache | None = None
    progress: ShowProgress = False

    def of(self, texts: Sequence[str]) -> FloatArray:
        """Return the vectors of texts, float32 (len(texts), dim)."""
        filled = np.array([bool(text) for text in texts])
        given = [text for text in texts if text]
        if not given:
            return np.zeros((len(texts), self.encoder.dim), dtype=np.float32)
        warn_of_unknown_scripts(given, lambda: scripts_known_by(self.encoder), "the texts")
        vectors = encode_cached(self.encoder, given, self.cache, progress=self.progress)
        made = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
        made[filled] = vectors
        return made

    def stored(self, words: WordCounts, more: Sequence[str]) -> FloatArray | None:
        """Return what `of` returns for the counted texts and `more`, without the texts.

        None: the store does not have all of them.
        """
        if self.cache is None:
            return None
        keys = np.concatenate([words.keys, text_keys(more)])
        filled = (keys != text_keys([""])).any(axis=1)
        vectors, found = self.cache.get_by_keys(self.encoder.fingerprint, keys, self.encoder.dim)
        vectors[~filled] = 0.0
        return vectors if found[filled].all() else None
