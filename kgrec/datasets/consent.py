"""Leaving out the data of people who did not agree to its use."""

from __future__ import annotations

from typing import Final

import numpy as np

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, printable

_YES: Final = frozenset({"1", "1.0", "true", "t", "yes", "y"})
_NO: Final = frozenset({"0", "0.0", "false", "f", "no", "n"})


def agreed_users(table: AttributeTable, column: str, where: str) -> Vocabulary:
    """Return the users who agreed.

    Args:
        table: The user table, with the column among its categories.
        column: The column: 1, true or yes for consent, 0, false, no or nothing for none, in capital
            or small letters.
        where: What the table is called in messages.

    Raises:
        DataError: A value says neither yes nor no, or both.
    """
    category = table.categories[column]
    says = np.zeros(len(category.values), dtype=np.bool_)
    for row, value in enumerate(category.values):
        plain = value.strip().casefold()
        if plain not in _YES | _NO:
            raise DataError(
                f"data.consent: {where} has the value {printable(value)!r} in the column "
                f"{printable(column)!r}, which says neither yes (1, true, yes) nor no (0, false, "
                "no, nothing). Nobody's consent is guessed: correct the column."
            )
        says[row] = plain in _YES
    yes, no = (np.unique(category.row[says[category.value] == which]) for which in (True, False))
    both = np.intersect1d(yes, no)
    if len(both):
        raise DataError(
            f"data.consent: {where} says yes and no for {len(both)} users, the first of them "
            f"{printable(table.ids.id(int(both[0])))!r}. Correct the column {printable(column)!r}."
        )
    return table.ids.restricted(yes)


def with_consent(log: Interactions, agreed: Vocabulary) -> Interactions:
    """Return a log without users who did not agree: neither interactions nor ids of theirs stay."""
    kept = agreed.rows(log.users.array, missing="-1") >= 0
    bad = log.dislikes
    chosen = log.select(kept[log.user], None if bad is None else kept[bad.user])
    return chosen.reindex(log.users.restricted(np.flatnonzero(kept)), log.items)
