"""The tasks `pairs` and `masked` from a config to a folder, alone and together."""

import json

import pandas as pd
import pytest
from tiny_bert import topic_choices, topic_texts, write_tiny_bert

from kgrec.config import make_config
from kgrec.errors import ConfigError
from kgrec.outputs.tensors import load_tensors
from kgrec.runs.text_tuning import tune_text
from kgrec.text import TextEncoder

NUM, NEW, USERS = 60, 12, 24


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("topics")
    texts, topics = topic_texts(NUM)
    old = topic_choices(topics[: NUM - NEW], num_users=USERS, per_user=6)
    new = topic_choices(topics[:NEW], num_users=USERS, per_user=2)
    rows = {
        "train": [(f"u{user}", f"i{item}") for user, item in zip(*old.nonzero(), strict=True)],
        "valid": [(f"u{u}", f"i{NUM - NEW + i}") for u, i in zip(*new.nonzero(), strict=True)],
        "test": [("u0", f"i{NUM - 1}")],
    }
    (folder / "splits" / "cold_items").mkdir(parents=True)
    for part, pairs in rows.items():
        pd.DataFrame(pairs, columns=["user_id", "item_id"]).to_csv(
            folder / "splits/cold_items" / f"{part}.csv", index=False
        )
    ids = [f"i{i}" for i in range(NUM)]
    kinds = [("red", "green", "blue")[topic] for topic in topics]
    table = pd.DataFrame({"item_id": ids, "title": texts, "kind": kinds})
    table.to_csv(folder / "items.csv", index=False)
    users = [f"u{i}" for i in range(USERS)]
    words = [("space star", "heist bank", "love paris")[i % 3] for i in range(USERS)]
    pd.DataFrame({"user_id": users, "about": words}).to_csv(folder / "users.csv", index=False)
    return {
        "data": {"root": str(folder), "splits": "splits", "split": "cold_items",
                 "items": {"path": "items.csv", "categories": ["kind"]},
                 "users": {"path": "users.csv"}},
        "text": {"model": str(write_tiny_bert(folder / "tiny")), "cache": str(folder / "cache")},
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user's cache"))


def _changed(tree, tasks, **more):
    tuning = {"regime": "full", "epochs": 5, "learning_rate": 0.005, "precision": "float32",
              "tasks": tasks, **more}  # fmt: skip
    return make_config({**tree, "text": {**tree["text"], "tuning": tuning}})


@pytest.mark.parametrize(
    "task",
    [
        {"name": "pairs"},
        {"name": "pairs", "history": False, "user_text": "about"},
    ],
)
def test_users_words_find_new_items(tree, tmp_path, task):
    task = {**task, "batch_size": 16, "temperature": 0.1}
    figures = tune_text(_changed(tree, [task]), tmp_path / "out")
    assert set(figures["valid"]) == {"ndcg@10", "recall@10", "recall@20"}
    assert figures["valid"]["ndcg@10"] > figures["before"]["ndcg@10"] + 0.1
    assert TextEncoder(tmp_path / "out", device="cpu").encode(["space"]).shape == (1, 32)


def test_masked_texts_come_before_or_beside_another_task(tree, tmp_path):
    tasks = [{"name": "pairs", "batch_size": 16}, {"name": "masked", "weight": 0.2}]
    figures = tune_text(_changed(tree, tasks, epochs=2), tmp_path / "out")
    assert {"perplexity", "ndcg@10"} <= set(figures["before"])
    heads, _ = load_tensors(tmp_path / "out/tuning/heads.safetensors")
    assert {name.split(".")[0] for name in heads} == {"1"}
    curve = json.loads((tmp_path / "out/tuning/curve.json").read_text())
    assert curve[2]["perplexity"] < curve[0]["perplexity"]
    alone = tune_text(_changed(tree, ["masked"], epochs=1), tmp_path / "alone")
    assert alone["valid"]["perplexity"] < alone["before"]["perplexity"]


def test_mistakes_in_pairs_are_told(tree, tmp_path):
    with pytest.raises(ConfigError, match=r"user_text: .* 'abuot'. Did you mean 'about'"):
        tune_text(_changed(tree, [{"name": "pairs", "user_text": "abuot"}]), tmp_path / "out")
