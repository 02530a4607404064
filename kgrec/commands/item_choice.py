"""The items that `--filter`, `--candidates` and `--exclude` leave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgrec.recommender import Recommender


def chosen_items(
    recommender: Recommender, filter: str | None, candidates: Path | None, exclude: Path | None
) -> dict[str, Any]:
    """Return the arguments `filter`, `candidates` and `exclude` of `Recommender.recommend`."""
    from kgrec.data.id_files import read_ids

    known = recommender.item_vocabulary
    return {
        "filter": filter,
        "candidates": None if candidates is None else known.take(read_ids(candidates, known)),
        "exclude": [] if exclude is None else known.take(read_ids(exclude, known)),
    }
