"""Settings from plain values, and messages for mistakes in them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin, overload

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from kgrec.bounds import yaml_text
from kgrec.bounds.yaml_text import MAX_CHARS
from kgrec.errors import ConfigError, did_you_mean, nearest, option, printable
from kgrec.files import nearest_file, read_plain, system_reason

S = TypeVar("S", bound=BaseModel)

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


_ONLY_TEXT: Final = tuple("*&%@`")
"""What no value of a setting begins with in YAML, unless it is a text."""


class Settings(BaseModel):
    """The settings of a component. Frozen; an unknown one is an error."""

    # No setting is longer than a path can be.
    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=4096, allow_inf_nan=False)


@dataclass(frozen=True)
class ByName(BeforeValidator):
    """What `by_name` returns; it knows the name of settings without one."""

    default: str = ""


def by_name(default: str = "", key: str = "name") -> ByName:
    """Let a name alone stand for the settings of that name, in a union discriminated by `key`.

    Args:
        default: The name of settings without one; empty: they need one.
        key: The key of the name.
    """

    def named(given: Any) -> Any:
        if isinstance(given, str):
            return {key: given}
        return {key: default, **given} if default and isinstance(given, Mapping) else given

    return ByName(named, default=default)


def kinds_of(union: Any, key: str = "name") -> dict[str, Any]:
    """Return the classes of a union that is discriminated by `key`, by name.

    Args:
        union: An `Annotated` union of classes with a literal `key`.
        key: The key of the name.
    """
    return {name: kind for kind in get_args(get_args(union)[0]) for name in _tags(kind, key)}


@overload
def make_settings(
    kind: type[S], values: Any, where: str, *, yaml: bool = ..., arguments: bool = ...
) -> S: ...
@overload
def make_settings(
    kind: object, values: Any, where: str, *, yaml: bool = ..., arguments: bool = ...
) -> Any: ...
def make_settings(
    kind: Any, values: Any, where: str, *, yaml: bool = False, arguments: bool = False
) -> Any:
    """Return settings made of plain values.

    Args:
        kind: The class, or a union of classes.
        values: What is given by name, often a dict.
        where: What an error message begins with.
        yaml: Whether the values were written in YAML; the message then uses its words.
        arguments: Whether the values may be options of a command, which the message then names.

    Raises:
        ConfigError: A setting is unknown, missing or has a wrong value. The message names each,
            what was expected and found, and the nearest known setting.
    """
    try:
        if _is_class(kind):
            return kind.model_validate(values)
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        found = explain(error, kind, yaml=yaml)
        name = re.match(r"(\w+): ", found)
        if arguments and name and option(name[1]).startswith("-"):
            raise ConfigError(option(name[1]) + found[name.end() - 2 :]) from error
        raise ConfigError(f"{where}: {found}") from error


def read_yaml(path: str | Path, what: str) -> Any:
    """Return what a YAML file holds.

    Args:
        path: The file.
        what: What it is, for error messages.

    Raises:
        ConfigError: It is missing, empty or not YAML.
    """
    path = Path(path)
    try:
        text = read_plain(path, 4 * MAX_CHARS).decode("utf-8")
    except FileNotFoundError as error:
        hint = nearest_file(path, "*.y*ml")
        raise ConfigError(f"The {what} {path} does not exist.{hint}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The {what} {path} cannot be read: {system_reason(error)}.") from error
    tree = parse_yaml(text, str(path))
    if tree is None:
        raise ConfigError(f"The {what} {path} is empty.")
    return tree


def parse_yaml(text: str, where: str) -> Any:
    """Return the value of a text in YAML.

    Raises:
        ConfigError: It is not YAML. The message begins with `where`.
    """
    try:
        return yaml_text.load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        if type(error) is yaml.MarkedYAMLError or mark is None:  # in words of kgrec
            line = f", line {mark.line + 1}" if mark is not None else ""
            problem = printable(getattr(error, "problem", None) or "cannot be read")
            raise ConfigError(f"{where}{line} is not valid YAML: {problem}.") from error
        line = "".join(_BREAK.split(text)[mark.line : mark.line + 1]).strip()
        place = f"{where}, line {mark.line + 1}, column {mark.column + 1}"
        found = f": {printable(line, 80)!r}" if line else ""
        reason = _yaml_problem(error, line)
        raise ConfigError(f"{place} is not valid YAML{found}. {reason}") from error


_BREAK: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # what ends a line in YAML
_YAML_PROBLEMS: Final = (
    (r"character '\\t'|'\\t' that cannot start", "Lines are indented with blanks, not tabs."),
    ("mapping values are not allowed|mapping value", "A value with a colon and a blank stands in "
     "quotes; or the line begins at the wrong column, or the line before lacks its colon."),
    ("could not find expected ':'", "Expected `key: value`; a colon and a blank follow each key."),
    ("expected ',' or ']'|found ']'|expected ',' or '}'|found '}'|flow", "A bracket is not closed, "
     "or a comma between entries is missing."),
    ("unexpected end of stream|found unexpected document separator", "A quote is not closed."),
    ("unknown escape|escape sequence", r"In double quotes, \ begins an escape: use single quotes."),
    ("undefined alias|unexpected ':'|expected alphabetic|cannot start any token|found '[*&!|>%@`]'",
     "A text that begins with one of * & ! | > % @ ` stands in quotes."),
    ("constructor for the tag", "Tags that begin with ! are not read: leave it out."),
    ("unhashable", "A key is a text or number, no list or mapping."),
    ("special characters", "It has a control character; write the file as UTF-8."),
    ("expected <block end>|did not find expected|expected the node", "Check the indentation: all "
     "keys of a section begin at the same column."),
)  # fmt: skip
"""What to do about what PyYAML says, by patterns of its words."""


def _yaml_problem(error: Any, line: str) -> str:
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    value = line.partition(": ")[2].strip() or line.removeprefix("- ")
    if value.startswith("!!"):
        return f"{printable(error.problem or 'The value is not of this type')}."
    if value[:1] in tuple("*&!%@`"):
        return f"A text that begins with {value[0]} stands in quotes: '{printable(value, 60)}'."
    for pattern, remedy in _YAML_PROBLEMS:
        if re.search(pattern, said):
            return remedy
    return "Put texts with special characters in quotes, and check the indentation."


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Return the tree of what `key=value` texts say.

    Args:
        settings: Such as `data.split=temporal`; values are read as YAML.

    Raises:
        ConfigError: A text is not of this form.

    >>> parse_settings(["valid=0.2", "reading.on_error=skip"])
    {'valid': 0.2, 'reading': {'on_error': 'skip'}}
    """
    return changed({}, parse_changes(settings))[0]


def parse_changes(settings: Sequence[str]) -> list[tuple[str, Any]]:
    """Return the keys and values of `key=value` texts, for `changed`.

    Raises:
        ConfigError: A text is not of this form.

    >>> parse_changes(["model.l2=3", "data.graph=*.nt"])
    [('model.l2', 3), ('data.graph', '*.nt')]
    """
    changes = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"{printable(setting)!r} is not a setting: expected key=value, such as seed=3."
            )
        text = value[:1] in _ONLY_TEXT  # such as the pattern *.nt
        where = f"the value of {printable(key)}"
        changes.append((key, value if text else parse_yaml(value, where)))
    return changes


def changed(
    tree: Mapping[str, Any],
    changes: Sequence[tuple[str, Any]],
    kind: type[BaseModel] | None = None,
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return a tree with other settings, and which settings no longer apply by that.

    Settings of a whole section come before those in it, whatever their order. Where a section is
    chosen by name, another name (`model=ease` or `model.name=ease`) replaces the whole section:
    settings of the one before would be errors, or mean something else.

    Args:
        tree: The settings; it does not change.
        changes: Keys, such as `model.training.max_epochs`, with their new values. A number in a
            key is a place in a list, from 0.
        kind: The class of the tree; None: no section is known to be chosen by name.

    Returns:
        The tree; and by what was changed (such as `model.name=ease`), the keys of `tree` that were
        in the section before.

    Raises:
        ConfigError: A key leads through a value.

    >>> changed({"a": {"b": 1}}, [("a.b", 2), ("c", 3)])
    ({'a': {'b': 2}, 'c': 3}, {})
    """
    made: dict[str, Any] = deepcopy(dict(tree))
    gone: dict[str, list[str]] = {}
    for key, value in sorted(changes, key=lambda change: _depth(change[0])):
        dropped = _change(made, key, value, kind)
        if dropped:
            shown = value if isinstance(value, str) else _shown(value, True)
            gone[f"{key}={printable(shown)}"] = dropped
    return made, gone


def _depth(key: str) -> int:
    """Return in how many sections a setting is; a name that chooses a section is none in it."""
    *parents, last = key.split(".")
    return len(parents) + (last not in ("name", "format"))


def _change(tree: dict[str, Any], key: str, value: Any, kind: type[BaseModel] | None) -> list[str]:
    """Change a tree in place; return the settings of a section that was replaced by that."""
    *parents, last = key.split(".")
    place: Any = tree
    section = _Section(kind)
    above: tuple[Any, Any] | None = None
    for parent in parents:
        slot = _slot(place, parent, key)
        given = place[slot] if isinstance(place, list) else place.get(slot)
        section = section.below(parent, given)
        if given is None:
            given = {}
        elif isinstance(given, str) and section.tag:
            given = {section.tag: given}
        if not isinstance(given, dict | list):
            shown = printable(parent)
            raise ConfigError(f"{printable(key)}: {shown} is a value, not a section.")
        place[slot] = given
        above, place = (place, slot), given
    slot = _slot(place, last, key)
    if above is not None and section.tag == last:
        old, tag = place, last
        if value == section.name:
            place[last] = value
            return []
        key = ".".join(parents)
        above[0][above[1]] = {last: value}
    else:
        old = place[slot] if isinstance(place, list) else place.get(slot)
        tag = section.below(last, old).tag
        place[slot] = value
    return [f"{key}.{one}" for one in old if one != tag] if tag and isinstance(old, dict) else []


def _slot(place: Any, part: str, key: str) -> Any:
    """Return the key or the place in a list that a part of a key names."""
    if not isinstance(place, list):
        return part
    if part.isascii() and part.isdigit() and int(part) < len(place):
        return int(part)
    raise ConfigError(
        f"{printable(key)}: expected a place from 0 to {len(place) - 1} in the list, found "
        f"{printable(part)!r}."
    )


class _Section:
    """A section of a tree of settings: its class, and what it has by default.

    Attributes:
        kind: The class; None: not known.
        default: Settings of the class by default; None: not known.
        tag: The key of the name that chooses the class; empty: nothing is chosen here.
        name: The name that is chosen.
    """

    def __init__(
        self, kind: Any = None, default: Any = None, tag: str = "", name: str | None = None
    ) -> None:
        self.kind, self.default, self.tag, self.name = kind, default, tag, name

    def below(self, part: str, given: Any) -> _Section:
        """Return the section under a key, where `given` stands now."""
        if self.kind is None:
            return _Section()
        if not _is_class(self.kind):
            found, default, first = _below(self.kind, part), None, ""
        else:
            field = self.kind.model_fields.get(part)
            if field is None:
                return _Section()
            found = [(field.annotation, field.discriminator)]
            default = getattr(self.default, part, None)
            if self.default is None and not field.is_required():
                default = field.get_default(call_default_factory=True)
            first = _usual_name(field.annotation, field.metadata)
        if len(found) != 1:
            return _Section()
        options, tag = _members(*found[0])
        if tag is None:
            one = options[0] if len(options) == 1 else None
            return _Section(one, default if _is_class(one) else None)
        name = given if isinstance(given, str) else getattr(default, tag, first)
        if isinstance(given, Mapping):
            name = given.get(tag, name)
        kind = next((one for one in options if name in _tags(one, tag)), None)
        if kind is not None and getattr(default, tag, None) != name:
            try:
                default = kind.model_validate({tag: name})
            except ValidationError:  # it has settings without a default
                default = None
        return _Section(kind, default, tag, name)


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
        place = cls(item, *_members(kind))
        named = len(place.options) > 1  # pydantic names the member of a union next
        union: Sequence[Any] = ()
        last = len(item["loc"]) - 1
        for number, part in enumerate(item["loc"]):
            if not named:
                place.section = [one for one in place.options if _is_class(one)]
                inner = [found for one in place.options for found in _below(one, part)]
                if part != "[key]":
                    place.keys.append(str(part))
                if number < last or not any(part in one.model_fields for one in union):
                    place.chosen = ""  # with another choice, the key would be as wrong
            elif place.discriminator is not None:
                place.chosen = f" where {place.discriminator} is {printable(str(part))!r}"
                union = [one for one in place.options if _is_class(one)]
                inner = [(o, None) for o in union if part in _tags(o, place.discriminator)]
            else:
                place.member = number if place.member is None else place.member
                told_apart = str(part).startswith("tagged-union[")
                inner = [(o, None) for o in place.options if told_apart == _is_annotated(o)]
            if len(inner) == 1:
                place.options, place.discriminator = _members(*inner[0])
                named = len(place.options) > 1
            else:
                place.options = [one for found in inner for one in _members(*found)[0]]
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
        classes = [one for one in place.options if _is_class(one)]
        tags = [tag for one in classes for tag in _tags(one, place.discriminator)]
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
        near = nearest(value, [one for one in _literals(place.options) if isinstance(one, str)])
    hint = f". Did you mean {near!r}?" if near is not None else ""
    if kind in ("tuple_type", "list_type") and isinstance(value, str):
        hint = f". Did you mean [{printable(value, 60) if yaml else repr(value)}]?"
    return f"{text}, found {printable(_shown(value, yaml), 60)}{hint}"


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


def _shown(value: Any, yaml: bool) -> str:
    if not yaml or isinstance(value, str):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _members(kind: Any, discriminator: Any = None) -> tuple[list[Any], Any]:
    """Return the types of a union except None, and the discriminator, if any."""
    if _is_annotated(kind):
        kind, *about = get_args(kind)
        own = [one.discriminator for one in about if isinstance(one, FieldInfo)]
        return _members(kind, next(filter(None, own), discriminator))
    if get_origin(kind) not in (Union, UnionType):
        return [kind], discriminator
    members = []
    for one in get_args(kind):
        inner, own = _members(one)
        if one is not NoneType:
            members += inner if own in (None, discriminator) else [one]
    return _members(members[0], discriminator) if len(members) == 1 else (members, discriminator)


def _is_annotated(kind: Any) -> bool:
    return get_origin(kind) is Annotated


def _below(kind: Any, part: int | str) -> list[tuple[Any, Any]]:
    """Return the types that may be under a key or in a place, with their discriminators."""
    if _is_class(kind):
        known = kind.model_fields.get(part)
        return [] if known is None else [(known.annotation, known.discriminator)]
    inner = [one for one in get_args(kind) if one is not Ellipsis]
    if get_origin(kind) is tuple and Ellipsis not in get_args(kind):
        return [(inner[part], None)] if isinstance(part, int) and part < len(inner) else []
    return [(inner[-1], None)] if get_origin(kind) not in (None, Literal) and inner else []


def _tags(kind: Any, discriminator: Any) -> list[Any]:
    known = kind.model_fields.get(discriminator)
    return [] if known is None else _literals(_members(known.annotation)[0])


def _usual_name(kind: Any, metadata: Sequence[Any] = ()) -> str:
    """Return the name of settings without one, of a union or an optional one."""
    found = [one.default for one in metadata if isinstance(one, ByName)]
    if _is_annotated(kind):
        kind, *more = get_args(kind)
        return _usual_name(kind, [*metadata, *more])
    inner = get_args(kind) if not found and get_origin(kind) in (Union, UnionType) else ()
    return next(iter([*found, *filter(None, map(_usual_name, inner))]), "")


def _literals(options: Sequence[Any]) -> list[Any]:
    return [value for one in options if get_origin(one) is Literal for value in get_args(one)]


def _is_class(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
