"""Routes by which something comes in: interactions, items and users; and by which users go."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query

from kgrec.errors import ConfigError, DataError, option, printable
from kgrec.serving.access import needs
from kgrec.serving.answers import ErasedOut, ExportOut, WrittenOut
from kgrec.serving.log import Event
from kgrec.serving.questions import (
    InteractionIn,
    ItemIn,
    OneOrMany,
    PathId,
    UserIn,
    WriteHow,
)
from kgrec.serving.routes.common import Asked, Json, problems
from kgrec.serving.service import Service

router = APIRouter(prefix="/v1", tags=["write"], dependencies=[needs("write")])
admin = APIRouter(prefix="/v1", tags=["privacy"], dependencies=[needs("admin")])
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key", max_length=200, pattern=r"^[\x21-\x7e]*$",
        description="A text of your own, different for each request: sent twice, it counts once.",
    ),
]  # fmt: skip


@router.post(
    "/interactions", response_model=WrittenOut, status_code=201, responses=problems(409),
    summary="Post interactions",
)  # fmt: skip
def post_interactions(
    service: Asked,
    asked: OneOrMany,
    how: Annotated[WriteHow, Query()],
    key: IdempotencyKey = "",
) -> Json:
    """Keep one interaction, or many, and let them count at once.

    They are in the log when the answer comes, and in the answers of all workers within a second;
    with `wait=true` this worker's answers have them before. A later interaction of the same user
    and item takes the place of the earlier one. Those of users who opted out are not kept.
    """
    many = [asked] if isinstance(asked, InteractionIn) else asked.interactions
    if len(many) > service.config.limits.batch:
        raise ConfigError(
            f"{option('interactions')} may have {service.config.limits.batch} here, found "
            f"{len(many)}."
        )
    events = [event for one in many if (event := _event(service, one)) is not None]
    kept = service.kept(list({event.user for event in events if event.user}))
    events = [event for event in events if event.user in kept]
    written = service.write(events, key=key, asked=asked.model_dump(), wait=how.wait)
    if not written["repeated"]:
        for event in events:
            if event.body["liked"]:
                service.experiment.liked(str(event.user), str(event.item))
        written["ignored"] = len(many) - len(events)
    return Json({"ignored": 0, **written}, status_code=201)


def _event(service: Service, one: InteractionIn) -> Event | None:
    """Return the event of an interaction; None: it says neither like nor dislike."""
    service.check_item(one.item)
    service.check_rating(one.rating)
    liked = service.current.judge.liked(one.liked, one.rating)
    if liked is None:
        return None
    body: dict[str, Any] = {"liked": liked}
    if one.rating is not None:
        body["rating"] = one.rating
    if one.timestamp is not None:
        body["timestamp"] = one.timestamp
    return Event("interaction", one.user, one.item, body)


@router.put("/items/{item}", response_model=WrittenOut, responses=problems(), summary="Put an item")
def put_item(
    service: Asked, item: PathId, asked: ItemIn, how: Annotated[WriteHow, Query()]
) -> Json:
    """Add an item, change what is known of it, or bring back a withdrawn one."""
    body = asked.model_dump(exclude_none=True)
    if asked.entity is not None:
        kg = service.current.now.inputs.kg
        if kg is None:
            raise DataError(f"The run has no graph, so that {option('entity')} means nothing.")
        if asked.entity not in kg.entities:
            raise DataError(
                f"The graph has no entity {printable(asked.entity)!r}: leave out "
                f"{option('entity')}, or add it to the graph of the run."
            )
    return Json({"ignored": 0, **service.write([Event("item", None, item, body)], wait=how.wait)})


@router.delete(
    "/items/{item}", response_model=WrittenOut, responses=problems(404), summary="Withdraw an item"
)
def delete_item(service: Asked, item: PathId, how: Annotated[WriteHow, Query()]) -> Json:
    """Let an item be in no answer from now on. What people chose of it still counts."""
    service.current.now.available(item)
    return Json({"ignored": 0, **service.write([Event("item_removed", None, item)], wait=how.wait)})


@router.put("/users/{user}", response_model=WrittenOut, responses=problems(), summary="Put a user")
def put_user(
    service: Asked, user: PathId, asked: UserIn, how: Annotated[WriteHow, Query()]
) -> Json:
    """Add a user, change what is known of one, or note whether anything may be kept."""
    if asked.consent is not None:
        service.opt_out(user, not asked.consent)
    if not service.kept([user]):
        return Json({"ignored": 1, **service.write([])})
    event = Event("user", user, None, {"attributes": asked.attributes})
    return Json({"ignored": 0, **service.write([event], wait=how.wait)})


@admin.delete(
    "/users/{user}", response_model=ErasedOut, responses=problems(404), summary="Erase a user"
)
def erase_user(service: Asked, user: PathId) -> Json:
    """Delete a user with all that is known of them, from the log and from all answers.

    The model forgets them too: exactly where it has a closed form, else the figures say that a
    training is due. `kgrec erase` does the same for the run folder.
    """
    return Json(service.erase(user))


@admin.get(
    "/users/{user}/export", response_model=ExportOut, responses=problems(404),
    summary="All that is known of a user",
)  # fmt: skip
def export_user(service: Asked, user: PathId) -> Json:
    """Return what the run and the log have of a user, as the user may ask for."""
    return Json(service.export(user))
