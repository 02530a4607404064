"""Times two checkouts of kgrec in turns: reading a graph, training, importing.

    git worktree add ../kgrec-old v0.1.0
    python experiments/bench_checkouts.py --old ../kgrec-old

Every figure is that of a process of its own, and the two checkouts take turns, so that a machine
whose speed drifts does not decide. Writes experiments/results/bench_checkouts.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rdf_like_dbpedia import write_triples

from kgrec.files import write_json
from kgrec.runs.about import about

HERE = Path(__file__).parent
TRIPLES = 1_000_000

READ = """
import sys, time
from kgrec.kg.graph import KnowledgeGraph
began = time.perf_counter()
KnowledgeGraph.read(sys.argv[1])
print(time.perf_counter() - began)
"""
IMPORT = """
import time
began = time.perf_counter()
import kgrec
kgrec.Recommender, kgrec.KnowledgeGraph, kgrec.LinkPrediction
print(time.perf_counter() - began)
"""


def run(checkout: Path, arguments: list[str]) -> str:
    """Run Python with the kgrec of a checkout, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=checkout, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def seconds(checkout: Path, what: str, folder: Path) -> float:
    """Return what one run took: of reading, of importing, or of training a config."""
    if what == "read":
        return float(run(checkout, ["-c", READ, str(folder / "triples.nt")]))
    if what == "import":
        return float(run(checkout, ["-c", IMPORT]))
    out = folder / f"{checkout.name}-{what}"
    run(checkout, ["-m", "kgrec.cli", "train", f"experiments/{what}.yaml", "--out", str(out)])
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return float(metrics["seconds"]["fit"])


def compared(old: Path, new: Path, what: str, rounds: int, folder: Path) -> dict[str, Any]:
    """Time both in turns; the ratio is that of the medians, new over old."""
    found: dict[str, list[float]] = {"old": [], "new": []}
    for number in range(rounds + 1):
        for name, checkout in (("old", old), ("new", new)):
            taken = seconds(checkout, what, folder)
            if number:  # the first round warms up
                found[name].append(round(taken, 4))
    old_median, new_median = (statistics.median(found[name]) for name in ("old", "new"))
    pairs = [new / old for old, new in zip(found["old"], found["new"], strict=True)]
    result = {
        "seconds": found,
        "ratio_of_medians": round(new_median / old_median, 3),
        "ratio_of_minima": round(min(found["new"]) / min(found["old"]), 3),
        "median_of_ratios": round(statistics.median(pairs), 3),
    }
    print(what, json.dumps(result))
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="the checkout to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_triples(folder / "triples.nt", TRIPLES)
        results = {
            what: compared(options.old.resolve(), HERE.parent.resolve(), what, rounds, folder)
            for what, rounds in (
                ("read", 2 * options.rounds),
                ("import", 2 * options.rounds),
                ("lastfm", options.rounds),
                ("movielens_dbpedia", options.rounds),
            )
        }
    write_json(HERE / "results" / "bench_checkouts.json", results | about(0))
