"""Loading a run for the service."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from kgrec.errors import RunError, printable
from kgrec.recommender import Recommender
from kgrec.runs.manifest import check_is_run
from kgrec.runs.needs import announce
from kgrec.runs.reading import read_summary, read_tree
from kgrec.runs.serving import index_needs, load_for_serving, read_test
from kgrec.serving.judging import Judge
from kgrec.serving.lists import KeptLists
from kgrec.serving.served import Served
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.types import IntArray

_LOGGER: Final = logging.getLogger("kgrec.serving")


def load_served(
    folder: str | Path,
    *,
    hidden: Collection[str] = (),
    download: str | None = None,
    kept_lists: int = 0,
) -> Served:
    """Load a run for requests.

    Args:
        folder: The run folder, or a link to it.
        hidden: Columns of its tables that no answer shows.
        download: The encoder that the run names, if it may be downloaded.
        kept_lists: Most lists of users that are kept in memory.

    Raises:
        RunError: It is no run folder, or damaged.
        DataError: There is less memory than its index needs.
    """
    stamp = stamp_of(folder)
    real = Path(stamp[0])  # a link may lead elsewhere before the last file is read
    recommender = load_for_serving(real, download=download)
    for needs in index_needs(recommender):
        announce(needs, _LOGGER.info)
    if recommender.cache is None and recommender.text_config is not None:
        recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
    card = read_summary(real)
    data = read_tree(real / "config.yaml")["data"]
    return Served(
        real,
        real.name,
        recommender,
        _held_out(real, recommender),
        card,
        hidden,
        judge=Judge(data if isinstance(data, dict) else {}),
        stamp=stamp,
        lists=KeptLists(kept_lists),
    )


def stamp_of(folder: str | Path) -> tuple[str, int, int]:
    """Return what tells a run from one that takes its place: where it is, and its manifest.

    Raises:
        RunError: There is none.
    """
    real = Path(folder).resolve()
    check_is_run(real)
    try:
        found = (real / "manifest.json").stat()
    except OSError as error:
        raise RunError(f"{printable(str(folder), 4096)} has no manifest.") from error
    return str(real), found.st_mtime_ns, found.st_ino


def _held_out(folder: Path, recommender: Recommender) -> Mapping[int, IntArray]:
    """Return the items of the test part by user: users have them, though no model saw them."""
    now: Any = recommender.snapshot
    rated = read_test(folder, now.users, now.items).rated()
    order = np.argsort(rated.user, kind="stable")
    users, starts = np.unique(rated.user[order], return_index=True)
    parts = np.split(rated.item[order], starts[1:]) if len(users) else []
    return dict(zip(users.tolist(), parts, strict=True))
