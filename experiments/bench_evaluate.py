"""Full-ranking evaluation with many users and items: seconds and peak memory.

Random vectors of 64 dimensions stand for a model, as what is measured is what comes after it. Users
have from 10 to 100 training items, of skewed popularity, and 5 test items each; every item is
ranked for every user, without those of training. It runs in a process of its own, whose peak of
memory counts everything: Python, the libraries, the interactions and the vectors. Needs Linux, for
that peak.

    python experiments/bench_evaluate.py [--users 100000] [--items 100000]

Writes experiments/results/bench_evaluate.json; exit code 1 where the bar is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.evaluation.evaluate import evaluate

HERE = Path(__file__).parent
DIM, CUTOFFS, BAR_GIB = 64, (10, 20), 1.5


class Vectors:
    """A model that scores by inner products."""

    def __init__(self, users: np.ndarray, items: np.ndarray) -> None:
        self.users, self.items = users, np.ascontiguousarray(items.T)
        self.seconds = 0.0

    def score(self, users: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        scores = self.users[users] @ self.items
        self.seconds += time.perf_counter() - started
        return scores


def interactions(num_users: int, num_items: int, rng: np.random.Generator) -> list[Interactions]:
    """Return a training and a test part without a common pair."""
    users = Vocabulary([f"u{row:07}" for row in range(num_users)], "user")
    items = Vocabulary([f"i{row:07}" for row in range(num_items)], "item")
    counts = rng.integers(10, 101, num_users) + 5
    user = np.repeat(np.arange(num_users), counts)
    item = (num_items * rng.random(len(user)) ** 2).astype(np.int64)  # the first ones more often
    pairs = np.unique(user * num_items + item)
    user, item = np.divmod(pairs, num_items)
    last = np.searchsorted(user, user, side="right") - np.arange(len(user))
    order = rng.permutation(len(user))  # which of a user's items are the test is drawn
    order = order[np.argsort(user[order], kind="stable")]
    user, item = user[order], item[order]
    return [Interactions(users, items, user[part], item[part]) for part in (last > 5, last <= 5)]


def measured(num_users: int, num_items: int) -> dict[str, Any]:
    """Evaluate in this process; return what it took and what was found."""
    rng = np.random.default_rng(0)
    train, test = interactions(num_users, num_items, rng)
    vectors = [rng.normal(size=(num, DIM)).astype(np.float32) for num in (num_users, num_items)]
    model = Vectors(*vectors)
    started = time.perf_counter()
    result = evaluate(model, test, exclude=train, k=CUTOFFS)
    seconds = time.perf_counter() - started
    # Not getrusage: its peak includes that of the process that started this one.
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    return {
        "num_users": num_users,
        "num_items": num_items,
        "num_training": len(train),
        "num_test": len(test),
        "dim": DIM,
        "k": list(CUTOFFS),
        "seconds": seconds,
        "seconds_of_the_model": model.seconds,
        "peak_bytes": peak,
        "metrics": dict(result.metrics),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measured(options.users, options.items)))
        return
    from kgrec.runs.about import about

    sizes = ["--users", str(options.users), "--items", str(options.items)]
    command = [sys.executable, __file__, "--inside", *sizes]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    result = {**json.loads(found), "bar_bytes": int(BAR_GIB * 2**30), "about": about(0)}
    if (options.users, options.items) == (100_000, 100_000):
        path = HERE / "results" / "bench_evaluate.json"
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(
        f"{result['seconds']:.1f} s, of which the model {result['seconds_of_the_model']:.1f} s; "
        f"peak {result['peak_bytes'] / 2**30:.2f} GiB (bar {BAR_GIB})"
    )
    sys.exit(result["peak_bytes"] > result["bar_bytes"])


if __name__ == "__main__":
    main()
