"""Errors and warnings for wrong or doubtful input, and how their messages are written.

Every mistake that a user can make raises a subclass of `KgrecError` whose message names the
argument or file, what was expected, what was found and, where it is known, what to do. The
command line prints the message alone and exits with code 2.

What is no mistake for certain but would make a careful reader say "wait" is a `KgrecWarning`: it
gives the figure and the remedy. `warn` issues one, `collecting` keeps those of a piece of work.
"""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import PurePath
from typing import Final


class KgrecError(Exception):
    """A mistake in what kgrec was given. The message is meant for the user as it is."""

    def __str__(self) -> str:
        """Return the message; control characters, also in words of libraries, are escaped."""
        return "\n".join(printable(line, len(line) * 10) for line in super().__str__().split("\n"))


class DataError(KgrecError, ValueError):
    """A file or table does not hold what was expected."""


class ConfigError(KgrecError, ValueError):
    """A setting is unknown, or has a value outside of its range."""


class UnknownIdError(KgrecError, LookupError):
    """A user, item, entity or relation is unknown."""


class RunError(KgrecError, OSError):
    """A run folder or checkpoint is missing, damaged, or cannot be written."""


class EndpointError(KgrecError, OSError):
    """A SPARQL endpoint cannot be reached, refuses, or does not answer as it should."""


class ServiceError(KgrecError, OSError):
    """A service of `kgrec serve` cannot be reached, refuses, or is busy."""


class KgrecWarning(UserWarning):
    """Something in the input or the results that is probably not what the user wants."""


_collected: ContextVar[tuple[list[str], ...]] = ContextVar("collected", default=())


def warn(message: str) -> None:
    """Issue a `KgrecWarning`, shown at the line outside of kgrec that led to it.

    Args:
        message: What is doubtful, with the figure, and what to do. Text from files must be safe to
            print; see `printable`.
    """
    for found in _collected.get():
        if message not in found:
            found.append(message)
    warnings.warn(message, KgrecWarning, stacklevel=_frames_of_kgrec() + 1)


@contextmanager
def collecting() -> Iterator[list[str]]:
    """Yield a list of the messages of all warnings that the body issues, each once.

    The warnings are still shown. Those of other threads are not in the list.

    >>> with collecting() as found, warnings.catch_warnings(action="ignore"):
    ...     warn("All 3 titles are the same. Is the column right?")
    >>> found
    ['All 3 titles are the same. Is the column right?']
    """
    found: list[str] = []
    token = _collected.set((*_collected.get(), found))
    try:
        yield found
    finally:
        _collected.reset(token)


@contextmanager
def said_before() -> Iterator[None]:
    """Keep the warnings of the body, which were issued before, from being issued once more.

    >>> with collecting() as found, said_before():
    ...     warn("All 3 titles are the same. Is the column right?")
    >>> found
    []
    """
    token = _collected.set(())
    try:
        with warnings.catch_warnings(action="ignore", category=KgrecWarning):
            yield
    finally:
        _collected.reset(token)


def _frames_of_kgrec() -> int:
    """Return how many frames above the caller of this function are in kgrec."""
    frame, depth = sys._getframe(1), 0
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "kgrec":
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    return depth


Wording = Callable[[str, object], str | None]
"""Takes the name of an argument and a value, None for none; returns how an interface writes them,
or None if it does not have the argument."""

_wordings: ContextVar[tuple[Wording, ...]] = ContextVar("wordings", default=())


@contextmanager
def worded(words: Wording) -> Iterator[None]:
    """Let messages of the body name arguments as an interface does; the innermost comes first."""
    token = _wordings.set((words, *_wordings.get()))
    try:
        yield
    finally:
        _wordings.reset(token)


def wordings() -> tuple[Wording, ...]:
    """Return how messages name arguments now, innermost first: for `worded` in another process."""
    return _wordings.get()


def option(name: str, value: object = None) -> str:
    """Return how the interface in use writes an argument: messages use its words.

    Args:
        name: The name of the argument in Python.
        value: What it holds; None: only the name is written.

    >>> option("base_iri"), option("valid", 0.2)
    ('base_iri=', 'valid=0.2')
    >>> with worded(lambda name, value: f"--{name.replace('_', '-')}"):
    ...     option("base_iri")
    '--base-iri'
    """
    for words in _wordings.get():
        found = words(name, value)
        if found is not None:
            return found
    return f"{name}=" if value is None else f"{name}={value!r}"


def in_python() -> bool:
    """Return whether messages speak of Python's arguments: no other interface is in use."""
    return not _wordings.get()


def check_kind(name: str, value: object, fits: bool, expected: str) -> None:
    """Raise if an argument is of another kind, such as a path where a graph belongs.

    Args:
        name: The argument.
        value: What was given.
        fits: Whether it is of the right kind.
        expected: What belongs there, and how to make it.

    Raises:
        DataError: It does not fit.

    >>> check_kind("model", "ease", False, "a model, such as kgrec.EASE()")
    Traceback (most recent call last):
    kgrec.errors.DataError: model must be a model, such as kgrec.EASE(), found 'ease' (str).
    """
    if fits:
        return
    kind = type(value).__name__
    found = f"a {kind}"
    if isinstance(value, type):
        found = f"the class {value.__name__}: call it"
    elif isinstance(value, (str, PurePath)):
        found = f"{printable(str(value))!r} ({kind})"
    elif kind == "Split":
        found += ": give one of its parts, such as split.train"
    raise DataError(f"{name} must be {expected}, found {found}.")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the entry of `known` that `name` is probably a misspelling of, or None.

    >>> nearest("raitng", ["rating", "timestamp"])
    'rating'
    """
    candidates = list(known)
    matches = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    if matches:
        return matches[0]
    folded = {candidate.casefold(): candidate for candidate in candidates}
    return folded.get(name.casefold())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ' Did you mean …?' for a near match, and otherwise the first few known names.

    >>> did_you_mean("raitng", ["rating", "timestamp"])
    " Did you mean 'rating'?"
    """
    candidates = list(known)
    alike = candidates
    if len(candidates) > 5_000:  # comparing with each would take seconds
        alike = [one for one in candidates if one[:3] == name[:3]][:5_000]
    match = nearest(name, alike)
    if match is not None:
        return f" Did you mean '{printable(match)}'?"
    shown = ", ".join(printable(candidate) for candidate in candidates[:8])
    more = f", … ({len(candidates)} in all)" if len(candidates) > 8 else ""
    return f" Known: {shown}{more}." if candidates else ""


ACTING: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Characters that act on a terminal or page, and are no letters: control characters, ends of lines
and paragraphs, overrides of the direction of writing, deprecated formats, and halves of pairs."""


def printable(text: str, limit: int = 200) -> str:
    r"""Return `text`, for messages, logs and terminals, with what acts there escaped.

    Ids, labels and IRIs come from strangers: written to a terminal as they are, they could move
    the cursor, recolour the screen or turn the direction of what follows. All letters, blanks and
    joiners of all scripts stay. Data that a caller gets, such as titles, stays as it is.

    Args:
        text: The text.
        limit: Most characters; a longer text is cut.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    >>> printable("Qui sait\xa0?") == "Qui sait\xa0?"
    True
    """
    escaped = ACTING.sub(
        lambda found: found.group().encode("unicode_escape").decode("ascii"), text[: limit + 1]
    )
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def first_few(texts: Sequence[str], most: int = 3) -> str:
    """Return the first texts in a line, safe to print, with "…" if there are more.

    >>> first_few(["a", "b", "c", "d"])
    'a, b, c, …'
    """
    return ", ".join([*map(printable, texts[:most]), *(["…"] if len(texts) > most else [])])
