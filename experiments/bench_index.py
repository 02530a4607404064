"""The approximate index beside exact search, faiss and filters after the search.

For a million items of 64 and of 384 dimensions, one query at a time under filters that leave 100 %
to 0.1 % of the items: recall@10 against exact search, the share of the k wanted that come back, and
milliseconds. Two kinds of vectors: `clustered`, as embeddings are, and `normal`, all independent,
which have no structure that an index could use. Filters are drawn at random, or are `correlated`:
those items pass that are nearest to one of the centres, whatever the query wants.

Beside it stand, by faiss: cells (IVFFlat) with 1 % and 10 % of them read, the filter within the
search; the same with the filter after a search for 10 / share of the items; a graph of neighbors
(HNSW, whose building takes minutes); 8-bit numbers and product quantisation, scanned
whole, without and with comparing the best by their whole vectors. Each competitor is asked the same
queries in the same run. For each: recall@10, the share of k that came back, median and 95th
percentile of milliseconds, bytes of a vector and seconds to build.

    python experiments/bench_index.py [--items 1000000] [--dims 64 384] [--without-hnsw] [--alone]

Writes experiments/results/bench_index.json and prints the bars; exit code 1 where one is missed.
Times mean something only on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from kgrec.retrieval.approximate import ApproximateIndex
from kgrec.retrieval.index import ExactIndex
from kgrec.retrieval.settings import ApproximateIndexConfig
from kgrec.runs.about import about

HERE = Path(__file__).parent
K, SHARES = 10, (1.0, 0.5, 0.2, 0.1, 0.05, 0.01, 0.001)
BAR_RECALL, BAR_MS = 0.98, 10.0
Search = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


def data(kind: str, num: int, dim: int, queries: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return items, queries and centres, float32."""
    rng = np.random.default_rng(0)
    items = rng.standard_normal((num, dim), dtype=np.float32)
    asked = rng.standard_normal((queries, dim), dtype=np.float32)
    centres = rng.standard_normal((1000, dim), dtype=np.float32)
    if kind == "clustered":
        scale = (np.arange(1, dim + 1) ** -0.5).astype(np.float32)  # few directions say most
        centres *= scale
        for start in range(0, num, 100_000):
            part = items[start : start + 100_000]
            part *= 0.7 * scale
            part += centres[rng.integers(1000, size=len(part))]
        asked = 0.7 * scale * asked + centres[rng.integers(1000, size=queries)]
    return items, asked.astype(np.float32), centres


def filters(items: np.ndarray, centres: np.ndarray) -> dict[str, np.ndarray | None]:
    """Return the rows that pass, by name."""
    rng = np.random.default_rng(1)
    found: dict[str, np.ndarray | None] = {"100 %": None}
    liked = np.argsort(-(items @ centres[0]), kind="stable")
    for share in SHARES[1:]:
        number = round(share * len(items))
        some = np.sort(rng.choice(len(items), number, replace=False))
        found[f"{100 * share:g} %"] = some
        found[f"{100 * share:g} %, correlated"] = np.sort(liked[:number])
    return found


def milliseconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    made = work()
    return 1000 * (time.perf_counter() - started), made


def measured(
    search: Search, asked: np.ndarray, rows: np.ndarray | None, truth: np.ndarray
) -> dict[str, float]:
    """Return recall, share of k that came back, and milliseconds of single queries."""
    search(asked[:1], rows)
    times, hits, came = [], 0, 0
    for query, best in zip(asked, truth, strict=True):
        spent, found = milliseconds(lambda query=query: search(query[None], rows))
        found = found[found >= 0][:K]
        times.append(spent)
        came += len(found)
        hits += len(np.intersect1d(found, best))
    wanted = len(asked) * K
    return {
        "recall": hits / wanted,
        "returned": came / wanted,
        "ms_median": float(np.median(times)),
        "ms_p95": float(np.percentile(times, 95)),
    }


def selector(rows: np.ndarray | None, num: int) -> dict[str, Any]:
    if rows is None:
        return {}
    mask = np.zeros(num, dtype=bool)
    mask[rows] = True
    return {"sel": faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))}


def competitors(items: np.ndarray, hnsw: bool) -> dict[str, tuple[Search, int, float]]:
    """Return faiss's searches, the bytes that each holds, and the seconds that it was built in."""
    num, dim = items.shape
    found: dict[str, tuple[Search, int, float]] = {}
    inner = faiss.METRIC_INNER_PRODUCT

    def build(index: Any) -> float:
        started = time.perf_counter()
        index.train(items[:: max(1, num // 50_000)])
        index.add(items)
        return time.perf_counter() - started

    def rescored(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
        rows = rows[rows >= 0]
        return rows[np.argsort(-(items[rows] @ query[0]), kind="stable")[:K]]

    cells = round(num**0.5)
    coarse = faiss.IndexFlatIP(dim)
    ivf = faiss.IndexIVFFlat(coarse, dim, cells, inner)
    ivf.cp.niter = 5
    seconds = build(ivf)
    for share in (0.01, 0.1):
        probes = max(1, round(share * cells))

        def inside(query: np.ndarray, rows: np.ndarray | None, probes: int = probes) -> np.ndarray:
            options = faiss.SearchParametersIVF(nprobe=probes, **selector(rows, num))
            return ivf.search(query, K, params=options)[1][0]

        def after(query: np.ndarray, rows: np.ndarray | None, probes: int = probes) -> np.ndarray:
            number = K if rows is None else min(num, -(-K * num // len(rows)))
            options = faiss.SearchParametersIVF(nprobe=probes)
            best = ivf.search(query, min(number, 2048), params=options)[1][0]
            return best if rows is None else best[np.isin(best, rows)]

        name = f"faiss IVFFlat, {100 * share:g} % of the cells"
        found[name] = inside, items.nbytes, seconds
        found[f"{name}, filter afterwards"] = after, items.nbytes, seconds
    if hnsw:
        graph = faiss.IndexHNSWFlat(dim, 32, inner)
        graph.hnsw.efConstruction = 100
        seconds = build(graph)
        size = items.nbytes + num * 64 * 4

        def walk(query: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
            options = faiss.SearchParametersHNSW(efSearch=200, **selector(rows, num))
            return graph.search(query, K, params=options)[1][0]

        found["faiss HNSW, efSearch 200"] = walk, size, seconds
    eight = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, inner)
    pq = faiss.IndexPQ(dim, dim // 4, 8, inner)
    pq.pq.cp.niter = 5
    for name, index in (("8-bit numbers", eight), ("product quantisation, 8 bits of 4", pq)):
        seconds = build(index)
        size = index.code_size * num
        for number in (K, 200):

            def scan(
                query: np.ndarray, rows: np.ndarray | None, index: Any = index, number: int = number
            ) -> np.ndarray:
                wanted = number if rows is None else min(2048, -(-number * num // len(rows)))
                options = selector(rows, num)
                if index is pq or not options:  # product quantisation takes no filter
                    best = index.search(query, wanted)[1][0]
                    best = best if rows is None else best[np.isin(best, rows)][:number]
                else:
                    parameters = faiss.SearchParameters(**options)
                    best = index.search(query, number, params=parameters)[1][0]
                return best if number == K else rescored(best, query)

            more = "" if number == K else f", {number} compared whole"
            found[f"faiss {name}{more}"] = scan, size, seconds
    return found


def compared(
    kind: str, num: int, dim: int, queries: int, hnsw: bool, alone: bool
) -> dict[str, Any]:
    """Return what each index reaches on one kind of data."""
    items, asked, centres = data(kind, num, dim, queries)
    exact = ExactIndex(items)
    spent, index = milliseconds(lambda: ApproximateIndex(items, ApproximateIndexConfig()))
    assert index.compressed is not None
    passing = filters(items, centres)

    def ours(query: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
        return index.search(query, K, candidates=rows).items[0]

    def all_items(query: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
        return exact.search(query, K, candidates=rows).items[0]

    others = {
        "exact": (all_items, items.nbytes, 0.0),
        **({} if alone else competitors(items, hnsw)),
    }
    mine = (ours, index.compressed.nbytes, spent / 1000)
    result: dict[str, Any] = {"bytes_of_vectors": items.nbytes, "indexes": {}}
    truths = {n: exact.search(asked, K, candidates=rows).items for n, rows in passing.items()}
    for name, (search, size, seconds) in {"kgrec": mine, **others}.items():
        slow = asked if name == "kgrec" else asked[: max(20, queries // 10)]
        shares = {
            share: measured(search, slow, rows, truths[share][: len(slow)])
            for share, rows in passing.items()
        }
        result["indexes"][name] = {
            "bytes": size,
            "bytes_per_vector": size / num,
            "seconds_to_build": seconds,
            "filters": shares,
        }
        worst = min(one["recall"] for one in shares.values())
        longest = max(one["ms_p95"] for one in shares.values())
        print(f"  {name}: lowest recall {worst:.3f}, longest p95 {longest:.1f} ms", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, nargs="+", default=[64, 384])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--kinds", nargs="+", default=["clustered", "normal"])
    parser.add_argument(
        "--without-hnsw", action="store_true", help="leave the graph of neighbors out"
    )
    parser.add_argument("--alone", action="store_true", help="only beside exact search")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "bench_index.json")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    missed = False
    for dim in options.dims:
        for kind in options.kinds:
            name = f"{options.items} x {dim}, {kind}"
            print(name, flush=True)
            hnsw = not options.without_hnsw
            found = compared(kind, options.items, dim, options.queries, hnsw, options.alone)
            results[name] = found
            of_ours = found["indexes"]["kgrec"]["filters"].values()
            recall = min(one["recall"] for one in of_ours)
            came = min(one["returned"] for one in of_ours)
            slowest = max(one["ms_p95"] for one in of_ours)
            missed |= recall < BAR_RECALL or came < 1 or slowest > BAR_MS
            print(
                f"  bars: recall {recall:.3f} (at least {BAR_RECALL}), returned {came:.0%} (100 %),"
                f" p95 {slowest:.1f} ms (at most {BAR_MS:g})",
                flush=True,
            )
    made = {"k": K, "bars": {"recall": BAR_RECALL, "ms_p95": BAR_MS}, "results": results}
    text = json.dumps({**made, "about": about(0)}, indent=2)
    options.out.write_text(text + "\n", encoding="utf-8")
    sys.exit(missed)


if __name__ == "__main__":
    main()
