"""The part of a knowledge graph to use: relations, types, distance and equal entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import coo_array

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.graph.settings import GraphConfig as GraphConfig
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.labels import own_relations
from kgrec.linking import Links
from kgrec.linking.same_as import merge_same_as, moved_links, with_statements
from kgrec.rdf.iri_names import local_name
from kgrec.rdf.namespaces import DESCRIPTION_RELATIONS, LABEL_RELATIONS, OWL_SAME_AS, RDF_TYPE
from kgrec.types import BoolArray, IntArray, index_to_mask


@dataclass(frozen=True, eq=False)
class Chosen:
    """The part of a knowledge graph that is used. Rows are those of the whole graph.

    Attributes:
        kg: The graph with the used statements.
        links: The links to it.
        report: How many statements and entities each setting left out or merged.
    """

    kg: KnowledgeGraph
    links: Links
    report: dict[str, Any] = field(default_factory=dict)


def choose(kg: KnowledgeGraph, links: Links, config: GraphConfig) -> Chosen:
    """Return the part of `kg` that `config` selects: same_as, then relations, types, max_hops.

    Raises:
        ConfigError: A setting names a relation or type that the graph does not have, or several
            have the name.
    """
    key = ("chosen", config, links.item.tobytes(), links.entity.tobytes())
    used, canonical, report = kg.cached(key, lambda: _chosen(kg, links, config))
    return Chosen(used, links if canonical is None else moved_links(links, canonical), report)


def _chosen(
    kg: KnowledgeGraph, links: Links, config: GraphConfig
) -> tuple[KnowledgeGraph, IntArray | None, dict[str, Any]]:
    """Return the used graph, the new rows of its entities, and a report."""
    report: dict[str, Any] = {}
    canonical = None
    _check_properties(kg, config)
    allowed = _relations(kg, config)
    if config.same_as:
        merged = merge_same_as(kg, links)
        kg, links, canonical = merged.kg, merged.links or links, merged.canonical
        report["same_as"] = merged.report.to_dict()
    if not allowed.all():
        kept, told = allowed[kg.triples[:, 1]], allowed[kg.literals.relation]
        report["relations"] = {
            "left_out_relations": int((~allowed).sum()),
            "left_out_triples": int((~kept).sum()),
            "left_out_literals": int((~told).sum()),
        }
        literals = kg.literals if told.all() else kg.literals.take(np.flatnonzero(told))
        kg = with_statements(kg, kg.triples[kept], literals)
    if config.keep_types is not None or config.drop_types:
        kg, report["types"] = _of_types(kg, links, config)
    if config.max_hops is not None:
        kg, report["max_hops"] = _within(kg, links, config)
    return kg, canonical, report


def type_of(kg: KnowledgeGraph, min_size: int) -> tuple[IntArray, dict[int, str]]:
    """Return the type of each entity, and the names of the node types.

    Of several types it is the rarest one with at least `min_size` entities; of equals, the one
    with the first IRI.

    Returns:
        Entity row of the type, -1 for none, int64 of shape (num_entities,), and the names of the
        node types by entity row of the type.
    """
    entity, kind = kg.types()
    size = np.bincount(kind, minlength=kg.num_entities)
    large = size[kind] >= min_size
    entity, kind = entity[large], kind[large]
    kinds, place = np.unique(kind, return_inverse=True)
    ids = kg.entities.take(kinds)
    rank = np.argsort(np.argsort(np.array(ids, dtype=object))) if ids else np.zeros(0, np.int64)
    order = np.lexsort((rank[place], size[kind], entity))
    first = np.unique(entity[order], return_index=True)[1]
    found = np.full(kg.num_entities, -1, dtype=np.int64)
    found[entity[order][first]] = kind[order][first]
    used = np.unique(found[found >= 0])
    names = [f"entity_{name}" for name in _node_names(kg.entities.take(used))]
    return found, dict(zip(used.tolist(), names, strict=True))


def _node_names(ids: Sequence[str]) -> list[str]:
    # PyTorch's module names have no dots.
    short = [local_name(id).replace(".", "_") for id in ids]
    return [
        name if short.count(name) == 1 else id.replace(".", "_")
        for name, id in zip(short, ids, strict=True)
    ]


def resolve(names: Sequence[str], known: Vocabulary, rows: IntArray, setting: str) -> IntArray:
    """Return the rows that a setting names, by id or by a unique last part.

    Args:
        names: The names in the setting.
        known: The ids.
        rows: The possible rows, int64 of shape (k,).
        setting: Its name, for messages.

    Raises:
        ConfigError: A name matches none of them, or several.
    """
    found = known.rows(names, missing="-1")
    found[~np.isin(found, rows)] = -1
    ids = known.take(rows) if (found < 0).any() else []
    for place in np.flatnonzero(found < 0).tolist():
        name = names[place]
        same = [number for number, id in enumerate(ids) if local_name(id) == name]
        if len(same) == 1:
            found[place] = rows[same[0]]
            continue
        if same:
            shown = ", ".join(printable(ids[number]) for number in same[:3])
            raise ConfigError(
                f"{setting} names {printable(name)!r}, which may be {shown}: give one."
            )
        whole = local_name(name) != name
        near = did_you_mean(name, ids if whole else sorted({local_name(id) for id in ids}))
        kind = setting.rpartition("_")[2].removesuffix("s")
        raise ConfigError(
            f"{setting} names {printable(name)!r}, which is no {kind} of the graph.{near}"
        )
    return found


def _relations(kg: KnowledgeGraph, config: GraphConfig) -> BoolArray:
    """Return which relations are used, bool of shape (num_relations,)."""
    everything = np.arange(kg.num_relations)
    allowed = np.ones(kg.num_relations, dtype=bool)
    if config.keep_relations is not None:
        kept = resolve(config.keep_relations, kg.relations, everything, "keep_relations")
        allowed = index_to_mask(kept, kg.num_relations)
        names = own_relations(config.label_relations + config.description_relations)
        own = [RDF_TYPE, OWL_SAME_AS, *names]
        rows = kg.relations.rows(own, missing="-1")
        allowed[rows[rows >= 0]] = True
    allowed[resolve(config.drop_relations, kg.relations, everything, "drop_relations")] = False
    return allowed


def _check_properties(kg: KnowledgeGraph, config: GraphConfig) -> None:
    """Check that the graph has the properties for names, other than the defaults."""
    for setting, usual in (
        ("label_relations", LABEL_RELATIONS),
        ("description_relations", DESCRIPTION_RELATIONS),
    ):
        for iri in own_relations(getattr(config, setting)):
            if iri not in own_relations(usual) and iri not in kg.relations:
                raise ConfigError(
                    f"{setting} names {printable(iri)!r}, which is no relation of the graph."
                    + did_you_mean(iri, kg.relations)
                )


def _of_types(
    kg: KnowledgeGraph, links: Links, config: GraphConfig
) -> tuple[KnowledgeGraph, dict[str, int]]:
    entity, kind = kg.types()
    known = np.unique(kind)
    used = np.ones(kg.num_entities, dtype=bool)
    if config.keep_types is not None:
        kept = resolve(config.keep_types, kg.entities, known, "keep_types")
        used = index_to_mask(entity[np.isin(kind, kept)], kg.num_entities)
    dropped = resolve(config.drop_types, kg.entities, known, "drop_types")
    used[entity[np.isin(kind, dropped)]] = False
    used[links.entity] = True
    return _without(kg, used, classes_stay=True)


def _within(
    kg: KnowledgeGraph, links: Links, config: GraphConfig
) -> tuple[KnowledgeGraph, dict[str, int]]:
    """Keep the entities within `max_hops` edges of a linked one."""
    assert config.max_hops is not None
    is_edge = np.ones(kg.num_triples, dtype=bool)
    if config.types != "edges":
        is_edge &= kg.triples[:, 1] != kg.relation_row(RDF_TYPE)
    ends = kg.triples[is_edge, 0], kg.triples[is_edge, 2]
    size = (kg.num_entities, kg.num_entities)
    out = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=size).tocsr()
    into = out.T.tocsr()
    reached = index_to_mask(links.entity, kg.num_entities)
    border = np.flatnonzero(reached)
    for _ in range(config.max_hops):
        near = np.unique(np.concatenate([out[border].indices, into[border].indices]))
        border = near[~reached[near]]
        if not len(border):
            break
        reached[border] = True
    return _without(kg, reached, classes_stay=config.types != "edges")


def _without(
    kg: KnowledgeGraph, used: BoolArray, *, classes_stay: bool
) -> tuple[KnowledgeGraph, dict[str, int]]:
    """Return the triples with both ends used; `classes_stay`: classes need not be."""
    subject, relation, object = kg.triples.T
    kept = used[object]
    if classes_stay:
        kept = kept | (relation == kg.relation_row(RDF_TYPE))
    kept = kept & used[subject]
    touched = index_to_mask(kg.triples[:, [0, 2]].ravel(), kg.num_entities)
    still = index_to_mask(kg.triples[kept][:, [0, 2]].ravel(), kg.num_entities)
    report = {
        "left_out_entities": int((touched & ~still).sum()),
        "left_out_triples": int((~kept).sum()),
    }
    return with_statements(kg, kg.triples[kept], kg.literals), report
