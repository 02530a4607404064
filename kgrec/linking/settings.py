"""The settings of linking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from kgrec.kg.tables.mapping import Template
from kgrec.kg.tables.templates import variables
from kgrec.settings import Settings, make_settings

Method = Literal["iri", "identifier", "title", "spelling", "meaning"]
METHODS: tuple[Method, ...] = get_args(Method)


class LinkConfig(Settings):
    """How items without a link in a table are linked to entities.

    Methods run in the order of the list below, not in the given order. Each gets only the items
    that the earlier ones left.
    """

    methods: tuple[Method, ...] = Field(
        default=METHODS,
        description="`iri`: the item id is an IRI, or becomes one by `template`; `identifier`: a "
        "property of the entity has the item's identifier; `title`: a label is the title after "
        "normalisation; `spelling`: a label is nearly the title; `meaning`: by text vectors, if "
        "there is an encoder.",
    )
    template: Template | None = Field(
        default=None,
        description="IRI of the entity of an item for the method `iri`, with {id} in it, such as "
        "http://shop.example/product/{id}; {+id} leaves slashes and letters of any script as they "
        "are. None: the item id is the IRI.",
    )
    property: str | None = Field(default=None, description="IRI of the property of identifiers.")
    column: str | None = Field(
        default=None, description="Column of the identifier; None: the item id is the identifier."
    )
    identifier: Literal["exact", "plain", "isbn"] = Field(
        default="exact",
        description="How identifiers are compared: `exact`: without blanks around them; `plain`: "
        "letters and digits only, lower case; `isbn`: ISBN-10 and ISBN-13 are equal.",
    )
    title: str | None = Field(default=None, description="Column of the title.")
    year: str | None = Field(
        default=None, description="Column of the year; None: a year in brackets after the title."
    )
    threshold: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Least confidence of a link, except for links of a table.",
    )
    review: float = Field(
        default=0.05, ge=0, le=1, description="Least confidence of a candidate in the review."
    )
    max_candidates: int = Field(
        default=5, ge=1, le=1000, description="Candidates per item in the review."
    )
    one_to_one: bool = Field(
        default=False, description="Whether an entity is linked to one item at most."
    )
    year_tolerance: int = Field(
        default=1, ge=0, le=20, description="Years that two sources may differ by."
    )
    meaning_limit: float = Field(
        default=0.8,
        gt=0,
        lt=1,
        description="Limit of the confidence by meaning alone; below the threshold by default, so "
        "that such candidates go to the review.",
    )
    types: tuple[str, ...] = Field(
        default=(),
        description="IRIs of the types that entities must have; empty: learnt from sure links.",
    )

    namespaces: tuple[str, ...] = Field(
        default=(),
        description="What the IRIs of entities must begin with, one of these; empty: anything.",
    )
    normalise: bool = Field(
        default=False,
        description="Whether an IRI of a link, or an item id that is one, is linked to the entity "
        "whose IRI differs only in http or https, www., a slash at the end, percent-encoding, case "
        "or the fragment, if the graph does not have the IRI itself.",
    )

    @model_validator(mode="after")
    def _no_key_without_effect(self) -> LinkConfig:
        if self.template is not None and set(variables(self.template)) != {"id"}:
            raise ValueError("the template takes {id}, the item id, and nothing else")
        if self.column is not None and self.property is None:
            raise ValueError(
                "column names the items' identifiers, but no property has those of entities"
            )
        if self.year is not None and self.title is None:
            raise ValueError("year is given without a title")
        return self

    def uses(self, method: Method) -> bool:
        """Return whether a method is chosen and has the column or property that it needs."""
        needs = {"iri": True, "identifier": self.property is not None}
        return method in self.methods and needs.get(method, self.title is not None)


def make_link_config(config: LinkConfig | None, settings: Mapping[str, Any]) -> LinkConfig:
    """Return `config` with some fields replaced.

    Raises:
        ConfigError: A setting is unknown or has a value outside of its range.
    """
    if not settings and config is not None:
        return config
    before = {} if config is None else config.model_dump()
    return make_settings(LinkConfig, {**before, **settings}, "Linking", arguments=True)
