"""The files of the web page."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any, Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

# By name and not by what the operating system says of an ending: browsers run no module of a
# wrong type, and some systems say text/plain.
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


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
