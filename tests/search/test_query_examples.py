"""Files of example queries: what their lines may say, and what is wrong with others."""

import json

import pytest

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, KgrecWarning
from kgrec.search.examples import read_examples

ITEMS = Vocabulary(["i1", "i2", "i3", "7"], "item")


def written(folder, *lines):
    path = folder / "queries.jsonl"
    path.write_text(
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    )
    return path


def test_conversations(tmp_path):
    path = written(
        tmp_path,
        {"dialog": "4", "turn": 2, "said": ["hi", "a film"], "mentioned": ["i1", "i9"],
         "gold": ["i1", "i2"], "new_gold": ["i2", "i2"]},
        {"dialog": "4", "turn": 4, "said": ["hi"], "mentioned": [], "gold": ["7"], "new_gold": []},
    )  # fmt: skip
    first, second = read_examples(path, ITEMS)
    assert (first.id, first.group, first.said, first.talks) == ("4/2", "4", ("hi", "a film"), True)
    assert first.mentioned == (ITEMS.row("i1"),)
    assert first.answers == (ITEMS.row("i2"),)
    assert (second.id, second.answers, second.mentioned) == ("4/4", (), ())


def test_single_queries(tmp_path):
    path = written(tmp_path, {"query": "a", "gold": ["i1", 7]}, {"query": "b", "gold": ["i3"]})
    first, second = read_examples(path, ITEMS)
    assert first.answers == tuple(ITEMS.rows(["i1", "7"]))
    assert (first.id, second.id, first.talks, first.mentioned) == ("q1", "q2", False, None)
    assert first.group != second.group


def test_what_was_mentioned_is_no_answer(tmp_path):
    path = written(tmp_path, {"said": ["a"], "mentioned": ["i1"], "gold": ["i1", "i2"]})
    assert read_examples(path, ITEMS)[0].answers == (ITEMS.row("i2"),)


def test_unknown_answers_are_counted(tmp_path):
    path = written(tmp_path, {"query": "a", "gold": ["i1", "x", "y"]})
    with pytest.warns(KgrecWarning, match="2 of 3 answers are not in the catalogue"):
        assert read_examples(path, ITEMS)[0].unknown == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"gold": ["i1"]}, "no `said` or `query`"),
        ({"query": "a"}, "no `gold`"),
        ({"query": 7, "gold": ["i1"]}, "line 1: expected the words"),
        ({"said": ["a", 7], "gold": ["i1"]}, "line 1: expected the words"),
        ({"said": [], "gold": ["i1"]}, "line 1: expected the words"),
        ({"query": "a", "gold": "i1"}, "`gold` must be a list"),
        ({"query": "a", "gold": ["i1"], "mentioned": "i2"}, "`mentioned` must be a list"),
        ({"query": "a", "gold": ["i11"]}, "no answer is an item"),
        ({"query": "a", "gold": [None]}, "gold"),
        ("{", "not JSON"),
    ],
)
def test_wrong_lines(tmp_path, line, message):
    with pytest.raises(DataError, match=message):
        read_examples(written(tmp_path, line), ITEMS)


def test_two_lines_of_one_name_are_told_apart(tmp_path):
    line = {"dialog": "4", "said": ["a"], "gold": ["i1"]}
    found = read_examples(written(tmp_path, line, line), ITEMS)
    assert [one.id for one in found] == ["4", "4#2"]
    assert {one.group for one in found} == {"4"}


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError):
        read_examples(tmp_path / "none.jsonl", ITEMS)
