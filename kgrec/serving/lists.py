"""Lists of known users, kept until something that they depend on changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from kgrec.snapshot import Snapshot


@dataclass(frozen=True)
class _Basis:
    """All that a user's list depends on, besides the number of items asked for.

    Attributes:
        parts: Objects that never change and are replaced instead: the model and the items, with
            their titles, which are replaced with all else that is told of items.
        own: What is the user's own: whether the model has learnt the history, and its items.
    """

    parts: tuple[Any, ...]
    own: tuple[Any, ...]

    @classmethod
    def of(cls, now: Snapshot, user: int) -> _Basis:
        """Return what the list of a user, given by row, depends on in a snapshot."""
        parts = (now.model, now.items, now.titles, now.withdrawn, now.placed)
        changed = now.changed is not None and bool(now.changed[user])
        own = (
            changed,
            *(
                None if matrix is None else _row(matrix, user)
                for matrix in (now.histories, now.disliked)
            ),
        )
        return cls(parts, own)

    def is_same(self, other: _Basis) -> bool:
        """Return whether the list is the same."""
        alike = all(one is two for one, two in zip(self.parts, other.parts, strict=True))
        return alike and self.own == other.own


class KeptLists:
    """Keeps the lists that were asked for last.

    A list is given again only if the model, the items and the user's own history are those that
    it was made of. So what comes in of one user leaves the lists of the others.

    Args:
        size: Most lists; 0: none are kept.
    """

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._lists: OrderedDict[tuple[str, int | None], tuple[_Basis, list[Any]]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._lists)

    def given(
        self,
        now: Snapshot,
        user: str,
        k: int | None,
        make: Callable[[], Sequence[dict[str, Any]]],
    ) -> list[dict[str, Any]]:
        """Return the list of a user, from memory or newly made.

        Args:
            now: The snapshot that answers; `make` asks the same one, or a later one.
            user: Id of the user; an unknown one is left to `make`.
            k: Number of items; None: the default.
            make: Makes the list.
        """
        if not self.size or user not in now.users:
            return list(make())
        basis, key = _Basis.of(now, now.users.row(user)), (user, k)
        with self._lock:
            found = self._lists.get(key)
            if found is not None and found[0].is_same(basis):
                self._lists.move_to_end(key)
                return [dict(one) for one in found[1]]
        made = list(make())
        with self._lock:
            self._lists[key] = basis, [dict(one) for one in made]
            self._lists.move_to_end(key)
            while len(self._lists) > self.size:
                self._lists.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget all lists, as after the erasure of a user."""
        with self._lock:
            self._lists.clear()


def _row(matrix: Any, row: int) -> bytes:
    start, end = matrix.indptr[row : row + 2]
    items: bytes = matrix.indices[start:end].tobytes()
    return items
