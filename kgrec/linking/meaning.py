"""Linking by meaning: vectors of titles and of entities, for the items that are left.

The value of a similarity is measured on items that are already linked: how often is the right
entity at least that similar, and how often is the best wrong one? The odds are the ratio of these
two shares, times the odds that an item without a matching title is in the graph at all.

This has a limit. A linked item rarely has a second entity whose title is its own with one more
word. If the entity of an item is missing, such an entity is the most similar one, and its
similarity does not show the mistake. So a setting limits the confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kgrec.kg.labels import entity_descriptions, entity_labels
from kgrec.linking.matching import Catalogue
from kgrec.linking.settings import LinkConfig
from kgrec.rdf.columns import GraphColumns
from kgrec.types import Float64Array, IntArray
from kgrec.types import TextEncoderLike as TextEncoderLike

_PRIOR_ODDS = 1 / 9  # of being in the graph, if no title matched
_LEAST_RATIO = 3  # between right and wrong pairs, for a similarity to be evidence
_FEWEST = 50  # linked items to calibrate similarities
_MOST = 500  # linked items that are encoded for the calibration
_TEXT = 300  # characters of a description
_KEPT = 5  # candidates per item
_BATCH = 256  # items that are compared at once


@dataclass(frozen=True, eq=False)
class Pool:
    """The entities to compare with items.

    Attributes:
        entity: Entity rows, shape (m,).
        years: Their years, NaN for none, shape (m,).
    """

    entity: IntArray
    years: Float64Array


def meaning_candidates(
    catalogue: Catalogue,
    kg: GraphColumns,
    rows: IntArray,
    linked: pd.DataFrame,
    pool: Pool,
    encoder: TextEncoderLike,
    config: LinkConfig,
) -> tuple[pd.DataFrame, str]:
    """Return the most similar entities of items that no other method has linked.

    Args:
        catalogue: Titles and years.
        kg: The graph.
        rows: Items to search.
        linked: Sure links, the columns item and entity.
        pool: Entities of the catalogue's kind. Those in `linked` only calibrate similarities.
        encoder: Turns texts into vectors.
        config: Its `year_tolerance` and `meaning_limit` are used.

    Returns:
        The columns item, entity, similarity, level ("meaning") and odds; and a note if nothing
        could be done.
    """
    empty = pd.DataFrame({"item": [], "entity": [], "similarity": [], "level": [], "odds": []})
    linked = linked[linked["entity"].isin(pool.entity)]
    if len(linked) < _FEWEST:
        return empty, (
            f"by meaning: {len(linked)} sure links are too few to calibrate similarities; "
            f"{_FEWEST} are needed"
        )
    if not len(rows):
        return empty, ""
    free = ~np.isin(pool.entity, linked["entity"])
    if not free.any():
        return empty, "by meaning: every entity of the catalogue's kind is already linked"
    tolerance, limit = config.year_tolerance, config.meaning_limit
    vectors = _unit(encoder.encode(_entity_texts(kg, pool.entity)))
    right, wrong = _known_similarities(catalogue, linked, pool, vectors, encoder, tolerance)
    queries = _unit(encoder.encode(_item_texts(catalogue, rows)))
    found, similarity = _most_similar(
        queries, catalogue.years[rows], vectors[free], pool.years[free], tolerance, _KEPT, None
    )
    item = np.repeat(rows, found.shape[1])
    flat = similarity.ravel()
    table = pd.DataFrame(
        {
            "item": item,
            "entity": pool.entity[free][found.ravel()],
            "similarity": flat,
            "level": "meaning",
            "odds": _limited(_PRIOR_ODDS * _share(right, flat) / _share(wrong, flat), limit),
        }
    )
    least = _limited(np.array(_LEAST_RATIO * _PRIOR_ODDS), limit)
    telling = np.isfinite(flat) & (table["odds"].to_numpy() >= least)
    return table[telling].reset_index(drop=True), ""


def _known_similarities(
    catalogue: Catalogue,
    linked: pd.DataFrame,
    pool: Pool,
    vectors: Float64Array,
    encoder: TextEncoderLike,
    tolerance: int,
) -> tuple[Float64Array, Float64Array]:
    """Return the similarity of linked items to their entity, and to the most similar other one."""
    step = max(1, len(linked) // _MOST)
    sample = linked.sort_values(["item", "entity"]).iloc[::step]
    place = pd.Series(np.arange(len(pool.entity)), index=pool.entity)
    own = place[sample["entity"]].to_numpy(np.int64)
    known = sample["item"].to_numpy(np.int64)
    queries = _unit(encoder.encode(_item_texts(catalogue, known)))
    right: Float64Array = (queries * vectors[own]).sum(1)
    _, wrong = _most_similar(
        queries, catalogue.years[known], vectors, pool.years, tolerance, 1, own
    )
    return right, wrong.ravel()


def _most_similar(
    queries: Float64Array,
    stated: Float64Array,
    vectors: Float64Array,
    years: Float64Array,
    tolerance: int,
    k: int,
    own: IntArray | None,
) -> tuple[IntArray, Float64Array]:
    """Return places and cosines of each query's k most similar entities whose year fits."""
    k = min(k, len(vectors))
    places = np.zeros((len(queries), k), dtype=np.int64)
    cosines = np.full((len(queries), k), -np.inf)
    for start in range(0, len(queries), _BATCH):
        part = slice(start, start + _BATCH)
        scores = queries[part] @ vectors.T
        apart = np.abs(stated[part, None] - years[None, :]) > tolerance  # False with a NaN
        scores[apart] = -np.inf
        if own is not None:
            scores[np.arange(len(scores)), own[part]] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        places[part] = best
        cosines[part] = np.take_along_axis(scores, best, axis=1)
    return places, cosines


def _limited(odds: Float64Array, limit: float) -> Float64Array:
    """Return odds below those of the limit, in the same order."""
    most = limit / (1 - limit)
    limited: Float64Array = odds * most / (odds + most)
    return limited


def _share(sample: Float64Array, values: Float64Array) -> Float64Array:
    """Return the share of a sample that is at least as large as each value, never 0 or 1."""
    at_least = len(sample) - np.searchsorted(np.sort(sample), values, side="left")
    share: Float64Array = (at_least + 1) / (len(sample) + 2)
    return share


def _entity_texts(kg: GraphColumns, entities: IntArray) -> list[str]:
    labels, texts = entity_labels(kg, entities), entity_descriptions(kg, entities)
    return [f"{label}. {text[:_TEXT]}" for label, text in zip(labels, texts, strict=True)]


def _item_texts(catalogue: Catalogue, rows: IntArray) -> list[str]:
    titles = catalogue.titles.take(pa.array(rows)).to_pylist()
    years = catalogue.years[rows].tolist()
    return [
        title if year != year else f"{title} ({year:.0f})"
        for title, year in zip(titles, years, strict=True)
    ]


def _unit(vectors: Any) -> Float64Array:
    array = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(array, axis=1, keepdims=True)
    unit: Float64Array = array / np.where(length > 0, length, 1)
    return unit
