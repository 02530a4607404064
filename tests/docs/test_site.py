"""The manual builds without a warning, and all of its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import kgrec
import kgrec.testing

ROOT = Path(__file__).parents[2]
SOURCES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built manual."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "docs", str(folder)],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def pages_of(site: Path) -> list[Path]:
    return [page for page in sorted(site.rglob("*.html")) if "_static" not in page.parts]


class _Links(HTMLParser):
    """Collects the links and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors.update(filter(None, (given.get("id"), given.get("name"))))
        self.links += [link for link in (given.get("href"), given.get("src")) if link]


@cache
def parts_of(path: Path) -> _Links:
    links = _Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def broken(page: Path, link: str) -> str:
    """Return what is wrong with a link, empty if nothing is."""
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        good = re.fullmatch(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?", parts.netloc)
        return "" if good else f"no address: {link}"
    if parts.scheme:
        return "" if parts.scheme in ("mailto", "data") else f"unknown scheme: {link}"
    target = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return f"no file: {link}"
    anchor = unquote(parts.fragment)
    if anchor and target.suffix == ".html" and anchor not in parts_of(target).anchors:
        return f"no anchor: {link}"
    return ""


def test_all_links_of_the_site_lead_somewhere(site):
    pages = pages_of(site)
    assert len(pages) > 25
    wrong = [
        f"{page.relative_to(site)}: {problem}"
        for page in pages
        for link in sorted(set(parts_of(page).links))
        if (problem := broken(page, link))
    ]
    assert not wrong


def test_the_site_needs_no_network(site):
    for page in pages_of(site):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img)\b[^>]*(?:src|href)=\"(https?:[^\"]*)\"", text)
        assert not loaded, page


def test_every_public_name_has_an_entry(site):
    anchors = set()
    for page in (site / "reference" / "api").glob("*.html"):
        anchors |= parts_of(page).anchors
    public = {f"kgrec.{name}" for name in kgrec.__all__ if name != "__version__"}
    public |= {f"kgrec.testing.{name}" for name in kgrec.testing.__all__}
    assert public <= anchors


def test_formulas_are_drawn_by_the_browser_itself(site):
    text = (site / "explanation" / "models.html").read_text(encoding="utf-8")
    assert text.count("<math") > 10
    assert "MathJax" not in text


@pytest.mark.parametrize("name", SOURCES)
def test_links_of_a_page_of_the_repository_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        if link.startswith(("http:", "https:")):
            assert not broken(ROOT / name, link)
            continue
        target = ROOT / name if not path else (ROOT / name).parent / path
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target), link


def headings(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
