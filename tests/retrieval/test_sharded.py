"""An index of shards finds what the exact one finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError
from kgrec.retrieval.index import ExactIndex
from kgrec.retrieval.sharded import ShardedIndex

RNG = np.random.default_rng(0)
# Small whole numbers: their products are exact, and many are equal.
VECTORS = RNG.integers(-2, 3, size=(53, 4)).astype(np.float32)
QUERIES = RNG.integers(-2, 3, size=(6, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tmp_path_factory.mktemp("vectors") / "items.npy"
    np.save(made, VECTORS)
    return made


def same(left, right):
    np.testing.assert_array_equal(left.items, right.items)
    np.testing.assert_array_equal(left.scores, right.scores)


@given(
    shard=st.integers(1, 60),
    k=st.integers(1, 60),
    left_out=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 52)), max_size=80),
    candidates=st.none() | st.sets(st.integers(0, 52)),
)
def test_it_finds_what_the_exact_index_finds(path, shard, k, left_out, candidates):
    exclude = np.zeros((6, 53), dtype=np.float32)
    for query, item in left_out:
        exclude[query, item] = 1
    options = {"exclude": csr_matrix(exclude)}
    if candidates is not None:
        options["candidates"] = np.array(sorted(candidates), dtype=np.int64)
    expected = ExactIndex(VECTORS).search(QUERIES, k, **options)
    same(ShardedIndex(path, shard=shard).search(QUERIES, k, **options), expected)


def test_shards_on_a_cluster_find_the_same_also_with_a_killed_worker(path, on_failing_ray):
    with pytest.warns(match="was lost"):
        found = ShardedIndex(path, shard=9).search(QUERIES, 7)
    same(found, ExactIndex(VECTORS).search(QUERIES, 7))
    assert on_failing_ray.maps == 1


def test_the_vectors_are_not_read_into_memory(path):
    assert isinstance(ShardedIndex(path).vectors, np.memmap)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((3, 2)), r"expected float32 \(num_items, dim\), found float64 \(3, 2\)"),
        (np.zeros(3, dtype=np.float32), r"found float32 \(3,\)"),
        (np.array([[{}]], dtype=object), r"is no \.npy file of numbers"),
        (b"no numpy", r"is no \.npy file of numbers"),
        (b"", r"vectors cannot be read|is no \.npy file"),
    ],
    ids=["float64", "one axis", "objects", "text", "empty"],
)
def test_another_file_is_a_mistake(tmp_path, content, message):
    path = tmp_path / "x.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        ShardedIndex(path)


def test_a_missing_file_and_wrong_arguments_are_named(path, tmp_path):
    with pytest.raises(DataError, match=r"none\.npy: the vectors cannot be read"):
        ShardedIndex(tmp_path / "none.npy")
    with pytest.raises(ConfigError, match="shard must be at least 1, found 0"):
        ShardedIndex(path, shard=0)
    with pytest.raises(
        DataError,
        match=r"queries must have the shape .* found \(1, 3\) and items of shape \(53, 4\)",
    ):
        ShardedIndex(path).search(np.zeros((1, 3)), 2)
    with pytest.raises(ConfigError, match="k must be at least 1"):
        ShardedIndex(path).search(QUERIES, 0)
