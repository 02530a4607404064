"""A large Parquet file is read in pieces, and gives what it gives as a whole."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kgrec
from kgrec.data import log_pieces
from kgrec.errors import DataError, KgrecError

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "ü", "10", " u3"]),
        st.sampled_from([1, 2, 7, 10**15]),
        st.sampled_from([1.0, 2.5, 4.0, 5.0]),
        st.integers(10**9, 10**9 + 5),
        st.sampled_from(["web", "app"]),
    ),
    min_size=4,
    max_size=30,
)


def table(rows):
    return pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp", "place"])


def outcome(path, **options):
    """Return what reading gives, or its error."""
    try:
        log = kgrec.Interactions.read(path, **options)
    except KgrecError as error:
        return type(error).__name__, str(error)
    columns = (log.user, log.item, log.rating, log.timestamp)
    disliked = None if log.dislikes is None else log.dislikes.to_pandas().to_dict("list")
    plain = [None if one is None else one.tolist() for one in columns]
    return log.users.ids, log.items.ids, plain, log.report, disliked


def both(path, monkeypatch, **options):
    whole = outcome(path, **options)
    with monkeypatch.context() as patch:
        patch.setattr(log_pieces, "PIECE", 3)
        parts = outcome(path, **options)
    return whole, parts


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("logs") / "log.parquet"


@pytest.mark.filterwarnings("ignore::kgrec.errors.KgrecWarning")
@given(
    rows=ROWS,
    positive=st.sampled_from([None, "rating >= 4", 'place == "web"', "rating > 9"]),
    duplicates=st.sampled_from(["last", "first", "error"]),
)
def test_it_gives_what_the_whole_gives(scratch, rows, positive, duplicates):
    table(rows).to_parquet(scratch, index=False)
    with pytest.MonkeyPatch.context() as patch:
        whole, parts = both(scratch, patch, positive=positive, duplicates=duplicates)
    assert parts == whole


def test_text_of_few_rows_is_in_memory_at_a_time(tmp_path, monkeypatch):
    table([("u", n, 5.0, 1, "web") for n in range(50)]).to_parquet(tmp_path / "log.parquet")
    monkeypatch.setattr(log_pieces, "PIECE", 8)
    seen = []
    codes = log_pieces._plain_codes
    monkeypatch.setattr(
        log_pieces, "_plain_codes", lambda part, *rest: seen.append(len(part)) or codes(part, *rest)
    )
    assert len(kgrec.Interactions.read(tmp_path / "log.parquet")) == 50
    assert seen == [8, 8, 8, 8, 8, 8, 2] * 2


@pytest.mark.parametrize(
    "ids",
    [
        pa.array(["b", "a", "ü", "b"] * 5),
        pa.array([3, -1, 10, 3] * 5, pa.int8()),
        pa.array([2**63, 0, 7, 0] * 5, pa.uint64()),
        pa.array([1.0, 2.0, 3.0, 1.0] * 5),
        pa.array(["b", "a", "c", "b"] * 5).dictionary_encode(),
        pa.DictionaryArray.from_arrays([2, 0, 2, 0] * 5, ["a", "never", "c"]),
        pa.array(["b", "", "c", "b"] * 5),
        pa.array(["b", None, "c", "b"] * 5).dictionary_encode(),
        pa.array([b"\xff", b"a"] * 10).cast(pa.string(), safe=False),
        pa.array([True, False] * 10),
        pa.array([b"x", b"y"] * 10),
    ],
    ids=str,
)
@pytest.mark.parametrize("normalise", [None, "strip", "number"])
@pytest.mark.filterwarnings("ignore::kgrec.errors.KgrecWarning")
def test_ids_of_any_type_are_those_of_the_whole(tmp_path, monkeypatch, ids, normalise):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user_id": ids, "item_id": [f"i{n}" for n in range(20)]}), path)
    found = []
    for piece in (10**6, 3):
        monkeypatch.setattr(log_pieces, "PIECE", piece)
        try:
            log = kgrec.Interactions.read(path, normalise_ids=normalise)
            found.append((log.users.ids, log.user.tolist(), log.item.tolist()))
        except KgrecError as error:
            found.append(type(error).__name__)
    assert found[0] == found[1]


def test_a_missing_id_is_named_by_its_row_of_the_file(tmp_path, monkeypatch):
    frame = table([("u", "i", 5.0, 1, "web")] * 20)
    frame.loc[13, "user_id"] = None
    frame.to_parquet(tmp_path / "log.parquet")
    whole, parts = both(tmp_path / "log.parquet", monkeypatch)
    assert "data row 14" in parts[1]
    assert parts[1].endswith(whole[1].rpartition("the first is")[2])


def test_ids_are_made_alike_in_each_piece(tmp_path, monkeypatch):
    rows = [(user, 1, 5.0, n, "web") for n, user in enumerate([" u", "u", "u ", "v", " v", "w"])]
    table(rows).to_parquet(tmp_path / "log.parquet")
    whole, parts = both(tmp_path / "log.parquet", monkeypatch, normalise_ids="strip")
    assert parts == whole
    assert parts[0] == ["u", "v", "w"]


def test_an_expression_of_ids_sees_them(tmp_path, monkeypatch):
    rows = [(user, 1, 5.0, n, "web") for n, user in enumerate("abcabdaa")]
    table(rows).to_parquet(tmp_path / "log.parquet")
    whole, parts = both(tmp_path / "log.parquet", monkeypatch, positive='user_id != "a"')
    assert parts == whole


def test_a_table_without_other_columns_is_read(tmp_path, monkeypatch):
    frame = table([(f"u{n % 4}", n, 5.0, 1, "web") for n in range(12)])[["user_id", "item_id"]]
    frame.to_parquet(tmp_path / "log.parquet", index=False)
    whole, parts = both(tmp_path / "log.parquet", monkeypatch)
    assert parts == whole
    assert len(parts[2][0]) == 12


def test_an_id_may_be_the_rating_too(tmp_path, monkeypatch):
    rows = [("u", n % 5, 5.0, n, "web") for n in range(9)]
    table(rows).to_parquet(tmp_path / "log.parquet")
    whole, parts = both(tmp_path / "log.parquet", monkeypatch, rating="item_id")
    assert parts == whole
    assert set(parts[2][2]) == {0.0, 1.0, 2.0, 3.0, 4.0}


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_is_an_error(tmp_path, monkeypatch, damage):
    path = tmp_path / "log.parquet"
    rng = np.random.default_rng(0)
    rows = [(f"u{rng.integers(10**9)}", n, 5.0, 1, "web") for n in range(3000)]
    table(rows).to_parquet(path, compression=None)
    raw = bytearray(path.read_bytes())
    if damage == "cut":
        del raw[len(raw) // 2 :]
    else:
        raw[200:4000] = bytes(3800)
    path.write_bytes(raw)
    monkeypatch.setattr(log_pieces, "PIECE", 100)
    with pytest.raises(DataError, match=r"log\.parquet"):
        kgrec.Interactions.read(path)


def test_a_file_made_to_fill_the_memory_is_refused(tmp_path, monkeypatch):
    # One long text that a dictionary holds once, for each of many rows.
    frame = pd.DataFrame({"user_id": ["u" * 100_000] * 20_000, "item_id": ["i"] * 20_000})
    frame.to_parquet(tmp_path / "log.parquet", index=False)
    assert (tmp_path / "log.parquet").stat().st_size < 200_000
    monkeypatch.setattr(log_pieces, "PIECE", 1000)
    with pytest.raises(DataError, match="the limit max_"):
        kgrec.Interactions.read(tmp_path / "log.parquet")


@pytest.mark.parametrize("piece", [10**6, 3])
def test_text_that_is_not_unicode_is_named_by_its_column(tmp_path, monkeypatch, piece):
    bad = pa.array([b"\xff", b"a"] * 10).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"user_id": bad, "item_id": ["i"] * 20}), tmp_path / "log.parquet")
    monkeypatch.setattr(log_pieces, "PIECE", piece)
    with pytest.raises(DataError, match=r"log\.parquet cannot be .*'user_id' holds text that is"):
        kgrec.Interactions.read(tmp_path / "log.parquet")
