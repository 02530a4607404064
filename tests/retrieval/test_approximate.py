"""The approximate index finds what the exact one finds, under any filter, and never loses items."""

import builtins

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError, RunError
from kgrec.retrieval.approximate import ApproximateIndex
from kgrec.retrieval.compressed import Compressed
from kgrec.retrieval.index import ExactIndex
from kgrec.retrieval.settings import ApproximateIndexConfig

NUM, QUICK = 20_000, ApproximateIndexConfig(rescored=600, train_rows=3000)


def vectors(dim, num=NUM, seed=0):
    """Return vectors of uneven length around some centres, and queries that belong to these."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, dim))
    items = centres[rng.integers(40, size=num)] + rng.normal(size=(num, dim))
    items *= rng.uniform(0.5, 1.5, (num, 1))
    queries = centres[:12] + rng.normal(size=(12, dim)) / 2
    return items.astype(np.float32), queries.astype(np.float32)


@pytest.fixture(scope="module", params=[64, 17])
def made(request):
    items, queries = vectors(request.param)
    return items, queries, ApproximateIndex(items, QUICK), ExactIndex(items)


def recall(found, expected):
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found.items, expected.items, strict=True)]
    return sum(hits) / expected.items.size


@pytest.mark.parametrize("share", [1.0, 0.6, 0.2, 0.07, 0.05, 0.001, 0.0002])
def test_any_share_of_the_items_is_found(made, share):
    """Also where the filter is the opposite of what the query likes: the worst items by a query,
    where codes cannot tell the best of them apart."""
    items, queries, index, exact = made
    rng = np.random.default_rng(1)
    number = max(4, int(share * NUM))
    for candidates in (
        np.sort(rng.choice(NUM, number, replace=False)),
        np.sort(np.argsort(items @ queries[0])[:number]),
    ):
        found = index.search(queries, 10, candidates=candidates)
        expected = exact.search(queries, 10, candidates=candidates)
        assert (found.items >= 0).sum() == min(10, number) * len(queries)
        assert recall(found, expected) >= 0.98 * min(1, number / 10)
        assert np.isin(found.items[found.items >= 0], candidates).all()
        np.testing.assert_allclose(
            np.take_along_axis(queries @ items.T, np.maximum(found.items, 0), 1)[found.items >= 0],
            found.scores[found.items >= 0],
            rtol=1e-4,
            atol=1e-4,
        )


def test_it_scans_codes_and_not_all_vectors(made, monkeypatch):
    """Otherwise the other tests compare the exact index with itself."""
    _, queries, index, _ = made
    asked = []
    products = index.exact.products

    def seen(queries, some):
        asked.append(len(some))
        return products(queries, some)

    def refuse(*_, **__):
        raise AssertionError("all items were compared")

    monkeypatch.setattr(index.exact, "products", seen)
    with monkeypatch.context() as patch:
        patch.setattr(index.exact, "search", refuse)
        index.search(queries[:3], 10)
        index.search(queries[:3], 10, candidates=np.arange(0, NUM, 2))
    assert QUICK.rescored <= max(asked) <= 2 * QUICK.rescored
    index.search(queries[:1], 10, candidates=np.arange(0, NUM, 20))
    assert asked[-1] == NUM // 20


def test_of_long_vectors_no_more_are_compared_than_are_needed(monkeypatch):
    """Most queries need a part of what the scan finds, and none is answered worse."""
    items, queries = vectors(400, num=12_000)
    index, exact = ApproximateIndex(items, QUICK), ExactIndex(items)
    asked, products = [], index.exact.products

    def seen(queries, some):
        asked.append(len(some))
        return products(queries, some)

    monkeypatch.setattr(index.exact, "products", seen)
    assert recall(index.search(queries, 10), exact.search(queries, 10)) >= 0.98
    assert len(queries) * 10 < sum(asked) < 0.95 * len(queries) * QUICK.rescored


def test_any_of_the_best_are_retrieved_by_one_scan(made, monkeypatch):
    """Also many, of which a search would have to compare all items to be sure."""
    _, queries, index, exact = made
    best = exact.search(queries, 300)
    monkeypatch.setattr(index.exact, "search", None)
    found = index.retrieve(queries, 300)
    assert recall(found, best) >= 0.8
    assert (found.items >= 0).all()
    assert all(len(np.unique(row)) == 300 for row in found.items)
    exclude = csr_matrix((np.ones(10), (np.zeros(10, int), best.items[0, :10])), shape=(1, NUM))
    kept = np.arange(1, NUM, 2)
    found = index.retrieve(queries[:1], 300, exclude=exclude, candidates=kept).items[0]
    assert len(found) == 300
    assert not np.isin(found, best.items[0, :10]).any()
    assert np.isin(found, kept).all()


def test_excluded_items_do_not_come_back_and_others_take_their_place(made):
    _, queries, index, exact = made
    best = exact.search(queries, 900).items
    for number in (5, 900):  # more than are compared exactly
        pairs = (np.repeat(np.arange(len(queries)), number), best[:, :number].ravel())
        exclude = csr_matrix((np.ones(len(pairs[0])), pairs), shape=(len(queries), NUM))
        found = index.search(queries, 10, exclude=exclude)
        expected = exact.search(queries, 10, exclude=exclude)
        assert recall(found, expected) >= 0.98
        assert not exclude[np.repeat(np.arange(len(queries)), 10), found.items.ravel()].any()


def test_everything_excluded_gives_padding_and_nearly_everything_the_rest(made):
    _, queries, index, _ = made
    exclude = np.ones((1, NUM))
    assert (index.search(queries[:1], 3, exclude=csr_matrix(exclude)).items == -1).all()
    exclude[0, [7, 77]] = 0
    found = index.search(queries[:1], 3, exclude=csr_matrix(exclude))
    assert sorted(found.items[0].tolist()) == [-1, 7, 77]


def test_many_queries_and_large_k_are_exact(made):
    _, queries, index, exact = made
    for asked, k in ((np.repeat(queries, 2, axis=0), 5), (queries[:1], 5000)):
        np.testing.assert_array_equal(index.search(asked, k).items, exact.search(asked, k).items)


def test_unknown_items_come_last():
    items, queries = vectors(16)
    unknown = np.sort(np.argsort(-(items @ queries[0]))[:200])
    index = ApproximateIndex(items, QUICK, unknown=unknown)
    exact = ExactIndex(items, unknown=unknown)
    found = index.search(queries, 10)
    assert not np.isin(found.items, unknown).any()
    assert recall(found, exact.search(queries, 10)) >= 0.98
    few = np.union1d(unknown[:5], [3, 4, 5, 6])
    np.testing.assert_array_equal(
        index.search(queries, 9, candidates=few).items,
        exact.search(queries, 9, candidates=few).items,
    )


def test_new_and_changed_items_are_found_at_once_with_the_codes_of_before():
    items, queries = vectors(16)
    before = ApproximateIndex(items, QUICK)
    now = np.concatenate([items, 3 * queries[:2]])  # 20,000 and 20,001 are new
    now[123] = 5 * queries[0]
    after = ApproximateIndex(now, QUICK, compressed=before.compressed)
    assert after.compressed.codes is before.compressed.codes
    assert after.search(queries[:1], 2).items[0].tolist() == [123, 20_000]
    assert after.search(queries[1:2], 1).items[0].tolist() == [20_001]
    shrunk = now.copy()
    shrunk[123] = -5 * queries[0]
    again = ApproximateIndex(shrunk, QUICK, compressed=after.compressed)
    assert 123 not in again.search(queries[:1], 50).items[0]
    gone = np.setdiff1d(np.arange(len(now)), [20_000])
    assert after.search(queries[:1], 2, candidates=gone).items[0][0] == 123
    assert 20_000 not in after.search(queries[:1], 50, candidates=gone).items[0]


def test_arrays_make_the_same_index_and_are_checked(made, monkeypatch):
    items, queries, index, _ = made
    arrays = index.compressed.arrays()
    again = ApproximateIndex(items, QUICK, compressed=Compressed.from_arrays(arrays))
    np.testing.assert_array_equal(again.search(queries, 7).items, index.search(queries, 7).items)
    with monkeypatch.context() as patch:  # one part for each of three threads
        patch.setattr("kgrec.retrieval.compressed._PER_SHARD", 5000)
        patch.setattr("os.cpu_count", lambda: 3)
        shared = ApproximateIndex(items, QUICK, compressed=Compressed.from_arrays(arrays))
        assert recall(shared.search(queries, 7), index.search(queries, 7)) >= 0.98
        assert len(shared.compressed._shards) == 3
    for name, wrong in (
        ("codes", arrays["codes"][:-1]),
        ("codes", arrays["codes"][:, :-1]),
        ("codes", arrays["codes"].astype(np.int16)),
        ("rows", arrays["rows"][::-1].copy()),
        ("rows", arrays["rows"] - 1),
        ("centroids", arrays["centroids"][:, :8].copy()),
        ("centroids", np.full_like(arrays["centroids"], np.nan)),
    ):
        with pytest.raises(RunError, match="stored index"):
            Compressed.from_arrays({**arrays, name: wrong})
    with pytest.raises(RunError, match="lacks the array 'rows'"):
        Compressed.from_arrays({"codes": arrays["codes"]})
    for other in (items[:-1], items[:, :-4]):
        with pytest.raises(RunError, match="does not fit"):
            ApproximateIndex(other, QUICK, compressed=Compressed.from_arrays(arrays))


def test_small_catalogues_need_no_codes_and_mistakes_are_named(made, monkeypatch):
    items, queries, index, _ = made
    assert ApproximateIndex(items[:500], QUICK).compressed is None
    with pytest.raises(DataError, match="queries must have"):
        index.search(queries[:, 1:], 3)
    with pytest.raises(ConfigError, match="k must be"):
        index.search(queries, 0)
    with pytest.raises(DataError, match="NaN or infinite"):
        index.search(np.full((1, items.shape[1]), np.nan), 3)
    imported = builtins.__import__

    def without(name, *rest, **more):
        if name == "faiss":
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"kgrec\[ann\]"):
        ApproximateIndex(items, QUICK)
