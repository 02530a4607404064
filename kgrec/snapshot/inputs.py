"""The sources of a snapshot besides interactions, and data derived from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
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
    """

    features: Mapping[tuple[str, str], FloatArray] = field(default_factory=dict)
    words: WordCounts | None = None
    names: NodeNames | None = None
    scales: NumberScales | None = None
    made_by: Mapping[tuple[str, str], str] = field(default_factory=dict)
    nonsense: FloatArray | None = None

    def extended(
        self, new: int, texts: Sequence[str], features: Mapping[str, FloatArray]
    ) -> Derived:
        """Return the same with `new` items after the others; see `Snapshot.update`.

        Raises:
            DataError: The features do not have the shape of those of the items.
        """
        made = dict(self.features)
        for (kind, modality), matrix in self.features.items():
            if kind == "item":
                more = features.get(modality, np.zeros((new, matrix.shape[1]), np.float32))
                if more.shape != (new, matrix.shape[1]):
                    raise DataError(
                        f"The features {modality!r} of {new} new items must have the shape "
                        f"({new}, {matrix.shape[1]}), found {more.shape}."
                    )
                made[kind, modality] = np.concatenate([matrix, more])
        words = None if self.words is None else self.words.extended(texts or [""] * new)
        return replace(self, features=made, words=words)


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
    """

    kg: KnowledgeGraph | None = None
    links: Links | None = None
    items: AttributeTable | None = None
    users: AttributeTable | None = None
    config: GraphConfig = field(default_factory=GraphConfig)
    languages: tuple[str, ...] = ("en", "")

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
        triples: Sequence[Triple | LiteralStatement],
    ) -> Inputs:
        """Return the same over longer vocabularies, with more rows and statements.

        Raises:
            DataError: Triples are given without a knowledge graph.
        """
        kg = self.kg
        if triples:
            if kg is None:
                raise DataError("Triples were given, but the recommender has no knowledge graph.")
            kg = kg.update(added=triples)
        return replace(
            self,
            kg=kg,
            links=None if self.links is None else self.links.reindex(items),
            items=_joined(self.items, item_rows, items),
            users=_joined(self.users, user_rows, users),
        )


def _joined(
    table: AttributeTable | None, more: AttributeTable | None, ids: Vocabulary
) -> AttributeTable | None:
    if table is not None and more is not None:
        table = table.extended(more)
    table = table or more
    return None if table is None else table.reindex(ids)
