"""Recommendations for 100,000 users among 100,000 items, and for one user.

`recommend_all` against the bare matrix product plus `torch.topk` of the same blocks, in turns in
one process: seconds for the same users, and their ratio. Random vectors of 64 dimensions stand for
a model; users have 10 to 100 items, which are left out. What is measured of `recommend_all` is
iterating it, and writing it as Parquet. The peak of memory is that of a process of its own that
only writes, and counts everything. `recommend` is asked for single users of the same recommender.

    python experiments/bench_bulk.py [--users 100000] [--items 100000] [--rounds 3]

Writes experiments/results/bench_bulk.json and prints the bars; exit code 1 where one is missed.
Needs Linux. Ratios hold on a busy machine too; times and the p99 mean something on a quiet one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import kgrec
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.models.base import ModelConfig, VectorModel
from kgrec.models.state import State
from kgrec.models.training_data import TrainingData
from kgrec.snapshot import Derived, Inputs, Snapshot
from kgrec.snapshot.histories import histories_of

HERE = Path(__file__).parent
DIM, K, BLOCK = 64, 20, 160
BAR_RATIO, BAR_GIB, BAR_MS = 0.8, 1.5, 10.0


class Vectors(VectorModel):
    """A model of random vectors."""

    def __init__(self, num_users: int, num_items: int) -> None:
        super().__init__(ModelConfig(name="vectors"))
        rng = np.random.default_rng(0)
        self._users = rng.standard_normal((num_users, DIM), dtype=np.float32)
        self._items = rng.standard_normal((num_items, DIM), dtype=np.float32)

    @property
    def user_vectors(self) -> np.ndarray:
        return self._users

    @property
    def item_vectors(self) -> np.ndarray:
        return self._items

    def vectors_of_histories(self, histories: Any) -> np.ndarray:
        return np.asarray(histories @ self._items)

    def fit(self, data: TrainingData, *, callback: Any = None) -> Vectors:  # noqa: ARG002
        return self  # there is nothing to learn: the vectors are drawn

    def score(self, users: np.ndarray) -> np.ndarray:
        return self._users[users] @ self._items.T

    def score_histories(self, histories: Any) -> np.ndarray:
        return self.vectors_of_histories(histories) @ self._items.T

    def state(self) -> State:
        return {"users": self._users, "items": self._items}

    def load_state(
        self,
        state: Mapping[str, npt.NDArray[Any]],
        data: TrainingData,  # noqa: ARG002
    ) -> Vectors:
        self._users, self._items = state["users"], state["items"]
        return self


def recommender(num_users: int, num_items: int) -> kgrec.Recommender:
    """Return a recommender with that model, whose users have some items."""
    rng = np.random.default_rng(1)
    counts = rng.integers(10, 101, num_users)
    user = np.repeat(np.arange(num_users), counts)
    item = (num_items * rng.random(len(user)) ** 2).astype(np.int64)
    user, item = np.divmod(np.unique(user * num_items + item), num_items)
    users = Vocabulary([f"u{row:07}" for row in range(num_users)], "user")
    items = Vocabulary([f"i{row:07}" for row in range(num_items)], "item")
    log = Interactions(users, items, user, item)
    titles = kgrec.AttributeTable(items, tuple(f"Item {row}" for row in range(num_items)), {}, {})
    inputs = Inputs(items=titles)
    from kgrec.graph.node_names import NodeNames

    names = NodeNames({"item": list(titles.titles)}, {"item": items.ids})
    snapshot = Snapshot(
        Vectors(num_users, num_items), users, items, histories_of([log]), inputs, Derived(), (log,),
        titles=names,
    )  # fmt: skip
    return kgrec.Recommender(text=None).take(snapshot)


def bare(model: Vectors, rows: slice) -> float:
    """Return the seconds of the product and `torch.topk`."""
    import torch

    users, items = torch.from_numpy(model.user_vectors[rows]), torch.from_numpy(model.item_vectors)
    started = time.perf_counter()
    for start in range(0, len(users), BLOCK):
        torch.topk(users[start : start + BLOCK] @ items.T, K)
    return time.perf_counter() - started


def in_turns(made: kgrec.Recommender, rounds: int) -> dict[str, Any]:
    """Return seconds of all ways over equal parts of the users, each part by each way in turn."""
    model, bulk = made.snapshot.model, made.recommend_all(K)
    assert isinstance(model, Vectors)
    list(bulk.of_users(slice(0, 2048)))  # compiles
    bare(model, slice(0, 2 * BLOCK))
    edges = np.linspace(0, len(bulk), rounds + 1).astype(int).tolist()
    seconds: dict[str, list[float]] = {"bare": [], "iterated": [], "written": []}
    for start, stop in pairwise(edges):
        part = slice(start, stop)
        seconds["bare"].append(bare(model, part))
        started = time.perf_counter()
        for _ in bulk.of_users(part):
            pass
        seconds["iterated"].append(time.perf_counter() - started)
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            bulk.of_users(part).write(Path(folder) / "all.parquet")
            seconds["written"].append(time.perf_counter() - started)
        print({name: round(values[-1], 1) for name, values in seconds.items()}, flush=True)
    total = {name: sum(values) for name, values in seconds.items()}
    return {
        "seconds": total,
        "speed_of_iterated": total["bare"] / total["iterated"],
        "speed_of_written": total["bare"] / total["written"],
    }


def one_user(made: kgrec.Recommender, number: int) -> dict[str, float]:
    """Return milliseconds of `recommend`."""
    users = made.user_vocabulary.ids
    made.recommend(users[0], K)
    times = []
    for place in np.random.default_rng(2).integers(len(users), size=number).tolist():
        started = time.perf_counter()
        made.recommend(users[place], K)
        times.append(1000 * (time.perf_counter() - started))
    return {"ms_median": float(np.median(times)), "ms_p99": float(np.percentile(times, 99))}


def peak_of_writing(num_users: int, num_items: int) -> int:
    """Write all in this process, and return its peak of memory in bytes."""
    bulk = recommender(num_users, num_items).recommend_all(K)
    with tempfile.TemporaryDirectory() as folder:
        bulk.write(Path(folder) / "all.parquet", resume=True)
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "bench_bulk.json")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(peak_of_writing(options.users, options.items))
        return
    from kgrec.runs.about import about

    sizes = ["--users", str(options.users), "--items", str(options.items)]
    command = [sys.executable, __file__, "--inside", *sizes]
    peak = int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    made = recommender(options.users, options.items)
    result = {
        "num_users": options.users,
        "num_items": options.items,
        "dim": DIM,
        "k": K,
        **in_turns(made, options.rounds),
        "peak_bytes": peak,
        "one_user": one_user(made, 1000),
        "bars": {"speed": BAR_RATIO, "bytes": int(BAR_GIB * 2**30), "ms_p99": BAR_MS},
        "about": about(0),
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    speed = min(result["speed_of_iterated"], result["speed_of_written"])
    slowest = result["one_user"]["ms_p99"]
    print(
        f"speed of recommend_all: {speed:.2f} of product and torch.topk (at least {BAR_RATIO}); "
        f"peak {peak / 2**30:.2f} GiB (at most {BAR_GIB}); one recommend: p99 {slowest:.1f} ms "
        f"(at most {BAR_MS:g})"
    )
    sys.exit(speed < BAR_RATIO or peak > BAR_GIB * 2**30 or slowest > BAR_MS)


if __name__ == "__main__":
    main()
