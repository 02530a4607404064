"""Numbers, dates, truth values and durations of a knowledge graph as features of items."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec.errors import DataError, printable
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.quantities import BOOLEAN, DURATION, NUMBER, TIME, literal_kinds, quantities
from kgrec.linking import Links
from kgrec.types import BoolArray, Float64Array, index_to_mask

Key = tuple[str, str, str]

GRAPH: Final = "graph"
TABLE: Final = "table"
_FEWEST: Final = 10  # items to learn from, if there are as many
_MOST: Final = 5.0  # standard deviations at which features are clipped
_FAR_OUT: Final = 3.0  # interquartile ranges beyond the quartiles (Tukey, 1977)
_INFORMATIVE: Final = 0.1  # share of items with, and without, a value


@dataclass(frozen=True)
class NumberScale:
    """How a property becomes a feature.

    Attributes:
        source: "graph" for a property of the linked entities, "table" for an item table's column.
        property: IRI or column.
        kind: The kind of quantity; see `kgrec.kg.quantities.kind_of`.
        name: Name of the feature: the property, and its kind if it has several.
        log: Whether the logarithm of the value is taken.
        centre: The value to subtract then.
        scale: The divisor of the difference, above 0.
        indicator: Whether a second feature marks missing values.
    """

    source: str
    property: str
    kind: str
    name: str
    log: bool
    centre: float
    scale: float
    indicator: bool

    def key(self) -> Key:
        """Return the key of its column."""
        return self.source, self.property, self.kind

    def __call__(self, values: Float64Array) -> Float64Array:
        """Return the features of values, float64 of shape (n,), clipped to -5 to 5.

        A missing value (NaN) gives 0; so does a value without a logarithm if one is taken.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = np.log(values) if self.log else values
            standard = (shown - self.centre) / self.scale
        return np.clip(np.where(np.isnan(shown) | np.isneginf(shown), 0.0, standard), -_MOST, _MOST)


@dataclass(frozen=True)
class NumberScales:
    """The learned scales of all numeric features, in order.

    Attributes:
        scales: One for each property and kind.
    """

    scales: tuple[NumberScale, ...] = ()

    @classmethod
    def learn(
        cls,
        columns: Mapping[Key, Float64Array],
        trained: BoolArray,
        described: Mapping[str, BoolArray],
        min_share: float,
    ) -> Self:
        """Learn the scales of values.

        They are learned from the items with training interactions if at least ten of them have a
        value, otherwise from all items. Positive values become logarithms if these are much less
        skewed. Outliers more than three interquartile ranges outside of the quartiles do not count
        for mean and standard deviation (Tukey, Exploratory Data Analysis, 1977). A missing value is
        a feature too if at least ten of these items, and 10 % of them, have a value and as many
        have none.

        Args:
            columns: Values by property, as `literal_columns` gives them, float64 (num_items,).
            trained: Which items have training interactions, bool of shape (num_items,).
            described: By source, which items can have values, for the graph the linked ones: bool
                of shape (num_items,).
            min_share: A property of the graph becomes a feature if this share of these items has a
                value.
        """
        kept: list[tuple[Key, Float64Array, int]] = []
        for key, values in columns.items():
            known, of = np.isfinite(values), described[key[0]]
            if (known & of & trained).sum() >= _FEWEST:
                of = of & trained
            seen = values[known & of]
            size = int(of.sum())
            if len(seen) and (key[0] == TABLE or len(seen) >= min_share * size):
                kept.append((key, seen, size - len(seen)))
        count = Counter(key[:2] for key, _, _ in kept)
        return cls(
            tuple(
                _scale(key, seen, missing, shared=count[key[:2]] > 1) for key, seen, missing in kept
            )
        )

    def names(self) -> list[str]:
        """Return the names of the features, in order."""
        found = []
        for scale in self.scales:
            found += [scale.name, f"{scale.name} missing"] if scale.indicator else [scale.name]
        return found

    def features(self, columns: Mapping[Key, Float64Array], num_items: int) -> npt.NDArray[Any]:
        """Return the features, float32 of shape (num_items, len(names())).

        A column that is not given is missing for all items.
        """
        none = np.full(num_items, np.nan)
        found = []
        for scale in self.scales:
            values = columns.get(scale.key(), none)
            found.append(scale(values))
            if scale.indicator:
                found.append(np.isnan(values).astype(np.float64))
        return np.stack(found, axis=1).astype(np.float32) if found else np.zeros((num_items, 0))

    def to_list(self) -> list[dict[str, Any]]:
        """Return the scales in types of JSON."""
        return [asdict(scale) for scale in self.scales]

    @classmethod
    def from_list(cls, entries: Any) -> Self:
        """Return the scales that `to_list` gave.

        Raises:
            DataError: An entry is not what `to_list` gives.
        """
        if not isinstance(entries, list):
            raise DataError("expected a list of scales of numbers.")
        return cls(tuple(_checked(entry) for entry in entries))


def literal_columns(kg: KnowledgeGraph, links: Links) -> tuple[dict[Key, Float64Array], int]:
    """Return the quantities in the literals of linked items, by property and kind.

    Several values of one item give their mean. A property with several kinds or units has a
    column for each.

    Args:
        kg: The graph.
        links: Which item is which entity.

    Returns:
        float64 of shape (num_items,) for each column, NaN where an item has no value; and how
        many literals of these datatypes could not be read.
    """
    kinds = literal_kinds(kg.literals.datatype)
    codes = np.asarray(kg.literals.datatype.indices)
    linked = index_to_mask(links.entity, kg.num_entities)
    wanted = np.array([kind is not None for kind in kinds], dtype=bool)
    rows = np.flatnonzero(wanted[codes] & linked[kg.literals.subject]) if len(codes) else codes
    found = kg.literals.take(rows)
    kind = [str(kinds[code]) for code in codes[rows]]
    value = quantities(found.value.to_pylist(), kind)
    frame = pd.DataFrame(
        {"entity": found.subject, "relation": found.relation, "kind": kind, "value": value}
    )
    missing = frame["value"].isna()
    # A datatype of another vocabulary is a unit if all its texts are numbers.
    unit = ~frame["kind"].isin(_OWN_KINDS)
    no_unit = missing.groupby([frame["relation"], frame["kind"]]).transform("any") & unit
    unread = int((missing & ~unit).sum())
    read = frame[~missing & ~no_unit]
    pairs = pd.DataFrame({"entity": links.entity, "item": links.item})
    columns: dict[Key, Float64Array] = {}
    for (relation, of), group in read.groupby(["relation", "kind"]):
        means = group.groupby("entity")["value"].mean().rename("value")
        of_items = pairs.join(means, on="entity", how="inner").groupby("item")["value"].mean()
        column = np.full(len(links.items), np.nan)
        column[of_items.index.to_numpy(np.int64)] = of_items.to_numpy(np.float64)
        columns[GRAPH, kg.relations.id(int(str(relation))), str(of)] = column
    return dict(sorted(columns.items())), unread


def table_columns(numbers: Mapping[str, Float64Array]) -> dict[Key, Float64Array]:
    """Return the numeric columns of an item table in the same form."""
    return {(TABLE, column, NUMBER): values for column, values in numbers.items()}


_OWN_KINDS: Final = (NUMBER, BOOLEAN, TIME, DURATION)


def _scale(key: Key, seen: Float64Array, missing: int, *, shared: bool) -> NumberScale:
    source, name, kind = key
    log = kind not in (BOOLEAN, TIME) and _is_heavy_tailed(seen)
    values = np.log(seen) if log else seen
    if kind != BOOLEAN:
        low, high = np.quantile(values, [0.25, 0.75])
        reach = _FAR_OUT * (high - low)
        inside = (values >= low - reach) & (values <= high + reach)
        # Without reach, at least half of the values are equal: the others are no outliers.
        values = values[inside] if reach > 0 else values
    spread = float(values.std())
    exists = math.isfinite(spread) and spread > 1e-12 * max(1.0, float(np.abs(values).max()))
    rarer = min(missing, len(seen))
    return NumberScale(
        source=source,
        property=name,
        kind=kind,
        name=f"{name} ({kind})" if shared else name,
        log=log,
        centre=float(values.mean()),
        scale=spread if exists else 1.0,
        indicator=rarer >= max(_FEWEST, _INFORMATIVE * (missing + len(seen))),
    )


def _is_heavy_tailed(values: Float64Array) -> bool:
    """Return whether positive values are skewed far to the right, and their logarithms are not."""
    if len(values) < _FEWEST or values.min() <= 0:
        return False
    skewness = _skewness(values)
    return skewness > 1.0 and abs(_skewness(np.log(values))) < skewness / 2


def _skewness(values: Float64Array) -> float:
    away = (values - values.mean()) / (float(values.std()) or 1.0)
    return float((away**3).mean())


def _checked(entry: Any) -> NumberScale:
    types: dict[str, type] = {
        **dict.fromkeys(("source", "property", "kind", "name"), str),
        **dict.fromkeys(("log", "indicator"), bool),
        **dict.fromkeys(("centre", "scale"), float),
    }
    if not isinstance(entry, dict) or set(entry) != set(types):
        raise DataError(f"expected the keys {', '.join(types)}, found {_shown(entry)}.")
    for name, kind in types.items():
        value = entry[name]
        if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
            raise DataError(f"{name}: expected a {kind.__name__}, found {_shown(value)}.")
    if entry["scale"] <= 0 or entry["source"] not in (GRAPH, TABLE):
        raise DataError(f"expected a scale above 0 and a known source, found {_shown(entry)}.")
    return NumberScale(**entry)


def _shown(value: Any) -> str:
    return printable(repr(value), 120)
