"""What types of settings may stand in a place: members of unions, names that choose them."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kgrec.settings.base import ByName


def kinds_of(union: Any, key: str = "name") -> dict[str, Any]:
    """Return the classes of a union that is discriminated by `key`, by name.

    Args:
        union: An `Annotated` union of classes with a literal `key`.
        key: The key of the name.
    """
    return {name: kind for kind in get_args(get_args(union)[0]) for name in tags_of(kind, key)}


def members_of(kind: Any, discriminator: Any = None) -> tuple[list[Any], Any]:
    """Return the types of a union except None, and the discriminator, if any."""
    if is_annotated(kind):
        kind, *about = get_args(kind)
        own = [one.discriminator for one in about if isinstance(one, FieldInfo)]
        return members_of(kind, next(filter(None, own), discriminator))
    if get_origin(kind) not in (Union, UnionType):
        return [kind], discriminator
    members = []
    for one in get_args(kind):
        inner, own = members_of(one)
        if one is not NoneType:
            members += inner if own in (None, discriminator) else [one]
    return members_of(members[0], discriminator) if len(members) == 1 else (members, discriminator)


def is_annotated(kind: Any) -> bool:
    """Return whether a type is `Annotated`."""
    return get_origin(kind) is Annotated


def types_below(kind: Any, part: int | str) -> list[tuple[Any, Any]]:
    """Return the types that may be under a key or in a place, with their discriminators."""
    if is_class(kind):
        known = kind.model_fields.get(part)
        return [] if known is None else [(known.annotation, known.discriminator)]
    inner = [one for one in get_args(kind) if one is not Ellipsis]
    if get_origin(kind) is tuple and Ellipsis not in get_args(kind):
        return [(inner[part], None)] if isinstance(part, int) and part < len(inner) else []
    return [(inner[-1], None)] if get_origin(kind) not in (None, Literal) and inner else []


def tags_of(kind: Any, discriminator: Any) -> list[Any]:
    """Return the values of the discriminator that choose a class."""
    known = kind.model_fields.get(discriminator)
    return [] if known is None else literals(members_of(known.annotation)[0])


def usual_name(kind: Any, metadata: Sequence[Any] = ()) -> str:
    """Return the name of settings without one, of a union or an optional one."""
    found = [one.default for one in metadata if isinstance(one, ByName)]
    if is_annotated(kind):
        kind, *more = get_args(kind)
        return usual_name(kind, [*metadata, *more])
    inner = get_args(kind) if not found and get_origin(kind) in (Union, UnionType) else ()
    return next(iter([*found, *filter(None, map(usual_name, inner))]), "")


def literals(options: Sequence[Any]) -> list[Any]:
    """Return the values of those types that are `Literal`."""
    return [value for one in options if get_origin(one) is Literal for value in get_args(one)]


def is_class(kind: Any) -> bool:
    """Return whether a type is a class of settings."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)
