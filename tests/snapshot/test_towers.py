"""Items that towers retrieve are ranked by the whole model: nothing is lost, and most is found."""

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.errors import ConfigError, DataError
from kgrec.retrieval.settings import retrieve_settings
from kgrec.snapshot.towers import best_retrieved

TASTES, EACH = 12, 40
NUM = TASTES * EACH
LOW = kgrec.LowRankConfig(dim=24)


def log():
    """Return a log in which a user has items of one taste, and some of the next one."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(240):
        taste = user % TASTES
        near = rng.choice(EACH, 12, replace=False) + taste * EACH
        far = rng.choice(EACH, 2, replace=False) + (taste + 1) % TASTES * EACH
        rows += [(f"u{user:03}", f"i{item:03}") for item in (*near, *far)]
    return kgrec.Interactions.read(pd.DataFrame(rows, columns=["user_id", "item_id"]))


def table():
    """Return titles that name the taste, and a column to filter by."""
    rows = [(f"i{item:03}", f"taste{item // EACH} story number{item}", item) for item in range(NUM)]
    frame = pd.DataFrame(rows, columns=["item_id", "title", "number"])
    return kgrec.AttributeTable.read(frame, numbers=["number"])


def several(*members):
    weights = tuple(1.0 / (place + 1) for place in range(len(members)))
    return kgrec.Ensemble(members, kgrec.EnsembleConfig(weights=weights))


def made(model, **options):
    return kgrec.Recommender(model=model, items=table(), **options).fit(log())


@pytest.fixture(scope="module")
def whole():
    """A model with a tower, and members that have none."""
    return made(several(kgrec.LowRank(LOW), kgrec.EASE(), kgrec.ItemKNN()), text=None)


@pytest.fixture
def with_text(word_encoder):
    rec = made(several(kgrec.LowRank(LOW), kgrec.EASE()))
    rec.search("taste1", 1)  # makes the vectors of the texts
    return rec


def ids(found):
    return [one.item for one in found]


def close(found, expected):
    """Whether lists are the same, where items of equal score may change places."""
    scores = [one.score for one in found], [one.score for one in expected]
    assert len(found) == len(expected)
    np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("n", [NUM, 10 * NUM])
def test_if_all_are_retrieved_the_list_is_that_of_the_model(whole, n):
    for user in whole.user_vocabulary.ids[::20]:
        assert whole.recommend(user, 10, retrieve=n) == whole.recommend(user, 10)
    liked = whole.item_vocabulary.ids[:3]
    found = whole.recommend(liked=liked, k=10, retrieve=n)
    assert found == whole.recommend(liked=liked, k=10)


def test_only_what_was_retrieved_is_scored_and_the_best_of_it_are_found(whole, monkeypatch):
    """The tastes are planted: who likes one finds its items, from 60 of 480 items."""
    asked, some = [], type(whole.snapshot).score_some

    def noted(self, users, items):
        asked.append(items)
        return some(self, users, items)

    def refuse(*_):
        raise AssertionError("all items were scored")

    monkeypatch.setattr(type(whole.snapshot), "score_some", noted)
    hits = 0
    for user in whole.user_vocabulary.ids[::20]:
        best = whole.recommend(user, 10)
        with monkeypatch.context() as patch:
            patch.setattr(type(whole.snapshot), "score", refuse)
            found = whole.recommend(user, 10, retrieve=60)
        scores = [one.score for one in found]
        assert scores == sorted(scores, reverse=True)
        expected = {one.item: one.score for one in whole.recommend(user, NUM)}
        np.testing.assert_allclose(scores, [expected[one] for one in ids(found)], atol=1e-3)
        hits += len(set(ids(best)) & set(ids(found)))
        taste = int(user[1:]) % TASTES
        assert sum(int(one[1:]) // EACH == taste for one in ids(found)) >= 8
    assert [len(items) for items in asked] == [60] * 12
    assert hits >= 0.95 * 120


def test_more_candidates_miss_less(whole):
    users, now = np.arange(0, 240, 5), whole.snapshot
    best = now.best(users, 10, exclude=now.left_out(users))
    missed = []
    for n in (10, 30, 100, 400):
        config = kgrec.RetrieveConfig(n=n)
        found = best_retrieved(now, now.towers, config, users, 10, exclude=now.left_out(users))
        pairs = zip(found.items, best.items, strict=True)
        missed.append(sum(len(np.setdiff1d(other, one)) for one, other in pairs))
    assert missed == sorted(missed, reverse=True)
    assert missed[0] > missed[-1]
    assert missed[-1] <= 0.01 * 480


def test_a_batch_gets_what_each_gets_alone(whole):
    users, now, config = np.array([5, 77, 3]), whole.snapshot, kgrec.RetrieveConfig(n=40)
    for asked in (users, now.histories[users]):
        together = best_retrieved(now, now.towers, config, asked, 7, exclude=now.left_out(users))
        for place, user in enumerate(users):
            alone = best_retrieved(
                now, now.towers, config, asked[place : place + 1], 7,
                exclude=now.left_out(users[place : place + 1]),
            )  # fmt: skip
            np.testing.assert_array_equal(alone.items[0], together.items[place])
            listed = ids(whole.recommend(now.users.id(int(user)), 7, retrieve=config))
            assert listed == now.items.take(together.items[place])


@pytest.mark.parametrize("left", [0, 3, 9, 15, 70])
def test_k_items_come_back_where_a_filter_leaves_k(whole, left):
    """Also items that the towers like least: those of a taste that the user has nothing of."""
    first, user = 6 * EACH, "u000"
    rule = f"{first} <= number < {first + left}"
    found = whole.recommend(user, 10, filter=rule, retrieve=20)
    assert len(found) == min(10, left)
    assert set(ids(found)) <= {f"i{first + place:03}" for place in range(left)}
    if left:
        close(found, whole.recommend(user, 10, filter=rule))
    kept = [f"i{place:03}" for place in range(0, NUM, 7)]
    among = whole.recommend(user, 10, candidates=kept, exclude=kept[:4], retrieve=20)
    assert len(among) == 10
    assert set(ids(among)) <= set(kept[4:]) - set(whole.history(user))


def test_what_a_user_has_or_dislikes_or_what_is_gone_never_comes_back(whole):
    rec = whole.fork()
    user = "u001"
    first = ids(rec.recommend(user, 8, retrieve=30))
    assert not set(first) & set(rec.history(user))
    bad = pd.DataFrame({"user_id": [user], "item_id": [first[1]], "rating": [1]})
    good = pd.DataFrame({"user_id": [user], "item_id": [first[2]], "rating": [5]})
    rec.update(
        interactions=kgrec.Interactions.read(pd.concat([bad, good]), positive="rating >= 4"),
        remove_items=[first[0]],
        at_once=True,
    )
    now = ids(rec.recommend(user, 8, retrieve=30))
    assert not set(now) & set(first[:3])
    assert len(now) == 8
    close(rec.recommend(user, 8, retrieve=200), rec.recommend(user, 8))
    assert first[1] in ids(rec.recommend(user, 400, include_disliked=True, retrieve=30))


def test_a_new_item_is_retrieved_by_its_text(with_text):
    title = pd.DataFrame({"item_id": ["new"], "title": ["taste3 story"], "number": [999.0]})
    with_text.update(items=kgrec.AttributeTable.read(title, numbers=["number"]), at_once=True)
    for choice in ({}, {"filter": "number > 470"}):
        found = ids(with_text.recommend("u003", 480, retrieve=10, **choice))
        assert found.count("new") == 1
    near = with_text.recommend("u003", 60, retrieve=kgrec.RetrieveConfig(n=60, towers=("text",)))
    assert "new" in ids(near)


def test_towers_are_the_vectors_of_members_and_the_text(whole, with_text):
    assert list(whole.snapshot.towers) == ["low_rank"]
    assert list(with_text.snapshot.towers) == ["low_rank", "text"]
    twice = made(several(kgrec.LowRank(LOW), kgrec.LowRank(kgrec.LowRankConfig(dim=5))), text=None)
    assert list(twice.snapshot.towers) == ["low_rank", "low_rank_2"]
    both = ids(with_text.recommend("u003", 10, retrieve=12))
    for name in ("low_rank", "text"):
        one = with_text.recommend("u003", 10, retrieve=kgrec.RetrieveConfig(n=12, towers=(name,)))
        assert len(one) == 10
        assert one[0].item in both or one[0].score <= 0


def test_the_tower_of_texts_is_made_when_it_is_named(word_encoder):
    rec = made(kgrec.EASE())
    assert "text" not in rec.snapshot.towers
    found = rec.recommend("u003", 10, retrieve=kgrec.RetrieveConfig(n=45, towers=("text",)))
    assert all(int(one[1:]) // EACH == 3 for one in ids(found)[:8])


def test_a_reranker_orders_what_was_retrieved(with_text):
    class Tower:
        task, ranks = "click", True
        texts = {"history": True, "profile": True, "user_text": None}  # noqa: RUF012

        def scores(self, user, items):
            return -np.arange(len(items), dtype=np.float32)

    rerank = kgrec.TextReranker(Tower(), top=20)
    plain = ids(with_text.recommend("u003", 5, retrieve=30))
    assert ids(with_text.recommend("u003", 5, retrieve=30, rerank=rerank)) == plain


def test_an_approximate_index_serves_the_towers(whole):
    config = kgrec.ApproximateIndexConfig(rescored=50)
    rec = made(several(kgrec.LowRank(LOW), kgrec.EASE()), text=None, index=config)
    same = made(several(kgrec.LowRank(LOW), kgrec.EASE()), text=None)
    found, expected = (one.recommend("u003", 10, retrieve=40) for one in (rec, same))
    close(found, expected)


def test_a_diverse_list_is_chosen_from_what_was_retrieved(with_text):
    found = with_text.recommend("u003", 10, retrieve=120, diversity=0.7)
    assert len(found) == 10
    tastes = {int(one[1:]) // EACH for one in ids(found)}
    plain = {int(one[1:]) // EACH for one in ids(with_text.recommend("u003", 10, retrieve=120))}
    assert len(tastes) > len(plain)


def test_without_vectors_the_error_names_what_to_do():
    rec = made(several(kgrec.EASE(), kgrec.MostPopular()), text=None)
    with pytest.raises(ConfigError, match=r"finds items by vectors.*ensemble.*`ials`"):
        rec.recommend("u003", 5, retrieve=50)
    with pytest.raises(ConfigError, match=r"no text vectors.*train with text"):
        rec.recommend("u003", 5, retrieve=kgrec.RetrieveConfig(towers=("text",)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"retrieve": 0}, ConfigError, r"retrieve=0 must lie between 1 and"),
        ({"retrieve": -3}, ConfigError, r"retrieve=-3 must lie"),
        ({"retrieve": "many"}, DataError, r"retrieve must be a whole number.*'many'"),
        ({"retrieve": True}, DataError, r"retrieve must be a whole number"),
        ({"retrieve": 50, "popularity": 0.5}, ConfigError, r"exclude each other: popularity"),
        ({"retrieve": 50, "description": "a story"}, ConfigError, r"not for a description"),
        (
            {"retrieve": kgrec.RetrieveConfig(towers=("low_rnk",))},
            ConfigError,
            r"no tower 'low_rnk'\. Did you mean 'low_rank'\?",
        ),
    ],
)
def test_a_mistake_is_one_message(whole, options, error, message):
    with pytest.raises(error, match=message):
        whole.recommend("u003", 5, **options)


def test_settings_of_a_request():
    assert retrieve_settings(None) is None
    assert retrieve_settings(7) == kgrec.RetrieveConfig(n=7)
    assert retrieve_settings(None, ["text"]) == kgrec.RetrieveConfig(towers=("text",))
    with pytest.raises(ConfigError, match="names no tower"):
        retrieve_settings(7, [])
