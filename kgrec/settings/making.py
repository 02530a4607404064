"""Settings from plain values."""

from __future__ import annotations

import re
from typing import Any, TypeVar, overload

from pydantic import BaseModel, TypeAdapter, ValidationError

from kgrec.errors import ConfigError, option
from kgrec.settings.mistakes import explain
from kgrec.settings.union_types import is_class

S = TypeVar("S", bound=BaseModel)


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
        if is_class(kind):
            return kind.model_validate(values)
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        found = explain(error, kind, yaml=yaml)
        name = re.match(r"(\w+): ", found)
        if arguments and name and option(name[1]).startswith("-"):
            raise ConfigError(option(name[1]) + found[name.end() - 2 :]) from error
        raise ConfigError(f"{where}: {found}") from error
