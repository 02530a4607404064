"""Exact top-k against a full sort."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from kgrec.errors import ConfigError, DataError
from kgrec.retrieval.index import ExactIndex
from kgrec.retrieval.topk import TopK, top_k, top_k_scored


def by_sorting(scores, k, exclude=None, candidates=None):
    """The same by a Python sort of every row."""
    items = np.full((len(scores), k), -1, dtype=np.int64)
    best = np.full((len(scores), k), -np.inf, dtype=np.float32)
    for row, values in enumerate(scores):
        allowed = [
            item
            for item in range(len(values))
            if (candidates is None or item in candidates)
            and (exclude is None or not exclude[row, item])
            and values[item] > -np.inf
        ]
        order = sorted(allowed, key=lambda item: (-values[item], item))[:k]
        items[row, : len(order)] = order
        best[row, : len(order)] = values[order]
    return TopK(items, best)


def assert_same(found, expected):
    np.testing.assert_array_equal(found.items, expected.items)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert found.items.dtype == np.int64
    assert found.scores.dtype == np.float32


@st.composite
def problems(draw):
    """Scores with many ties, exclusions and candidates; whole numbers, so products are exact."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    num, dim, num_items = draw(st.integers(0, 7)), draw(st.integers(1, 3)), draw(st.integers(1, 30))
    queries = rng.integers(-2, 3, (num, dim)).astype(np.float32)
    items = rng.integers(-2, 3, (num_items, dim)).astype(np.float32)
    exclude = rng.random((num, num_items)) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    candidates = None
    if draw(st.booleans()):
        candidates = rng.choice(num_items, draw(st.integers(0, num_items)), replace=False)
    return queries, items, exclude, candidates, draw(st.integers(1, 35))


@settings(max_examples=300, deadline=None)
@given(
    problems(), st.sampled_from([1, 7, 40, 1 << 20]), st.sampled_from([1, 2, 3, 64]), st.booleans()
)
def test_every_form_agrees_with_a_full_sort(problem, chunk_elements, stripes, compiled):
    """With few stripes, also short rows are looked through by stripes; each row is a thread's."""
    with pytest.MonkeyPatch.context() as patch:
        if compiled:
            patch.setattr("kgrec.retrieval.topk._MANY", 1)
            patch.setattr("kgrec.retrieval.index._LONG", 1)
            patch.setattr("kgrec.retrieval.index.WIDTH", 4)
        patch.setattr("kgrec.retrieval.topk._STRIPES", stripes)
        patch.setattr("kgrec.retrieval.topk._PER_THREAD", 64 // stripes)
        patch.setattr("os.cpu_count", lambda: 3)
        _compare_with_a_full_sort(*problem, chunk_elements)


def _compare_with_a_full_sort(queries, items, excluded, candidates, k, chunk_elements):
    scores = queries @ items.T
    exclude = csr_matrix(excluded)
    expected = by_sorting(scores, k, excluded, candidates)
    assert_same(top_k(scores, k, exclude=exclude, candidates=candidates), expected)
    options = {"exclude": exclude, "candidates": candidates, "chunk_elements": chunk_elements}
    rows = np.arange(len(queries))
    assert_same(
        top_k_scored(lambda part: scores[part], rows, k, num_items=len(items), **options), expected
    )
    index = ExactIndex(items, chunk_elements=chunk_elements)
    seen = {"exclude": exclude, "candidates": candidates}
    assert_same(index.search(queries, k, **seen), expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([3, 1000, None]))
def test_long_rows_agree_with_a_full_sort(seed, k, num_values):
    """Rows of thousands of scores, with ties everywhere, seldom, or never, and -inf."""
    rng = np.random.default_rng(seed)
    shape = (5, int(rng.integers(3000, 6000)))
    scores = (
        rng.standard_normal(shape) if num_values is None else rng.integers(0, num_values, shape)
    )
    scores = scores.astype(np.float32)
    scores[rng.random(shape) < 0.1] = -np.inf
    scores[1, 7:] = -np.inf  # fewer than k are left
    excluded = rng.random(shape) < 0.05
    kept = scores.copy()
    expected = by_sorting(scores, k, excluded)
    assert_same(top_k(scores, k, exclude=csr_matrix(excluded)), expected)
    found = top_k_scored(
        lambda rows: scores[rows.min() : rows.max() + 1],  # the model's own memory
        np.arange(5),
        k,
        num_items=shape[1],
        exclude=csr_matrix(excluded),
    )
    assert_same(found, expected)
    np.testing.assert_array_equal(scores, kept)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_bad_score_of_many_is_found(bad):
    rng = np.random.default_rng(0)
    for column in (0, 64, 4095, 4096, 4999):
        scores = rng.standard_normal((3, 5000)).astype(np.float32)
        scores[1, column] = bad
        kept = scores.copy()
        with pytest.raises(DataError, match="NaN or infinite"):
            top_k(scores, 3)
        exclude = csr_matrix(([1.0], ([0], [5])), shape=scores.shape)
        with pytest.raises(DataError, match="NaN or infinite"):
            top_k_scored(
                lambda rows, own=scores: own[:], [0, 1, 2], 3, num_items=5000, exclude=exclude
            )
        np.testing.assert_array_equal(scores, kept)


def test_what_is_excluded_is_never_returned():
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((50, 80)).astype(np.float32)
    excluded = rng.random((50, 80)) < 0.6
    found = top_k(scores, 40, exclude=csr_matrix(excluded)).items
    rows, places = np.nonzero(found >= 0)
    assert not excluded[rows, found[rows, places]].any()
    assert ((found >= 0).sum(axis=1) == np.minimum(40, (~excluded).sum(axis=1))).all()


def test_an_exclusion_of_stored_zeros_and_any_format_counts():
    exclude = csr_matrix((np.zeros(1), ([0], [2])), shape=(1, 3))
    assert top_k([[1.0, 2.0, 3.0]], 3, exclude=exclude.tocsc()).items.tolist() == [[1, 0, -1]]


def test_rows_are_scored_in_the_order_given_and_with_their_own_exclusions():
    scores = np.arange(12, dtype=np.float32).reshape(3, 4)
    exclude = csr_matrix(np.array([[0, 0, 0, 1], [0, 0, 1, 0]]))
    asked = []

    def score(rows):
        asked.append(rows.tolist())
        return scores[rows]

    found = top_k_scored(score, [2, 0], 1, num_items=4, exclude=exclude, chunk_elements=4)
    assert asked == [[2], [0]]
    assert found.items.tolist() == [[2], [3]]
    assert found.scores.tolist() == [[10.0], [3.0]]


def test_inputs_stay_as_they_are():
    scores = np.ones((2, 3), dtype=np.float32)
    top_k(scores, 2, exclude=csr_matrix(np.eye(2, 3)))
    assert (scores == 1).all()


def test_memory_is_bounded_by_the_chunk():
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((3000, 4)).astype(np.float32)
    items = rng.standard_normal((20_000, 4)).astype(np.float32)
    exclude = csr_matrix(random_array((3000, 20_000), density=1e-4, rng=rng))
    tracemalloc.start()
    found = ExactIndex(items, chunk_elements=1 << 20).search(queries, 10, exclude=exclude)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6  # the whole matrix of scores has 240e6 bytes
    sample = [0, 1500, 2999]
    expected = by_sorting(queries[sample] @ items.T, 10, exclude[sample].toarray() != 0)
    np.testing.assert_array_equal(found.items[sample], expected.items)


def test_candidates_may_be_unsorted_and_repeated():
    found = top_k([[5.0, 5.0, 9.0, 5.0]], 3, candidates=np.array([3, 0, 3]))
    assert found.items.tolist() == [[0, 3, -1]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_an_error(bad):
    with pytest.raises(DataError, match="NaN or infinite"):
        top_k([[0.0, bad]], 1)
    with pytest.raises(DataError, match="NaN or infinite"):
        ExactIndex([[1.0], [2.0]]).search([[bad]], 1)


def test_minus_infinity_means_not_to_be_returned():
    assert top_k([[-np.inf, 1.0]], 2).items.tolist() == [[1, -1]]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: top_k([[1.0]], 0), ConfigError, "k must be"),
        (lambda: top_k([1.0], 1), DataError, "shape"),
        (lambda: top_k([[1.0]], 1, exclude=csr_matrix((2, 1))), DataError, "exclude"),
        (lambda: top_k([[1.0]], 1, candidates=np.array([1])), DataError, "candidates"),
        (lambda: top_k([[1.0]], 1, candidates=np.array([-1])), DataError, "candidates"),
        (lambda: top_k([[1.0]], 1, candidates=np.array([0.5])), DataError, "candidates"),
        (lambda: ExactIndex([[1.0, 2.0]]).search([[1.0]], 1), DataError, "dim"),
        (lambda: ExactIndex([1.0]), DataError, "num_items, dim"),
        (
            lambda: ExactIndex([[1.0]], chunk_elements=0).search([[1.0]], 1),
            ConfigError,
            "chunk",
        ),
        (
            lambda: top_k_scored(lambda rows: np.zeros((1, 2)), [0], 1, num_items=3),
            DataError,
            r"\(1, 3\)",
        ),
        (lambda: top_k_scored(lambda rows: rows, [[0]], 1, num_items=3), DataError, "rows"),
    ],
)
def test_bad_input(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_compiled_loops_find_scores_that_are_no_numbers_and_leave_excluded_ones(monkeypatch):
    monkeypatch.setattr("kgrec.retrieval.topk._MANY", 1)
    rng = np.random.default_rng(0)
    queries, items = rng.normal(size=(2, 3)), rng.normal(size=(300, 3))
    items[250] = np.nan
    index = ExactIndex(items)
    with pytest.raises(DataError, match="NaN or infinite"):
        index.search(queries, 5)
    exclude = np.zeros((2, 300))
    exclude[:, 250] = 1
    found = index.search(queries, 5, exclude=csr_matrix(exclude))
    np.nan_to_num(items, copy=False, nan=-1e9 if queries[0].sum() > 0 else 1e9)
    assert_same(found, ExactIndex(items).search(queries, 5, exclude=csr_matrix(exclude)))
