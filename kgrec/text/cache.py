"""Text vectors on disk, by the text's content and the encoder's fingerprint."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import safetensors.numpy

from kgrec.errors import RunError, printable, warn
from kgrec.files import check_plain, open_plain, replacing, under, writing
from kgrec.text.progress import ShowProgress, ToldBefore, reporter
from kgrec.types import BoolArray, FloatArray, IntArray, TextEncoderLike

KEY_BYTES = 32
"""Bytes of the key of a text."""

_KEY = pa.binary(KEY_BYTES)
_SUFFIX = ".safetensors"
_NAME = re.compile(rf"[0-9a-f]{{64}}{re.escape(_SUFFIX)}")
_UNREADABLE = (safetensors.SafetensorError, OSError)
_TEXTS_PER_SHARD = 8192  # most texts that an interruption loses


class CacheableTextEncoder(TextEncoderLike, Protocol):
    """An encoder of texts with a fingerprint, as `encode_cached` needs."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Identifies the vectors of this encoder; known without loading it."""
        ...

    def encode(self, texts: Sequence[str], *, progress: ShowProgress = False) -> FloatArray:
        """Return float32 of shape (n, dim)."""
        ...


@dataclass
class _Shard:
    """A file of vectors and the keys of their texts."""

    path: Path
    keys: pa.Array


@dataclass
class _Store:
    """The folder of one fingerprint."""

    shards: list[_Shard] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    keys: pa.Array = field(default_factory=lambda: pa.array([], type=_KEY))
    shard_of: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    row_of: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def rebuild(self) -> None:
        self.keys = pa.concat_arrays([pa.array([], type=_KEY), *(s.keys for s in self.shards)])
        sizes = [len(shard.keys) for shard in self.shards]
        self.shard_of = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
        self.row_of = np.concatenate(
            [np.empty(0, np.int64), *(np.arange(size, dtype=np.int64) for size in sizes)]
        )


class EmbeddingCache:
    """Text vectors in a folder, one subfolder for each fingerprint.

    A subfolder holds shards that are only ever added: safetensors files with `keys`, the SHA-256 of
    each text, uint8 of shape (n, 32), and `vectors`, float32 of shape (n, dim). The name of a file
    is the SHA-256 of all of its bytes. Therefore damage anywhere in it is found, a file that is
    there never changes, and several writers do not disturb each other. A file gets its name only
    when it is complete. A warning names a damaged shard, which is then ignored: its texts are
    encoded again, and it is deleted once they are stored.

    Args:
        folder: Where the subfolders are; created when something is stored.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = under("", folder)
        self._stores: dict[str, _Store] = {}

    @classmethod
    def default(cls) -> EmbeddingCache:
        """Return the cache in the user's cache folder, which the command uses."""
        return cls(default_cache_folder(os.environ))

    def get(self, fingerprint: str, texts: Sequence[str], dim: int) -> tuple[FloatArray, BoolArray]:
        """Look up texts.

        Args:
            fingerprint: That of the encoder.
            texts: n texts.
            dim: Length of the encoder's vectors.

        Returns:
            The vectors, float32 of shape (n, dim) with zeros for those not found, and which were
            found, bool of shape (n,).
        """
        return self.get_by_keys(fingerprint, text_keys(texts), dim)

    def get_by_keys(
        self, fingerprint: str, keys: npt.NDArray[np.uint8], dim: int
    ) -> tuple[FloatArray, BoolArray]:
        """Look up texts of which only the keys are known.

        Args:
            fingerprint: That of the encoder.
            keys: `text_keys` of n texts.
            dim: Length of the encoder's vectors.

        Returns:
            As `get`.

        Raises:
            ValueError: The keys are not uint8 of shape (n, 32).
        """
        store = self._store(fingerprint)
        keys = _as_keys(keys)
        vectors = np.zeros((len(keys), dim), dtype=np.float32)
        while True:
            position = np.asarray(pc.fill_null(pc.index_in(keys, value_set=store.keys), -1))
            found = position >= 0
            bad: list[_Shard] = []
            for number in np.unique(store.shard_of[position[found]]):
                shard = store.shards[number]
                rows = np.flatnonzero(found)[store.shard_of[position[found]] == number]
                stored = _read(shard, dim)
                if stored is None:
                    bad.append(shard)
                else:
                    vectors[rows] = stored[store.row_of[position[rows]]]
            if not bad:
                return vectors, found
            store.shards = [shard for shard in store.shards if shard not in bad]
            store.damaged.extend(shard.path for shard in bad)
            store.rebuild()

    def put(self, fingerprint: str, texts: Sequence[str], vectors: FloatArray) -> None:
        """Store the vectors of texts as one shard.

        Args:
            fingerprint: That of the encoder.
            texts: n distinct texts.
            vectors: float32 of shape (n, dim).

        Raises:
            RunError: The folder cannot be written.
            ValueError: `vectors` has another number of rows than there are texts.
        """
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise ValueError(f"expected ({len(texts)}, dim) vectors, found {vectors.shape}.")
        if not texts:
            return
        store = self._store(fingerprint)
        keys = text_keys(texts)
        tensors = {"keys": keys, "vectors": np.ascontiguousarray(vectors, dtype=np.float32)}
        content = safetensors.numpy.save(tensors)
        path = self.folder / fingerprint / f"{hashlib.sha256(content).hexdigest()}{_SUFFIX}"
        with writing(f"The cache {path.parent}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                file.write(content)
            for old in store.damaged:
                if old != path:
                    old.unlink(missing_ok=True)
            store.damaged = []
        shard = _Shard(path, _as_keys(keys))
        store.shards = [*(old for old in store.shards if old.path != path), shard]
        store.rebuild()

    def __len__(self) -> int:
        """Number of vectors of all fingerprints that this object has used."""
        return sum(len(store.keys) for store in self._stores.values())

    def _store(self, fingerprint: str) -> _Store:
        if fingerprint not in self._stores:
            store = _Store()
            for path in sorted((self.folder / fingerprint).glob(f"*{_SUFFIX}")):
                if not _NAME.fullmatch(path.name):
                    continue  # not of kgrec
                try:
                    check_plain(path)
                    with safetensors.safe_open(path, framework="np") as file:
                        store.shards.append(_Shard(path, _as_keys(file.get_tensor("keys"))))
                except FileNotFoundError:
                    continue  # another process has removed it in this moment
                except (*_UNREADABLE, ValueError) as error:
                    _damaged(path, str(error))
                    store.damaged.append(path)
            store.rebuild()
            self._stores[fingerprint] = store
        return self._stores[fingerprint]


def encode_cached(
    encoder: CacheableTextEncoder,
    texts: Sequence[str],
    cache: EmbeddingCache | None,
    *,
    progress: ShowProgress = False,
) -> FloatArray:
    """Encode texts: take vectors from the cache, encode the others and store them.

    If the cache has all texts, the encoder's model is not loaded. If the cache cannot be written,
    there is a warning, and the vectors are returned all the same.

    Args:
        encoder: Makes the vectors of new texts.
        texts: n texts; repetitions are encoded and stored once.
        cache: Where vectors are kept; None: all texts are encoded.
        progress: As for `TextEncoder.encode`; counts the distinct new texts. A `ToldBefore` gets
            these before they are encoded.

    Returns:
        float32 of shape (n, dim), in the order of `texts`.
    """
    told = progress if isinstance(progress, ToldBefore) else None
    if cache is None or not texts:
        if told is not None and texts:
            told.before(encoder, list(dict.fromkeys(texts)))
        return encoder.encode(texts, progress=progress)
    row_of: dict[str, int] = {}
    inverse = np.fromiter(
        (row_of.setdefault(text, len(row_of)) for text in texts), np.int64, len(texts)
    )
    distinct = list(row_of)
    vectors, found = cache.get(encoder.fingerprint, distinct, encoder.dim)
    missing = np.flatnonzero(~found)
    if not len(missing):
        return vectors[inverse]
    if told is not None:
        told.before(encoder, [distinct[row] for row in missing])
    writable = True
    with reporter(progress, len(missing), "Encoding texts") as report:
        for start in range(0, len(missing), _TEXTS_PER_SHARD):
            rows = missing[start : start + _TEXTS_PER_SHARD]
            part = [distinct[row] for row in rows]

            def report_part(done: int, _: int, start: int = start) -> None:
                report(start + done, len(missing))

            vectors[rows] = encoder.encode(part, progress=report_part)
            if writable:
                try:
                    cache.put(encoder.fingerprint, part, vectors[rows])
                except RunError as error:
                    warn(f"{error} The texts will be encoded again next time.")
                    writable = False
    return vectors[inverse]


def default_cache_folder(environ: Mapping[str, str]) -> Path:
    """Return the default folder, inside the user's cache folder on this platform.

    Args:
        environ: The environment, for `XDG_CACHE_HOME` and `LOCALAPPDATA`.

    >>> default_cache_folder({"XDG_CACHE_HOME": "/var/cache/me"}).as_posix()
    '/var/cache/me/kgrec/embeddings'
    """
    if sys.platform == "win32" and environ.get("LOCALAPPDATA"):
        base = Path(environ["LOCALAPPDATA"])
    elif Path(environ.get("XDG_CACHE_HOME", "")).is_absolute():
        base = Path(environ["XDG_CACHE_HOME"])
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path.home() / ".cache"
    return base / "kgrec" / "embeddings"


def text_keys(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return the SHA-256 of each text, uint8 of shape (n, 32)."""
    digests = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, KEY_BYTES)


def _as_keys(keys: npt.NDArray[np.uint8]) -> pa.Array:
    """Return rows of bytes as Arrow's fixed-size binaries.

    Raises:
        ValueError: They are not uint8 of shape (n, 32).
    """
    if keys.ndim != 2 or keys.shape[1] != KEY_BYTES or keys.dtype != np.uint8:
        raise ValueError(
            f"expected keys of uint8 (n, {KEY_BYTES}), found {keys.dtype} {keys.shape}"
        )
    content = pa.py_buffer(np.ascontiguousarray(keys))
    return pa.FixedSizeBinaryArray.from_buffers(_KEY, len(keys), [None, content])


def _read(shard: _Shard, dim: int) -> FloatArray | None:
    """Return the vectors of a shard; None: it is damaged or gone."""
    try:
        with open_plain(shard.path) as file:
            content = file.read()
    except FileNotFoundError:  # another process has removed it
        return None
    except OSError as error:
        _damaged(shard.path, str(error))
        return None
    if hashlib.sha256(content).hexdigest() != shard.path.stem:
        _damaged(shard.path, "its checksum is not the one in its name")
        return None
    vectors: FloatArray = safetensors.numpy.load(content)["vectors"]
    if vectors.shape != (len(shard.keys), dim):
        expected = (len(shard.keys), dim)
        _damaged(shard.path, f"expected vectors of shape {expected}, found {vectors.shape}")
        return None
    return vectors


def _damaged(path: Path, why: str) -> None:
    where = printable(str(path), 4096)
    warn(
        f"The cached vectors in {where} are damaged, so their texts are encoded again: "
        f"{printable(why)}."
    )
