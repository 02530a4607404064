"""What a stage will need, said before it starts; what cannot fit is refused with advice.

The slopes are those of `experiments/bench_growth.py` and `experiments/scale.py`, at one to ten
million triples and rows, and of `experiments/slopes.py`; another machine may take half or twice the
time. What a model knows of its
memory, such as the square of EASE, comes first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from kgrec.bounds.free_memory import available_memory
from kgrec.errors import DataError, printable
from kgrec.graph.settings import GraphConfig
from kgrec.retrieval.settings import ApproximateIndexConfig, ExactIndexConfig

if TYPE_CHECKING:
    from kgrec.config import Config
    from kgrec.data.interactions import Interactions
    from kgrec.models.base import Model
    from kgrec.models.training_data import TrainingData
    from kgrec.rdf.columns import GraphColumns

_TOLD_BYTES: Final = 1 << 30
_TOLD_SECONDS: Final = 60.0
"""What needs less than both is not announced."""

LINES: Final = (".nt", ".nq")
SECONDS_A_BYTE, BYTES_A_BYTE = 3e-9, 1.0
"""Seconds, and bytes of memory at the peak, for each byte of N-Triples or N-Quads."""
SECONDS_A_ROW, BYTES_A_ROW = 2e-6, 150.0
"""The same for each row of a Parquet file."""
_SECONDS_OTHER, _BYTES_OTHER = 1e-7, 8.0
"""The same for each byte of other files; compressed ones take more."""
SECONDS_A_PRODUCT: Final = 3e-10
"""Seconds for a number of a product of users and items, for lists for all users."""
SECONDS_A_RANKED_SCORE: Final = 5e-9
"""Seconds for a user and an item of an evaluation, measured with its metrics."""
BYTES_A_RANKED_USER: Final = 600
_RANKING_BYTES: Final = 1 << 28
"""Memory of an evaluation for each user, and of the scores that are there at a time."""
SECONDS_AN_EDGE, BYTES_AN_EDGE = 9e-7, 60
"""Seconds, and bytes at the peak, for an interaction or a statement of the graph that is built."""
SECONDS_A_CODED_NUMBER: Final = 2.7e-8
"""Seconds for a number of a vector that gets a code."""


@dataclass(frozen=True)
class Needs:
    """What a stage needs.

    Attributes:
        what: What it does, with its rows, such as "Reading 2 files".
        memory: Bytes at its peak, of what it adds.
        seconds: How long it takes; None: that depends on the training.
        advice: What to do where the memory is too small.
    """

    what: str
    memory: int
    seconds: float | None
    advice: str

    @property
    def is_small(self) -> bool:
        """Whether nobody waits for it, or runs out of memory."""
        return self.memory < _TOLD_BYTES and (self.seconds or 0.0) < _TOLD_SECONDS

    def __str__(self) -> str:
        minutes = "" if self.seconds is None else f" and {_minutes(self.seconds)}"
        return f"{self.what} needs about {self.memory / 2**30:.1f} GiB of memory{minutes}."


def announce(needs: Needs, say: Callable[[str], object]) -> None:
    """Say what a stage needs, if that is much.

    Args:
        needs: What it needs.
        say: Gets the line.

    Raises:
        DataError: There is less memory.
    """
    if needs.is_small:
        return
    free = available_memory()
    if free is not None and needs.memory > free:
        raise DataError(f"{needs} {free / 2**30:.1f} GiB are free. {needs.advice}")
    say(str(needs))


def of_reading(config: Config) -> Needs:
    """Return what reading the files of a config needs, by their sizes."""
    from kgrec.runs.given_data import named_files  # lists for all users need none of its imports

    others = {Path(config.data.root).expanduser()}
    if config.text is not None:
        others.add(Path(config.text.model))
    sizes = dict(_sizes(path for path in named_files(config) if path not in others))
    found = [_of_file(path, size) for path, size in sizes.items()]
    largest = max(sizes, key=lambda path: sizes[path], default=Path())
    return Needs(
        f"Reading {sum(sizes.values()) / 2**30:.1f} GiB in {len(sizes)} files",
        int(sum(memory for memory, _ in found)),
        sum(seconds for _, seconds in found),
        f"The largest file is {printable(str(largest), 4096)}. Leave out relations and languages "
        "that no model reads, save the graph once with KnowledgeGraph.save, whose folder is mapped "
        "into memory, or take a machine with more memory.",
    )


def of_fitting(model: Model, data: TrainingData) -> Needs:
    """Return what fitting a model needs, as far as the model can say it."""
    train = data.train
    return Needs(
        f"Fitting {model.name} to {len(train):,} interactions of {train.num_users:,} users and "
        f"{train.num_items:,} items",
        model.memory_to_fit(data),
        model.seconds_to_fit(data),
        "Choose low_rank or item_knn, whose memory does not grow with the square of the items, for "
        "a link predictor a smaller dim, or take a machine with more memory.",
    )


def of_lists(num_users: int, num_items: int, k: int) -> Needs:
    """Return what lists for many users need; they are written as they are made."""
    return Needs(
        f"Lists of {k} for {num_users:,} users of {num_items:,} items",
        1 << 29,
        num_users * num_items * SECONDS_A_PRODUCT,
        "Take a machine with more memory.",
    )


def of_trials(one: Needs, trials: int, at_once: int) -> Needs:
    """Return what a search of settings needs whose trials need as much as the first.

    Settings that make a model larger, such as its width, are not known before.

    Args:
        one: What the model with the settings of the config needs.
        trials: How many there will be.
        at_once: How many run at the same time.
    """
    return Needs(
        f"{one.what}, {trials} times,",
        one.memory * min(at_once, max(trials, 1)),
        None if one.seconds is None else one.seconds * trials,
        f"Let fewer trials run at once (tune.at_once). {one.advice}",
    )


def of_graph(kg: GraphColumns | None, train: Interactions, config: GraphConfig) -> Needs:
    """Return what building the graph of users, items and entities needs.

    Statements count where all are used. Where settings select some (relations, types, distance), it
    is not known before how many, and they do not count.
    """
    selected = config.max_hops is not None or any(
        (config.keep_relations, config.drop_relations, config.keep_types, config.drop_types)
    )
    statements = 0 if kg is None or selected else len(kg.triples)
    count = statements + len(train)
    return Needs(
        f"Building the graph of {len(train):,} interactions and {statements:,} statements",
        BYTES_AN_EDGE * count,
        SECONDS_AN_EDGE * count,
        "Name the relations that models read (graph.keep_relations), give graph.max_hops or a "
        "larger graph.min_degree, or take a machine with more memory.",
    )


def of_evaluating(num_users: int, num_items: int) -> Needs:
    """Return what ranking items for users and measuring it needs.

    The seconds are those of a model with vectors; others take longer to score.

    Args:
        num_users: Users with interactions in the part.
        num_items: Items that are ranked for each.
    """
    return Needs(
        f"Ranking {num_items:,} items for {num_users:,} users",
        _RANKING_BYTES + BYTES_A_RANKED_USER * num_users,
        SECONDS_A_RANKED_SCORE * num_users * num_items,
        "Take a machine with more memory.",
    )


def of_index(num_items: int, dim: int, config: ExactIndexConfig | ApproximateIndexConfig) -> Needs:
    """Return what making an index over item vectors needs: vectors, or codes of them besides."""
    if isinstance(config, ExactIndexConfig):
        memory, seconds = 4 * num_items * dim, None
    else:
        sample = min(num_items, config.train_rows)
        # Two numbers are half a byte, and the vectors that are encoded at a time lie there rotated.
        memory = 4 * num_items * dim + num_items * -(-dim // 4) + 8 * sample * dim
        seconds = SECONDS_A_CODED_NUMBER * num_items * dim
    return Needs(
        f"The {config.name} index of {num_items:,} vectors of {dim} numbers",
        memory,
        seconds,
        "Choose a smaller dim, keep the vectors in a file (kgrec.retrieval.sharded), or take a "
        "machine with more memory.",
    )


def _sizes(paths: Iterable[Path]) -> Iterable[tuple[Path, int]]:
    """Yield the files among paths, and those in folders among them, with their sizes."""
    for path in paths:
        if path.is_dir():
            files = [Path(one.path) for one in os.scandir(path) if one.is_file()]
            yield from _sizes(files)
        elif path.is_file():
            yield path, path.stat().st_size


def _of_file(path: Path, size: int) -> tuple[float, float]:
    """Return the bytes of memory and the seconds that reading a file takes."""
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        try:
            rows = pq.read_metadata(path).num_rows
        except (OSError, ValueError, pa.ArrowException):
            rows = 0  # reading says what is wrong with it
        return rows * BYTES_A_ROW, rows * SECONDS_A_ROW
    if suffix in LINES:
        return size * BYTES_A_BYTE, size * SECONDS_A_BYTE
    return size * _BYTES_OTHER, size * _SECONDS_OTHER


def _minutes(seconds: float) -> str:
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} hours"
