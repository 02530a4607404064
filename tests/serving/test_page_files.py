"""The files of the page: their weight, what they ask for, and how they are sent."""

import re
import zipfile
from pathlib import Path

import pytest

import kgrec

PAGE = Path(kgrec.__file__).parent / "serving" / "page"
FILES = sorted(path for path in PAGE.rglob("*") if path.is_file())
OWN = [path for path in FILES if "vendor" not in path.parts]


def test_the_page_is_light():
    assert sum(path.stat().st_size for path in FILES) < 600_000
    assert sum(path.stat().st_size for path in OWN) < 120_000


def test_nothing_comes_from_elsewhere_or_runs_from_within():
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>[^<]", html) == []
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    names = re.findall(r'(?:src|href)="([^"#]+)"', html)
    assert names
    for name in names:
        assert name == "openapi.json" or (PAGE / name).is_file(), name
    for path in OWN:
        text = path.read_text(encoding="utf-8")
        for found in re.findall(r"https?://[^\s\"'`]+", text):
            assert found == "http://www.w3.org/2000/svg", (path, found)


@pytest.mark.parametrize("path", [path for path in OWN if path.suffix == ".js"], ids=str)
def test_scripts_make_no_html_of_texts_and_import_what_is_there(path):
    text = path.read_text(encoding="utf-8")
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    assert not re.search(ways, text)
    for name in re.findall(r"(?:from|import\()\s*\"([^\"]+)\"", text):
        assert (path.parent / name).is_file(), name


def test_what_is_from_others_has_its_license_beside_it():
    others = {path.name for path in FILES if "vendor" in path.parts}
    assert others == {"cytoscape.esm.min.js", "cytoscape.LICENSE.txt"}
    assert "Cytoscape Consortium" in (PAGE / "vendor" / "cytoscape.LICENSE.txt").read_text("utf-8")


def test_files_are_sent_with_their_types_and_checked_each_time(client):
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    script = client.get("/views/user.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "no-cache"
    again = client.get("/views/user.js", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/views/nothing.js").json()["type"].endswith("no-such-route")
    assert client.post("/app.js").status_code == 405
    assert client.get("/v1/recommendations").status_code == 405  # a route, not the page
    assert client.get("/..%2Fapp.py").status_code == 404


def test_the_page_can_be_left_out(client_of):
    assert client_of(page=False).get("/").status_code == 404


def test_the_wheel_has_the_page(tmp_path):
    build = pytest.importorskip("hatchling.builders.wheel", reason="it makes the wheel")
    root = Path(kgrec.__file__).parents[1]
    (made,) = build.WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(made).namelist())
    for path in FILES:
        assert path.relative_to(root).as_posix() in names
