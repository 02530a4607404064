"""The reference of all settings, made from their classes: defaults, ranges and meanings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import getdoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as limits
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kgrec.config import Config, NamedEnsembleConfig
from kgrec.evaluation.protocols import AnyProtocol
from kgrec.evaluation.significance import SignificanceConfig
from kgrec.explain.writing.settings import WordsConfig
from kgrec.kg.tables.mapping import TableMapping
from kgrec.models.presets import PRESETS
from kgrec.retrieval.settings import RetrieveConfig
from kgrec.serving.settings import ServeConfig
from kgrec.sparql.settings import SparqlConfig
from kgrec.training.published import PresetConfig
from kgrec.tuning.settings import TuneConfig

TAGS = ("name", "format")
"""Keys that choose a class of a union."""

DEFAULT_FORMAT = "files"
"""The data format whose keys are shown without its name."""

PLAIN = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    Path: "path",
    Any: "any value",
}


class MissingMeaning(Exception):
    """A setting says nowhere what it means."""


@dataclass(frozen=True)
class Part:
    """A class of settings where it stands in a config.

    Attributes:
        kind: The class.
        path: The keys before its own, joined by dots.
        tag: The name that chooses it where there are several classes; empty: there is one.
        level: The level of its heading.
    """

    kind: type[BaseModel]
    path: str
    tag: str = ""
    level: int = 2

    @property
    def heading(self) -> str:
        """The words of the heading."""
        return f"`{self.path}`: `{self.tag}`" if self.tag else f"`{self.path}`"


def config_reference() -> str:
    """Return the settings of a config of `kgrec train` as Markdown."""
    parts = [keys(Part(Config, ""))]
    parts += [section(part) for part in parts_below(Part(Config, "", level=1))]
    return "\n".join(parts)


def protocol_reference() -> str:
    """Return the settings of all protocols as Markdown."""
    return _sections(AnyProtocol, "protocol")


def mapping_reference() -> str:
    """Return the keys of a mapping file as Markdown."""
    top = Part(TableMapping, "", level=1)
    return "\n".join([keys(top), *(section(part) for part in parts_below(top))])


def sparql_reference() -> str:
    """Return the settings of `kgrec fetch` as Markdown."""
    return keys(Part(SparqlConfig, "", "fetch"))


def serving_reference() -> str:
    """Return the settings of `kgrec serve` as Markdown."""
    top = Part(ServeConfig, "", level=1)
    return "\n".join([keys(top), *(section(part) for part in parts_below(top))])


def words_reference() -> str:
    """Return the settings of `kgrec.Writer` as Markdown."""
    return keys(Part(WordsConfig, "", "words"))


def significance_reference() -> str:
    """Return the settings of paired tests as Markdown."""
    return keys(Part(SignificanceConfig, "", "compare"))


def _sections(union: Any, path: str) -> str:
    return "\n".join(section(Part(kind, path, tag_of(kind))) for kind in classes(union))


def section(part: Part) -> str:
    """Return a heading, what the class is, and its keys."""
    if part.kind is PresetConfig:
        return _presets(part)
    about = re.split(r"\n\n?(?:Attributes|Args):", getdoc(part.kind) or "")[0].strip()
    return f"{'#' * part.level} {part.heading}\n\n{about}\n\n{keys(part)}"


def keys(part: Part) -> str:
    """Return an entry for each setting of a class.

    Raises:
        MissingMeaning: One has no description.
    """
    return "\n".join(_entry(part, name, field) for name, field in shown(part.kind))


def shown(kind: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the settings of a class, without the one that chooses the class."""
    for name, field in kind.model_fields.items():
        if not (name in TAGS and tag_of(kind)):
            yield name, field


def _entry(part: Part, name: str, field: FieldInfo) -> str:
    path = f"{part.path}.{name}".lstrip(".")
    label = path if part.tag in ("", DEFAULT_FORMAT) else f"{path} ({part.tag})"
    lines = [f"```{{confval}} {label}", ":no-contents-entry:", f":type: {type_text(field)}"]
    if not field.is_required():
        lines.append(f":default: `{default_text(field.get_default(call_default_factory=True))}`")
    return "\n".join([*lines, "", in_yaml(meaning(part.kind, name)), "```", ""])


def meaning(kind: type[BaseModel], name: str) -> str:
    """Return what a setting means: its description, or its line under `Attributes:`.

    Raises:
        MissingMeaning: There is neither.
    """
    for one in kind.__mro__:
        if not issubclass(one, BaseModel):
            continue
        field = one.model_fields.get(name)
        if field is not None and field.description:
            return field.description
        found = re.search(
            rf"^Attributes:\n(?:.*\n)*?    {name}: ((?:.|\n(?=     |\n     ))*)",
            (getdoc(one) or "") + "\n",
            re.MULTILINE,
        )
        if found:
            return re.sub(r"\s+", " ", found[1]).strip()
    raise MissingMeaning(f"{kind.__module__}.{kind.__qualname__}.{name} has no description.")


def in_yaml(text: str) -> str:
    """Return a description with the words of Python replaced by those of YAML."""
    text = re.sub(r"\bNone\b(?=[:;, ])", "null", text)
    return text.replace("True", "true").replace("False", "false")


def type_text(field: FieldInfo) -> str:
    """Return what values a setting takes, in words, with their range."""
    return _type(field.annotation, field.metadata)


def _type(kind: Any, metadata: Sequence[Any] = ()) -> str:
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        inside = [one for item in more for one in getattr(item, "metadata", [item])]
        return _type(kind, [*metadata, *inside])
    named = [tag for one in classes(kind) for tag in tags_of(one)]
    options = [one for one in get_args(kind) if one is not NoneType]
    if get_origin(kind) in (Union, UnionType):
        empty = ", or null" if NoneType in get_args(kind) else ""
        if named:
            return _either(named) + empty
        return " or ".join(_type(one, metadata) for one in options) + empty
    if get_origin(kind) is Literal:
        return _either(options)
    if get_origin(kind) is tuple:
        if any(tag for one in classes(kind) for tag in tags_of(one)):
            return "list of sections" + _length(metadata)
        return "list of " + _plural(_type(options[0])) + _length(metadata)
    if get_origin(kind) in (dict, Mapping):
        return "mapping"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "section"
    return PLAIN.get(kind, str(kind)) + _range(metadata)


def _either(names: Sequence[Any]) -> str:
    *most, last = [f"`{name}`" for name in names]
    return f"{', '.join(most)} or {last}" if most else last


def _plural(words: str) -> str:
    known = {"text": "texts", "number": "numbers", "whole number": "whole numbers"}
    return known.get(words, "sections" if words == "section" else words)


def _length(metadata: Sequence[Any]) -> str:
    found = [one.min_length for one in metadata if isinstance(one, limits.MinLen)]
    return f", at least {found[0]}" if found else ""


def _range(metadata: Sequence[Any]) -> str:
    words = []
    for one in metadata:
        if isinstance(one, limits.Interval):
            words.append(_range([limits.Ge(one.ge), limits.Le(one.le)]))
        elif isinstance(one, limits.Gt):
            words.append(f"greater than {_number(one.gt)}")
        elif isinstance(one, limits.Ge):
            words.append(f"at least {_number(one.ge)}")
        elif isinstance(one, limits.Lt):
            words.append(f"less than {_number(one.lt)}")
        elif isinstance(one, limits.Le):
            words.append(f"at most {_number(one.le)}")
    return f", {' and '.join(words)}" if words else ""


def _number(value: Any) -> str:
    power = {2**31: "2³¹", 2**63: "2⁶³"}
    return power.get(value) or f"{value:g}"


def default_text(value: Any) -> str:
    """Return a default as it stands in YAML; settings with a name are their name."""
    if isinstance(value, BaseModel):
        return tag_of(type(value)) or "its defaults"
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, Path):
        value = str(value)
    plain = list(value) if isinstance(value, tuple) else value
    if isinstance(plain, list):  # settings by name with their defaults: the name stands for them
        plain = [getattr(one, "name", one) for one in plain]
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n...\n").strip()


def classes(kind: Any) -> list[type[BaseModel]]:
    """Return the classes of settings in a type: one, those of a union, or those of a list."""
    if isinstance(kind, type):
        return [kind] if issubclass(kind, BaseModel) else []
    return [found for one in get_args(kind) for found in classes(one)]


def tags_of(kind: type[BaseModel]) -> list[str]:
    """Return the names that choose a class."""
    for key in TAGS:
        field = kind.model_fields.get(key)
        if field is not None and get_origin(field.annotation) is Literal:
            return list(get_args(field.annotation))
    return []


def tag_of(kind: type[BaseModel]) -> str:
    """Return the name that chooses a class, empty where there is none."""
    return ", ".join(tags_of(kind))


def parts_below(part: Part) -> Iterator[Part]:
    """Yield the classes of settings below a class, depth first, each where it stands."""
    if part.kind is PresetConfig:  # those of the link predictor, which are listed with it
        return
    for name, field in shown(part.kind):
        members = part.kind is NamedEnsembleConfig and name == "members"
        if members:  # any model, with the settings listed there
            continue
        word = "KEY" if part.kind is TuneConfig else "COLUMN"
        places = {tuple: f"{name}[]", dict: f"{name}.{word}"}
        holders = {get_origin(one) for one in (field.annotation, *get_args(field.annotation))}
        place = next((text for kind, text in places.items() if kind in holders), name)
        path = f"{part.path}.{place}".lstrip(".")
        kinds = classes(field.annotation)
        for kind in kinds:
            tag = tag_of(kind) if len(kinds) > 1 else ""
            tag = tag or (part.tag if part.tag and part.tag != "link_prediction" else "")
            # Two levels of headings are enough for a table of contents.
            below = Part(kind, path, tag, level=min(part.level + 1, 3))
            yield below
            yield from parts_below(replace(below))


def _presets(part: Part) -> str:
    """Return the published models: where each is from, and what its name stands for."""
    lines = [
        f"{'#' * part.level} `{part.path}`: published models",
        "",
        "Each name stands for settings of `link_prediction`. Settings that you give next to the "
        "name replace them.",
        "",
    ]
    for name, preset in PRESETS.items():
        body = yaml.safe_dump(preset.settings, sort_keys=False, default_flow_style=None, width=90)
        lines += [f"`{name}`", f": {preset.paper}.", "", *_indented(f"```yaml\n{body}```"), ""]
    return "\n".join(lines)


def _indented(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.splitlines()]


def documented() -> set[type[BaseModel]]:
    """Return all classes whose settings the reference shows."""
    found = {
        Config,
        TableMapping,
        ServeConfig,
        SparqlConfig,
        RetrieveConfig,
        SignificanceConfig,
        WordsConfig,
        *classes(AnyProtocol),
    }
    for top in (Config, TableMapping, ServeConfig):
        found |= {part.kind for part in parts_below(Part(top, ""))}
    return found
