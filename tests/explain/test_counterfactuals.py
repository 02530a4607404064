"""Smallest sets of parts, against all sets."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.explain.counterfactuals import Removal, best_addition, places, smallest_removal
from kgrec.types import BoolArray, Float64Array, FloatArray, IntArray


def removal(effects: Float64Array, item: int, allowed: BoolArray, k: int) -> Removal | None:
    """Return the removal of a model whose scores are sums over the parts."""

    def scores_of(kept: BoolArray) -> FloatArray:
        return np.asarray(kept @ effects, dtype=np.float32)

    return smallest_removal(
        scores_of, lambda rows: effects[:, rows], len(effects), item, allowed, k
    )


def naive(effects: Float64Array, item: int, allowed: BoolArray, k: int) -> int | None:
    """Return the size of the smallest set, by trying all sets."""
    num = len(effects)
    for size in range(num + 1):
        for gone in combinations(range(num), size):
            kept = np.ones((1, num), dtype=bool)
            kept[0, list(gone)] = False
            scores = (kept @ effects).astype(np.float32)
            if places(scores, item, allowed)[0] > k:
                return size
    return None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7), st.integers(1, 3))
def test_it_is_valid_minimal_and_never_claims_too_much(seed: int, num: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    effects = rng.normal(size=(num, 8)) + 0.2
    allowed = rng.random(8) < 0.9
    item = int((effects.sum(axis=0) - 100.0 * ~allowed).argmax())
    allowed[item] = True
    found = removal(effects, item, allowed, k)
    expected = naive(effects, item, allowed, k)
    if found is None:
        return
    assert expected is not None
    assert len(found.parts) >= expected
    if found.smallest:
        assert len(found.parts) == expected
    kept = np.ones((1, num), dtype=bool)
    kept[0, list(found.parts)] = False
    assert places((kept @ effects).astype(np.float32), item, allowed)[0] == found.place > k
    for part in found.parts:
        back = kept.copy()
        back[0, part] = True
        assert places((back @ effects).astype(np.float32), item, allowed)[0] <= k


def test_one_part_that_carries_the_item_is_found_with_what_comes_instead() -> None:
    effects = np.array([[5.0, 0, 0, 1], [0, 1, 2, 0], [1, 2, 1, 0]])
    allowed = np.ones(4, dtype=bool)
    found = removal(effects, 0, allowed, 2)
    assert found is not None
    assert (found.parts, found.smallest, found.place, found.instead) == ((0,), True, 3, 2)


def test_an_item_that_is_not_among_the_best_has_none() -> None:
    effects = np.array([[1.0, 2.0]])
    every = np.ones(2, dtype=bool)
    assert removal(effects, 0, every, 1) is None


def test_an_item_that_nothing_removes_has_none() -> None:
    effects = np.array([[0.0, 0.0, 0.0]])
    every = np.ones(3, dtype=bool)

    def scores_of(kept: BoolArray) -> FloatArray:
        return np.tile(np.array([9.0, 1.0, 2.0], dtype=np.float32), (len(kept), 1))

    assert smallest_removal(scores_of, lambda rows: effects[:, rows], 1, 0, every, 1) is None


def test_a_long_history_is_tried_in_parts_and_pruned() -> None:
    rng = np.random.default_rng(0)
    effects = rng.random((150, 40)) * 0.01
    effects[[3, 70, 149], 0] = 1.0
    sizes = []

    def scores_of(kept: BoolArray) -> FloatArray:
        sizes.append(len(kept))
        return np.asarray(kept @ effects, dtype=np.float32)

    found = smallest_removal(
        scores_of, lambda rows: effects[:, rows], 150, 0, np.ones(40, dtype=bool), 10
    )
    assert found is not None
    assert found.parts == (3, 70, 149)
    assert max(sizes) <= 64


@pytest.mark.parametrize("likely", [[1, 2], [2, 1]])
def test_the_addition_that_helps_most_is_found(likely: list[int]) -> None:
    weights = np.array([[0, 0, 0, 0], [0, 0, 0, 1.0], [0, 0, 0, 5.0]])
    base = np.array([3.0, 2.0, 0.0, 0.0])

    def scores_of(liked: IntArray) -> FloatArray:
        return np.asarray(base + weights[liked], dtype=np.float32)

    every = np.ones(4, dtype=bool)
    found = best_addition(scores_of, 3, np.array(likely), every)
    assert found is not None
    assert (found.liked, found.place) == (2, 1)
