"""Recommendations for many users, block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from kgrec.data.table_writer import check_format, table_writer
from kgrec.engine import engine_in_use
from kgrec.outputs.checks import check_files
from kgrec.retrieval.index import WIDTH
from kgrec.retrieval.reranking import NO_DIALS, Dials
from kgrec.retrieval.topk import CHUNK_ELEMENTS, TopK, chunks
from kgrec.snapshot import parts
from kgrec.snapshot.snapshot import Snapshot
from kgrec.text.progress import ShowProgress, reporter
from kgrec.types import IntArray

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = pa.schema(
    {
        "user_id": pa.large_string(),
        "rank": pa.int32(),
        "item_id": pa.large_string(),
        "title": pa.large_string(),
        "score": pa.float32(),
    }
)
"""The columns of recommendations in a table: one row for each, rank 1 is the best."""


_Asked = tuple[IntArray, int, csr_matrix, IntArray | None, Dials]
"""The users of a block, k, what is left out, the candidates, and how lists differ."""


@dataclass(frozen=True)
class RecommendationBlock:
    """The recommendations for some users, as rows of the snapshot's vocabularies.

    Attributes:
        users: Rows of the users, int64 of shape (b,).
        best: Their items, best first; padded with -1 where fewer than k remain.
    """

    users: IntArray
    best: TopK


@dataclass(frozen=True, eq=False)
class BulkRecommendations:
    """The best items of many users. They are computed when this is iterated, in bounded memory.

    Each iteration computes them again. `to_pandas` and `write` iterate themselves.

    Attributes:
        snapshot: The fitted model and its data.
        users: Rows of the users, int64 of shape (n,), in the order of the result.
        k: Number of items for each user.
        candidates: Rows of the items to choose from; None: all.
        exclude: What is left out besides what users have, CSR of shape (num_users, num_items).
        include_disliked: Whether items that users dislike may be recommended to them.
        dials: How the lists differ from those of the model alone.
        chunk_elements: Scores in memory at a time.
    """

    snapshot: Snapshot
    users: IntArray
    k: int
    candidates: IntArray | None = None
    exclude: csr_matrix | None = None
    include_disliked: bool = False
    dials: Dials = NO_DIALS
    chunk_elements: int = CHUNK_ELEMENTS

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.users)

    def __iter__(self) -> Iterator[RecommendationBlock]:
        """Yield blocks of users, in the order of `users`."""
        width = len(self.snapshot.items)
        if self.snapshot.index is not None:
            width = min(width, WIDTH)  # an index never has more scores of a user at a time
        places = chunks(len(self.users), width, self.chunk_elements)
        asked = (self._asked(self.users[part]) for part in places)
        engine = engine_in_use()
        if not engine.distributed:
            found = engine.map(_best, self.snapshot, asked)
        else:
            now = self.snapshot
            answers = now.diverse_answers if self.dials.diversity else now.answers
            found = engine.map_warmed(_best, answers, asked)
        for part, best in zip(places, found, strict=True):
            yield RecommendationBlock(self.users[part], best)

    def from_user(self, place: int) -> BulkRecommendations:
        """Return the same from a place of `users` on."""
        return self.of_users(slice(place, None))

    def of_users(self, part: slice) -> BulkRecommendations:
        """Return the same for a part of `users`."""
        return replace(self, users=self.users[part])

    def table(self, block: RecommendationBlock) -> pa.Table:
        """Return a block as an Arrow table with the columns of `SCHEMA`, without padding."""
        user, rank = np.nonzero(block.best.items >= 0)
        item = pa.array(block.best.items[user, rank])
        columns = [
            self.snapshot.users.array.take(pa.array(block.users[user])),
            pa.array(rank + 1, pa.int32()),
            self.snapshot.items.array.take(item),
            self._titles.take(item),
            pa.array(block.best.scores[user, rank]),
        ]
        cast = [column.cast(field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        return pa.table(cast, schema=SCHEMA)

    def to_pandas(self) -> pd.DataFrame:
        """Return all as a frame with the columns `user_id`, `rank`, `item_id`, `title`, `score`."""
        tables = [SCHEMA.empty_table(), *map(self.table, self)]
        frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
        return frame

    def write(
        self,
        path: str | Path,
        *,
        progress: ShowProgress = False,
        force: bool = False,
        resume: bool = False,
    ) -> None:
        """Write all to a file with the columns of `to_pandas`: whole, or nothing.

        Args:
            path: A `.csv`, `.tsv`, `.parquet` or `.jsonl` file.
            progress: True shows a bar on stderr; a function is called with the number of users
                done and their total.
            force: Whether a file that is there is replaced.
            resume: Whether what is done is kept in the folder `PATH.parts`, and the next call with
                `resume`, after an interruption, goes on from there; see `kgrec.snapshot.parts`.

        Raises:
            DataError: The file's ending is another one.
            KgrecError: The file is there already, or cannot be written; the parts that are there
                are of another request, or of another model.
        """
        check_format(path)
        check_files([path], force=force)
        if resume:
            parts.write_in_parts(self._parted(), Path(path), progress)
            return
        done = 0
        with (
            table_writer(path, SCHEMA) as write,
            reporter(progress, len(self), "Recommending") as report,
        ):
            for block in self:
                write(self.table(block))
                done += len(block.users)
                report(done, len(self))

    def _parted(self) -> parts.Parted:
        def tables(start: int, stop: int) -> Iterator[tuple[int, pa.Table]]:
            some = self.of_users(slice(start, stop))
            return ((len(block.users), some.table(block)) for block in some)

        return parts.Parted(SCHEMA, len(self), tables, self._fingerprint())

    def _fingerprint(self) -> str:
        """Return a checksum of all that decides the result besides the model's weights."""
        now, dials, digest = self.snapshot, self.dials, hashlib.sha256()
        plain = [self.k, self.include_disliked, dials.popularity, dials.diversity, parts.USERS]
        digest.update(repr([now.model.name, *plain]).encode())
        arrays: list[Any] = [self.users, self.candidates]
        for matrix in (now.histories, now.disliked, self.exclude):
            arrays += [None] if matrix is None else [matrix.indptr, matrix.indices]
        for array in arrays:
            raw = b"all" if array is None else np.ascontiguousarray(array, dtype=np.int64).tobytes()
            digest.update(len(raw).to_bytes(8, "little") + raw)
        for ids in (now.users, now.items):
            digest.update(len(ids).to_bytes(8, "little"))
            digest.update("\0".join(ids.ids).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def _asked(self, rows: IntArray) -> _Asked:
        exclude = self.snapshot.left_out(rows, include_disliked=self.include_disliked)
        if self.exclude is not None:
            exclude = (exclude + self.exclude[rows]).tocsr()
        return rows, self.k, exclude, self.candidates, self.dials

    @cached_property
    def _titles(self) -> pa.Array:
        titles = [self.snapshot.title(row) for row in range(len(self.snapshot.items))]
        return pa.array(titles, pa.large_string())


def _best(snapshot: Snapshot, asked: _Asked) -> TopK:
    """Return the best items of a block of users."""
    users, k, exclude, candidates, dials = asked
    return snapshot.best(users, k, exclude=exclude, candidates=candidates, dials=dials)
