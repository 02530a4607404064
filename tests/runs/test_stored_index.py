"""The codes of an approximate index are stored in a run folder, and its answers stay the same."""

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

import kgrec
from kgrec.errors import DataError, RunError
from kgrec.retrieval.approximate import ApproximateIndex
from kgrec.runs.serving import load_for_serving
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

NUM_USERS, NUM_ITEMS = 40, 1500


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    pairs = pd.DataFrame(
        {
            "user_id": [f"u{row}" for row in np.repeat(np.arange(NUM_USERS), 60)],
            "item_id": [f"i{row}" for row in rng.integers(NUM_ITEMS, size=60 * NUM_USERS)],
        }
    ).drop_duplicates()
    every = kgrec.AttributeTable.read(
        pd.DataFrame({"item_id": [f"i{row}" for row in range(NUM_ITEMS)]})
    )
    model = LinkPrediction(LinkPredictionConfig(predictor={"dim": 8}, training={"max_epochs": 1}))
    recommender = kgrec.Recommender(
        model=model,
        items=every,
        text=None,
        index=kgrec.ApproximateIndexConfig(rescored=60, train_rows=256),
    )
    return recommender.fit(kgrec.Interactions.read(pairs))


def answers(recommender):
    users = recommender.user_vocabulary.ids[:20]
    return [[one.item for one in recommender.recommend(user, 3)] for user in users]


def test_a_loaded_run_has_the_codes_and_gives_the_same_answers(fitted, tmp_path, monkeypatch):
    assert isinstance(fitted.snapshot.index, ApproximateIndex)
    codes = fitted.snapshot.index.compressed
    kgrec.save(fitted, tmp_path / "run")
    expected = answers(fitted)

    def refuse(*_, **__):
        raise AssertionError("the codes were made again")

    monkeypatch.setattr("kgrec.retrieval.compressed.Compressed.of", refuse)
    for loaded in (load_for_serving(tmp_path / "run"), kgrec.load(tmp_path / "run")):
        np.testing.assert_array_equal(loaded.snapshot.index.compressed.codes, codes.codes)
        assert answers(loaded) == expected
        assert loaded.snapshot.index_config == fitted.index_config


def test_after_an_update_the_codes_are_used_again(fitted):
    before = fitted.snapshot.index.compressed
    more = pd.DataFrame({"user_id": ["new"], "item_id": ["i3"]})
    after = fitted.snapshot.update(interactions=kgrec.Interactions.read(more), items=["brand new"])
    assert after.index.compressed.codes is before.codes
    assert len(after.index.vectors) == NUM_ITEMS + 1


def test_codes_of_other_items_are_refused(fitted, tmp_path):
    kgrec.save(fitted, tmp_path / "run")
    path = tmp_path / "run" / "index.safetensors"
    arrays = load_file(path)
    save_file({**arrays, "rows": arrays["rows"] + 10}, path)
    with pytest.raises(RunError, match=r"index\.safetensors"):
        load_for_serving(tmp_path / "run").recommend("u1")


def test_another_object_is_no_index():
    with pytest.raises(DataError, match="index must be a kgrec"):
        kgrec.Recommender(index="approximate")
