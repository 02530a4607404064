"""What users dislike is not recommended, wherever the answer comes from."""

import json

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.config import make_config
from kgrec.data.interactions import Split
from kgrec.runs.serving import load_for_serving, read_test
from kgrec.runs.writing import save_run

RATINGS = [  # everybody likes a and b; c, d and e have one fan each
    *[(f"u{user}", item, 5) for user in range(4) for item in "ab"],
    ("u1", "c", 5),
    ("u2", "d", 4),
    ("u3", "e", 4),
    ("u0", "c", 1),
    ("u0", "d", 2),
    ("u1", "d", 1),
]


def read(rows):
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    return kgrec.Interactions.read(frame, positive="rating >= 4")


def ids(found):
    return sorted(entry.item for entry in found)


def fitted(valid=None):
    model = kgrec.EASE(kgrec.EASEConfig(l2=1.0))
    train = read(RATINGS)
    if valid is not None:
        split = Split.from_tables(train, read(valid), read([("u3", "c", 4), ("u3", "d", 1)]))
        train, valid = split.train, split.valid
    return kgrec.Recommender(model=model, text=None).fit(train, valid)


def test_recommend_leaves_dislikes_out_and_brings_them_back():
    rec = fitted()
    assert ids(rec.recommend("u0", 5)) == ["e"]
    assert ids(rec.recommend("u0", 5, include_disliked=True)) == ["c", "d", "e"]
    assert ids(rec.recommend("u0", 5, liked=["e"])) == []
    assert ids(rec.recommend("u1", 5)) == ["e"]
    assert ids(rec.recommend("u2", 5)) == ["c", "e"]  # dislikes nothing
    assert ids(rec.recommend(liked=["a"], k=5)) == ["b", "c", "d", "e"]


@pytest.mark.parametrize("include", [False, True])
def test_recommend_all_agrees(include):
    rec = fitted()
    frame = rec.recommend_all(5, include_disliked=include).to_pandas()
    for user in rec.user_vocabulary.ids:
        alone = [one.item for one in rec.recommend(user, 5, include_disliked=include)]
        assert frame.loc[frame["user_id"] == user, "item_id"].tolist() == alone


def test_recommend_all_leaves_out_the_dislikes_of_further_logs():
    rec, more = fitted(), read([("u2", "c", 1), ("u2", "a", 5)])
    assert ids(rec.recommend("u2", 5)) == ["c", "e"]
    for include, expected in ((False, ["e"]), (True, ["c", "e"])):
        found = rec.recommend_all(5, users=["u2"], further=more, include_disliked=include)
        assert sorted(found.to_pandas()["item_id"]) == expected


def test_dislikes_of_the_validation_part_are_known():
    rec = fitted(valid=[("u2", "e", 2), ("u3", "d", 1), ("u2", "c", 4)])
    assert ids(rec.recommend("u2", 5)) == []
    assert ids(rec.recommend("u3", 5)) == ["c"]


def test_a_like_in_another_part_is_no_dislike():
    rec = fitted(valid=[("u0", "c", 5), ("u2", "e", 1)])
    assert rec.snapshot.disliked[0].indices.tolist() == [rec.item_vocabulary.row("d")]


def test_an_update_brings_dislikes_and_changes_of_mind():
    rec = fitted()
    old = rec.snapshot
    later = read([("u2", "e", 1), ("u0", "c", 5), ("u3", "e", 2), ("new", "a", 4)])
    rec.update(interactions=later, at_once=True)
    now = rec.snapshot
    assert ids(rec.recommend("u2", 5)) == ["c"]
    assert rec.history("u0") == ["a", "b", "c"]
    assert ids(rec.recommend("u0", 5, include_disliked=True)) == ["d", "e"]
    assert rec.history("u3") == ["a", "b"]  # no longer e
    assert "e" not in ids(rec.recommend("u3", 5))
    assert ids(rec.recommend("new", 5)) == ["b", "c", "d", "e"]
    assert now.changed.tolist() == [True, False, False, True, True]
    assert old.disliked.shape == (4, 5)
    rec.update(items=["f"], users=["late"], at_once=True)
    assert rec.snapshot.disliked.shape == (6, 6)
    assert "e" not in ids(rec.recommend("u2", 6))


def test_evaluation_ranks_what_is_disliked_unless_it_is_excluded():
    rec, test = fitted(), read([("u0", "e", 5)])
    scores = rec.score(np.array([0]))[0]
    place = {item: scores[rec.item_vocabulary.row(item)] for item in "cde"}
    above = sum(place[item] >= place["e"] for item in "cd")
    found = rec.evaluate(test, k=(3,)).metrics
    assert found["mrr@3"] == pytest.approx(1 / (1 + above))
    known = rec.snapshot.known
    asked = rec.evaluate(test, k=(3,), exclude=[*known, known[0].dislikes])
    assert asked.metrics["mrr@3"] == 1.0


@pytest.fixture
def folder(tmp_path):
    rec = fitted(valid=[("u2", "e", 2), ("u2", "c", 4)])
    train, valid = rec.snapshot.interactions
    test = read([("u3", "c", 4), ("u3", "d", 1)]).reindex(train.users, train.items)
    config = make_config({"data": {}, "text": None, "model": {"name": "ease", "l2": 1.0}})
    save_run(tmp_path / "run", rec, config, Split(train, valid, test), metrics={})
    return tmp_path / "run"


@pytest.mark.parametrize("load", [kgrec.load, load_for_serving])
def test_a_run_folder_keeps_dislikes(folder, load):
    rec = load(folder)
    assert ids(rec.recommend("u0", 5)) == ["e"]
    assert ids(rec.recommend("u0", 5, include_disliked=True)) == ["c", "d", "e"]
    assert ids(rec.recommend("u2", 5)) == []
    train, valid = rec.snapshot.interactions
    assert sorted(train.dislikes.rating.tolist()) == [1, 1, 2]
    assert valid.dislikes.rating.tolist() == [2]
    test = read_test(folder, rec.user_vocabulary, rec.item_vocabulary)
    assert rec.item_vocabulary.take(test.dislikes.item) == ["d"]
    assert not len(read_test(folder, rec.user_vocabulary, rec.item_vocabulary, "u1").dislikes)


def test_the_command_line_leaves_dislikes_out(folder, ok, tmp_path):
    def asked(*more):
        found = json.loads(ok("recommend", folder, "-k", 5, "--json", *more))
        return sorted(entry["item"] for entry in found)

    assert asked("--user", "u0") == ["e"]
    assert asked("--user", "u3") == []  # c is in the test part, d disliked there
    assert asked("--user", "u3", "--include-disliked") == ["d"]
    for more, expected in (([], []), (["--include-disliked"], ["d"])):
        path = tmp_path / "all.csv"
        ok("recommend", folder, "--all", "--out", path, "--force", *more)
        frame = pd.read_csv(path)
        assert frame.loc[frame["user_id"] == "u3", "item_id"].tolist() == expected


def test_a_run_without_dislikes_has_no_file_of_them(tmp_path):
    log = kgrec.Interactions.read(pd.DataFrame(RATINGS, columns=["user_id", "item_id", "rating"]))
    rec = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(log)
    kgrec.save(rec, tmp_path)
    assert not (tmp_path / "data" / "dislikes.parquet").exists()
    assert kgrec.load(tmp_path).snapshot.disliked is None
