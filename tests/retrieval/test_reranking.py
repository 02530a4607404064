"""Diverse and popular lists, against answers computed by hand and by the formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

import kgrec
from kgrec.errors import ConfigError, DataError
from kgrec.retrieval.dialled import DialledIndex
from kgrec.retrieval.reranking import Dials, ItemSimilarity, diversified, item_attributes
from kgrec.retrieval.topk import TopK


def pool(items, scores):
    return TopK(np.array([items]), np.array([scores], dtype=np.float32))


# Items 0, 1 and 2 point the same way; 3 is at a right angle, 4 is the opposite of 0.
VECTORS = np.array([[1, 0], [1, 0], [2, 0], [0, 3], [-1, 0]], dtype=np.float32)


def test_the_next_item_is_unlike_those_that_are_there():
    best = pool([0, 1, 2, 3, 4], [5, 4, 3, 2, 1])  # relevance 1, .75, .5, .25, 0
    alike = ItemSimilarity([VECTORS])
    # d = .5: after 0, the values are -.125, -.25, .125, 0; then -.125 of item 1 loses to 0 of 4.
    assert diversified(best, 3, 0.5, alike).items.tolist() == [[0, 3, 4]]
    assert diversified(best, 3, 0.5, alike).scores.tolist() == [[5, 2, 1]]
    # d = .2: after 0, .4 of item 1 is above .2 of item 3.
    assert diversified(best, 3, 0.2, alike).items.tolist() == [[0, 1, 2]]
    assert diversified(best, 3, 0.0, alike).items.tolist() == [[0, 1, 2]]
    assert diversified(best, 3, 1.0, alike).items.tolist() == [[0, 3, 4]]


def test_lists_with_fewer_items_keep_their_padding():
    best = pool([2, 3, -1], [1, 1, -np.inf])
    found = diversified(best, 3, 0.7, ItemSimilarity([VECTORS]))
    assert found.items.tolist() == [[2, 3, -1]]
    assert found.scores.tolist() == [[1, 1, -np.inf]]
    none = pool([-1], [-np.inf])
    assert diversified(none, 1, 0.7, ItemSimilarity([VECTORS])).items.tolist() == [[-1]]


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_marginal_relevance_is_that_of_a_plain_loop(seed, diversity):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(9, 3)).astype(np.float32)
    items = rng.permutation(9)[:7]
    scores = np.sort(rng.normal(size=7))[::-1].astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    found = diversified(pool(items, scores), 5, diversity, ItemSimilarity([vectors])).items[0]
    chosen = []
    for item in found:  # each one is best, up to rounding, given those before
        values = [
            (1 - diversity) * rel
            - diversity * max([max(0.0, float(unit[one] @ unit[c])) for c in chosen], default=0.0)
            for one, rel in zip(items, relevance, strict=True)
        ]
        left = [v for one, v in zip(items, values, strict=True) if one not in chosen]
        if chosen or diversity < 1:
            assert values[items.tolist().index(item)] >= max(left) - 1e-5
        chosen.append(item)
    assert len(set(chosen)) == 5


def test_similarity_is_the_mean_over_text_and_attributes():
    sparse = csr_matrix([[1.0, 0], [0, 1], [1, 0], [1, 0], [0, 0]])
    found = ItemSimilarity([VECTORS], [sparse]).of(np.array([0, 1, 3, 4]))
    expected = [[1, 0.5, 0.5, 0], [0.5, 1, 0, 0], [0.5, 0, 1, 0], [0, 0, 0, 0.5]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_attributes_are_of_graph_and_table_and_rare_ones_count_more():
    import pandas as pd

    table = kgrec.AttributeTable.read(
        pd.DataFrame({"item_id": ["a", "b", "c", "d"], "genre": ["war", "war", "war", "art"]}),
        categories=["genre"],
    )
    kg = kgrec.KnowledgeGraph.from_triples(
        [("e:a", "e:by", "e:X"), ("e:b", "e:by", "e:X"), ("e:Y", "e:made", "e:c")]
    )
    links = kgrec.link(
        table.ids, kg, pd.DataFrame({"item_id": ["a", "b", "c"], "iri": ["e:a", "e:b", "e:c"]})
    )
    found = item_attributes(table.ids, table, kg, links).toarray()
    common, rare = np.log(4 / 3), np.log(4 / 2)  # war: 3 of 4 items, X: 2; Y and art: 1, left out
    unit = np.array([rare, common]) / np.hypot(rare, common)
    cosines = found @ found.T
    rows = {one: table.ids.row(one) for one in "abcd"}
    np.testing.assert_allclose(cosines[rows["a"], rows["b"]], 1, rtol=1e-6)
    np.testing.assert_allclose(cosines[rows["a"], rows["c"]], unit[1], rtol=1e-6)
    assert not found[rows["d"]].any()
    assert item_attributes(table.ids, None, None, None) is None


@pytest.mark.parametrize("popularity", [-1.0, -0.3, 0.4, 1.0])
def test_the_index_with_popularity_is_the_formula(popularity):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 3)).astype(np.float32) + 1
    queries = rng.normal(size=(4, 3)).astype(np.float32)
    queries[3] = 0  # all its scores are the same: popularity alone decides
    popular = rng.normal(size=50).astype(np.float32)
    scores = (queries @ vectors.T).astype(np.float64)
    deviation = scores.std(axis=1, keepdims=True)
    z = np.divide(
        scores - scores.mean(axis=1, keepdims=True),
        deviation,
        where=deviation > 0,
        out=np.zeros_like(scores),
    )
    expected = (1 - abs(popularity)) * z + popularity * popular
    found = DialledIndex(vectors, popular, np.zeros(0, np.int64)).search(queries, 50, popularity)
    np.testing.assert_allclose(found.scores, -np.sort(-expected, axis=1), atol=1e-4)
    np.testing.assert_allclose(
        np.take_along_axis(expected, found.items, axis=1), found.scores, atol=1e-4
    )


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"diversity": 1.1}, ConfigError, "diversity= must lie between 0 and 1"),
        ({"diversity": -0.1}, ConfigError, "between 0 and 1"),
        ({"popularity": -1.5}, ConfigError, "popularity= must lie between -1 and 1"),
        ({"popularity": float("nan")}, ConfigError, "between -1 and 1"),
        ({"diversity": "much"}, DataError, "diversity must be a number"),
        ({"popularity": True}, DataError, "popularity must be a number"),
    ],
)
def test_dials_have_ranges(given, error, message):
    with pytest.raises(error, match=message):
        Dials(**given)
