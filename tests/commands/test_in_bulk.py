"""Recommending to everybody, and choosing items by filter and by lists, on the command line."""

import json

import pandas as pd
import pytest

from kgrec.retrieval.settings import RetrieveConfig
from kgrec.runs.reading import load_run
from kgrec.runs.serving import read_test


def test_all_users_into_a_file_without_what_they_have(ok, run_folder, tmp_path):
    recommender, _, split = load_run(run_folder)
    path = tmp_path / "all.parquet"
    assert str(path) in ok("recommend", run_folder, "--all", "--out", path, "-k", 4)
    frame = pd.read_parquet(path)
    assert set(frame["user_id"]) == set(recommender.user_vocabulary.ids)
    for user in ("u00", "u15", "u29"):
        alone = json.loads(ok("recommend", run_folder, "--user", user, "-k", 4, "--json"))
        found = frame[frame["user_id"] == user]
        assert found["item_id"].tolist() == [entry["item"] for entry in alone]
        assert found["title"].tolist() == [entry["title"] for entry in alone]
        test = split.test.user == split.test.users.row(user)
        assert not set(found["item_id"]) & set(split.test.items.take(split.test.item[test]))


def test_chosen_users_and_items(kgrec, ok, run_folder, tmp_path):
    users, items, sold = (tmp_path / name for name in ("users.txt", "items.csv", "sold.txt"))
    users.write_text("u29\nu00\nsomebody\n", encoding="utf-8")
    items.write_text("item_id\ni01\ni02\ni09\nn0\nn1\n", encoding="utf-8")
    sold.write_text("n1\n", encoding="utf-8")
    choice = ("--candidates", items, "--exclude", sold, "--filter", "'space' in tags")
    path = tmp_path / "some.csv"
    code, _, err = kgrec("recommend", run_folder, "--users", users, "--out", path, *choice)
    assert code == 0, err
    assert "1 of 3 user ids are not known" in err
    frame = pd.read_csv(path)
    assert frame["user_id"].drop_duplicates().tolist() == ["u29", "u00"]
    assert set(frame["item_id"]) <= {"i01", "i02", "n0"}
    assert set(frame.loc[frame["user_id"] == "u29", "item_id"]) == {"i01", "i02", "n0"}
    for command in (("recommend", "--user", "u29"), ("similar", "i05"), ("search", "cooking")):
        name, *rest = command
        found = json.loads(ok(name, run_folder, *rest, *choice, "--json"))
        assert {entry["item"] for entry in found} == {"i01", "i02", "n0"}


def test_towers_retrieve_what_the_model_ranks(ok, run_folder):
    recommender = load_run(run_folder)[0]
    name = next(iter(recommender.snapshot.towers))
    asked = ("--user", "u15", "-k", 3, "--retrieve", 4)
    found = json.loads(ok("recommend", run_folder, *asked, "--tower", name, "--json"))
    config = RetrieveConfig(n=4, towers=(name,))
    known = recommender.user_vocabulary, recommender.item_vocabulary
    had = recommender.item_vocabulary.take(read_test(run_folder, *known, "u15").rated().item)
    expected = recommender.recommend("u15", 3, exclude=had, retrieve=config)
    assert [one["item"] for one in found] == [one.item for one in expected]
    assert len(json.loads(ok("recommend", run_folder, *asked, "--json"))) == 3


def test_dials_and_parts(ok, run_folder, tmp_path):
    recommender = load_run(run_folder)[0]
    items, dials = recommender.item_vocabulary.ids, ("--popularity", 0.5, "--diversity", 0.6)
    found = json.loads(ok("recommend", run_folder, "--liked", items[0], *dials, "--json"))
    same = recommender.recommend(liked=[items[0]], popularity=0.5, diversity=0.6)
    assert [one["item"] for one in found] == [one.item for one in same]
    path = tmp_path / "all.csv"
    ok("recommend", run_folder, "--all", "--out", path, "-k", 2, *dials, "--resume")
    frame = pd.read_csv(path)
    alone = json.loads(ok("recommend", run_folder, "--user", "u15", "-k", 2, *dials, "--json"))
    listed = frame.loc[frame["user_id"] == "u15", "item_id"].tolist()
    assert listed == [one["item"] for one in alone]
    assert [one.name for one in tmp_path.iterdir()] == ["all.csv"]


def test_similar(ok, run_folder):
    expected = [entry.to_dict() for entry in load_run(run_folder)[0].similar_items("i01", 3)]
    assert json.loads(ok("similar", run_folder, "i01", "-k", 3, "--json")) == expected
    assert expected[0]["title"] in ok("similar", run_folder, "i01", "-k", 3)


def test_somebody_in_words(ok, run_folder):
    recommender = load_run(run_folder)[0]
    for more, known in (([], {}), (["--liked", "i02"], {"liked": ["i02"]})):
        given = "--description", recommender.title("i05"), *more
        expected = recommender.recommend(description=given[1], k=4, **known)
        found = json.loads(ok("recommend", run_folder, *given, "-k", 4, "--json"))
        assert [one["item"] for one in found] == [entry.item for entry in expected]
        assert [one["score"] for one in found] == pytest.approx(
            [entry.score for entry in expected], rel=1e-5
        )
        assert not {"i02"} & {one["item"] for one in found if known}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give --user ID"),
        (["--all"], "give --out FILE"),
        (["--all", "--user", "u00", "--out", "x.csv"], "Give one of --all, --users"),
        (["--all", "--description", "a heist", "--out", "x.csv"], "Give one of --all, --users"),
        (["--description", "  "], "empty"),
        (["--description", "a heist", "--diversity", "0.5"], "not for a description"),
        (["--user", "u00", "--out", "x.csv"], "--out is for many users"),
        (["--all", "--out", "x.csv", "--retrieve", "9"], "--tower are for one user"),
        (["--user", "u00", "--tower", "txet"], "--tower: this recommender has no tower 'txet'."),
        (["--user", "u00", "--retrieve", "9", "--popularity", "1"], "--retrieve and --popularity"),
        (["--user", "u00", "--resume"], "--resume is for a file"),
        (["--user", "u00", "--diversity", "2"], "--diversity must lie between 0 and 1, found 2"),
        (["--all", "--out", "x.xlsx"], "ends in .csv, .tsv, .parquet or .jsonl"),
        (["--user", "u00", "--filter", "tgas == 'x'"], "Did you mean 'tags'?"),
        (["--user", "u00", "--filter", "tags"], "is not understood"),
        (["--user", "u00", "--candidates", "none.txt"], "none.txt does not exist"),
    ],
)
def test_a_mistake_is_one_message(kgrec, run_folder, arguments, message):
    code, out, err = kgrec("recommend", run_folder, *arguments)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err
