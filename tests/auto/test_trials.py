"""Which models are tried: facts decide, and the best setting of each step stays."""

from dataclasses import replace

import pytest

from kgrec.auto.facts import Facts
from kgrec.auto.trials import MAX_SQUARE, Family, families, safe_choice
from kgrec.models.ease import EASEConfig
from kgrec.testing import planted

FACTS = replace(Facts.of(planted().data), valid_users=50)


def names(facts, effort="normal"):
    return [family.name for family in families(facts, effort)]


def test_each_step_starts_from_the_best_of_the_one_before():
    tried = []

    def measure(settings):
        tried.append((settings.l2, settings.dropout))
        return -abs(settings.l2 - 30) - abs(settings.dropout - 0.4)

    Family("items", EASEConfig(l2=300.0), [("l2", (30.0, 100.0)), ("dropout", (0.4,))]).search(
        measure
    )
    assert tried == [(300.0, 0.0), (30.0, 0.0), (100.0, 0.0), (30.0, 0.4)]


def test_facts_are_counted():
    data = planted().data
    assert FACTS.interactions == len(data.train)
    assert FACTS.num_users == len(set(data.train.user))
    assert FACTS.catalogue == data.train.num_items
    assert FACTS.new_items == pytest.approx(len(planted().new_items) / data.train.num_items)
    assert "interactions:" in FACTS.lines()[0]


def test_models_are_tried_only_where_the_data_has_what_they_read():
    bare = replace(FACTS, has_times=False, attributes=0.0, has_words=False, new_items=0.0)
    bare = replace(bare, has_vectors=False, has_numbers=False)
    assert names(bare) == ["popularity", "similar items", "users", "items", "the graph"]
    assert "recent popularity" in names(replace(bare, has_times=True))
    assert "items and their attributes" in names(replace(bare, attributes=3.0))
    new = replace(bare, new_items=0.2, attributes=3.0)
    assert "content of new items" in names(new)
    assert "the graph" not in names(new, "quick")


def test_no_square_matrix_is_inverted_where_it_would_be_too_large():
    large = replace(FACTS, num_items=MAX_SQUARE + 1, num_users=MAX_SQUARE + 1)
    assert not {"users", "items", "items and their attributes"} & set(names(large))
    assert [family.name for family in safe_choice(large)] == ["similar items"]


def test_ratings_weigh_only_where_they_differ():
    def powers(ratio):
        facts = replace(FACTS, rating_ratio=ratio)
        return {
            value
            for family in families(facts, "normal")
            for key, values in family.steps
            if key == "rating_power"
            for value in values
        }

    assert powers(1.0) == set()
    assert powers(5.0) == {1.0, 2.0}
    assert powers(900.0) == {0.3}
