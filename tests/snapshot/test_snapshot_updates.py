"""An update that the model knows: the same as training on all data, and what is gone is gone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import WordEncoder

import kgrec
from kgrec.errors import DataError, UnknownIdError
from kgrec.snapshot.changes import last_of_each, with_columns_of, with_later
from kgrec.snapshot.drift import Drift
from kgrec.snapshot.settling import drift_of

USERS, ITEMS = [f"u{n}" for n in range(8)], [f"i{n}" for n in range(6)]


def read(rows, columns=("user_id", "item_id", "rating", "timestamp")):
    frame = pd.DataFrame(rows, columns=list(columns))
    return kgrec.Interactions.read(frame, positive="rating >= 4")


def ratings(seed=0, users=USERS, items=ITEMS):
    rng = np.random.default_rng(seed)
    rows = [(u, i, 5, n) for n, u in enumerate(users) for i in items if rng.random() < 0.6]
    return [*rows, (users[0], items[0], 5, 99), (users[1], items[1], 4, 98)]


def recommender(log, model=None, **options):
    return kgrec.Recommender(model=model or kgrec.EASE(kgrec.EASEConfig(l2=1.0)), text=None,
                             **options).fit(log)  # fmt: skip


def ids(found):
    return [entry.item for entry in found]


MODELS = {
    "ease": lambda: kgrec.EASE(kgrec.EASEConfig(l2=1.0, dropout=0.2, rating_power=0.5)),
    "dislikes": lambda: kgrec.EASE(kgrec.EASEConfig(l2=1.0, dislikes=0.4)),
    "user_ease": lambda: kgrec.UserEASE(kgrec.UserEASEConfig(l2=1.0)),
    "item_knn": kgrec.ItemKNN,
    "most_popular": kgrec.MostPopular,
    "trending": kgrec.Trending,
}


@pytest.mark.parametrize("name", MODELS)
def test_the_scores_are_those_of_training_on_the_joined_data(name):
    """A change of mind, a repeated pair, a new user, a new item, and dislikes are among it."""
    before = [*ratings(), ("u2", "i3", 2, 50), ("u3", "i4", 5, 51)]
    later = [("u3", "i4", 1, 200), ("u2", "i3", 5, 201), ("zoe", "i1", 5, 202),
             ("zoe", "fresh", 4, 203), ("u0", "i0", 4, 204)]  # fmt: skip
    rec = recommender(read(before), MODELS[name]())
    rec.update(interactions=read(later))
    again = recommender(read([*before, *later]), MODELS[name]())
    for user in [*USERS, "zoe"]:
        found = {one.item: one.score for one in rec.recommend(user, len(ITEMS) + 1)}
        expected = {one.item: one.score for one in again.recommend(user, len(ITEMS) + 1)}
        assert found.keys() == expected.keys()
        for item, score in expected.items():
            assert found[item] == pytest.approx(score, rel=1e-5, abs=1e-6)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from([*USERS, "new"]), st.sampled_from([*ITEMS, "x"]),
                          st.sampled_from([4, 5])), max_size=12))  # fmt: skip
def test_in_pieces_or_together_an_update_is_the_same(rows):
    log = read(ratings())
    stamped = [(*row, 1000 + place) for place, row in enumerate(rows)]
    whole, pieces = recommender(log), recommender(log)
    if stamped:
        whole.update(interactions=read(stamped))
    for row in stamped:
        pieces.update(interactions=read([row]), at_once=row[2] == 4)
    pieces.settle()
    for user in whole.user_vocabulary.ids:
        left, right = (
            one.snapshot.score(one.user_vocabulary.rows([user]))[0][
                one.item_vocabulary.rows(sorted(whole.item_vocabulary.ids))
            ]
            for one in (whole, pieces)
        )
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
        assert set(whole.history(user)) == set(pieces.history(user))


def test_rows_stay_and_come_after_the_others():
    rec = recommender(read(ratings()))
    old = rec.snapshot
    now = rec.update(interactions=read([("a first", "a first item", 5, 1)]), users=["0"])
    assert now.users.ids == [*old.users.ids, "0", "a first"]
    assert now.items.ids == [*old.items.ids, "a first item"]
    assert now.num_trained == -1
    assert old.users.ids == USERS  # the old snapshot goes on
    rec.update(items=["b"])
    assert rec.item_vocabulary.ids[-2:] == ["a first item", "b"]


def test_a_new_user_is_known_by_their_row_alone():
    """Pilots like the first three items, cooks the others."""
    rows = [(f"u{n}", f"i{item}", 5, n) for n in range(12) for item in range(6)
            if (n % 2 == 0) == (item < 3)]  # fmt: skip
    users = [(f"u{n}", ("pilot", "cook")[n % 2]) for n in range(12)]
    table = kgrec.AttributeTable.read(
        pd.DataFrame(users, columns=["user_id", "job"]), id="user_id", categories=["job"],
        name="user")  # fmt: skip
    rec = recommender(read(rows), kgrec.UserEASE(kgrec.UserEASEConfig(l2=1.0)), users=table)
    new = kgrec.AttributeTable.read(
        pd.DataFrame([("amelia", "pilot"), ("paul", "cook")], columns=["user_id", "job"]),
        id="user_id", categories=["job"], name="user")  # fmt: skip
    drift = rec.update(users=new).drift
    assert set(ids(rec.recommend("amelia", 3))) == {"i0", "i1", "i2"}
    assert set(ids(rec.recommend("paul", 3))) == {"i3", "i4", "i5"}
    assert (drift.users_new, drift.users_changed, drift.interactions) == (2, 0, 0)


def test_a_link_and_triples_give_a_new_item_its_attributes():
    """The item shares its director with i0 and i1 in the graph: it is liked with them."""
    triples = [(f"e:{item}", "e:director", f"e:d{item // 3}") for item in range(6)]
    kg = kgrec.KnowledgeGraph.from_triples(triples)
    links = pd.DataFrame({"item_id": ITEMS, "iri": [f"e:{item}" for item in range(6)]})
    rows = [(f"u{n}", f"i{item}", 5, n) for n in range(12) for item in range(6)
            if (n % 2 == 0) == (item < 3) and n != item]  # fmt: skip
    log = read(rows)
    rec = kgrec.Recommender(
        kg, kgrec.link(log.items, kg, links), model=kgrec.AttributeEASE(), encoder=WordEncoder()
    ).fit(log)
    rec.update(
        triples=[("e:new", "e:director", "e:d0"), ("e:new", "e:label", "A heist", "", "en")],
        links=[("fresh", "e:new")],
    )
    scores = rec.snapshot.score(rec.user_vocabulary.rows(["u0", "u1"]))[
        :, rec.item_vocabulary.row("fresh")
    ]
    assert scores[0] > 2 * abs(scores[1])
    assert rec.snapshot.drift.items_placed == 1
    assert "e:d0" in str(rec.explain(None, "fresh", liked=["i0"]).paths)
    # A link that is there already changes nothing.
    before = rec.snapshot.score(np.arange(3))
    rec.update(links=[("fresh", "e:new"), ("i0", "e:0")])
    np.testing.assert_allclose(rec.snapshot.score(np.arange(3)), before, rtol=1e-5, atol=1e-7)


def test_a_deleted_user_is_forgotten_as_if_never_there():
    log = ratings()
    rec = recommender(read(log))
    rec.update(remove_users=["u3"])
    again = recommender(read([row for row in log if row[0] != "u3"]))
    for user in USERS:
        if user == "u3":
            with pytest.raises(UnknownIdError):
                rec.recommend("u3")
            continue
        found, expected = rec.recommend(user, 3), again.recommend(user, 3)
        assert ids(found) == ids(expected)
    assert "u3" not in str(rec.user_vocabulary.ids)
    assert set(rec.recommend_all(1).to_pandas()["user_id"]) <= set(USERS) - {"u3"}
    # Somebody may come with this id, and is somebody else.
    rec.update(interactions=read([("u3", "i5", 5, 7)]))
    assert rec.history("u3") == ["i5"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_user_who_came_later_can_go_too(at_once):
    rec = recommender(read(ratings()))
    expected = {user: rec.history(user) for user in USERS if user != "u3"}
    for gone in ("zoe", "u3"):
        rec.update(interactions=read([("zoe", "i1", 5, 200)]), at_once=True)
        rec.update(remove_users=[gone], at_once=at_once)
        assert gone not in rec.user_vocabulary
    rec.update(remove_users=["zoe"])
    assert {user: rec.history(user) for user in expected} == expected
    never = recommender(read([row for row in ratings() if row[0] != "u3"]))
    np.testing.assert_allclose(rec.model.weights, never.model.weights, atol=1e-6)


def test_a_withdrawn_item_still_tells_what_else_its_users_like():
    rec = recommender(read(ratings()))
    before = rec.snapshot.score(np.arange(len(USERS)))
    rec.update(remove_items=["i2"])
    np.testing.assert_allclose(rec.snapshot.score(np.arange(len(USERS))), before, rtol=1e-6)
    assert "i2" in [item for user in USERS for item in rec.history(user)]
    assert all("i2" not in ids(rec.recommend(user)) for user in USERS)
    with pytest.raises(UnknownIdError, match="withdrawn"):
        rec.recommend("u1", candidates=["i2", "i3"])
    with pytest.raises(kgrec.errors.ConfigError, match="5 items"):
        rec.recommend("u1", 6)
    rec.update(items=["i2"])  # and is back
    assert any("i2" in ids(rec.recommend(user, 6)) for user in USERS)


@pytest.mark.parametrize(
    ("more", "error", "told"),
    [
        ({"remove_items": ["i1"], "items": ["i1"]}, DataError, "contradicts"),
        ({"remove_items": ["i1"], "interactions": [("u0", "i1", 5, 1)]}, DataError, "contradicts"),
        (
            {"remove_items": ["i1"], "interactions": [("u0", "i1", 1, 1), ("u2", "i2", 5, 1)]},
            DataError,
            "contradicts",
        ),
        ({"remove_users": ["u1"], "users": ["u1"]}, DataError, "contradicts"),
        ({"remove_users": ["u0"], "interactions": [("u0", "i1", 5, 1)]}, DataError, "contradicts"),
        ({"remove_items": ["i77"]}, UnknownIdError, "i77"),
        ({"remove_users": ["ghost"]}, UnknownIdError, "ghost"),
        ({"remove_items": "i1"}, DataError, "list of ids"),
        ({"links": [("i1", "e:1")]}, DataError, "no knowledge graph"),
        ({"links": ["i1"]}, DataError, "pairs"),
        ({"links": pd.DataFrame({"item": ["i1"]})}, DataError, "item_id"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_mistake_changes_nothing(more, error, told, at_once):
    rec = recommender(read(ratings()))
    before = rec.snapshot
    given_log = more.get("interactions")
    more = {**more, **({"interactions": read(given_log)} if given_log else {})}
    with pytest.raises(error, match=told):
        rec.update(**more, at_once=at_once)
    assert rec.snapshot is before


def test_ratings_and_times_that_are_missing_are_those_of_a_usual_like_and_said():
    """The others keep theirs; a like of 5 and one of 3 make a usual like a 4."""
    frame = pd.DataFrame([("u0", "i0", 5, 10), ("u1", "i1", 3, 20)],
                         columns=["user_id", "item_id", "rating", "timestamp"])  # fmt: skip
    train = kgrec.Interactions.read(frame)
    bare = kgrec.Interactions.read(frame[["user_id", "item_id"]][:1])
    with pytest.warns(kgrec.errors.KgrecWarning) as told:
        made = with_columns_of(bare, train)
    assert [str(one.message).split(":")[0] for one in told] == [
        "1 new interactions have no rating, or not all of them have one",
        "1 new interactions have no time",
    ]
    assert (made.rating.tolist(), made.timestamp.tolist()) == ([4.0], [20])
    assert with_columns_of(made, train).rating.tolist() == [4.0]
    rec = recommender(read(ratings()), kgrec.EASE(kgrec.EASEConfig(rating_power=0.5)))
    before = rec.snapshot.interactions[0].rating.tolist()
    with pytest.warns(kgrec.errors.KgrecWarning, match="no rating"):
        rec.update(interactions=kgrec.Interactions.read(
            pd.DataFrame({"user_id": ["new"], "item_id": ["i5"]})))  # fmt: skip
    assert rec.snapshot.interactions[0].rating[:-1].tolist() == before
    assert rec.history("new") == ["i5"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_model_of_ratings_takes_no_interactions_without(at_once):
    frame = pd.DataFrame([(u, i, r) for u, i, r, _ in ratings()],
                         columns=["user_id", "item_id", "rating"]).drop_duplicates(
                             ["user_id", "item_id"])  # fmt: skip
    rec = recommender(kgrec.Interactions.read(frame), kgrec.KernelRatings())
    before = rec.snapshot
    bare = kgrec.Interactions.read(pd.DataFrame({"user_id": ["u0"], "item_id": ["i5"]}))
    with pytest.raises(DataError, match="predicts ratings"):
        rec.update(interactions=bare, at_once=at_once)
    assert rec.snapshot is before


@pytest.mark.parametrize("at_once", [True, False])
def test_dislikes_alone_are_an_update(at_once):
    rec = recommender(read([*ratings(), ("u2", "i3", 2, 50)]))
    frame = pd.DataFrame([("u0", "i0", 1, 60), ("zoe", "i1", 2, 61)],
                         columns=["user_id", "item_id", "rating", "timestamp"])  # fmt: skip
    with pytest.raises(DataError, match="no row fulfils"):
        kgrec.Interactions.read(frame, positive="rating >= 4")
    log = kgrec.Interactions.read(frame, positive="rating >= 4", only_dislikes=True)
    assert (len(log), len(log.dislikes)) == (0, 2)
    rec.update(interactions=log, at_once=at_once)
    assert "i0" not in rec.history("u0")
    assert rec.history("zoe") == []
    assert "i0" not in ids(rec.recommend("u0", 6))
    assert "i1" not in ids(rec.recommend("zoe", 6))
    rec.settle()
    assert rec.snapshot.drift.users_new == 1
    with pytest.raises(DataError, match="no row fulfils"):
        kgrec.Interactions.read(frame[1:].assign(rating=np.nan), positive="rating >= 4",
                                only_dislikes=True)  # fmt: skip


def test_repeated_pairs_count_once_the_last_of_them():
    log = kgrec.Interactions.read(pd.DataFrame({"user_id": ["u0"], "item_id": ["i5"]}))
    twice = kgrec.Interactions(
        log.users, log.items, np.zeros(2, np.int64), np.zeros(2, np.int64),
        np.array([1.0, 4.0], np.float32))  # fmt: skip
    assert last_of_each(twice).rating.tolist() == [4.0]
    joined = with_later(twice.select(np.array([0])), last_of_each(twice))
    assert joined.rating.tolist() == [4.0]


def test_drift_says_when_a_training_is_due():
    quiet = Drift(1000, 100, 50, interactions=200, users_new=20, items_new=5, items_placed=5)
    assert quiet.reasons() == []
    assert quiet.lines()[-1] == "No training is due."
    for change, told in (
        ({"interactions": 251}, "20% of the interactions"),
        ({"users_new": 26}, "21% of the users"),
        ({"items_new": 6, "items_placed": 6}, "11% of the items"),
        ({"items_placed": 3}, "without anything to place them"),
        ({"hits": 0.15, "measured": 100, "hits_of_validation": 0.2}, "15.0% of 100 new"),
    ):
        due = Drift(**{**{"trained_interactions": 1000, "trained_users": 100, "trained_items": 50,
                          "interactions": 200, "users_new": 20, "items_new": 5,
                          "items_placed": 5}, **change})  # fmt: skip
        assert len(due.reasons()) == 1
        assert told in due.reasons()[0]
        assert Drift.from_dict(due.to_dict()) == due
    few = Drift(1000, 100, 50, hits=0.0, measured=99, hits_of_validation=0.2)
    assert few.reasons() == []
    for wrong in ({}, [], {**quiet.to_dict(), "updates": -1}, {**quiet.to_dict(), "updates": "x"}):
        with pytest.raises(kgrec.errors.RunError, match="must be a number"):
            Drift.from_dict(wrong)


def test_new_interactions_are_looked_for_in_the_lists_of_before():
    """Everybody gets i0, i1 first by popularity: one in two of what comes is among the ten best."""
    rows = [(f"u{n}", f"i{item:02}", 5, n) for n in range(20) for item in range(12) if item <= n]
    rec = recommender(read(rows), kgrec.MostPopular())
    # u0 has i00 alone: i01 … i10 are the ten best of the others, and i11 is not.
    drift = rec.update(interactions=read([("u0", "i10", 5, 50), ("u0", "i11", 5, 51)])).drift
    assert (drift.hits, drift.measured) == (0.5, 2)
    assert drift.hits_of_validation is None


def test_drift_counts_what_the_model_does_not_know_yet():
    """It is the same before and after the model is told."""
    rows = [(f"u{n}", f"i{item:02}", 5, n) for n in range(20) for item in range(12) if item <= n]
    rec = recommender(read(rows), kgrec.MostPopular())
    assert drift_of(rec.snapshot) is None
    for later in ([("u0", "i10", 5, 50)], [("u0", "i11", 5, 51), ("zoe", "fresh", 5, 52)]):
        rec.update(interactions=read(later), at_once=True)
    waiting = drift_of(rec.snapshot)
    assert (waiting.interactions, waiting.users_new, waiting.items_new) == (3, 1, 1)
    assert (waiting.hits, waiting.measured, waiting.updates) == (0.5, 2, 2)
    counted = drift_of(rec.snapshot, measured=False)
    assert (counted.hits, counted.measured, counted.interactions) == (None, 0, 3)
    rec.settle()
    assert rec.snapshot.drift == waiting == drift_of(rec.snapshot)


def test_drift_does_not_count_interactions_of_who_is_gone():
    rec = recommender(read(ratings()))
    rec.update(interactions=read([("zoe", "i1", 5, 60), ("u0", "i2", 5, 61)]), at_once=True)
    rec.update(remove_users=["zoe"], at_once=True)
    assert drift_of(rec.snapshot).interactions == 1
