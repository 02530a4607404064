"""Whom an item suits: shares that are right, and that are of nobody in particular."""

import pandas as pd
import pytest

import kgrec
from kgrec.data.attribute_table import AttributeTable
from kgrec.serving.audience import SMALLEST, audience


def fitted(rows, users=None):
    frame = pd.DataFrame(rows, columns=["user_id", "item_id"])
    model = kgrec.EASE(kgrec.EASEConfig(l2=1.0))
    log = kgrec.Interactions.read(frame)
    return kgrec.Recommender(model=model, text=None, users=users).fit(log).snapshot


def table(jobs, ages):
    frame = pd.DataFrame({"user_id": list(jobs), "job": list(jobs.values()), "age": ages})
    return AttributeTable.read(frame, categories=["job"], numbers=["age"], id="user_id")


@pytest.fixture(scope="module")
def now():
    """Ten users like `a`, six of them `b`, four `c`; ten others like `d`, five of them `b`."""
    first, others = [f"u{n}" for n in range(10)], [f"v{n}" for n in range(10)]
    rows = [(user, "a") for user in first] + [(user, "d") for user in others]
    rows += [(user, "b") for user in [*first[:6], *others[:5]]]
    rows += [(user, "c") for user in first[:4]] + [("u0", "rare"), ("u1", "rare")]
    jobs = dict.fromkeys(first[:5], "cook") | dict.fromkeys(first[5:], "pilot")
    jobs |= dict.fromkeys(others, "pilot")
    return fitted(rows, table(jobs, [20] * 10 + [40] * 10))


def row(now, item):
    return now.items.row(item)


def test_shares_are_those_of_the_users_who_like_it(now):
    found = audience(now, row(now, "a"))
    assert (found["basis"], found["users"], found["smallest"]) == ("likers", 10, SMALLEST)
    # Six of ten is told: but the four others are too few, so that b is not; nor is c.
    assert found["items"] == []
    found = audience(now, row(now, "b"))
    assert found["users"] == 11
    assert [one["item"] for one in found["items"]] == ["a"]
    assert found["items"][0]["share"] == pytest.approx(6 / 11)
    assert found["items"][0]["share_of_all"] == pytest.approx(0.5)


def test_columns_of_users_are_compared_with_all(now):
    found = audience(now, row(now, "a"))
    shares = {one["value"]: (one["share"], one["share_of_all"]) for one in found["groups"]}
    assert shares == {"cook": (0.5, 0.25), "pilot": (0.5, 0.75)}
    assert found["numbers"] == [{"column": "age", "mean": 20.0, "mean_of_all": 30.0}]
    hidden = audience(now, row(now, "a"), hidden=["job", "age"])
    assert (hidden["groups"], hidden["numbers"]) == ([], [])


def test_small_groups_are_not_told_of(now):
    """Nor is what they could be told from: the count of all without them."""
    found = audience(now, row(now, "rare"))
    assert found == {
        "basis": "nobody", "users": 0, "smallest": SMALLEST,
        "items": [], "groups": [], "numbers": [],
    }  # fmt: skip
    found = audience(now, row(now, "b"))
    values = {one["value"] for one in found["groups"]}
    assert values == {"cook", "pilot"}  # five of eleven and six
    four = audience(now, row(now, "c"))
    assert four["basis"] == "nobody"


def test_users_of_similar_items_stand_for_those_of_a_rare_one(now):
    found = audience(now, row(now, "rare"), similar=[row(now, "a"), row(now, "d")])
    assert (found["basis"], found["users"]) == ("similar", 20)
    assert [one["item"] for one in found["items"]] == []  # b has 11 of 20 there as everywhere


def test_the_route_answers_for_each_item_and_refuses_others(client, served):
    for item in served.now.items.array:
        answer = client.get(f"/v1/items/{item}/audience")
        assert answer.status_code == 200
        told = answer.json()
        for group in [*told["items"], *told["groups"]]:
            count = group["share"] * told["users"]
            assert count == pytest.approx(round(count))
            assert count >= SMALLEST
    assert client.get("/v1/items/nothing/audience").status_code == 404
