"""Names of the nodes and relations of a graph, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kgrec.errors import DataError
from kgrec.graph.relation_names import INTERACTS
from kgrec.rdf.iri_names import in_words, last_part
from kgrec.rdf.namespaces import LABEL_RELATIONS
from kgrec.types import EdgeType

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from kgrec.data.attribute_table import AttributeTable
    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.linking import Links

_ENGLISH = ("en", "")
_LIKED = "liked"


@dataclass(frozen=True, eq=False)
class NodeNames:
    """A label for each node and a word for each relation, as they are in the data.

    Attributes:
        nodes: For each node type, the labels of its rows. The id replaces an empty label or a
            missing type.
        ids: For each node type, the ids of its rows.
        relations: Words for relations, by IRI.
    """

    nodes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)
    relations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_graph(
        cls,
        graph: HeteroData,
        *,
        kg: KnowledgeGraph | None = None,
        links: Links | None = None,
        items: AttributeTable | None = None,
        languages: Sequence[str] = _ENGLISH,
        label_relations: Sequence[str] = LABEL_RELATIONS,
    ) -> NodeNames:
        """Return names for a graph that `build_graph` made.

        An item has its title in the item table, otherwise the label of its entity; an entity has
        its label in the knowledge graph; an attribute is its value. Otherwise the id is the name;
        of an IRI, its last part.

        Args:
            graph: The graph.
            kg: The knowledge graph that it was made from.
            links: The links that it was made with.
            items: The item table, over any items.
            languages: Languages of the labels, best first; "" is a label without one.
            label_relations: IRIs of the properties that give names, best first.

        Raises:
            DataError: `graph` was made from another knowledge graph, or `links` is over other
                items.
        """
        ids = {kind: graph[kind].node_id for kind in graph.node_types}
        nodes: dict[str, Sequence[str]] = {}
        titles: dict[str, str] = {}
        if items is not None and items.titles:
            titles = dict(zip(items.ids.ids, items.titles, strict=True))
        of_item = [titles.get(id, "") for id in ids.get("item", ())]
        relations: dict[str, str] = {}
        if kg is not None:
            labels = kg.labels(languages=languages, relations=label_relations)
            for kind in graph.node_types:
                if "kg_row" in graph[kind]:
                    rows = kg.entities.rows(graph[kind].node_id, missing="-1")
                    if (rows < 0).any():
                        raise DataError(
                            "kg is not the knowledge graph that the graph was made from."
                        )
                    nodes[kind] = [labels[row] for row in rows.tolist()]
            if links is not None:
                of_item = _with_entity_labels(of_item, links, labels)
            words = kg.relation_labels(languages, label_relations)
            relations = dict(zip(kg.relations.ids, words, strict=True))
        nodes["item"] = of_item
        return cls(nodes, ids, relations)

    def node(self, kind: str, row: int) -> str:
        """Return the label of a node."""
        labels = self.nodes.get(kind, ())
        label = str(labels[row]) if row < len(labels) else ""
        return label if label.strip() else last_part(self.id(kind, row))

    def id(self, kind: str, row: int) -> str:
        """Return the id of a node, or its row if the ids are unknown."""
        ids = self.ids.get(kind)
        return str(row) if ids is None else str(ids[row])

    def relation(self, edge_type: EdgeType, iri: str = "") -> str:
        """Return a relation in words, as "country of origin".

        Args:
            edge_type: Its edge type, not that of the inverse.
            iri: Its IRI, "" for a column of a table.
        """
        if edge_type == INTERACTS:
            return _LIKED
        words = self.relations.get(iri, "").strip()
        return words or in_words(iri or edge_type[1])


def _with_entity_labels(titles: list[str], links: Links, labels: list[str]) -> list[str]:
    if len(links.items) != len(titles):
        raise DataError(
            f"links are over {len(links.items)} items and the graph has {len(titles)}; both must "
            "be made over the same items."
        )
    entity = links.entity_of().tolist()
    return [
        title or (labels[row] if row >= 0 else "")
        for title, row in zip(titles, entity, strict=True)
    ]
