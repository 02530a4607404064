"""Erasing users from a run folder: from its data, its texts and its model."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kgrec.data.vocabulary import id_list
from kgrec.errors import DataError, option
from kgrec.outputs.tensors import is_checkpoint
from kgrec.runs.json_files import read_json
from kgrec.runs.manifest import CHECKPOINT, check_is_run, check_run_folder
from kgrec.runs.reading import load_run
from kgrec.runs.updating import alone, log_lines, split_of
from kgrec.runs.writing import save_run
from kgrec.snapshot.drift import Drift
from kgrec.text.cache import EmbeddingCache, default_cache_folder

_GONE: Final = "(deleted user)"
_TELLING: Final = 5
"""An id of so many characters means the user wherever it stands in a text; a shorter one, such as
7, only between quotation marks."""


def erase_users(
    run: Path,
    users: Sequence[str],
    out: Path | None = None,
    *,
    force: bool = False,
    download: str | None = None,
) -> Drift:
    """Write a run folder without some users: no byte of it names them, nor tells what they did.

    A model in closed form is exactly what a training without them finds. Of another one, the
    figures say that a training is due. A checkpoint is not kept, as it holds what the training
    knew of everybody. The files that the config names are not the run's: they stay.

    Args:
        run: The run folder.
        users: Ids of the users.
        out: A new or empty folder; None: the run folder itself changes.
        force: Whether a run at `out` is replaced.
        download: As for `load_run`.

    Returns:
        What came and went since training.

    Raises:
        UnknownIdError: A user is unknown. Nothing is written then.
        RunError: The run is damaged, somebody else updates it now, or `out` cannot be written.
        DataError: No user is named.
    """
    check_is_run(run)
    users = id_list(users, "users")
    if not users:
        raise DataError(f"Name the users to erase: {option('users')} is empty.")
    if out is not None:
        check_run_folder(out, [], force=force)
    with alone(run):
        recommender, config, split = load_run(run, download=download)
        if recommender.cache is None:
            recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
        now = recommender.update(remove_users=users)
        warnings = tuple(without_ids(message, users) for message in now.warnings)
        recommender.take(now.with_warnings(warnings))
        log = [without_ids(line, users) for line in log_lines(run / "log.txt")]
        metrics = read_json(run / "metrics.json") if (run / "metrics.json").exists() else {}
        curve = read_json(run / "curve.json") if (run / "curve.json").exists() else ()
        if out is None and is_checkpoint(run / CHECKPOINT):
            (run / CHECKPOINT).unlink()
        save_run(
            run if out is None else out,
            recommender,
            config,
            split_of(split, now),
            metrics=metrics,
            log=log,
            curve=curve,
            force=force or out is None,
        )
    drift = now.drift
    assert drift is not None
    return drift


def without_ids(text: str, ids: Sequence[str]) -> str:
    """Return a text without some ids.

    >>> without_ids("The first is '7', of 7 rows.", ["7"])
    "The first is '(deleted user)', of 7 rows."
    >>> without_ids("ann.smith has 3 items, ann.smithson 4", ["ann.smith"])
    '(deleted user) has 3 items, ann.smithson 4'
    """
    for id in sorted(ids, key=len, reverse=True):
        name = re.escape(id)
        text = re.sub(rf"""(?<=['"“‘`]){name}(?=['"”’`])""", _GONE, text)
        if len(id) >= _TELLING:
            text = re.sub(rf"(?<!\w){name}(?!\w)", _GONE, text)
    return text
