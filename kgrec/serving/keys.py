"""API keys: who may do what. A file of them holds only hashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from kgrec.errors import ConfigError, RunError, did_you_mean, printable
from kgrec.files import as_json, read_plain, write_json

Scope = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "write", "admin")
"""What a key allows; each one includes those before it."""

_PREFIX: Final = "kgrec"
_MOST: Final = 1 << 20  # bytes of a file
_LOOK: Final = 2.0  # seconds between looks at the file


@dataclass(frozen=True)
class Key:
    """An API key, without its secret.

    Attributes:
        name: Who has it; for logs and rates.
        scope: What it allows.
        number: The part of it that is no secret.
        digest: SHA-256 of the whole key, hexadecimal. Keys are random, so they need no slow hash.
        created: When it was made, seconds since 1970.
    """

    name: str
    scope: Scope
    number: str
    digest: str
    created: int

    def allows(self, scope: Scope) -> bool:
        """Return whether the key allows something."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class Keys:
    """The API keys of a file, which is read again when it changes.

    Args:
        path: The file.

    Raises:
        RunError: It cannot be read, or holds no keys.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] = (0, 0)
        self._looked = 0.0
        self._keys: dict[str, Key] = {}
        self._load()

    def find(self, given: str) -> Key | None:
        """Return the key that a request has brought; None: there is no such key."""
        self._look()
        parts = given.split("_")
        known = self._keys.get(parts[1]) if len(parts) == 3 and parts[0] == _PREFIX else None
        # Comparing with something takes the same time whether the number is known or not.
        right = hmac.compare_digest(_digest(given), known.digest if known else _digest(""))
        return known if known is not None and right else None

    def __len__(self) -> int:
        return len(self._keys)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        try:
            if self._stamp_now() != self._stamp:
                self._load()
        except (OSError, RunError):
            # A file that is gone or damaged opens no door, until it is there again.
            self._keys, self._stamp = {}, (0, 0)

    def _load(self) -> None:
        try:
            stamp = self._stamp_now()  # before: what changes while it is read is read again
        except OSError:
            stamp = (0, 0)  # reading says what is wrong
        self._keys = {key.number: key for key in read_keys(self._path)}
        self._stamp = stamp

    def _stamp_now(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size


def read_keys(path: Path) -> list[Key]:
    """Return the keys of a file.

    Raises:
        RunError: It cannot be read, or is something else.
    """
    shown = printable(str(path), 4096)
    try:
        tree = json.loads(read_plain(path, _MOST))
        keys = [_key(one) for one in tree["keys"]]
    except OSError as error:
        raise RunError(f"The file of API keys {shown} cannot be read: {error}.") from error
    except (ValueError, LookupError, TypeError) as error:
        raise RunError(f"{shown} is no file of API keys: make one with `kgrec api-key`.") from error
    if not keys:
        raise RunError(f"{shown} has no API keys: make one with `kgrec api-key`.")
    return keys


def add_key(path: Path, name: str, scope: str) -> str:
    """Make a key, write its hash to a file, and return the key, which is nowhere else.

    Raises:
        ConfigError: There is no such scope, or a key of this name is there already.
        RunError: The file cannot be written, or is something else.
    """
    if scope not in SCOPES:
        raise ConfigError(f"There is no scope {printable(scope)!r}.{did_you_mean(scope, SCOPES)}")
    keys = read_keys(path) if path.exists() else []
    if any(key.name == name for key in keys):
        raise ConfigError(f"There is a key {printable(name)!r} already: remove it first.")
    number, secret = secrets.token_hex(6), secrets.token_hex(24)
    whole = f"{_PREFIX}_{number}_{secret}"
    made = Key(name, scope, number, _digest(whole), int(time.time()))
    _write(path, [*keys, made])
    return whole


def remove_key(path: Path, name: str) -> None:
    """Remove a key from a file: running services refuse it within seconds.

    Raises:
        ConfigError: There is none of this name.
        RunError: The file cannot be written, or is something else.
    """
    keys = read_keys(path)
    left = [key for key in keys if key.name != name]
    if len(left) == len(keys):
        known = [key.name for key in keys]
        raise ConfigError(f"There is no key {printable(name)!r}.{did_you_mean(name, known)}")
    _write(path, left)


def _write(path: Path, keys: list[Key]) -> None:
    write_json(path, {"keys": as_json([asdict(key) for key in keys])})
    path.chmod(0o600)


def _key(tree: Mapping[str, Any]) -> Key:
    texts = {name: tree[name] for name in ("name", "scope", "number", "digest")}
    if not all(isinstance(text, str) for text in texts.values()) or tree["scope"] not in SCOPES:
        raise ValueError
    return Key(**texts, created=int(tree["created"]))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
