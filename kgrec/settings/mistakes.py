"""Messages for mistakes in settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from kgrec.errors import did_you_mean, nearest, printable
from kgrec.settings.union_types import (
    is_annotated,
    is_class,
    literals,
    members_of,
    tags_of,
    types_below,
)

_EXPECTED: Final[dict[str, tuple[str, str]]] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), ("a whole number",) * 2),
    **dict.fromkeys(("float_type", "float_parsing"), ("a number",) * 2),
    "finite_number": ("a finite number",) * 2,
    "int_parsing_size": ("a smaller whole number",) * 2,
    **dict.fromkeys(("bool_type", "bool_parsing"), ("True or False", "true or false")),
    "string_type": ("a string", "a text"),
    **dict.fromkeys(("tuple_type", "list_type"), ("a list or tuple", "a list")),
    **dict.fromkeys(("set_type", "frozen_set_type"), ("a set", "a list")),
    **dict.fromkeys(("dict_type", "mapping_type"), ("a mapping",) * 2),
    **dict.fromkeys(("path_type", "string_unicode"), ("a path or text",) * 2),
    "none_required": ("None", "null"),
    "model_type": ("{class_name} or a mapping of its settings", "a mapping"),
    "model_attributes_type": ("a mapping",) * 2,
    "greater_than": ("a number greater than {gt}",) * 2,
    "greater_than_equal": ("a number of at least {ge}",) * 2,
    "less_than": ("a number less than {lt}",) * 2,
    "less_than_equal": ("a number of at most {le}",) * 2,
    "literal_error": ("{expected}",) * 2,
    "too_short": ("{min_length} or more entries",) * 2,
    "too_long": ("{max_length} or fewer entries",) * 2,
    "string_too_long": ("a text of at most {max_length} characters",) * 2,
    "string_too_short": ("a text of at least {min_length} characters",) * 2,
}
"""What is expected by pydantic's types of errors: in words of Python, and of YAML."""


def explain(error: ValidationError, kind: Any, *, yaml: bool = False) -> str:
    """Return in sentences what is wrong with the values for `kind`.

    Args:
        error: What pydantic found.
        kind: The class, or a union of classes.
        yaml: Whether the values were written in YAML.
    """
    places = [_Place.find(kind, item) for item in error.errors(include_url=False)]
    sentences = [_sentence(group, yaml) for group in _grouped(places)]
    for number, text in enumerate(sentences):
        if number and text.startswith(("unknown ", "the ")):  # the others begin with a key
            text = text[0].upper() + text[1:]
        sentences[number] = text if text.endswith((".", "?")) else f"{text}."
    return " ".join(sentences)


@dataclass
class _Place:
    """Where in a tree of settings an error is.

    Attributes:
        item: The error.
        keys: The keys that lead there, without pydantic's names of members of unions.
        options: The types that may be there.
        discriminator: The key that says which of them it is.
        section: The classes that the last key may be of.
        chosen: The choice of the section, if another choice would allow the last key.
        member: Where `loc` names the member of a union without a discriminator; None: nowhere.
    """

    item: Any
    options: Sequence[Any]
    discriminator: Any
    keys: list[str] = field(default_factory=list)
    section: Sequence[type[BaseModel]] = ()
    chosen: str = ""
    member: int | None = None

    @classmethod
    def find(cls, kind: Any, item: Any) -> _Place:
        place = cls(item, *members_of(kind))
        named = len(place.options) > 1  # pydantic names the member of a union next
        union: Sequence[Any] = ()
        last = len(item["loc"]) - 1
        for number, part in enumerate(item["loc"]):
            if not named:
                place.section = [one for one in place.options if is_class(one)]
                inner = [found for one in place.options for found in types_below(one, part)]
                if part != "[key]":
                    place.keys.append(str(part))
                if number < last or not any(part in one.model_fields for one in union):
                    place.chosen = ""  # with another choice, the key would be as wrong
            elif place.discriminator is not None:
                place.chosen = f" where {place.discriminator} is {printable(str(part))!r}"
                union = [one for one in place.options if is_class(one)]
                inner = [(o, None) for o in union if part in tags_of(o, place.discriminator)]
            else:
                place.member = number if place.member is None else place.member
                told_apart = str(part).startswith("tagged-union[")
                inner = [(o, None) for o in place.options if told_apart == is_annotated(o)]
            if len(inner) == 1:
                place.options, place.discriminator = members_of(*inner[0])
                named = len(place.options) > 1
            else:
                place.options = [one for found in inner for one in members_of(*found)[0]]
                named = False
        return place

    @property
    def deeper(self) -> bool:
        """Whether the error is inside of the member of a union."""
        return self.member is not None and self.member + 1 < len(self.item["loc"])


def _grouped(places: Sequence[_Place]) -> list[list[_Place]]:
    """Return places to report; a value that fits no member of a union is reported once."""
    groups: dict[Any, list[_Place]] = {}
    for number, place in enumerate(places):
        loc = place.item["loc"]
        if place.item["type"] == "too_short" and any(
            other.item["loc"][: len(loc)] == loc != other.item["loc"] for other in places
        ):
            continue  # entries that are wrong were not counted
        groups.setdefault(number if place.member is None else loc[: place.member], []).append(place)
    told: list[list[_Place]] = []
    for group in groups.values():
        inside = [place for place in group if place.deeper]
        told += [[place] for place in inside] or [group]
    return told


def _sentence(group: Sequence[_Place], yaml: bool) -> str:
    place, item = group[0], group[0].item
    kind, key, word = item["type"], ".".join(place.keys), "key" if yaml else "setting"
    if kind == "extra_forbidden":
        known = sorted({name for one in place.section for name in one.model_fields})
        hint = did_you_mean(place.keys[-1], known)
        return f"unknown {word} {printable(key)!r}{place.chosen}.{hint}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        key = ".".join([*place.keys, place.discriminator])
        if kind == "union_tag_not_found":
            return f"the {word} {printable(key)!r} is missing"
        classes = [one for one in place.options if is_class(one)]
        tags = [tag for one in classes for tag in tags_of(one, place.discriminator)]
        tag = str(item["ctx"]["tag"])
        return f"{printable(key)}: there is no {printable(tag)!r}.{did_you_mean(tag, tags)}"
    if kind == "missing":
        return f"the {word} {printable(key)!r} is missing"
    reasons = list(dict.fromkeys(_reason(one, yaml) for one in group))
    text = f"{printable(key)}: " if key else ""
    text += reasons[0] + "".join(f" or {one.removeprefix('expected ')}" for one in reasons[1:])
    value = item["input"]
    if kind == "value_error" and isinstance(value, Mapping | BaseModel):
        return text  # the value would be the whole section
    near = None
    if kind == "literal_error" and isinstance(value, str):
        near = nearest(value, [one for one in literals(place.options) if isinstance(one, str)])
    hint = f". Did you mean {near!r}?" if near is not None else ""
    if kind in ("tuple_type", "list_type") and isinstance(value, str):
        hint = f". Did you mean [{printable(value, 60) if yaml else repr(value)}]?"
    return f"{text}, found {printable(shown(value, yaml), 60)}{hint}"


def _reason(place: _Place, yaml: bool) -> str:
    kind, context = place.item["type"], place.item.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _EXPECTED:
        words = {name: _number(value) for name, value in context.items()}
        return "expected " + _EXPECTED[kind][yaml].format(**words)
    message: str = place.item["msg"]
    return message.replace("Input should be ", "expected ", 1)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown(value: Any, yaml: bool) -> str:
    """Return a value as it is written in Python, or in YAML."""
    if not yaml or isinstance(value, str):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)
