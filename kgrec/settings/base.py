"""The class of all settings, and settings that are chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


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
