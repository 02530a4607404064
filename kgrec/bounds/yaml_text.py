"""YAML whose depth, values and repetitions by aliases are bounded before they are made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import yaml

from kgrec.bounds.json_text import MAX_DEPTH
from kgrec.errors import printable

MAX_CHARS: Final = 1 << 20
"""The longest text that is read: some 20,000 lines."""

_MAX_VALUES: Final = 100_000  # also those that aliases repeat
_LONGEST_NUMBER: Final = 100  # characters; YAML's numbers to the base 60 take quadratic time
_SHORT: Final = 1 << 15  # characters
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Fast):  # type: ignore[misc]
    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            if node.tag.endswith((":int", ":float")) and len(node.value) > _LONGEST_NUMBER:
                raise ValueError
            return super().construct_object(node, deep)
        except (LookupError, ValueError, AttributeError, TypeError, OverflowError) as error:
            value = printable(node.value, 40) if isinstance(node.value, str) else "this"
            kind = node.tag.rpartition(":")[2]
            raise _mistake(f"{value!r} is no value of the type {kind}", node.start_mark) from error


def load(text: str) -> Any:
    """Return the value of a text in YAML.

    Raises:
        YAMLError: It is not YAML, its values are not of their types, it is nested too deeply, or
            it has too many values. `problem` and `problem_mark` say what and where, if known.
    """
    if len(text) > MAX_CHARS:
        raise _mistake(f"it has more than {MAX_CHARS:,} characters, the most that is read", None)
    if _SURROGATE.search(text):
        raise _mistake("it is no Unicode text", None)
    try:
        _check(yaml.parse(text, _Fast))
    except yaml.YAMLError:
        if len(text) < _SHORT:
            _check(yaml.parse(text, yaml.SafeLoader))  # slower, but says better what is wrong
        raise
    return yaml.load(text, _Loader)  # noqa: S506  # the safe loader


def _check(events: Iterable[Any]) -> None:
    """Refuse depth and repetition: aliases of aliases grow exponentially."""
    sizes: dict[str, int] = {}  # of what has an anchor
    open_: list[tuple[str | None, int]] = []  # anchors of what is not finished, with their starts
    count = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            name = str(event.anchor)
            if any(anchor == name for anchor, _ in open_):
                raise _mistake(f"{printable(name, 40)!r} holds itself", event.start_mark)
            count += sizes.get(name, 1)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            sizes |= {event.anchor: 1} if event.anchor else {}
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, start = open_.pop()
            sizes |= {anchor: count - start} if anchor else {}
        if len(open_) > MAX_DEPTH:
            raise _mistake(f"it is nested more than {MAX_DEPTH} levels deep", event.start_mark)
        if count > _MAX_VALUES:
            reason = f"it has more than {_MAX_VALUES:,} values, with those that aliases repeat"
            raise _mistake(reason, event.start_mark)


def _mistake(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
