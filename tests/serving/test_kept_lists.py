"""Lists that a worker keeps: the same as lists that are made anew, and forgotten in time."""

from itertools import count

import numpy as np
import pytest

from kgrec.errors import UnknownIdError
from kgrec.serving.live import Live
from kgrec.serving.loading import load_served
from kgrec.serving.log import Event
from kgrec.serving.pseudonyms import Pseudonyms

PSEUDONYMS = Pseudonyms(b"k" * 32)


@pytest.fixture
def kept(trained_run, encoder_of_words):
    return Live.of(load_served(trained_run, kept_lists=1000), PSEUDONYMS)


@pytest.fixture
def anew(trained_run, encoder_of_words):
    return Live.of(load_served(trained_run), PSEUDONYMS)


@pytest.fixture
def asked(kept, monkeypatch):
    """Return the users whose lists are made, in order."""
    made, recommend = [], kept.served.recommender.recommend

    def told(user, *rest, **more):
        made.append(user)
        return recommend(user, *rest, **more)

    monkeypatch.setattr(kept.served.recommender, "recommend", told)
    return made


def liked(user, item, *, likes=True):
    return Event("interaction", user, item, {"liked": likes})


def test_a_list_is_made_once_until_the_user_has_something_new(kept, asked):
    users = kept.served.now.users.ids[:3]
    kept._apply([liked(kept.served.now.users.id(5), "i01")])  # the first one loads the whole run
    before = {user: kept.served.recommend(user, 4) for user in users}
    assert {user: kept.served.recommend(user, 4) for user in users} == before
    assert asked == users
    first, best = users[0], before[users[0]][0]["item"]
    kept._apply([liked(first, best)])
    after = kept.served.recommend(first, 4)
    assert best not in [one["item"] for one in after]
    for user in users[1:]:
        assert kept.served.recommend(user, 4) == before[user]
    assert asked == [*users, first]
    assert kept.served.recommend(users[1], 2) == before[users[1]][:2]  # another k is another list
    assert asked == [*users, first, users[1]]


def test_what_was_answered_can_be_changed_without_harm(kept):
    user = kept.served.now.users.id(0)
    expected = [dict(one) for one in kept.served.recommend(user, 3)]
    kept.served.recommend(user, 3)[0]["reason"] = "changed"
    kept.served.recommend(user, 3).clear()
    assert kept.served.recommend(user, 3) == expected


@pytest.mark.parametrize("choice", [{"liked": ["i01"]}, {"exclude": ["i02"]}, {"diversity": 0.5},
                                    {"popularity": 0.5}, {"include_disliked": True},
                                    {"filter": "price < 30"}, {"reasons": True}],
                         ids=str)  # fmt: skip
def test_only_plain_lists_are_kept(kept, asked, choice):
    user = kept.served.now.users.id(0)
    for _ in range(2):
        kept.served.recommend(user, 3, **choice)
    assert asked == [user, user]
    assert not len(kept.served.lists)


@pytest.mark.parametrize("seed", range(3))
def test_after_any_events_the_lists_are_those_without_memory(kept, anew, seed):
    rng, number = np.random.default_rng(seed), count()
    now = kept.served.now
    users, items = now.users.ids, now.items.ids

    def one():
        user, item = rng.choice(users), rng.choice(items)
        return [
            lambda: liked(user, item),
            lambda: liked(user, item, likes=False),
            lambda: liked(f"new{next(number)}", item),
            lambda: Event("item", item=f"more{next(number)}", body={"title": "another one"}),
            lambda: Event("item", item=item, body={"title": f"title {next(number)}"}),
            lambda: Event("user", user, body={"attributes": {}}),
            lambda: Event("item_removed", item=item),
        ][int(rng.choice(7, p=[0.4, 0.15, 0.1, 0.1, 0.1, 0.05, 0.1]))]()

    for _ in range(12):
        event = one()
        for live in (kept, anew):
            live._apply([event])
        for user in rng.choice(anew.served.now.users.ids, 8):
            assert kept.served.recommend(user, 5) == anew.served.recommend(user, 5), event
            assert kept.served.recommend(user, 5) == anew.served.recommend(user, 5), event
    assert not len(anew.served.lists)
    assert len(kept.served.lists) > 3


def test_the_lists_asked_for_last_stay(trained_run, encoder_of_words):
    served = load_served(trained_run, kept_lists=2)
    first, second, third = served.now.users.ids[:3]
    for user in (first, second, first, third):
        served.recommend(user, 3)
    assert [user for user, _ in served.lists._lists] == [first, third]
    assert not len(served.forked().lists)  # a run that takes over has none yet
    assert served.forked().lists.size == 2


def test_an_erased_user_is_in_no_kept_list(kept):
    user, other = kept.served.now.users.ids[:2]
    for one in (user, other):
        kept.served.recommend(one, 3)
    assert len(kept.served.lists) == 2
    kept._apply([Event("user_erased", body={"pseudonym": PSEUDONYMS.of(user)})])
    assert not len(kept.served.lists)
    with pytest.raises(UnknownIdError):
        kept.served.recommend(user, 3)
