"""What came since training, and whether that is so much that a training is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from kgrec.errors import RunError, printable

MOST_INTERACTIONS: Final = 0.2
"""A training is due when more than this share of the interactions came after it."""
MOST_ITEMS: Final = 0.1
"""Likewise for items."""
MOST_USERS: Final = 0.2
"""Likewise for users."""
MOST_UNPLACED: Final = 0.02
"""Likewise for items that came later and could not be placed: nobody gets them recommended."""
LEAST_HITS: Final = 0.8
"""A training is due when new interactions are found less often than this share of how often those
of validation are."""
MIN_MEASURED: Final = 100
"""Fewer new interactions of known users with known items say too little to compare by."""


@dataclass(frozen=True)
class Drift:
    """What came since a model was trained, over all updates.

    Attributes:
        trained_interactions: Interactions that the model was trained on.
        trained_users: Users at that time.
        trained_items: Items at that time.
        updates: Number of updates since.
        interactions: Interactions that came.
        users_new: Users who came; all were folded in from interactions or from their table row.
        users_changed: Users who were known and got or lost interactions.
        users_deleted: Users who were deleted.
        users_remembered: Those of them of whom the model, which was trained, keeps traces.
        items_new: Items that came.
        items_placed: Those of them that have interactions, text, attributes or links.
        items_withdrawn: Items that are withdrawn now.
        hits: Share of the new interactions that were among the ten best of their user before the
            update that brought them; None: too few could be measured.
        measured: Number of these interactions.
        hits_of_validation: The same of the validation part, before the first update; None: there
            is none.
    """

    trained_interactions: int
    trained_users: int
    trained_items: int
    updates: int = 0
    interactions: int = 0
    users_new: int = 0
    users_changed: int = 0
    users_deleted: int = 0
    users_remembered: int = 0
    items_new: int = 0
    items_placed: int = 0
    items_withdrawn: int = 0
    hits: float | None = None
    measured: int = 0
    hits_of_validation: float | None = None

    @property
    def items_unplaced(self) -> int:
        """Items that came and of which nothing is known: they come last in every list."""
        return self.items_new - self.items_placed

    def reasons(self) -> list[str]:
        """Return why a training is due, in words; none: it is not.

        The rule: more than 20 % of all interactions, 20 % of the users or 10 % of the items came
        since training, or more than 2 % of the items could not be placed, or the share of at least
        100 new interactions among the ten best of their users is below 0.8 of that of validation.
        """
        found = []
        for what, came, before, most in (
            ("interactions", self.interactions, self.trained_interactions, MOST_INTERACTIONS),
            ("users", self.users_new, self.trained_users, MOST_USERS),
            ("items", self.items_new, self.trained_items, MOST_ITEMS),
        ):
            share = came / max(1, before + came)
            if share > most:
                found.append(
                    f"{share:.0%} of the {what} came after training (more than {most:.0%})"
                )
        lost = self.items_unplaced / max(1, self.trained_items + self.items_new)
        if lost > MOST_UNPLACED:
            found.append(
                f"{lost:.0%} of the items came after training without anything to place them by "
                f"(more than {MOST_UNPLACED:.0%})"
            )
        if self.users_remembered:
            found.append(
                f"{self.users_remembered:,} users were deleted, and only a training makes the "
                "model forget them"
            )
        if self._has_fallen():
            found.append(
                f"{self.hits:.1%} of {self.measured:,} new interactions were among the ten best of "
                f"their users, and {self.hits_of_validation:.1%} of validation (less than "
                f"{LEAST_HITS:g} of it)"
            )
        return found

    def _has_fallen(self) -> bool:
        if self.hits is None or self.hits_of_validation is None or self.measured < MIN_MEASURED:
            return False
        return self.hits < LEAST_HITS * self.hits_of_validation

    def lines(self) -> list[str]:
        """Return all of it as lines for people."""
        users = f"users: {self.users_new:,} new, {self.users_changed:,} changed"
        users += f", {self.users_deleted:,} deleted" if self.users_deleted else ""
        items = f"items: {self.items_new:,} new"
        items += f" ({self.items_placed:,} placed, {self.items_unplaced:,} not)"
        items += f", {self.items_withdrawn:,} withdrawn" if self.items_withdrawn else ""
        said = [
            f"Updates since training: {self.updates:,}, with {self.interactions:,} interactions",
            f"  {users}",
            f"  {items}",
        ]
        if self.hits is not None:
            valid = self.hits_of_validation
            than = "" if valid is None else f", {valid:.1%} of validation"
            said.append(
                f"  among the ten best of their users: {self.hits:.1%} of {self.measured:,} new "
                f"interactions{than}"
            )
        why = self.reasons()
        if not why:
            return [*said, "No training is due."]
        return [*said, "A training is due:", *(f"  - {reason}" for reason in why)]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, and whether and why a training is due, as plain values."""
        why = self.reasons()
        return {**asdict(self), "training_is_due": bool(why), "reasons": why}

    @classmethod
    def from_dict(cls, tree: Any) -> Self:
        """Return what `to_dict` returned.

        Raises:
            RunError: A figure is missing or of another kind.
        """
        made: dict[str, Any] = {}
        for field in fields(cls):
            # Runs of before lack the figures that came later.
            absent = 0 if field.name == "users_remembered" else None
            value = tree.get(field.name, absent) if isinstance(tree, Mapping) else None
            share = field.name.startswith("hits")
            kinds = (float, int, type(None)) if share else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or (value or 0) < 0:
                raise RunError(
                    f"the figure {field.name!r} must be a number, found "
                    f"{printable(repr(value), 40)}"
                )
            made[field.name] = value
        return cls(**made)
