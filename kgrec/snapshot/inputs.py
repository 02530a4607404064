"""The sources of a snapshot besides interactions, and data derived from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.growing_rows import GrowingRows
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, did_you_mean, printable
from kgrec.explain.settings import ExplainConfig
from kgrec.graph.node_names import NodeNames
from kgrec.graph.settings import GraphConfig
from kgrec.text.words import WordCounts
from kgrec.types import FloatArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from kgrec.graph.numeric import NumberScales
    from kgrec.kg.exchange import LiteralStatement, Triple
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.linking import Links
    from kgrec.rdf.columns import GraphColumns


@dataclass(frozen=True)
class Derived:
    """Data made before training and stored in run folders, so that it is made only once.

    Attributes:
        features: Vectors by (node type, modality), float32 of shape (num_nodes, dim).
        words: The words of the items' texts; None: there is no text.
        names: Labels of all nodes; None: they are made on first use.
        scales: How numbers were normalised.
        made_by: The encoders of the features, if known.
        nonsense: Text vectors of `kgrec.text.words.nonsense`, float32 of shape (m, dim); None:
            there are no text vectors.
        growing: The same features as rows that more can be appended to, where some were.
    """

    features: Mapping[tuple[str, str], FloatArray] = field(default_factory=dict)
    words: WordCounts | None = None
    names: NodeNames | None = None
    scales: NumberScales | None = None
    made_by: Mapping[tuple[str, str], str] = field(default_factory=dict)
    nonsense: FloatArray | None = None
    growing: Mapping[tuple[str, str], GrowingRows[np.float32]] = field(default_factory=dict)

    def extended(
        self, new: int, texts: Sequence[str], features: Mapping[str, FloatArray]
    ) -> Derived:
        """Return the same with `new` items after the others; see `Snapshot.update`.

        Raises:
            DataError: The features do not have the shape of those of the items.
        """
        made, growing = dict(self.features), dict(self.growing)
        for (kind, modality), matrix in self.features.items():
            if kind == "item":
                more = features.get(modality, np.zeros((new, matrix.shape[1]), np.float32))
                if more.shape != (new, matrix.shape[1]):
                    raise DataError(
                        f"The features {modality!r} of {new} new items must have the shape "
                        f"({new}, {matrix.shape[1]}), found {more.shape}."
                    )
                rows = self.growing.get((kind, modality))
                if rows is None or rows.array is not matrix:
                    rows = GrowingRows(matrix)
                growing[kind, modality] = rows.appended(more)
                made[kind, modality] = growing[kind, modality].array
        words = None if self.words is None else self.words.extended(texts or [""] * new)
        return replace(self, features=made, words=words, growing=growing)


@dataclass(frozen=True)
class Inputs:
    """The data from which a snapshot's graph is built, over its vocabularies.

    Attributes:
        kg: The knowledge graph; None: there is none.
        links: The entity of each item; None if there is no graph.
        items: The item table.
        users: The user table.
        config: The part of the knowledge graph to use.
        languages: Languages of labels, best first.
        explain: What explanations may say, and how.
    """

    kg: KnowledgeGraph | None = None
    links: Links | None = None
    items: AttributeTable | None = None
    users: AttributeTable | None = None
    config: GraphConfig = field(default_factory=GraphConfig)
    languages: tuple[str, ...] = ("en", "")
    explain: ExplainConfig = field(default_factory=ExplainConfig)

    def chosen(self) -> tuple[KnowledgeGraph | None, Links | None]:
        """Return the part of the knowledge graph that is used, and the links to it."""
        from kgrec.graph.selection import choose

        if self.kg is None or self.links is None:
            return None, None
        chosen = choose(self.kg, self.links, self.config)
        return chosen.kg, chosen.links

    def names(self, graph: HeteroData) -> NodeNames:
        """Return the labels of all nodes of the graph built from these sources."""
        kg, links = self.chosen()
        return NodeNames.from_graph(
            graph,
            kg=kg,
            links=links,
            items=self.items,
            languages=self.languages,
            label_relations=self.config.label_relations,
        )

    def extended(
        self,
        items: Vocabulary,
        users: Vocabulary,
        item_rows: AttributeTable | None,
        user_rows: AttributeTable | None,
        triples: GraphColumns | Sequence[Triple | LiteralStatement],
        links: Sequence[tuple[str, str]] = (),
    ) -> Inputs:
        """Return the same over longer vocabularies, with more rows, statements and links.

        Raises:
            DataError: Triples or links are given without a knowledge graph, or a link leads to
                what is not in it.
        """
        kg = self.kg
        if links and kg is None:
            raise DataError("Links were given, but the recommender has no knowledge graph.")
        if not isinstance(triples, Sequence) or triples:
            if kg is None:
                raise DataError("Triples were given, but the recommender has no knowledge graph.")
            kg = kg.update(added=triples)
        return replace(
            self,
            kg=kg,
            links=None if self.links is None else _linked(self.links.reindex(items), links, kg),
            items=_joined(self.items, item_rows, items),
            users=_joined(self.users, user_rows, users),
        )


def _linked(links: Links, more: Sequence[tuple[str, str]], kg: KnowledgeGraph | None) -> Links:
    """Return links with further ones, which are certain, sorted, and each pair once."""
    if not more or kg is None:
        return links
    iris = [iri for _, iri in more]
    entity = kg.entities.rows(iris, missing="-1")
    if (entity < 0).any():
        unknown = iris[int(np.flatnonzero(entity < 0)[0])]
        raise DataError(
            f"{int((entity < 0).sum())} links lead to what is not in the graph, the first of them "
            f"to {printable(unknown)!r}.{did_you_mean(unknown, kg.entities)} Give triples about it "
            "too."
        )
    item = np.append(links.item, links.items.rows([item for item, _ in more]))
    entity = np.append(links.entity, entity)
    sure = np.append(links.confidence, np.ones(len(more), np.float32)).astype(np.float32)
    method = [*links.method, *["file"] * len(more)]
    order = np.lexsort((entity, item))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(item[order]) != 0) | (np.diff(entity[order]) != 0)
    kept = order[first]
    linked = len(np.unique(item))
    return replace(
        links,
        item=item[kept],
        entity=entity[kept],
        confidence=sure[kept],
        method=tuple(method[place] for place in kept),
        report=replace(links.report, num_items=len(links.items), linked=linked),
    )


def _joined(
    table: AttributeTable | None, more: AttributeTable | None, ids: Vocabulary
) -> AttributeTable | None:
    if table is not None and more is not None:
        table = table.extended(more)
    table = table or more
    return None if table is None else table.reindex(ids)
