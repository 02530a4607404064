"""Each stage gives the same on a cluster as in one process, also if a worker is killed in it."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.config import MODELS
from kgrec.errors import ConfigError, KgrecWarning
from kgrec.evaluation.evaluate import evaluate
from kgrec.testing import planted
from kgrec.text import TextEncoder

CASE = planted()
WIDTH = CASE.data.train.num_items
QUICK = {
    "link_prediction": {"predictor": {"dim": 8}, "training": {"max_epochs": 2}},
    "trending": {"half_life": None},
    "ensemble": {"members": [{"name": "ease"}, {"name": "item_knn"}]},
}
RANKING = [name for name in MODELS if name not in ("auto", "kernel_ratings")]


def settings(name):
    from kgrec.training.published import PRESETS

    more = QUICK.get(name, {})
    if name in PRESETS:
        more = {"training": {"max_epochs": 1}}
    return MODELS[name].model_validate({"name": name, **more})


def ranked(model):
    # Six users in a block.
    found = evaluate(model, CASE.held_out, exclude=CASE.data.train, chunk_elements=6 * WIDTH)
    return found.metrics, found.per_user


def equal(left, right):
    assert left[0] == right[0]
    for name, values in left[1].items():
        np.testing.assert_array_equal(values, right[1][name])


@pytest.mark.parametrize("name", RANKING)
def test_the_ranking_of_each_model_is_the_same(name, on_ray):
    data = replace(CASE.data, words=CASE.data.attributes, user_features=None)
    with kgrec.engine.LocalEngine():
        model = settings(name).build().fit(data)
        expected = ranked(model)
    equal(ranked(model), expected)
    assert on_ray.maps == 1


def test_a_ranking_with_a_killed_worker_is_the_same(on_failing_ray):
    model = kgrec.EASE().fit(CASE.data)
    with kgrec.engine.LocalEngine():
        expected = ranked(model)
    with pytest.warns(KgrecWarning, match="was lost"):
        equal(ranked(model), expected)


@pytest.fixture(scope="module")
def recommender():
    return kgrec.Recommender(model=kgrec.EASE(), text=None).fit(CASE.data.train)


def listed(recommender, **options):
    whole = recommender.recommend_all(4, **options)
    return replace(whole, chunk_elements=7 * WIDTH).to_pandas()


@pytest.mark.parametrize(
    "options",
    [{}, {"popularity": -0.5}, {"exclude": ["i003"]}, {"users": ["u050", "u001", "u009"] * 4}],
    ids=str,
)
def test_recommendations_for_all_are_the_same(recommender, on_ray, options):
    with kgrec.engine.LocalEngine():
        expected = listed(recommender, **options)
    pd.testing.assert_frame_equal(listed(recommender, **options), expected, check_exact=True)
    assert on_ray.maps == 1


def test_recommendations_for_all_with_a_killed_worker_are_the_same(recommender, on_failing_ray):
    with kgrec.engine.LocalEngine():
        expected = listed(recommender)
    with pytest.warns(KgrecWarning, match="was lost"):
        pd.testing.assert_frame_equal(listed(recommender), expected, check_exact=True)


@pytest.mark.parametrize("model", ["link_prediction", "most_popular"])
def test_users_and_items_that_came_later_are_recommended_the_same(model, on_ray):
    made = kgrec.Recommender(model=settings(model).build(), text=None).fit(CASE.data.train)
    made.update(
        interactions=kgrec.Interactions.read(
            pd.DataFrame({"user_id": ["u000", "new"], "item_id": ["i020", "i001"]})
        ),
        items=["later"],
    )
    with kgrec.engine.LocalEngine():
        expected = listed(made)
    pd.testing.assert_frame_equal(listed(made), expected, check_exact=True)
    assert "new" in set(expected["user_id"])


def test_diverse_lists_of_a_run_folder_are_the_same(run_folder, on_ray):
    loaded = kgrec.load(run_folder)
    with kgrec.engine.LocalEngine():
        expected = replace(loaded.recommend_all(4, diversity=0.5), chunk_elements=200).to_pandas()
    found = replace(loaded.recommend_all(4, diversity=0.5), chunk_elements=200).to_pandas()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert on_ray.maps == 1


TEXTS = [f"A film about {'the sea and ' * (n % 7)} number {n}." for n in range(150)]


@pytest.fixture(scope="module")
def encoder():
    """Return an encoder with small batches, so that there are several blocks."""
    return TextEncoder(precision="float32", token_budget=96)


@pytest.fixture(scope="module")
def vectors(encoder):
    return encoder.encode(TEXTS)


def test_texts_have_the_same_bits_also_with_a_killed_worker(encoder, vectors, on_failing_ray):
    told = []
    with pytest.warns(KgrecWarning, match="was lost"):
        found = encoder.encode(TEXTS, progress=lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(found, vectors)
    assert on_failing_ray.maps == 1
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (150, 150)


def test_a_query_is_encoded_here(encoder, on_ray):
    encoder.encode_query("the sea")
    assert not on_ray.maps


def test_another_model_of_the_same_name_on_a_worker_is_found(encoder, on_ray, monkeypatch):
    monkeypatch.setitem(encoder.__dict__, "fingerprint", "0" * 64)
    with pytest.raises(ConfigError, match=r"language model .* is not that of this process"):
        encoder.encode(TEXTS)


SCRIPT = """
import os, signal, sys
from dataclasses import replace
import kgrec
from kgrec.engine import RayEngineConfig
from kgrec.snapshot import parts
from kgrec.testing import planted

parts.USERS = 9
address, path = sys.argv[1:]
train = planted().data.train
found = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(train).recommend_all(4)
found = replace(found, chunk_elements=2 * train.num_items)
def told(done, total):
    if done >= 31:
        os.kill(os.getpid(), signal.SIGKILL)
with RayEngineConfig(address=address, workers=1, patience=400).build():
    found.write(path, resume=True, progress=told)
"""


def test_a_killed_process_is_resumed_with_the_same_result(
    recommender, ray_address, on_ray, tmp_path, monkeypatch
):
    path = tmp_path / "all.csv"
    command = [sys.executable, "-c", SCRIPT, ray_address, str(path)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    parts = Path(f"{path}.parts")
    kept = {one.name: one.stat().st_mtime_ns for one in parts.glob("0*")}
    assert len(kept) == 3
    assert not path.exists()
    monkeypatch.setattr("kgrec.snapshot.parts.USERS", 9)
    asked = replace(recommender.recommend_all(4), chunk_elements=2 * WIDTH)
    told = []
    asked.write(path, resume=True, progress=lambda done, _: told.append(done))
    assert not parts.exists()
    assert on_ray.maps == 5  # to see that the model is the same, and 4 of 7 parts
    undisturbed = tmp_path / "undisturbed.csv"
    with kgrec.engine.LocalEngine():
        asked.write(undisturbed)
    assert path.read_bytes() == undisturbed.read_bytes()
