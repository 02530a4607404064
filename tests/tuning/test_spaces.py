"""What is varied of each model: settings that exist, in ranges that hold the defaults."""

from dataclasses import replace

import pytest
from all_facts import all_facts

from kgrec.config import MODELS, Config, make_config
from kgrec.errors import ConfigError
from kgrec.settings import changed, make_settings
from kgrec.tuning.settings import Choice, Range, TuneConfig
from kgrec.tuning.spaces import space_of

CHOOSES_ITSELF = {"most_popular", "auto"}
"""Models with nothing to vary."""


@pytest.fixture(scope="module")
def facts():
    return all_facts()


def value_at(settings, key):
    place = settings.model_dump(mode="json")
    for part in key.split("."):
        place = place[int(part) if isinstance(place, list) else part]
    return place


@pytest.mark.parametrize("name", MODELS)
def test_the_space_of_a_model_holds_its_defaults_and_all_its_values_are_valid(facts, name):
    section = {"name": name} | ({"members": ["ease", "kgat"]} if name == "ensemble" else {})
    tree = {"data": {}, "model": section}
    settings = make_config(tree).model
    space = space_of(settings, facts)
    assert bool(space) != (name in CHOOSES_ITSELF)
    for key, dimension in space.items():
        default = value_at(settings, key)
        assert all(value_at(settings, other) == default for other in dimension.also)
        if isinstance(dimension, Choice):
            assert default in dimension.values
            values = dimension.values
        else:
            assert dimension.low <= default <= dimension.high, key
            values = (dimension.low, dimension.high)
        for value in values:
            made = make_config(changed(tree, [(f"model.{key}", value)], Config)[0])
            assert value_at(made.model, key) == value


def test_what_the_data_does_not_have_is_not_varied(facts):
    bare = replace(
        facts, rating_ratio=1.0, word_rows=0, has_vectors=False, has_numbers=False, new_items=0
    )
    for name in ("ease", "attribute_ease", "link_prediction", "slim"):
        settings = make_config({"data": {}, "model": name}).model
        more, less = space_of(settings, facts), space_of(settings, bare)
        gone = {key.rpartition(".")[2] for key in set(more) - set(less)}
        assert gone <= {"rating_power", "words", "fusion", "content_l2", "content_words"}
        assert "rating_power" in gone
    counts = space_of(make_config({"data": {}, "model": "ease"}).model, replace(
        facts, rating_ratio=5000.0))  # fmt: skip
    assert counts["rating_power"].high < 1


def test_members_of_an_ensemble_are_varied_by_their_places(facts):
    members = [{"name": "most_popular"}, {"name": "ease"}]
    config = make_config({"data": {}, "model": {"name": "ensemble", "members": members}})
    assert set(space_of(config.model, facts)) == {
        "members.1.l2", "members.1.dropout", "members.1.rating_power",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 1000, "log"], Range(low=1, high=1000, log=True)),
        ([0.0, 0.5], Range(low=0.0, high=0.5)),
        (["1e-5", "1e-2", "log"], Range(low=1e-5, high=1e-2, log=True)),
        ([16, 32, 64], Choice(values=(16, 32, 64))),
        (["add", "gate"], Choice(values=("add", "gate"))),
        ([True, False], Choice(values=(True, False))),
        ({"values": [64, 128]}, Choice(values=(64, 128))),
        ({"low": 1, "high": 2, "also": ["b"]}, Range(low=1, high=2, also=("b",))),
    ],
)
def test_how_a_dimension_is_written(given, expected):
    found = TuneConfig(space={"model.x": given}).space["model.x"]
    assert found == expected
    if isinstance(expected, Range):
        assert type(found.low) is type(expected.low)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([5, 1], "the range from 5 to 1 is empty"),
        ([0, 1, "log"], "a range with log begins above 0, found 0"),
        ([1], "2 or more entries"),
        ("ease", "expected"),
        ({"low": 1, "hihg": 2}, "hihg"),
    ],
)
def test_a_dimension_that_is_none(given, message):
    with pytest.raises(ConfigError, match=message):
        make_settings(TuneConfig, {"space": {"model.x": given}}, "tune", yaml=True)
