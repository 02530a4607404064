"""What all routes share: the service, answers as JSON, and warnings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.openapi.models import Example
from starlette.responses import Response

from kgrec.errors import ConfigError, KgrecError, collecting, option
from kgrec.serving.problems import MEDIA_TYPE, ProblemDetails, problem_body, problem_of
from kgrec.serving.service import Service

_PROBLEM: Final = {"content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}}}
_TOLD: Final = {
    400: "The body is not JSON.", 401: "There is no valid API key.",
    403: "The key does not allow it.", 404: "Something in the path is unknown.",
    409: "It contradicts what is there.",
    413: "The body is too large.", 422: "The request is not as expected.",
    429: "Too many requests.", 500: "Something went wrong in the service.",
    503: "It cannot be answered now.",
}  # fmt: skip


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI describes the errors of a route."""
    always = (400, 401, 403, 413, 422, 429, 500, 503)
    return {
        status: {"description": _TOLD[status], **_PROBLEM}
        for status in sorted({*always, *statuses})
    }


def service_of(request: Request) -> Service:
    """Return the service that a request is for."""
    found: Service = request.app.state.service
    return found


async def _service(request: Request) -> Service:
    service = service_of(request)  # async, so that no thread is needed for it
    service.check_ready()
    return service


async def _started(request: Request) -> Service:
    return service_of(request)


Asked = Annotated[Service, Depends(_service)]
"""The service, once it is ready."""
Started = Annotated[Service, Depends(_started)]
"""The service, ready or not."""


class Json(Response):
    """An answer as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the JSON of a value; what is no number cannot be in it."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def told(make: Callable[[], Mapping[str, Any]]) -> Json:
    """Return what `make` returns as JSON, with the warnings that it gave."""
    with collecting() as warnings:
        made = dict(make())
    return Json({**made, "warnings": warnings})


def in_order(asked: list[Any], most: int, answer: Callable[[Any], Mapping[str, Any]]) -> Json:
    """Return the answers to a batch; a question that cannot be answered gets its problem."""
    if len(asked) > most:
        raise ConfigError(
            f"{option('requests')} may have {most} questions here, found {len(asked)}."
        )
    found: list[Mapping[str, Any]] = []
    for one in asked:
        try:
            with collecting() as warnings:
                found.append({**answer(one), "warnings": warnings})
        except KgrecError as error:
            found.append(problem_body(problem_of(error)))
    return Json({"answers": found})


def example(value: Any, summary: str) -> dict[str, Example]:
    """Return an example of a parameter or body for OpenAPI."""
    return {"example": Example(summary=summary, value=value)}
