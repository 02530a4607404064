"""Models that are made of others: the arrays of their members."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from kgrec.errors import RunError
from kgrec.models.base import Model, VectorModel
from kgrec.models.state import State
from kgrec.models.training_data import TrainingData


def with_members(model: Model) -> Iterator[Model]:
    """Yield a model and, if it is made of others, its members and theirs."""
    yield model
    for member in getattr(model, "members", ()):
        yield from with_members(member)


def precompute_members(members: Sequence[Model], room: int) -> int:
    """Let members compute what makes their answers faster, together; see `Model.precompute`."""
    taken = 0
    for member in members:
        taken += member.precompute(room - taken)
    return taken


def state_of(members: Sequence[Model]) -> State:
    """Return each member's arrays as `<number>.<name>`."""
    return {
        f"{place}.{name}": array
        for place, member in enumerate(members)
        for name, array in member.state().items()
    }


def own_state(state: Mapping[str, npt.NDArray[Any]]) -> State:
    """Return the arrays that belong to no member."""
    return {name: array for name, array in state.items() if "." not in name}


def load_members(
    members: Sequence[Model], state: Mapping[str, npt.NDArray[Any]], data: TrainingData
) -> None:
    """Restore each member from the arrays that `state_of` returned; see `Model.load_state`.

    Raises:
        RunError: An array belongs to no member, or a member refuses its own.
    """
    parts: list[dict[str, npt.NDArray[Any]]] = [{} for _ in members]
    for name, array in state.items():
        place, dot, rest = name.partition(".")
        if not dot:
            continue
        if not place.isdecimal() or int(place) >= len(parts):
            raise RunError(
                f"The state of an ensemble of {len(parts)} members holds {name!r}, which "
                "belongs to none of them. It belongs to another model, or the file is damaged."
            )
        parts[int(place)][rest] = array
    for number, (member, part) in enumerate(zip(members, parts, strict=True)):
        try:
            member.load_state(part, data)
        except RunError as error:
            # The message has the member's names; in the file, its number stands before them.
            message = re.sub(r"'([\w.]+)'", rf"'{number}.\1'", str(error))
            raise RunError(f"Member {number} ({member.name}): {message}") from error


def first_content_space(members: Sequence[Model]) -> VectorModel | None:
    """Return the vectors of the first member that places content; see `Model.content_space`."""
    return next(filter(None, (member.content_space() for member in members)), None)
