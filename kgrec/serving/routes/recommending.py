"""Routes that recommend: to users, to somebody new, and what is similar."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from kgrec.serving.access import needs
from kgrec.serving.answers import BatchOut, ItemsOut
from kgrec.serving.questions import (
    AskRecommendations,
    AskSimilar,
    AskSimilarTo,
    PathId,
    UserList,
    batch_of,
)
from kgrec.serving.routes.common import Asked, Json, in_order, problems, told
from kgrec.serving.service import Service

router = APIRouter(prefix="/v1", tags=["recommend"], dependencies=[needs("read")])
_ManyLists: Any = batch_of(AskRecommendations)
_ManySimilar: Any = batch_of(AskSimilarTo)


def _listed(service: Service, asked: AskRecommendations) -> dict[str, Any]:
    service.check_k(asked.k)
    service.check_text("description", asked.description)
    service.check_text("filter", asked.filter)
    served = service.served(asked.user)
    items = served.recommend(**asked.model_dump())
    if asked.user is not None:
        service.experiment.showed(asked.user, [one["item"] for one in items])
    return {"items": items, "run": served.name}


def _similar(service: Service, asked: AskSimilarTo) -> dict[str, Any]:
    service.check_k(asked.k)
    service.check_text("filter", asked.filter)
    served = service.current
    return {"items": served.similar(**asked.model_dump()), "run": served.name}


@router.get(
    "/users/{user}/recommendations", response_model=ItemsOut, responses=problems(404),
    summary="Recommend to a known user",
)  # fmt: skip
def of_user(service: Asked, user: PathId, asked: Annotated[UserList, Query()]) -> Json:
    """Return the best items for a known user, which they do not have yet."""
    return told(lambda: _listed(service, AskRecommendations(user=user, **asked.model_dump())))


@router.post(
    "/recommendations", response_model=ItemsOut, responses=problems(),
    summary="Recommend to a user, to somebody who likes items, or by a description",
)  # fmt: skip
def of_body(service: Asked, asked: AskRecommendations) -> Json:
    """Return the best items. Give `user`, `liked` or `description`, or several of them."""
    return told(lambda: _listed(service, asked))


@router.post(
    "/recommendations/batch", response_model=BatchOut, responses=problems(),
    summary="Recommend to many",
)  # fmt: skip
def of_many(service: Asked, asked: _ManyLists) -> Json:
    """Return a list for each question; one that cannot be answered gets its problem."""
    return in_order(asked.requests, service.config.limits.batch, lambda one: _listed(service, one))


@router.get(
    "/items/{item}/similar", response_model=ItemsOut, responses=problems(404),
    summary="Items similar to one",
)  # fmt: skip
def similar(service: Asked, item: PathId, asked: Annotated[AskSimilar, Query()]) -> Json:
    """Return the items that are most similar to one."""
    return told(lambda: _similar(service, AskSimilarTo(item=item, **asked.model_dump())))


@router.post(
    "/similar/batch", response_model=BatchOut, responses=problems(),
    summary="Items similar to each of many",
)  # fmt: skip
def similar_to_many(service: Asked, asked: _ManySimilar) -> Json:
    """Return the items that are similar to each of several ones."""
    return in_order(asked.requests, service.config.limits.batch, lambda one: _similar(service, one))
