"""Embedding tables in memory and in mapped files: seconds, memory and disk of a training.

BPR with width 64, four epochs of 250 steps, on a log with a planted preference: users and items
belong to groups, as in scale.py. Matrix factorisation (no messages), and for up to a million users
also one layer of LightGCN with five drawn neighbors. Each run is a process of its own. Memory is
what is not a file's: pages of mapped files are given back where memory is short.

    python experiments/tables_on_disk.py [--users 1000000 …] [--folder DIR]

Writes experiments/results/tables_on_disk.json and the table of docs/how-to/large-graphs.md. Needs
Linux. Users for whom the model does not fit into memory are trained on disk alone. What the file
has of other numbers of users stays.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from marks import between_marks
from scale import group_of, member

import kgrec
from kgrec.bounds.free_memory import available_memory
from kgrec.runs.about import about
from kgrec.training.link_prediction import BYTES_A_NUMBER

HERE = Path(__file__).parent
DIM, EPOCHS, STEPS, ITEMS, GROUPS, EACH = 64, 4, 250, 500, 10, 3
"""Width; epochs; steps of each; items; their groups; interactions of a user."""
SMALL = 1_000_000
SMALL_CASES = ((0, False, 1), (0, True, 1), (0, True, 1024), (1, False, 1), (1, True, 1))
LARGE_CASES = ((0, False, 1), (0, True, 1024))
"""Layers, whether tables are on disk, and `shuffle_block`, for up to so many users and for more."""


class Watch(threading.Thread):
    """Keeps the highest memory that is not a file's, and the most disk that is taken, in bytes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.memory, self.disk = folder, 0, 0
        self._free = self._left()

    def _left(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def run(self) -> None:
        """Look ten times a second."""
        while True:
            with open("/proc/self/status") as status:
                lines = dict(line.split(":", 1) for line in status)
            self.memory = max(self.memory, int(lines["RssAnon"].split()[0]) * 1024)
            self.disk = max(self.disk, self._free - self._left())
            time.sleep(0.1)


def written() -> int:
    """Return the bytes that this process had written to the disk, pages of mapped files too."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def make(path: Path, users: int) -> None:
    """Write a log in which four of five interactions are within the user's group."""
    rng = np.random.default_rng(0)
    schema = pa.schema({"user_id": pa.string(), "item_id": pa.string()})
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, users, 1_000_000):
            user = np.repeat(np.arange(start, min(users, start + 1_000_000)), EACH)
            own = member(rng, group_of(user, GROUPS), ITEMS, GROUPS)
            item = np.where(rng.random(len(user)) < 0.8, own, rng.integers(ITEMS, size=len(user)))
            columns = [[f"u{row}" for row in user.tolist()], [f"i{row}" for row in item.tolist()]]
            writer.write_table(pa.table(columns, schema=schema))


def run(path: Path, layers: int, block: int, *, on_disk: bool) -> dict[str, Any]:
    """Train, and return what it took and the share of lists' items of the user's own group."""
    watch = Watch(path.parent)
    watch.start()
    log = kgrec.Interactions.read(path)
    model = kgrec.LinkPrediction(
        kgrec.LinkPredictionConfig(
            predictor={"dim": DIM, "encoder": {"name": "lightgcn", "num_layers": layers}
                       if layers else "none"},
            training={
                "loss": "bpr", "batch_pairs": max(4096, len(log) // STEPS),
                "num_neighbors": [5] * layers, "shuffle_block": block,
                "max_epochs": EPOCHS, "learning_rate": 0.05, "weight_average": 0.0,
                "tables_on_disk": on_disk,
            },
        ),
        checkpoint=path.parent / "checkpoint.safetensors",
    )  # fmt: skip
    recommender = kgrec.Recommender(model=model, text=None)
    prepared = recommender.prepare(log)
    needs = model.memory_to_fit(prepared.data)
    began, cpu, before = time.perf_counter(), time.process_time(), watch.memory
    watch.memory, written_before = 0, written()
    model.fit(prepared.data)
    recommender.take(prepared.fitted(model))
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    rows = np.random.default_rng(1).integers(log.num_users, size=2000)
    hits = total = 0
    ids = log.users.ids
    for row in rows.tolist():
        user = ids[row]
        for one in recommender.recommend(user, 10):
            hits, total = hits + (int(one.item[1:]) % GROUPS == int(user[1:]) % GROUPS), total + 1
    return {
        "users": log.num_users, "interactions": len(log), "layers": layers, "on_disk": on_disk,
        "shuffle_block": block, "written": written() - written_before,
        "fit_seconds": seconds, "cpu_seconds": used, "memory_before": before,
        "memory": watch.memory, "disk": watch.disk, "told": needs,
        "own_group": hits / total, "chance": 1 / GROUPS,
    }  # fmt: skip


def in_a_process(path: Path, layers: int, block: int, *, on_disk: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, "--log", str(path), "--layers", str(layers)]
    command += ["--block", str(block)]
    if on_disk:
        command.append("--on-disk")
    environment = {**os.environ, "TMPDIR": str(path.parent)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def table(runs: list[dict[str, Any]]) -> str:
    """Return the table of the page; of a group of rows, the first names users and model."""
    lines = [
        "| users | model | tables | `shuffle_block` | seconds | GiB of memory | GiB of files | "
        "GiB written | own group |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    told: tuple[str, str] = ("", "")
    for one in sorted(runs, key=lambda one: one["users"]):  # those of equal size stay in order
        place = "on disk" if one["on_disk"] else "in memory"
        names = f"{one['users']:,}", "one layer" if one.get("layers") else "no messages"
        if one.get("refused"):
            needs, free = (
                f"{size / 2**30:.0f} GiB"
                for size in (one["users"] * DIM * BYTES_A_NUMBER, one["free"])
            )
            cells = [place, "1", f"needs {needs}, {free} were free", "", "", "", ""]
        else:
            gib = [one["memory"] - one["memory_before"], one["disk"], one["written"]]
            sizes = [f"{size / 2**30:.1f}" for size in gib]
            seconds, share = f"{one['fit_seconds']:,.0f}", f"{one['own_group']:.0%}"
            cells = [place, str(one["shuffle_block"]), seconds, *sizes, share]
        same_users, same_model = names[0] == told[0], names == told
        lines.append(
            "| " + " | ".join(
                ["" if same_users else names[0], "" if same_model else names[1], *cells]
            ) + " |"
        )  # fmt: skip
        told = names
    return "\n".join(lines)


def write_page(runs: list[dict[str, Any]]) -> None:
    """Put the table between its marks."""
    page = HERE.parent / "docs" / "how-to" / "large-graphs.md"
    text = between_marks(page.read_text(encoding="utf-8"), "tables_on_disk", table(runs))
    page.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--page", action="store_true", help="only write the page again")
    parser.add_argument("--log", type=Path)
    parser.add_argument("--on-disk", action="store_true")
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--block", type=int, default=1)
    args = parser.parse_args()
    if args.log is not None:
        print(json.dumps(run(args.log, args.layers, args.block, on_disk=args.on_disk)))
        return
    out = HERE / "results" / "tables_on_disk.json"
    result = json.loads(out.read_text()) if out.exists() else {"runs": []}
    if args.page:
        write_page(result["runs"])
        return
    runs = [one for one in result["runs"] if one["users"] not in args.users]
    for users in args.users:
        with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
            path = Path(scratch) / "log.parquet"
            make(path, users)
            for layers, on_disk, block in SMALL_CASES if users <= SMALL else LARGE_CASES:
                free = available_memory() or 0
                if not on_disk and users * DIM * BYTES_A_NUMBER > free:
                    runs.append({"users": users, "on_disk": False, "refused": True, "free": free})
                else:
                    runs.append(in_a_process(path, layers, block, on_disk=on_disk))
                print(runs[-1], flush=True)
    settings = {"dim": DIM, "epochs": EPOCHS, "steps": STEPS, "items": ITEMS, "each": EACH}
    result |= {"what": __doc__.splitlines()[0], "runs": runs, "settings": settings}
    out.write_text(json.dumps(result | {"about": about(0)}, indent=2) + "\n")
    write_page(runs)


if __name__ == "__main__":
    main()
