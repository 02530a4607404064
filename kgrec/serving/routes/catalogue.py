"""Routes of the items and the users, and what is known of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from kgrec.serving.access import needs
from kgrec.serving.answers import (
    ItemDetailOut,
    ItemPageOut,
    ProfileOut,
    UserDetailOut,
    UserPageOut,
)
from kgrec.serving.questions import Page, PathId
from kgrec.serving.routes.common import Asked, Json, problems

router = APIRouter(prefix="/v1", tags=["catalogue"], dependencies=[needs("read")])


@router.get("/items", response_model=ItemPageOut, responses=problems(), summary="All items")
def items(service: Asked, asked: Annotated[Page, Query()]) -> Json:
    """Return the items, a page at a time."""
    service.check_k(asked.limit, "limit")
    return Json(service.current.items(asked.limit, asked.after))


@router.get(
    "/items/{item}", response_model=ItemDetailOut, responses=problems(404), summary="An item"
)
def item(service: Asked, item: PathId) -> Json:
    """Return what is known of an item."""
    return Json(service.current.item(item))


@router.get("/users", response_model=UserPageOut, responses=problems(), summary="All users")
def users(service: Asked, asked: Annotated[Page, Query()]) -> Json:
    """Return the ids of the users, a page at a time."""
    service.check_k(asked.limit, "limit")
    return Json(service.current.users(asked.limit, asked.after))


@router.get(
    "/users/{user}", response_model=UserDetailOut, responses=problems(404), summary="A user"
)
def user(service: Asked, user: PathId) -> Json:
    """Return what is known of a user: attributes, items and dislikes."""
    return Json(service.current.user(user))


@router.get(
    "/users/{user}/profile", response_model=ProfileOut, responses=problems(404),
    summary="What a user likes, in words",
)  # fmt: skip
def profile(service: Asked, user: PathId) -> Json:
    """Return names, keywords and topics that describe a user, and a text to edit."""
    return Json(service.served(user).profile(user))
