"""What search reads of each item is stored with a run, and is what would be made of its data."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kgrec.errors import RunError
from kgrec.outputs.tensors import load_arrays, save_arrays
from kgrec.runs.manifest import read_manifest, write_manifest
from kgrec.runs.search_items import ARRAYS, FILES, NAMES, VALUES, read_search_items
from kgrec.runs.serving import load_for_serving

QUERIES = ("Title 3 and a pirate", "space, but not Title 4", "x")


@pytest.fixture
def copied(run_folder, tmp_path):
    return shutil.copytree(run_folder, tmp_path / "run")


def without_files(folder):
    for name in FILES:
        (folder / name).unlink()
    write_manifest(folder)
    return folder


def answers(folder):
    rec = load_for_serving(folder)
    return [
        [(one.item, one.score) for one in rec.search(query, 8, liked=liked)]
        for query in QUERIES
        for liked in ((), ("i03",))
    ]


def test_stored_and_made_facts_are_the_same(run_folder, copied):
    assert set(FILES) <= set(read_manifest(run_folder))
    stored = load_for_serving(run_folder).snapshot.item_facts
    made = load_for_serving(without_files(copied)).snapshot.item_facts
    assert made.has.nnz
    assert len(made.all_names) > len(made.titles)
    for field in ("titles", "names", "kinds"):
        assert getattr(stored, field) == getattr(made, field)
    for field in ("years", "shared", "described"):
        np.testing.assert_array_equal(getattr(stored, field), getattr(made, field))
        assert getattr(stored, field).dtype == getattr(made, field).dtype
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(stored.has, part), getattr(made.has, part))
    assert stored.has.dtype == made.has.dtype
    every = np.arange(len(made.all_names))
    assert stored.all_names.take(every) == made.all_names.take(every)


def test_a_run_from_before_gives_the_same_answers(run_folder, copied):
    assert answers(run_folder) == answers(without_files(copied))


def test_stored_facts_need_neither_graph_nor_table(run_folder, copied):
    expected = answers(run_folder)
    for name in ("data/item_table_categories.parquet", "data/graph/triples.arrow"):
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(b"\0" * len(content))
    assert answers(copied) == expected


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused(copied, name):
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    rec = load_for_serving(copied)
    assert rec.recommend("u00", 2)
    with pytest.raises(RunError, match=rf"{name.rpartition('/')[2]} is damaged"):
        rec.search("space")


@pytest.mark.parametrize(
    ("array", "change"),
    [
        ("names.row", lambda rows: rows + 1000),
        ("names.row", lambda rows: rows - 1000),
        ("names.row", lambda rows: rows.astype(np.int32)),
        ("names.part", lambda part: part[1:]),
        ("has.indices", lambda rows: rows + 1000),
        ("has.data", lambda ones: ones * 2),
        ("years", lambda years: np.full_like(years, np.inf)),
        ("years", lambda years: years[:-1]),
        ("shared", lambda _: None),
    ],
)
def test_arrays_that_do_not_fit_are_refused(copied, array, change):
    arrays = load_arrays(copied / ARRAYS)[0]
    made = change(arrays.pop(array))
    (copied / ARRAYS).unlink()
    save_arrays(copied / ARRAYS, arrays if made is None else arrays | {array: made})
    write_manifest(copied)
    with pytest.raises(RunError, match=r"search_items\.safetensors is damaged"):
        load_for_serving(copied).search("space")


@pytest.mark.parametrize(
    ("name", "change", "where"),
    [
        (NAMES, lambda words: ["", *words[1:]], "search_items"),
        (NAMES, lambda words: [*words[::2], *words[1::2]], "search_items"),  # not together
        (NAMES, lambda words: [None, *words[1:]], "search_names"),
        (NAMES, lambda words: words[1:], "search_items"),
        (VALUES, lambda words: words[1:], "search_items"),
    ],
)
def test_texts_that_do_not_fit_are_refused(copied, name, change, where):
    table = pq.read_table(copied / name)
    changed = {key: change(table.column(key).to_pylist()) for key in table.column_names}
    pq.write_table(pa.table(changed), copied / name)
    write_manifest(copied)
    with pytest.raises(RunError, match=f"{where}.* is damaged"):
        load_for_serving(copied).search("space")


def test_a_column_or_a_file_that_is_missing_is_refused(copied):
    pq.write_table(pa.table({"other": ["a"]}), copied / NAMES)
    files = read_manifest(copied)
    with pytest.raises(RunError, match=r"search_names\.parquet is damaged"):
        read_search_items(copied, files, ())
    (copied / VALUES).unlink()
    with pytest.raises(RunError, match=r"lacks .*search_values\.parquet"):
        read_search_items(copied, files, ())
    assert read_search_items(copied, (), ()) is None
