"""Routes that find items by words: a query, or a conversation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from kgrec.serving.access import needs
from kgrec.serving.answers import BatchOut, ConversationOut, ItemsOut
from kgrec.serving.questions import AskConversation, AskSearch, SearchFor, batch_of
from kgrec.serving.routes.common import Asked, Json, in_order, problems, told
from kgrec.serving.service import Service

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[needs("read")])
_Many: Any = batch_of(AskSearch)


def _found(service: Service, asked: SearchFor) -> dict[str, Any]:
    service.check_k(asked.k)
    service.check_text("q", asked.q)
    service.check_text("filter", asked.filter)
    served = service.served(asked.user)
    how = asked.model_dump()
    return {"items": served.search(how.pop("q"), **how), "run": served.name}


@router.get(
    "/search", response_model=ItemsOut, responses=problems(), summary="Search in plain words"
)
def search(service: Asked, asked: Annotated[SearchFor, Query()]) -> Json:
    """Return the best items for a text, such as `a dry heist comedy, no musical`."""
    return told(lambda: _found(service, asked))


@router.post(
    "/search/batch", response_model=BatchOut, responses=problems(), summary="Many searches"
)
def search_many(service: Asked, asked: _Many) -> Json:
    """Return the best items for each of several texts."""
    return in_order(asked.requests, service.config.limits.batch, lambda one: _found(service, one))


@router.post(
    "/conversation", response_model=ConversationOut, responses=problems(),
    summary="The next answer of a conversation",
)  # fmt: skip
def converse(service: Asked, asked: AskConversation) -> Json:
    """Return the best items for all turns together, and what was understood of them.

    The service keeps no state: send all turns each time, and the items that were shown.
    """
    service.check_k(asked.k)
    for text in asked.turns:
        service.check_text("turns", text)
    served = service.served(asked.user)
    return told(lambda: {**served.converse(**asked.model_dump()), "run": served.name})
