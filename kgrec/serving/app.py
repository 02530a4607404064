"""The web application of a service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from kgrec import __version__
from kgrec.serving import problems
from kgrec.serving.gate import Gate
from kgrec.serving.page_files import PageMount
from kgrec.serving.routes import (
    audience,
    catalogue,
    explaining,
    operations,
    recommending,
    searching,
    training,
    writing,
)
from kgrec.serving.service import Service

PAGE: Final = Path(__file__).parent / "page"
_ABOUT: Final = (
    "Recommends, searches and explains items of a run. Errors are problem details (RFC 9457). Ids "
    "in paths are percent-encoded, also their slashes: `a/b` is `a%2Fb`."
)
_ROUTERS: Final = (
    recommending, searching, explaining, catalogue, audience, writing, training, operations,
)  # fmt: skip


def make_app(service: Service) -> FastAPI:
    """Return the application that answers for a service."""
    config = service.config
    app = FastAPI(
        title="kgrec",
        version=__version__,
        description=_ABOUT,
        root_path=config.root_path,
        docs_url=None,  # its scripts come from elsewhere, which the content policy forbids
        redoc_url=None,
        openapi_url="/openapi.json",
        generate_unique_id_function=_operation_name,
        lifespan=_lifespan,
    )
    app.state.service = service
    if service.keys is None:
        _want_no_keys(app)
    problems.install(app)
    for router in (operations.health, operations.figures, operations.admin, writing.admin):
        app.include_router(router)
    for module in _ROUTERS:
        app.include_router(module.router)
    if config.page and (PAGE / "index.html").is_file():
        app.router.routes.append(PageMount(PAGE))
    if config.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(config.origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
        )
    app.add_middleware(
        Gate,
        limits=config.limits,
        metrics=service.metrics,
        shown=service.pseudonyms.in_path(unquote),
    )
    return app


def _want_no_keys(app: FastAPI) -> None:
    """Let the OpenAPI page of an app say that it wants no keys."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        page = make()
        page.get("components", {}).pop("securitySchemes", None)
        for methods in page["paths"].values():
            for told in methods.values():
                told.pop("security", None)
        return page

    app.openapi = openapi  # type: ignore[method-assign]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow the log as long as the application runs."""
    service: Service = app.state.service
    service.start()
    try:
        yield
    finally:
        await to_thread.run_sync(service.stop)


def _operation_name(route: APIRoute) -> str:
    """Return a name that clients made from OpenAPI can use, such as `recommending_of_user`."""
    module = route.endpoint.__module__.rpartition(".")[2]
    return f"{module}_{route.name}"
