"""IRI templates: text with `{column}` in it, after RFC 6570, levels 1 and 2.

https://www.rfc-editor.org/rfc/rfc6570
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from kgrec.errors import ConfigError, did_you_mean, printable

_EXPRESSION: Final = re.compile(r"\{(\+?)([^{}]+)\}")
# Characters that no IRI can have (https://www.rfc-editor.org/rfc/rfc3987).
_FORBIDDEN: Final = r'[\x00-\x20\x7f<>"{}|\\^`]'
_ENCODED: Final = r"[^A-Za-z0-9._~-]"
_FEW: Final = 32  # characters; more of them are encoded value by value


def variables(template: str) -> list[str]:
    """Return the names in the braces of a template, in order.

    >>> variables("http://shop.example/{country}/{+sku}")
    ['country', 'sku']
    """
    return [name for _, name in _EXPRESSION.findall(template)]


def check_template(template: str) -> str:
    """Return a valid template as it is.

    Raises:
        ValueError: It has no `{name}`, a single brace, or a character that no IRI can have.
    """
    rest = _EXPRESSION.sub("", template)
    if rest == template or "{" in rest or "}" in rest:
        raise ValueError("an IRI template needs {name} in it, such as http://shop.example/{sku}")
    check_iri(rest)
    return template


def check_iri(text: str) -> str:
    """Return a valid IRI, or a valid part of one, as it is.

    Raises:
        ValueError: It has a character that no IRI can have.
    """
    if re.search(_FORBIDDEN, text):
        raise ValueError('an IRI holds no blanks, controls or any of < > " { } | \\ ^ `')
    return text


def expand(template: str, values: Mapping[str, Any]) -> Any:
    """Return the IRIs of a template, Arrow `large_string` of shape (n,).

    `{name}` percent-encodes all but unreserved characters, so that different values give different
    IRIs. `{+name}` is for values that are IRIs or parts of them: reserved characters and letters
    of any script stay as they are.

    Args:
        template: The template.
        values: Arrow `large_string` arrays of shape (n,), without nulls, by name.

    Raises:
        ConfigError: A name in the template is not in `values`.

    >>> expand("http://e.org/{name}", {"name": pa.array(["a/b c"], pa.large_string())}).to_pylist()
    ['http://e.org/a%2Fb%20c']
    """
    parts: list[Any] = []
    end = 0
    for found in _EXPRESSION.finditer(template):
        reserved, name = found.groups()
        if name not in values:
            raise ConfigError(
                f"The template {printable(template)!r} names {printable(name)!r}, which does not "
                f"exist.{did_you_mean(name, values)}"
            )
        parts += [template[end : found.start()], _encoded(values[name], reserved=bool(reserved))]
        end = found.end()
    parts.append(template[end:])
    scalars = [pa.scalar(p, pa.large_string()) if isinstance(p, str) else p for p in parts]
    return pc.binary_join_element_wise(*scalars, pa.scalar("", pa.large_string()))


def _encoded(values: Any, *, reserved: bool) -> Any:
    """Return the values percent-encoded; values that need no encoding stay as they are."""
    needs = pc.match_substring_regex(values, _FORBIDDEN if reserved else _ENCODED)
    if not pc.any(needs).as_py():
        return values
    rare = values.filter(needs)
    found = re.findall(_FORBIDDEN if reserved else _ENCODED, _characters(rare))
    if len(found) <= _FEW:
        # Character by character; the percent sign first, because encoding adds percent signs.
        for char in sorted(found, key="%".__ne__):
            rare = pc.replace_substring(rare, char, quote(char, safe=""))
    else:
        coded = rare.dictionary_encode()
        encode = _iri_part if reserved else lambda text: quote(text, safe="")
        texts = [encode(text) for text in coded.dictionary.to_pylist()]
        rare = pa.array(texts, pa.large_string()).take(coded.indices)
    return pc.replace_with_mask(values, needs, rare)


def _characters(values: Any) -> str:
    """Return the distinct characters of all values."""
    found: set[str] = set()
    for begin in range(0, len(values), 1 << 16):
        found.update("".join(values[begin : begin + (1 << 16)].to_pylist()))
    return "".join(sorted(found))


def _iri_part(text: str) -> str:
    return re.sub(_FORBIDDEN, lambda char: quote(char.group(), safe=""), text)
