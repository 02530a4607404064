"""`kgrec demo --serve` serves the run that it trained, with its page."""

import importlib.util

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `serve`")

from fastapi.testclient import TestClient

from kgrec.serving.app import make_app
from kgrec.serving.starting import make_service


@pytest.fixture
def quick(monkeypatch, run_folder, tmp_path):
    """Let a link to the small run take the place of the training."""
    monkeypatch.setattr(
        "kgrec.commands.demonstration.run_demo", lambda out, force: out.symlink_to(run_folder)
    )
    plans = []
    monkeypatch.setattr("kgrec.serving.running.serve", plans.append)
    return plans


def test_the_demo_is_served_with_its_page(ok, quick, tmp_path):
    said = ok("demo", "--out", tmp_path / "demo", "--serve", "--port", 8123)
    assert "http://127.0.0.1:8123/" in said
    (plan,) = quick
    assert (plan.run, plan.config.host, plan.config.port) == (tmp_path / "demo", "127.0.0.1", 8123)
    with TestClient(make_app(make_service(plan))) as client:
        assert "app.js" in client.get("/").text
        assert client.get("/v1/users").json()["total"] == 31


def test_the_demo_serves_nothing_unless_asked(ok, quick, tmp_path):
    ok("demo", "--out", tmp_path / "demo")
    assert quick == []


def test_what_is_missing_is_told_before_the_training(kgrec, quick, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    code, _, error = kgrec("demo", "--out", tmp_path / "demo", "--serve")
    assert code == 2
    assert "needs uvicorn: `pip install 'kgrec[serve]'`" in " ".join(error.split())
    assert not (tmp_path / "demo").exists()
