"""The linking methods, each applied to the items that the earlier ones left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import option, warn
from kgrec.linking import evidence, kinds
from kgrec.linking.catalogue import column_text
from kgrec.linking.identifiers import identifier_candidates
from kgrec.linking.item_iris import entities_by_template
from kgrec.linking.matching import (
    Catalogue,
    Knowledge,
    compare,
    learn,
    spelling_candidates,
    title_candidates,
)
from kgrec.linking.meaning import Pool, TextEncoderLike, meaning_candidates
from kgrec.linking.near_iris import near_iris
from kgrec.linking.same_thing import same_things
from kgrec.linking.settings import LinkConfig
from kgrec.linking.years import chosen_years, entity_years
from kgrec.rdf.columns import GraphColumns
from kgrec.types import BoolArray, Float64Array, IntArray

_SAME_IDENTIFIER = 1e6  # odds: the same identifier is a link unless several entities have it
_MOST_ENCODED = 50_000  # entities whose texts are encoded to link by meaning
_COLUMNS = {"item": int, "entity": int, "level": str, "similarity": float, "year": float,
            "agreement": str, "fit": int, "odds": float}  # fmt: skip


@dataclass(frozen=True, eq=False)
class LinkingState:
    """What has been found so far.

    Attributes:
        found: Links, the columns item, entity, confidence and method.
        candidates: All candidates of the methods so far, with the columns of `decide`.
        crowded: Items whose title is that of too many entities.
        notes: What could not be done, in words.
        wanted: Which entities the settings allow, bool of shape (num_entities,); None: all.
        things: The entity that stands for each entity; see `same_things`. None: itself.
    """

    found: pd.DataFrame
    candidates: pd.DataFrame
    crowded: IntArray
    notes: tuple[str, ...] = ()
    wanted: BoolArray | None = None
    things: IntArray | None = None

    @classmethod
    def start(cls, found: pd.DataFrame) -> LinkingState:
        """Return the state before any method has run."""
        return cls(found, _empty(), np.empty(0, dtype=np.int64))

    def left(self, count: int) -> IntArray:
        """Return the rows of items without a link."""
        return np.setdiff1d(np.arange(count), self.found["item"].to_numpy(np.int64))

    def of_things(self, candidates: pd.DataFrame, odds: str) -> pd.DataFrame:
        """Return candidates that are allowed, those of one thing as one, with its best odds."""
        if self.things is None or self.wanted is None:
            return candidates
        entity = self.things[candidates["entity"].to_numpy(np.int64)]
        table: pd.DataFrame = candidates.assign(entity=entity)[self.wanted[entity]]
        table = table.sort_values(odds, ascending=False, kind="stable")
        table = table.drop_duplicates(["item", "entity"]).sort_index()
        return table.reset_index(drop=True)


def _wanted(kg: GraphColumns, config: LinkConfig) -> BoolArray:
    """Return the entities that the settings allow."""
    wanted = np.ones(kg.num_entities, dtype=bool)
    if config.namespaces:
        wanted &= kinds.within(kg, config.namespaces)
    if config.types:
        wanted &= kinds.typed(kg, config.types) == kinds.FITS
    return wanted


def _with_near(
    entity: IntArray, ids: Vocabulary, kg: GraphColumns, left: IntArray, config: LinkConfig
) -> IntArray:
    """Return the entities of item ids that are IRIs, also of nearly the same IRIs if it is set."""
    missing = [id for id in ids.take(left[entity[left] < 0]) if "://" in id]
    near = near_iris(missing, kg)
    told = near.told(kg, "item ids", mended=config.normalise)
    if told:
        warn(told)
    if not config.normalise or not near.nearest:
        return entity
    entity = entity.copy()
    entity[ids.rows(list(near.nearest))] = list(near.nearest.values())
    return entity


def run_methods(
    ids: Vocabulary,
    frame: pd.DataFrame,
    catalogue: Catalogue,
    kg: GraphColumns,
    config: LinkConfig,
    stated: pd.DataFrame,
    encoder: TextEncoderLike | None,
) -> LinkingState:
    """Link items by every method that the settings choose and make possible.

    `frame` and `catalogue` have the columns, titles and years of the items `ids`, and `stated` the
    known links, as `LinkingState.found` does. Without an encoder, "meaning" is left out.
    """
    progress = LinkingState.start(stated)
    if config.uses("iri"):
        entity = kg.entities.rows(ids.array, missing="-1")
        left = progress.left(len(ids))
        if config.template is not None:
            made = entities_by_template(config.template, ids, kg)
            entity = np.where(entity < 0, made, entity)
        entity = _with_near(entity, ids, kg, left, config)
        hit = left[entity[left] >= 0]
        progress = _with_links(
            progress, pd.DataFrame({"item": hit, "entity": entity[hit]}), 1.0, "iri"
        )
    wanted = _wanted(kg, config)
    progress = replace(progress, wanted=wanted, things=same_things(kg, wanted))
    if config.uses("identifier"):
        progress = _by_identifier(progress, ids, frame, catalogue, kg, config)
    if not any(config.uses(method) for method in ("title", "spelling", "meaning")):
        return progress
    every, crowded = title_candidates(catalogue, kg, np.arange(len(ids)))
    every = progress.of_things(every, "title_odds")
    sure = progress.found["entity"].to_numpy(np.int64)
    knowledge = learn(every, catalogue, kg, config, sure)
    progress = replace(progress, crowded=crowded)
    if config.uses("title"):
        mine = every[every["item"].isin(progress.left(len(ids)))]
        mine = compare(mine, catalogue, kg, knowledge, config)
        progress = _decided(progress, mine, catalogue.years, config, "title")
    if config.uses("spelling"):
        left = progress.left(len(ids))
        mine = spelling_candidates(catalogue, kg, left, knowledge.fits)
        mine = progress.of_things(mine, "title_odds")
        mine = compare(mine, catalogue, kg, knowledge, config)
        progress = _decided(progress, mine, catalogue.years, config, "spelling")
    if config.uses("meaning") and encoder is not None:
        progress = _by_meaning(progress, catalogue, kg, config, knowledge, encoder)
    _tell_rivals(progress)
    return progress


def _tell_rivals(progress: LinkingState) -> None:
    rivals = progress.candidates[progress.candidates["reason"] == evidence.RIVALS]
    rivals = rivals[~rivals["item"].isin(progress.found["item"])]
    if not rivals.empty:
        warn(
            "Items not linked because items of different years fit the same entity, which has no "
            f"year: {rivals['item'].nunique():,} (entities: {rivals['entity'].nunique():,}). At "
            "most one of them is right: the review lists them, and a table of links, "
            f"{option('links')}, can name it."
        )


def _by_identifier(
    progress: LinkingState,
    ids: Vocabulary,
    frame: pd.DataFrame,
    catalogue: Catalogue,
    kg: GraphColumns,
    config: LinkConfig,
) -> LinkingState:
    assert config.property is not None
    values: Any = ids.array
    if config.column is not None:
        values = column_text(frame, config.column, "column")
    pairs = identifier_candidates(values, kg, config.property, config.identifier)
    pairs = pairs[pairs["item"].isin(progress.left(len(ids)))]
    pairs = pairs.assign(level="identifier", odds=_SAME_IDENTIFIER)
    return _decided(progress, pairs, catalogue.years, config, "identifier")


def _by_meaning(
    progress: LinkingState,
    catalogue: Catalogue,
    kg: GraphColumns,
    config: LinkConfig,
    knowledge: Knowledge,
    encoder: TextEncoderLike,
) -> LinkingState:
    left = progress.left(len(catalogue.years))
    titled = np.array([bool(text.strip()) for text in catalogue.titles.to_pylist()], dtype=bool)
    left = left[titled[left]]
    fitting = np.flatnonzero(knowledge.fits == kinds.FITS)
    if not len(fitting):
        fitting = np.flatnonzero(knowledge.fits != kinds.OTHER)
    if progress.wanted is not None:
        fitting = fitting[progress.wanted[fitting]]
    if len(fitting) > _MOST_ENCODED:
        note = (
            f"by meaning: left out, since {len(fitting):,} entities would have to be encoded, "
            f"more than {_MOST_ENCODED:,}; name their types"
        )
        return replace(progress, notes=(*progress.notes, note))
    looked_at = np.union1d(fitting, knowledge.sure["entity"].to_numpy(np.int64))
    years = chosen_years(entity_years(kg, looked_at), knowledge.sure, config.year_tolerance)
    year = years.groupby("entity")["year"].min().reindex(fitting).to_numpy(np.float64)
    pool = Pool(fitting, year)
    mine, note = meaning_candidates(catalogue, kg, left, progress.found, pool, encoder, config)
    if note:
        progress = replace(progress, notes=(*progress.notes, note))
    if mine.empty:
        return progress
    year_of = pd.Series(year, index=fitting)
    mine["year"] = year_of[mine["entity"]].to_numpy()
    stated = catalogue.years[mine["item"].to_numpy(np.int64)]
    mine["agreement"] = evidence.year_agreement(
        stated, mine["year"].to_numpy(np.float64), config.year_tolerance
    )
    return _decided(progress, mine, catalogue.years, config, "meaning")


def _decided(
    progress: LinkingState,
    candidates: pd.DataFrame,
    years: Float64Array,
    config: LinkConfig,
    method: str,
) -> LinkingState:
    """Weigh new candidates together with those of earlier methods, and make the sure links."""
    linked = progress.found["item"]
    before = progress.candidates[~progress.candidates["item"].isin(linked)]
    both = progress.of_things(_with_columns(candidates), "odds")
    both = pd.concat([before, both], ignore_index=True)
    both = both.sort_values("odds", ascending=False, kind="stable")
    both = both.drop_duplicates(["item", "entity"])
    stated = years[both["item"].to_numpy(np.int64)]
    # Of items with one identifier the user says that they are one thing.
    both["stated"] = np.where(both["level"] == "identifier", np.nan, stated)
    table = evidence.decide(
        both,
        progress.found.assign(stated=years[progress.found["item"].to_numpy(np.int64)]),
        config.threshold,
        one_to_one=config.one_to_one,
        tolerance=config.year_tolerance,
    ).drop(columns="stated")
    progress = replace(progress, candidates=table)
    chosen = table[table["chosen"]]
    return _with_links(
        progress, chosen[["item", "entity"]], chosen["confidence"].to_numpy(), method
    )


def _with_links(
    progress: LinkingState, pairs: pd.DataFrame, confidence: Any, method: str
) -> LinkingState:
    if pairs.empty:
        return progress
    new = pairs.assign(confidence=confidence, method=method)
    found = new if progress.found.empty else pd.concat([progress.found, new], ignore_index=True)
    return replace(progress, found=found)


def _with_columns(candidates: pd.DataFrame) -> pd.DataFrame:
    """Return candidates with all columns, even if a method does not fill them."""
    table = candidates.reindex(columns=list(_COLUMNS))
    table["fit"] = table["fit"].fillna(0)
    agreement = table["agreement"].astype(object)
    table["agreement"] = agreement.where(agreement.notna(), "unknown")
    table["level"] = table["level"].astype(object)
    return table.astype({name: kind for name, kind in _COLUMNS.items() if kind is not str})


def _empty() -> pd.DataFrame:
    table = _with_columns(pd.DataFrame({"item": [], "entity": []}))
    return table.assign(confidence=0.0, chosen=False, reason="")
