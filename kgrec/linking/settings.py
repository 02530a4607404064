"""The settings of linking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from kgrec.settings import Settings, make_settings

Method = Literal["iri", "identifier", "title", "spelling", "meaning"]
METHODS: tuple[Method, ...] = get_args(Method)


class LinkConfig(Settings):
    """How items are linked to entities where no table of links says it.

    Methods are used in the order of the list below, whatever their order here; each sees only the
    items that those before it left.
    """

    methods: tuple[Method, ...] = Field(
        default=METHODS,
        description="`iri`: the item id is an IRI; `identifier`: a property of the entity has the "
        "item's identifier; `title`: a label is the title after normalisation; `spelling`: it "
        "nearly is; `meaning`: by text vectors, where an encoder is given.",
    )
    property: str | None = Field(default=None, description="IRI of the property of identifiers.")
    column: str | None = Field(
        default=None, description="Column of the identifier; None: the item id is the identifier."
    )
    identifier: Literal["exact", "plain", "isbn"] = Field(
        default="exact",
        description="How identifiers are compared: `exact` but for blanks around them; `plain`: "
        "letters and digits alone, lower case; `isbn`: ISBN-10 and ISBN-13 alike.",
    )
    title: str | None = Field(default=None, description="Column of the title.")
    year: str | None = Field(
        default=None, description="Column of the year; None: a year in brackets after the title."
    )
    threshold: float = Field(
        default=0.9, gt=0, le=1, description="Least confidence of a link, for all but a file's."
    )
    review: float = Field(
        default=0.05, ge=0, le=1, description="Least confidence of a candidate in the review."
    )
    max_candidates: int = Field(default=5, ge=1, description="Candidates per item in the review.")
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
        description="Confidence by meaning alone stays below; by default it so is for the review.",
    )
    types: tuple[str, ...] = Field(
        default=(),
        description="IRIs of the types that entities must have; empty: learnt from sure links.",
    )

    @model_validator(mode="after")
    def _no_key_without_effect(self) -> LinkConfig:
        if self.column is not None and self.property is None:
            raise ValueError("column names identifiers, but property does not say where they are")
        if self.year is not None and self.title is None:
            raise ValueError("year is given without a title")
        return self

    def uses(self, method: Method) -> bool:
        """Return whether a method is wanted, and its column or property is named."""
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
    return make_settings(LinkConfig, {**before, **settings}, "Linking")
