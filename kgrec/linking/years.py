"""The year of an entity, from all that the graph says about it.

There are years in labels, "Heat (1995 film)", in literals, in the first sentence of a description
and in the names of categories, "1995 films". Not all are the year that a catalogue means: "Films
set in 1944" is another one. So each source is compared with the years of items that have an
unambiguous title, and the most reliable source of an entity gives its year.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.kg.labels import entity_descriptions, entity_labels
from kgrec.linking.titles import last_brackets, years_in
from kgrec.rdf.columns import GraphColumns
from kgrec.types import BoolArray, IntArray

_PRIOR = {"label": 0.95, "date": 0.8, "description": 0.8, "number": 0.4, "neighbor": 0.4}
_PRIOR_WEIGHT = 4.0  # observations that the prior is worth
_LEAST = 0.6  # reliability of a source that is used
_DATES = ("gYear", "gYearMonth", "date", "dateTime")


def entity_years(kg: GraphColumns, entities: IntArray) -> pd.DataFrame:
    """Return every year in the graph for some entities.

    Args:
        kg: The graph.
        entities: Distinct entity rows.

    Returns:
        The columns entity, source (text), prior (how reliable such a source usually is, 0 to 1)
        and year; distinct rows.
    """
    wanted = np.zeros(kg.num_entities, dtype=bool)
    wanted[entities] = True
    labels = pa.array(entity_labels(kg, entities), type=pa.large_string())
    parts = [
        _frame(entities, "label", "label", years_in(last_brackets(labels))),
        _frame(entities, "description", "description", years_in(_first_sentences(kg, entities))),
        *_literals(kg, wanted),
        _neighbors(kg, wanted),
    ]
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


def chosen_years(years: pd.DataFrame, sure: pd.DataFrame, tolerance: int) -> pd.DataFrame:
    """Return the years of each entity's most reliable source.

    Args:
        years: What `entity_years` returns.
        sure: Pairs (entity, year of the item) of items whose title fits only one entity.
        tolerance: Years that two sources may differ by.

    Returns:
        The columns entity and year, without entities that have no reliable source.
    """
    seen = years.merge(sure.rename(columns={"year": "stated"}), on="entity")
    agrees = (seen["year"] - seen["stated"]).abs() <= tolerance
    # An entity may have several years of one source: the nearest counts.
    best = agrees.groupby([seen["source"], seen["entity"]]).max()
    counts = best.groupby(level=0).agg(["sum", "size"])
    counts = counts.reindex(years["source"].unique()).fillna(0)
    prior = years.groupby("source")["prior"].first().reindex(counts.index)
    reliability = (counts["sum"] + _PRIOR_WEIGHT * prior) / (counts["size"] + _PRIOR_WEIGHT)
    years = years.assign(reliability=years["source"].map(reliability))
    years = years[years["reliability"] >= _LEAST]
    years = years.sort_values(["reliability", "source"], ascending=[False, True], kind="stable")
    first = years.drop_duplicates("entity")[["entity", "source"]]
    return years.merge(first, on=["entity", "source"])[["entity", "year"]].drop_duplicates()


def _frame(entity: Any, source: Any, kind: str, year: Any) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "entity": np.asarray(entity, dtype=np.int64),
            "source": source,
            "prior": _PRIOR[kind],
            "year": year.to_pandas() if hasattr(year, "to_pandas") else year,
        }
    )
    table = table[table["year"].notna()]
    return table.astype({"year": np.int64, "source": object})


def _first_sentences(kg: GraphColumns, entities: IntArray) -> Any:
    texts = pa.array(entity_descriptions(kg, entities), type=pa.large_string())
    start = pc.utf8_slice_codeunits(texts, 0, 400)
    return pc.struct_field(pc.extract_regex(start, r"(?s)^(?P<first>.*?[^.]{4})(?:\.\s|$)"), 0)


def _literals(kg: GraphColumns, wanted: BoolArray) -> list[pd.DataFrame]:
    """Return the years in short literals, with a source for each relation."""
    literals = kg.literals.take(np.flatnonzero(wanted[kg.literals.subject]))
    short = np.asarray(pc.less_equal(pc.utf8_length(literals.value), 40), dtype=bool)
    literals = literals.take(np.flatnonzero(short))
    types = literals.datatype.cast(pa.large_string())
    name = pc.replace_substring_regex(types, r"^.*#", "")
    date = np.asarray(pc.is_in(name, pa.array(_DATES, pa.large_string())), dtype=bool)
    form = r"^\s*(?P<y>1[5-9]\d\d|20\d\d)(?:-\d\d(?:-\d\d.*)?|Z|[+-]\d\d:\d\d)?\s*$"
    year = pc.struct_field(pc.extract_regex(literals.value, form), 0).cast(pa.int64())
    ids = np.array(kg.relations.ids, dtype=object)
    source = ids[literals.relation]
    return [
        _frame(
            literals.subject[mask], source[mask], kind, year.filter(pa.array(mask)).to_pandas()
        ).reset_index(drop=True)
        for mask, kind in ((date, "date"), (~date, "number"))
    ]


def _neighbors(kg: GraphColumns, wanted: BoolArray) -> pd.DataFrame:
    """Return the years in the names of neighbors, with a source per relation and wording."""
    triples = kg.triples[wanted[kg.triples[:, 0]]]
    ends, place = np.unique(triples[:, 2], return_inverse=True)
    texts = pa.array(entity_labels(kg, ends), type=pa.large_string())
    texts = pc.utf8_slice_codeunits(texts, 0, 100)
    year = years_in(texts)
    wording = pc.replace_substring_regex(texts, r"(?:1[5-9]|20)\d\d", "#").to_pandas().to_numpy()
    ids = np.array(kg.relations.ids, dtype=object)
    has = np.asarray(pc.is_valid(year), dtype=bool)[place]
    source = ids[triples[has, 1]] + " " + wording[place[has]]
    found = year.take(pa.array(place[has])).to_pandas().to_numpy()
    return _frame(triples[has, 0], source, "neighbor", found)
