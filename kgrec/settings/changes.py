"""Changes of a tree of settings: `key=value` texts, and sections that another name replaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from kgrec.errors import ConfigError, printable
from kgrec.settings.mistakes import shown
from kgrec.settings.union_types import is_class, members_of, tags_of, types_below, usual_name
from kgrec.settings.yaml_files import parse_yaml

_ONLY_TEXT: Final = tuple("*&%@`")
"""What no value of a setting begins with in YAML, unless it is a text."""


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
            text = value if isinstance(value, str) else shown(value, True)
            gone[f"{key}={printable(text)}"] = dropped
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
        if not is_class(self.kind):
            found, default, first = types_below(self.kind, part), None, ""
        else:
            field = self.kind.model_fields.get(part)
            if field is None:
                return _Section()
            found = [(field.annotation, field.discriminator)]
            default = getattr(self.default, part, None)
            if self.default is None and not field.is_required():
                default = field.get_default(call_default_factory=True)
            first = usual_name(field.annotation, field.metadata)
        if len(found) != 1:
            return _Section()
        options, tag = members_of(*found[0])
        if tag is None:
            one = options[0] if len(options) == 1 else None
            return _Section(one, default if is_class(one) else None)
        name = given if isinstance(given, str) else getattr(default, tag, first)
        if isinstance(given, Mapping):
            name = given.get(tag, name)
        kind = next((one for one in options if name in tags_of(one, tag)), None)
        if kind is not None and getattr(default, tag, None) != name:
            try:
                default = kind.model_validate({tag: name})
            except ValidationError:  # it has settings without a default
                default = None
        return _Section(kind, default, tag, name)
