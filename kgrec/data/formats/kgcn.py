"""The files of KGCN, RippleNet and MKR: ratings, `kg.txt` and `item_index2entity_id.txt`.

KGCN: https://arxiv.org/abs/1904.12575, RippleNet: https://arxiv.org/abs/1803.03467, MKR:
https://arxiv.org/abs/1901.08907. Each data set has ratings as they were published elsewhere; the
scripts of the papers make `ratings_final.txt` and `kg_final.txt` of them, which are read as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from kgrec.data.formats.base import DatasetFiles, PublishedConfig, reading
from kgrec.data.formats.lines import Lines, fields, numbers, read_lines, texts
from kgrec.data.interactions import Interactions
from kgrec.data.settings import LogConfig
from kgrec.data.tables import numbers_or_missing
from kgrec.errors import DataError, did_you_mean, printable
from kgrec.types import Float64Array


@dataclass(frozen=True)
class RatingFile:
    """The layout of a file of ratings: user, item, rating, and perhaps a time.

    Attributes:
        separator: What separates the fields.
        positive: What the papers count as positive; None: all rows.
        encoding: Name of its encoding; None: see `TextFormat`.
        timestamp: Whether the fourth field is a time.
    """

    separator: str = "\t"
    positive: str | None = None
    encoding: str | None = None
    timestamp: bool = False


FINAL: Final = "ratings_final.txt"
RATINGS: Final = {
    "ratings.csv": RatingFile(",", "rating >= 4", timestamp=True),
    "ratings.dat": RatingFile("::", "rating >= 4", timestamp=True),
    "ratings.txt": RatingFile("\t"),
    "BX-Book-Ratings.csv": RatingFile(";", encoding="latin-1"),
    "user_artists.dat": RatingFile("\t"),
    FINAL: RatingFile("\t", "rating >= 1"),
}
"""The papers' files of ratings by name. `ratings_final.txt` has sampled negatives, rated 0."""

_GRAPHS: Final = (
    ("kg.txt",),
    ("kg_part1.txt", "kg_part2.txt"),
    ("kg_rehashed.txt",),
    ("kg_part1_rehashed.txt", "kg_part2_rehashed.txt"),
)
_FINAL_GRAPH: Final = "kg_final.txt"
_INDEX: Final = "item_index2entity_id"


class KGCNDataConfig(PublishedConfig, LogConfig):
    """The ratings, the graph and which item is which entity.

    Items without an entity stay in the data, unlike in the papers' scripts. The files are paired:
    `ratings_final.txt` and `kg_final.txt` number items and entities alike, in the order of the
    lines of `item_index2entity_id.txt`; other ratings have the ids of that file.
    """

    FILES: ClassVar[str] = f"one of {', '.join(RATINGS)}"

    format: Literal["kgcn"] = "kgcn"
    ratings: str | None = Field(
        default=None,
        description="Name of the file of ratings; None: `ratings_final.txt` where `kg_final.txt` "
        "is there too, else the first known name.",
    )
    separator: str | None = Field(
        default=None,
        min_length=1,
        description="What separates its fields; None: what is usual in a file of that name, else "
        "a tab.",
    )
    positive: str | None = Field(
        default=None,
        description="Such as `rating >= 4`; None: what the papers count as positive in a file of "
        "that name, else all rows.",
    )

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Return whether there is a file of ratings with a known name."""
        return any((path / name).exists() for name in RATINGS)

    def read(self, seed: int = 0) -> DatasetFiles:
        """Read the files; see `PublishedConfig.read`."""
        folder = self.path
        name = _ratings_name(folder) if self.ratings is None else self.ratings
        usual = RATINGS.get(name, RatingFile())
        notes: list[str] = []
        format = self.format_of("interactions")
        if format.encoding is None:
            format = format.model_copy(update={"encoding": usual.encoding})
        lines = read_lines(folder / name, format)
        frame = _ratings(lines, self.separator or usual.separator, usual.timestamp, notes)
        wanted = self.positive or usual.positive
        with reading(folder / name):
            log = Interactions.read(
                frame, positive=wanted, duplicates=self.duplicates, time_unit=self.time_unit
            )
        log = self.filtered(log, notes)
        notes.append(f"{name}: {log.report}; positive is {wanted or 'every row'}.")
        triples, links = None, None
        graph = _graph_names(folder, final=name == FINAL)
        if graph is None:
            notes.append("There is no kg.txt or kg_final.txt, and so no graph.")
        else:
            parts = [_triples(self._lines(file)) for file in graph]
            triples = pd.concat(parts, ignore_index=True)
            links = self._links(graph, log, final=name == FINAL, notes=notes)
        return DatasetFiles(self.split_log(log, seed), triples, links, notes=tuple(notes))

    def _lines(self, file: str, *, all_of_it: bool = False) -> Lines:
        """Read a file; `all_of_it` if its lines are counted, so that none may be left out."""
        format = self.format_of(Path(file).stem)
        if all_of_it:
            format = format.model_copy(update={"on_error": "raise"})
        return read_lines(self.path / file, format)

    def _links(
        self, graph: tuple[str, ...], log: Interactions, *, final: bool, notes: list[str]
    ) -> pd.DataFrame:
        """Return which item is which entity; see `KGCNDataConfig` for how the files are paired."""
        numbered = graph == (_FINAL_GRAPH,)
        if final and numbered:
            return pd.DataFrame({"item_id": log.items.ids, "entity_id": log.items.ids})
        rehashed = "_rehashed" if "rehashed" in graph[0] else ""
        lines = self._lines(f"{_INDEX}{rehashed}.txt", all_of_it=final or numbered)
        path = lines.path
        lines, found = fields(lines, ("item", "entity"), "\t")
        order = texts(np.arange(len(lines)))
        items = order if final else pc.utf8_trim(found["item"], ' "').to_pylist()
        entities = order if numbered else pc.utf8_trim_whitespace(found["entity"]).to_pylist()
        links = pd.DataFrame({"item_id": items, "entity_id": entities})
        repeated = int(links["item_id"].duplicated().sum())
        if repeated:
            notes.append(
                f"{path.name}: {repeated:,} lines repeat an item, such as "
                f"{printable(links['item_id'][links['item_id'].duplicated()].iloc[0])!r}."
            )
        return links


def _ratings_name(folder: Path) -> str:
    if (folder / FINAL).exists() and (folder / _FINAL_GRAPH).exists():
        return FINAL
    for name in RATINGS:
        if (folder / name).exists():
            return name
    beside = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    raise DataError(
        f"{folder} has no file of ratings: expected {', '.join(RATINGS)}, or another one that "
        "`ratings` names." + did_you_mean("ratings.txt", beside)
    )


def _ratings(lines: Lines, separator: str, timed: bool, notes: list[str]) -> pd.DataFrame:
    names = ["user_id", "item_id", "rating"]
    lines, found = fields(lines, names, separator, more=True)
    columns = {name: pc.utf8_trim(column, ' \t"') for name, column in found.items()}
    rating = _as_numbers(columns["rating"])
    if np.isnan(rating[0]) and len(lines) > 1:
        notes.append(f"{lines.path.name}: the first line is a header.")
        lines, rating = lines.rest(), rating[1:]
        columns = {name: column[1:] for name, column in columns.items()}
    wrong = np.isnan(rating)
    lines = lines.without(wrong, "a number as the third field, the rating")
    right = pa.array(~wrong)
    frame = pd.DataFrame({name: columns[name].filter(right).to_pylist() for name in names[:2]})
    frame["rating"] = rating[~wrong]
    if timed:
        parts = pc.split_pattern(lines.text, separator)
        if pc.all(pc.greater_equal(pc.list_value_length(parts), 4)).as_py():
            time = _as_numbers(pc.list_element(parts, 3))
            if not np.isnan(time).any():
                frame["timestamp"] = time.astype(np.int64)
    return frame


def _as_numbers(column: pa.Array) -> Float64Array:
    values = numbers_or_missing(pd.Series(column.to_pylist(), dtype=object))
    return np.asarray(values, dtype=np.float64)


def _graph_names(folder: Path, *, final: bool) -> tuple[str, ...] | None:
    """Return the files of the graph: the numbered one only with numbered ratings or alone."""
    choices = [(_FINAL_GRAPH,), *_GRAPHS] if final else [*_GRAPHS, (_FINAL_GRAPH,)]
    for names in choices:
        there = [(folder / name).exists() for name in names]
        if all(there):
            return names
        if any(there):
            missing = names[there.index(False)]
            raise DataError(f"{folder / missing} does not exist, but the other part of it does.")
    return None


def _triples(lines: Lines) -> pd.DataFrame:
    numbered = lines.path.name == _FINAL_GRAPH
    lines, found = fields(lines, ("head", "relation", "tail"), None if numbered else "\t")
    if not numbered:
        return pd.DataFrame(
            {name: pc.utf8_trim_whitespace(column).to_pylist() for name, column in found.items()}
        )
    _, rows = numbers(lines, found)
    return pd.DataFrame({name: texts(column) for name, column in rows.items()})
