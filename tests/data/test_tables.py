"""Reading tables: ids stay text, and what is wrong is named."""

import gzip

import numpy as np
import pandas as pd
import pytest

from kgrec.data.ids import as_ids
from kgrec.data.tables import as_numbers, numbers_or_missing, read_table, require_column
from kgrec.errors import DataError

ROWS = "user_id,note\n007,NA\n8,\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ROWS.encode()),
        ("a.CSV", ROWS.encode()),
        ("with.dots.csv", ROWS.encode("utf-8-sig")),
        ("a.csv.gz", gzip.compress(ROWS.encode(), mtime=0)),
        ("a.tsv", ROWS.replace(",", "\t").encode()),
        ("a.csv", ROWS.replace("\n", "\r\n").encode()),
    ],
)
def test_text_stays_as_it_is(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    frame = read_table(path)
    assert frame["user_id"].tolist() == ["007", "8"]
    assert frame["note"].iloc[0] == "NA"  # a title may be "NA" or "null"
    assert pd.isna(frame["note"].iloc[1])


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"x": [1, 2]}).to_parquet(path)
    assert read_table(path, columns=["x"])["x"].tolist() == [1, 2]


DAMAGED_GZIP = bytearray(
    gzip.compress("".join(f"{i},{i}\n" for i in range(9999)).encode(), mtime=0)
)
DAMAGED_GZIP[500:600] = b"\xff" * 100


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"u,v\n1,2\n1,2,3\n", "line 3: 2 columns are expected and 3 found: '1,2,3'"),
        ("a.csv", b"u,v\n1,2,3\n4,5,6\n", "line 2: 2 columns are expected and 3 found.*2 rows"),
        ("a.csv", b'u,v\n"1,2\n', "line 2.*quotation mark"),
        (
            "a.csv",
            "u\nä\n".encode("latin-1"),
            "is not in the encoding utf-8: line 2, column 1 .*0xE4",
        ),
        ("a.csv.gz", b"u\n1\n", "gzip"),
        ("a.csv.gz", gzip.compress(b"u,v\n1,2\n", mtime=0)[:15], "end-of-stream"),
        ("a.csv.gz", bytes(DAMAGED_GZIP), "cannot be read as the ratings table"),
        ("a.parquet", b"PAR1 no", "cannot be read as the ratings table"),
        ("a.xlsx", b"", r"found \.xlsx"),
        ("a", b"", "found no ending"),
    ],
)
def test_damaged_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_table(path, what="ratings")
    assert name in str(error.value)


def test_missing_files(tmp_path):
    (tmp_path / "ratings.csv").write_text("u\n1\n")
    with pytest.raises(DataError, match=r"does not exist. Did you mean 'ratings\.csv'"):
        read_table(tmp_path / "raitngs.csv")
    with pytest.raises(DataError, match=r"does not exist"):
        read_table(tmp_path / "no" / "such" / "folder.csv")
    with pytest.raises(DataError, match=r"is a folder"):
        read_table(tmp_path)


def test_columns():
    frame = pd.DataFrame([["a", "b", 1]], columns=["user_id", "user_id", "item_id"])
    with pytest.raises(DataError, match=r"no column 'item'.*Did you mean 'item_id'"):
        read_table(frame, columns=["item"])
    with pytest.raises(DataError, match=r"'user_id' more than once"):
        require_column(frame, "user_id", "the table")


def test_as_ids():
    frame = pd.DataFrame(
        {"a": [1.0, 2.0**53 - 1], "b": [1.5, 2.0], "c": ["x", None], "d": ["", "x"], "e": [7, 8]}
    )
    assert as_ids(frame, "a", "t").tolist() == ["1", "9007199254740991"]
    assert as_ids(frame, "b", "t").tolist() == ["1.5", "2.0"]
    assert as_ids(frame, "e", "t").tolist() == ["7", "8"]
    with pytest.raises(DataError, match=r"t: 1 of 2 rows have no c; the first is data row 2"):
        as_ids(frame, "c", "t")
    with pytest.raises(DataError, match=r"t: 1 of 2 rows have no d; the first is data row 1"):
        as_ids(frame, "d", "t")


@pytest.mark.parametrize("wrong", ["four", "inf", "-inf", "1,5", "\x1b[2J"])
def test_as_numbers_names_the_row(wrong):
    frame = pd.DataFrame({"rating": ["4", " 2.5", None, wrong]})
    with pytest.raises(DataError, match=r"t: column 'rating' .* data row 4 holds") as error:
        as_numbers(frame, "rating", "t")
    assert "\x1b" not in str(error.value)
    np.testing.assert_array_equal(as_numbers(frame[:3], "rating", "t"), [4, 2.5, np.nan])
    np.testing.assert_array_equal(numbers_or_missing(frame["rating"]), [4, 2.5, np.nan, np.nan])
