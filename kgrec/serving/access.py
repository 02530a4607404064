"""Who may ask what: API keys and rates of requests, as dependencies of routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from kgrec.serving.keys import Scope
from kgrec.serving.problems import ProblemError
from kgrec.serving.routes.common import service_of

_BEARER: Final = HTTPBearer(
    auto_error=False, description="An API key, made by `kgrec api-key`.", scheme_name="key"
)
_Given = Annotated[Any, Depends(_BEARER)]


def needs(scope: Scope) -> Any:
    """Return the dependency that lets a request pass if its key allows `scope`.

    Without keys, which only a service for this machine alone can be, everybody may do everything.
    """

    async def check(request: Request, given: _Given) -> None:
        service = service_of(request)
        who = request.client.host if request.client else "unknown"
        if service.keys is not None:
            key = service.keys.find(given.credentials) if given is not None else None
            if key is None:
                service.metrics.refused.labels("no-key").inc()
                raise ProblemError(
                    401, "no-key", "Give a valid API key: `Authorization: Bearer KEY`.",
                    {"WWW-Authenticate": "Bearer"},
                )  # fmt: skip
            if not key.allows(scope):
                service.metrics.refused.labels("scope").inc()
                raise ProblemError(
                    403, "scope", f"This needs a key of the scope {scope}; yours is {key.scope}."
                )
            who = f"key {key.number}"
        wait = service.rates.wait(who)
        if wait:
            service.metrics.refused.labels("rate").inc()
            raise ProblemError(
                429, "rate", f"You have asked too often. Come again in {wait} seconds.",
                {"Retry-After": str(wait)},
            )  # fmt: skip

    dependency: Callable[..., Awaitable[None]] = check
    return Depends(dependency)
