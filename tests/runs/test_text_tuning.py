"""`kgrec tune-text`: from a config to a folder that is an encoder, and what it must not replace."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from topic_films import NUM, write_topic_films
from typer.testing import CliRunner

import kgrec
from kgrec.cli import app
from kgrec.config import make_config
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, DataError, KgrecError, RunError
from kgrec.models.ease import EASE
from kgrec.recommender import Recommender
from kgrec.runs import needs, text_needs
from kgrec.runs.encoder_quality import measure_vectors
from kgrec.runs.making import make_recommender
from kgrec.runs.text_tuning import (
    CHECKPOINT,
    SUMMARY,
    item_texts,
    make_task,
    prepared_data,
    tune_text,
)
from kgrec.runs.training import train_run
from kgrec.text import TextEncoder
from kgrec.text.model_files import find_model
from kgrec.text.tuning.settings import EndToEndConfig, InteractionsConfig, TextTuning
from kgrec.text.tuning.tower import Tower
from kgrec.training.end_to_end import EndToEndTask
from kgrec.training.link_prediction import LinkPredictionConfig


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return write_topic_films(tmp_path_factory.mktemp("topics"))


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user's cache"))


def _changed(tree, **tuning):
    text = {**tree["text"], "tuning": {**tree["text"]["tuning"], **tuning}}
    return make_config({**tree, "text": text})


@pytest.fixture(scope="module")
def tuned(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "encoder"
    return tune_text(make_config(tree), out), out


def _vectors_alone(tree, encoder):
    """Return NDCG@10 on validation of the vectors that an encoder gives the items."""
    dataset = load_dataset(make_config(tree).data)
    titles = dict(zip(dataset.items.ids.ids, dataset.items.titles, strict=True))
    texts = [f"{titles[one]}." for one in dataset.split.train.items.ids]
    vectors = TextEncoder(encoder, precision="float32", device="cpu").encode(texts)
    return measure_vectors(vectors, dataset.split, "valid").metrics["ndcg@10"]


def test_the_folder_is_an_encoder_that_places_new_items_better(tree, tuned):
    figures, out = tuned
    assert figures["before"]["ndcg@10"] + 0.1 < figures["valid"]["ndcg@10"]
    assert figures["trained_parameters"] < figures["parameters"]
    assert _vectors_alone(tree, out) == pytest.approx(figures["valid"]["ndcg@10"], abs=1e-6)


@pytest.mark.parametrize(("targets", "least"), [("content", 0.9), ("ease", 0.0)])
def test_scores_of_new_items_come_from_their_content(tree, targets, least):
    config = make_config(tree)
    dataset = load_dataset(config.data)
    prepared = prepared_data(make_recommender(config, dataset, EASE()).inputs, dataset.split)
    split = dataset.split.reindex(prepared.data.train.users, prepared.data.train.items)
    tower = Tower(find_model(tree["text"]["model"]), TextTuning(), Path("unused"))
    asked = InteractionsConfig(ease_l2=5, targets=targets)
    texts = item_texts(prepared, config.text)
    choices = make_task(asked, prepared, split, texts, config, tower).choices
    train = prepared.data.train
    new = np.flatnonzero(np.bincount(train.item, minlength=train.num_items) == 0)
    scores = choices.scores(np.arange(train.num_users))
    topics = np.array([int(one.removeprefix("i")) % 3 for one in train.items.ids])
    likes = np.array([int(one.removeprefix("u")) % 3 for one in train.users.ids])
    wanted = topics[new][None, :] == likes[:, None]
    assert choices.teach_new == (targets == "content")
    if not least:
        assert not scores[:, new].any()
        return
    best = np.argsort(-scores[:, new], axis=1)[:, :4]
    assert np.take_along_axis(wanted, best, axis=1).mean() > least


def test_sentence_transformers_reads_it(tuned):
    library = pytest.importorskip("sentence_transformers")
    texts = ["space rocket story", "love in paris"]
    ours = TextEncoder(tuned[1], precision="float32", device="cpu").encode(texts)
    model = library.SentenceTransformer(str(tuned[1]), device="cpu")
    np.testing.assert_allclose(model.encode(texts, normalize_embeddings=True), ours, atol=1e-5)


def test_its_figures_curve_and_log_are_beside_it(tuned):
    figures, out = tuned
    saved = json.loads((out / SUMMARY).read_text())
    assert saved["valid"] == figures["valid"]
    curve = json.loads((out / "tuning/curve.json").read_text())
    assert [point["epoch"] for point in curve] == list(range(len(curve)))
    assert (out / "tuning/curve.png").stat().st_size > 1000
    assert "Best of" in (out / "tuning/log.txt").read_text()
    assert not (out / CHECKPOINT).exists()
    assert {path.suffix for path in out.rglob("*")} <= {"", ".json", ".safetensors", ".png", ".txt"}


def test_a_recommender_uses_the_tuned_encoder(tree, tuned, tmp_path):
    text = {"model": str(tuned[1]), "cache": tree["text"]["cache"]}
    config = make_config({**tree, "text": text, "model": {"name": "content_ease"}})
    train_run(config, tmp_path / "run")
    snapshot = kgrec.load(tmp_path / "run").snapshot
    fingerprint = TextEncoder(tuned[1]).fingerprint
    assert snapshot.derived.made_by["item", "text"] == fingerprint
    assert fingerprint != TextEncoder(tree["text"]["model"]).fingerprint


@pytest.mark.parametrize(("rate", "used"), [(0.01, "tuned"), (1e-9, "as it was")])
def test_thorough_auto_keeps_the_encoder_that_validation_prefers(tree, tmp_path, rate, used):
    """The words of topics are all that tells new items apart; with no step to speak of, none."""
    tuning = {**tree["text"]["tuning"], "learning_rate": rate, "warmup": 0.0}
    if used == "as it was":
        tuning["epochs"] = 1
    config = make_config({
        **tree, "text": {**tree["text"], "tuning": tuning},
        "model": {"name": "auto", "effort": "thorough"},
    })  # fmt: skip
    metrics = train_run(config, tmp_path / "run")
    found = metrics["encoder"]
    assert found["used"] == used
    assert found["ndcg@10"][used] == metrics["valid"]["metrics"]["ndcg@10"]
    assert found["ndcg@10"][used] == max(found["ndcg@10"].values())
    rec = kgrec.load(tmp_path / "run")
    own = tmp_path / "run/encoder"
    assert own.exists() == (used == "tuned")
    assert not (tmp_path / "run/encoder_new").exists()
    fingerprint = TextEncoder(str(own) if own.exists() else tree["text"]["model"]).fingerprint
    assert rec.snapshot.derived.made_by["item", "text"] == fingerprint


def test_the_test_part_changes_nothing(tree, tmp_path, tuned):
    root = tmp_path / "data"
    (root / "splits/cold_items").mkdir(parents=True)
    source = tree["data"]["root"]
    for name in ("train", "valid", "test"):
        frame = pd.read_csv(f"{source}/splits/cold_items/{name}.csv")
        if name == "test":
            frame = frame.sample(frac=1, random_state=0).assign(
                user_id=frame.user_id.iloc[::-1].to_numpy()
            )
        frame.to_csv(root / "splits/cold_items" / f"{name}.csv", index=False)
    shutil.copy(f"{source}/items.csv", root)
    other = make_config({**tree, "data": {**tree["data"], "root": str(root)}})
    found = tune_text(other, tmp_path / "out")
    assert found["valid"] == tuned[0]["valid"]


def test_a_stopped_training_goes_on_and_ends_the_same(tree, tuned, tmp_path, monkeypatch):
    from kgrec.text.tuning.loop import Tuner

    out, epoch = tmp_path / "out", Tuner._epoch

    def stopped(self, steps):
        if self.progress.epoch == 3:
            raise KeyboardInterrupt
        return epoch(self, steps)

    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    command = ["tune-text", str(path), "--out", str(out)]
    with monkeypatch.context() as patch:
        patch.setattr(Tuner, "_epoch", stopped)
        first = CliRunner().invoke(app, command)
    assert first.exit_code == 130
    assert f"--resume continues from it: {out / CHECKPOINT}" in first.stderr.replace("\n", "")
    with pytest.raises(RunError, match=r"training that was stopped already.*continues it"):
        tune_text(make_config(tree), out)
    again = CliRunner().invoke(app, [*command, "--resume", "--json"])
    assert again.exit_code == 0, again.stderr
    found = json.loads(again.stdout)
    assert found["valid"] == tuned[0]["valid"]
    for name in ("model.safetensors", "config.json"):
        assert (out / name).read_bytes() == (tuned[1] / name).read_bytes()
    with pytest.raises(RunError, match="no checkpoint"):
        tune_text(make_config(tree), out, resume=True)


def test_what_kgrec_did_not_write_is_never_replaced(tree, tmp_path):
    quick = _changed(tree, epochs=1)
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"did not write.*notes\.txt"):
        tune_text(quick, out, force=True)
    (out / "notes.txt").unlink()
    tune_text(quick, out)
    with pytest.raises(RunError, match=r"a tuned encoder already"):
        tune_text(quick, out)
    (out / "config.json").write_text("{}")
    with pytest.raises(RunError, match=r"changed since, such as config\.json"):
        tune_text(quick, out, force=True)
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(RunError, match="is a file"):
        tune_text(quick, file)
    assert file.read_text() == "x"


def test_a_tuned_encoder_is_replaced_when_asked(tree, tmp_path):
    tune_text(_changed(tree, epochs=1), tmp_path / "out")
    first = (tmp_path / "out/model.safetensors").read_bytes()
    tune_text(_changed(tree, epochs=2), tmp_path / "out", force=True)
    assert (tmp_path / "out/model.safetensors").read_bytes() != first
    with pytest.raises(KgrecError, match="read by the same command"):  # the model to begin with
        tune_text(make_config(tree), tree["text"]["model"], force=True)


def test_mistakes_are_told(tree, tmp_path):
    with pytest.raises(ConfigError, match="no text"):
        tune_text(make_config({**tree, "text": None}), tmp_path / "out")
    with pytest.raises(ConfigError, match="'multilingual' can encode, but not be trained"):
        tune_text(make_config({**tree, "text": {"model": "multilingual"}}), tmp_path / "out")
    with pytest.raises(ConfigError, match=r"text\.tuning\.regime.*Did you mean"):
        _changed(tree, regime="top_layer")
    with pytest.raises(ConfigError, match=r"learning_rat"):
        _changed(tree, learning_rat=1)
    data = {"root": tree["data"]["root"], "splits": "splits", "split": "cold_items"}
    with pytest.raises(DataError, match="No item has a text"):
        tune_text(make_config({**tree, "data": data}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_settings_are_read_by_a_recommender_that_ignores_them(tree):
    assert Recommender(text=make_config(tree).text).text_config.tuning.epochs == 8


def _end_to_end(tree, **task):
    parts = {"dim": 16, "id_dropout": 0.5, "feature_dropout": 0.0}
    link = {"name": "link_prediction", "new_items": "propagate", "predictor": parts}
    tuning = {"tasks": [{"name": "end_to_end", "batch_items": 12, "alone": 5, **task}],
              "epochs": 6}  # fmt: skip
    return _changed({**tree, "model": link}, **tuning)


def test_the_loss_of_a_link_predictor_trains_the_encoder(tree, tmp_path):
    """The words of new items say what they are about, which its users teach the encoder."""
    figures = tune_text(_end_to_end(tree), tmp_path / "encoder")
    assert figures["before"]["ndcg@10"] + 0.1 < figures["valid"]["ndcg@10"]
    # It is the encoder that learnt, and not the link predictor alone.
    found = [_vectors_alone(tree, one) for one in (tree["text"]["model"], tmp_path / "encoder")]
    assert found[0] + 0.1 < found[1]
    assert (tmp_path / "encoder/tuning/heads.safetensors").exists()


def test_end_to_end_resumes_to_the_bit(tree, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    tune_text(_end_to_end(tree), whole)
    measured = EndToEndTask.metrics
    calls = []

    def metrics(*args):
        calls.append(1)
        if len(calls) == 4:  # epochs 0, 1 and 2 are in the checkpoint
            raise KeyboardInterrupt
        return measured(*args)

    monkeypatch.setattr(EndToEndTask, "metrics", metrics)
    with pytest.raises(KeyboardInterrupt):
        tune_text(_end_to_end(tree), stopped)
    monkeypatch.setattr(EndToEndTask, "metrics", measured)
    tune_text(_end_to_end(tree), stopped, resume=True)
    for name in ("model.safetensors", "tuning/heads.safetensors"):
        assert (whole / name).read_bytes() == (stopped / name).read_bytes()


def test_end_to_end_reads_all_items_through_the_projection_of_now(tree):
    """The link predictor's text is that of the newest weights, also of items not in the step."""
    config = make_config(tree)
    data = prepared_data(make_recommender(config, load_dataset(config.data), EASE()).inputs,
                         load_dataset(config.data).split).data  # fmt: skip
    settings = TextTuning(regime="frozen", projection=8, precision="float32")
    tower = Tower(find_model(tree["text"]["model"]), settings, Path("unused"))
    texts = [f"{one} film" if row else "" for row, one in enumerate(data.train.items.ids)]
    task = EndToEndTask(EndToEndConfig(alone=0), LinkPredictionConfig(), data, texts, tower)
    task.prepare(tower)
    with torch.no_grad():
        for value in tower.trained.values():
            value += torch.linspace(-1, 1, value.numel()).reshape(value.shape)
    found = task._text(tower).detach().numpy()
    assert not found[0].any()
    np.testing.assert_allclose(found[1:], tower.vectors(tower.corpus(texts[1:])), atol=1e-6)


def test_end_to_end_says_what_it_lacks(tree):
    config = make_config({**tree, "text": {**tree["text"]}})
    tuning = EndToEndConfig()
    data = prepared_data(make_recommender(config, load_dataset(config.data), EASE()).inputs,
                         load_dataset(config.data).split).data  # fmt: skip
    tower = Tower(find_model(tree["text"]["model"]), TextTuning(), Path("unused"))
    with pytest.raises(DataError, match="needs texts of items; no item has one"):
        EndToEndTask(tuning, LinkPredictionConfig(), data, [""] * NUM, tower)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_trained(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(text_needs, "BYTES_A_STATE", 1 << 40)
    monkeypatch.setattr(needs, "available_memory", lambda: 1 << 33)
    with pytest.raises(
        DataError,
        match=r"Tuning .*tiny \(full\) with [0-9]+ steps, 8 or more of 8 epochs of [0-9]+ texts, "
        r"needs about [0-9.]+ GiB .* 8\.0 GiB are free\. Train less of it",
    ):
        tune_text(make_config(tree, "x"), tmp_path / "out")
    assert not (tmp_path / "out" / CHECKPOINT).exists()
