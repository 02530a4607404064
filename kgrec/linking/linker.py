"""`link`: from a catalogue and a graph to links and a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import check_kind, warn
from kgrec.linking.catalogue import read_items, read_titles
from kgrec.linking.link_table import raise_nothing_linked, read_link_table
from kgrec.linking.links import LinkReport, Links
from kgrec.linking.meaning import TextEncoderLike
from kgrec.linking.methods import LinkingState, run_methods
from kgrec.linking.near_iris import near_iris
from kgrec.linking.review import uncertain, unlinked_reasons
from kgrec.linking.settings import METHODS, LinkConfig, make_link_config
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.sources import PathLike
from kgrec.types import BoolArray, IntArray


def link(
    items: Vocabulary | AttributeTable | pd.DataFrame,
    kg: GraphColumns,
    links: PathLike | pd.DataFrame | None = None,
    config: LinkConfig | None = None,
    *,
    item: str = "item_id",
    iri: str = "iri",
    confidence: str = "confidence",
    interactions: Interactions | None = None,
    encoder: TextEncoderLike | None = None,
    **settings: Any,
) -> Links:
    """Link catalogue items to entities of the graph.

    Links of a table come first. With a title or a property, the remaining items are searched in the
    graph. Without any of these, items whose id is the IRI of an entity are linked. An item without
    a candidate of enough confidence stays unlinked, and its candidates are in `review`.

    Args:
        items: The catalogue: item ids, the item table (its title column is called "title"), or a
            frame with a column of ids.
        kg: The graph.
        links: A table (item id, IRI), or the path of a CSV, TSV or Parquet file with one; its
            column `confidence` is optional.
        config: How items are searched; None: the defaults of `LinkConfig`.
        item: Name of the column of item ids, in `items` and in `links`.
        iri: Name of the column of IRIs in `links`.
        confidence: Name of the column of confidences in `links`, 0 to 1; 1 where it is absent.
        interactions: If given, the report lists linked items that nobody interacted with.
        encoder: A text encoder, such as `kgrec.TextEncoder()`, to link the remaining items by
            meaning; None: no linking by meaning.
        settings: Fields of `LinkConfig` that replace those of `config`: `title="title",
            year="release_year"`.

    Returns:
        The valid links, and a report of what is unlinked, shared or unknown. Nothing is dropped
        silently: links that cannot be used are in the report, and all items stay in `items`.

    Raises:
        DataError: The file cannot be read, a column or value is missing, a confidence is not
            between 0 and 1, the graph is empty, or there is neither a link nor a candidate.
        ConfigError: A setting is unknown or wrong, or names a column that the items lack.

    >>> from kgrec.kg.graph import KnowledgeGraph
    >>> label = "http://www.w3.org/2000/01/rdf-schema#label"
    >>> kg = KnowledgeGraph.from_triples(
    ...     literals=[("ex:1", label, "The Net (1995 film)", "", "en")]
    ... )
    >>> items = pd.DataFrame({"item_id": ["38"], "title": ["Net, The"], "year": [1995]})
    >>> links = link(items, kg, title="title", year="year")
    >>> kg.entities.take(links.entity), links.method
    (['ex:1'], ('title',))
    """
    how = "a graph, such as kgrec.KnowledgeGraph.read(file)"
    check_kind("kg", kg, isinstance(kg, GraphColumns), how)
    how = "a table, such as kgrec.AttributeTable.read(file)"
    check_kind("items", items, isinstance(items, Vocabulary | AttributeTable | pd.DataFrame), how)
    kg.check_not_empty()
    config = make_link_config(config, settings)
    catalogue, frame = read_items(items, item)
    titles, notes = read_titles(frame, config)
    stated = _stated(catalogue, kg, links, item, iri, confidence, config)
    progress = LinkingState.start(stated.found)
    methods = (config.title, config.property, config.template)
    searched = links is None or any(one is not None for one in methods)
    if searched:
        progress = run_methods(catalogue, frame, titles, kg, config, stated.found, encoder)
    review = uncertain(progress, catalogue, titles, kg, config)
    if progress.found.empty and not review:
        raise_nothing_linked(catalogue, kg, config=config)
    table = progress.found.sort_values(["item", "entity"], ignore_index=True)
    linked, entity = table["item"].to_numpy(np.int64), table["entity"].to_numpy(np.int64)
    counts = table["method"].value_counts(sort=False).to_dict()
    report = LinkReport(
        num_items=len(catalogue),
        linked=len(np.unique(linked)),
        unlinked=tuple(catalogue.take(np.setdiff1d(np.arange(len(catalogue)), linked))),
        shared_entities=_repeated(kg.entities, entity, catalogue, linked),
        ambiguous_items=_repeated(catalogue, linked, kg.entities, entity),
        unknown_entities=stated.unknown_entities,
        unknown_items=stated.unknown_items,
        duplicates=stated.duplicates,
        linked_without_interactions=_without_interactions(catalogue, linked, interactions),
        methods={method: counts[method] for method in ("file", *METHODS) if method in counts},
        uncertain=len({candidate.item_id for candidate in review}),
        reasons=unlinked_reasons(progress, catalogue, titles, review, config) if searched else {},
        notes=(*notes, *progress.notes),
    )
    sure = table["confidence"].to_numpy(dtype=np.float32)
    return Links(catalogue, linked, entity, sure, tuple(table["method"]), report, review)


@dataclass(frozen=True, eq=False)
class _Stated:
    """The links of a table: valid ones, as in `LinkingState.found`, and those that are not."""

    found: pd.DataFrame
    unknown_entities: tuple[tuple[str, str], ...] = ()
    unknown_items: tuple[tuple[str, str], ...] = ()
    duplicates: int = 0


def _stated(
    catalogue: Vocabulary,
    kg: GraphColumns,
    links: PathLike | pd.DataFrame | None,
    item: str,
    iri: str,
    confidence: str,
    config: LinkConfig,
) -> _Stated:
    if links is None:
        types = {"item": np.int64, "entity": np.int64, "confidence": np.float32, "method": object}
        return _Stated(pd.DataFrame({name: np.empty(0, kind) for name, kind in types.items()}))
    pairs = read_link_table(links, item, iri, confidence)
    if pairs.empty:
        raise_nothing_linked(catalogue, kg, links)
    stated = len(pairs)
    pairs = pairs.sort_values("confidence", ascending=False, kind="stable")
    pairs = pairs.drop_duplicates(["item", "iri"])
    item_row = catalogue.rows(pairs["item"].tolist(), missing="-1")
    entity_row = kg.entities.rows(pairs["iri"].tolist(), missing="-1")
    near = near_iris(pairs.loc[entity_row < 0, "iri"].drop_duplicates().tolist(), kg)
    told = near.told(kg, "IRIs of links", mended=config.normalise)
    if config.normalise and near.nearest:
        mended = pairs["iri"].map(near.nearest).fillna(-1).to_numpy(np.int64)
        entity_row = np.where(entity_row < 0, mended, entity_row)
    holds = (item_row >= 0) & (entity_row >= 0)
    if not holds.any():
        raise_nothing_linked(catalogue, kg, links, pairs, hint=told)
    if told:
        warn(told)
    found = pd.DataFrame({"item": item_row, "entity": entity_row})
    found = found.assign(confidence=pairs["confidence"].to_numpy(np.float32), method="file")
    return _Stated(
        found[holds].drop_duplicates(["item", "entity"]),
        unknown_entities=_listed(pairs, (entity_row < 0) & (item_row >= 0)),
        unknown_items=_listed(pairs, item_row < 0),
        duplicates=stated - len(pairs),
    )


def _repeated(
    of: Vocabulary, rows: IntArray, others: Vocabulary, other_rows: IntArray
) -> dict[str, tuple[str, ...]]:
    """Return id → ids of the others, for the rows that occur more than once."""
    repeated, counts = np.unique(rows, return_counts=True)
    return {
        of.id(row): tuple(others.take(np.sort(other_rows[rows == row])))
        for row in repeated[counts > 1].tolist()
    }


def _listed(pairs: pd.DataFrame, where: BoolArray) -> tuple[tuple[str, str], ...]:
    chosen = pairs[where].sort_index()
    return tuple(zip(chosen["item"], chosen["iri"], strict=True))


def _without_interactions(
    items: Vocabulary, linked: IntArray, interactions: Interactions | None
) -> tuple[str, ...] | None:
    if interactions is None:
        return None
    used = items.rows(interactions.items.take(np.unique(interactions.item)), missing="-1")
    return tuple(items.take(np.setdiff1d(linked, used)))
