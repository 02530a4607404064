"""JSON Lines: values stay what they are, and a wrong line is named."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.ids import as_ids
from kgrec.data.interactions import Interactions
from kgrec.data.tables import read_table
from kgrec.errors import DataError

LINES = (
    '{"item_id": "007", "pages": 12345678901234567, "tags": ["a", "b"]}\n'
    "\n"
    '{"item_id": "8", "pages": null, "since": "2020-01-01"}\n'
    '{"item_id": "9", "pages": 3, "tags": []}\n'
)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.JSONL", "a.jsonl.gz", "bom.jsonl"])
def test_values_stay_what_they_are(tmp_path, name):
    content = LINES.encode("utf-8-sig" if name.startswith("bom") else "utf-8")
    frame = read_table(
        write(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    )
    assert frame.columns.tolist() == ["item_id", "pages", "tags", "since"]
    assert as_ids(frame, "item_id", "").tolist() == ["007", "8", "9"]
    pages = frame["pages"].tolist()
    assert (pages[0], pages[2]) == (12345678901234567, 3)  # no digit is lost to a float
    assert pd.isna(pages[1])
    assert list(frame["tags"][0]) == ["a", "b"]
    assert pd.isna(frame["tags"][1])
    assert frame["since"][1] == "2020-01-01"  # text, and no date


def test_lists_are_several_values_of_a_category(tmp_path):
    path = write(tmp_path / "items.jsonl", LINES)
    table = AttributeTable.read(path, categories=["tags"], numbers=["pages"])
    assert [words["tags"] for words in table.words()] == [["a", "b"], [], []]
    assert table.numbers["pages"][2] == 3


def test_interactions(tmp_path):
    lines = (
        '{"user_id": 1, "item_id": "a", "rating": 5}',
        '{"user_id": "b", "item_id": 7, "rating": 1.5}',
    )
    path = write(tmp_path / "log.jsonl", "\n".join(lines))
    log = Interactions.read(path)
    assert (log.users.ids, log.items.ids) == (["1", "b"], ["7", "a"])
    assert log.rating.tolist() == [5, 1.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b'{"a": 1}\n{"a": \n', "line 2, column 6: this is not JSON"),
        (b'{"a": 1}\n[1]\n', r"line 2: expected a JSON object such as .*found '\[1\]'"),
        (b'{"a": NaN}\n', "line 1: this is not JSON: NaN is not allowed"),
        (b'{"a": "\xe4"}\n', "utf-8"),
        (b'{"a": "\\ud800"}\n', "is not valid Unicode text"),
        (b'{"a": ' + b"[" * 100_000 + b"\n", "line 1"),
        (b"\x1b[2J\n", "line 1, column 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_table(write(tmp_path / "a.jsonl", content))
    assert "\x1b" not in str(caught.value)


def test_cut_off_gzip(tmp_path):
    content = gzip.compress(LINES.encode() * 50)
    with pytest.raises(DataError, match="end-of-stream"):
        read_table(write(tmp_path / "a.jsonl.gz", content[: len(content) // 2]))


values = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
values |= st.lists(st.text(max_size=2), max_size=2)
rows = st.dictionaries(st.sampled_from(["a", "b", "é", ""]), values, max_size=4)


@given(st.lists(rows, min_size=1, max_size=5))
def test_against_the_standard_library(tmp_path_factory, given_rows):
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given_rows), encoding="utf-8")
    frame = read_table(path)
    known = list(dict.fromkeys(key for row in given_rows for key in row))
    assert frame.columns.tolist() == known
    for key in known:
        for found, row in zip(frame[key], given_rows, strict=True):
            value = row.get(key)
            if isinstance(value, list):
                assert list(found) == value
            elif value is None:
                assert pd.isna(found)
            else:
                assert found == value
                assert isinstance(value, bool) == isinstance(found, (bool, np.bool_))
