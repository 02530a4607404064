"""Numbers and dates of a knowledge graph as numeric features of items."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.linking import Links
from kgrec.kg.namespaces import XSD

FloatArray = npt.NDArray[np.float64]

_NUMBERS = {
    XSD + name
    for name in (
        *("integer", "decimal", "double", "float", "long", "int", "short", "byte"),
        *("nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger"),
        *("unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
    )
}
_DATES = {XSD + name for name in ("date", "dateTime", "gYear", "gYearMonth")}


def literal_numbers(
    kg: KnowledgeGraph, links: Links, *, min_share: float = 0.1
) -> dict[str, FloatArray]:
    """Return the numeric and date properties of linked items, by the property's IRI.

    A property becomes a feature where at least `min_share` of the linked items have a number or
    date for it; of several values of one item the mean counts. A date counts in years, such as
    1995.5 for the middle of 1995. What cannot be read as a number or date is missing.

    Args:
        kg: The graph.
        links: Which item is which entity.
        min_share: Share of the linked items.

    Returns:
        float64 of shape (num_items,) for each property, NaN where an item has none.
    """
    datatype = kg.literals.datatype
    names = datatype.dictionary.to_pylist()
    wanted = np.array([name in _NUMBERS or name in _DATES for name in names], dtype=bool)
    entities = np.unique(links.entity)
    codes = np.asarray(datatype.indices)
    rows = np.flatnonzero(wanted[codes] & np.isin(kg.literals.subject, entities))
    if not len(rows):
        return {}
    found = kg.literals.take(rows)
    value = _as_numbers(found.value.to_pylist(), [names[code] for code in codes[rows]])
    frame = pd.DataFrame({"entity": found.subject, "relation": found.relation, "value": value})
    frame = frame[np.isfinite(frame["value"])]
    means = frame.groupby(["relation", "entity"])["value"].mean()
    result = {}
    for relation in sorted(set(means.index.get_level_values(0))):
        of_entity = means.loc[relation].reindex(links.entity).to_numpy(np.float64)
        known = np.isfinite(of_entity)
        if known.sum() < min_share * len(links):
            continue
        total = np.bincount(links.item[known], of_entity[known], minlength=len(links.items))
        count = np.bincount(links.item[known], minlength=len(links.items))
        column = np.full(len(links.items), np.nan)
        column[count > 0] = total[count > 0] / count[count > 0]
        result[kg.relations.id(int(relation))] = column
    return result


def standardised(values: FloatArray) -> FloatArray:
    """Return values with mean 0 and standard deviation 1, and 0 where they are missing (NaN)."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros_like(values)
    scale = known.std() or 1.0
    return np.where(np.isnan(values), 0.0, (values - known.mean()) / scale)


def _as_numbers(texts: list[Any], datatypes: list[str]) -> FloatArray:
    text = pd.Series(texts, dtype="object").astype(str).str.strip()
    is_date = np.array([name in _DATES for name in datatypes], dtype=bool)
    numbers = pd.to_numeric(text.where(~is_date), errors="coerce")
    # Years outside of pandas' calendar are dates too: the parts are read one by one.
    parts = text.where(is_date, "").str.extract(r"^(-?\d{4,})(?:-(\d\d))?(?:-(\d\d))?")
    year, month, day = (pd.to_numeric(parts[column], errors="coerce") for column in parts)
    real = month.fillna(1).between(1, 12) & day.fillna(1).between(1, 31)
    dates = year.where(real) + (month.fillna(7) - 1) / 12 + (day.fillna(1) - 1) / 365
    return np.where(is_date, dates.to_numpy(np.float64), numbers.to_numpy(np.float64))
