"""Routes that say how the training of a run went, and whether another one is due."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from kgrec.runs.reading import read_config
from kgrec.serving.access import needs
from kgrec.serving.routes.common import Asked, Json, problems
from kgrec.snapshot.settling import drift_of

router = APIRouter(prefix="/v1", tags=["operations"], dependencies=[needs("read")])


class CurveOut(BaseModel):
    """The validation curve of a training in epochs."""

    points: list[dict[str, float]] = Field(
        description="The figures of each validation; none for a model without epochs."
    )
    metric: str | None = Field(default=None, description="The one that chose the best epoch.")


class DriftFigures(BaseModel):
    """What came since the training; see `Drift` in the library."""

    trained_interactions: int
    trained_users: int
    trained_items: int
    updates: int
    interactions: int
    users_new: int
    users_changed: int
    users_deleted: int
    users_remembered: int
    items_new: int
    items_placed: int
    items_withdrawn: int
    hits: float | None
    measured: int
    hits_of_validation: float | None
    training_is_due: bool
    reasons: list[str]


class DriftOut(BaseModel):
    """How far the data is from what the model was trained on."""

    known: bool = Field(description="Whether something came since the training.")
    figures: DriftFigures | None = None


@router.get(
    "/model/curve", response_model=CurveOut, responses=problems(), summary="The validation curve"
)
def curve(service: Asked) -> Json:
    """Return the validation curve of the run, by epoch."""
    # They load PyTorch, and the service begins without it.
    from kgrec.runs.training_figures import read_curve
    from kgrec.training.link_prediction import LinkPredictionConfig

    folder = service.current.folder
    points = read_curve(folder)
    model = read_config(folder).model if points else None
    metric = model.training.metric if isinstance(model, LinkPredictionConfig) else None
    return Json({"points": points, "metric": metric})


@router.get(
    "/model/drift", response_model=DriftOut, responses=problems(), summary="Whether training is due"
)
def drift(service: Asked) -> Json:
    """Return what came since the training, and whether another one is due."""
    found = drift_of(service.current.now)
    return Json({"known": found is not None, "figures": None if found is None else found.to_dict()})
