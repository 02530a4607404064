"""Replacing a folder as a whole: afterwards there is the new one or the old one, never a mixture.

What kgrec did not write stays: files of others in the old folder are in the new one too.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kgrec.files import is_scratch, real, remove_leftovers, scratch_folder

FIRST: Final = "manifest.json"
"""The file that goes first where a folder can only be replaced one entry after the other: if that
is cut short, the entries that are still old do not fit it, and the folder is refused."""

_HERE: Final = -100  # AT_FDCWD: paths are relative to the current folder
_EXCHANGE: Final = 2  # RENAME_EXCHANGE


def nothing(_: Path) -> Collection[str]:
    """Say that no file of a folder may go; see `replacing_folder`."""
    return ()


@contextmanager
def replacing_folder(
    path: Path, ours: Callable[[Path], Collection[str]] = nothing
) -> Iterator[Path]:
    """Make a new folder that takes the place of `path` when the body ends without an error.

    Folders above it are made. A mount point, or a folder that a process stands in, cannot be
    renamed: there, the entries are replaced one after the other, `manifest.json` first.

    Args:
        path: The folder; a symbolic link stays, and its target is replaced.
        ours: Gets the old folder, and returns the files in it that may go, as relative paths with
            `/`. All others are kept in the new folder.

    Raises:
        OSError: It cannot be written, or a file that is kept has the name of a new one; what was
            at `path` is unchanged. See `kgrec.files.writing`.
    """
    target = real(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    inside = target.is_dir() and _must_stay(target)
    remove_leftovers(target)
    with scratch_folder(target / target.name if inside else target) as scratch:
        new = scratch / "new"
        new.mkdir()
        yield new
        for file in new.rglob("*"):
            if file.is_file():
                with file.open("rb+") as opened:
                    os.fsync(opened.fileno())
        going: Collection[str] = ()
        if target.is_dir():
            going = ours(target)
            _keep_others(target, new, set(going))
            new.chmod(stat.S_IMODE(target.stat().st_mode))
        if inside:
            _move_in(new, target, scratch, going)
        else:
            _swap(new, target, scratch)


def recover(path: Path) -> None:
    """Give a folder its name back, if a process was killed between two renamings of it."""
    if not path.exists():
        remove_leftovers(real(path))


def entries(folder: Path) -> Iterator[str]:
    """Yield the relative paths, with `/`, of all files below a folder and of its empty folders.

    Links count as files, whatever they lead to. What kgrec is writing there is left out.
    """
    pending = [""]
    while pending:
        inner = pending.pop()
        with os.scandir(folder / inner) as found:
            for entry in sorted(found, key=lambda one: one.name):
                name = f"{inner}{entry.name}"
                if is_scratch(entry.name):
                    continue
                if not entry.is_dir(follow_symlinks=False):
                    yield name
                elif os.listdir(entry.path):
                    pending.append(f"{name}/")
                else:
                    yield f"{name}/"


def _must_stay(folder: Path) -> bool:
    """Return whether the folder cannot be renamed, or should not: a process stands in it."""
    stands = folder in (Path.cwd(), *Path.cwd().parents)
    return stands or os.path.ismount(folder) or not os.access(folder.parent, os.W_OK)


def _keep_others(old: Path, new: Path, going: set[str]) -> None:
    """Put all of the old folder that kgrec did not write into the new one."""
    for name in entries(old):
        if name in going:
            continue
        target = new / name
        if name.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
            continue
        if os.path.lexists(target):
            raise FileExistsError(
                errno.EEXIST, f"{name} is there already, and kgrec did not write it", str(target)
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        try:  # the same file, also while somebody writes to it
            os.link(old / name, target, follow_symlinks=False)
        except OSError:  # a file system without such links, or another's file
            shutil.copy2(old / name, target, follow_symlinks=False)


def _swap(new: Path, target: Path, scratch: Path) -> None:
    if not target.exists():
        new.rename(target)
        return
    try:
        exchange(new, target)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise
        # If it ends here, the next run finds the old folder in the scratch folder.
        old = scratch / "old"
        target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            old.rename(target)
            raise


def _move_in(new: Path, target: Path, scratch: Path, going: Collection[str]) -> None:
    """Replace the entries of a folder one after the other."""
    old = scratch / "old"
    old.mkdir()
    tops = {name.partition("/")[0] for name in going}
    for entry in sorted(new.iterdir(), key=lambda one: (one.name != FIRST, one.name)):
        place = target / entry.name
        if os.path.lexists(place):
            place.rename(old / entry.name)
        entry.rename(place)
        tops.discard(entry.name)
    for name in tops:
        if os.path.lexists(target / name):
            (target / name).rename(old / name)


def exchange(one: Path, other: Path) -> None:
    """Let two entries of a file system change their places, at one moment.

    Raises:
        OSError: With ENOSYS if the system cannot do it.
    """
    if sys.platform != "linux" or not hasattr(_libc(), "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _libc().renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
