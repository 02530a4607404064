"""Terms of queries and of answers. Both may come from strangers.

Terms are checked before they are written into a query, so that none can end early: an IRI has no
character that RDF forbids, and in a text every quotation mark, backslash and line end is escaped
(SPARQL 1.1, section 19). The terms of an answer are checked again before they go into a query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import pyoxigraph

from kgrec.data.vocabulary import is_unicode
from kgrec.errors import DataError, printable
from kgrec.rdf.namespaces import RDF_LANG_STRING, XSD_STRING

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
# SPARQL replaces \uXXXX before it parses a query, and not every server counts the backslashes
# before it: such a text could become a quotation mark.
_RISKY: Final = re.compile(r"\\[uU]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BAD_IRI: Final = "an IRI that is not valid (RFC 3987)"


@dataclass(frozen=True)
class Literal:
    """A literal of an answer, exactly as the server gave it.

    Attributes:
        value: Lexical form.
        datatype: IRI; `xsd:string` or `rdf:langString` if the server gave none.
        language: Tag, "" for none.
    """

    value: str
    datatype: str = XSD_STRING
    language: str = ""


class Blank(str):
    """The label of a blank node; it has a meaning only in its answer."""

    __slots__ = ()


class BadTermError(ValueError):
    """A term of an answer that is not valid RDF."""


Term = str | Literal | Blank


def iri_text(iri: str) -> str:
    """Return an IRI in SPARQL syntax.

    Raises:
        DataError: It is no absolute IRI.

    >>> iri_text("http://ex.org/Heat")
    '<http://ex.org/Heat>'
    """
    check_iri(iri)
    return f"<{iri}>"


def check_iri(iri: str) -> None:
    """Raise a DataError if `iri` is no absolute IRI of RFC 3987."""
    try:
        pyoxigraph.NamedNode(iri)
    except ValueError as error:
        raise DataError(f"{printable(iri)!r} is no IRI: {printable(str(error))}.") from None


def literal_text(value: str, datatype: str | None = None) -> str:
    r"""Return a text in SPARQL syntax.

    Raises:
        DataError: It has control characters, a surrogate, or a backslash before "u", which
            servers read differently.

    >>> print(literal_text('a "b"\n'))
    "a \"b\"\n"
    """
    found = _RISKY.search(value)
    if found:
        raise DataError(
            f"{printable(value)!r} cannot be an identifier: it holds {printable(found.group())!r}."
        )
    return f'"{value.translate(_ESCAPES)}"' + (f"^^{iri_text(datatype)}" if datatype else "")


def read_term(binding: Any) -> Term:
    """Return the term of one binding of SPARQL 1.1 Query Results JSON.

    An IRI is a plain `str`.

    Raises:
        BadTermError: It is malformed, not valid in RDF 1.1, or a triple term.
    """
    if not isinstance(binding, dict):
        raise BadTermError("a binding that is no object")
    kind, value = binding.get("type"), binding.get("value")
    if not isinstance(value, str) or not is_unicode(value):
        raise BadTermError("a value that is no text")
    if kind == "uri":
        try:
            return pyoxigraph.NamedNode(value).value
        except ValueError:
            raise BadTermError(_BAD_IRI) from None
    if kind == "bnode":
        return Blank(value)
    if kind in ("literal", "typed-literal"):  # the latter from drafts, and from Virtuoso
        return _literal(value, binding)
    raise BadTermError("a triple term (RDF 1.2)" if kind == "triple" else "a term of unknown type")


def _literal(value: str, binding: dict[str, Any]) -> Literal:
    language = binding.get("xml:lang") or ""
    datatype = binding.get("datatype") or (RDF_LANG_STRING if language else XSD_STRING)
    if "its:dir" in binding:
        raise BadTermError("a literal with a base direction (RDF 1.2)")
    if not isinstance(language, str) or not isinstance(datatype, str):
        raise BadTermError("a datatype or language that is no text")
    if bool(language) != (datatype == RDF_LANG_STRING):
        raise BadTermError("a language beside a datatype, or rdf:langString without a language")
    try:
        if language:
            pyoxigraph.Literal("", language=language)
        elif datatype != XSD_STRING:
            pyoxigraph.NamedNode(datatype)
    except ValueError:
        raise BadTermError("a datatype or language tag that is not valid") from None
    return Literal(value, datatype, language)
