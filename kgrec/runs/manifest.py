"""The manifest of a run folder: what kgrec wrote there, with the checksums of all files.

Checksums are compared when files are read, so that a damaged file, or one of another run, is
refused. The list also says what may be replaced: all other files in the folder are the user's.
Two kinds of files are not listed, since they are written later and hold their own checksums:
`checkpoint.safetensors` and `evaluation_*.json`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from kgrec.errors import RunError, option, printable
from kgrec.files import writing
from kgrec.outputs.checked import (
    check_checksums,
    check_json,
    check_sizes,
    checksums,
    is_checked_json,
    write_checked_json,
)
from kgrec.outputs.checks import check_is_no_input, check_writable
from kgrec.outputs.folders import FIRST, entries
from kgrec.outputs.tensors import is_checkpoint
from kgrec.runs.encoder_files import CHECKPOINT as OF_ENCODER
from kgrec.runs.encoder_files import NEW_ENCODER
from kgrec.runs.encoder_files import written_files as of_encoder
from kgrec.runs.json_files import read_json

MANIFEST: Final = FIRST
CHECKPOINT: Final = "checkpoint.safetensors"
EVALUATIONS: Final = "evaluation_*.json"
DRIFT: Final = "updates.json"
NOT_LOADED: Final = ("metrics.json", "log.txt", "curve.json", "curve.png", "recommendation.png")
"""Files that serving does not read; they may be missing."""

_FORMAT: Final = "kgrec run folder"
_OPTIONAL: Final = "data/interactions.parquet"  # only evaluation needs it
_RESERVED: Final = (
    "about.json", "config.yaml", "numbers.json", "search.json", DRIFT, "*.safetensors", "data/*",
    "encoder/*", "encoder_new/*", MANIFEST,
    EVALUATIONS, *NOT_LOADED,
)  # fmt: skip
_PARTS: Final = {
    "graph": "data/links.parquet",
    "item_table": "data/item_table.parquet",
    "user_table": "data/user_table.parquet",
}
_SHOWN = 3


def check_is_run(folder: Path) -> None:
    """Check that a folder is a run folder.

    Raises:
        RunError: It is not one.
    """
    if not (folder / "config.yaml").is_file():
        where = printable(str(folder))
        if folder.is_file():
            raise RunError(f"{where} is a file; expected a run folder, made by `kgrec train`.")
        raise RunError(
            f"{where} is no run folder: it has no config.yaml. `kgrec train CONFIG.yaml --out "
            f"{where}` makes one."
        )


def write_manifest(folder: Path) -> None:
    """Write the manifest of a run folder, whose other files are all there.

    Raises:
        RunError: It cannot be written.
        OSError: A file cannot be read.
    """
    names = [name for name in entries(folder) if not (name.endswith("/") or _is_later(name))]
    _write(folder, checksums(folder, set(names) - {MANIFEST}))


def record(folder: Path, name: str) -> None:
    """Add a file of the folder to its manifest.

    Raises:
        RunError: The manifest is damaged or cannot be written.
    """
    _write(folder, read_manifest(folder) | checksums(folder, [name]))


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of the files of a run folder, by their relative paths.

    Raises:
        RunError: The manifest is missing or damaged.
    """
    path = folder / MANIFEST
    tree = read_json(path)
    try:
        checked = check_json(tree)
        if checked.get("format") != _FORMAT:
            raise ValueError(f"it is not that of a run folder, but of {checked.get('format')!r}")
        files = {str(name): dict(about) for name, about in checked["files"].items()}
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
            raise ValueError("it names a file outside of the folder")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise RunError(
            f"{printable(str(path))} is damaged: {printable(str(error))}. Restore it from a copy, "
            "or train again."
        ) from error
    return files


def parts_of(files: Collection[str]) -> list[str]:
    """Return which of `graph`, `item_table` and `user_table` a run has, by the names of its files.

    >>> parts_of(["config.yaml", "data/links.parquet", "data/item_table.parquet"])
    ['graph', 'item_table']
    """
    return [part for part, name in _PARTS.items() if name in files]


def check_files_of_run(
    folder: Path,
    names: Iterable[str] | None = None,
    files: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Check that files of a run folder are what was written.

    Args:
        folder: The run folder.
        names: The files; None: all that serving needs. The tables of a saved graph have checksums
            in a manifest of their own, which is among the files.
        files: The manifest, if it was read before.

    Raises:
        RunError: The manifest or a file is missing, damaged, or of another run.
    """
    files = read_manifest(folder) if files is None else files
    if names is None:
        names = [name for name in _loaded(folder, files) if not fnmatch(name, "data/graph/*.arrow")]
    wanted = list(names)
    for name in wanted:
        if name not in files:
            raise RunError(
                f"{printable(str(folder / MANIFEST))} does not list {printable(name)}: the file "
                "is not of this run."
            )
    check_checksums(folder, {name: files[name] for name in wanted})


def check_sizes_of_run(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that no file that serving may need is missing or cut off, without reading them.

    Args:
        folder: The run folder.
        files: The manifest.

    Raises:
        RunError: One is missing or has another size.
    """
    check_sizes(folder, {name: files[name] for name in _loaded(folder, files)})


def checked(folder: Path, name: str) -> Path:
    """Return the path of a file of a run folder, after comparing its checksum.

    Raises:
        RunError: As `check_files_of_run`.
    """
    check_files_of_run(folder, [name])
    return folder / name


def written_files(folder: Path) -> set[str]:
    """Return the files in a folder that kgrec wrote as a run, as relative paths with `/`."""
    try:
        listed = {*read_manifest(folder), MANIFEST}
    except RunError:
        listed = set()
    later = {name for name in entries(folder) if _is_later(name) and _wrote_later(folder / name)}
    new = {f"{NEW_ENCODER}/{name}" for name in of_encoder(folder / NEW_ENCODER)}
    return listed | later | new


def check_run_folder(
    folder: Path,
    inputs: Iterable[str | Path] = (),
    *,
    force: bool = False,
    resume: bool = False,
) -> None:
    """Check, before a training, that its run can be saved in a folder.

    Args:
        folder: A new or empty folder, or one with a run.
        inputs: What the training reads.
        force: Whether a run that is there may be replaced.
        resume: Whether a training that is there is continued, and its run replaced.

    Raises:
        RunError: Something in the folder would be lost, or the folder cannot be written.
    """
    with writing(folder):  # looking at a path can fail too
        _check_place(folder, list(map(Path, inputs)), force=force, resume=resume)
    check_writable(folder)


def _check_place(folder: Path, inputs: list[Path], *, force: bool, resume: bool) -> None:
    where = printable(str(folder), 4096)
    if folder.is_symlink() and not folder.exists():
        raise RunError(f"{where} is a link that leads nowhere; the run folder needs another name.")
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{where} is a file; the run folder needs another name.")
    found = [] if not folder.is_dir() else list(entries(folder))
    if found:
        check_is_no_input(folder, inputs)
        _check_replaceable(folder, found, where, force=force, resume=resume)


def _check_replaceable(
    folder: Path, found: list[str], where: str, *, force: bool, resume: bool
) -> None:
    written = written_files(folder)
    others = [name for name in found if name not in written]
    if not written & set(found):
        raise RunError(
            f"{where} has files that kgrec did not write: {_few(others)}. Choose a new folder for "
            "the run."
        )
    in_the_way = [name for name in others if any(fnmatch(name, one) for one in _RESERVED)]
    if CHECKPOINT in in_the_way:
        raise RunError(
            f"{where}/{CHECKPOINT} is damaged, or kgrec did not write it. Move it away, or choose "
            "another folder."
        )
    if in_the_way:
        raise RunError(
            f"{where} has files that kgrec did not write, with names that a run needs: "
            f"{_few(in_the_way)}. Move them away, or choose another folder."
        )
    if force or resume:
        return
    what = "a run" if MANIFEST in found else "a training that was stopped"
    continued = option("resume", True)
    states = {CHECKPOINT, f"{NEW_ENCODER}/{OF_ENCODER}"}
    more = f", {continued} continues it" if states & set(found) else ""
    raise RunError(
        f"{where} has {what} already. Choose another folder; "
        f"{option('force', True)} replaces it{more}."
    )


def _loaded(folder: Path, files: Iterable[str]) -> list[str]:
    """Return those of a run's files that serving may need."""
    return [
        name
        for name in files
        if name not in NOT_LOADED and (name != _OPTIONAL or (folder / name).exists())
    ]


def _few(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _write(folder: Path, files: dict[str, dict[str, Any]]) -> None:
    write_checked_json(folder / MANIFEST, {"format": _FORMAT, "files": files})


def _is_later(name: str) -> bool:
    return name == CHECKPOINT or ("/" not in name and fnmatch(name, EVALUATIONS))


def _wrote_later(path: Path) -> bool:
    return is_checkpoint(path) if path.name == CHECKPOINT else is_checked_json(path)
