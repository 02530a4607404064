"""Lists computed on a GPU are those of the CPU; one that is not there is as strict as a GPU."""

import pickle
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from elsewhere import elsewhere
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

import kgrec
from kgrec.config import load_config
from kgrec.errors import DataError, KgrecWarning
from kgrec.models.ials import IALS, IALSConfig
from kgrec.retrieval import index as index_module
from kgrec.retrieval import on_device
from kgrec.retrieval.index import ExactIndex
from kgrec.retrieval.on_device import DeviceVectors
from kgrec.retrieval.settings import ApproximateIndexConfig, ExactIndexConfig
from kgrec.retrieval.settings import on_device as on_device_of_run
from kgrec.runs.reading import load_run
from kgrec.runs.serving import load_for_serving
from kgrec.runs.training import train_run


@contextmanager
def stand_in():
    with elsewhere():
        yield


@contextmanager
def real():
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    yield


@pytest.fixture(params=[stand_in, real])
def a_gpu(request):
    return request.param


@pytest.fixture(autouse=True)
def _always_worth_it(monkeypatch):
    monkeypatch.setattr(index_module, "_WORTH_A_DEVICE", 1)


def same(found, expected):
    assert found.items.tolist() == expected.items.tolist()
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5, atol=1e-6)
    assert (found.items.dtype, found.scores.dtype) == (np.int64, np.float32)


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 60))
def test_a_search_is_that_of_the_cpu(seed, k, at_once):
    """Small whole numbers make many ties; k may be more than there are."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, (9, 3)).astype(np.float32)
    queries = rng.integers(-2, 3, (5, 3)).astype(np.float32)
    exclude = csr_matrix(rng.random((5, 9)) < 0.3) if seed % 5 else None
    candidates = np.flatnonzero(rng.random(9) < 0.6) if seed % 2 else None
    unknown = np.flatnonzero(rng.random(9) < 0.4) if seed % 3 else None
    options = {"exclude": exclude, "candidates": candidates}
    expected = ExactIndex(vectors, unknown=unknown).search(queries, k, **options)
    with pytest.MonkeyPatch.context() as patch, elsewhere():
        patch.setattr(DeviceVectors.__init__, "__kwdefaults__", {"at_once": at_once})
        there = ExactIndex(vectors, unknown=unknown, device="cuda")
        same(there.search(queries, k, **options), expected)
        assert (there._there is None) == (not there.allowed_mask(candidates).any())


def test_long_rows_of_equal_scores(a_gpu):
    vectors = np.zeros((3000, 2), dtype=np.float32)
    vectors[[5, 17, 2999]] = [[1, 0], [1, 0], [2, 0]]
    queries = np.array([[1, 0], [0, 1], [-1, 0]], dtype=np.float32)
    with a_gpu():
        found = ExactIndex(vectors, device="cuda").search(queries, 4)
    assert found.items.tolist() == [[2999, 5, 17, 0], [0, 1, 2, 3], [0, 1, 2, 3]]


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_scores_that_cannot_be_ranked(a_gpu, odd):
    vectors = np.ones((4, 2), dtype=np.float32)
    vectors[2, 0] = odd
    without = csr_matrix(np.array([[0, 0, 1, 0]]))
    with a_gpu():
        there = ExactIndex(vectors, device="cuda")
        with pytest.raises(DataError, match="NaN or infinite"):
            there.search(np.ones((1, 2)), 2)
        found = there.search(np.ones((1, 2)), 4, exclude=without)
    assert found.items.tolist() == [[0, 1, 3, -1]]


def test_a_device_that_is_not_there_is_said_once():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    index = ExactIndex(np.eye(3), device="cuda")
    with pytest.warns(KgrecWarning, match=r"index.device: 'cuda' cannot be used.*on the CPU"):
        found = index.search(np.eye(3), 1)
    assert index.search(np.eye(3), 1).items.tolist() == found.items.tolist() == [[0], [1], [2]]
    assert ExactIndex(np.eye(3), device="auto").search(np.eye(3), 1).items.tolist() == [
        [0],
        [1],
        [2],
    ]


def test_few_scores_stay_on_the_cpu(monkeypatch):
    monkeypatch.setattr(index_module, "_WORTH_A_DEVICE", 10)
    monkeypatch.setattr(on_device, "vectors_on", lambda *_: pytest.fail("it went there"))
    assert ExactIndex(np.eye(3), device="cuda").search(np.eye(3), 1).items.tolist() == [
        [0],
        [1],
        [2],
    ]


@pytest.mark.parametrize("failures", [2, 100])
def test_too_little_memory_there(failures, monkeypatch):
    """Fewer queries are taken at a time; if one is too many, it is done here."""
    asked, largest = [], on_device._largest

    def scarce(scores, taken):
        asked.append(len(scores))
        if len(asked) <= failures:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return largest(scores, taken)

    monkeypatch.setattr(on_device, "_largest", scarce)
    vectors = np.arange(12, dtype=np.float32).reshape(6, 2)
    index = ExactIndex(vectors, device="cuda")
    queries = np.ones((8, 2), dtype=np.float32)
    queries[5] *= -1
    with elsewhere():
        if failures > 8:
            with pytest.warns(KgrecWarning, match="GPU has too little memory.*on the CPU"):
                found = index.search(queries, 1)
            assert asked == [8, 4, 2, 1]
        else:
            found = index.search(queries, 1)
            assert asked == [8, 4, 2, 2, 4]
    assert found.items.tolist() == [[5]] * 5 + [[0]] + [[5]] * 2


def test_too_little_memory_for_the_vectors(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(on_device, "_sent", full)
    with elsewhere(), pytest.warns(KgrecWarning, match="GPU has too little memory"):
        found = ExactIndex(np.eye(3), device="cuda").search(np.eye(3), 1)
    assert found.items.tolist() == [[0], [1], [2]]


def test_lists_of_many_users_are_worth_the_way(monkeypatch, a_gpu):
    """With the threshold as it is, the blocks of `recommend_all` go there, of any catalogue."""
    monkeypatch.undo()
    log = kgrec.Interactions.read(
        pd.DataFrame({"user_id": np.arange(4000) % 1999, "item_id": np.arange(4000) % 997})
    )
    made = kgrec.Recommender(
        model=IALS(IALSConfig(dim=2, iterations=1)),
        text=None,
        index=ExactIndexConfig(device="cuda"),
    ).fit(log)
    with a_gpu():
        assert len(made.recommend_all(3).to_pandas()) == 3 * 1999
        assert made.snapshot.index._there is not None


def test_an_index_is_extended_and_copied_without_what_lies_there(a_gpu):
    with a_gpu():
        first = ExactIndex(np.eye(3), device="cuda")
        first.search(np.eye(3), 1)
        more = first.extended(np.full((1, 3), 2, dtype=np.float32))
        copy = pickle.loads(pickle.dumps(more))
        for one in (more, copy):
            assert (one.device, one._there, first._there) == ("cuda", None, None)
            assert one.search(np.eye(3), 2).items.tolist() == [[3, 0], [3, 1], [3, 2]]


def test_the_index_of_a_run_is_on_its_device():
    exact, approximate = ExactIndexConfig(), ApproximateIndexConfig()
    assert on_device_of_run(exact, None).device is None
    assert on_device_of_run(exact, "auto").device == "auto"
    assert on_device_of_run(ExactIndexConfig(device="cpu"), "auto").device == "cpu"
    assert on_device_of_run(approximate, "auto") is approximate


def test_a_run_is_served_on_the_device_that_it_names(project, tmp_path):
    """Loading for answers alone takes the same index as loading all."""
    folder = tmp_path / "run"
    train_run(load_config(project, ["model=ials", "device=auto", "text=null"]), folder)
    loaded = [load_run(folder)[0], load_for_serving(folder)]
    assert [one.snapshot.index_config.device for one in loaded] == ["auto", "auto"]
    assert [one.snapshot.index.device for one in loaded] == ["auto", "auto"]


@pytest.mark.parametrize("dials", [{}, {"popularity": 0.5}, {"candidates": ["i1", "i4", "i5"]}])
def test_lists_for_all_users_are_those_of_the_cpu(a_gpu, dials):
    rng = np.random.default_rng(0)
    pairs = np.argwhere(rng.random((12, 9)) < 0.4)
    users, items = ([f"{kind}{k}" for k in pairs[:, place]] for place, kind in enumerate("ui"))
    log = kgrec.Interactions.read(pd.DataFrame({"user_id": users, "item_id": items}))
    lists = []
    for device in ("cpu", "cuda"):
        made = kgrec.Recommender(
            model=IALS(IALSConfig(dim=4)), text=None, index=ExactIndexConfig(device=device)
        ).fit(log)
        with a_gpu():
            lists.append(made.recommend_all(3, **dials).to_pandas())
    for column in ("user_id", "rank", "item_id"):
        assert lists[0][column].tolist() == lists[1][column].tolist()
    np.testing.assert_allclose(lists[0]["score"], lists[1]["score"], rtol=1e-5, atol=1e-5)
