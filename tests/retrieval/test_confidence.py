"""How sure a search is: planted texts, the encoder of kgrec, and figures by hand."""

import warnings

import numpy as np
import pytest

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import KgrecWarning
from kgrec.models.ease import EASEConfig
from kgrec.recommender import Recommender
from kgrec.retrieval.bm25 import BM25Index
from kgrec.retrieval.search import WEAK, SemanticSearch
from kgrec.runs import reading, serving, writing
from kgrec.text.words import count_words, nonsense

TITLES = (
    "The last samurai village", "Robots on a space station", "A heist in Paris", "Pirates at sea",
    "Dinosaurs escape from a park", "A detective on a train", "Love in a bakery", "War in the snow",
    "Ghosts of an old hotel", "A boxer and his trainer", "Singers on the road", "Secrets of a spy",
    "A lawyer defends the innocent", "Aliens land in the desert", "Two brothers and a bank",
    "The queen and her rivals",
)  # fmt: skip


def catalogue(titles):
    ids = Vocabulary([f"i{place:02}" for place in range(len(titles))], "item")
    users = Vocabulary(["u", "v"], "user")
    log = Interactions(users, ids, np.array([0, 0, 1]), np.array([0, 1, 2]))
    return AttributeTable(ids, tuple(titles)), log


@pytest.fixture(scope="module")
def films():
    items, log = catalogue(TITLES)
    return Recommender(items=items, model=EASEConfig().build()).fit(log)


@pytest.mark.parametrize(
    ("query", "item"),
    [
        ("samurai", 0), ("space robots", 1), ("heist in paris", 2), ("a detective on the train", 5),
        ("innocent lawyer", 12), ("Aliens!", 13),
    ],
)  # fmt: skip
def test_a_query_that_the_catalogue_answers_is_sure(films, query, item):
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        first, *others = films.search(query, 5)
    assert first.item == f"i{item:02}"
    assert first.confidence >= WEAK
    assert all(other.confidence < first.confidence for other in others)


@pytest.mark.parametrize(
    "query",
    [
        "xqzv blorf", "qwertyuiop", "zzzz zzz", "???", "dental insurance", "gluten free pasta",
        "quantum chromodynamics on a lattice", "a javascript framework for beginners",
    ],
)  # fmt: skip
def test_nonsense_and_absent_topics_are_not_sure(films, query):
    with pytest.warns(KgrecWarning, match="Weak matches for “") as found:
        hits = films.search(query, 5)
    assert len(found) == 1
    assert len(hits) == 5
    assert max(hit.confidence for hit in hits) < WEAK


def test_meaning_alone_can_be_sure(films):
    first = films.search("prehistoric reptiles escape", 1)[0]
    assert first.item == "i04"
    shares = films.snapshot.semantic_search._words.shares("prehistoric reptiles")
    assert not shares.any()


def test_characters_of_scripts_without_blanks_are_sure():
    items, log = catalogue(["哈利·波特", "三体", "红楼梦", "西游记"])
    rec = Recommender(items=items, model=EASEConfig().build()).fit(log)
    with pytest.warns(KgrecWarning, match="Chinese characters"):
        found = rec.search("哈利波特", 4)
    assert (found[0].item, found[0].confidence) == ("i00", 1.0)
    assert max(hit.confidence for hit in found[1:]) < WEAK


def test_only_search_has_a_confidence(films):
    assert films.recommend("u", 1)[0].confidence is None
    assert "confidence" not in films.recommend("u", 1)[0].to_dict()
    assert films.search("samurai", 1)[0].to_dict()["confidence"] == 1.0


def test_a_saved_run_is_as_sure(films, tmp_path):
    before = films.search("space robots", 4)
    writing.save(films, tmp_path / "run")
    for loaded in (reading.load(tmp_path / "run"), serving.load_for_serving(tmp_path / "run")):
        found = loaded.search("space robots", 4)
        assert [hit.item for hit in found] == [hit.item for hit in before]
        assert [hit.confidence for hit in found] == [hit.confidence for hit in before]


def test_shares_by_hand():
    index = BM25Index(count_words(["red car", "red bus", "sky"]))
    idf = {1: np.log1p(2.5 / 1.5), 2: np.log1p(1.5 / 2.5), 0: np.log1p(3.5 / 0.5)}
    total = idf[2] + idf[1] + idf[0]  # red, car, and a word that is nowhere
    expected = [(idf[2] + idf[1]) / total, idf[2] / total, 0.0]
    found = index.shares("Red cars, red xqzv")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(index.shares("?"), np.zeros(3))


def test_meaning_by_hand():
    rng = np.random.default_rng(3)
    text = rng.normal(size=(30, 8)).astype(np.float32)
    text[4] = 0  # no text
    noise = rng.normal(size=(20, 8)).astype(np.float32)
    words = BM25Index(count_words([""] * 30))
    search = SemanticSearch(text, words, nonsense=noise)

    def unit(rows):
        return rows / np.linalg.norm(rows, axis=-1, keepdims=True)

    known = np.delete(np.arange(30), 4)
    centre = unit(text[known]).mean(0)
    centred = unit(unit(text[known]) - centre)
    best = (unit(noise) @ centred.T).max(1)
    query = text[[7]] + 0.1 * text[[9]]
    cosine = centred @ unit(query)[0]
    expected = np.clip((cosine - best.mean()) / (4 * max(best.std(), 0.05)), 0, 1)
    found = search.confidence("", query, np.arange(30))
    np.testing.assert_allclose(found[known], expected, atol=1e-5)
    assert found[4] == 0
    assert found.argmax() == 7
    # Without nonsense, only words count.
    assert not SemanticSearch(text, words).confidence("", query, np.arange(30)).any()


def test_nonsense_is_always_the_same_and_in_the_script_of_the_words():
    assert nonsense(["heist", "comedy"]) == nonsense(["heist", "comedy"])
    assert len(set(nonsense(["heist", "comedy"]))) == 32
    assert set("".join(nonsense(["哈利", "波特"]))) == set("哈利波特 ")
    assert all(nonsense([]))
