"""Checksums: JSON files that hold their own, and those of a whole folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from kgrec.bounds.json_text import read_json
from kgrec.errors import RunError, printable
from kgrec.files import open_plain, system_reason, write_json

KEY: Final = "sha256"


def write_checked_json(path: str | Path, tree: Mapping[str, Any]) -> None:
    """Write a mapping as JSON with its checksum in the key `sha256`, whole or not at all.

    Raises:
        RunError: It cannot be written; what was at `path` is unchanged.
    """
    write_json(path, with_checksum(tree))


def with_checksum(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping for JSON with its checksum in the key `sha256`.

    >>> check_json(with_checksum({"rows": 3}))
    {'rows': 3}
    """
    plain = json.loads(json.dumps(tree))  # with the keys that it has when it is read
    return {**plain, KEY: _checksum(plain)}


def check_json(tree: Any) -> dict[str, Any]:
    """Return what `write_checked_json` got.

    Args:
        tree: The content of the file.

    Raises:
        ValueError: It is no mapping, or its checksum is missing or another one.
    """
    if not isinstance(tree, dict):
        raise ValueError("it is no mapping")
    rest = {name: value for name, value in tree.items() if name != KEY}
    if KEY not in tree:
        raise ValueError(f"it has no checksum (the key {KEY!r})")
    if tree[KEY] != _checksum(rest):
        raise ValueError("its checksum is not that of its content: something in it was changed")
    return rest


def is_checked_json(path: Path) -> bool:
    """Return whether `write_checked_json` wrote a file, even if it was changed afterwards."""
    try:
        tree = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(tree, dict) and KEY in tree


def checksums(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of files by their relative paths.

    Raises:
        OSError: A file cannot be read.
    """
    return {
        name: {"bytes": (folder / name).stat().st_size, KEY: _sha256(folder / name)}
        for name in sorted(names)
    }


def check_checksums(folder: Path, expected: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that files are what they were when `checksums` saw them.

    Raises:
        RunError: A file is missing or another one.
    """
    check_sizes(folder, expected)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        found_by_name = zip(expected, pool.map(partial(_found, folder), expected), strict=True)
        for name, digest in found_by_name:
            if digest != expected[name].get(KEY):
                raise _changed(folder / name, "its checksum is another one")


def check_sizes(folder: Path, expected: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that files have the sizes that `checksums` saw; none of them is read.

    Raises:
        RunError: A file is missing or has another size.
    """
    for name, about in expected.items():
        path = folder / name
        try:
            found = path.stat().st_size
        except OSError as error:
            raise RunError(
                f"{_shown(folder)} lacks {printable(name)}. Restore it from a copy, or train again."
            ) from error
        if found != about.get("bytes"):
            raise _changed(path, f"it has {found:,} bytes and should have {about.get('bytes')}")


def _found(folder: Path, name: str) -> str:
    try:
        return _sha256(folder / name)
    except OSError as error:
        raise _changed(folder / name, system_reason(error)) from error


def _changed(path: Path, why: str) -> RunError:
    return RunError(
        f"{_shown(path)} is damaged, or was changed after it was written: {why}. Restore it from a "
        "copy, or train again."
    )


def _sha256(path: Path) -> str:
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(tree: Mapping[str, Any]) -> str:
    text = json.dumps(tree, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(path: Path) -> str:
    return printable(str(path), 4096)
