"""Lists of ids in files."""

import pandas as pd
import pytest

from kgrec.data import id_files
from kgrec.data.id_files import read_ids
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, KgrecWarning

KNOWN = Vocabulary(["007", "7", "a b", "c"], "item")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ids.txt", "\ufeff007\n\n c \n007\na b\n"),
        ("ids", "007\r\nc\r\na b"),
        ("ids.csv", "item_id,n\n007,1\nc,2\na b,3\n"),
        ("ids.csv", "n,id\n1,007\n2,c\n3,a b\n"),
        ("ids.csv", "whatever\n007\nc\na b\n"),
        ("ids.csv", "007\nc\na b\n"),  # no header
        ("ids.tsv", "item\tn\n007\t1\nc\t2\na b\t3\n"),
        ("ids.jsonl", '{"item_id": "007"}\n{"item_id": "c"}\n{"item_id": "a b"}\n'),
    ],
)
def test_every_form_of_a_list(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert KNOWN.take(read_ids(path, KNOWN)) == ["007", "c", "a b"]


def test_parquet(tmp_path):
    path = tmp_path / "ids.parquet"
    pd.DataFrame({"user_id": [7, 8]}).to_parquet(path)
    assert read_ids(path, Vocabulary(["7", "8"], "user")).tolist() == [0, 1]


def test_unknown_ids_are_counted_and_left_out(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("c\nx\ny\n", encoding="utf-8")
    with pytest.warns(KgrecWarning, match=r"2 of 3 item ids are not known.*: x, y\."):
        assert KNOWN.take(read_ids(path, KNOWN)) == ["c"]


def test_mistakes_are_named(tmp_path):
    with pytest.raises(DataError, match=r"does not exist"):
        read_ids(tmp_path / "none.txt", KNOWN)
    with pytest.raises(DataError, match=r"is a folder"):
        read_ids(tmp_path, KNOWN)
    for content, message in (
        (b"", "has 0 item ids"),
        (b"C\n", "none is known to the run: C. Did you mean 'c'"),
        (b"\xff\n", "is not in the encoding utf-8: line 1, column 1"),
    ):
        (tmp_path / "bad.txt").write_bytes(content)
        with pytest.raises(DataError, match=message.replace(".", r"\.")):
            read_ids(tmp_path / "bad.txt", KNOWN)
    (tmp_path / "wide.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"has no column 'item_id': it has a, b"):
        read_ids(tmp_path / "wide.csv", KNOWN)


def test_a_list_that_no_catalogue_needs_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(id_files, "_MOST_BYTES", 100)
    (tmp_path / "ids.txt").write_bytes(b"c\n" * 50)
    assert KNOWN.take(read_ids(tmp_path / "ids.txt", KNOWN)) == ["c"]
    (tmp_path / "ids.txt").write_bytes(b"c\n" * 51)
    with pytest.raises(DataError, match="it has more than 100 bytes"):
        read_ids(tmp_path / "ids.txt", KNOWN)
