"""The confidence of links, computed from what agrees.

Record linkage after Fellegi and Sunter, "A theory for record linkage" (JASA 64, 1969): each
comparison (title, year, kind) gives a candidate odds against the case "this item is not in the
graph". The confidence of a candidate is its share of the odds of that case and of all candidates of
the item. So two equally good candidates get less than a half each.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec.linking.kinds import FITS, OTHER
from kgrec.types import Float64Array, IntArray

TITLE_ODDS: Final = {
    "exact": 100.0,
    "loose": 60.0,
    "alternative": 40.0,
    "article": 1.0,
    "part": 1.0,
}
"""exact: the same after `clean`; loose: the same after `loosen`, with the same article;
alternative: one of the two is an alternative title, from brackets or from a property; article: the
same except for the leading article; part: one is the part before or after a colon in the other."""

YEAR_ODDS: Final = {"equal": 10.0, "near": 4.0, "off": 0.5, "conflict": 0.002, "unknown": 1.0}
KIND_ODDS: Final = {FITS: 2.0, 0: 0.3, OTHER: 0.003}


def year_agreement(
    stated: Float64Array, found: Float64Array, tolerance: int
) -> npt.NDArray[np.object_]:
    """Return equal, near, off (one more than the tolerance), conflict or unknown for each pair.

    Args:
        stated: Years of items, NaN for none, shape (n,).
        found: Years of entities, NaN for none, shape (n,).
        tolerance: Largest difference that is still near.
    """
    gap = np.abs(stated - found)
    conditions = [np.isnan(gap), gap == 0, gap <= tolerance, gap <= tolerance + 1]
    return np.select(conditions, ["unknown", "equal", "near", "off"], "conflict").astype(object)


def spelling_odds(similarity: Float64Array) -> Float64Array:
    """Return the odds of titles that are not equal: 1 at similarity 0.92, and 4 at most.

    The limit leaves another spelling without an equal year to the review.
    """
    return np.minimum(20 ** ((similarity - 0.92) / 0.05), 4)


def weigh(candidates: pd.DataFrame) -> pd.DataFrame:
    """Return candidates with the column `odds`, from the columns title_odds, agreement and fit."""
    odds = candidates["title_odds"].astype(float)
    odds = odds * candidates["agreement"].map(YEAR_ODDS).astype(float)
    odds = odds * candidates["fit"].map(KIND_ODDS).astype(float)
    return candidates.assign(odds=odds)


def confidence(candidates: pd.DataFrame) -> Float64Array:
    """Return each candidate's share of its item's odds, from the columns item and odds."""
    total = candidates.groupby("item")["odds"].transform("sum")
    return (candidates["odds"] / (1 + total)).to_numpy(np.float64)


def decide(
    candidates: pd.DataFrame, threshold: float, *, one_to_one: bool, taken: IntArray
) -> pd.DataFrame:
    """Choose each item's best candidate if its confidence reaches the threshold.

    Args:
        candidates: The columns item, entity and odds, each pair once.
        threshold: Least confidence.
        one_to_one: Whether an entity is linked to one item only. It goes to the item with the
            highest confidence, or to none if two are equal; the other items are decided again
            without it.
        taken: Entities that earlier methods have linked; `one_to_one` excludes them.

    Returns:
        The candidates with the columns confidence, chosen (bool) and reason (why an entity is
        excluded, otherwise ""). Excluded candidates keep their last confidence.
    """
    table = candidates.sort_values(["item", "entity"], ignore_index=True)
    table["reason"] = ""
    active = ~table["entity"].isin(taken) if one_to_one else pd.Series(True, index=table.index)
    table.loc[~active, "reason"] = "its entity is linked to another item"
    table["confidence"] = confidence(table)
    while True:
        table.loc[active, "confidence"] = confidence(table[active])
        order = table[active].sort_values("confidence", ascending=False, kind="stable")
        best = order.drop_duplicates("item")
        best = best[best["confidence"] >= threshold]
        contested = best[best.duplicated("entity", keep=False)] if one_to_one else best.iloc[:0]
        if contested.empty:
            break
        lost = _losers(table, active, contested)
        active &= ~lost
        table.loc[lost, "reason"] = "its entity is claimed by another item"
    table["chosen"] = False
    table.loc[best.index, "chosen"] = True
    if one_to_one:  # this excludes candidates below the threshold too
        held = table["entity"].isin(table.loc[table["chosen"], "entity"])
        late = held & ~table["chosen"] & active
        table.loc[late, "reason"] = "its entity is linked to another item"
    return table


def _losers(table: pd.DataFrame, active: pd.Series, contested: pd.DataFrame) -> pd.Series:
    """Return which rows lose a contested entity: all but the best, or all if two are equal."""
    lost = pd.Series(False, index=table.index)
    highest = contested.groupby("entity")["confidence"].transform("max")
    winners = contested[contested["confidence"] >= highest - 1e-9]
    alone = winners[~winners.duplicated("entity", keep=False)]
    of_entity = table["entity"].isin(contested["entity"]) & active
    lost[of_entity] = True
    lost[alone.index] = False
    return lost
