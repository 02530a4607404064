"""`kgrec tune`: a search over a whole config, its folder, and what it must not replace."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from series import series_tree

from kgrec.config import load_config
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, RunError
from kgrec.evaluation.evaluate import candidate_ids, evaluate
from kgrec.files import alone_in
from kgrec.models.ease import EASE, EASEConfig
from kgrec.runs.tuning import tune_run

pytest.importorskip("optuna")

NAMES = {"journal.log", "trials.csv", "best.yaml", "study.json", "history.png", "importance.png"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return a search of two settings, one trial after the other."""
    return series_tree(tmp_path_factory.mktemp("series"), users=40) | {
        "seed": 1,
        "tune": {"space": {"model.l2": [1, 1e9, "log"], "model.dropout": [0.0, 0.6]}},
    }


@pytest.fixture(scope="module")
def searched(tree, tmp_path_factory):
    """A search of twelve trials. Change nothing in its folder."""
    return tune_run(tree, tmp_path_factory.mktemp("out") / "search", 12)


@pytest.fixture
def copy(searched, tmp_path):
    import shutil

    return shutil.copytree(searched.folder, tmp_path / "copy")


def written(tmp_path, tree):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_best_is_better_than_a_config_that_is_wrong_and_files_say_the_same(searched, tree):
    first, best = searched.trials[0], searched.best
    assert first.settings == {"model.l2": 1e9, "model.dropout": 0.0}
    assert best.value > first.value + 0.05
    assert best.value == max(one.value for one in searched.trials)
    assert set(contents(searched.folder)) == NAMES
    rows = list(csv.DictReader((searched.folder / "trials.csv").read_text().splitlines()))
    assert [float(row["value"]) for row in rows] == [one.value for one in searched.trials]
    assert [float(row["model.l2"]) for row in rows] == [
        one.settings["model.l2"] for one in searched.trials
    ]
    about = json.loads((searched.folder / "study.json").read_text())
    assert about["best"]["value"] == best.value
    assert (about["num_trials"], about["num_failed"], about["metric"]) == (12, 0, "ndcg@10")
    assert about["about"]["optuna"]
    config = load_config(searched.folder / "best.yaml")
    assert config.model == EASEConfig(
        l2=best.settings["model.l2"], dropout=best.settings["model.dropout"]
    )
    assert config.data == load_config(searched.folder / "best.yaml").data
    for name in ("history.png", "importance.png"):
        assert (searched.folder / name).read_bytes()[:4] == b"\x89PNG"


def test_values_are_those_of_the_validation_part_alone(searched, tree, tmp_path):
    """A naive fit of the best settings; test interactions of other kinds change nothing."""
    config = load_config(searched.folder / "best.yaml")
    split = load_dataset(config.data, config.seed).split
    from kgrec.models.training_data import TrainingData

    model = EASE(config.model).fit(TrainingData(split.train))
    rows = split.train.items.rows(candidate_ids(split, "valid"))
    found = evaluate(model, split.valid, exclude=split.train, candidates=rows)
    assert found.metrics["ndcg@10"] == pytest.approx(searched.best.value, abs=1e-6)
    # The same training and validation parts, and a test part that is turned upside down.
    parts = {"train": split.train, "valid": split.valid, "test": split.test}
    for name, log in parts.items():
        frame = log.to_pandas()[["user_id", "item_id"]]
        if name == "test":
            frame["user_id"] = frame["user_id"].to_numpy()[::-1]
            frame = frame.merge(
                pd.concat([split.train.to_pandas(), split.valid.to_pandas()]),
                on=["user_id", "item_id"], how="left", indicator=True,
            ).query("_merge == 'left_only'")[["user_id", "item_id"]].drop_duplicates()  # fmt: skip
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    other = {**tree, "data": {"root": str(tmp_path), "train": "train.csv", "valid": "valid.csv",
                              "test": "test.csv"}}  # fmt: skip
    again = tune_run(other, tmp_path / "again", 3)
    assert [one.value for one in again.trials] == pytest.approx(
        [one.value for one in searched.trials[:3]]
    )


def test_the_same_command_goes_on_and_more_trials_follow(searched, tree, tmp_path):
    tune_run(tree, tmp_path / "a", 5)
    found = tune_run(tree, tmp_path / "a", 12)
    assert [one.settings for one in found.trials] == [one.settings for one in searched.trials]
    assert found.best.value == searched.best.value
    assert tune_run(tree, tmp_path / "a", 3).best == found.best  # nothing is left to do


def test_another_config_is_refused_in_the_same_folder(copy, tree):
    before = contents(copy)
    for change in ({"seed": 2}, {"model": {"name": "ease", "l2": 5}}):
        with pytest.raises(RunError, match="has the trials of another search"):
            tune_run({**tree, **change}, copy, 13)
    after = contents(copy)
    assert {name: after[name] for name in NAMES - {"study.json"}} == {
        name: before[name] for name in NAMES - {"study.json"}
    }
    found = tune_run({**tree, "seed": 2}, copy, 2, force=True)
    assert len(found.trials) == 2
    assert not (copy / "importance.png").exists()  # of the search before


@pytest.mark.parametrize("name", sorted(NAMES))
def test_files_that_kgrec_did_not_write_are_never_replaced(tmp_path, tree, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunError, match=rf"{name} exists already\. kgrec did not write it"):
        tune_run(tree, tmp_path, 2)
    assert contents(tmp_path) == {name: b"mine"}


def test_a_best_config_that_was_edited_is_kept(copy, tree):
    (copy / "best.yaml").write_text("mine")
    (copy / "notes.txt").write_text("mine too")
    with pytest.raises(RunError, match=r"best\.yaml exists already"):
        tune_run(tree, copy, 12)
    (copy / "best.yaml").rename(copy / "kept.yaml")
    tune_run(tree, copy, 12)
    assert {"kept.yaml": b"mine", "notes.txt": b"mine too"}.items() <= contents(copy).items()


def test_a_folder_within_that_of_the_data(tree):
    folder = Path(tree["data"]["root"])
    for trials in (1, 2):
        tune_run(tree, folder / "tuning", trials)
    (folder / "journal.log").write_text("user_id,item_id\n")
    other = {**tree, "data": {**tree["data"], "interactions": "journal.log"}}
    with pytest.raises(RunError, match=r"journal\.log is read by the same command"):
        tune_run(other, folder, 2, force=True)


def test_only_one_process_works_in_a_folder(copy, tree):
    with alone_in(copy), pytest.raises(RunError, match="Another process is at work in"):
        tune_run(tree, copy, 12)


def test_an_interruption_leaves_results_and_the_same_command_goes_on(
    searched, tree, tmp_path, monkeypatch
):
    usual, calls = EASE.fit, []

    def fit(self, data, callback=None):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return usual(self, data, callback=callback)

    monkeypatch.setattr(EASE, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        tune_run(tree, tmp_path / "a", 12)
    assert len((tmp_path / "a/trials.csv").read_text().splitlines()) == 4
    assert load_config(tmp_path / "a/best.yaml").model.name == "ease"
    found = tune_run(tree, tmp_path / "a", 12)
    assert [one.settings for one in found.trials] == [one.settings for one in searched.trials]


def test_failing_trials_are_counted_with_their_reasons(tree, tmp_path):
    varied = {"model.training.loss": ["sampled_softmax", "bpr"], "model.training.negatives": [
        "uniform", "graph"]}  # fmt: skip
    training = {"max_epochs": 2, "eval_every": 1, "loss": "sampled_softmax"}
    model = {"name": "link_prediction", "training": training, "predictor": {"dim": 4}}
    failing = {**tree, "model": model, "tune": {"space": varied}}
    found = tune_run(failing, tmp_path / "a", 8)
    reasons = {one.error for one in found.trials if one.state == "failed"}
    assert found.count("failed") > 0
    assert any("negatives 'graph' belong to one positive each" in one for one in reasons)
    assert all(
        one.settings["model.training.negatives"] == "graph"
        for one in found.trials if one.state == "failed"
    )  # fmt: skip
    assert load_config(tmp_path / "a/best.yaml").model.predictor.dim == 4


def test_if_all_trials_fail_the_reason_is_told(tree, tmp_path, monkeypatch):
    def fit(self, data, callback=None):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(EASE, "fit", fit)
    with pytest.raises(RunError, match=r"No trial of 2 came to its end.* failed with: singular"):
        tune_run(tree, tmp_path / "b", 2)
    assert not (tmp_path / "b/best.yaml").exists()


def test_trained_models_follow_the_metric_and_their_own_space(tree, tmp_path):
    training = {"max_epochs": 3, "eval_every": 1}
    trained = {**tree, "model": {"name": "bpr_mf", "training": training, "predictor": {"dim": 4}},
               "tune": {"metric": "recall@3"}}  # fmt: skip
    found = tune_run(trained, tmp_path / "a", 3)
    assert found.metric == "recall@3"
    assert set(found.start) == {"model.training.learning_rate", "model.training.ego_l2"}
    assert load_config(tmp_path / "a/best.yaml").model.training.metric == "recall@3"
    assert found.trials[0].epoch in (1, 2, 3)
    assert found.trials[0].metrics["recall@3"] == found.trials[0].value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"tune": {"space": {"model.l22": [1, 2]}}},
            r"tune.space, model.l22 1: unknown key .*'l2'",
        ),
        (
            {"tune": {"space": {"model.l2": [-1, 2]}}},
            r"tune.space, model.l2 -1: model.l2: expected",
        ),
        ({"tune": {"space": {"data.valid": [0.1, 0.2]}}}, "'data.valid' is not varied"),
        ({"tune": {"space": {"model.name": ["ease", "slim"]}}}, "'model.name' is not varied"),
        ({"tune": {}, "model": "most_popular"}, "nothing to vary of the model most_popular"),
        ({"tune": {"metric": "auc"}}, "tune.metric"),
    ],
)
def test_what_cannot_be_varied(tree, tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        tune_run({**tree, **change}, tmp_path / "a", 2)
    assert not (tmp_path / "a").exists() or not list((tmp_path / "a").glob("journal.log"))


def test_a_search_needs_a_validation_part(tree, tmp_path):
    none = {**tree, "data": {**tree["data"], "valid": 0}}
    with pytest.raises(ConfigError, match=r"validation part, which is empty.*data\.valid"):
        tune_run(none, tmp_path / "a", 2)


def test_the_command(kgrec, ok, tree, tmp_path, monkeypatch):
    path = written(tmp_path, tree)
    monkeypatch.chdir(tmp_path)
    code, out, err = kgrec("tune", path, "--trials", 6, "--out", "found")
    assert code == 0, err
    assert "Trial 6: 0." in err
    assert "Validation ndcg@10 of ease: best 0." in out
    assert "6 trials: 6 complete, 0 stopped early, 0 failed." in out
    assert "model.l2" in out
    result = json.loads(ok("tune", path, "--trials", 6, "--out", "found", "--json"))
    assert result["num_trials"] == 6
    assert kgrec("train", "found/best.yaml", "--out", "run")[0] == 0
    figures = json.loads((tmp_path / "run/metrics.json").read_text())["valid"]["metrics"]
    assert figures["ndcg@10"] == pytest.approx(result["best"]["value"])
    code, _, err = kgrec("tune", path, "model=slim", "tune.space=null", "--out", "found")
    assert code == 2
    code, _, err = kgrec("tune", path, "model=slim", "--out", "found", "--trials", 1)
    assert code == 2
    assert "tune.space, model.dropout 0: unknown key 'model.dropout'" in err
