"""A large vocabulary is searched where it lies, written, mapped, and made of many pieces."""

from __future__ import annotations

import importlib.util
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgrec.data import id_search, merged_ids, vocabulary
from kgrec.data.id_search import first_not_below, parts_of, searched
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, RunError, UnknownIdError

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.text("ab", max_size=12)
ids = st.lists(text, unique=True, max_size=60)
here = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
few = settings(here, max_examples=25)  # files are flushed to the disk


@pytest.fixture
def large(monkeypatch):
    """Take each vocabulary for a large one."""
    monkeypatch.setattr(vocabulary, "_MOST", -1)


def naive(names, wanted):
    place = {name: row for row, name in enumerate(names)}
    return [place.get(one, -1) for one in wanted]


def strings(values):
    return pa.array(values, pa.large_string())


@pytest.mark.parametrize("compiled", [True, False])
@given(known=ids, others=st.lists(text, max_size=40), sort=st.booleans())
@here
def test_each_way_of_searching_finds_the_same(known, others, sort, compiled, monkeypatch):
    monkeypatch.setattr(id_search, "_MANY", 0 if compiled else 10**9)
    known = sorted(known, key=str.encode)
    wanted = [*known[::2], *others, *known[::-3]]
    wanted = sorted(wanted, key=str.encode) if sort else wanted
    around = strings(["zz", *known, ""])[1:-1]  # a slice has other text before and after its own
    assert searched(strings(wanted), around).tolist() == naive(known, wanted)
    half = strings(["", *wanted])[1:]
    assert searched(half, around).tolist() == naive(known, wanted)


@given(known=ids, asked=text)
@here
def test_the_first_row_that_is_not_below(known, asked):
    known = sorted(known, key=str.encode)
    below = sum(one.encode() < asked.encode() for one in known)
    assert first_not_below(asked.encode(), strings(known)) == below
    assert first_not_below(asked.encode(), strings(known), above=True) == below + (asked in known)


def test_the_memory_of_ids_is_not_copied():
    array = strings([f"i{n:05}" for n in range(9000)])
    begins, octets = parts_of(array[10:])
    assert octets.ctypes.data == array.buffers()[2].address
    assert begins.ctypes.data == array.buffers()[1].address + 80
    assert not begins.flags.writeable


@given(known=ids, second=ids, third=ids, others=st.lists(text, max_size=10))
@here
def test_a_large_vocabulary_answers_as_a_small_one(large, known, second, third, others):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "_MOST", 1 << 20)
        plain = Vocabulary(known, "item").extended(second).extended(third)
        expected = plain.ids, plain.num_sorted
    made = Vocabulary(known, "item").extended(second)
    _ = [made.row(id) for id in second]  # there is a dictionary of what was appended
    made = made.extended(third)
    assert (made.ids, made.num_sorted) == expected
    wanted = [*others, *made.ids, *others]
    rows = naive(made.ids, wanted)
    assert made.rows(strings(wanted), missing="-1").tolist() == rows
    assert [made.rows([one], missing="-1").tolist() for one in wanted] == [[row] for row in rows]
    assert [one in made for one in wanted] == [row >= 0 for row in rows]
    for one, row in zip(wanted, rows, strict=True):
        if row >= 0:
            assert made.row(one) == row
        else:
            with pytest.raises(UnknownIdError, match="No item has the id"):
                made.row(one)
    copied = pickle.loads(pickle.dumps(made))
    assert copied.rows(made.ids).tolist() == list(range(len(made)))


def test_no_dictionary_of_all_ids_is_made(large):
    names = [f"i{n:05}" for n in range(5000)]
    made = Vocabulary(names, "item").extended(["new", "a"])
    assert made.row("i00007") == 7
    assert made.row("new") == 5001
    assert made.rows(["i00009", "a"] * 20).tolist() == [9, 5000] * 20
    assert "i04999" in made
    assert "i05000" not in made
    assert "\udcff" not in made
    assert len(made._index) == 2


def test_an_unknown_id_of_a_large_vocabulary_names_a_near_one(large):
    made = Vocabulary([f"film {n:04}" for n in range(4000)], "item")
    with pytest.raises(UnknownIdError, match=r"id 'film 27x7'\. Did you mean 'film \d{4}'\?"):
        made.row("film 27x7")
    with pytest.raises(UnknownIdError, match=r"1 of 1 item ids .*'quite another'\.$"):
        made.rows(["quite another"])
    with pytest.raises(UnknownIdError, match=r"No item has the id '\\\\udcff'\.$"):
        made.row("\udcff")
    assert str(7) not in made


def test_without_numba_many_ids_are_hashed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(id_search, "_MANY", 0)
    known = strings(["a", "b", "é"])
    assert searched(strings(["é", "c", "a"]), known).tolist() == [2, -1, 0]


@given(known=ids, later=ids)
@few
def test_what_is_written_is_opened_with_its_name_and_rows(known, later, tmp_path):
    path = tmp_path / "ids.arrow"
    made = Vocabulary(known, "film").extended(later)
    made.write(path)
    found = Vocabulary.open(path)
    assert (found.ids, found.name, found.num_sorted) == (made.ids, "film", made.num_sorted)
    assert found.rows(made.ids).tolist() == list(range(len(made)))
    found.extended(["later"]).tail(0).write(path)  # what is mapped is replaced, and stays readable
    assert found.ids == made.ids


def test_a_slice_is_written_as_its_own_ids(tmp_path):
    array = strings(["z", "a", "é", "m"])[1:3]
    Vocabulary.from_sorted(array, "item").write(tmp_path / "one")
    Vocabulary(["é", "a"], "item").write(tmp_path / "other")
    assert Vocabulary.open(tmp_path / "one").ids == ["a", "é"]
    one, other = (pa.ipc.open_file(tmp_path / name).schema for name in ("one", "other"))
    assert one.metadata == other.metadata  # with a checksum of the ids
    assert b"z" not in (tmp_path / "one").read_bytes()[-200:]


def written(path, known=("a", "b", "c"), num_sorted=3, name="item"):
    Vocabulary.from_sorted(strings(list(known)), name, num_sorted=num_sorted).write(path)
    return path


@pytest.mark.parametrize(
    ("known", "num_sorted", "name", "message"),
    [
        (["b", "a", "c"], 3, "item", "the ids are not sorted"),
        (["a", "a", "c"], 3, "item", "the ids are not sorted"),
        (["b", "c", "c"], 1, "item", "an id is repeated"),
        (["b", "c", "b"], 1, "item", "an id is repeated"),
        (["a"], 2, "item", "2 ids are said to be sorted, and it has 1"),
        (["a"], -1, "item", "-1 ids are said to be sorted"),
        (["a"], True, "item", "what it says of its ids is damaged"),
        (["a"], 1, "\x1b[2J", "what it says of its ids is damaged"),
        (["a"], 1, "x" * 9000, "it does not say what its ids stand for"),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused(known, num_sorted, name, message, tmp_path):
    with pytest.raises(RunError, match=message) as error:
        Vocabulary.open(written(tmp_path / "ids.arrow", known, num_sorted, name))
    assert "ids.arrow" in str(error.value)
    assert "\x1b" not in str(error.value)


def test_what_is_no_file_of_a_vocabulary_is_refused(tmp_path):
    with pytest.raises(RunError, match="there is no such file"):
        Vocabulary.open(tmp_path / "none")
    (tmp_path / "text").write_text("a\nb\n")
    with pytest.raises(RunError, match=r"it is no Arrow file.* Vocabulary\.write"):
        Vocabulary.open(tmp_path / "text")
    with pytest.raises(RunError, match="folder"):
        Vocabulary.open(tmp_path)
    for values, kind, message in (
        (["a"], pa.string(), "other columns"),
        (["a"], pa.large_string(), "does not say what"),
        ([None], pa.large_string(), "values are missing"),
    ):
        batch = pa.RecordBatch.from_arrays([pa.array(values, kind)], ["id"])
        with pa.ipc.new_file(str(tmp_path / "x.arrow"), batch.schema) as writer:
            writer.write_batch(batch)
        with pytest.raises(RunError, match=message):
            Vocabulary.open(tmp_path / "x.arrow")


def test_no_changed_byte_changes_an_id(tmp_path):
    whole = written(tmp_path / "ids.arrow", ["a", "bb", "é"]).read_bytes()
    path = tmp_path / "changed.arrow"
    refused = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            found = Vocabulary.open(path)
        except RunError:
            refused += 1
        else:  # padding, or a part of the footer, which nobody reads
            assert (found.ids, found.name, found.num_sorted) == (["a", "bb", "é"], "item", 3)
    assert refused > len(whole) // 4
    for size in range(0, len(whole), 5):
        path.write_bytes(whole[:size])
        try:
            assert Vocabulary.open(path).ids == ["a", "bb", "é"]
        except RunError:
            continue


@given(pieces=st.lists(st.lists(text, max_size=20), max_size=12))
@few
def test_pieces_make_the_vocabulary_of_their_distinct_ids(pieces, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merged_ids, "_MOST_IDS", 5)
        patch.setattr(merged_ids, "_BLOCK_IDS", 2)
        made = Vocabulary.from_pieces(iter(pieces), tmp_path / "ids.arrow", "item")
    expected = sorted({id for piece in pieces for id in piece}, key=str.encode)
    assert (made.ids, made.name, made.num_sorted) == (expected, "item", len(expected))
    assert made == Vocabulary.from_ids([id for piece in pieces for id in piece], "item")
    assert [path.name for path in tmp_path.iterdir()] == ["ids.arrow"]


def test_pieces_with_long_ids_are_sorted_in_smaller_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(merged_ids, "_MOST_BYTES", 1000)
    monkeypatch.setattr(merged_ids, "_BLOCK_BYTES", 300)
    sizes = []
    write = merged_ids._write_blocks
    monkeypatch.setattr(
        merged_ids, "_write_blocks", lambda ids, path: [sizes.append(len(ids)), write(ids, path)][1]
    )
    rng = np.random.default_rng(0)
    pieces = [[f"{n:0100}" for n in rng.integers(500, size=7)] for _ in range(40)]
    made = Vocabulary.from_pieces(pieces, tmp_path / "ids.arrow")
    assert made.ids == sorted({id for piece in pieces for id in piece})
    assert max(sizes) <= 10
    assert len(sizes) > 20


def test_a_bad_piece_leaves_what_was_there(tmp_path):
    path = tmp_path / "ids.arrow"
    Vocabulary(["old"]).write(path)
    with pytest.raises(DataError, match="1 of 2 item ids are missing"):
        Vocabulary.from_pieces([["a"], ["b", None]], path, "item")
    with pytest.raises(DataError, match="item ids must be strings"):
        Vocabulary.from_pieces([["a"], [7]], path, "item")
    assert Vocabulary.open(path).ids == ["old"]
    assert [one.name for one in tmp_path.iterdir()] == ["ids.arrow"]
    with pytest.raises(RunError, match="cannot be written"):
        Vocabulary.from_pieces([["a"]], tmp_path / "none" / "ids.arrow")
    with pytest.raises(RunError, match="cannot be written"):
        Vocabulary(["a"]).write(tmp_path / "none" / "ids.arrow")
