"""The one translator between ids (strings) and rows (integers)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from numbers import Integral
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeGuard

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.id_search import first_not_below, hashed, is_few, row_of, searched
from kgrec.data.merged_ids import write_merged
from kgrec.data.stored_ids import StoredIds, map_ids, write_ids
from kgrec.errors import DataError, UnknownIdError, check_kind, did_you_mean, nearest, printable
from kgrec.types import IntArray

_FEW = 64  # ids that a dictionary gives sooner than Arrow
_SELDOM = 16  # such questions, for which none is made
_MOST = 1 << 20  # ids of one, which takes about 100 bytes for each
_NEIGHBORS = 1000  # ids of a large vocabulary, before and after an unknown one, that are compared
_SHARED = Lock()


class Vocabulary:
    """An immutable bijection between ids and the rows 0 … n-1, sorted by id (UTF-8 byte order).

    Ids are kept as one Arrow string array. That of a large vocabulary can lie on disk, see `open`
    and `from_pieces`, and is searched where it lies: sorted ids, if there are more than a million,
    are neither hashed nor copied. An unknown id is an error or -1, never row 0. Ids that `extended`
    appends come after the sorted ones, so that old rows do not change.

    Args:
        ids: The ids, in any order. Each may occur only once; `from_ids` removes repetitions.
        name: What the ids stand for, in the singular, for error messages.

    Raises:
        DataError: An id occurs more than once, or is not a string.

    >>> items = Vocabulary(["b", "a", "c"], name="item")
    >>> items.rows(["c", "a"]).tolist(), items.id(1), len(items), "d" in items
    ([2, 0], 'b', 3, False)
    """

    __slots__ = ("_array", "_asked", "_index", "name", "num_sorted")

    def __init__(self, ids: Iterable[str] | pa.Array, name: str = "id") -> None:
        array = _as_strings(ids, name)
        array = array.take(pc.sort_indices(array))
        if len(array) > 1:
            repeated = pc.equal(array[1:], array[:-1])
            if pc.any(repeated).as_py():
                first = pc.index(repeated, True).as_py()
                raise DataError(f"{name} id {printable(array[first].as_py())!r} occurs twice.")
        self._array = array
        self._index: dict[str, int] | None = None  # may have later rows, of what was appended
        self._asked = 0
        self.name = name
        self.num_sorted = len(array)

    @classmethod
    def from_ids(cls, ids: Iterable[str] | pa.Array, name: str = "id") -> Vocabulary:
        """Return the vocabulary of the distinct `ids`."""
        return cls(pc.unique(_as_strings(ids, name)), name)

    @classmethod
    def from_sorted(
        cls, array: pa.Array, name: str = "id", *, num_sorted: int | None = None
    ) -> Vocabulary:
        """Wrap an array that is known to be sorted and distinct, without copying it.

        Args:
            array: The ids, Arrow strings of shape (n,).
            name: What the ids stand for.
            num_sorted: How many of the first ids are sorted; the others were appended, and only
                known to be distinct. None: all of them.
        """
        made = cls.__new__(cls)
        made._array = array.cast(pa.large_string()) if array.type != pa.large_string() else array
        made._index, made._asked = None, 0
        made.name = name
        made.num_sorted = len(array) if num_sorted is None else num_sorted
        return made

    @classmethod
    def from_pieces(
        cls, pieces: Iterable[Iterable[str] | pa.Array], path: str | Path, name: str = "id"
    ) -> Vocabulary:
        """Return the vocabulary of the distinct ids of many pieces, which lies in a file.

        Memory holds one piece at a time, and less than a GiB besides. Until it is done, the disk
        needs three times the room of the file.

        Args:
            pieces: Ids, in any order and any number of times.
            path: The file, which is replaced; `open` maps it again.
            name: What the ids stand for.

        Raises:
            DataError: An id is missing, or is not a string.
            RunError: The file cannot be written; what was at `path` is unchanged.
        """
        write_merged((_as_strings(piece, name) for piece in pieces), path, name)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> Vocabulary:
        """Return the vocabulary that `write` or `from_pieces` wrote, mapped into memory.

        The file is read once to check it; its ids are then read where they are asked for.

        Raises:
            RunError: The file is missing, damaged, or holds no vocabulary.
        """
        ids = map_ids(path)
        return cls.from_sorted(ids.array, ids.name, num_sorted=ids.num_sorted)

    def write(self, path: str | Path) -> None:
        """Write the vocabulary with its name and the order of its rows to an Arrow file.

        Raises:
            RunError: It cannot be written; what was at `path` is unchanged.
        """
        write_ids(path, StoredIds(self._array, self.name, self.num_sorted))

    def extended(self, ids: Iterable[str] | pa.Array) -> Vocabulary:
        """Return the vocabulary with further ids after these, whose rows do not change.

        `num_sorted` of the result says how many rows, from the first, are sorted by id; the
        rows of each call's new ids are sorted among themselves.

        Args:
            ids: Ids, in any order and any number of times; known ones are skipped.

        >>> Vocabulary(["b", "d"]).extended(["c", "b", "a"]).ids
        ['b', 'd', 'a', 'c']
        """
        given = pc.unique(_as_strings(ids, self.name))
        new = given.filter(pa.array(self.rows(given, missing="-1") < 0))
        if not len(new):
            return self
        new = new.take(pc.sort_indices(new))
        if not len(self):
            return Vocabulary.from_sorted(new, self.name)
        both = pa.concat_arrays([self._array, new])
        made = Vocabulary.from_sorted(both, self.name, num_sorted=self.num_sorted)
        made._index = self._index_with(new.to_pylist())
        return made

    def _index_with(self, new: Sequence[str]) -> dict[str, int] | None:
        """Return the dictionary of these ids and of new ones, the same one if nobody added any."""
        index, start = self._index, len(self)
        if index is None:
            return None
        count = start - self._first_hashed
        with _SHARED:
            if len(index) != count:
                index = dict(islice(index.items(), count))
            index.update(zip(new, range(start, start + len(new)), strict=True))
        return index

    @property
    def _is_large(self) -> bool:
        """Whether the sorted ids are searched, and never hashed as a whole."""
        return self.num_sorted > _MOST

    @property
    def _first_hashed(self) -> int:
        """The first row of the dictionary of ids, if there is one."""
        return self.num_sorted if self._is_large else 0

    @classmethod
    def in_order(cls, ids: Iterable[str] | pa.Array, name: str = "id") -> Vocabulary:
        """Return a vocabulary whose rows are those of the ids, in any order, as `extended` makes.

        Raises:
            DataError: An id occurs more than once, or is not a string.

        >>> Vocabulary.in_order(["b", "d", "a"]).num_sorted
        2
        """
        array = _as_strings(ids, name)
        if len(pc.unique(array)) < len(array):
            return cls(array, name)  # which says what occurs twice
        falls = np.flatnonzero(np.asarray(pc.less(array[1:], array[: max(0, len(array) - 1)])))
        num_sorted = int(falls[0]) + 1 if len(falls) else len(array)
        return cls.from_sorted(array, name, num_sorted=num_sorted)

    def with_ids(self, ids: Mapping[int, str]) -> Vocabulary:
        """Return the vocabulary with other ids in some rows; the others do not change."""
        made = self.ids
        for row, id in ids.items():
            made[row] = id
        return Vocabulary.in_order(made, self.name)

    def restricted(self, rows: npt.NDArray[np.integer[Any]]) -> Vocabulary:
        """Return the vocabulary of some rows, which must be distinct and in ascending order."""
        array = self._array.take(pa.array(rows))
        num_sorted = int(np.searchsorted(rows, self.num_sorted))
        return Vocabulary.from_sorted(array, self.name, num_sorted=num_sorted)

    def tail(self, start: int) -> Vocabulary:
        """Return the vocabulary of the rows from one on."""
        return Vocabulary.in_order(self._array[start:], self.name)

    @property
    def array(self) -> pa.Array:
        """The ids as an Arrow `large_string` array of shape (n,), in row order."""
        return self._array

    @property
    def ids(self) -> list[str]:
        """The ids as a list, in row order."""
        return list(self._array.to_pylist())

    def id(self, row: int) -> str:
        """Return the id of `row`.

        Raises:
            UnknownIdError: `row` is outside of 0 … n-1.
        """
        if not 0 <= row < len(self):
            raise UnknownIdError(f"{self.name} row {row} is outside of 0 … {len(self) - 1}.")
        return str(self._array[int(row)].as_py())

    def take(self, rows: npt.ArrayLike) -> list[str]:
        """Return the ids of `rows` (int array of shape (m,)) as a list of length m.

        Raises:
            UnknownIdError: A row is outside of 0 … n-1.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        if wanted.size and not (0 <= wanted.min() and wanted.max() < len(self)):
            outside = wanted[(wanted < 0) | (wanted >= len(self))][0]
            raise UnknownIdError(f"{self.name} row {outside} is outside of 0 … {len(self) - 1}.")
        return list(self._array.take(pa.array(wanted)).to_pylist())

    def row(self, id: str | int) -> int:
        """Return the row of `id`; a whole number stands for its digits.

        Raises:
            UnknownIdError: The id is not there; the message names the nearest one.
            DataError: It is neither text nor a whole number.
        """
        id = as_id(id, self.name)
        found = self._row(id)
        if found < 0:
            raise UnknownIdError(
                f"No {self.name} has the id {printable(id)!r}." + self._did_you_mean(id)
            )
        return found

    def rows(
        self, ids: Iterable[str] | pa.Array, missing: Literal["raise", "-1"] = "raise"
    ) -> IntArray:
        """Return the rows of `ids`, as int64 of shape (m,).

        Args:
            ids: Ids to look up; whole numbers stand for their digits.
            missing: What an unknown id becomes: an error, or the row -1.

        Raises:
            UnknownIdError: An id is unknown and `missing` is "raise".
            DataError: `ids` is one id and not a list, or an entry is no id.
        """
        at_once = self._rows_of_few(ids) if isinstance(ids, list | tuple) else None
        if at_once is not None:
            return at_once
        wanted = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else _texts(ids, self.name)
        wanted = _as_strings(wanted, self.name)
        if self._is_large or is_few(len(wanted), self.num_sorted):
            rows = self._searched(wanted)
        else:
            rows = hashed(wanted, self._array)
        if missing == "raise" and (rows < 0).any():
            unknown = str(wanted[int(np.flatnonzero(rows < 0)[0])].as_py())
            count = int((rows < 0).sum())
            raise UnknownIdError(
                f"{count} of {len(rows)} {self.name} ids are unknown, the first of them "
                f"{printable(unknown)!r}." + self._did_you_mean(unknown)
            )
        return rows

    def _made_index(self) -> dict[str, int]:
        """Return the dictionary of all ids; of a large vocabulary, that of what was appended."""
        first = self._first_hashed
        return {known: row for row, known in enumerate(self._array[first:].to_pylist(), first)}

    def _row(self, id: str) -> int:
        """Return the row of an id, -1 for none."""
        if self._index is None:
            self._index = self._made_index()
        found = self._index.get(id, -1)
        if found < 0 and self._is_large and is_unicode(id):
            found = row_of(id, self._array[: self.num_sorted])
        return found if found < len(self) else -1

    def _rows_of_few(self, ids: Sequence[Any]) -> IntArray | None:
        """Return the rows of a few ids that are all known, one by one; None: ask Arrow."""
        if len(ids) > _FEW:
            return None
        if self._index is None and not self._is_large:
            self._asked += 1
            if self._asked <= _SELDOM or len(self) > _MOST:
                return None
        rows = [self._row(as_id(id, self.name)) if is_id(id) else -1 for id in ids]
        return np.array(rows, dtype=np.int64) if min(rows, default=0) >= 0 else None

    def _searched(self, wanted: Any) -> IntArray:
        """Search for ids among the sorted ones, and hash what was appended."""
        rows = searched(wanted, self._array[: self.num_sorted])
        if self.num_sorted < len(self):
            appended = hashed(wanted, self._array[self.num_sorted :])
            rows[appended >= 0] = appended[appended >= 0] + self.num_sorted
        return rows

    def _did_you_mean(self, id: str) -> str:
        """Return ' Did you mean …?' for an unknown id, without reading a large vocabulary."""
        if not self._is_large:
            return did_you_mean(id, self)
        if not is_unicode(id):
            return ""
        row = first_not_below(id.encode(), self._array[: self.num_sorted])
        first, end = max(0, row - _NEIGHBORS), min(row + _NEIGHBORS, self.num_sorted)
        match = nearest(id, self._array[first:end].to_pylist())
        return "" if match is None else f" Did you mean '{printable(match)}'?"

    def union(self, other: Vocabulary) -> Vocabulary:
        """Return the vocabulary of the ids of both, all sorted."""
        both = pa.concat_arrays([self._array, other._array])
        return Vocabulary(pc.unique(both), self.name)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[str]:
        for value in self._array:
            yield value.as_py()

    def __contains__(self, id: object) -> bool:
        if not is_id(id):
            return False
        id = as_id(id, self.name)
        if self._index is not None or self._is_large:
            return self._row(id) >= 0
        if not is_unicode(id):
            return False
        return bool(self.rows([id], missing="-1")[0] >= 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and bool(self._array.equals(other._array))

    __hash__ = None  # type: ignore[assignment]  # equality walks the ids; not meant as a key

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} {self.name} ids)"


def is_id(id: object) -> TypeGuard[str | int]:
    """Return whether a value can stand for an id: a text, or a whole number."""
    return isinstance(id, str | Integral) and not isinstance(id, bool | np.bool_)


def as_id(id: object, name: str) -> str:
    """Return an id as text: whole numbers (also of numpy) in digits.

    Args:
        id: The id.
        name: What it stands for, in the singular, for the message.

    Raises:
        DataError: It is something else, such as 1.0 or None.
    """
    if not is_id(id):
        found = f"{printable(repr(id), 40)} ({type(id).__name__})"
        raise DataError(f"{name} ids must be strings or whole numbers, found {found}.")
    return id if isinstance(id, str) else str(int(id))


def id_list(ids: Iterable[str | int], argument: str) -> list[str]:
    """Return the ids of an argument as a list of text, for what callers give.

    Args:
        ids: Texts or whole numbers.
        argument: Name of the argument, for the message.

    Raises:
        DataError: It is one id and not a list, or an entry is no id.

    >>> id_list([12, "a"], "liked")
    ['12', 'a']
    """
    if is_id(ids) or isinstance(ids, bytes):
        found = printable(repr(ids), 60)
        raise DataError(
            f"{argument} must be a list of ids, found the single {found}. Write "
            f"{argument}=[{found}]."
        )
    check_kind(argument, ids, isinstance(ids, Iterable), f"a list of ids, such as {argument}=['a']")
    return [as_id(id, argument) for id in ids]


def is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogates; arguments that are not UTF-8 have some."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_strings(ids: Iterable[str | int] | pa.Array, name: str) -> Any:
    if is_id(ids) or isinstance(ids, bytes):
        raise DataError(
            f"{name} ids must be a list, found the single {printable(repr(ids), 60)}. Write it in "
            "brackets."
        )
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    try:
        array = ids if isinstance(ids, pa.Array) else pa.array(list(ids), type=pa.large_string())
    except UnicodeEncodeError as error:
        found = printable(str(error.object))
        raise DataError(f"The {name} id {found!r} is not valid Unicode text.") from error
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"{name} ids must be strings: {error}") from error
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise DataError(f"{name} ids must be strings, found {array.type}.")
    if array.null_count:
        raise DataError(f"{array.null_count} of {len(array)} {name} ids are missing.")
    return array.cast(pa.large_string())


def _texts(ids: Iterable[str | int], name: str) -> list[str]:
    """Return ids to look up as text; None stays, and is counted later."""
    if is_id(ids) or isinstance(ids, bytes):
        return _as_strings(ids, name)  # type: ignore[no-any-return]  # which raises
    return [id if isinstance(id, str) or id is None else as_id(id, name) for id in ids]
