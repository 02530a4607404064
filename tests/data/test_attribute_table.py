"""Item and user tables: each value at its own row, whatever the order of the file."""

import numpy as np
import pandas as pd
import pytest

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, KgrecWarning, UnknownIdError

# Ids out of order, and "10" before "2" as text: rows must follow the vocabulary.
CSV = """item_id,title,genres,year
10,Ran,War| Drama |War,1985
2,Heat,Crime,
a,,,"about 1990"
1,"Yojimbo, 4K",Drama|,1961
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text(CSV)
    return AttributeTable.read(path, categories=["genres"], numbers=["year"])


def test_planted_table(table):
    assert table.ids.ids == ["1", "10", "2", "a"]
    assert table.titles == ("Yojimbo, 4K", "Ran", "Heat", "")
    genres = table.categories["genres"]
    assert genres.values.ids == ["Crime", "Drama", "War"]
    words = [table.words()[row]["genres"] for row in range(4)]
    assert words == [["Drama"], ["War", "Drama"], ["Crime"], []]
    np.testing.assert_array_equal(table.numbers["year"], [1961, 1985, np.nan, np.nan])
    assert table.not_numbers == {"year": 1}  # what is missing is not wrong


def test_over_a_wider_catalogue(table):
    catalogue = Vocabulary(["0", "1", "10", "2", "22", "a"], "item")
    wide = table.reindex(catalogue)
    assert wide.titles == ("", "Yojimbo, 4K", "Ran", "Heat", "", "")
    assert [wide.words()[row]["genres"] for row in range(6)] == [
        [], ["Drama"], ["War", "Drama"], ["Crime"], [], [],
    ]  # fmt: skip
    expected = [np.nan, 1961, 1985, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(wide.numbers["year"], expected)
    with pytest.raises(UnknownIdError, match=r"'a'"):
        table.reindex(Vocabulary(["1", "10", "2"]))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1.0, None], [["1"], []]),
        ([1.5, 2.0], [["1.5"], ["2.0"]]),
        (pd.array([3, None], dtype="Int64"), [["3"], []]),
        (pd.Categorical(["x", None]), [["x"], []]),
        ([["u", "v"], []], [["u", "v"], []]),
        ([np.array(["w"]), None], [["w"], []]),
        ([None, None], [[], []]),
        ([True, False], [["True"], ["False"]]),
        (["x;y", "y"], [["x", "y"], ["y"]]),
    ],
)
def test_any_column_becomes_words(column, words):
    frame = pd.DataFrame({"item_id": ["a", "b"], "c": column})
    table = AttributeTable.read(frame, categories=["c"], list_separator=";")
    assert [table.words()[row]["c"] for row in range(2)] == words


def test_numbers_are_finite_or_missing():
    frame = pd.DataFrame({"item_id": ["a", "b", "c"], "price": ["inf", "-1e3", "nan"]})
    table = AttributeTable.read(frame, numbers=["price"])
    np.testing.assert_array_equal(table.numbers["price"], [np.nan, -1000, np.nan])
    assert table.not_numbers == {"price": 1}


def test_titles():
    frame = pd.DataFrame({"item_id": ["a", "b"], "name": ["A", None], "title": [1, 2]})
    assert AttributeTable.read(frame).titles == ("1", "2")
    assert AttributeTable.read(frame, title="name").titles == ("A", "")
    assert AttributeTable.read(frame.drop(columns="title")).titles == ()


def test_of_several_rows_of_an_id_the_first_counts_with_the_categories_of_all():
    frame = pd.DataFrame(
        {
            "item_id": ["b", "a", "b", "b"],
            "title": ["Bee", "Ay", "Bumblebee", ""],
            "kind": ["x|y", "y", "z|x", ""],
            "price": [1.0, 2.0, 9.0, 4.0],
        }
    )
    with pytest.warns(KgrecWarning, match=r"2 rows repeat an id .*'b' in data row 3.*first row"):
        table = AttributeTable.read(frame, categories=["kind"], numbers=["price"])
    assert table.ids.ids == ["a", "b"]
    assert table.titles == ("Ay", "Bee")
    assert table.numbers["price"].tolist() == [2.0, 1.0]
    assert table.words() == [{"kind": ["y"]}, {"kind": ["x", "y", "z"]}]


def test_bad_tables():
    frame = pd.DataFrame({"item_id": ["b", "a", "b"]})
    with pytest.raises(DataError, match=r"no rows"):
        AttributeTable.read(frame[:0])
    frame = pd.DataFrame({"user_id": ["b", None], "age": [1, 2]})
    with pytest.raises(DataError, match=r"no column 'item_id'"):
        AttributeTable.read(frame)
    with pytest.raises(DataError, match=r"the user table: 1 of 2 rows have no user_id"):
        AttributeTable.read(frame, id="user_id", name="user")
    for option in ({"title": "aeg"}, {"categories": ["aeg"]}, {"numbers": ["aeg"]}):
        with pytest.raises(DataError, match=r"'aeg'.*Did you mean 'age'"):
            AttributeTable.read(frame[:1], id="user_id", **option)
