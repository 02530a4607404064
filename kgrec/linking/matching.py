"""Linking by title and year: candidates, and what agrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.data.tables import arrow_text
from kgrec.linking import evidence, kinds
from kgrec.linking.label_keys import entity_keys
from kgrec.linking.settings import LinkConfig
from kgrec.linking.titles import article_of, title_keys
from kgrec.linking.years import chosen_years, entity_years
from kgrec.rdf.columns import GraphColumns
from kgrec.types import Float64Array, IntArray

_MOST_NAMESAKES = 1000  # entities of one key; a more common name is no evidence


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The values of the items that are compared, in the order of their vocabulary.

    Attributes:
        titles: Titles, Arrow `large_string` of shape (n,), "" for none.
        years: Years, float64 of shape (n,), NaN for none.
    """

    titles: Any
    years: Float64Array


def title_candidates(
    catalogue: Catalogue, kg: GraphColumns, rows: IntArray
) -> tuple[pd.DataFrame, IntArray]:
    """Return the entities that share a key with one of the items at `rows`.

    Returns:
        The columns item, entity, level (a key of `evidence.TITLE_ODDS`) and title_odds, each pair
        once at its best level; and the items left out because more than a thousand entities have
        their title.
    """
    mine = title_keys(catalogue.titles.take(pa.array(rows)), common=3)
    mine = mine.assign(item=rows[mine["row"].to_numpy(np.int64)])
    wanted = arrow_text(mine["key"].drop_duplicates())
    theirs = entity_keys(kg, wanted)
    size = theirs.groupby("key")["entity"].transform("nunique")
    crowded = theirs.loc[size > _MOST_NAMESAKES, "key"].unique()
    theirs = theirs[size <= _MOST_NAMESAKES]
    left_out = mine.loc[mine["key"].isin(crowded) & (mine["kind"] == "main"), "item"].unique()
    pairs = mine.merge(theirs, on="key", suffixes=("", "_entity"))
    kind, other = pairs["kind"], pairs["kind_entity"]
    # Two parts of a series share its name, and two titles may share brackets that are no title.
    vague = (kind != "main") & (other != "main")
    alternative = (kind == "alternative") | (other == "alternative")
    same = pairs["clean"] == pairs["clean_entity"]
    articles = [_articles(pairs[column]) for column in ("clean", "clean_entity")]
    part = (kind == "part") | (other == "part")
    conditions = [part, alternative, same, articles[0] != articles[1]]
    level = np.select(conditions, ["part", "alternative", "exact", "article"], "loose")
    pairs = pairs.assign(level=level)[~vague]
    pairs = pairs.assign(title_odds=pairs["level"].map(evidence.TITLE_ODDS).astype(float))
    pairs = pairs.sort_values("title_odds", ascending=False, kind="stable")
    pairs = pairs.drop_duplicates(["item", "entity"])
    return (
        pairs[["item", "entity", "level", "title_odds"]].reset_index(drop=True),
        np.sort(left_out.astype(np.int64)),
    )


def _articles(cleaned: pd.Series) -> npt.NDArray[np.object_]:
    texts = arrow_text(cleaned)
    found: npt.NDArray[np.object_] = pc.fill_null(article_of(texts), "").to_pandas().to_numpy()
    return found


def spelling_candidates(
    catalogue: Catalogue, kg: GraphColumns, rows: IntArray, fits: npt.NDArray[np.int8]
) -> pd.DataFrame:
    """Return the entities with a label similar to the title of an item at `rows`; see `near_pairs`.

    `fits` is the kind of each entity, see `kinds`: entities of another kind are not compared.

    Returns:
        The columns item, entity, level ("spelling"), similarity and title_odds.
    """
    from kgrec.linking.spelling import near_pairs

    found = near_pairs(catalogue.titles.take(pa.array(rows)), kg, fits != kinds.OTHER)
    odds = evidence.spelling_odds(found["similarity"].to_numpy(np.float64))
    return found.assign(
        item=rows[found["item"].to_numpy(np.int64)], level="spelling", title_odds=odds
    )


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What the matching titles teach, for the comparisons of all methods.

    Attributes:
        sure: Entity, and year of its item, for the links that it was learnt from.
        fits: Whether each entity is of the catalogue's kind, int8 of shape (num_entities,).
    """

    sure: pd.DataFrame
    fits: npt.NDArray[np.int8]


def learn(
    candidates: pd.DataFrame,
    catalogue: Catalogue,
    kg: GraphColumns,
    config: LinkConfig,
    linked: IntArray,
) -> Knowledge:
    """Learn from unambiguous titles which years are reliable and which entities fit.

    `candidates` is what `title_candidates` returns, and `linked` has entities with a link.

    Raises:
        DataError: No entity has a type that the settings name.
    """
    strong = candidates[candidates["level"].isin(["exact", "loose"])]
    alone = strong[~strong.duplicated("item", keep=False)]
    alone = alone[~alone.duplicated("entity", keep=False)]
    stated = catalogue.years[alone["item"].to_numpy(np.int64)]
    dated = ~np.isnan(stated)
    sure = pd.DataFrame({"entity": alone["entity"][dated], "year": stated[dated]})
    if config.types:
        return Knowledge(sure, kinds.typed(kg, config.types))
    same_kind = alone
    if len(sure):
        unknown = Knowledge(sure, np.zeros(kg.num_entities, dtype=np.int8))
        seen = compare(strong, catalogue, kg, unknown, config)
        agree = seen[seen["agreement"].isin(["equal", "near"])]
        agree = agree[~agree.duplicated("item", keep=False)]
        if len(agree):  # there are none in a graph without years
            same_kind = agree
    sample = np.union1d(same_kind["entity"].to_numpy(np.int64), linked)
    return Knowledge(sure, kinds.learnt(kg, sample))


def compare(
    candidates: pd.DataFrame,
    catalogue: Catalogue,
    kg: GraphColumns,
    knowledge: Knowledge,
    config: LinkConfig,
) -> pd.DataFrame:
    """Return candidates with the columns year (the entity's), agreement, fit and odds."""
    entities = np.unique(candidates["entity"].to_numpy(np.int64))
    # The sure links are always included: reliability is learnt from them.
    looked_at = np.union1d(entities, knowledge.sure["entity"].to_numpy(np.int64))
    years = chosen_years(entity_years(kg, looked_at), knowledge.sure, config.year_tolerance)
    stated = catalogue.years[candidates["item"].to_numpy(np.int64)]
    table = candidates.assign(place=np.arange(len(candidates)), stated=stated)
    table = table.merge(years, on="entity", how="left")
    table["gap"] = (table["year"] - table["stated"]).abs()
    table = table.sort_values(["place", "gap", "year"]).drop_duplicates("place")
    agreement = evidence.year_agreement(
        table["stated"].to_numpy(np.float64),
        table["year"].to_numpy(np.float64),
        config.year_tolerance,
    )
    table = table.assign(
        agreement=agreement, fit=knowledge.fits[table["entity"].to_numpy(np.int64)]
    )
    if config.types:
        table = table[table["fit"] == kinds.FITS]
    return evidence.weigh(table.drop(columns=["place", "stated", "gap"])).reset_index(drop=True)
