"""What each column of a table means: the id, a relation, a literal or the name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from kgrec.kg.tables.templates import check_iri, check_template, variables
from kgrec.rdf.namespaces import RDF_LANG_STRING
from kgrec.settings import Settings, make_settings, read_yaml

NAMESPACE: Final = "http://example.org/"
"""The default namespace: a domain that nobody owns."""

IDS: Final = ("item_id", "id")
"""Columns that may be the id if no mapping names one; the first that exists is used."""

VALUE: Final = "value"
"""The variable in the template of a relation."""


def _named(columns: Any) -> Any:
    """Return columns given as a list of names as columns without further settings."""
    if isinstance(columns, str):
        columns = [columns]
    if isinstance(columns, (list, tuple)):
        return {name: {} for name in columns}
    if isinstance(columns, Mapping):
        return {name: {} if given is None else given for name, given in columns.items()}
    return columns


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _language(tag: str) -> str:
    if not re.fullmatch(r"(?:[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)?", tag):
        raise ValueError("a language tag looks like en or de-AT")
    return tag


Template = Annotated[str, AfterValidator(check_template)]
Iri = Annotated[str, Field(min_length=1), AfterValidator(check_iri)]
Language = Annotated[str, AfterValidator(_language)]


class RelationColumn(Settings):
    """A column whose values become entities that the row's entity points to."""

    predicate: Iri | None = Field(
        default=None, description="IRI of the relation; None: namespace + column."
    )
    iri: Template | None = Field(
        default=None,
        description="IRI template of the values, with {value} or {+value} in it; None: namespace + "
        "column + '/' + the value, percent-encoded.",
    )
    separator: str | None = Field(
        default=None, min_length=1, description="Text between several values of one cell."
    )
    label: bool | None = Field(
        default=None,
        description="Whether the value becomes the rdfs:label of its entity; None: yes, unless "
        "the value itself is the IRI.",
    )
    language: Language = Field(default="", description="Language tag of that label.")

    @model_validator(mode="after")
    def _of_the_value(self) -> RelationColumn:
        if self.iri is not None and set(variables(self.iri)) != {VALUE}:
            raise ValueError("the template of a relation's values takes {value} and nothing else")
        return self


class LiteralColumn(Settings):
    """A column whose values become literals of the row's entity."""

    predicate: Iri | None = Field(
        default=None, description="IRI of the property; None: namespace + column."
    )
    datatype: Iri | None = Field(
        default=None,
        description="Datatype IRI, or xsd:integer and so on; None: inferred from the values. "
        "Values that do not fit it stay plain strings, and are counted.",
    )
    language: Language = Field(default="", description="Language tag of the values.")
    separator: str | None = Field(
        default=None, min_length=1, description="Text between several values of one cell."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> LiteralColumn:
        if self.language and self.datatype not in (None, RDF_LANG_STRING):
            raise ValueError("a literal has a language or a datatype, not both")
        return self


class TableMapping(Settings):
    """What each column of a table means.

    `relations` and `literals` may also be lists of columns, which then have the defaults. Columns
    that no setting names are not used.

    Attributes:
        id: Column of the row's id. Several rows may have the same. None: chosen, as
            `kgrec.kg.tables.suggestion.suggest_mapping` does.
        iri: IRI template of the row's entity, such as `http://shop.example/product/{sku}`; None:
            namespace + id column + "/" + the id, percent-encoded. `{+sku}` leaves a value that
            is an IRI as it is.
        namespace: Start of the IRIs that are made from column names.
        type: IRIs of the entity's `rdf:type`.
        label: Column of its `rdfs:label`.
        language: Language tag of the labels.
        relations: Columns whose values are entities.
        literals: Columns whose values are literals.
    """

    id: str | None = None
    iri: Template | None = None
    namespace: Iri = NAMESPACE
    type: Annotated[tuple[Iri, ...], BeforeValidator(_listed)] = ()
    label: str | None = None
    language: Language = ""
    relations: Annotated[dict[str, RelationColumn], BeforeValidator(_named)] = Field(default={})
    literals: Annotated[dict[str, LiteralColumn], BeforeValidator(_named)] = Field(default={})

    @classmethod
    def read(cls, path: str | Path) -> TableMapping:
        """Read a mapping from a YAML file.

        Raises:
            ConfigError: The file is missing or no YAML, or a key or value is wrong.
        """
        return cls.from_tree(read_yaml(path, "mapping"), str(path))

    @classmethod
    def from_tree(cls, tree: Any, where: str = "the mapping") -> TableMapping:
        """Return the mapping of a tree of plain values.

        Raises:
            ConfigError: A key or value is wrong; the message names the nearest key.
        """
        if isinstance(tree, cls):
            return tree
        return make_settings(cls, tree, where, yaml=True)

    def to_yaml(self) -> str:
        """Return the mapping as YAML for `read`, without settings at their default."""
        tree = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)

    def default_iri(self, column: str) -> str:
        """Return the default IRI of a column."""
        return self.namespace + quote(column, safe="")
