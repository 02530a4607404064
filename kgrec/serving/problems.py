"""Errors as problem details (RFC 9457): what is wrong, in words of the REST interface."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, get_args, get_origin

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from kgrec.errors import (
    ConfigError,
    DataError,
    KgrecError,
    RunError,
    UnknownIdError,
    did_you_mean,
    printable,
)

MEDIA_TYPE: Final = "application/problem+json"
LOGGER: Final = logging.getLogger("kgrec.serving")
_TITLES: Final = {
    400: "Bad request", 401: "No valid API key", 403: "Not allowed", 404: "Not found",
    405: "Method not allowed", 409: "Conflict", 413: "Too large", 415: "Not JSON",
    422: "Not as expected", 429: "Too many requests", 500: "Internal error",
    503: "Not available now",
}  # fmt: skip


class Mistake(BaseModel):
    """One thing that is wrong with a request: where, and what."""

    where: str = Field(description="Where it stands, such as `query.k` or `body.items.0`.")
    what: str


class ProblemDetails(BaseModel):
    """What went wrong, by RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:kgrec:problem:unknown-id",
                    "title": "Not found",
                    "status": 404,
                    "detail": "Unknown item: 'F0999'. Did you mean 'F0099'?",
                }
            ]
        }
    )

    type: str = Field(description="A URN that names the kind of problem.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What is wrong, and what to do.")
    instance: str | None = Field(default=None, description="A URN of this request, as in the log.")
    errors: list[Mistake] | None = Field(default=None, description="Each mistake, if several.")


class ProblemError(Exception):
    """A request that cannot be answered.

    Args:
        status: The HTTP status.
        kind: The last part of the problem's type.
        detail: What is wrong, and what to do.
        headers: Further headers of the answer.
        errors: Each mistake.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers, self.errors = dict(headers or {}), errors


def problem_body(problem: ProblemError, instance: str | None = None) -> dict[str, Any]:
    """Return a problem as the JSON of RFC 9457."""
    body: dict[str, Any] = {
        "type": f"urn:kgrec:problem:{problem.kind}",
        "title": _TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
    }
    if instance:
        body["instance"] = f"urn:kgrec:request:{instance}"
    if problem.errors:
        body["errors"] = problem.errors
    return body


def problem_of(error: Exception, *, in_path: bool = False) -> ProblemError:
    """Return the problem that an error of kgrec is.

    Args:
        error: The error.
        in_path: Whether ids stand in the path of the request, so that an unknown one is not found.
    """
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, UnknownIdError):
        return ProblemError(404 if in_path else 422, "unknown-id", str(error))
    if isinstance(error, DataError | ConfigError):
        return ProblemError(422, "not-as-expected", str(error))
    if isinstance(error, RunError):
        LOGGER.error("the run cannot answer: %s", error)
        return ProblemError(503, "run-not-available", "The run cannot answer this now.")
    if isinstance(error, KgrecError):
        return ProblemError(422, "not-as-expected", str(error))
    LOGGER.exception("internal error", exc_info=error)
    return ProblemError(
        500, "internal", "Something went wrong in the service. Its log tells what, by `instance`."
    )


def response_of(problem: ProblemError, instance: str | None = None) -> JSONResponse:
    """Return the answer that tells a problem."""
    body = problem_body(problem, instance)
    headers = problem.headers
    return JSONResponse(body, problem.status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let an app answer all errors as problem details."""

    async def of_kgrec(request: Request, error: Exception) -> JSONResponse:
        found = problem_of(error, in_path=bool(request.path_params))
        return response_of(found, _instance(request))

    async def of_request(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return response_of(_not_as_expected(error, _known(request)), _instance(request))

    async def of_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        kinds = {404: "no-such-route", 405: "method-not-allowed"}
        path = printable(request.url.path)
        detail = {
            404: f"There is nothing at {path}. /openapi.json lists the routes.",
            405: f"{request.method} is not possible here.",
        }.get(error.status_code, str(error.detail))
        kind = kinds.get(error.status_code, "http")
        found = ProblemError(error.status_code, kind, detail, error.headers)
        return response_of(found, _instance(request))

    for kind in (KgrecError, ProblemError):
        app.add_exception_handler(kind, of_kgrec)
    app.add_exception_handler(RequestValidationError, of_request)
    app.add_exception_handler(HTTPException, of_http)


def _instance(request: Request) -> str | None:
    found = request.scope.get("state", {}).get("request_id")
    return None if found is None else str(found)


def _known(request: Request) -> list[str]:
    """Return the names of the parameters of a route, for hints."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return []
    fields = [*route.dependant.query_params, *route.dependant.body_params]
    kinds = [one.field_info.annotation for one in fields]
    models = [model for kind in kinds for model in (get_args(kind) or (kind,))]
    models = [get_args(model)[0] if get_origin(model) is Annotated else model for model in models]
    return [
        name
        for model in models
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    ]


def _not_as_expected(error: RequestValidationError, known: Sequence[str]) -> ProblemError:
    """Return what is wrong with the parts of a request."""
    mistakes, malformed = [], False
    for one in error.errors():
        place = ".".join(printable(str(part), 80) for part in one["loc"])
        what = printable(str(one["msg"]).removeprefix("Value error, "), 300)
        if one["type"] == "extra_forbidden":
            what = f"There is no such parameter.{did_you_mean(str(one['loc'][-1]), known)}"
        malformed = malformed or one["type"] == "json_invalid"
        mistakes.append({"where": place, "what": what})
    told = "; ".join(f"{one['where']}: {one['what']}" for one in mistakes[:3])
    more = f"; and {len(mistakes) - 3} more" if len(mistakes) > 3 else ""
    status, kind = (400, "not-json") if malformed else (422, "not-as-expected")
    return ProblemError(status, kind, told + more, errors=mistakes)
