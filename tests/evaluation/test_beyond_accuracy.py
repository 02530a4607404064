"""Diversity, novelty and popularity of lists against loops and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import Table, drawn_split, log_of, vocabularies
from scipy.sparse import csr_matrix

from kgrec.errors import DataError
from kgrec.evaluation.beyond_accuracy import (
    ItemFeatures,
    diversity_by_attributes,
    diversity_by_text,
    novelty,
    popularity_lift,
)
from kgrec.evaluation.evaluate import evaluate, rank


@st.composite
def lists(draw):
    """Rankings without repetitions, padded here and there, and attributes that items may lack."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    num, num_items = draw(st.integers(0, 7)), draw(st.integers(1, 12))
    depth = draw(st.integers(1, num_items))
    ranking = np.array([rng.permutation(num_items)[:depth] for _ in range(num)], dtype=np.int64)
    ranking = ranking.reshape(num, depth)
    for row in ranking:
        row[rng.integers(0, depth + 1) :] = -1
    attributes = rng.random((num_items, 9)) < draw(st.sampled_from([0.0, 0.2, 0.8]))
    text = rng.normal(size=(num_items, 5)).astype(np.float32)
    text[rng.random(num_items) < 0.3] = 0
    cutoffs = draw(st.lists(st.integers(1, depth), min_size=1, max_size=3))
    return ranking, attributes, text, cutoffs


def naive_diversity(items, distance):
    """Mean distance over pairs of known items; NaN where there is none."""
    found = [
        distance(items[a], items[b]) for a in range(len(items)) for b in range(a + 1, len(items))
    ]
    return np.mean(found) if found else np.nan


@settings(max_examples=120, deadline=None)
@given(lists())
def test_diversity_against_loops(case):
    ranking, attributes, text, cutoffs = case
    by_attributes = diversity_by_attributes(
        ranking, csr_matrix(attributes.astype(np.float32)), cutoffs
    )
    by_text = diversity_by_text(ranking, text, cutoffs)

    def jaccard(a, b):
        a, b = set(np.flatnonzero(attributes[a])), set(np.flatnonzero(attributes[b]))
        return 1 - len(a & b) / len(a | b)

    def cosine(a, b):
        return 1 - float(text[a] @ text[b] / np.linalg.norm(text[a]) / np.linalg.norm(text[b]))

    for place, k in enumerate(cutoffs):
        assert len(by_attributes[place]) == len(by_text[place]) == len(ranking)
        for user, row in enumerate(ranking):
            shown = [item for item in row[:k].tolist() if item >= 0]
            described = [item for item in shown if attributes[item].any()]
            written = [item for item in shown if text[item].any()]
            np.testing.assert_allclose(
                by_attributes[place][user], naive_diversity(described, jaccard), atol=1e-6
            )
            np.testing.assert_allclose(
                by_text[place][user], naive_diversity(written, cosine), atol=1e-5
            )


def test_diversity_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    ranking = np.stack([rng.permutation(40)[:6] for _ in range(50)])
    attributes = csr_matrix((rng.random((40, 30)) < 0.2).astype(np.float32))
    text = rng.normal(size=(40, 5)).astype(np.float32)
    whole = (
        diversity_by_attributes(ranking, attributes, [3, 6]),
        diversity_by_text(ranking, text, [3, 6]),
    )
    monkeypatch.setattr("kgrec.evaluation.beyond_accuracy._CHUNK_USERS", 7)
    monkeypatch.setattr("kgrec.evaluation.beyond_accuracy._CHUNK_ELEMENTS", 100)
    np.testing.assert_allclose(diversity_by_attributes(ranking, attributes, [3, 6]), whole[0])
    np.testing.assert_allclose(diversity_by_text(ranking, text, [3, 6]), whole[1])


def test_diversity_by_hand():
    # Items 0 and 1 are alike, 2 shares one of three attributes with them, 3 has none.
    attributes = csr_matrix([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0]], dtype=np.float32)
    ranking = np.array([[0, 1, 2], [0, 3, 1], [3, 0, -1]])
    found = diversity_by_attributes(ranking, attributes, [2, 3])
    np.testing.assert_allclose(found[0], [0.0, np.nan, np.nan])
    np.testing.assert_allclose(found[1], [(0 + 2 / 3 + 2 / 3) / 3, 0.0, np.nan], rtol=1e-6)
    text = np.array([[1, 0], [2, 0], [0, 3], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(diversity_by_text(ranking, text, [3])[0], [2 / 3, 0.0, np.nan])


def test_a_stored_zero_is_no_attribute():
    attributes = csr_matrix(
        (np.array([1, 1, 0], dtype=np.float32), ([0, 1, 1], [0, 0, 1])), shape=(2, 2)
    )
    assert diversity_by_attributes(np.array([[0, 1]]), attributes, [2])[0].tolist() == [0.0]
    assert attributes.nnz == 3  # the caller's matrix is as it was


@settings(max_examples=80, deadline=None)
@given(lists(), st.integers(0, 2**32))
def test_novelty_and_lift_against_loops(case, seed):
    ranking, _, _, cutoffs = case
    rng = np.random.default_rng(seed)
    num_items = 12
    profiles = rng.random((len(ranking), num_items)) < 0.3
    counts = rng.integers(0, 30, num_items) + profiles.sum(0)
    for k in cutoffs:
        found = novelty(ranking, counts, 40, k)
        lists_, profiles_ = [], []
        for user, row in enumerate(ranking):
            shown = [item for item in row[:k].tolist() if item >= 0]
            bits = [math.log2(41 / (counts[item] + 1)) for item in shown]
            assert found[user] == pytest.approx(np.mean(bits) if bits else 0.0)
            if shown and profiles[user].any():
                lists_.append(np.mean(counts[shown]))
                profiles_.append(np.mean(counts[profiles[user]]))
        lift = popularity_lift(ranking, counts, csr_matrix(profiles.astype(np.float32)), k)
        if lists_:
            assert lift == pytest.approx(np.mean(lists_) / np.mean(profiles_) - 1)
        else:
            assert math.isnan(lift)


def test_lift_by_hand():
    profiles = csr_matrix([[1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=np.float32)
    counts = np.array([10, 2, 4])
    # Profiles: means 7 and 2. Lists: 10 and 4; the third user has no profile.
    lift = popularity_lift(np.array([[0], [2], [0]]), counts, profiles, 1)
    assert lift == pytest.approx(7 / 4.5 - 1)
    # Everybody gets back what they have.
    same = popularity_lift(np.array([[0, 2], [1, -1], [1, 0]]), counts, profiles, 2)
    assert same == pytest.approx(0)


def test_in_the_evaluation():
    split, part = drawn_split()
    rng = np.random.default_rng(5)
    scores = rng.random(part.shape)
    attributes = csr_matrix((rng.random((37, 20)) < 0.2).astype(np.float32))
    text = rng.normal(size=(37, 4)).astype(np.float32)
    exclude = (split.train, split.valid)
    bare = evaluate(Table(scores), split.test, exclude=exclude, k=(3, 7))
    features = ItemFeatures(attributes, text)
    full = evaluate(Table(scores), split.test, exclude=exclude, k=(3, 7), features=features)
    ranking = rank(Table(scores), split.test, exclude=exclude, depth=7)
    counts = (part == 1).sum(0)
    for place, k in enumerate((3, 7)):
        by_attributes = diversity_by_attributes(ranking.items, attributes, (3, 7))[place]
        by_text = diversity_by_text(ranking.items, text, (3, 7))[place]
        assert full.metrics[f"ild_graph@{k}"] == pytest.approx(np.nanmean(by_attributes))
        assert full.metrics[f"ild_text@{k}"] == pytest.approx(np.nanmean(by_text))
        np.testing.assert_allclose(
            full.per_user[f"novelty@{k}"], novelty(ranking.items, counts, 23, k)
        )
        profiles = csr_matrix((part == 1).astype(np.float32))[ranking.users]
        lift = popularity_lift(ranking.items, counts, profiles, k)
        assert full.metrics[f"popularity_lift@{k}"] == pytest.approx(lift)
    extra = {f"ild_{what}@{k}" for what in ("graph", "text") for k in (3, 7)}
    assert set(full.metrics) - set(bare.metrics) == extra
    assert all(full.metrics[name] == value for name, value in bare.metrics.items())
    # Nothing is known of any item, or no user has a profile: there is no such figure.
    blank = ItemFeatures(csr_matrix((37, 3), dtype=np.float32), np.zeros((37, 4), dtype=np.float32))
    assert (
        evaluate(Table(scores), split.test, exclude=exclude, k=(3, 7), features=blank).metrics
        == bare.metrics
    )
    alone = evaluate(Table(scores), split.test, exclude=(), k=[3])
    assert "popularity_lift@3" not in alone.metrics
    assert alone.metrics["novelty@3"] == 0.0  # nobody is there to whom anything is known
    with pytest.raises(DataError, match="37 items"):
        evaluate(
            Table(scores),
            split.test,
            exclude=exclude,
            k=[3],
            features=ItemFeatures(attributes[:-1]),
        )


def test_a_popular_model_is_lifted_and_known():
    users, items = vocabularies(40, 60)
    rng = np.random.default_rng(0)
    part = rng.random((40, 60)) < np.linspace(0.02, 0.6, 60)
    train, test = part & (rng.random(part.shape) < 0.8), np.zeros_like(part)
    test[part & ~train] = True
    logs = [log_of(np.argwhere(one), users, items) for one in (train, test)]
    popular = evaluate(Table(np.tile(np.arange(60), (40, 1))), logs[1], exclude=logs[0], k=[5])
    rare = evaluate(Table(np.tile(-np.arange(60), (40, 1))), logs[1], exclude=logs[0], k=[5])
    assert popular.metrics["popularity_lift@5"] > 0 > rare.metrics["popularity_lift@5"]
    assert popular.metrics["novelty@5"] < rare.metrics["novelty@5"]
