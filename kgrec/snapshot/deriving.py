"""Making the data that a snapshot holds besides its inputs: words and text vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import printable, warn
from kgrec.graph.modalities import TEXT
from kgrec.graph.selection import resolve
from kgrec.snapshot.inputs import Derived, Inputs
from kgrec.snapshot.snapshot import Snapshot
from kgrec.text.backend import english_only
from kgrec.text.scripts import warn_of_english_model
from kgrec.text.settings import TextConfig
from kgrec.text.vectors import TextVectors
from kgrec.text.verbalise import other_languages
from kgrec.text.words import count_words, nonsense

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from kgrec.kg.graph import KnowledgeGraph


def derive(
    inputs: Inputs,
    graph: HeteroData,
    config: TextConfig | None,
    vectors: TextVectors | None,
    *,
    with_vectors: bool,
) -> Derived:
    """Return the data made from the inputs before training.

    Args:
        inputs: The data from which the graph was built.
        graph: The graph.
        config: Settings for texts; None: no text is used.
        vectors: Makes text vectors; None: there are none.
        with_vectors: Whether the model reads text vectors. If not, a search makes those of the
            items; see `searchable`.
    """
    if config is None:
        return Derived(scales=graph.scales)
    _warn_of_languages(inputs, config.languages)
    if inputs.kg is not None and vectors is not None and english_only(vectors.encoder):
        warn_of_english_model(config.languages)
    texts = texts_of_nodes(inputs, graph, config, entities=with_vectors and config.entities)
    words = count_words(texts["item"]) if "item" in texts else None
    if not with_vectors or not texts or vectors is None:
        return Derived(words=words, scales=graph.scales)
    more = [] if words is None else nonsense(words.words)
    matrix = vectors.of([*chain.from_iterable(texts.values()), *more])
    *parts, meaningless = np.split(matrix, np.cumsum([len(given) for given in texts.values()]))
    features = {(kind, TEXT): part for kind, part in zip(texts, parts, strict=True)}
    made_by = dict.fromkeys(features, vectors.encoder.fingerprint)
    return Derived(features, words, None, graph.scales, made_by, meaningless)


def searchable(now: Snapshot, config: TextConfig, vectors: TextVectors) -> Snapshot:
    """Return a snapshot with text vectors of the items, if there is text."""
    words = now.derived.words
    if words is None or now.has_text:
        return now
    more = nonsense(words.words)
    matrix = vectors.stored(words, more)
    if matrix is None:
        texts = texts_of_nodes(now.inputs, now.graph, config, entities=False)
        items = texts.get("item", [""] * len(now.items))
        matrix = vectors.of([*items, *more])
    of_items, meaningless = np.split(matrix, [-len(more)])
    return now.with_text(of_items, vectors.encoder.fingerprint, meaningless)


def texts_of_nodes(
    inputs: Inputs, graph: HeteroData, config: TextConfig, *, entities: bool
) -> dict[str, list[str]]:
    """Return the texts of all nodes of a graph; see `kgrec.text.node_texts.node_texts`.

    Args:
        inputs: What the graph was built from.
        graph: The graph.
        config: Settings for texts.
        entities: Whether entities and attribute values get texts too.
    """
    from kgrec.text.node_texts import node_texts

    kg, links = inputs.chosen()
    return node_texts(
        graph,
        kg,
        links,
        inputs.items,
        entities=entities,
        **_verbalising(inputs, kg, config),
    )


def texts_of_items(inputs: Inputs, items: Vocabulary, config: TextConfig) -> list[str]:
    """Return the text of each item, "" for none: those of `texts_of_nodes`, without a graph."""
    from kgrec.text.node_texts import item_texts

    kg, links = inputs.chosen()
    return item_texts(
        items.ids,
        kg,
        links,
        inputs.items,
        **_verbalising(inputs, kg, config),
    )


def texts_of_new(inputs: Inputs, items: Vocabulary, start: int, config: TextConfig) -> list[str]:
    """Return the texts of the items from a row on, as `texts_of_nodes` has them.

    Args:
        inputs: Graph, links and item table, with what is known of these items.
        items: The catalogue.
        start: The first of the rows.
        config: Settings for texts.
    """
    from kgrec.text.node_texts import item_texts

    kg, links = inputs.chosen()
    table = inputs.items
    return item_texts(
        items.tail(start).ids,
        kg,
        None if links is None else links.tail(start),
        None if table is None else table.reindex(items).tail(start),
        **_verbalising(inputs, kg, config),
    )


def _verbalising(inputs: Inputs, kg: KnowledgeGraph | None, config: TextConfig) -> dict[str, Any]:
    """Return the settings of `kgrec.text.verbalise.verbalise`."""
    relations = None
    if config.relations is not None and kg is not None:
        rows = np.arange(kg.num_relations)
        named = resolve(config.relations, kg.relations, rows, "text.relations")
        relations = kg.relations.take(named)
    return {
        "languages": config.languages,
        "relations": relations,
        "description": config.description,
        "label_relations": inputs.config.label_relations,
        "description_relations": inputs.config.description_relations,
    }


def _warn_of_languages(inputs: Inputs, languages: Sequence[str]) -> None:
    kg, links = inputs.chosen()
    if kg is None or links is None:
        return
    found = other_languages(kg, np.unique(links.entity), languages)
    if found:
        tags = list(found)
        shown = ", ".join(f"{found[tag]:,} {printable(tag, 20)}" for tag in tags[:5])
        more = ", …" if len(tags) > 5 else ""
        wanted = ", ".join([*(tag for tag in languages if tag), *tags[:1]])
        warn(
            f"{sum(found.values()):,} texts of items are in other languages than text.languages "
            f"({', '.join(tag or 'no tag' for tag in languages)}), and are not used: {shown}"
            f"{more}. "
            f"To use them, name their languages first, such as [{wanted}, '']."
        )
