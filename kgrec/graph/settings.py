"""The settings of the graph that models see."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from kgrec.errors import printable
from kgrec.rdf.namespaces import DESCRIPTION_RELATIONS, LABEL_RELATIONS
from kgrec.settings import Settings

_NAMES = "IRIs, or their last parts where these are unique."


class GraphConfig(Settings):
    """Which parts of the knowledge graph become nodes, edges and numbers."""

    min_degree: int = Field(
        default=2,
        ge=1,
        le=2**31 - 1,
        description="Entities and attribute values with fewer distinct neighbors are left out, in "
        "one pass: with one neighbor they connect nothing. The graph's report has their number.",
    )
    max_hops: int | None = Field(
        default=None,
        ge=0,
        le=2**31 - 1,
        description="Entities more edges away from every linked item, in either direction, are "
        "left out. None: no limit.",
    )
    keep_relations: tuple[str, ...] | None = Field(
        default=None,
        description="The relations that are used, as edges, as numbers and in texts; None: all. "
        "Labels, descriptions and rdf:type have their own settings. " + _NAMES,
    )
    drop_relations: tuple[str, ...] = Field(
        default=(),
        description="Relations that are not used at all, of triples or of literals. " + _NAMES,
    )
    inverse_relations: bool = Field(
        default=True,
        description="Whether each relation also has edges from object to subject, as `rev_<name>`. "
        "Interactions always have them.",
    )
    same_as: bool = Field(
        default=False,
        description="Whether entities joined by owl:sameAs become one: the linked one, of several "
        "the one with the first IRI. Links and literals move to it.",
    )
    types: Literal["edges", "nodes", "ignore"] = Field(
        default="edges",
        description="What rdf:type becomes. `edges`: a relation like others; `nodes`: entities of "
        "a type are nodes of the type `entity_<name>`, the rarest one where an entity has several; "
        "`ignore`: nothing. Texts name the types in any case.",
    )
    min_type_size: int = Field(
        default=10,
        ge=1,
        le=2**31 - 1,
        description="With types=nodes: a type with fewer entities gets no node type of its own.",
    )
    keep_types: tuple[str, ...] | None = Field(
        default=None,
        description="Only entities of one of these types are used, besides those of linked items; "
        "None: all. " + _NAMES,
    )
    drop_types: tuple[str, ...] = Field(
        default=(),
        description="Entities of one of these types are not used, unless items are linked to "
        "them. " + _NAMES,
    )
    label_relations: tuple[str, ...] = Field(
        default=LABEL_RELATIONS,
        description="IRIs of the properties that give names, the first that an entity has. Two "
        "IRIs with a space between them lead over a node, such as skosxl:prefLabel and "
        "skosxl:literalForm.",
    )
    description_relations: tuple[str, ...] = Field(
        default=DESCRIPTION_RELATIONS,
        description="IRIs of the properties that give descriptions, the first that an entity has.",
    )

    numbers: bool = Field(
        default=True,
        description="Whether numbers, dates, truth values and durations of the linked entities "
        "become features of their items.",
    )
    min_number_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Share of the linked items that must have a value for a property of the graph "
        "to become a feature.",
    )

    @model_validator(mode="after")
    def _no_contradiction(self) -> GraphConfig:
        for keep, drop, name in (
            (self.keep_relations, self.drop_relations, "relations"),
            (self.keep_types, self.drop_types, "types"),
        ):
            both = sorted(set(keep or ()) & set(drop))
            if both:
                raise ValueError(f"keep_{name} and drop_{name} both name {printable(both[0])!r}")
        return self
