"""What is asked of a SPARQL endpoint, and how politely; settings for Wikidata and DBpedia."""

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
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


class SparqlConfig(Settings):
    """A SPARQL 1.1 endpoint: where it is, what is taken from it, and how often it is asked."""

    endpoint: str = Field(description="http or https address that takes queries by POST.")
    default_graph: tuple[str, ...] = Field(
        default=(), description="IRIs of the graphs to look at; empty: what the endpoint offers."
    )
    prefixes: dict[str, str] = Field(
        default={"rdf": RDF, "rdfs": RDFS, "skos": SKOS},
        description="Prefix → namespace, for short names of properties.",
    )
    property_base: str | None = Field(
        default=None, description="Namespace of a property that is named without a prefix."
    )
    namespaces: tuple[str, ...] = Field(
        default=(),
        description="Where no relations are named: properties whose IRI begins with one of these, "
        "besides labels and descriptions. Empty: all properties.",
    )
    labels: tuple[str, ...] = Field(
        default=(RDFS + "label",),
        description="Properties of names; also fetched for what the last hop reaches.",
    )
    descriptions: tuple[str, ...] = Field(
        default=(), description="Properties of descriptions; fetched as labels are."
    )
    languages: tuple[str, ...] | None = Field(
        default=("en",),
        description="Languages of texts, with their regional variants; text without a language "
        "is always taken. None: all.",
    )
    property_link: str | None = Field(
        default=None,
        description="IRI of the relation from the entity that describes a property to the "
        "property; None: the property is described itself.",
    )
    id_template: str = Field(
        default="{}",
        description="How an id is written there, with {} for the id: `tt{}` for MovieLens' numbers "
        "of IMDb, or `http://dbpedia.org/resource/{}`.",
    )
    identifier_forms: Literal["exact", "isbn"] = Field(
        default="exact",
        description="`isbn`: an ISBN is looked for in every way to write it, with 10 or 13 "
        "digits and with hyphens in any place.",
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
        description="Statements per entity and direction; what is beyond is left out and counted. "
        "Virtuoso, DBpedia's server, sorts no more than 10,000.",
    )
    max_entities: int = Field(
        default=500_000,
        ge=1,
        description="Entities to ask about in all; a hop that reaches more is an error.",
    )
    batch_size: int = Field(default=100, ge=1, le=10_000, description="Terms per query.")
    rows: int = Field(default=5000, ge=1, description="Rows that one query asks for at most.")
    rate: float = Field(default=2.0, gt=0, le=1000, description="Requests per second at most.")
    timeout: float = Field(
        default=90.0, gt=0, description="Seconds until an answer has to be there as a whole."
    )
    retries: int = Field(default=5, ge=0, le=100, description="Repetitions after a failure.")
    backoff: float = Field(
        default=1.0, ge=0, description="Seconds before the first repetition; doubled each time."
    )
    longest_wait: float = Field(
        default=300.0, ge=0, description="Seconds; a server that asks for more ends the fetching."
    )
    max_bytes: int = Field(
        default=1 << 26, ge=1, description="Size of one answer, unpacked, in bytes."
    )
    user_agent: str = Field(
        default=f"kgrec/{version('kgrec')} (knowledge-graph recommender; Python urllib3)",
        description="What the server is told about who asks.",
    )
    contact: str | None = Field(
        default=None,
        description="E-mail or web address, added to the user agent, as Wikimedia asks for.",
    )
    proxy: str | None = Field(
        default=None, description="Address of an HTTP proxy. The environment is not looked at."
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
            raise ValueError("expected a text with {} once, in the place of the id")
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
        """Return an id as the endpoint has it.

        >>> SparqlConfig(endpoint="http://ex.org/", id_template="tt{}").written("0113277")
        'tt0113277'
        """
        return self.id_template.replace("{}", id)

    def property_iri(self, name: str) -> str:
        """Return the IRI that the name of a property stands for.

        Raises:
            DataError: It is no IRI, and neither a prefix nor `property_base` makes it one.

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
                f"The property {printable(name)!r} is no IRI ({printable(str(error))}), and begins "
                f"with none of the prefixes {', '.join(self.prefixes)}."
            ) from None


WIKIDATA: Final = SparqlConfig(
    endpoint="https://query.wikidata.org/sparql",
    prefixes={
        "wd": "http://www.wikidata.org/entity/",
        "wdt": WIKIDATA_DIRECT,
        "wikibase": "http://wikiba.se/ontology#",
        "schema": "http://schema.org/",
        "rdf": RDF,
        "rdfs": RDFS,
        "skos": SKOS,
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
        "rdf": RDF,
        "rdfs": RDFS,
        "skos": SKOS,
    },
    property_base=DBO,
    namespaces=(DBO, "http://purl.org/dc/terms/subject", RDF + "type"),
    descriptions=(DBO + "abstract",),
)
"""DBpedia's public endpoint: the mapped ontology, categories and types, English texts."""

PRESETS: Final[Mapping[str, SparqlConfig]] = MappingProxyType(
    {"wikidata": WIKIDATA, "dbpedia": DBPEDIA}
)
"""Names that stand for an endpoint and its settings."""


def endpoint_config(endpoint: str | SparqlConfig, /, **changes: object) -> SparqlConfig:
    """Return the settings of an endpoint that is given by name, by address or whole.

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
