"""Runs whose encoder is trained with them: written, moved, stopped, continued and replaced."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_bert import topic_choices, topic_texts, write_tiny_bert
from typer.testing import CliRunner

import kgrec
from kgrec.cli import app
from kgrec.config import make_config
from kgrec.errors import ConfigError, RunError
from kgrec.runs.encoder_files import CHECKPOINT
from kgrec.runs.reading import load_run
from kgrec.runs.serving import load_for_serving
from kgrec.runs.text_tuning import tune_text
from kgrec.runs.training import train_run
from kgrec.runs.tuning import tune_run
from kgrec.runs.writing import save
from kgrec.text import TextEncoder
from kgrec.text.tuning.loop import Tuner

NUM = 40


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("topics")
    texts, topics = topic_texts(NUM)
    chosen = topic_choices(topics, num_users=15, per_user=6)
    rows = [(f"u{user}", f"i{item}") for user, item in zip(*chosen.nonzero(), strict=True)]
    pd.DataFrame(rows, columns=["user_id", "item_id"]).to_csv(folder / "log.csv", index=False)
    table = pd.DataFrame({"item_id": [f"i{i}" for i in range(NUM)], "title": texts})
    table.to_csv(folder / "items.csv", index=False)
    return {
        "data": {"root": str(folder), "interactions": "log.csv", "items": {"path": "items.csv"},
                 "valid": 0.2, "test": 0.1},
        "text": {
            "model": str(write_tiny_bert(folder / "tiny")), "cache": str(folder / "cache"),
            "tuning": {"regime": "full", "epochs": 3, "learning_rate": 0.01,
                       "precision": "float32",
                       "tasks": [{"name": "interactions", "batch_items": 8, "ease_l2": 5}]},
        },
        "model": {"name": "content_ease"},
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user's cache"))


@pytest.fixture(scope="module")
def run(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    return train_run(make_config(tree), out), out


def _stopped_at(monkeypatch, epoch):
    epochs = Tuner._epoch

    def stopped(self, steps):
        if self.progress.epoch == epoch:
            raise KeyboardInterrupt
        return epochs(self, steps)

    monkeypatch.setattr(Tuner, "_epoch", stopped)


def _texts_vectors(encoder):
    return TextEncoder(encoder, precision="float32", device="cpu").encode(["space rocket"])


def test_a_run_has_its_encoder_and_can_be_moved(tree, run, tmp_path):
    metrics, out = run
    assert metrics["encoder"]["valid"]["ndcg@10"] >= metrics["encoder"]["before"]["ndcg@10"]
    assert json.loads((out / "metrics.json").read_text())["encoder"] == metrics["encoder"]
    assert not (out / "encoder_new").exists()
    assert "encoder/model.safetensors" in json.loads((out / "manifest.json").read_text())["files"]
    # Training it again from its config does the same.
    assert (
        yaml.safe_load((out / "config.yaml").read_text())["text"]["model"] == tree["text"]["model"]
    )
    moved = tmp_path / "moved"
    shutil.copytree(out, moved)
    expected = TextEncoder(moved / "encoder").fingerprint
    assert expected != TextEncoder(tree["text"]["model"]).fingerprint
    for recommender in (kgrec.load(moved), load_for_serving(moved), load_run(moved)[0]):
        assert recommender.encoder.fingerprint == expected
        assert recommender.encoder.model == str(moved / "encoder")
        found = recommender.search("space rocket", k=3)
        assert len(found) == 3
    features = load_run(moved)[0].snapshot.derived.made_by
    assert features["item", "text"] == expected


def test_a_copy_takes_the_encoder_along(run, tmp_path):
    _, out = run
    save(kgrec.load(out), tmp_path / "copy")
    np.testing.assert_array_equal(
        _texts_vectors(tmp_path / "copy" / "encoder"), _texts_vectors(out / "encoder")
    )
    again = kgrec.load(tmp_path / "copy")
    assert again.encoder.model == str(tmp_path / "copy" / "encoder")
    (out / "encoder/model.safetensors").rename(tmp_path / "away")
    try:
        with pytest.raises(RunError, match=r"encoder.model\.safetensors"):
            load_run(out)
    finally:
        (tmp_path / "away").rename(out / "encoder/model.safetensors")


def test_a_training_that_stops_in_the_encoder_goes_on_with_it(tree, run, tmp_path, monkeypatch):
    metrics, whole = run
    config, out = tmp_path / "config.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(tree))
    with monkeypatch.context() as patch:
        _stopped_at(patch, 2)
        first = CliRunner().invoke(app, ["train", str(config), "--out", str(out)])
    assert first.exit_code == 130
    state = out / "encoder_new" / CHECKPOINT
    assert f"--resume continues from it: {state}" in first.stderr.replace("\n", "")
    with pytest.raises(RunError, match=r"training that was stopped already.*continues it"):
        train_run(make_config(tree), out)
    found = train_run(make_config(tree), out, resume=True)
    assert found["encoder"]["valid"] == metrics["encoder"]["valid"]
    assert found["valid"] == metrics["valid"]
    name = "encoder/model.safetensors"
    assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert not (out / "encoder_new").exists()


def test_a_training_that_stops_after_the_encoder_does_not_train_it_again(
    tree, tmp_path, monkeypatch
):
    from kgrec.runs import training

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "make_recommender", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_run(make_config(tree), tmp_path / "run")
    tuning = {**tree["text"]["tuning"], "epochs": 2}
    other = make_config({**tree, "text": {**tree["text"], "tuning": tuning}})
    with pytest.raises(RunError, match="encoder of other settings"):
        train_run(other, tmp_path / "run", resume=True)
    monkeypatch.setattr(Tuner, "run", stopped)
    assert train_run(make_config(tree), tmp_path / "run", resume=True)["encoder"]["epochs"] == 3


def test_a_run_that_is_replaced_stays_whole_until_the_end(tree, run, tmp_path, monkeypatch):
    out = tmp_path / "run"
    shutil.copytree(run[1], out)
    before = _texts_vectors(out / "encoder")
    with monkeypatch.context() as patch:
        _stopped_at(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            train_run(make_config({**tree, "seed": 7}), out, force=True)
    np.testing.assert_array_equal(_texts_vectors(out / "encoder"), before)
    load_run(out)
    plain = {**tree["text"], "tuning": None}
    train_run(make_config({**tree, "text": plain}), out, force=True)
    assert not (out / "encoder").exists()  # no encoder of its own any more
    assert not (out / "encoder_new").exists()
    assert kgrec.load(out).encoder.model == tree["text"]["model"]


def test_files_of_others_in_its_place_are_not_replaced(tree, run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run[1], out)
    (out / "encoder_new").mkdir()
    (out / "encoder_new" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match=r"names that a run needs: encoder_new.mine\.txt"):
        train_run(make_config(tree), out, force=True)


def test_a_tuned_encoder_is_not_tuned_again(tree, tmp_path, monkeypatch):
    tune_text(make_config(tree), tmp_path / "tuned")
    monkeypatch.setattr(Tuner, "run", None)
    text = {**tree["text"], "model": str(tmp_path / "tuned")}
    metrics = train_run(make_config({**tree, "text": text}), tmp_path / "run")
    assert "encoder" not in metrics
    assert "is tuned already" in (tmp_path / "run/log.txt").read_text()


def test_a_search_of_settings_names_what_to_do(tree, tmp_path):
    with pytest.raises(ConfigError, match=r"`kgrec tune-text CONFIG --out FOLDER`"):
        tune_run(tree, tmp_path / "out", 2)
