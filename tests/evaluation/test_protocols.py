"""Candidates of each user, KGAT's NDCG, and protocols by name."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import Table, drawn_split, log_of, vocabularies
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.base import EvaluationTask, RankingConfig
from kgrec.evaluation.candidates import CandidatesConfig
from kgrec.evaluation.evaluate import FullConfig, evaluate, rank
from kgrec.evaluation.kgat import KGATConfig, kgat_ndcg
from kgrec.evaluation.metrics import count_relevant, find_hits, ndcg
from kgrec.evaluation.pairs import draw_unseen, score_pairs
from kgrec.evaluation.protocols import PROTOCOLS, evaluate_protocol, protocol_config


def tied_scores(shape, seed=1):
    return np.random.default_rng(seed).integers(0, 9, shape).astype(np.float32)


def naive_sampled_ndcg(scores, candidates, wanted, k):
    order = sorted(candidates, key=lambda item: (-scores[item], item))[:k]
    gain = sum(1 / math.log2(place + 2) for place, item in enumerate(order) if item in wanted)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted))))


@pytest.mark.parametrize("chunk_elements", [1, 100, 1 << 20])
def test_given_candidates_against_loops(chunk_elements):
    split, part = drawn_split()
    scores = tied_scores(part.shape)
    rng = np.random.default_rng(4)
    offered = (rng.random(part.shape) < 0.4) | (part == 3)
    offered[2] = part[2] == 3  # nothing but what is to be found
    log = log_of(np.argwhere(offered), split.test.users, split.test.items)
    logs = (split.train, split.valid)
    task = EvaluationTask(split.test, logs, given=log, chunk_elements=chunk_elements)
    result = CandidatesConfig(k=(2, 5)).evaluate(Table(scores), task)
    users = np.unique(split.test.user)
    for k in (2, 5):
        expected = [
            naive_sampled_ndcg(
                scores[user],
                np.flatnonzero(offered[user] & np.isin(part[user], (0, 3))),
                set(np.flatnonzero(part[user] == 3)),
                k,
            )
            for user in users
        ]
        np.testing.assert_allclose(result.per_user[f"given_ndcg@{k}"], expected)
        assert result.metrics[f"given_ndcg@{k}"] == pytest.approx(np.mean(expected))
    assert not result.sampled
    assert result.protocol == "candidates"
    assert result.num_unreachable == 0


def test_a_judged_item_that_is_not_offered_is_missed():
    users, items = vocabularies(2, 5)
    test = log_of([(0, 1), (0, 2), (1, 4)], users, items)
    offered = log_of([(0, 1), (0, 3), (1, 4), (1, 0)], users, items)
    result = evaluate_protocol(
        Table(np.ones((2, 5))), test, CandidatesConfig(k=2), exclude=(), given=offered
    )
    assert result.num_unreachable == 1
    assert result.per_user["given_recall@2"].tolist() == [0.5, 1.0]


def test_all_items_drawn_is_the_full_ranking_under_other_names():
    split, part = drawn_split()
    model = Table(tied_scores(part.shape))
    exclude = (split.train, split.valid)
    everything = CandidatesConfig(k=(3, 10), num=part.shape[1])
    for candidates in (None, np.arange(0, part.shape[1], 2)):
        sampled = evaluate_protocol(
            model, split.test, everything, exclude=exclude, candidates=candidates
        )
        full = evaluate(model, split.test, exclude=exclude, k=(3, 10), candidates=candidates)
        ranked = [name for name in full.per_user if not name.startswith("novelty")]
        for name in ranked:
            values = full.per_user[name]
            np.testing.assert_array_equal(sampled.per_user[f"sampled_{name}"], values)
        # Sampled figures bear no name that a full ranking's figure has.
        assert not set(sampled.metrics) & set(full.metrics)
        assert sampled.num_unreachable == full.num_unreachable
        assert sampled.details["num_not_drawn"] > 0
        assert sampled.sampled
        assert sampled.to_dict()["sampled"]
        assert not full.sampled


def test_fewer_candidates_are_easier_and_seeds_decide():
    split, part = drawn_split(num_users=60, num_items=301, shares=(0.9, 0.04, 0.03, 0.03))
    model = Table(np.random.default_rng(77).random(part.shape))
    exclude = (split.train, split.valid)

    def run(**options):
        config = CandidatesConfig(k=5, **options)
        return evaluate_protocol(model, split.test, config, exclude=exclude).metrics

    assert run(num=20)["sampled_ndcg@5"] > run(num=200)["sampled_ndcg@5"]
    assert run(num=20, seed=1) == run(num=20, seed=1) != run(num=20, seed=2)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([0.0, 0.2, 0.9]), st.booleans())
def test_what_is_drawn_is_unseen_and_distinct(seed, count, density, weighted):
    rng = np.random.default_rng(seed)
    seen = rng.random((4, 40)) < density
    pool = np.sort(rng.permutation(40)[: rng.integers(1, 41)])
    counts = np.array([0, count, 1, count])
    weights = rng.random(len(pool)) + 0.1 if weighted else None
    drawn = draw_unseen(csr_matrix(seen.astype(np.float32)), counts, pool, rng, weights)
    missing = 0
    for row in range(4):
        items = drawn.item[drawn.row == row]
        free = set(pool[~seen[row][pool]].tolist())
        assert len(set(items.tolist())) == len(items) == min(counts[row], len(free))
        assert set(items.tolist()) <= free
        missing += counts[row] - len(items)
    assert drawn.num_missing == missing


def test_draws_are_uniform_or_by_popularity():
    rng = np.random.default_rng(0)
    nothing = csr_matrix((4000, 10), dtype=np.float32)
    seen = nothing.tolil()
    seen[:, 3] = 1
    for pool_size, count in ((10, 2), (10, 7)):  # by rejection, and by what is free
        drawn = draw_unseen(seen.tocsr(), np.full(4000, count), np.arange(pool_size), rng)
        times = np.bincount(drawn.item, minlength=10)
        assert times[3] == 0
        np.testing.assert_allclose(np.delete(times, 3) / times.sum(), 1 / 9, rtol=0.12)
    weights = np.arange(1.0, 11.0)
    drawn = draw_unseen(nothing, np.full(4000, 1), np.arange(10), rng, weights)
    np.testing.assert_allclose(np.bincount(drawn.item) / 4000, weights / weights.sum(), rtol=0.15)


def test_popular_candidates_are_harder_for_a_model_of_popularity():
    split, part = drawn_split(num_users=60, num_items=301, shares=(0.9, 0.04, 0.03, 0.03))
    counts = np.bincount(split.train.item, minlength=301)
    skewed = log_of(
        np.argwhere(np.random.default_rng(0).random(part.shape) < np.linspace(0, 0.4, 301)),
        split.test.users,
        split.test.items,
    )
    counts = np.bincount(skewed.item, minlength=301)
    model = Table(np.tile(counts, (60, 1)))
    found = [
        evaluate_protocol(
            model, split.test, CandidatesConfig(k=5, num=40, sampling=kind), exclude=(skewed,)
        ).metrics["sampled_ndcg@5"]
        for kind in ("uniform", "popularity")
    ]
    assert found[0] > found[1]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 14))
def test_kgat_ndcg_against_loops(seed, depth, k):
    hits = np.random.default_rng(seed).random((5, depth)) < 0.3
    found = kgat_ndcg(hits, k)
    for row, value in zip(hits.tolist(), found, strict=True):
        gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(row[:k]) if hit)
        ideal = sum(
            1 / math.log2(place + 2)
            for place, hit in enumerate(sorted(row, reverse=True)[:k])
            if hit
        )
        assert value == pytest.approx(gain / ideal if ideal else 0.0)


def test_kgat_ndcg_by_hand():
    # One of five relevant items found, on top: the standard NDCG is far from 1, KGAT's is 1.
    relevant = csr_matrix(np.ones((1, 5)))
    hits = np.array([[True, False, False]])
    assert kgat_ndcg(hits, 3).tolist() == [1.0]
    assert ndcg(hits, count_relevant(relevant), 3)[0] < 0.5
    # A hit below the cut-off, within the depth, is part of the ideal.
    later = np.array([[True, False, True]])
    assert kgat_ndcg(later, 2)[0] == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert kgat_ndcg(later[:, :2], 2)[0] == 1.0


def test_kgat_protocol_stands_beside_the_standard():
    split, part = drawn_split()
    model = Table(tied_scores(part.shape))
    exclude = (split.train, split.valid)
    result = evaluate_protocol(model, split.test, KGATConfig(k=(3, 8), depth=12), exclude=exclude)
    full = evaluate(model, split.test, exclude=exclude, k=(3, 8))
    hits = find_hits(*_ranked(model, split, exclude, 12))
    for k in (3, 8):
        np.testing.assert_allclose(result.per_user[f"kgat_ndcg@{k}"], kgat_ndcg(hits, k))
        assert (result.per_user[f"kgat_ndcg@{k}"] >= result.per_user[f"ndcg@{k}"] - 1e-12).all()
    assert {name: result.metrics[name] for name in full.metrics} == full.metrics
    assert result.non_standard
    assert result.to_dict()["non_standard"]
    assert not full.to_dict()["non_standard"]
    # Depth matters even where the cut-off does not change.
    other = evaluate_protocol(model, split.test, KGATConfig(k=(3, 8), depth=37), exclude=exclude)
    assert other.metrics["kgat_ndcg@3"] < result.metrics["kgat_ndcg@3"]


def _ranked(model, split, exclude, depth):
    ranking = rank(model, split.test, exclude=exclude, depth=depth)
    return ranking.items, split.test.matrix()[ranking.users]


def test_kgat_protocol_ranks_no_more_places_than_there_are_items(monkeypatch):
    split, part = drawn_split()
    asked = []

    def recorded(*given, depth, **options):
        asked.append(depth)
        return rank(*given, depth=depth, **options)

    monkeypatch.setattr("kgrec.evaluation.kgat.rank", recorded)
    found = [
        evaluate_protocol(
            Table(part), split.test, KGATConfig(k=3, depth=depth), exclude=[split.train]
        )
        for depth in (split.test.num_items, 10_000)
    ]
    assert asked == [split.test.num_items] * 2
    assert found[0].metrics == found[1].metrics


def test_every_protocol_by_name():
    split, part = drawn_split()
    model = Table(tied_scores(part.shape))
    exclude = (split.train, split.valid)
    for name in set(PROTOCOLS) - {"ratings"}:
        settings = {"k": 3} if "k" in PROTOCOLS[name].model_fields else {}
        config = protocol_config(name, settings)
        test = split.test
        if name == "test-ratings":  # it needs items that are not liked
            test = test.select(test.item % 2 == 0)
            test = replace(test, dislikes=split.test.select(split.test.item % 2 == 1))
        result = evaluate_protocol(model, test, config, exclude=exclude)
        assert result.protocol == name == result.to_dict()["protocol"]
        assert result.metrics
        assert all(np.isfinite(value) for value in result.metrics.values())
    full = evaluate_protocol(model, split.test, FullConfig(k=3), exclude=exclude)
    assert full.metrics == evaluate(model, split.test, exclude=exclude, k=[3]).metrics


def test_a_protocol_of_ones_own():
    class First(RankingConfig):
        name: Literal["first"] = "first"
        seed: int = 0

        def evaluate(self, model, task):
            full = evaluate(model, task.test, exclude=task.exclude, k=self.k)
            return replace(full, protocol=self.name, details={"settings": self.in_results()})

    split, part = drawn_split()
    model, exclude = Table(tied_scores(part.shape)), [split.train]
    config = protocol_config(First(), {"k": 2, "seed": 5})
    found = evaluate_protocol(model, split.test, config, exclude=exclude)
    assert (found.protocol, found.details) == ("first", {"settings": {"k": [2], "seed": 5}})
    with pytest.raises(ConfigError, match="'first' takes no candidates"):
        evaluate_protocol(model, split.test, config, exclude=exclude, given=split.valid)
    with pytest.raises(ConfigError, match=r"unknown setting 'sed'\. Did you mean 'seed'"):
        protocol_config(config, {"sed": 1})


def test_what_differs_between_protocols_is_said():
    with pytest.raises(ConfigError, match="unknown setting 'num' where name is 'full'"):
        protocol_config("full", {"num": 3})
    with pytest.raises(
        ConfigError, match=r"name: there is no 'candidate'\. Did you mean 'candidates'"
    ):
        protocol_config("candidate")


def test_scores_of_pairs_in_any_chunks():
    scores = np.random.default_rng(0).random((7, 11)).astype(np.float32)
    rng = np.random.default_rng(1)
    users, items = rng.integers(0, 7, 40), rng.integers(0, 11, 40)
    for chunk_elements in (1, 25, 1000):
        found = score_pairs(
            Table(scores), users, items, num_items=11, chunk_elements=chunk_elements
        )
        np.testing.assert_array_equal(found, scores[users, items])


def test_bad_settings():
    for name, given_settings, says in (
        ("kgat_ndcg", {}, "kgat-ndcg"),
        ("candidates", {"nmu": 3}, "Did you mean 'num'"),
        ("candidates", {"num": 0}, "num"),
        ("full", {"k": (0,)}, "k must be"),
        ("full", {"k": ()}, "k must be"),
        ("ctr", {"k": 3}, "unknown setting 'k'"),
        ("ctr", {"seeds": (1, 1)}, "different"),
        ("ctr", {"seeds": ()}, "seeds"),
        ("ctr", {"threshold": "nan"}, "finite"),
        ("ratings", {"damping": "inf"}, "finite"),
        ("candidates", {"num": 10**30}, "num"),
        ("kgat-ndcg", {"depth": 10**30}, "depth"),
    ):
        with pytest.raises(ConfigError, match=says):
            protocol_config(name, given_settings)
    assert protocol_config(KGATConfig(depth=7), {"k": 3}) == KGATConfig(k=(3,), depth=7)


def test_bad_input():
    split, part = drawn_split()
    model = Table(part)
    exclude = (split.train, split.valid)
    config = CandidatesConfig(k=3, num=2)
    few = log_of([(0, 0)], split.test.users, split.test.items)
    with pytest.raises(DataError, match="users have no candidates, such as 'u0"):
        evaluate_protocol(model, split.test, config, exclude=exclude, given=few)
    other = drawn_split(num_items=36)[0].test
    with pytest.raises(DataError, match="vocabularies"):
        evaluate_protocol(model, split.test, config, exclude=exclude, given=other)
    with pytest.raises(ConfigError, match="k=30 is larger"):
        evaluate_protocol(model, split.test, CandidatesConfig(k=30, num=2), exclude=exclude)
    with pytest.raises(ConfigError, match="takes no candidates"):
        evaluate_protocol(model, split.test, FullConfig(), exclude=exclude, given=few)
    with pytest.raises(DataError, match="NaN"):
        evaluate_protocol(Table(part * np.nan), split.test, config, exclude=exclude)
    with pytest.raises(DataError, match="shape"):
        evaluate_protocol(Table(part[:, :-1]), split.test, config, exclude=exclude)
