"""Semantic matching: each of its three parts by hand, and what lacks one of them."""

import numpy as np
import pytest

from kgrec.retrieval.bm25 import BM25Index
from kgrec.retrieval.search import SemanticSearch
from kgrec.text.words import count_words


class Placing:
    """A model that places every text at the same spot of its item space."""

    def __init__(self, item_vectors, place):
        self.similarity_vectors, self.place = item_vectors, place

    def vectors_of_content(self, content):
        return np.repeat(self.place[None, :], len(content["text"]), axis=0)


class Words:
    """Word scores that are known."""

    def __init__(self, scores):
        self.scores = scores

    def score(self, query):
        assert query == "a query"
        return self.scores

    def trust(self, query):
        return 1.0


def semantic_scores(query, text, words, space=None):
    return SemanticSearch(text, Words(words), space).scores("a query", query)


def problem():
    rng = np.random.default_rng(4)
    text = rng.normal(size=(6, 5)).astype(np.float32)
    text[2] = 0  # no text
    vectors = rng.normal(size=(6, 3)).astype(np.float32)
    query = rng.normal(size=(1, 5)).astype(np.float32)
    words = np.array([0, 2, 0, 1, 0, 0], dtype=np.float32)
    return query, text, words, vectors, rng.normal(size=3).astype(np.float32)


def z(values):
    return (values - values.mean()) / values.std()


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_the_sum_of_three():
    query, text, words, vectors, place = problem()
    known = [0, 1, 3, 4, 5]
    mean = np.mean([unit(text[row]) for row in known], axis=0)
    wanted = unit(query[0])
    meaning = z(np.array([wanted @ unit(unit(text[row]) - mean) for row in known]))
    expected = z(words.astype(float))
    expected[known] += meaning
    without = semantic_scores(query, text, words)
    np.testing.assert_allclose(without[0], expected, atol=1e-5)
    expected += z(np.array([place @ unit(vector) for vector in vectors])) / 2
    found = semantic_scores(query, text, words, Placing(vectors, place))
    assert found.shape == (1, 6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_an_item_finds_itself():
    _, text, words, *_ = problem()
    for item in (0, 1, 3, 4, 5):
        scores = semantic_scores(text[item : item + 1], text, 0 * words)
        assert scores.argmax() == item


def test_words_decide_where_meanings_are_alike():
    query, text, words, *_ = problem()
    alike = np.tile(text[0], (6, 1))
    assert semantic_scores(query, alike, words).argmax() == 1


def test_the_length_of_item_vectors_says_nothing():
    query, text, words, vectors, place = problem()
    longer = vectors * np.array([[1], [9], [0.1], [3], [1], [50]], dtype=np.float32)
    np.testing.assert_allclose(
        semantic_scores(query, text, words, Placing(vectors, place)),
        semantic_scores(query, text, words, Placing(longer, place)),
        atol=1e-5,
    )


@pytest.mark.filterwarnings("error")
def test_a_single_item_is_finite():
    one = np.ones((1, 4), dtype=np.float32)
    assert np.isfinite(semantic_scores(one, one, np.ones(1, dtype=np.float32))).all()


def test_a_query_in_another_language_goes_by_its_meaning():
    """Both texts know one word of five, and only the first is near in meaning."""
    vectors = np.array([[1, 0.1, 0], [0.1, 1, 0], [0, 0, 1]], np.float32)
    words = BM25Index(count_words(["a thief in london", "hotel man die", "love and war"]))
    search = SemanticSearch(vectors, words)
    query = "die Diebe planen einen Raub"
    assert search.scores(query, vectors[:1])[0].argmax() == 0
    meaning = SemanticSearch(vectors, BM25Index(count_words(["", "", ""])))
    np.testing.assert_allclose(
        search.scores(query, vectors[:1]), meaning.scores(query, vectors[:1]), atol=1e-6
    )
