"""The confidence of links, computed from what agrees.

Record linkage after Fellegi and Sunter, "A theory for record linkage" (JASA 64, 1969): each
comparison (title, year, kind) gives a candidate odds against the case "this item is not in the
graph". The confidence of a candidate is its share of the odds of that case and of all candidates of
the item. So two equally good candidates get less than a half each, and so do two items of different
years that fit an entity without a year equally well: at most one of them is it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec.linking.kinds import FITS, OTHER
from kgrec.types import Float64Array

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
RIVALS: Final = "items of other years fit its entity as well"
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
    candidates: pd.DataFrame,
    linked: pd.DataFrame,
    threshold: float,
    *,
    one_to_one: bool,
    tolerance: int,
) -> pd.DataFrame:
    """Choose each item's best candidate if its confidence reaches the threshold.

    Args:
        candidates: The columns item, entity, odds, year (of the entity) and stated (the year of the
            item, NaN where it does not matter), each pair once.
        linked: The columns entity, confidence and stated, of the links of earlier methods.
        threshold: Least confidence.
        one_to_one: Whether an entity is linked to one item only. It goes to the item with the
            highest confidence, or to none if two are equal; the other items are decided again
            without it.
        tolerance: Years that two sources may differ by.

    Returns:
        The candidates with the columns confidence, chosen (bool) and reason (why an entity is
        excluded, or only uncertain because of other items; otherwise ""). Excluded candidates keep
        their last confidence.
    """
    table = candidates.sort_values(["item", "entity"], ignore_index=True)
    table["reason"] = ""
    active = pd.Series(True, index=table.index)
    if one_to_one:
        active = ~table["entity"].isin(linked["entity"])
    table.loc[~active, "reason"] = "its entity is linked to another item"
    table["confidence"] = confidence(table)
    table["alone"] = 0.0  # the confidence if no other item had a claim
    while True:
        table.loc[active, "alone"] = confidence(table[active])
        table.loc[active, "confidence"] = among_rivals(table[active], linked, tolerance)
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
    rivalled = (table["alone"] >= threshold) & (table["confidence"] < threshold) & active
    table.loc[rivalled, "reason"] = RIVALS
    return table.drop(columns="alone")


def among_rivals(table: pd.DataFrame, linked: pd.DataFrame, tolerance: int) -> Float64Array:
    """Return the confidence of candidates if an entity without a year is of one year only.

    An item's odds of being the entity, against all else that it may be, are compared with those of
    all items whose years differ from its own. Items of one year may be one thing twice.

    Args:
        table: The candidates, with the columns entity, year, stated and alone (their confidence
            without regard to other items).
        linked: The columns entity, confidence and stated, of links that are settled.
        tolerance: Years that two sources may differ by.
    """
    claims = pd.concat(
        [table[table["year"].isna()].rename(columns={"alone": "sure"}),
         linked.rename(columns={"confidence": "sure"})]
    )[["entity", "stated", "sure"]].dropna()  # fmt: skip
    claims["odds"] = _odds(claims["sure"])
    by_year = claims.groupby(["entity", "stated"])["odds"].sum()
    by_entity = by_year.groupby(level=0).sum()
    rivals = table["entity"].map(by_entity)
    for gap in range(-tolerance, tolerance + 1):
        here = pd.MultiIndex.from_arrays([table["entity"], table["stated"] + gap])
        rivals = rivals - by_year.reindex(here).fillna(0).to_numpy()
    rivals = rivals.where(table["year"].isna() & table["stated"].notna(), 0).fillna(0).clip(lower=0)
    own = _odds(table["alone"])
    shared = own / (1 + own + rivals)
    return shared.where(rivals > 0, table["alone"]).to_numpy(np.float64)


def _odds(sure: pd.Series[float]) -> pd.Series[float]:
    return 1 / (1 - sure.clip(upper=1 - 1e-6)) - 1


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
