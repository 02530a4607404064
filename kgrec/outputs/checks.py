"""The rule for what a command writes, checked before the work begins.

A path is written if there is nothing, or if the user says that what is there may go. What the same
command reads is never written, whatever name it is given.
"""

from __future__ import annotations

import glob
import os
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from kgrec.errors import RunError, option, printable
from kgrec.files import real, system_reason, writing

_LONGEST = 4096  # characters of a path


def check_files(
    outputs: Iterable[str | Path | None],
    inputs: Iterable[str | Path | None] = (),
    *,
    force: bool = False,
    ours: Callable[[Path], bool] = lambda _: False,
    remedy: str | None = None,
) -> None:
    """Check that files can be written, and that nothing is lost by that.

    Args:
        outputs: The files to write; None stands for none.
        inputs: What the same command reads: files, folders, patterns. Never written.
        force: Whether a file that is there may be replaced.
        ours: Whether a file that is there may be replaced in any case.
        remedy: What to do if a file is there; None: another name, or `force`.

    Raises:
        RunError: A file is there already, is read by the same command or named twice, or cannot
            be written.
    """
    paths = [Path(path) for path in outputs if path is not None]
    read = [Path(path) for path in inputs if path is not None]
    for place, path in enumerate(paths):
        with writing(path):  # looking at a path can fail too
            _check_file(path, paths[:place], read, force=force, ours=ours, remedy=remedy)
        check_writable(path)


def _check_file(
    path: Path,
    before: Sequence[Path],
    read: Sequence[Path],
    *,
    force: bool,
    ours: Callable[[Path], bool],
    remedy: str | None,
) -> None:
    if any(_same(path, other) for other in before):
        raise RunError(f"{_shown(path)} would be written twice; give each file its own name.")
    check_is_no_input(path, read)
    if path.is_dir():
        raise RunError(f"{_shown(path)} is a folder; the name of a file is needed.")
    if os.path.lexists(path):
        if path.exists() and not path.is_file():
            raise RunError(f"{_shown(path)} is no plain file, so it is not replaced.")
        if not force and not ours(path):
            advice = remedy or f"Choose another name, or replace it with {_force()}"
            raise RunError(f"{_shown(path)} exists already. {advice}.")


def check_new_folder(
    path: str | Path, inputs: Iterable[str | Path | None] = (), *, ours: bool = False
) -> None:
    """Check that a folder can be made, and that nothing is lost by that.

    Args:
        path: The folder: a new or an empty one.
        inputs: What the same command reads.
        ours: Whether kgrec wrote all that is in it, and may replace it.

    Raises:
        RunError: The folder has something in it, is a file or an input, or cannot be written.
    """
    path = Path(path)
    with writing(path):
        _check_folder(path, [Path(one) for one in inputs if one is not None], ours=ours)
    check_writable(path)


def _check_folder(path: Path, inputs: Sequence[Path], *, ours: bool) -> None:
    check_is_no_input(path, inputs)
    if os.path.lexists(path) and not path.is_dir():
        raise RunError(f"{_shown(path)} is a file; the folder needs another name.")
    if path.is_dir() and any(path.iterdir()) and not ours:
        raise RunError(
            f"{_shown(path)} exists already and is not empty; it is not overwritten. Choose a new "
            "folder."
        )


def check_is_no_input(path: Path, inputs: Sequence[Path]) -> None:
    """Check that a path is not read, and no folder above or below what is read and would go.

    Raises:
        RunError: It is.
    """
    for given in inputs:
        for one in [given, *map(Path, glob.glob(str(given), recursive=True))]:
            if path.is_dir() and real(path) in real(one).parents:
                raise RunError(
                    f"{_shown(path)} would be replaced, but {_shown(one)} in it is read by the "
                    "same command. Choose another folder to write to."
                )
            in_folder = path.is_file() and one.is_dir() and real(one) in real(path).parents
            if _same(path, one) or in_folder:
                raise RunError(
                    f"{_shown(path)} is read by the same command, so it is not written. Choose "
                    "another name."
                )


def check_writable(path: str | Path) -> None:
    """Check that a file or folder can be made or replaced, by making one with its name near it.

    Raises:
        RunError: It cannot, and why.
    """
    target = real(path)
    base, missing = target.parent, [target.name]
    if target.is_dir() and (os.path.ismount(target) or not os.access(base, os.W_OK)):
        base, missing = target, []  # its entries are replaced one by one
    try:
        while not os.path.lexists(base) and base != base.parent:
            base, missing = base.parent, [base.name, *missing]
        with tempfile.TemporaryDirectory(prefix=".kgrec-", dir=base) as probe:
            Path(probe, *missing).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = system_reason(error)
        raise RunError(f"{_shown(Path(path))} cannot be written: {reason}.") from error


def _force() -> str:
    return option("force", True)


def _same(one: Path, other: Path) -> bool:
    """Return whether two paths are one file: by links, or on systems that ignore case."""
    try:
        if os.path.samefile(one, other):
            return True
    except OSError:
        pass  # one of them does not exist
    return _folded(one) == _folded(other)


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", str(real(path))).casefold()


def _shown(path: Path) -> str:
    return printable(str(path), _LONGEST)
