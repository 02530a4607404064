"""The route that says whom an item suits."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from kgrec.errors import KgrecError
from kgrec.serving.access import needs
from kgrec.serving.answers import TitledOut
from kgrec.serving.audience import audience
from kgrec.serving.questions import PathId
from kgrec.serving.routes.common import Asked, Json, problems
from kgrec.serving.served import Served

router = APIRouter(prefix="/v1", tags=["catalogue"], dependencies=[needs("read")])
_SIMILAR = 10


class LikedOut(TitledOut):
    """An item that they like more than all users do."""

    share: float = Field(description="Share of these users who like it.")
    share_of_all: float = Field(description="Share of all users who like it.")


class GroupOut(BaseModel):
    """Users with one value of a column of the user table."""

    column: str
    value: str
    share: float
    share_of_all: float


class MeanOut(BaseModel):
    """The mean of a column of numbers of the user table."""

    column: str
    mean: float
    mean_of_all: float


class AudienceOut(BaseModel):
    """Whom an item suits."""

    basis: Literal["likers", "similar", "nobody"] = Field(
        description="Whose shares they are: of users who like the item, or, where those are few, "
        "of users who like one that is similar; `nobody` where there are few of both."
    )
    users: int = Field(description="How many they are.")
    smallest: int = Field(description="Groups of fewer users are not told of.")
    items: list[LikedOut]
    groups: list[GroupOut]
    numbers: list[MeanOut]


@router.get(
    "/items/{item}/audience", response_model=AudienceOut, responses=problems(404),
    summary="Whom an item suits, in aggregate",
)  # fmt: skip
def of_item(service: Asked, item: PathId) -> Json:
    """Return shares of the users who like an item: what else they like, and who they are.

    Small groups are not told of, so that the answer is of nobody in particular.
    """
    served = service.current
    now = served.now
    row = now.items.row(item)
    return Json(audience(now, row, _similar(served, item), served.hidden))


def _similar(served: Served, item: str) -> list[int]:
    """Return the rows of the most similar items; none if the model knows nothing of the item."""
    try:
        found = served.similar(item, min(_SIMILAR, served.now.num_available))
    except KgrecError:
        return []
    return [served.now.items.row(one["item"]) for one in found]
