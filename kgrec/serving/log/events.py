"""What a log holds: one event for each thing that came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["interaction", "item", "item_removed", "user", "user_erased"]


@dataclass(frozen=True)
class Event:
    """One thing that came in.

    Attributes:
        kind: What it is: an interaction; an item or a user that was put; an item that was
            withdrawn; a user who was erased, of whom only the pseudonym is left.
        user: Id of the user; None: it is about none, or the user was erased.
        item: Id of the item; None: it is about none.
        body: The rest: of an interaction `liked`, `rating` and `timestamp`, of others the
            attributes, of an erasure the `pseudonym`.
        sequence: Its place in the log, from 1, without an order of its own until it is there.
        at: When it was written, milliseconds since 1970.
    """

    kind: Kind
    user: str | None = None
    item: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    sequence: int = 0
    at: int = 0


@dataclass(frozen=True)
class Appended:
    """Where events are in the log.

    Attributes:
        last: The place of the last one.
        count: How many there are.
        repeated: Whether they were there already, under the same key.
    """

    last: int
    count: int
    repeated: bool = False


class KeyReusedError(Exception):
    """An idempotency key was used before, for something else."""
