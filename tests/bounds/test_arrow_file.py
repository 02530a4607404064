"""Arrow files hold what memory will hold: no compression, one batch, no value missing."""

import pyarrow as pa
import pytest

from kgrec.bounds.arrow_file import map_batch

TEXT = pa.dictionary(pa.int32(), pa.large_string())
SCHEMA = pa.schema([("number", pa.int32()), ("text", TEXT)])


def batch(codes=(0, 1, 0), words=("a", "b"), numbers=(1, 2, 3)):
    text = pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32()), pa.array(words, pa.large_string())
    )
    return pa.RecordBatch.from_arrays([pa.array(numbers, pa.int32()), text], schema=SCHEMA)


def write(path, *batches, schema=SCHEMA, **options):
    settings = pa.ipc.IpcWriteOptions(**options)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema, options=settings) as out:
        for one in batches:
            out.write_batch(one)
    return path


def test_what_was_written_is_mapped(tmp_path):
    found = map_batch(write(tmp_path / "x.arrow", batch()), SCHEMA)
    assert found.to_pydict() == {"number": [1, 2, 3], "text": ["a", "b", "a"]}
    assert map_batch(write(tmp_path / "y.arrow", batch((), (), ())), SCHEMA).num_rows == 0


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_compressed_buffers_are_refused_before_they_are_unpacked(tmp_path, codec):
    zeros = batch([0] * (1 << 20), ["a"], [0] * (1 << 20))
    path = write(tmp_path / "x.arrow", zeros, compression=codec)
    assert path.stat().st_size < 100_000
    before = pa.total_allocated_bytes()
    with pytest.raises(ValueError, match="it is compressed"):
        map_batch(path, SCHEMA)
    assert pa.total_allocated_bytes() == before


def test_a_compressed_dictionary_is_refused(tmp_path):
    path = write(tmp_path / "x.arrow", batch([0], ["y" * 100_000], [1]), compression="zstd")
    with pytest.raises(ValueError, match="it is compressed"):
        map_batch(path, SCHEMA)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "0 batches of rows"),
        ([batch(), batch()], "2 batches of rows"),
        ([batch() for _ in range(100)], "more than 64 parts"),
        ([batch((0, 0, 0), (None,))], "values are missing"),
        ([batch((0, None, 0))], "values are missing"),
        ([batch(numbers=(1, None, 2))], "values are missing"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, batches, message):
    with pytest.raises(ValueError, match=message):
        map_batch(write(tmp_path / "x.arrow", *batches), SCHEMA)


def test_other_columns_are_refused(tmp_path):
    with pytest.raises(ValueError, match="other columns"):
        map_batch(write(tmp_path / "x.arrow", batch()), pa.schema([("number", pa.int32())]))


def test_every_cut_and_every_changed_byte_is_an_error_or_the_same(tmp_path):
    whole = write(tmp_path / "x.arrow", batch()).read_bytes()
    path = tmp_path / "y.arrow"
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        try:
            map_batch(path, SCHEMA)
        except (ValueError, OSError, pa.ArrowException):
            continue
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        try:
            assert map_batch(path, SCHEMA).num_columns == 2
        except (ValueError, OSError, pa.ArrowException):
            continue
