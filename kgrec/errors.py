"""Errors for wrong input, and how their messages are written.

Every mistake that a user can make raises a subclass of `KgrecError` whose message names the
argument or file, what was expected, what was found and, where it is known, what to do. The
command line prints the message alone and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class KgrecError(Exception):
    """A mistake in what kgrec was given. The message is meant for the user as it is."""


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


def printable(text: str, limit: int = 200) -> str:
    r"""Return `text` with control characters escaped and cut to `limit` characters.

    Ids, labels and IRIs come from strangers: written to a terminal as they are, they could move
    the cursor or recolour the screen.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    escaped = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def first_few(texts: Sequence[str], most: int = 3) -> str:
    """Return the first texts in a line, safe to print, with "…" if there are more.

    >>> first_few(["a", "b", "c", "d"])
    'a, b, c, …'
    """
    return ", ".join([*map(printable, texts[:most]), *(["…"] if len(texts) > most else [])])
