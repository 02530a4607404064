"""How fast a graph is read, beside the least that any reader built on pyoxigraph must do.

That least is: decompress the file, and iterate `pyoxigraph.parse` over its bytes doing nothing per
triple. Both run alternately in one process, so that a busy machine slows both.

    python experiments/bench_read.py [--data ../shared/data] [--rounds 15]

Writes experiments/results/bench_read.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyoxigraph

import kgrec
from kgrec.kg.graph import KnowledgeGraph

HERE = Path(__file__).parent
BAR = 2.0


def iterate(path: Path) -> int:
    """Decompress and parse, doing nothing per triple."""
    text = gzip.decompress(path.read_bytes())
    for _ in pyoxigraph.parse(text, format=pyoxigraph.RdfFormat.N_TRIPLES):
        pass
    return len(text)


def seconds(function: Callable[[Path], Any], path: Path) -> float:
    start = time.perf_counter()
    function(path)
    return time.perf_counter() - start


def measure(path: Path, rounds: int) -> dict[str, Any]:
    """Time both in turn, after one round that warms the caches."""
    iterating, reading = [], []
    for _ in range(rounds + 1):
        iterating.append(seconds(iterate, path))
        reading.append(seconds(KnowledgeGraph.read, path))
    iterating, reading = iterating[1:], reading[1:]
    ratios = [ours / least for ours, least in zip(reading, iterating, strict=True)]
    median_iterate, median_read = statistics.median(iterating), statistics.median(reading)
    kg = KnowledgeGraph.read(path)
    return {
        "file": path.name,
        "statements": kg.report.statements,
        "rounds": rounds,
        "iterate_seconds": iterating,
        "read_seconds": reading,
        "iterate_median": median_iterate,
        "read_median": median_read,
        "ratio_of_medians": median_read / median_iterate,
        "median_of_ratios": statistics.median(ratios),
        "bar": BAR,
        "holds": median_read / median_iterate < BAR,
    }


def machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "processor": _processor(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "pyoxigraph": pyoxigraph.__version__,
        "pyarrow": pyarrow.__version__,
        "kgrec": getattr(kgrec, "__version__", None),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "bench_read.json")
    args = parser.parse_args()
    path = args.data / "movielens-dbpedia" / "kg.nt.gz"
    if not path.exists():
        print(f"{path}: there is no such file; give the folder of the data with --data.")
        return 2
    result = measure(path, args.rounds)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"result": result, "machine": machine()}, indent=2) + "\n")
    print(f"{result['statements']} statements, median of {args.rounds} rounds")
    print(f"  decompress + iterate pyoxigraph.parse  {result['iterate_median'] * 1e3:8.1f} ms")
    print(f"  KnowledgeGraph.read                    {result['read_median'] * 1e3:8.1f} ms")
    verdict = "holds" if result["holds"] else "does not hold"
    print(f"  ratio {result['ratio_of_medians']:.2f}, bar {BAR:g}: {verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
