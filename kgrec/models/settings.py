"""Choosing the settings of models and their parts by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BeforeValidator

from kgrec.settings import Settings


def by_name(default: str = "") -> BeforeValidator:
    """Accept a name instead of settings, in a union that is discriminated by `name`.

    Args:
        default: The name of settings without one; empty: they need one.
    """

    def named(given: Any) -> Any:
        if isinstance(given, str):
            return {"name": given}
        if default and isinstance(given, Mapping) and "name" not in given:
            return {"name": default, **given}
        return given

    return BeforeValidator(named)


def kinds_of(union: Any) -> dict[str, type[Settings]]:
    """Return the classes of a union that is discriminated by `name`, by name.

    Args:
        union: An `Annotated` union of classes with a literal `name`.
    """
    return {
        name: kind
        for kind in get_args(get_args(union)[0])
        for name in get_args(kind.model_fields["name"].annotation)
    }
