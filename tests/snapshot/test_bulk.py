"""Recommendations for many users are those of one user at a time, in bounded memory."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.errors import ConfigError, DataError, RunError, UnknownIdError
from kgrec.models.ease import EASE
from kgrec.testing import planted
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

QUICK = LinkPredictionConfig(predictor={"dim": 8}, training={"max_epochs": 2})


@pytest.fixture(scope="module", params=[LinkPrediction(QUICK), EASE()], ids=lambda m: m.name)
def fitted(request):
    return kgrec.Recommender(model=request.param, text=None).fit(planted().data.train)


def one_by_one(recommender, users, k, **options):
    """Return the same rows, asked for user by user."""
    rows = []
    for user in users:
        for rank, entry in enumerate(recommender.recommend(user, k, **options), 1):
            rows.append((user, rank, entry.item, entry.title, np.float32(entry.score)))
    return rows


def rows_of(frame):
    assert list(frame.columns) == ["user_id", "rank", "item_id", "title", "score"]
    return list(frame.itertuples(index=False, name=None))


def same(left, right):
    assert [row[:4] for row in left] == [row[:4] for row in right]
    np.testing.assert_allclose([r[4] for r in left], [r[4] for r in right], rtol=1e-5, atol=1e-6)


def test_all_users_are_as_one_by_one(fitted):
    found = fitted.recommend_all(3)
    assert len(found) == len(fitted.user_vocabulary)
    same(rows_of(found.to_pandas()), one_by_one(fitted, fitted.user_vocabulary.ids, 3))


def test_blocks_do_not_change_the_result_and_are_bounded(fitted):
    whole = fitted.recommend_all(4)
    small = replace(whole, chunk_elements=3 * len(fitted.item_vocabulary))
    blocks = list(small)
    assert {len(block.users) for block in blocks[:-1]} == {3}
    same(rows_of(small.to_pandas()), rows_of(whole.to_pandas()))
    rest = small.from_user(5)
    expected = [row for row in rows_of(whole.to_pandas()) if row[0] in rest.snapshot.users.ids[5:]]
    same(rows_of(rest.to_pandas()), expected)


def test_chosen_users_come_in_their_order(fitted):
    users = fitted.user_vocabulary.ids[5:2:-1]
    same(rows_of(fitted.recommend_all(2, users=users).to_pandas()), one_by_one(fitted, users, 2))
    assert rows_of(fitted.recommend_all(2, users=[]).to_pandas()) == []


def test_further_items_of_the_users_are_left_out(fitted):
    users, items = fitted.user_vocabulary.ids, fitted.item_vocabulary.ids
    best = {user: fitted.recommend(user, 1)[0].item for user in users[:3]}
    log = pd.DataFrame({"user_id": list(best), "item_id": list(best.values())})
    further = kgrec.Interactions.read(log)
    frame = fitted.recommend_all(len(items), further=further).to_pandas()
    for user in users:
        found = set(frame.loc[frame["user_id"] == user, "item_id"])
        assert found == set(items) - set(fitted.history(user)) - {best.get(user)}


def test_changed_and_new_users_are_scored_by_their_history(fitted):
    items = fitted.item_vocabulary.ids
    log = pd.DataFrame({"user_id": ["new", fitted.user_vocabulary.ids[0]], "item_id": items[-2:]})
    updated = kgrec.Recommender(model=EASE(), text=None)
    updated.take(fitted.snapshot.update(interactions=kgrec.Interactions.read(log)))
    users = updated.user_vocabulary.ids
    same(rows_of(updated.recommend_all(3).to_pandas()), one_by_one(updated, users, 3))


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl"])
def test_files_hold_the_same_rows(fitted, tmp_path, ending):
    path, seen = tmp_path / f"all.{ending}", []
    found = replace(fitted.recommend_all(2), chunk_elements=4 * len(fitted.item_vocabulary))
    found.write(path, progress=lambda done, total: seen.append((done, total)))
    if ending == "parquet":
        frame = pd.read_parquet(path)
    elif ending == "jsonl":
        frame = pd.DataFrame(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
    else:
        frame = pd.read_csv(path, sep="\t" if ending == "tsv" else ",", dtype={"user_id": str})
    expected = found.to_pandas()
    assert (
        frame.drop(columns="score").astype(str).equals(expected.drop(columns="score").astype(str))
    )
    np.testing.assert_allclose(frame["score"], expected["score"], rtol=1e-6)
    total = len(fitted.user_vocabulary)
    assert seen[0] == (4, total)
    assert seen[-1] == (total, total)


def test_an_interrupted_writing_leaves_what_was_there(fitted, tmp_path):
    path = tmp_path / "all.csv"
    path.write_text("old", encoding="utf-8")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(RunError, match=r"all\.csv"):
        fitted.recommend_all(2).write(path)
    with pytest.raises(KeyboardInterrupt):
        fitted.recommend_all(2).write(path, progress=stop, force=True)
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["all.csv"]


def test_mistakes_are_named(fitted, tmp_path):
    with pytest.raises(UnknownIdError, match="nobody"):
        fitted.recommend_all(2, users=["nobody"])
    with pytest.raises(DataError, match="users must be a list of ids"):
        fitted.recommend_all(2, users="u0")
    with pytest.raises(ConfigError, match="k must lie"):
        fitted.recommend_all(0)
    with pytest.raises(
        DataError, match=r"ends in \.csv, \.tsv, \.parquet or \.jsonl, found '\.xls'"
    ):
        fitted.recommend_all(2).write(tmp_path / "all.xls")
    with pytest.raises((DataError, RunError), match="missing"):
        fitted.recommend_all(2).write(tmp_path / "missing" / "all.csv")
