"""The compiled loops over columns, beside numpy."""

import numpy as np
import pytest

from kgrec.rdf import codes, native
from kgrec.rdf.codes import loops_for, recode, used_codes
from kgrec.rdf.native.columns import take_into
from kgrec.rdf.triple_keys import TripleKeys


@pytest.fixture
def loops(monkeypatch):
    monkeypatch.setattr(native, "_WORTH", 1)


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.usefixtures("loops")
def test_loops_do_what_numpy_does(size, monkeypatch):
    rng = np.random.default_rng(size)
    columns = rng.integers(0, 900, (3, size)).astype(np.int32)
    used, place = used_codes(columns, 901)
    assert used.tolist() == sorted(set(columns.ravel().tolist()))
    expected = [used.tolist().index(k) for k in columns[0].tolist()]
    taken = np.zeros(size, dtype=np.int32)
    take_into(taken, columns[0], place)
    assert taken.tolist() == expected
    recoded = columns[0].copy()
    recode(recoded, place)
    assert recoded.tolist() == expected

    form = TripleKeys.of(2**28, 7)
    rows, relations = rng.integers(0, 2**28, 900), np.arange(900) % 7
    given = (columns.T, rows.astype(np.int32), relations.astype(np.int32))
    assert loops_for(columns) is not None
    keys = form.made([given], size)
    some = np.arange(size) % 2 == 0
    with monkeypatch.context() as patch:
        patch.setattr(codes, "native_pays", lambda _: False)
        assert loops_for(columns) is None
        assert keys.tolist() == form.made([given], size).tolist()
        by_numpy = form.rows(keys, some)
    assert form.rows(keys, some).tolist() == by_numpy.tolist()
    assert by_numpy.tolist() == [[rows[s], p % 7, rows[o]] for s, p, o in columns.T[some].tolist()]


@pytest.mark.usefixtures("loops")
def test_columns_with_gaps_are_left_to_numpy():
    rows = np.arange(12, dtype=np.int32).reshape(4, 3)
    assert loops_for(rows[:, 1]) is None
    recode(rows[:, 1], np.arange(12, dtype=np.int32)[::-1].copy())
    assert rows[:, 1].tolist() == [10, 7, 4, 1]
    assert loops_for(rows.T) is None
    assert loops_for(np.zeros(0, dtype=np.int32)) is None
