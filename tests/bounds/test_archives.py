"""Tables that grow out of proportion to their files are refused; large honest ones are read."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kgrec.bounds import archives
from kgrec.data.tables import read_table
from kgrec.errors import DataError


@pytest.fixture
def little_free(monkeypatch):
    """Files may grow to 64 KiB, so that small ones show the limit."""
    monkeypatch.setattr(archives, "FREE", 1 << 16)


def test_gzip_of_one_row_again_and_again(tmp_path, little_free):
    path = tmp_path / "r.csv.gz"
    path.write_bytes(gzip.compress(b"user_id,item_id\n" + b"u1,b1\n" * 200_000))
    with pytest.raises(DataError, match=r"r\.csv\.gz has .* over 100 times as many, .* max_ratio="):
        read_table(path)
    assert len(read_table(path, format=archived(max_ratio=10_000))) == 200_000


def archived(**settings):
    from kgrec.data.table_format import make_format

    return make_format(settings)


def test_a_file_that_is_larger_than_allowed(tmp_path):
    for name, data in (("r.csv", b"a\n" * 600), ("r.csv.gz", gzip.compress(b"a\n" * 600))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match="gives more than 1,000 bytes, the limit max_bytes="):
            read_table(tmp_path / name, format=archived(max_bytes=1_000))


def long_texts(count):
    return pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(count, np.int32)), pa.array(["y" * 9000])
    )


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        ({"a": long_texts(3_000)}, {"store_schema": False}),
        ({"a": long_texts(3_000)}, {}),
        ({"a": pa.array(["y" * 9000] * 3_000)}, {"use_dictionary": False}),
        (
            {"a": pa.array(["y" * 9000 + str(n) for n in range(3_000)])},
            {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}},
        ),
        ({"a": pa.array(np.zeros(10_000_000, np.int64))}, {}),
        ({"a": pa.array(np.zeros(20_000_000, bool))}, {}),
    ],
)
def test_parquet_that_repeats(tmp_path, little_free, columns, options):
    path = tmp_path / "r.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd", **options)
    before = pa.total_allocated_bytes()
    with pytest.raises(DataError, match=r"r\.parquet has .* over 100 times as many"):
        read_table(path)
    assert pa.total_allocated_bytes() - before < 5_000_000


def test_parquet_is_read_as_before(tmp_path):
    table = pa.table(
        {
            "id": pa.array(["b", "a", None, "a"]),
            "large": pa.array(["x", "y", "y", ""], pa.large_string()),
            "category": pa.array(["p", "q", "p", "p"]).dictionary_encode(),
            "octets": pa.array([b"\0", b"", b"\xff", None]),
            "number": pa.array([1, None, 3, 4]),
            "list": pa.array([["u", "v"], [], None, ["u"]]),
            "time": pa.array([0, 1, 2, 3], pa.timestamp("ms")),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=3)
    assert archives.read_parquet(path).equals(table)
    pq.write_table(table.slice(0, 0), path)
    assert archives.read_parquet(path).equals(table.slice(0, 0))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.jsonl", "".join(f'{{"k{n}": 1}}\n' for n in range(9_000)), "9,000 different keys"),
        ("r.json", "[" + "[]," * 4_000_000 + "1]", "4,000,001 lists and objects"),
        ("r.jsonl", '{"a": [' + "{}," * 4_000_000 + "1]}", "lists and objects"),
    ],
)
def test_json_that_grows(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


def test_rows_that_do_not_fit_are_not_collected_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr("kgrec.data.separated._MOST_BAD", 100)
    path = tmp_path / "r.csv"
    path.write_text("a,b\n" + "1,2\n" * 10 + "1\n" * 1_000)
    with pytest.raises(DataError, match=r"r\.csv"):
        read_table(path, format=archived(on_error="skip"))
