"""Safe JSON-LD: its depth is bounded, and remote contexts come only from a given loader."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from kgrec.errors import DataError, did_you_mean, option, printable
from kgrec.files import read_plain, system_reason
from kgrec.rdf.context_cost import check_contexts
from kgrec.rdf.nesting import check_json

Loader = Callable[[str], Mapping[str, Any] | bytes | str]
"""Returns the JSON-LD document at the IRI of a remote context, as JSON or as its value."""

RELATIVE_BASE: Final = "x-relative-iri://document/"
"""Stands for the base IRI of a document that has none, so that relative IRIs can be recognised."""

_MOST_CONTEXT: Final = 1 << 26  # bytes
_MAX_CONTEXTS: Final = 1000  # references to remote contexts that a document may have
_MAX_CHAIN: Final = 20  # remote contexts that may refer to one another


def from_files(contexts: Mapping[str, Path]) -> Loader:
    """Return a loader that knows the contexts of some files, by their IRIs.

    An IRI with `http`, `https` or without a slash at its end is the same one.
    """
    files = {_without_scheme(iri): path for iri, path in contexts.items()}

    def load(iri: str) -> bytes:
        path = files.get(_without_scheme(iri))
        if path is None:
            raise DataError(
                f"the JSON-LD context {printable(iri)} is not in {option('contexts')}."
                + did_you_mean(iri, contexts)
            )
        try:
            return read_plain(path, _MOST_CONTEXT)
        except OSError as error:
            raise DataError(
                f"the file {printable(str(path))} of the JSON-LD context {printable(iri)} cannot "
                f"be read: {system_reason(error)}."
            ) from error

    return load


def _without_scheme(iri: str) -> str:
    return iri.partition("://")[2].rstrip("/") or iri


def prepared(text: bytes, base_iri: str | None, loader: Loader | None) -> bytes:
    """Return a JSON-LD document with its remote contexts copied into it.

    Follows https://www.w3.org/TR/json-ld11-api/#context-processing-algorithm, 5.2 and 5.6.

    Args:
        text: The document.
        base_iri: Base of relative references to contexts.
        loader: Gives remote contexts; without it the text stays as it is.

    Raises:
        DataError: The JSON is nested too deeply, or a remote context cannot be loaded.
    """
    check_json(text)
    if loader is None:
        check_contexts(text)
        return text
    try:
        document = json.loads(text)
    except ValueError:
        return text  # the parser will say where
    filled = json.dumps(_Contexts(loader).filled(document, base_iri or "", ())).encode()
    check_contexts(filled)
    return filled


class _Contexts:
    """Puts remote contexts into documents, loading each once."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._loaded: dict[str, Any] = {}
        self._references = 0

    def filled(self, value: Any, base: str, chain: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [self.filled(item, base, chain) for item in value]
        if not isinstance(value, dict):
            return value
        if "@value" in value:  # a JSON literal may hold what only looks like a context
            kept = {"@value": value["@value"]}
            return (
                self.filled({k: v for k, v in value.items() if k != "@value"}, base, chain) | kept
            )
        return {
            key: self._context(inner, base, chain)
            if key == "@context"
            else self.filled(inner, base, chain)
            for key, inner in value.items()
        }

    def _context(self, context: Any, base: str, chain: tuple[str, ...]) -> Any:
        if isinstance(context, str):
            return self._remote(context, base, chain)
        if isinstance(context, list):
            found: list[Any] = []
            for part in context:
                inner = self._context(part, base, chain)
                found += inner if isinstance(inner, list) else [inner]
            return found
        if isinstance(context, dict):
            filled = self.filled(context, base, chain)
            if "@import" in filled:
                filled = self._imported(filled, base, chain)
            return filled
        return context

    def _imported(self, context: dict[str, Any], base: str, chain: tuple[str, ...]) -> Any:
        source = context["@import"]
        if not isinstance(source, str):
            raise DataError("a JSON-LD context has an @import that is not a string.")
        inner = self._remote(source, base, chain)
        if not isinstance(inner, dict) or "@import" in inner:
            raise DataError(
                f"the JSON-LD context {printable(source)} is imported, but is not a single context."
            )
        return inner | {key: value for key, value in context.items() if key != "@import"}

    def _remote(self, reference: str, base: str, chain: tuple[str, ...]) -> Any:
        iri = urljoin(base, reference)
        self._references += 1
        if iri in chain or len(chain) >= _MAX_CHAIN or self._references > _MAX_CONTEXTS:
            raise DataError(
                f"the JSON-LD context {printable(iri)} leads back to itself, or to too many others."
            )
        if iri not in self._loaded:
            self._loaded[iri] = self._load(iri)
        found = self._context(self._loaded[iri], iri, (*chain, iri))
        return _without_base(found)

    def _load(self, iri: str) -> Any:
        try:
            document = self._loader(iri)
        except DataError:
            raise
        except Exception as error:
            raise DataError(
                f"the loader could not load the JSON-LD context {printable(iri)}: "
                f"{type(error).__name__}: {printable(str(error))}"
            ) from error
        if isinstance(document, bytes | str):
            raw = document if isinstance(document, bytes) else document.encode()
            check_json(raw)
            try:
                document = json.loads(raw)
            except ValueError as error:
                raise DataError(
                    f"the JSON-LD context {printable(iri)} is not valid JSON: "
                    f"{printable(str(error))}."
                ) from error
        if not isinstance(document, Mapping) or "@context" not in document:
            raise DataError(
                f"the JSON-LD context {printable(iri)} is not a JSON object with a key '@context'."
            )
        return document["@context"]


def _without_base(context: Any) -> Any:
    """Return a remote context without a base IRI: only the document itself may set it."""
    if isinstance(context, list):
        return [_without_base(part) for part in context]
    if isinstance(context, dict):
        return {key: value for key, value in context.items() if key != "@base"}
    return context
