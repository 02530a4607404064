"""Reading several files at once, each by a worker of an engine."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kgrec.engine import Engine
from kgrec.errors import KgrecError
from kgrec.rdf.jsonld import Loader
from kgrec.rdf.read_report import FileReport
from kgrec.rdf.rejects import Rejects
from kgrec.rdf.settings import ReadConfig
from kgrec.rdf.sources import RdfSource
from kgrec.rdf.statements import Statements
from kgrec.rdf.syntaxes import FORMATS


@dataclass(frozen=True, eq=False)
class ReadFile:
    """What was read of one file.

    Attributes:
        batches: The statements.
        report: How many there are.
        graphs: The names of the graphs that were met.
        without_direction: Number of literals of JSON-LD whose base direction was left out.
        read_so_far: Bytes of this file and of those before it, see `Parsing.read_before`.
    """

    batches: list[Statements]
    report: FileReport
    graphs: set[str]
    without_direction: int = 0
    read_so_far: int = 0


Read = Callable[[RdfSource, int, ReadConfig, Rejects, Loader | None, int], ReadFile]
"""Reads one file, which has a number among all, after files of so many bytes."""


def read_in_workers(
    engine: Engine,
    read: Read,
    sources: Sequence[RdfSource],
    config: ReadConfig,
    rejects: Rejects,
    loader: Loader | None,
) -> Iterator[ReadFile]:
    """Yield what was read of each file, in order; the same as `read` gives here.

    Args:
        engine: Its workers read. They find the files by the same paths.
        read: Reads one file.
        sources: The files.
        config: Settings.
        rejects: Gets what is left out because it is not valid.
        loader: Gives the remote contexts of JSON-LD.

    Raises:
        DataError: A file is missing, damaged or not valid; of several, the first one.
    """
    work = partial(_read_in_worker, read)
    # A parser's own name of a format cannot be sent.
    blocks = (
        (number, replace(one, format=None), one.format and one.format.name, before)
        for (number, one), before in zip(enumerate(sources), _sizes_before(sources), strict=False)
    )
    for part, found in engine.map(work, (config, loader), blocks):
        rejects.take(part)
        if isinstance(found, KgrecError):
            raise found
        yield found


def _sizes_before(sources: Sequence[RdfSource]) -> Iterator[int]:
    """Return the bytes of the files before each, as they lie: one that is missing has none."""

    def size(path: Any) -> int:
        try:
            return os.stat(path).st_size
        except OSError:  # reading it says so
            return 0

    return itertools.accumulate((size(one.content) for one in sources), initial=0)


def _read_in_worker(
    read: Read, shared: tuple[ReadConfig, Loader | None], block: tuple[int, RdfSource, str, int]
) -> tuple[Rejects, ReadFile | KgrecError]:
    (config, loader), (number, source, format, before) = shared, block
    rejects = Rejects.of_part(config.rejects)
    try:
        source = replace(source, format=FORMATS[format])
        return rejects, read(source, number, config, rejects, loader, before)
    except KgrecError as error:  # what was left out before it is written down, too
        return rejects, error
