"""What a run folder holds of searching: `search.json` and `search.safetensors`, and learning it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kgrec.errors import DataError, RunError, printable
from kgrec.files import nearest_file, under, write_json
from kgrec.outputs.tensors import load_arrays, save_arrays
from kgrec.runs.json_files import read_json
from kgrec.search.settings import SearchConfig
from kgrec.text.progress import ShowProgress

if TYPE_CHECKING:
    from kgrec.recommender import Recommender
    from kgrec.runs.log import RunLog
    from kgrec.search.taught import Taught

FILES: Final = ("search.json", "search.safetensors")


def write_taught(folder: Path, taught: Taught | None) -> None:
    """Write what was learnt, if anything.

    Raises:
        RunError: A file cannot be written.
    """
    if taught is not None:
        write_json(folder / FILES[0], taught.to_dict())
        save_arrays(folder / FILES[1], taught.statistics.to_arrays())


def read_taught(folder: Path, files: Collection[str], num_items: int) -> Taught | None:
    """Return what was learnt; None: the run has learnt nothing.

    Args:
        folder: The run folder.
        files: The files of the run.
        num_items: The number of its items.

    Raises:
        RunError: A file is missing or damaged.
    """
    if not set(FILES) & set(files):
        return None
    from kgrec.search.taught import Taught

    try:
        arrays = load_arrays(folder / FILES[1])[0]
        return Taught.from_file(read_json(folder / FILES[0]), arrays, num_items)
    except RunError as error:
        if str(folder) in str(error):
            raise
        raise RunError(f"{printable(str(folder))}: {error} Restore it, or train again.") from error


def queries_file(root: str, queries: str) -> Path:
    """Return the path of the example queries that a config names.

    Raises:
        DataError: The file is not there.
    """
    path = under(under(".", root), queries)
    if not path.is_file():
        raise DataError(
            f"search.queries: {printable(str(path))} is not there: expected a JSON Lines file of "
            "example queries, relative to data.root." + nearest_file(path)
        )
    return path


def learn_search(
    recommender: Recommender,
    queries: str | Path,
    config: SearchConfig,
    log: RunLog,
    *,
    progress: ShowProgress = False,
) -> Taught:
    """Learn to search from example queries, and let the recommender search so from now on.

    Args:
        recommender: A fitted recommender with text.
        queries: The file of the queries.
        config: How to learn.
        log: Gets the messages.
        progress: As for `TextEncoder.encode`.

    Raises:
        DataError: The file cannot be read, has too few examples, or the recommender has no text.
    """
    from kgrec.search.examples import read_examples

    examples = read_examples(queries, recommender.item_vocabulary)
    taught = recommender.learn_search(examples, config, progress=progress)
    log.say(
        f"Search: learnt from {taught.conversations:,} moments of conversations and "
        f"{taught.queries:,} single queries of {printable(str(queries))}."
    )
    return taught
