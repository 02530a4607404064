"""`--engine` on the command line, and `engine` in a config."""

import json
import shutil

import pandas as pd
import pytest
import yaml

from kgrec.engine import RayEngineConfig


@pytest.fixture
def lent(ray_started, monkeypatch):
    """Let `--engine ray` mean the cluster of the tests, which a process can enter only once."""
    from ray_work import Lent

    made = []

    def build(_):
        made.append(Lent(ray_started))
        return made[-1]

    monkeypatch.setattr(RayEngineConfig, "build", build)
    return made


def test_recommend_to_all_on_a_cluster(run_folder, lent, ok, tmp_path, monkeypatch):
    monkeypatch.setattr("kgrec.snapshot.bulk.BulkRecommendations.chunk_elements", 100)
    ok("recommend", run_folder, "--all", "--out", tmp_path / "a.csv", "-k", 3)
    out = ["--out", tmp_path / "b.csv", "-k", 3, "--engine", "ray"]
    ok("recommend", run_folder, "--all", *out)
    left, right = (pd.read_csv(tmp_path / name) for name in ("a.csv", "b.csv"))
    pd.testing.assert_frame_equal(left, right, check_exact=True)
    assert len(lent) == 1


def test_evaluate_on_a_cluster(run_folder, lent, ok, tmp_path):
    run = shutil.copytree(run_folder, tmp_path / "run")
    here = json.loads(ok("evaluate", run, "--json"))
    there = json.loads(ok("evaluate", run, "--json", "--engine", "127.0.0.1:6379"))
    assert there == here
    assert len(lent) == 1


def test_train_on_a_cluster_gives_the_same_run(project, lent, ok, tmp_path, word_encoder):
    changes = ["model=ease", "text=null"]
    ok("train", project, *changes, "--out", tmp_path / "a")
    ok("train", project, *changes, "--out", tmp_path / "b", "--engine", "ray")
    assert len(lent) == 1
    weights = [one.name for one in (tmp_path / "a").glob("*.safetensors")]
    assert weights
    for name in (*weights, "data/interactions.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    config = yaml.safe_load((tmp_path / "b" / "config.yaml").read_text())
    assert config["engine"]["name"] == "ray"
    # A run that a cluster trained is read without one.
    ok("recommend", tmp_path / "b", "--user", "u01", "-k", 2)
    assert len(lent) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recommend", "RUN", "--user", "u01", "--engine", "ray"], "--engine is for many users"),
        (["evaluate", "RUN", "--engine", "spark"], "expected `local`, `ray` or HOST:PORT"),
        (["train", "CONFIG", "--engine", "rya", "--out", "OUT"], "Did you mean 'ray'?"),
        (["train", "CONFIG", "engine.worker=2", "--out", "OUT"], "engine"),
        (["tune", "CONFIG", "--engine", "head:99999", "--out", "OUT"], "HOST:PORT"),
        (["evaluate", "RUN", "--engine", "127.0.0.1:1"], "No Ray cluster answers at 127.0.0.1:1"),
    ],
)
def test_mistakes_are_one_message(project, run_folder, kgrec, tmp_path, arguments, message):
    named = {"RUN": run_folder, "CONFIG": project, "OUT": tmp_path / "out"}
    code, _, err = kgrec(*(named.get(one, one) for one in arguments))
    assert code == 2
    assert message in err
    assert "Traceback" not in err
