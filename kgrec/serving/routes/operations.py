"""Routes for those who run the service: health, figures, the model's card."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from kgrec.serving.access import needs
from kgrec.serving.answers import HealthOut, ReloadedOut
from kgrec.serving.metrics import CONTENT_TYPE
from kgrec.serving.routes.common import Asked, Json, Started, problems

health = APIRouter(tags=["operations"])
figures = APIRouter(tags=["operations"], dependencies=[needs("read")])
admin = APIRouter(prefix="/v1", tags=["operations"], dependencies=[needs("admin")])
router = APIRouter(prefix="/v1", tags=["operations"], dependencies=[needs("read")])


@health.get("/livez", response_model=HealthOut, summary="Whether the process works")
async def alive(service: Started) -> Json:
    """Return 200 as long as the process answers at all."""
    return Json({"status": "alive", "run": service.current.name})


@health.get(
    "/readyz", response_model=HealthOut, responses=problems(), summary="Whether requests may come"
)
async def ready(service: Started) -> Json:
    """Return 200 if requests can be answered, and 503 while they cannot."""
    return Json(service.readiness())


@figures.get(
    "/metrics", summary="Figures for Prometheus", response_class=Response,
    responses=problems() | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)  # fmt: skip
def metrics(service: Started) -> Response:
    """Return all figures of this worker as Prometheus reads them."""
    return Response(service.figures(), media_type=CONTENT_TYPE)


@router.get(
    "/model", response_model=dict[str, Any], responses=problems(), summary="The model's card"
)
def card(service: Asked) -> Json:
    """Return what the run is: its model, settings, figures, origin and warnings."""
    return Json(service.current.about)


@admin.post(
    "/reload", response_model=ReloadedOut, responses=problems(409), summary="Load the run again"
)
def reload(service: Asked) -> Json:
    """Load what has taken the place of the run, if there is something, and let it answer.

    The run before answers until the new one has all that the log has: no request fails. It is this
    worker that looks; `watch` lets all of them look.
    """
    return Json(service.reload())


@router.get(
    "/experiment", response_model=dict[str, Any], responses=problems(),
    summary="How two runs compare",
)  # fmt: skip
def experiment(service: Asked) -> Json:
    """Return, for each run, how many likes were in the list that the user had last.

    The counts are those of this worker since its start.
    """
    return Json(service.experiment.figures())
