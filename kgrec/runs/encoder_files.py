"""The files of a tuned encoder: which of a folder are ours, and where a run has its own one.

A run whose config has `text.tuning` has its encoder in the folder `encoder`. While it is trained,
it is in `encoder_new`, so that a run which is replaced stays whole until the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from kgrec.errors import RunError, option, printable
from kgrec.files import writing
from kgrec.outputs.checked import KEY, check_json, checksums
from kgrec.outputs.checks import check_is_no_input, check_writable
from kgrec.outputs.folders import FIRST, entries
from kgrec.outputs.tensors import is_checkpoint
from kgrec.runs.json_files import read_json

FOLDER: Final = "tuning"
CHECKPOINT: Final = f"{FOLDER}/checkpoint.safetensors"
SUMMARY: Final = f"{FOLDER}/tuning.json"
FORMAT: Final = "kgrec tuned encoder"
ENCODER: Final = "encoder"
"""Where a run has its encoder."""
NEW_ENCODER: Final = "encoder_new"
"""Where it is until the run is written."""


def own_encoder(folder: Path, files: Collection[str]) -> Path | None:
    """Return the encoder that a run has for itself; None: it uses another one.

    Args:
        folder: The run folder.
        files: Its files, by its manifest.
    """
    return folder / ENCODER if f"{ENCODER}/{SUMMARY}" in files else None


def take_encoder(model: str, run: Path, new: Path) -> None:
    """Put the encoder that a run was trained with into its folder, if it is a run's own.

    Args:
        model: The folder or name of the encoder.
        run: The run folder.
        new: The folder that will take its place.

    Raises:
        OSError: A file cannot be written.
    """
    source = Path(model)
    in_training = source.name == NEW_ENCODER and source.parent.resolve() == run.resolve()
    of_run = source.name == ENCODER and (source.parent / FIRST).is_file()
    if not (in_training or of_run) or not (source / SUMMARY).is_file():
        return
    for name in sorted(set(written_files(source)) - {CHECKPOINT}):
        target = new / ENCODER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source / name, target)
        except OSError:  # a file system without such links
            shutil.copy2(source / name, target)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Return the figures of a tuned encoder; None: the folder is none, or is not whole."""
    try:
        tree = check_json(read_json(folder / SUMMARY))
    except (RunError, ValueError, LookupError, TypeError, OSError):
        return None
    return dict(tree) if tree.get("format") == FORMAT else None


def written_files(folder: Path) -> Collection[str]:
    """Return the files in a folder that were written with a tuned encoder, and not changed."""
    found = {CHECKPOINT} if is_checkpoint(folder / CHECKPOINT) else set()
    try:
        tree = check_json(read_json(folder / SUMMARY))
        if tree.get("format") != FORMAT:
            return found
        listed = dict(tree["files"])
        there = [name for name in entries(folder) if name in listed]
        seen = checksums(folder, there)
        same = {name for name in there if seen[name][KEY] == listed[name].get(KEY)}
    except (RunError, ValueError, LookupError, TypeError, OSError):
        return found
    return found | same | {SUMMARY}


def check_encoder_folder(
    out: Path, inputs: Sequence[str | Path], *, force: bool, resume: bool
) -> None:
    """Check, before a training, that its encoder can be saved in a folder.

    Args:
        out: The folder.
        inputs: What the training reads.
        force: Whether an encoder that is there may be replaced.
        resume: Whether a training that is there is continued.

    Raises:
        RunError: Something in the folder would be lost, or there is nothing to continue.
    """
    where = printable(str(out), 4096)
    with writing(out):
        if os.path.lexists(out) and not out.is_dir():
            raise RunError(f"{where} is a file; the folder needs another name.")
        found = set(entries(out)) if out.is_dir() else set()
        if found:
            check_is_no_input(out, [Path(one) for one in inputs])
        ours = set(written_files(out)) if found else set()
    if resume and CHECKPOINT not in ours:
        raise RunError(
            f"{where} has no checkpoint of a training that was stopped. Start without "
            f"{option('resume', True)}."
        )
    others = sorted(found - ours)
    if others:
        raise RunError(
            f"{where} has files that kgrec did not write, or that were changed since, such as "
            f"{printable(others[0])}. Choose a new folder."
        )
    if found and not force and not resume:
        more = f", {option('resume', True)} continues it" if CHECKPOINT in ours else ""
        what = "a tuned encoder" if SUMMARY in ours else "a training that was stopped"
        raise RunError(
            f"{where} has {what} already. Choose another folder; {option('force', True)} replaces "
            f"it{more}."
        )
    check_writable(out)
