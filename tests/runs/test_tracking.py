"""Trackers in a config: what they get from `kgrec train` and from trials."""

import pytest

from kgrec.config import load_config
from kgrec.errors import ConfigError
from kgrec.runs.training import train_run
from kgrec.runs.tuning import tune_run
from kgrec.tracking import TensorBoardConfig
from kgrec.tracking.base import Tracker


class Kept(Tracker):
    what = "kept"

    def __init__(self, got):
        super().__init__()
        self.got = got

    def _needs(self):
        return "json", "kept"

    def _start(self, name, config, about):
        self.got.append(("start", name, dict(config), dict(about)))

    def _log(self, values, epoch):
        self.got.append(("log", epoch, dict(values)))

    def _finish(self, final, failed):
        self.got.append(("finish", dict(final), failed))


@pytest.fixture
def got(monkeypatch):
    found = []
    monkeypatch.setattr(TensorBoardConfig, "build", lambda self: Kept(found))
    return found


def test_a_training_is_tracked_from_its_config_to_its_figures(project, word_encoder, tmp_path, got):
    config = load_config(project, ["tracking=[tensorboard]"])
    metrics = train_run(config, tmp_path / "run")
    start, *logs, end = got
    assert start[1] == "run"
    assert start[2]["model.predictor.dim"] == 12
    assert not [key for key in start[2] if key.startswith(("tracking", "tune"))]
    assert start[3] == {"folder": str(tmp_path / "run")}
    assert [epoch for _, epoch, _ in logs] == [4, 8, 12]
    assert all({"loss", "ndcg@10", "seconds"} <= set(values) for _, _, values in logs)
    assert end[1]["final/ndcg@10"] == metrics["valid"]["metrics"]["ndcg@10"]
    assert end[1]["final/seconds"] == metrics["seconds"]["fit"]
    assert end[2] is False


def test_a_training_that_fails_is_a_failed_run(project, word_encoder, tmp_path, got, monkeypatch):
    def refuse(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("kgrec.runs.training.save_run", refuse)
    with pytest.raises(KeyboardInterrupt):
        train_run(load_config(project, ["tracking=[tensorboard]"]), tmp_path / "run")
    assert got[-1] == ("finish", {}, True)


def test_a_missing_library_is_told_before_anything_is_read(project, tmp_path, monkeypatch):
    monkeypatch.setattr("kgrec.tracking.base.find_spec", lambda name: None)
    config = load_config(project, ["tracking=[{name: wandb, project: films}]"])
    monkeypatch.setattr("kgrec.runs.given_data.load_dataset", None)
    with pytest.raises(ConfigError, match=r"wandb needs the library wandb.*'kgrec\[wandb\]'"):
        train_run(config, tmp_path / "run")


def test_each_trial_is_a_run(tmp_path, got):
    pytest.importorskip("optuna")
    (tmp_path / "log.csv").write_text(
        "user_id,item_id\n" + "".join(f"u{u},i{i}\n" for u in range(8) for i in range(u % 3, 9))
    )
    tree = {
        "data": {"root": str(tmp_path), "interactions": "log.csv", "valid": 0.2},
        "text": None,
        "model": "ease",
        "tracking": ["tensorboard"],
    }
    found = tune_run(tree, tmp_path / "search", 3)
    starts = [one for one in got if one[0] == "start"]
    assert [one[1] for one in starts] == ["search-000", "search-001", "search-002"]
    assert [one[2]["model.l2"] for one in starts] == [t.settings["model.l2"] for t in found.trials]
    ends = [one[1]["final/ndcg@10"] for one in got if one[0] == "finish"]
    assert ends == [one.value for one in found.trials]
