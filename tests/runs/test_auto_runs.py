"""Runs of the default model: what they say, and fitting it again on all that is known."""

import json

import numpy as np
import pytest

from kgrec.config import load_config
from kgrec.runs.evaluating import evaluate_run
from kgrec.runs.reading import load_run
from kgrec.runs.serving import load_for_serving
from kgrec.runs.training import train_run

pytestmark = pytest.mark.usefixtures("word_encoder")


@pytest.fixture(scope="module")
def config_of(project):
    def made(*changes):
        return load_config(project, ["model={name: auto, effort: quick}", *changes])

    return made


@pytest.fixture(autouse=True)
def _few_users_choose(monkeypatch):
    monkeypatch.setattr("kgrec.auto.auto.MIN_USERS", 5)


def test_a_run_says_what_was_tried_and_inspect_shows_and_draws_it(config_of, ok, tmp_path):
    metrics = train_run(config_of(), tmp_path / "run")
    assert metrics["parts"]["together"] > 0
    assert "popularity" in metrics["parts"]
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "Model 1, popularity: NDCG@10 " in log
    assert "Left out, since they add next to nothing: " in log
    shown = ok("inspect", tmp_path / "run", "--picture", tmp_path / "models.png")
    assert "Left out, since they add next to nothing: " in shown
    assert (tmp_path / "models.png").read_bytes().startswith(b"\x89PNG")


def test_refit_learns_from_training_and_validation(config_of, tmp_path):
    train_run(config_of(), tmp_path / "once")
    metrics = train_run(config_of("model.refit=true"), tmp_path / "again")
    once, again = load_run(tmp_path / "once"), load_run(tmp_path / "again")
    # The figures on validation, and the choices, are those before.
    assert metrics["valid"] == json.loads((tmp_path / "once/metrics.json").read_text())["valid"]
    assert [m.config for m in again[0].model.members] == [m.config for m in once[0].model.members]
    known = len(once[2].train) + len(once[2].valid)
    assert len(again[2].train) == known
    assert len(again[2].valid) == 0
    assert len(again[2].test) == len(once[2].test)
    users = np.arange(5)
    assert not np.allclose(again[0].score(users), once[0].score(users))
    results = [evaluate_run(tmp_path / name, k=(5,)) for name in ("once", "again")]
    assert results[0].num_judgements == results[1].num_judgements
    light = load_for_serving(tmp_path / "again")
    np.testing.assert_allclose(light.score(users), again[0].score(users), rtol=1e-4, atol=1e-4)
