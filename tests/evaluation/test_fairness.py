"""Groups of users: who is in them, and how far apart they are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import Table, drawn_split

from kgrec.data.attribute_table import AttributeTable
from kgrec.evaluation.evaluate import evaluate
from kgrec.evaluation.fairness import MAX_VALUES, spread, with_groups


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_spread_against_loops(means):
    found = spread(means)
    n = len(means)
    assert found["gap"] == pytest.approx(max(means) - min(means))
    mean = sum(means) / n
    assert found["std"] == pytest.approx((sum((m - mean) ** 2 for m in means) / n) ** 0.5)
    squares = sum(m * m for m in means)
    if squares > 1e-300:
        assert found["jain"] == pytest.approx(sum(means) ** 2 / (n * squares))
        assert 1 / n - 1e-9 <= found["jain"] <= 1 + 1e-9


def test_equal_groups_are_fair_and_one_that_has_all_is_not():
    assert spread([0.3, 0.3, 0.3])["jain"] == pytest.approx(1)
    assert spread([0.9, 0, 0])["jain"] == pytest.approx(1 / 3)
    assert spread([0.0, 0.0]) == {"gap": 0.0, "std": 0.0, "jain": 1.0}


def measured():
    split, part = drawn_split()
    scores = np.random.default_rng(77).random(part.shape)
    result = evaluate(Table(scores), split.test, exclude=(split.train, split.valid), k=[5])
    return split, part, result


def test_groups_by_activity():
    split, part, result = measured()
    found = with_groups(result, split.train).details["groups"]
    assert list(found) == ["training interactions"]
    groups = found["training interactions"]
    assert sum(groups["num_users"].values()) == result.num_users == 22
    assert 2 <= len(groups["num_users"]) <= 5
    counts = (part == 1).sum(1)
    values = dict(zip(result.user_ids, result.per_user["recall@5"], strict=True))
    for label, size in groups["num_users"].items():
        low, _, high = label.partition("–")
        inside = [
            values[split.train.users.id(user)]
            for user in range(23)
            if int(low) <= counts[user] <= int(high or low) and split.train.users.id(user) in values
        ]
        assert len(inside) == size
        mean = groups["metrics"]["recall@5"]["by_group"][label]
        assert mean == pytest.approx(np.mean(inside))
    means = list(groups["metrics"]["recall@5"]["by_group"].values())
    assert groups["metrics"]["recall@5"]["gap"] == pytest.approx(max(means) - min(means))


def test_groups_by_the_user_table():
    split, _, result = measured()
    ids = [*split.train.users.ids[:20], "stranger"]  # three users are not in the table
    frame = pd.DataFrame(
        {
            "user_id": ids,
            "job": [
                "pilot|cook" if row == 0 else ("pilot", "cook", "")[row % 3] for row in range(21)
            ],
            "age": [np.nan if row == 1 else 20 + row for row in range(21)],
        }
    )
    table = AttributeTable.read(
        frame, id="user_id", categories=["job"], numbers=["age"], name="user"
    )
    found = with_groups(result, split.train, table).details["groups"]
    place = {id: row for row, id in enumerate(result.user_ids)}
    jobs = {
        job: [
            place[id]
            for id, words in zip(ids, frame["job"], strict=True)
            if job in words.split("|") and id in place
        ]
        for job in ("pilot", "cook")
    }
    assert found["job"]["num_users"] == {job: len(rows) for job, rows in jobs.items()}
    assert found["job"]["num_without"] == 22 - len({row for rows in jobs.values() for row in rows})
    for job, rows in jobs.items():
        for metric, values in result.per_user.items():
            mean = found["job"]["metrics"][metric]["by_group"][job]
            assert mean == pytest.approx(values[rows].mean())
    # User 5 is not measured, users 20 to 22 are not in the table, the age of user 1 is missing.
    assert found["age"]["num_without"] == 4
    assert sum(found["age"]["num_users"].values()) == 18
    assert next(iter(found["age"]["num_users"])).startswith("20")


def test_large_numbers_that_differ_in_their_last_digits_make_groups_of_their_own():
    split, _, result = measured()
    since = [1_600_000_000 + row for row in range(23)]
    frame = pd.DataFrame({"user_id": split.train.users.ids, "since": since})
    table = AttributeTable.read(frame, id="user_id", numbers=["since"], name="user")
    found = with_groups(result, split.train, table).details["groups"]["since"]
    assert len(found["num_users"]) == 5
    assert sum(found["num_users"].values()) == 22
    assert next(iter(found["num_users"])).startswith("1600000000–")


def test_a_column_that_names_users_makes_no_groups():
    split, _, result = measured()
    names = [f"n{row}" for row in range(23)]
    frame = pd.DataFrame({"user_id": split.train.users.ids, "name": names, "same": "x"})
    table = AttributeTable.read(frame, id="user_id", categories=["name", "same"], name="user")
    found = with_groups(result, split.train, table).details
    assert set(found["groups"]) == {"training interactions", "name"}  # one group is no comparison
    assert "groups_left_out" not in found
    many = pd.DataFrame(
        {
            "user_id": split.train.users.ids,
            "name": ["|".join(f"{n}{i}" for i in range(9)) for n in names],
        }
    )
    table = AttributeTable.read(many, id="user_id", categories=["name"], name="user")
    found = with_groups(result, split.train, table).details
    assert set(found["groups"]) == {"training interactions"}
    assert found["groups_left_out"] == {"name": 22 * 9}
    assert 22 * 9 > MAX_VALUES
