"""Reranking by texts: what the language model gets to read, which items, and in which order."""

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.errors import ConfigError, DataError

ITEMS = [f"i{n}" for n in range(7)]


class Tower:
    """Likes the items whose text is long, and keeps what it was asked."""

    task, ranks = "click", True

    def __init__(self, **texts):
        self.texts = {"history": True, "profile": True, "user_text": None, **texts}
        self.asked = []

    def scores(self, user, items):
        self.asked.append((user, list(items)))
        return np.array([len(text) for text in items], dtype=np.float32)


@pytest.fixture
def rec(word_encoder):
    # Item n was chosen by 7 - n users, and has a text that is longer the rarer it is.
    rows = [(f"u{user}", f"i{item}") for item in range(7) for user in range(7 - item)]
    log = kgrec.Interactions.read(pd.DataFrame(rows, columns=["user_id", "item_id"]))
    items = pd.DataFrame({"item_id": ITEMS, "title": ["x" * (n + 1) for n in range(7)],
                          "genre": ["a"] * 7})  # fmt: skip
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(7)], "job": ["cook"] * 7})
    return kgrec.Recommender(
        model=kgrec.MostPopular(),
        items=kgrec.AttributeTable.read(items, categories=["genre"]),
        users=kgrec.AttributeTable.read(users, id="user_id", categories=["job"], name="user"),
    ).fit(log)


def test_the_best_are_retrieved_and_ordered_anew(rec):
    assert [one.item for one in rec.recommend("u6", 3)] == ["i1", "i2", "i3"]
    tower = Tower()
    found = rec.recommend("u6", 3, rerank=kgrec.TextReranker(tower, top=4))
    assert [one.item for one in found] == ["i4", "i3", "i2"]
    assert [one.score for one in found] == [16, 15, 14]
    ((user, texts),) = tower.asked
    assert texts == [f"{'x' * (n + 1)}. genre: a." for n in (1, 2, 3, 4)]
    assert (user.profile, user.liked, user.disliked, user.own) == ("Job: cook.", ("x",), (), "")


def test_fewer_than_k_are_never_retrieved_and_all_are_if_there_are_fewer(rec):
    found = rec.recommend("u6", 5, rerank=kgrec.TextReranker(Tower(), top=1))
    assert [one.item for one in found] == ["i5", "i4", "i3", "i2", "i1"]
    all_of_them = rec.recommend("u6", 2, rerank=kgrec.TextReranker(Tower(), top=500))
    assert [one.item for one in all_of_them] == ["i6", "i5"]
    left = rec.recommend("u6", 2, exclude=["i6"], rerank=kgrec.TextReranker(Tower(), top=500))
    assert [one.item for one in left] == ["i5", "i4"]


def test_somebody_new_is_what_they_like_the_rarest_first(rec):
    tower = Tower()
    rec.recommend(liked=["i1", "i5"], k=2, rerank=kgrec.TextReranker(tower))
    user = tower.asked[0][0]
    assert (user.profile, user.liked) == ("", ("xxxxxx", "xx"))
    without = kgrec.TextReranker(Tower(history=False))
    with pytest.raises(DataError, match="no text on this user"):
        rec.recommend(liked=["i1"], k=2, rerank=without)


def test_a_search_gives_its_words_and_dislikes(rec):
    tower = Tower()
    reranker = kgrec.TextReranker(tower, top=3)
    found = rec.search("genre a", 2, user="u6", disliked=["i3"], rerank=reranker)
    user, texts = tower.asked[0]
    assert (user.own, user.liked, user.disliked) == ("genre a", ("x",), ("xxxx",))
    assert len(texts) == 3
    assert [one.score for one in found] == sorted(map(len, texts), reverse=True)[:2]


def test_a_description_is_read_too(rec):
    tower = Tower()
    rec.recommend("u6", 2, description="genre a", rerank=kgrec.TextReranker(tower, top=3))
    assert (tower.asked[0][0].own, tower.asked[0][0].liked) == ("genre a", ("x",))


def test_texts_are_made_once_for_a_snapshot(rec, monkeypatch):
    import kgrec.snapshot.text_reranking as module

    calls, real = [], module.texts_of_items
    monkeypatch.setattr(module, "texts_of_items", lambda *a: calls.append(1) or real(*a))
    reranker = kgrec.TextReranker(Tower())
    for _ in range(3):
        rec.recommend("u6", 3, rerank=reranker)
    assert len(calls) == 1
    more = pd.DataFrame({"user_id": ["u6"], "item_id": ["i6"]})
    rec.update(interactions=kgrec.Interactions.read(more), at_once=True)
    rec.recommend("u6", 3, rerank=reranker)
    assert len(calls) == 2
    assert reranker.tower.asked[-1][0].liked == ("xxxxxxx", "x")


def test_what_cannot_be_reranked_is_refused(rec):
    with pytest.raises(ConfigError, match=r"rerank.*diversity.*exclude each other"):
        rec.recommend("u6", 3, diversity=0.5, rerank=kgrec.TextReranker(Tower()))
    with pytest.raises(ConfigError, match="at least 1"):
        kgrec.TextReranker(Tower(), top=0)
    with pytest.raises(DataError, match="whole number"):
        kgrec.TextReranker(Tower(), top="all")
    alone = Tower()
    alone.ranks = False
    with pytest.raises(ConfigError, match="cannot rank for a user"):
        kgrec.TextReranker(alone)
    rows = pd.DataFrame({"user_id": list("aab"), "item_id": list("xyx")})
    log = kgrec.Interactions.read(rows)
    without = kgrec.Recommender(model=kgrec.MostPopular(), text=None).fit(log)
    with pytest.raises(ConfigError, match="made without text"):
        without.recommend("b", 1, rerank=kgrec.TextReranker(Tower()))
    bare = kgrec.Recommender(model=kgrec.MostPopular()).fit(log)
    with pytest.raises(DataError, match="none of the 2 items has one"):
        bare.recommend("b", 1, rerank=kgrec.TextReranker(Tower()))
