"""Files: written whole or not at all, and opened only if they are files.

A new file is first written under another name, flushed to the disk, and then takes the place of
the old one. A full disk, a crash or an interruption leaves the old as it was. What a killed process
leaves under such a name is removed by the next one that writes the same file: it is not locked.
See `kgrec.outputs.folders` for folders.

What a stranger calls a file may be a named pipe, on which a reader waits for ever, or a device
that never ends: `open_plain` and the functions that use it refuse these.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from kgrec.errors import KgrecError, RunError, did_you_mean, printable

try:
    import fcntl
except ImportError:  # Windows
    _LOCKS = False
else:
    _LOCKS = True

_LONGEST = 4096  # characters of a path
_PREFIX = ".kgrec-"
_SCRATCH = re.compile(r"\.kgrec-[0-9a-f]{8}-[0-9a-f]{8}\.tmp")
_OTHER_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# Opening must neither wait for a writer nor make a terminal ours; Windows has neither flag.
_OPEN_FLAGS = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
    _OPEN_FLAGS |= getattr(os, _flag, 0)


@contextmanager
def writing(subject: str | Path, error: type[KgrecError] = RunError) -> Iterator[None]:
    """Turn errors of the system in the body into messages: what cannot be written, and why.

    Args:
        subject: What the message begins with: a path, or more words.
        error: What is raised.

    Raises:
        KgrecError: The system refuses, or a text has characters that UTF-8 does not have.
    """
    try:
        yield
    except KgrecError:  # a RunError is an OSError, and says it already
        raise
    except (OSError, UnicodeEncodeError) as refused:
        what = printable(str(subject), _LONGEST)
        raise error(f"{what} cannot be written: {system_reason(refused)}.") from refused


def system_reason(error: Exception) -> str:
    """Return what an error says, without its number and file, safe to print.

    >>> system_reason(OSError(28, "No space left on device", "x.nt"))
    'No space left on device'
    """
    return printable(str(getattr(error, "strerror", None) or error)).rstrip(".")


def open_plain(path: str | Path) -> BufferedReader:
    """Open a file for reading, if it is one or a link to one.

    Raises:
        OSError: It is missing, a folder, a named pipe, a device or a socket, or cannot be read.
    """
    _refuse_other(os.stat(path).st_mode, path)  # before opening, which acts on some devices
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        _refuse_other(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_plain(path: str | Path) -> None:
    """Check that a library can open a file; see `open_plain`.

    Raises:
        OSError: As `open_plain`.
    """
    open_plain(path).close()


def read_plain(path: str | Path, most: int) -> bytes:
    """Return the content of a file.

    Args:
        path: The file.
        most: The largest size in bytes.

    Raises:
        OSError: It is larger, or as `open_plain`.
    """
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        # Room is made for as much as is asked for. Files of /proc say that they are empty.
        data = file.read(min(most, max(size, 1 << 16)) + 1) if size <= most else None
    if data is None or len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes, the most that is read here")
    return data


def _refuse_other(mode: int, path: str | Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file", str(path))
    if not stat.S_ISREG(mode):
        kind = _OTHER_KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


def replacing(path: Path) -> AbstractContextManager[IO[bytes]]:
    """Open a new binary file that takes the place of `path` when the body ends without an error.

    Raises:
        OSError: It cannot be written; what was at `path` is unchanged. See `writing`.
    """
    return _replacing(path, "xb")


def replacing_text(path: Path) -> AbstractContextManager[IO[str]]:
    r"""Open a new UTF-8 file like `replacing`; ends of lines are written as they are given."""
    return _replacing(path, "x", encoding="utf-8", newline="")


def write_atomically(path: str | Path, chunks: Iterable[str]) -> None:
    """Write UTF-8 text to `path`, whole or not at all.

    Raises:
        RunError: It cannot be written; what was at `path` is unchanged.
    """
    with writing(path), replacing_text(Path(path)) as file:
        file.writelines(chunks)


def as_json(value: Any) -> Any:
    """Return a value as JSON holds it: tuples and other sequences become lists.

    >>> as_json({"hops": (1, 2), "names": {"a": ("b",)}})
    {'hops': [1, 2], 'names': {'a': ['b']}}
    """
    if isinstance(value, Mapping):
        return {key: as_json(entry) for key, entry in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [as_json(entry) for entry in value]
    return value


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as JSON to `path`, whole or not at all.

    Raises:
        RunError: It cannot be written; what was at `path` is unchanged.
    """
    write_atomically(path, [json.dumps(value, indent=1, ensure_ascii=False) + "\n"])


def under(root: str | Path, path: str | Path) -> Path:
    """Return a path that may be relative to `root`; "~" is the user's home folder.

    >>> under("data", "a.csv").as_posix(), under("data", "/b.csv").as_posix()
    ('data/a.csv', '/b.csv')
    """
    parts = [Path(root), Path(path)]
    with contextlib.suppress(RuntimeError):  # there is no such user
        parts = [part.expanduser() for part in parts]
    return parts[0] / parts[1]


def looked_in(path: Path) -> str:
    """Return where a relative path was looked for, as a sentence; "" for an absolute path."""
    return "" if path.is_absolute() else f" The current folder is {printable(str(Path.cwd()))}."


def nearest_file(path: Path, pattern: str = "*") -> str:
    """Return ' Did you mean …?' for a file that does not exist; see `errors.did_you_mean`."""
    names = sorted(entry.name for entry in path.parent.glob(pattern))
    if not path.name.startswith("."):
        names = [name for name in names if not name.startswith(".")]
    return did_you_mean(path.name, names)


@contextmanager
def _replacing(path: Path, mode: str, **options: str) -> Iterator[IO[Any]]:
    path = real(path)
    remove_leftovers(path)
    while True:
        scratch = _scratch_name(path)
        file: IO[Any] = scratch.open(mode, **options)  # type: ignore[call-overload]
        if _lock(file.fileno()):
            break
        file.close()  # it was taken for a leftover in the moment before
    try:
        with file:
            with contextlib.suppress(OSError):  # a private file stays one
                os.chmod(scratch, stat.S_IMODE(path.stat().st_mode))
            held = os.dup(file.fileno())  # the lock lasts until the new name is there
            try:
                yield file
                file.close()
                os.fsync(held)
                if _LOCKS:
                    os.replace(scratch, path)
            finally:
                os.close(held)
        if not _LOCKS:
            os.replace(scratch, path)
    finally:  # also when it was interrupted
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Make a folder beside `path` for the work on it, and remove it with all that is in it.

    Raises:
        OSError: It cannot be made.
    """
    while True:
        scratch = _scratch_name(path)
        scratch.mkdir()
        held = os.open(scratch, os.O_RDONLY) if _LOCKS else None
        if held is None or _lock(held):
            break
        os.close(held)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if held is not None:
            os.close(held)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a folder for this process in the body, from others that ask for it in this way.

    Raises:
        RunError: Another process is at work in it.
    """
    held = os.open(folder, os.O_RDONLY) if _LOCKS else None
    try:
        if held is not None and not _lock_now(held):
            shown = printable(str(folder), _LONGEST)
            raise RunError(f"Another process is at work in {shown}.")
        yield
    finally:
        if held is not None:
            os.close(held)


def is_scratch(name: str) -> bool:
    """Return whether a file or folder has a name that kgrec gives to what is not complete yet."""
    return _SCRATCH.fullmatch(name) is not None


def remove_leftovers(path: Path) -> None:
    """Remove what a killed process left of its work on `path`, beside it and in it.

    If it was killed between two renamings of a folder, the old one gets its name back.
    """
    if not _LOCKS:
        return
    found = [path.parent / name for name in _names(path.parent) if name[7:15] == _code(path.name)]
    if path.is_dir():
        found += [path / name for name in _names(path)]
    for scratch in found:
        with contextlib.suppress(OSError):
            _remove_leftover(scratch, path)


def _remove_leftover(scratch: Path, path: Path) -> None:
    held = os.open(scratch, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not _lock(held, wait=False):
            return  # somebody is at work
        if not scratch.is_dir():
            scratch.unlink()
            return
        if (scratch / "old").is_dir() and not os.path.lexists(path):
            (scratch / "old").rename(path)
        shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os.close(held)


def _names(folder: Path) -> list[str]:
    """Return the names of what is not complete in a folder."""
    try:
        return [name for name in os.listdir(folder) if is_scratch(name)]
    except OSError:
        return []


def _scratch_name(path: Path) -> Path:
    return path.with_name(f"{_PREFIX}{_code(path.name)}-{secrets.token_hex(4)}.tmp")


def _code(name: str) -> str:
    return f"{zlib.crc32(os.fsencode(name)):08x}"


def _lock(descriptor: int, *, wait: bool = True) -> bool:
    """Lock a file or folder until it is closed; a killed process gives its locks back.

    Returns:
        Whether it is locked and still has its name. True too where the system has no locks.
    """
    if not _LOCKS:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return wait  # not this file system: then nothing is taken for a leftover
    return os.fstat(descriptor).st_nlink > 0


@contextmanager
def try_lock(folder: Path) -> Iterator[bool]:
    """Lock a folder while the body runs, and yield whether nobody else has locked it.

    Where the file system has no locks, it yields True.
    """
    if not _LOCKS:
        yield True
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        yield _lock_now(held)
    finally:
        os.close(held)


def _lock_now(descriptor: int) -> bool:
    """Lock a folder; return False only where another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # not this file system
    return True


def real(path: str | Path) -> Path:
    """Return the path that a path leads to: a link stays, and its target is written."""
    return Path(os.path.realpath(path))
