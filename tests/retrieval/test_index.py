"""Items of which nothing is known: behind all others, and never instead of nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from kgrec.retrieval.index import ExactIndex


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 60))
def test_unknown_items_come_behind_all_others(seed, k, chunk_elements):
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, (9, 3)).astype(np.float32)
    vectors[rng.random(9) < 0.4] = 0  # a vector of zeros is one like any other
    queries = rng.integers(-2, 3, (4, 3)).astype(np.float32)
    excluded = rng.random((4, 9)) < 0.3
    candidates = np.flatnonzero(rng.random(9) < 0.8) if seed % 2 else None
    nothing = np.flatnonzero(rng.random(9) < 0.4) if seed % 3 else None
    index = ExactIndex(vectors, unknown=nothing, chunk_elements=chunk_elements)
    found = index.search(queries, k, exclude=csr_matrix(excluded), candidates=candidates)
    allowed = range(9) if candidates is None else candidates.tolist()
    for row in range(4):
        open_ = [item for item in allowed if not excluded[row, item]]
        unknown = [item for item in open_ if nothing is not None and item in nothing]
        known = [item for item in open_ if item not in unknown]
        best = sorted(known, key=lambda item: (-float(queries[row] @ vectors[item]), item))
        expected = (best + unknown)[:k]
        assert found.items[row].tolist() == expected + [-1] * (k - len(expected))
        scores = found.scores[row][: len(expected)]
        assert (np.diff(scores) <= 0).all()
        assert np.isneginf(found.scores[row][len(expected) :]).all()
