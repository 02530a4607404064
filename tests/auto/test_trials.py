"""Which models are tried: facts decide, and the best setting of each step stays."""

from dataclasses import replace

import pytest

from kgrec.auto.data_facts import Facts
from kgrec.auto.effort import MAX_SQUARE, Work
from kgrec.auto.trials import Family, families, safe_choice
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


def test_a_family_that_starts_far_behind_is_not_searched():
    tried = []
    family = Family("items", EASEConfig(l2=300.0), [("l2", (30.0, 100.0))])
    family.search(lambda settings: tried.append(settings.l2) or 0.1, least=0.2)
    assert tried == [300.0]


def test_facts_are_counted():
    data = planted().data
    assert FACTS.interactions == len(data.train)
    assert FACTS.num_users == len(set(data.train.user))
    assert FACTS.catalogue == data.train.num_items
    assert FACTS.new_items == pytest.approx(len(planted().new_items) / data.train.num_items)
    assert "interactions:" in FACTS.lines()[0]


def test_models_are_tried_only_where_the_data_has_what_they_read():
    bare = replace(FACTS, has_times=False, attributes=0.0, word_rows=0, new_items=0.0)
    bare = replace(bare, has_vectors=False, has_numbers=False)
    assert names(bare) == ["popularity", "similar items", "users", "items", "the graph"]
    assert "recent popularity" in names(replace(bare, has_times=True))
    assert "items and their attributes" in names(replace(bare, attributes=3.0))
    new = replace(bare, new_items=0.2, attributes=3.0)
    assert "content of new items" in names(new)
    assert "the graph" not in names(new, "quick")


def test_no_square_matrix_is_inverted_where_it_would_be_too_large():
    size = MAX_SQUARE + 1
    large = replace(FACTS, num_items=size, catalogue=size, num_users=size, user_rows=size)
    found = names(large)
    assert not {"users", "items", "items and their attributes", "items and their words"} & set(
        found
    )
    assert "factors" in found
    assert [family.name for family in safe_choice(large)] == ["similar items"]


def test_the_work_decides_how_much_is_tried():
    assert Work(FACTS, "normal").trials(100, 1_000) > 10
    # The smaller of rows and columns is inverted.
    assert Work(FACTS, "normal").trials(9_000, 2_000) > Work(FACTS, "normal").trials(9_000, 9_000)
    assert Work(FACTS, "normal").trials(2_000, 9_000) > Work(FACTS, "normal").trials(9_000, 9_000)
    assert Work(FACTS, "normal").trials(9_000, 9_000) == 1
    assert Work(FACTS, "quick").trials(14_000, 14_000) == 0
    assert Work(FACTS, "thorough").trials(14_000, 14_000) == 1
    assert Work(FACTS, "normal").trials(10, MAX_SQUARE + 1) == 0
    large = replace(FACTS, interactions=10**6, catalogue=10**5)
    assert Work(large, "normal").epochs(64) < Work(FACTS, "normal").epochs(64)
    costly = replace(FACTS, user_rows=9_000, num_items=9_000, catalogue=9_000, attributes=0.0)
    (items,) = [one for one in families(costly, "normal") if one.name == "items"]
    assert sum(len(values) for _, values in items.steps) == 0


def test_settings_of_content_that_is_not_there_are_not_tried():
    def keys(**changed):
        facts = replace(FACTS, new_items=0.9, **changed)
        (family,) = [one for one in families(facts, "normal") if one.name == "content of new items"]
        return {key for key, values in family.steps if values}

    assert not {"words", "text"} & keys(word_rows=0, has_vectors=False)
    assert {"words", "text"} <= keys(word_rows=5, has_vectors=True)


def graph_settings(**changed):
    facts = replace(FACTS, has_vectors=True, word_rows=5, **changed)
    (family,) = [one for one in families(facts, "normal") if one.name == "the graph"]
    return family.start


def test_a_softmax_over_all_items_is_sampled_where_it_would_take_too_long():
    small = graph_settings(num_users=1_000, num_items=10_000)
    assert small.training.loss.name == "softmax"
    large = graph_settings(num_users=100_000, num_items=100_000)
    assert large.training.loss.name == "sampled_softmax"


def test_content_places_the_items_where_most_are_new():
    assert graph_settings(new_items=0.2).predictor.fusion == "gate"
    new = graph_settings(new_items=0.9)
    assert new.predictor.fusion == "add"
    assert new.content_words > 0


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
    assert powers(5.0) == {0.8, 1.8}
    assert powers(900.0) == {0.3}
