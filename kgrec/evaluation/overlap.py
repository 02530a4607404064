"""Whether what is measured can be found at all: interactions that are excluded or no candidates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError, in_python, printable, warn
from kgrec.evaluation.base import Evaluation
from kgrec.types import BoolArray

_NAMES = ("training", "validation")


def shared_pairs(log: Interactions, other: Interactions) -> BoolArray:
    """Return which interactions of a log are also in another one, bool of shape (n,).

    Args:
        log: The log.
        other: Another one over the same vocabularies.
    """
    num = log.num_items
    return np.asarray(np.isin(log.user * num + log.item, other.user * num + other.item), dtype=bool)


def check_overlap(
    test: Interactions, exclude: Sequence[Interactions], *, ranked: bool = True
) -> None:
    """Warn if test interactions are excluded from what is ranked; raise if all of them are.

    Args:
        test: The interactions to be found.
        exclude: What users have, over the same vocabularies: training first, then validation.
        ranked: Whether the protocol ranks items. Others only get a warning.

    Raises:
        DataError: All test interactions are excluded, so that every metric would be 0.
    """
    inside = [shared_pairs(test, log) for log in exclude]
    if not len(test) or not any(found.any() for found in inside):
        return
    both = np.logical_or.reduce(inside)
    place = int(np.argmax([found.sum() for found in inside]))
    name = _NAMES[place] if place < len(_NAMES) else "known"
    first = int(both.argmax())
    pair = (
        f"user {printable(test.users.id(int(test.user[first])))!r} with item "
        f"{printable(test.items.id(int(test.item[first])))!r}"
    )
    if ranked and both.all():
        raise DataError(
            f"All {len(test):,} interactions to evaluate on are among those that users already "
            f"have ({name} interactions), which are not ranked: every metric would be 0. Evaluate "
            "on interactions that training did not get."
            + " To see how well a model fits what it learnt from, give exclude=[]; for the "
            "validation part, exclude=[train]." * in_python()
        )
    effect = (
        "These are not ranked and count as missed, so that the figures are too low."
        if ranked
        else "The model has learnt them, so that the figures are too good."
    )
    warn(
        f"{int(both.sum()):,} of {len(test):,} interactions to evaluate on are {name} interactions "
        f"too, such as {pair}. {effect} Remove them from the test part."
    )


def warn_of_unreachable(result: Evaluation) -> None:
    """Warn if no ranking can contain a test interaction, so that every metric is 0."""
    if result.num_judgements and result.num_unreachable == result.num_judgements:
        warn(
            f"None of the {result.num_judgements:,} interactions to evaluate on can be found: "
            "their items are no candidates, or users have them already. Every metric is 0. Check "
            "the candidates and what is excluded."
        )
