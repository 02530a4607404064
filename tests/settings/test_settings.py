"""Settings from plain values, and the words for what is wrong with them."""

from __future__ import annotations

from copy import deepcopy
from typing import Annotated, Any, Literal

import pytest
from pydantic import BeforeValidator, Field, field_validator, model_validator

from kgrec.errors import ConfigError
from kgrec.settings import (
    Settings,
    by_name,
    changed,
    make_settings,
    parse_changes,
    parse_settings,
    parse_yaml,
    read_yaml,
)


class Apple(Settings):
    kind: Literal["apple"] = "apple"
    sugar: float = Field(default=0.5, ge=0, lt=1, allow_inf_nan=False)
    sorts: tuple[str, ...] = Field(default=(), max_length=2)


class Berry(Settings):
    kind: Literal["blackberry", "raspberry"]
    thorns: bool = True
    number: int = Field(default=1, gt=0)


class Bowl(Settings):
    kind: Literal["bowl"] = "bowl"
    fruits: tuple[Annotated[Apple | Berry, Field(discriminator="kind")], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ripe(self) -> Bowl:
        if len(self.fruits) == 3:
            raise ValueError("three fruits do not fit together")
        return self


Fruit = Annotated[Apple | Berry, Field(discriminator="kind")]
Food = Annotated[Fruit | Bowl, Field(discriminator="kind")]


def apple_by_default(value: Any) -> Any:
    return {"kind": "apple", **value} if isinstance(value, dict) else value


class Kitchen(Settings):
    food: Annotated[Food, BeforeValidator(apple_by_default)] = Apple()
    spare: Annotated[Food | None, Field(description="Another one.")] = None
    plates: dict[str, Apple] = Field(default={})
    pair: tuple[int, float] = (1, 2.0)
    cook: str | tuple[int, ...] | None = None
    either: Fruit | int | bool = 3
    inner: Apple | bool = True
    when: Literal["noon", "night"] = "noon"

    @field_validator("when", mode="before")
    @classmethod
    def _not_morning(cls, value: Any) -> Any:
        if value == "morning":
            raise ValueError("nobody cooks in the morning")
        return value


MISTAKES = [  # in words of Python, and where they differ in words of YAML
    ({"fod": 1}, "unknown setting 'fod'. Did you mean 'food'?", "unknown key 'fod'."),
    ({"food": {"sugr": 1}}, "setting 'food.sugr'. Did you mean 'sugar'?"),
    ({"food": {"kind": "raspberry", "sugar": 1}}, "'food.sugar' where kind is 'raspberry'. Known: "
     "kind, number, thorns."),
    ({"food": {"kind": "aple"}}, "food.kind: there is no 'aple'. Did you mean 'apple'?"),
    ({"spare": {"kind": "pear"}}, "there is no 'pear'. Known: apple, blackberry, raspberry, bowl."),
    ({"spare": {}}, "the setting 'spare.kind' is missing.", "the key 'spare.kind' is missing."),
    ({"spare": "apple"}, "spare: expected a mapping, found 'apple'."),
    ({"food": {"sugar": 1}}, "food.sugar: expected a number less than 1, found 1."),
    ({"food": {"sugar": -1}}, "food.sugar: expected a number of at least 0, found -1."),
    ({"food": {"sugar": "much"}}, "food.sugar: expected a number, found 'much'."),
    ({"food": {"sugar": float("nan")}}, "expected a finite number, found nan.", "found NaN."),
    ({"food": {"kind": "bowl", "fruits": [{"kind": "raspberry", "number": 0}]}},
     "food.fruits.0.number: expected a number greater than 0, found 0."),
    ({"food": {"kind": "bowl", "fruits": [{"kind": "apple", "x": 1}]}},
     "unknown setting 'food.fruits.0.x'. Known: kind, sorts, sugar.",
     "unknown key 'food.fruits.0.x'."),
    ({"food": {"kind": "bowl", "fruits": []}}, "food.fruits: expected 1 or more entries, found []"),
    ({"food": {"kind": "bowl"}}, "the setting 'food.fruits' is missing.", "'food.fruits' is"),
    ({"food": {"kind": "bowl", "fruits": [{"kind": "apple"}] * 3}},
     "the test: food: three fruits do not fit together."),
    ({"food": {"sorts": "red"}}, "food.sorts: expected a list or tuple, found 'red'.", "a list, "),
    ({"food": {"sorts": [3]}}, "food.sorts.0: expected a string, found 3.", "expected a text, "),
    ({"food": {"sorts": ("a", "b", "c")}}, "2 or fewer entries, found ('a',", 'found ["a", "b",'),
    ({"food": {"kind": "raspberry", "thorns": "some"}}, "expected True or False", "true or false"),
    ({"plates": {"blue": {"sugr": 1}}}, "unknown setting 'plates.blue.sugr'. Did", "'plates.blue."),
    ({"plates": {3: {}}}, "plates.3: expected a string, found 3.", "plates.3: expected a text"),
    ({"plates": [1]}, "plates: expected a mapping, found [1]."),
    ({"plates": {"a\x1b[2J": 1}}, r"plates.a\x1b[2J: expected Apple or a mapping of its settings",
     r"plates.a\x1b[2J: expected a mapping, found 1."),
    ({"pair": [1, "x"]}, "pair.1: expected a number, found 'x'."),
    ({"pair": [1.5, 1]}, "pair.0: expected a whole number, found 1.5."),
    ({"cook": 3}, "cook: expected a string or a list or tuple, found 3.", "a text or a list, fo"),
    ({"cook": [1, "a"]}, "the test: cook.1: expected a whole number, found 'a'."),
    ({"cook": None, "pair": None}, "pair: expected a list or tuple", "a list, found null."),
    ({"either": "x"}, "either: expected a mapping or a whole number or True or", "or true or"),
    ({"either": {"kind": "apple", "suga": 1}}, "'either.suga'. Did you"),
    ({"inner": {"sort": []}}, "unknown setting 'inner.sort'. Did you mean 'sorts'?", "'inner.sor"),
    ({"when": "nigth"}, "when: expected 'noon' or 'night', found 'nigth'. Did you mean 'night'?"),
    ({"when": "never"}, "the test: when: expected 'noon' or 'night', found 'never'."),
    ({"when": "morning"}, "when: nobody cooks in the morning, found 'morning'."),
    ({"fod": 1, "dish": 2}, "mean 'food'? Unknown setting 'dish'. Known: ", "? Unknown key 'dish'"),
    (3, "the test: expected Kitchen or a mapping of its settings, found 3.", "a mapping, found 3."),
]  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: str(case[0])[:40])
def test_the_words_for_a_mistake(case):
    values, python, *yaml = case
    for words, in_yaml in ((python, False), (yaml[0] if yaml else python, True)):
        if in_yaml:
            words = words.replace("setting '", "key '")
        with pytest.raises(ConfigError) as caught:
            make_settings(Kitchen, values, "the test", yaml=in_yaml)
        assert words in str(caught.value)
        assert str(caught.value).startswith("the test: ")
        assert str(caught.value).endswith((".", "?"))


def test_right_values_and_unions_of_classes():
    made = make_settings(Kitchen, {"food": {"sugar": 0.1}, "cook": [1]}, "the test")
    assert made == Kitchen(food=Apple(sugar=0.1), cook=(1,))
    assert make_settings(Food, {"kind": "raspberry"}, "x") == Berry(kind="raspberry")
    with pytest.raises(ConfigError, match="x: kind: there is no 'pear'"):
        make_settings(Food, {"kind": "pear"}, "x")
    with pytest.raises(ConfigError, match="x: unknown setting 'thorns' where kind is 'apple'"):
        make_settings(Food, {"kind": "apple", "thorns": 1}, "x")


def test_settings_are_put_into_a_tree():
    tree = {"data": {"valid": 0.1}, "text": None}
    given = ["data.valid=0.2", "text.model=small", "seed=3", "a.b.c=[x, 1]"]
    assert changed(tree, parse_changes(given))[0] == {
        "data": {"valid": 0.2}, "text": {"model": "small"}, "seed": 3, "a": {"b": {"c": ["x", 1]}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed", "'seed' is not a setting: expected key=value"),
        ("=3", "'=3' is not a setting"),
        ("seed.x=3", "seed.x: seed is a value, not a section"),
        ("x=[", "the value of x, line 1, column 2 is not valid YAML"),
        ("x=2020-02-31", "the value of x, line 1 is not valid YAML: '2020-02-31' is no value"),
    ],
)
def test_a_text_that_is_no_setting(setting, message):
    with pytest.raises(ConfigError, match=message):
        changed({"seed": 1}, parse_changes([setting]))


class Table(Settings):
    name: Literal["table"] = "table"
    legs: int = 4
    top: Food | None = None


class Bench(Settings):
    name: Literal["bench"]
    seats: int
    legs: int = 2


class Room(Settings):
    seat: Annotated[Table | Bench, Field(discriminator="name"), by_name("table")] = Table()
    food: Food
    others: tuple[Annotated[Table | Bench, Field(discriminator="name")], ...] = ()
    walls: dict[str, int] = {}  # noqa: RUF012


@pytest.mark.parametrize(
    ("tree", "settings", "expected", "gone"),
    [
        ({"seat": {"legs": 3}}, ["seat=bench"], {"seat": "bench"}, {"seat=bench": ["seat.legs"]}),
        (
            {"seat": {"legs": 3}},
            ["seat.seats=2", "seat.name=bench"],
            {"seat": {"name": "bench", "seats": 2}},
            {"seat.name=bench": ["seat.legs"]},
        ),
        # The same name, written or not, replaces nothing; a whole section does.
        ({"seat": {"legs": 3}}, ["seat.name=table"], {"seat": {"legs": 3, "name": "table"}}, {}),
        ({"seat": {"legs": 3}}, ["seat=table"], {"seat": "table"}, {"seat=table": ["seat.legs"]}),
        ({"seat": "bench"}, ["seat.seats=2"], {"seat": {"name": "bench", "seats": 2}}, {}),
        ({}, ["seat.legs=2", "seat=bench"], {"seat": {"name": "bench", "legs": 2}}, {}),
        # In a section of a section; `kind` stands for the name there.
        (
            {"seat": {"name": "table", "top": {"kind": "apple", "sugar": 1}}},
            ["seat.top.kind=raspberry"],
            {"seat": {"name": "table", "top": {"kind": "raspberry"}}},
            {"seat.top.kind=raspberry": ["seat.top.sugar"]},
        ),
        # Of a list, a place is changed.
        (
            {"others": [{"name": "table", "legs": 3}, {"name": "bench", "seats": 1}]},
            ["others.1.name=table", "others.0.legs=5"],
            {"others": [{"name": "table", "legs": 5}, {"name": "table"}]},
            {"others.1.name=table": ["others.1.seats"]},
        ),
        # Settings of a whole section come first, also where nothing is chosen by name.
        ({}, ["walls.a=1", "walls={b: 2}"], {"walls": {"b": 2, "a": 1}}, {}),
    ],
)
def test_another_name_replaces_a_whole_section(tree, settings, expected, gone):
    before = deepcopy(tree)
    for order in (settings, settings[::-1]):
        assert changed(tree, parse_changes(order), Room) == (expected, gone)
        assert tree == before


def test_a_place_that_a_list_does_not_have():
    tree = {"others": [{"name": "table"}]}
    for key in ("others.1.legs", "others.x", "others.-1"):
        with pytest.raises(ConfigError, match=r"expected a place from 0 to 0 in the list, found"):
            changed(tree, [(key, 3)], Room)


def test_yaml_files(tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_text("a: [1, é]\n", encoding="utf-8")
    assert read_yaml(path, "mapping") == {"a": [1, "é"]}
    with pytest.raises(ConfigError, match=r"The mapping .*maping\.yaml does not exist\. Did you"):
        read_yaml(tmp_path / "maping.yaml", "mapping")
    path.write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match=r"The mapping .*mapping\.yaml cannot be read: 'utf-8'"):
        read_yaml(path, "mapping")
    with pytest.raises(ConfigError, match="cannot be read: it is a folder"):
        read_yaml(tmp_path, "mapping")
    with pytest.raises(ConfigError, match="here, line 2, column 5 is not valid YAML"):
        parse_yaml("a: 1\nb: [", "here")


@pytest.mark.parametrize("text", ["*.nt", "@shop", "&a", "%x", "`x`"])
def test_a_setting_on_the_command_line_may_be_any_text(text):
    assert parse_settings([f"data.graph={text}"]) == {"data": {"graph": text}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph: *.nt", "line 1, column 9 is not valid YAML: 'graph: *.nt'. A text that begins "),
        ("a:\n\tb: 1", "line 2, column 1 is not valid YAML: 'b: 1'. Lines are indented with bl"),
        ("a: [1", "A bracket is not closed"),
        ("a: {b: 1", "A bracket is not closed"),
        ('a: "x', "A quote is not closed"),
        ("a: b: c", "A value with a colon and a blank stands in quotes"),
        ('a: "C:\\Users"', "use single quotes"),
        ("a: !x y", "A text that begins with ! stands in quotes"),
        ("a:\n  b: 1\n c: 2", "line 3, column 2 is not valid YAML: 'c: 2'. Check the indentation"),
    ],
)
def test_yaml_that_is_not_valid_is_shown_with_its_place_and_a_remedy(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "c.yaml")
    assert message in str(caught.value)
    for jargon in ("token", "block mapping", "alphabetic", "flow", "scalar", "anchor"):
        assert jargon not in str(caught.value)


def test_a_text_in_the_place_of_a_list_is_shown_as_the_list():
    with pytest.raises(
        ConfigError, match=r"sorts: expected a list, found 'x'\. Did you mean \[x\]"
    ):
        make_settings(Apple, {"sorts": "x"}, "c.yaml", yaml=True)
