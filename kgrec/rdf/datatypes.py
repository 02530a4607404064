"""Which texts the datatypes of XML Schema allow (https://www.w3.org/TR/xmlschema11-2/)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.rdf.namespaces import XSD
from kgrec.types import BoolArray, IntArray

_ZONE: Final = r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
_YEAR: Final = r"-?(?:[1-9][0-9]{3,}|0[0-9]{3})"
_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_DAY: Final = r"(?:0[1-9]|[12][0-9]|3[01])"
_TIME: Final = r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?|24:00:00(?:\.0+)?)"
_DIGITS: Final = r"[+-]?[0-9]+"
_FLOAT: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?INF|NaN"

_INTEGERS: Final = ("integer", "long", "int", "short", "byte")
_NATURALS: Final = (
    "nonNegativeInteger",
    "unsignedLong",
    "unsignedInt",
    "unsignedShort",
    "unsignedByte",
)
_MONTHS: Final = r"[0-9]+Y(?:[0-9]+M)?|[0-9]+M"
_CLOCK: Final = (
    r"T(?:[0-9]+H(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?|[0-9]+M(?:[0-9]+(?:\.[0-9]+)?S)?"
    r"|[0-9]+(?:\.[0-9]+)?S)"
)
_DAYS: Final = rf"[0-9]+D(?:{_CLOCK})?|{_CLOCK}"

NUMERIC: Final = frozenset(
    XSD + name
    for name in (*_INTEGERS, *_NATURALS, "positiveInteger", "negativeInteger",
                 "nonPositiveInteger", "decimal", "double", "float")
)  # fmt: skip
"""Datatype IRIs of numbers."""

LEXICAL: Final[dict[str, str]] = {
    **{XSD + name: _DIGITS for name in _INTEGERS},
    **{XSD + name: r"\+?[0-9]+|-0+" for name in _NATURALS},
    XSD + "positiveInteger": r"\+?0*[1-9][0-9]*",
    XSD + "negativeInteger": r"-0*[1-9][0-9]*",
    XSD + "nonPositiveInteger": r"-[0-9]+|\+?0+",
    XSD + "decimal": r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)",
    XSD + "double": _FLOAT,
    XSD + "float": _FLOAT,
    XSD + "boolean": "true|false|1|0",
    XSD + "date": f"{_YEAR}-{_MONTH}-{_DAY}{_ZONE}",
    XSD + "dateTime": f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}",
    XSD + "time": f"{_TIME}{_ZONE}",
    XSD + "duration": rf"-?P(?:(?:{_MONTHS})(?:{_DAYS})?|{_DAYS})",
    XSD + "dayTimeDuration": rf"-?P(?:{_DAYS})",
    XSD + "yearMonthDuration": rf"-?P(?:{_MONTHS})",
    XSD + "gYear": f"{_YEAR}{_ZONE}",
    XSD + "gYearMonth": f"{_YEAR}-{_MONTH}{_ZONE}",
    XSD + "gMonth": f"--{_MONTH}{_ZONE}",
    XSD + "gDay": f"---{_DAY}{_ZONE}",
    XSD + "gMonthDay": f"--{_MONTH}-{_DAY}{_ZONE}",
}
"""Datatype IRI → regular expression of its lexical forms, without the surrounding white space.

Ranges (a byte beyond 127, the 31st of February) are not checked.
"""


def ill_typed(value: Any, datatype: Any) -> IntArray:
    """Return the places of the literals whose text their datatype does not allow, sorted.

    Args:
        value: Lexical forms, Arrow string array of shape (m,).
        datatype: Datatype IRIs, Arrow dictionary array of shape (m,).

    >>> texts = pa.array(["7", "seven", "seven"])
    >>> types = pa.array([XSD + "integer", XSD + "integer", XSD + "string"]).dictionary_encode()
    >>> ill_typed(texts, types).tolist()
    [1]
    """
    wrong: list[IntArray] = [np.empty(0, dtype=np.int64)]
    codes = np.asarray(datatype.indices)
    for code, iri in enumerate(datatype.dictionary.to_pylist()):
        pattern = LEXICAL.get(iri)
        rows = np.flatnonzero(codes == code)
        if pattern is None or not len(rows):
            continue
        wrong.append(rows[~matches(value.take(pa.array(rows)), pattern)])
    return np.sort(np.concatenate(wrong))


def matches(texts: Any, pattern: str) -> BoolArray:
    """Return which texts match a pattern as a whole, apart from white space around them."""
    # XML Schema collapses white space around the text of these types.
    return np.asarray(pc.match_substring_regex(texts, rf"\A[ \t\r\n]*(?:{pattern})[ \t\r\n]*\z"))
