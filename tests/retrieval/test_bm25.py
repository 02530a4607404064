"""BM25 against a naive version of its formula, and folding of words."""

import itertools
import math

import numpy as np
import pytest

from kgrec.retrieval.bm25 import BM25Index
from kgrec.text.words import count_words, fold_words

TEXTS = [
    "A heist in Paris. A heist!",
    "The café of the thieves",
    "Two pirates' ships and a pirate",
    "",
    "A very long text that mentions one heist among many other words of no use at all",
]


def naive(query, k1=1.2, b=0.75):
    documents = [fold_words(text) for text in TEXTS]
    mean = sum(map(len, documents)) / len(documents)
    scores = []
    for words in documents:
        total = 0.0
        for word in set(fold_words(query)):
            frequency, holding = words.count(word), sum(word in other for other in documents)
            if frequency:
                idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
                norm = k1 * (1 - b + b * len(words) / mean)
                total += idf * frequency * (k1 + 1) / (frequency + norm)
        scores.append(total)
    return scores


@pytest.mark.parametrize("query", ["heist", "a heist heist", "pirates in PARIS", "Cafe thief", "x"])
def test_scores_are_the_formula(query):
    found = BM25Index(count_words(TEXTS)).score(query)
    assert found.dtype == np.float32
    assert found.shape == (5,)
    np.testing.assert_allclose(found, naive(query), rtol=1e-5, atol=1e-6)


def test_other_settings():
    found = BM25Index(count_words(TEXTS), saturation=0.4, length_weight=0.1).score(
        "a heist of pirates"
    )
    np.testing.assert_allclose(found, naive("a heist of pirates", 0.4, 0.1), rtol=1e-5)


def test_rare_words_and_short_texts_count_more():
    index = BM25Index(count_words(TEXTS))
    heist = index.score("heist")
    assert heist[0] > heist[4] > 0  # twice in a short text, once in a long one
    assert heist[[1, 2, 3]].tolist() == [0, 0, 0]
    assert index.score("paris")[0] > index.score("a")[0]


def test_words_are_folded():
    assert fold_words("Crème BRÛLÉES, Andre’s 2nd class") == [
        "creme",
        "brulee",
        "andre",
        "2nd",
        "class",
    ]
    assert fold_words("gas bus") == ["gas", "bus"]  # too short to lose an s
    assert fold_words("日本 Straße") == ["日本", "日", "本", "strasse"]
    assert fold_words(" .,!? ") == []


def test_nothing_to_find():
    index = BM25Index(count_words(TEXTS))
    for query in ("", "?!", "zebra"):
        assert index.score(query).tolist() == [0] * 5
    for texts in (["", ""], []):
        assert BM25Index(count_words(texts)).score("heist").tolist() == [0] * len(texts)


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("哈利波特", {0, 1}),
        ("哈利·波特", {0, 1}),
        ("火影", {2}),
        ("手机壳", {3}),
        ("IPHONE", {3}),
        ("千尋", {4}),
        ("ไทย", {5}),
        ("हिन्दी", {6}),
        ("猫", {7}),
    ],
)
def test_scripts_without_blanks_between_words_are_found(query, best):
    texts = [
        "哈利·波特与魔法石", "《哈利・波特》2：密室", "火影忍者", "iPhone手机壳，黑色",
        "千と千尋の神隠し",
        "ภาพยนตร์ไทย", "हिन्दी फ़िल्म", "黑猫警长", "泰坦尼克号", "Toy Story",
    ]  # fmt: skip
    scores = BM25Index(count_words(texts)).score(query)
    order = np.argsort(-scores)
    assert set(order[: len(best)].tolist()) == best
    assert scores[order[len(best) - 1]] > scores[order[len(best)]]


def test_letters_of_other_scripts_stay_whole():
    assert fold_words("がか") == ["がか"]  # the mark of voice is part of the letter
    assert fold_words("हिन्दी") == ["हिन्दी"]
    assert fold_words("한국 영화") == ["한국", "영화"]
    assert fold_words("می\u200cخواهم co\xadop") == ["میخواهم", "coop"]
    assert fold_words("Йод Éric") == ["иод", "eric"]


@pytest.mark.parametrize("parts", [(2, 3, 5), (1, 4, 5), (4, 5)])
def test_an_index_that_grows_is_that_of_all_texts(parts):
    whole = BM25Index(count_words(TEXTS))
    counted = count_words(TEXTS[: parts[0]])
    index = BM25Index(counted)
    for start, end in itertools.pairwise(parts):
        counted = counted.extended(TEXTS[start:end])
        index = index.extended(counted)
    for query in ("heist", "a pirate and a thief", "long words of Paris", "nothing"):
        np.testing.assert_allclose(index.score(query), whole.score(query), rtol=1e-6)
        np.testing.assert_allclose(index.shares(query), whole.shares(query), rtol=1e-6)
    assert index.documents(["heist", "pirate"]) == whole.documents(["heist", "pirate"]) == [2, 1]


def test_words_of_another_language_are_not_trusted():
    """Paris and two are in texts; the share of a query that the texts know decides."""
    index = BM25Index(count_words(TEXTS))
    assert index.trust("heist in paris") == 1.0
    assert index.trust("zwei Diebe planen einen Einbruch in Paris") == 0.0
    assert index.trust("unknown words alone") == 0.0
    assert index.trust("") == 0.0

    def rarity(holding):
        return math.log(1 + (5 - holding + 0.5) / (holding + 0.5))

    share = rarity(1) / (rarity(1) + rarity(0))
    assert index.trust("pirate Einbruch") == pytest.approx((share - 0.3) / 0.3)
