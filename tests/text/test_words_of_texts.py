"""Texts as weighted words: against scikit-learn, and what is left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from kgrec.text.words import count_words, fold_words, tf_idf

TEXTS = [
    "Two thieves plan a heist in Paris",
    "A detective in Paris hunts two thieves, and two more thieves",
    "Ships, storms: the sea.",
    "The sea and the ships of Paris",
]
some_texts = st.lists(st.text(alphabet="abc é'S.", max_size=30), min_size=1, max_size=12)


def by_scikit_learn(texts, **settings):
    made = TfidfVectorizer(
        analyzer=fold_words, sublinear_tf=True, smooth_idf=True, norm="l2", **settings
    )
    return made.fit_transform(texts).toarray()


def test_it_is_what_scikit_learn_makes():
    np.testing.assert_allclose(
        tf_idf(count_words(TEXTS)).toarray(), by_scikit_learn(TEXTS, min_df=2), rtol=1e-6
    )
    np.testing.assert_allclose(
        tf_idf(count_words(TEXTS), min_texts=1).toarray(), by_scikit_learn(TEXTS), rtol=1e-6
    )


@given(some_texts)
def test_counts_are_those_of_the_texts(texts):
    counted = count_words(texts)
    vocabulary, counts = counted.words, counted.counts
    assert counts.shape == (len(texts), len(vocabulary))
    for row, text in zip(counts.toarray(), texts, strict=True):
        words = fold_words(text)
        assert {w: n for w, n in zip(vocabulary, row, strict=True) if n} == {
            word: words.count(word) for word in words
        }


@given(some_texts)
def test_rows_have_length_one_or_none(texts):
    length = np.linalg.norm(tf_idf(count_words(texts)).toarray(), axis=1)
    assert np.all(np.isclose(length, 1.0, atol=1e-5) | (length == 0))


def test_items_without_text_change_no_weight():
    with_gaps = tf_idf(count_words(["", *TEXTS, ""]))
    np.testing.assert_array_equal(with_gaps.toarray()[1:-1], tf_idf(count_words(TEXTS)).toarray())
    assert with_gaps[0].nnz == with_gaps[-1].nnz == 0


def test_the_words_of_most_texts_are_kept():
    texts = ["sea ship", "sea ship", "sea storm", "sea storm", "sea storm"]
    assert (
        tf_idf(count_words(texts), max_words=2).toarray()[0, 1] == 0
    )  # "ship" is the rarest of three
    assert tf_idf(count_words(texts), max_words=2).shape == (5, 2)


@pytest.mark.parametrize("texts", [[], [""], ["", "..."]])
def test_nothing_to_read(texts):
    assert tf_idf(count_words(texts)).shape == (len(texts), 0)


def test_more_texts_are_counted_behind_and_old_words_keep_their_columns():
    counted = count_words(TEXTS).extended(["a heist of zebras", "zebras, zebras"])
    assert counted.words[: len(count_words(TEXTS).words)] == count_words(TEXTS).words
    whole = count_words([*TEXTS, "a heist of zebras", "zebras, zebras"])
    order = [counted.words.index(word) for word in whole.words]
    np.testing.assert_array_equal(counted.counts.toarray()[:, order], whole.counts.toarray())
