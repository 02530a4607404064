"""A browser that looks at the page: Debian's Chromium, led by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

VIEWS = {
    "start": "#/",
    "users": "#/user",
    "user": "#/user/u03",
    "new": "#/new",
    "search": "#/search?q=space",
    "conversation": "#/talk?say=space",
    "items": "#/item",
    "item": "#/item/i01",
    "graph": "#/graph/item/i01",
    "path": "#/graph?liked=i03&item=i05&n=0&k=3",
    "model": "#/model",
    "operations": "#/operations",
    "unknown": "#/nothing",
}
"""The views, and one more that there is not."""
DESKTOP = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True}


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield the browser; skip the tests where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="tests of the page need `pip install playwright`"
    )
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("tests of the page need Chromium, such as by `apt-get install chromium`")
    # Root, as which containers run, may not use Chromium's sandbox.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


class Visitor:
    """Somebody who looks at the page of a service.

    Attributes:
        page: Playwright's page.
        mistakes: What the console of the browser told: errors of scripts, and of the content
            security policy.
    """

    def __init__(self, browser: Any, url: str, **how: Any) -> None:
        self.url = url
        self._context = browser.new_context(reduced_motion="reduce", **how)
        self.page = self._context.new_page()
        self.page.set_default_timeout(15_000)
        self.mistakes: list[str] = []
        self.page.on("pageerror", lambda error: self.mistakes.append(str(error)))
        self.page.on("console", self._console)
        self._asked = 0
        self.page.on("request", lambda _: self._count(1))
        self.page.on("requestfinished", lambda _: self._count(-1))
        self.page.on("requestfailed", lambda _: self._count(-1))
        self.page.goto(url)

    def _console(self, message: Any) -> None:
        refused = message.text.startswith("Failed to load resource")  # a status of the service
        if message.type == "error" and not refused:
            self.mistakes.append(message.text)

    def _count(self, more: int) -> None:
        self._asked += more

    def close(self) -> None:
        self._context.close()

    def see(self, place: str) -> Any:
        """Go to a view, wait until it is complete, and return the page."""
        self.page.evaluate(
            "place => { if (location.hash === place) dispatchEvent(new Event('hashchange'));"
            " else location.hash = place; }",
            place,
        )
        return self.complete()

    def complete(self) -> Any:
        """Wait until nothing is under way."""
        quiet = 0
        for _ in range(1000):
            self.page.wait_for_timeout(15)
            unsettled = self.page.locator(".waiting, [aria-busy], .leaving").count()
            quiet = 0 if self._asked or unsettled else quiet + 1
            if quiet == 3:  # an answer may be followed by another question
                return self.page
        raise AssertionError("the view is not complete")

    def texts(self, selector: str) -> list[str]:
        """Return the texts of elements, in their order."""
        return [one.strip() for one in self.page.locator(selector).all_inner_texts()]

    def serious(self) -> list[str]:
        """Return what axe-core finds in the view: what keeps people from using it."""
        if not self.page.evaluate("'axe' in window"):
            source = Path(__file__).parents[1] / "serving" / "axe" / "axe.min.js"
            self.page.evaluate(source.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['impact']} {one['id']}: {node['html'][:150]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
