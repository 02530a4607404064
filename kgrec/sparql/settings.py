"""Settings of a SPARQL endpoint, and those of Wikidata and DBpedia."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import urlsplit

import pyoxigraph
from pydantic import Field, field_validator

from kgrec.errors import ConfigError, DataError, did_you_mean, printable
from kgrec.rdf.namespaces import DBO, FOAF, RDF, RDFS, SKOS
from kgrec.settings import Settings, make_settings

WIKIDATA_DIRECT: Final = "http://www.wikidata.org/prop/direct/"
_PREFIXES: Final = {"rdf": RDF, "rdfs": RDFS, "skos": SKOS}
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


class SparqlConfig(Settings):
    """A SPARQL 1.1 endpoint: its address, what to fetch, and how fast."""

    endpoint: str = Field(description="http or https address that accepts queries by POST.")
    default_graph: tuple[str, ...] = Field(
        default=(), description="IRIs of the graphs to query; empty: those of the endpoint."
    )
    prefixes: dict[str, str] = Field(
        default=_PREFIXES,
        description="Prefix → namespace, for short names of properties.",
    )
    property_base: str | None = Field(
        default=None, description="Namespace of property names without a prefix."
    )
    namespaces: tuple[str, ...] = Field(
        default=(),
        description="If no relations are named: properties whose IRI begins with one of these, "
        "besides labels and descriptions. Empty: all properties.",
    )
    labels: tuple[str, ...] = Field(
        default=(RDFS + "label",),
        description="Properties of names; also fetched for entities of the last hop.",
    )
    descriptions: tuple[str, ...] = Field(
        default=(), description="Properties of descriptions; fetched as labels are."
    )
    languages: tuple[str, ...] | None = Field(
        default=("en",),
        description="Languages of texts, with their regional variants; text without a language "
        "is always fetched. None: all.",
    )
    property_link: str | None = Field(
        default=None,
        description="IRI of the relation from the entity that describes a property to the "
        "property; None: the property has its own description.",
    )
    id_template: str = Field(
        default="{}",
        description="The endpoint's form of an id, with {} for the id: `tt{}` for the IMDb numbers "
        "of MovieLens, or `http://dbpedia.org/resource/{}`.",
    )
    identifier_forms: Literal["exact", "isbn"] = Field(
        default="exact",
        description="`isbn`: an ISBN is searched in all its forms, with 10 or 13 digits and with "
        "hyphens in any place.",
    )
    identifier_datatype: str | None = Field(
        default=None, description="Datatype of the identifiers; None: plain text."
    )
    direction: Literal["out", "in", "both"] = Field(
        default="out", description="Which statements of an entity are followed."
    )
    max_edges: int = Field(
        default=2000,
        ge=1,
        le=2**31 - 1,
        description="Most statements per entity and direction; others are left out and counted. "
        "Virtuoso, DBpedia's server, sorts at most 10,000.",
    )
    max_entities: int = Field(
        default=500_000,
        ge=1,
        le=2**31 - 1,
        description="Most entities to query in all; a hop that reaches more is an error.",
    )
    batch_size: int = Field(default=100, ge=1, le=10_000, description="Terms per query.")
    rows: int = Field(default=5000, ge=1, le=2**31 - 1, description="Most rows of one query.")
    rate: float = Field(default=2.0, gt=0, le=1000, description="Most requests per second.")
    timeout: float = Field(
        default=90.0, gt=0, le=86_400, description="Seconds for one complete answer."
    )
    retries: int = Field(default=5, ge=0, le=100, description="Repetitions after a failure.")
    backoff: float = Field(
        default=1.0,
        ge=0,
        le=86_400,
        description="Seconds before the first repetition; doubled for each further one.",
    )
    longest_wait: float = Field(
        default=300.0,
        ge=0,
        le=86_400,
        description="Seconds; if a server asks for more, it is an error.",
    )
    max_bytes: int = Field(
        default=1 << 26, ge=1, le=1 << 40, description="Most bytes of one answer, unpacked."
    )
    user_agent: str = Field(
        default=f"kgrec/{version('kgrec')} (knowledge-graph recommender; Python urllib3)",
        description="Name of the client in requests.",
    )
    contact: str | None = Field(
        default=None,
        description="E-mail or web address, added to the user agent; Wikimedia asks for it.",
    )
    proxy: str | None = Field(
        default=None, description="Address of an HTTP proxy; environment variables are ignored."
    )

    @field_validator("endpoint", "proxy")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address that begins with http:// or https://")
        if not re.fullmatch(r"[\x21-\x7e]+", value):
            raise ValueError("an address holds printable ASCII characters only")
        if parts.username is not None or parts.fragment:
            raise ValueError("expected an address without a user's name and without '#'")
        return value

    @field_validator("user_agent", "contact")
    @classmethod
    def _header(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\x20-\x7e]+", value):
            raise ValueError("expected printable ASCII characters")
        return value

    @field_validator("id_template")
    @classmethod
    def _template(cls, value: str) -> str:
        if value.count("{}") != 1:
            raise ValueError("expected a text with {} once, in place of the id")
        return value

    @field_validator("default_graph")
    @classmethod
    def _graphs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for iri in value:
            pyoxigraph.NamedNode(iri)  # a ValueError says what is wrong with it
        return value

    @field_validator("languages")
    @classmethod
    def _tags(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for tag in value or ():
            if not _LANGUAGE.fullmatch(tag):
                raise ValueError(f"{printable(repr(tag))} is no language tag such as 'en'")
        return value

    def written(self, id: str) -> str:
        """Return an id in the form of the endpoint.

        >>> SparqlConfig(endpoint="http://ex.org/", id_template="tt{}").written("0113277")
        'tt0113277'
        """
        return self.id_template.replace("{}", id)

    def property_iri(self, name: str) -> str:
        """Return the IRI of a property's name.

        Raises:
            DataError: It is no IRI, even with its prefix or with `property_base`.

        >>> WIKIDATA.property_iri("P345") == WIKIDATA.property_iri("wdt:P345")
        True
        >>> DBPEDIA.property_iri("dbo:director")
        'http://dbpedia.org/ontology/director'
        """
        prefix, colon, local = name.partition(":")
        if colon and prefix in self.prefixes and not local.startswith("//"):
            iri = self.prefixes[prefix] + local
        elif not colon and self.property_base is not None:
            iri = self.property_base + name
        else:
            iri = name
        try:
            return pyoxigraph.NamedNode(iri).value
        except ValueError as error:
            raise DataError(
                f"The property {printable(name)!r} is no IRI ({printable(str(error))}), and has "
                f"none of the prefixes {', '.join(self.prefixes)}."
            ) from None


WIKIDATA: Final = SparqlConfig(
    endpoint="https://query.wikidata.org/sparql",
    prefixes={
        "wd": "http://www.wikidata.org/entity/",
        "wdt": WIKIDATA_DIRECT,
        "wikibase": "http://wikiba.se/ontology#",
        "schema": "http://schema.org/",
        **_PREFIXES,
    },
    property_base=WIKIDATA_DIRECT,
    namespaces=(WIKIDATA_DIRECT,),
    descriptions=("http://schema.org/description",),
    property_link="http://wikiba.se/ontology#directClaim",
    rate=1.0,
)
"""Wikidata's query service: truthy statements (`wdt:`), English labels and descriptions.

Useful identifiers: P345 IMDb, P4947 TMDB film, P212 ISBN-13, P957 ISBN-10, P434 MusicBrainz artist.
"""

DBPEDIA: Final = SparqlConfig(
    endpoint="https://dbpedia.org/sparql",
    default_graph=("http://dbpedia.org",),
    prefixes={
        "dbr": "http://dbpedia.org/resource/",
        "dbo": DBO,
        "dbp": "http://dbpedia.org/property/",
        "dct": "http://purl.org/dc/terms/",
        "foaf": FOAF,
        **_PREFIXES,
    },
    property_base=DBO,
    namespaces=(DBO, "http://purl.org/dc/terms/subject", RDF + "type"),
    descriptions=(DBO + "abstract",),
)
"""DBpedia's public endpoint: the mapped ontology, categories and types, English texts."""

PRESETS: Final[Mapping[str, SparqlConfig]] = MappingProxyType(
    {"wikidata": WIKIDATA, "dbpedia": DBPEDIA}
)
"""Names of endpoints, and their settings."""


def endpoint_config(endpoint: str | SparqlConfig, /, **changes: object) -> SparqlConfig:
    """Return the settings of an endpoint that is given by name, address or config.

    Args:
        endpoint: "wikidata", "dbpedia", an address that begins with http:// or https://, or a
            config.
        changes: Settings to change.

    Raises:
        ConfigError: The name or a setting is unknown, or a value is not allowed.

    >>> endpoint_config("wikidata", rate=0.5).rate
    0.5
    """
    if isinstance(endpoint, SparqlConfig):
        values: dict[str, object] = endpoint.model_dump()
    elif endpoint.lower() in PRESETS:
        values = PRESETS[endpoint.lower()].model_dump()
    elif "://" in endpoint:
        values = {"endpoint": endpoint}
    else:
        raise ConfigError(
            f"There is no endpoint {printable(endpoint)!r}; expected an address that begins with "
            f"http:// or https://, or a known name.{did_you_mean(endpoint, PRESETS)}"
        )
    return make_settings(SparqlConfig, values | changes, "SPARQL endpoint")
