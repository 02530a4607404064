"""Run folders: what was trained comes back, elsewhere too, and damage is found."""

import json
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from project import WordEncoder, write_project

import kgrec
from kgrec.config import load_config, make_config
from kgrec.data.interactions import Interactions, Split
from kgrec.errors import ConfigError, DataError, RunError
from kgrec.models.popular import MostPopular
from kgrec.outputs.checked import write_checked_json
from kgrec.recommender import Recommender
from kgrec.runs.evaluating import evaluate_run
from kgrec.runs.log import RunLog
from kgrec.runs.making import make_model
from kgrec.runs.manifest import write_manifest
from kgrec.runs.reading import load_run, read_summary
from kgrec.runs.training import train_run
from kgrec.runs.writing import save_run

NEEDED = [
    "config.yaml",
    "weights.safetensors",
    "features.safetensors",
    "numbers.json",
    "data/users.parquet",
    "data/items.parquet",
    "data/links.parquet",
    "data/histories.parquet",
    "data/dislikes.parquet",
    "data/names.parquet",
    "data/relations.parquet",
    "data/words.parquet",
    "words.safetensors",
    "search_items.safetensors",
    "data/search_names.parquet",
    "data/search_values.parquet",
    "serving.safetensors",
    "about.json",
    "manifest.json",
    "data/item_table.parquet",
    "data/item_table_categories.parquet",
    "data/item_table_others.parquet",
    "data/user_table.parquet",
    "data/user_table_categories.parquet",
    "data/graph/manifest.json",
    "data/graph/entities.arrow",
    "data/graph/relations.arrow",
    "data/graph/triples.arrow",
    "data/graph/literals.arrow",
]
OTHERS = [
    "metrics.json", "log.txt", "curve.json", "curve.png", "checkpoint.safetensors",
]  # fmt: skip


@pytest.fixture
def copy(run_folder, tmp_path):
    return Path(shutil.copytree(run_folder, tmp_path / "copy"))


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_a_run_folder_holds(run_folder):
    assert files(run_folder) == {*NEEDED, *OTHERS, "data/interactions.parquet"}
    about = json.loads((run_folder / "about.json").read_text())
    assert about["seed"] == 3
    assert about["versions"]["torch"]
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert metrics["valid"]["metrics"]["ndcg@10"] > 0.5
    assert metrics["training"]["epochs"] == 12
    curve = json.loads((run_folder / "curve.json").read_text())
    assert [entry["epoch"] for entry in curve] == [4, 8, 12]
    assert (run_folder / "curve.png").read_bytes()[:4] == b"\x89PNG"
    assert "21 of 23 items linked" in (run_folder / "log.txt").read_text()
    tree = yaml.safe_load((run_folder / "config.yaml").read_text())
    assert tree["model"]["training"]["loss"]["name"] == "softmax"  # the resolved config
    assert not stat.S_IMODE((run_folder / "weights.safetensors").stat().st_mode) & 0o111
    modes = {stat.S_IMODE(path.stat().st_mode) for path in run_folder.glob("*.*")}
    assert len(modes) == 1  # whoever may read one of the files may read all


def test_all_of_a_recommender_comes_back(project, word_encoder, tmp_path):
    """Before saving, after loading, and after the folder has moved."""
    from kgrec.datasets.loading import load_dataset
    from kgrec.runs.making import make_recommender

    config = load_config(project)
    dataset = load_dataset(config.data, config.seed)
    before = make_recommender(config, dataset, make_model(config))
    before.fit(dataset.split.train, dataset.split.valid)
    save_run(tmp_path / "run", before, config, dataset.split, metrics={"x": 1.5})
    loaded, found, split = load_run(tmp_path / "run")
    assert found == config
    check_alike(before, loaded)
    assert loaded.evaluate(split.test).metrics == before.evaluate(dataset.split.test).metrics
    elsewhere = tmp_path / "else where" / "moved"
    elsewhere.parent.mkdir()
    shutil.move(tmp_path / "run", elsewhere)
    check_alike(before, load_run(elsewhere)[0])


def check_alike(before, after):
    users = np.arange(len(before.user_vocabulary))
    np.testing.assert_array_equal(before.score(users), after.score(users))
    assert before.item_vocabulary == after.item_vocabulary
    assert before.user_vocabulary == after.user_vocabulary
    for item in before.item_vocabulary:
        assert before.title(item) == after.title(item)
    for user in ("u00", "u15", "u29", "u99"):
        assert before.recommend(user, 5) == after.recommend(user, 5)
        assert before.history(user) == after.history(user)
    assert before.recommend(liked=["i10", "n2"], k=9) == after.recommend(liked=["i10", "n2"], k=9)
    assert before.similar_items("n1", 5) == after.similar_items("n1", 5)
    assert before.explain("u00", "n0") == after.explain("u00", "n0")
    if before.encoder is not None:
        assert before.search("pirates at sea", 7) == after.search("pirates at sea", 7)


@pytest.mark.parametrize(
    "model",
    [
        {"name": "most_popular"},
        {"name": "item_knn"},
        {"name": "slim", "l2": 3.0, "l1": 0.5},
        {"name": "ials", "dim": 6, "l2": 1.0},
        {"name": "ease", "l2": 3.0},
        {"name": "attribute_ease", "l2": 3.0},
        {"name": "ensemble", "members": [
            {"name": "content_ease", "l2": 3.0}, {"name": "user_ease", "l2": 3.0},
            {"name": "link_prediction", "predictor": {"dim": 6}, "training": {"max_epochs": 2}}]},
        {"name": "link_prediction", "new_items": "propagate",
         "predictor": {"dim": 6, "encoder": "rgcn", "head": "distmult", "fusion": "gate"},
         "training": {"max_epochs": 2}},
    ],
    ids=lambda model: model["name"],
)  # fmt: skip
@pytest.mark.parametrize("graph", [True, False])
def test_every_model_comes_back(project, word_encoder, tmp_path, model, graph):
    tree = yaml.safe_load(Path(project).read_text())
    tree["model"] = model
    if not graph:
        for key in ("graph", "links"):
            tree["data"].pop(key)
        tree["text"] = None
    config = make_config(tree)
    train_run(config, tmp_path / "run")
    one, _, split = load_run(tmp_path / "run")
    other, _, _ = load_run(tmp_path / "run")
    check_alike(one, other)
    assert (one.inputs.kg is None) == (not graph)
    found = evaluate_run(tmp_path / "run", k=(5,))
    saved = json.loads((tmp_path / "run" / "evaluation_test.json").read_text())
    assert saved["metrics"] == found.metrics
    assert len(saved["per_user"]["user_id"]) == found.num_users
    assert found.metrics["recall@5"] > (0.3 if model["name"] == "most_popular" else 0.6)
    assert len(split.test) == found.num_judgements


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("how", ["deleted", "emptied", "cut off", "garbled"])
def test_a_damaged_file_is_named(copy, name, how):
    path = copy / name
    content = path.read_bytes()
    if how == "deleted":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "cut off":
        path.write_bytes(content[: len(content) * 2 // 3])
    else:
        path.write_bytes(b"\x00\xff" * (len(content) // 2))
    with pytest.raises(RunError) as caught:
        load_run(copy)
    assert path.name in str(caught.value) or str(copy) in str(caught.value)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_only_there_to_be_read_is_not_needed(copy, name):
    (copy / name).unlink()
    assert load_run(copy)[0].recommend("u00", 1)


def test_serving_needs_no_interactions(copy, run_folder):
    whole, alone = load_run(run_folder)[0], None
    (copy / "data" / "interactions.parquet").unlink()
    alone, _, split = load_run(copy)
    check_alike(whole, alone)
    assert not len(split.test)
    with pytest.raises(DataError, match=r"without the interactions"):
        alone.evaluate(split.train)
    with pytest.raises(ConfigError, match=r"test part .* is empty"):
        evaluate_run(copy)
    with pytest.raises(RunError, match=r"interactions\.parquet"):
        evaluate_run(copy, "valid")


@pytest.mark.parametrize("how", ["emptied", "cut off", "garbled"])
def test_damaged_interactions_are_named(copy, how):
    path = copy / "data" / "interactions.parquet"
    content = path.read_bytes()
    cut = content[: len(content) // 2]
    path.write_bytes({"emptied": b"", "cut off": cut, "garbled": b"\x00\xff" * 50}[how])
    with pytest.raises(RunError, match=r"interactions\.parquet"):
        load_run(copy)


def test_a_part_that_is_gone_is_missed_whatever_the_format_of_the_data(tmp_path):
    """The run says what it has; the config of other formats than `files` does not."""
    kg = kgrec.KnowledgeGraph.from_triples([("e:x", "e:by", "e:z"), ("e:y", "e:by", "e:z")])
    frame = pd.DataFrame({"user_id": ["a", "b", "b"], "item_id": ["x", "x", "y"]})
    train = Interactions.read(frame, rating=None, timestamp=None)
    links = kgrec.link(train.items, kg, pd.DataFrame({"item_id": ["x"], "iri": ["e:x"]}))
    table = kgrec.AttributeTable.read(pd.DataFrame({"item_id": ["x"], "title": ["X"]}))
    made = kgrec.Recommender(kg, links, model=MostPopular(), items=table, text=None).fit(train)
    for gone in ("graph", "item_table.parquet", "links.parquet"):
        folder = tmp_path / gone
        kgrec.save(made, folder)
        assert kgrec.load(folder).title("x") == "X"
        path = folder / "data" / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        with pytest.raises(RunError, match=gone.partition(".")[0]):
            kgrec.load(folder)


def test_loading_neither_encodes_nor_verbalises(run_folder, monkeypatch):
    for place in ("kgrec.text.node_texts.node_texts", "kgrec.text.vectors.encode_cached"):
        monkeypatch.setattr(place, None)
    monkeypatch.setattr("kgrec.graph.node_names.NodeNames.from_graph", None)
    loaded = load_run(run_folder)[0]
    assert loaded.recommend("u00", 3)
    assert loaded.explain("u00", "n0").sentence
    assert loaded.snapshot.semantic_search is not None


def test_a_run_of_another_version_is_refused_by_name(copy):
    about = json.loads((copy / "about.json").read_text())
    for given, says in (
        ({"format": 4}, r"format 4"),
        ({"format": 2}, r"kgrec 0\.1\.0 \(format 2\)"),  # without a manifest
        ({}, r"kgrec 0\.1\.0 \(format 1\)"),
    ):
        old = {key: value for key, value in about.items() if key != "format"}
        old["kgrec"] = "0.1.0"
        (copy / "about.json").write_text(json.dumps(old | given))
        with pytest.raises(RunError, match=says) as caught:
            load_run(copy)
        assert "Train it again" in str(caught.value)


def test_what_was_updated_at_once_is_saved_with_a_model_that_knows_it(run_folder, tmp_path):
    loaded, config, split = load_run(run_folder)
    loaded.update(users=["somebody"], at_once=True)
    assert loaded.snapshot.num_trained >= 0
    save_run(tmp_path / "run", loaded, config, split, metrics={})
    assert loaded.snapshot.num_trained == -1
    again = load_run(tmp_path / "run")[0]
    assert again.user_vocabulary.ids[-1] == "somebody"
    assert again.snapshot.drift.users_new == 1


@pytest.mark.parametrize("folder", ["data/graph", "data"])
def test_a_missing_folder(copy, folder):
    shutil.rmtree(copy / folder)
    with pytest.raises(RunError):
        load_run(copy)


def test_files_of_another_run(copy, project, word_encoder, tmp_path):
    train_run(
        load_config(project, ["model.predictor.dim=7", "graph.min_degree=5"]), tmp_path / "other"
    )
    shutil.copy(tmp_path / "other" / "weights.safetensors", copy)
    with pytest.raises(RunError, match=r"weights\.safetensors is damaged, or was changed"):
        load_run(copy)
    write_manifest(copy)
    with pytest.raises(RunError, match=r"fusion\.\w+\.embedding"):
        load_run(copy)


def test_a_folder_that_is_no_run(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(RunError, match="is no run folder"):
            load_run(folder)


def test_damage_anywhere_is_refused_or_changes_no_answer(copy):
    """A flipped bit or a cut in any file: the same answers as before, or a message."""
    loaded = load_run(copy)[0]
    users = np.arange(len(loaded.user_vocabulary))
    scores, names = loaded.score(users), sorted(files(copy))
    found = loaded.search("pirates at sea", 7)
    rng = np.random.default_rng(0)
    refused = set()
    for turn in range(3 * len(names)):
        name = names[turn % len(names)]
        content = (copy / name).read_bytes()
        place = int(rng.integers(len(content)))
        flipped = bytes([content[place] ^ 1 << int(rng.integers(8))])
        cut = turn >= 2 * len(names)
        (copy / name).write_bytes(
            content[:place] + (b"" if cut else flipped + content[place + 1 :])
        )
        try:
            again = load_run(copy)[0]
        except RunError:
            refused.add(name)
        else:
            np.testing.assert_array_equal(again.score(users), scores)
            assert again.search("pirates at sea", 7) == found
        (copy / name).write_bytes(content)
    assert refused == {*NEEDED, "data/interactions.parquet"}


def test_a_new_file_in_the_folder_is_not_of_the_run(copy):
    """What the manifest does not list is not read."""
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["files"]["metrics.json"], manifest["sha256"]
    write_checked_json(copy / "manifest.json", manifest)
    with pytest.raises(RunError, match=r"does not list metrics\.json"):
        read_summary(copy)


def test_a_second_run_in_the_same_folder_leaves_nothing_of_the_first(
    project, word_encoder, tmp_path
):
    out = tmp_path / "run"
    train_run(load_config(project), out)
    evaluate_run(out, k=(5,))
    tree = yaml.safe_load(Path(project).read_text())
    for key in ("graph", "links", "items", "users"):
        tree["data"].pop(key)
    config = make_config({**tree, "text": None, "model": {"name": "ease"}})
    before = contents(out)
    with pytest.raises(RunError, match="has a run already"):
        train_run(config, out)
    assert contents(out) == before
    train_run(config, out, force=True)
    words = ("graph", "table", "links", "words", "serving", "search")
    gone = {name for name in NEEDED if any(word in name for word in words)}
    rest = {"metrics.json", "log.txt", "data/interactions.parquet"}
    assert files(out) == {*NEEDED, *rest} - gone
    assert load_run(out)[0].title("i01") == "i01"


def test_an_empty_category_and_parts_with_different_columns(word_encoder, tmp_path):
    """A column of the item table that holds nothing, and timestamps in one part only."""
    write_project(tmp_path)
    dated = pd.DataFrame({"user_id": ["a", "b", "b"], "item_id": ["x", "x", "y"],
                          "timestamp": [1, 2, 3], "rating": [1.0, 2.0, 3.0]})  # fmt: skip
    plain = pd.DataFrame({"user_id": ["a"], "item_id": ["y"]})
    test = pd.DataFrame({"user_id": ["c"], "item_id": ["y"]})
    split = Split.from_tables(*(Interactions.read(frame) for frame in (dated, plain, test)))
    config = make_config({"data": {"interactions": "x.csv"}, "text": None,
                          "model": {"name": "most_popular"}})  # fmt: skip
    made = Recommender(model=MostPopular(), text=None).fit(split.train, split.valid)
    save_run(tmp_path / "run", made, config, split, metrics={})
    loaded, _, found = load_run(tmp_path / "run")
    assert found.train.timestamp.tolist() == [1, 2, 3]
    assert found.train.rating.tolist() == [1, 2, 3]
    assert found.valid.timestamp is None
    assert found.test.rating is None
    assert loaded.recommend("c", 2) == made.recommend("c", 2)


def test_nothing_in_a_run_folder_executes(run_folder):
    for path in run_folder.rglob("*"):
        if path.is_file():
            assert path.suffix in {
                ".yaml",
                ".json",
                ".txt",
                ".png",
                ".parquet",
                ".arrow",
                ".safetensors",
            }
            assert path.read_bytes()[:2] != b"\x80\x04"  # a pickle


def test_a_full_disk_while_a_run_is_saved(run_folder, copy, monkeypatch):
    loaded, config, split = load_run(run_folder)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    before = contents(copy)
    with pytest.raises(RunError, match=r"copy cannot be written: No space left .* is unchanged"):
        save_run(copy, loaded, config, split, metrics={}, force=True)
    monkeypatch.undo()
    assert contents(copy) == before
    check_alike(loaded, load_run(copy)[0])  # the run that was there is still one


def test_resuming_a_run(project, word_encoder, tmp_path, run_folder):
    """Interrupted at the second validation, then gone on with: the same run in the end."""

    class Impatient(RunLog):
        @contextmanager
        def training(self, config):
            def callback(figures):
                if figures["epoch"] == 8:
                    raise KeyboardInterrupt

            yield callback

    config, out = load_config(project), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_run(config, out, log=Impatient())
    assert files(out) == {"checkpoint.safetensors"}
    with pytest.raises(RunError, match="is no run folder"):
        load_run(out)
    train_run(config, out, resume=True)
    check_alike(load_run(run_folder)[0], load_run(out)[0])
    assert WordEncoder.calls
