"""Names of users in logs and figures, from which nobody finds the user without the key."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from kgrec.errors import RunError, printable
from kgrec.files import read_plain, scratch_folder, writing

_LENGTH: Final = 32  # bytes of a key
_SHOWN: Final = 32  # hexadecimal digits of a pseudonym: 128 bits
_USER: Final = re.compile(r"(/v1/users/)([^/?]+)")


class Pseudonyms:
    """Keyed hashes of the ids of users (HMAC-SHA-256).

    Args:
        key: The key.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_chance(cls) -> Pseudonyms:
        """Return pseudonyms with a key that nobody has afterwards."""
        return cls(secrets.token_bytes(_LENGTH))

    def of(self, user: str) -> str:
        """Return the pseudonym of a user, 32 hexadecimal digits."""
        return hmac.digest(self._key, user.encode("utf-8"), "sha256").hex()[:_SHOWN]

    def share(self, user: str) -> float:
        """Return a number for a user, evenly spread over [0, 1), for experiments."""
        found = hmac.digest(self._key, b"share:" + user.encode("utf-8"), "sha256")
        return int.from_bytes(found[:7], "big") / 2**56

    def in_path(self, unquote: Callable[[str], str]) -> Callable[[str], str]:
        """Return a function that writes a path with pseudonyms in place of ids of users."""

        def shown(path: str) -> str:
            return _USER.sub(lambda found: found[1] + "~" + self.of(unquote(found[2])), path)

        return shown


def read_key(path: Path) -> bytes:
    """Return the key of a file, which is made if there is none.

    Raises:
        RunError: The file cannot be made or read, or holds no key.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make_key(path)
    try:
        key = read_plain(path, 4096)
    except OSError as error:
        raise RunError(f"The key {printable(str(path), 4096)} cannot be read: {error}.") from error
    if len(key) < _LENGTH:
        raise RunError(
            f"The key {printable(str(path), 4096)} has {len(key)} bytes: expected {_LENGTH} or "
            "more random ones."
        )
    return key


def _make_key(path: Path) -> None:
    """Make a file with a key, whole at once: another worker may begin at the same moment."""
    with scratch_folder(path) as folder:
        file = os.open(folder / path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as made:
            made.write(secrets.token_bytes(_LENGTH))
        with suppress(FileExistsError):  # the other worker was first
            os.link(folder / path.name, path)
