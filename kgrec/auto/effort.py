"""How much is tried: by the work that it takes, never by a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from kgrec.auto.data_facts import Facts

Effort = Literal["quick", "normal", "thorough"]

_FAMILY: Final[dict[Effort, float]] = {"quick": 3e11, "normal": 1.5e12, "thorough": 1e13}
"""Operations for the closed forms of one family: a few hundred of 1e9 take a second."""
_TRAINING: Final[dict[Effort, float]] = {"quick": 0.0, "normal": 2e13, "thorough": 1e14}
"""Operations for one training in epochs."""
_EPOCHS: Final = (30, 400)
"""Fewest and most epochs of a training."""

MAX_SQUARE: Final = 15_000
"""Most rows of a matrix that a closed form holds: more take minutes and over 7 GB."""
TOO_LONG: Final = 4.0
"""A model is tried even if it takes this many times the work for its family."""


class Work:
    """The work that models take on some data, and how much of it an effort allows.

    Args:
        facts: What is known of the data.
        effort: The effort.
    """

    def __init__(self, facts: Facts, effort: Effort) -> None:
        self.facts, self.effort = facts, effort

    def trials(self, rows: int, columns: int, too_long: float = TOO_LONG) -> int:
        """Return how many closed forms may be tried; see `kgrec.models.ridge.RidgeSystem`.

        Args:
            rows: Rows of the matrix with more than one entry.
            columns: Its columns, whose weights are a full matrix.
            too_long: One that takes more than this many times the work for its family is not tried.
        """
        if columns > MAX_SQUARE:
            return 0
        operations = 2.0 * min(rows, columns) ** 3 + 30.0 * columns**2
        allowed = _FAMILY[self.effort]
        if operations > too_long * allowed:
            return 0
        return max(1, int(allowed // operations))

    def ranks_all(self, dim: int) -> bool:
        """Return whether a link predictor can be trained with a softmax over all items.

        Its work grows with users times items; that of a sampled one grows with interactions.
        """
        operations = 6.0 * dim * self.facts.num_users * self.facts.num_items
        return operations * _EPOCHS[0] <= TOO_LONG * _TRAINING[self.effort]

    def epochs(self, dim: int) -> int:
        """Return the most epochs of a link predictor."""
        facts = self.facts
        operations = 6.0 * dim * max(1, facts.interactions) * max(1, facts.catalogue)
        few, most = _EPOCHS
        return int(min(most, max(few, _TRAINING[self.effort] // operations)))
