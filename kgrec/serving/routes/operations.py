"""Routes for those who run the service: health, figures, the model's card."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from kgrec.serving.access import needs
from kgrec.serving.answers import HealthOut
from kgrec.serving.metrics import CONTENT_TYPE
from kgrec.serving.routes.common import Asked, Json, Started, problems

health = APIRouter(tags=["operations"])
figures = APIRouter(tags=["operations"], dependencies=[needs("read")])
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
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
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
