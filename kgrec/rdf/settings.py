"""Settings for reading RDF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

from pydantic import Field

from kgrec.settings import Settings, make_settings


class ReadConfig(Settings):
    """How RDF is read."""

    format: str | None = Field(
        default=None,
        description="nt, nq, ttl, trig, rdf or jsonld, or a media type such as text/turtle; "
        "None: by the extension.",
    )
    base_iri: str | None = Field(
        default=None,
        description="Base of relative IRIs; None: a relative IRI is an error.",
    )
    graphs: tuple[str, ...] | None = Field(
        default=None,
        description="IRIs of the named graphs to read, '' for the default graph; None: all.",
    )
    contexts: dict[str, Path] = Field(
        default={},
        description="Files of JSON-LD contexts, by the IRI with which documents refer to them; "
        "nothing is loaded from the web.",
    )
    on_error: Literal["raise", "skip"] = Field(
        default="raise",
        description="skip: leave out statements that are not valid, count them, and read the rest.",
    )
    rejects: Path | None = Field(
        default=None,
        description="File for what was left out, as JSON Lines with file, line, column, reason "
        "and text.",
    )
    max_bytes: int = Field(
        default=64 << 30,
        gt=0,
        le=1 << 62,
        description="Largest size of a file in bytes, decompressed.",
    )
    max_ratio: int = Field(
        default=250,
        gt=0,
        le=1_000_000_000,
        description="Largest ratio of decompressed to compressed size, for files of more than "
        "64 MiB. Real RDF data stays below 50.",
    )
    max_literal: int = Field(
        default=64 << 20,
        gt=0,
        le=1 << 62,
        description="Largest size of a literal in bytes, in UTF-8. The parser of most syntaxes "
        "takes at most 16 MiB per term, whatever is set here.",
    )


class ReadSettings(TypedDict, total=False):
    """The fields of `ReadConfig` as keyword arguments."""

    format: str | None
    base_iri: str | None
    graphs: tuple[str, ...] | list[str] | None
    contexts: Mapping[str, str | Path]
    on_error: Literal["raise", "skip"]
    rejects: str | Path | None
    max_bytes: int
    max_ratio: int
    max_literal: int


def make_read_config(config: ReadConfig | None, settings: ReadSettings) -> ReadConfig:
    """Return `config`, or the defaults, with single settings replaced.

    Raises:
        ConfigError: A setting is unknown or has a wrong value.
    """
    given = (config or ReadConfig()).model_dump() | settings
    return make_settings(ReadConfig, given, "Reading", arguments=True)
