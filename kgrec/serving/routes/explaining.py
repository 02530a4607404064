"""Routes that explain: as data, in a sentence, and as a picture."""

from __future__ import annotations

from io import BytesIO
from threading import Lock
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from kgrec.errors import DataError, option
from kgrec.explain.explanation import Explanation
from kgrec.serving.access import needs
from kgrec.serving.answers import ExplanationOut, ExplanationsOut, NeighborhoodOut
from kgrec.serving.questions import AskExplanation, ExplainHow, NodeView, PathId, batch_of
from kgrec.serving.routes.common import Asked, Json, in_order, problems
from kgrec.serving.served import explanation_tree
from kgrec.serving.service import Service

router = APIRouter(prefix="/v1", tags=["explain"], dependencies=[needs("read")])
_Many: Any = batch_of(AskExplanation)
_SVG: Final = "image/svg+xml"
_DRAWING: Final = Lock()  # matplotlib draws one picture at a time
_AS_SVG: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_SVG: {"schema": {"type": "string"}}}}
}


def _explained(service: Service, asked: AskExplanation) -> Explanation:
    if asked.user is None and not asked.liked:
        raise DataError(f"Give {option('user')}, or {option('liked')} of somebody new.")
    how = asked.model_dump(exclude={"user", "item", "format"})
    return service.served(asked.user).explain(asked.user, asked.item, **how)


def _answer(service: Service, asked: AskExplanation, request: Request) -> Response:
    found = _explained(service, asked)
    accepted = request.headers.get("accept", "")
    if asked.format == "svg" or (asked.format is None and accepted.startswith(_SVG)):
        return Response(_svg(found), media_type=_SVG)
    return Json(explanation_tree(found))


def _svg(explanation: Explanation) -> bytes:
    """Return the picture of an explanation."""
    from kgrec.drawing.neighborhood import neighborhood_figure

    made = BytesIO()
    with _DRAWING:
        neighborhood_figure(explanation).savefig(made, format="svg", metadata={"Date": None})
    return made.getvalue()


@router.get(
    "/users/{user}/explanations/{item}", response_model=ExplanationOut,
    responses=problems(404) | _AS_SVG, summary="Why an item fits a known user",
)  # fmt: skip
def of_user(
    service: Asked,
    request: Request,
    user: PathId,
    item: PathId,
    asked: Annotated[ExplainHow, Query()],
) -> Response:
    """Return paths of the graph from what the user likes to the item, and a sentence.

    With `format=svg`, or `Accept: image/svg+xml`, it is a picture.
    """
    return _answer(service, AskExplanation(user=user, item=item, **asked.model_dump()), request)


@router.post(
    "/explanations", response_model=ExplanationOut, responses=problems() | _AS_SVG,
    summary="Why an item fits somebody",
)  # fmt: skip
def of_body(service: Asked, request: Request, asked: AskExplanation) -> Response:
    """Return why an item fits a known user, or somebody new who likes items."""
    return _answer(service, asked, request)


@router.post(
    "/explanations/batch", response_model=ExplanationsOut, responses=problems(),
    summary="Many explanations",
)  # fmt: skip
def of_many(service: Asked, asked: _Many) -> Json:
    """Return an explanation for each question."""
    return in_order(
        asked.requests,
        service.config.limits.batch,
        lambda one: explanation_tree(_explained(service, one)),
    )


@router.get(
    "/graph/{kind}/{node}", response_model=NeighborhoodOut, responses=problems(404),
    summary="A node of the graph and its neighbors",
)  # fmt: skip
def neighborhood(
    service: Asked, kind: PathId, node: PathId, asked: Annotated[NodeView, Query()]
) -> Json:
    """Return a node and its neighbors. Users who are neighbors are counted, not listed."""
    return Json(service.current.neighborhood(kind, node, asked.limit))
