"""The files of the web page."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

# By name and not by what the operating system says of an ending: browsers run no module of a
# wrong type, and some systems say text/plain.
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class PageMount(Mount):
    """The page at `/`: its files alone, so that all other paths are those of the routes.

    Args:
        folder: The folder of the page.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__("/", app=PageFiles(directory=folder, html=True), name="page")
        files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        self._paths = frozenset({"/", *(f"/{path.as_posix()}" for path in files)})

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether a request is for a file of the page."""
        if scope["type"] == "http":
            path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
            if path in self._paths:
                return super().matches(scope)
        return Match.NONE, {}


class PageFiles(StaticFiles):
    """Serves the page; a browser asks each time whether a file has changed.

    Else it could mix modules of two versions of kgrec.
    """

    def file_response(self, full_path: str | os.PathLike[str], *args: Any, **how: Any) -> Response:
        """Return a file, or that it has not changed."""
        answer = super().file_response(full_path, *args, **how)
        answer.headers["Cache-Control"] = "no-cache"
        kind = _TYPES.get(PurePath(full_path).suffix)
        if kind is not None:
            answer.headers["Content-Type"] = kind
        return answer
