"""Vocabularies on disk: time and memory of making, opening and asking one, up to 10⁸ ids.

Ids are IRIs of 30 bytes, such as http://ex.org/u/00000000000017, in pieces of a million; each is in
two pieces, and their order is that of no row. The row of an id is the number in it, so that each
answer is checked. Each stage is a process of its own. Memory is what the process has of its own
(RssAnon, looked up fifty times a second): pages of a mapped file are the system's, which can drop
them. Needs Linux.

    python experiments/bench_vocabulary.py [--largest 100000000] [--folder DIR] [--page]

Writes experiments/results/vocabulary.json and the table of docs/how-to/large-graphs.md. 10⁸ ids
need 12 GB of disk and some minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from marks import between_marks

from kgrec.data.id_search import hashed
from kgrec.data.vocabulary import Vocabulary
from kgrec.files import write_json
from kgrec.types import IntArray

HERE = Path(__file__).parent
SIZES = (2_000_000, 10_000_000, 100_000_000)
PIECE = 1_000_000
STEP = 7_368_787  # a prime, so that its multiples modulo a power of ten are all numbers
PREFIX, DIGITS = b"http://ex.org/u/", 14
MOST_IN_MEMORY = 10_000_000
"""Ids of which a dictionary is made too, for comparison."""


def ids_of(numbers: IntArray) -> pa.Array:
    """Return the ids of numbers, as Arrow strings."""
    size = len(PREFIX) + DIGITS
    text = np.empty((len(numbers), size), dtype=np.uint8)
    text[:, : len(PREFIX)] = np.frombuffer(PREFIX, dtype=np.uint8)
    rest = numbers.copy()
    for place in range(size - 1, len(PREFIX) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        text[:, place] = digit + ord("0")
    begins = np.arange(0, text.size + 1, size, dtype=np.int64)
    buffers = [None, pa.py_buffer(begins), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.large_string(), len(numbers), buffers)


def pieces(size: int) -> Iterator[pa.Array]:
    """Yield pieces in which each of the ids is twice."""
    for multiplier in (STEP, STEP + 4):
        for start in range(0, size, PIECE):
            numbers = np.arange(start, min(start + PIECE, size), dtype=np.int64)
            yield ids_of(numbers * multiplier % size)


def own_bytes() -> int:
    """Return the memory of this process that is in no file."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


class Watch:
    """Seconds of the body, those of the processor, and its highest memory above that before."""

    def __enter__(self) -> Watch:
        self._over, self.peak, self._before = False, 0, own_bytes()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        self._started = time.perf_counter(), time.process_time()
        return self

    def _look(self) -> None:
        while not self._over:
            self.peak = max(self.peak, own_bytes() - self._before)
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started[0]
        self.cpu_seconds = time.process_time() - self._started[1]
        self._over = True
        self._thread.join()
        self.peak = max(self.peak, own_bytes() - self._before)

    def figures(self) -> dict[str, float]:
        seconds, cpu = round(self.seconds, 6), round(self.cpu_seconds, 6)
        return {"seconds": seconds, "cpu_seconds": cpu, "bytes": self.peak}


def make(path: Path, size: int) -> dict[str, Any]:
    with Watch() as watch:
        made = Vocabulary.from_pieces(pieces(size), path, "user")
    assert len(made) == size
    return {"make": watch.figures(), "file_bytes": path.stat().st_size}


def ask(path: Path, size: int) -> dict[str, Any]:
    """Open a vocabulary, and ask for one id and for many."""
    Vocabulary.from_sorted(ids_of(np.arange(2 << 20))).rows(ids_of(np.arange(5000)))  # compiles
    with Watch() as watch:
        known = Vocabulary.open(path)
    found = {"open": watch.figures()}
    rng = np.random.default_rng(0)
    with Watch() as watch:
        row = known.row(ids_of(np.array([size // 3]))[0].as_py())
    assert row == size // 3
    found["one id"] = watch.figures()
    for name, count, ordered in (
        ("100,000 ids", 100_000, False),
        ("1,000,000 ids", 1_000_000, False),
        ("1,000,000 ids in order", 1_000_000, True),
    ):
        numbers = rng.integers(0, 2 * size, count)  # half of them unknown
        numbers = np.sort(numbers) if ordered else numbers
        wanted = ids_of(numbers)
        with Watch() as watch:
            rows = known.rows(wanted, missing="-1")
        assert (rows == np.where(numbers < size, numbers, -1)).all()
        found[name] = watch.figures()
    return found


def hash_all(path: Path, size: int) -> dict[str, Any]:
    """Do the same in memory: a dictionary of Python, and Arrow's table of hashes."""
    known = Vocabulary.open(path)
    with Watch() as watch:
        index = {id: row for row, id in enumerate(known.array.to_pylist())}
    found = {"dictionary of all": watch.figures()}
    del index
    numbers = np.random.default_rng(0).integers(0, 2 * size, 1_000_000)
    wanted = ids_of(numbers)
    with Watch() as watch:
        hashed(wanted, known.array)
    return {**found, "1,000,000 ids by hashing all": watch.figures()}


STAGES = {"make": make, "ask": ask, "hash": hash_all}


def in_a_process(stage: str, path: Path, size: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--stage", stage, "--path", str(path), "--size", str(size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def table(sizes: dict[str, Any]) -> str:
    """Return the table of the page: a row for each number of ids."""
    lines = [
        "| ids | GiB of the file | making: seconds | GiB | opening: seconds | a million rows: "
        "seconds | GiB | dictionary of all: seconds | GiB |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for size, found in sizes.items():
        cells = [f"{int(size):,}", f"{found['file_bytes'] / 2**30:.2f}"]
        for name, form, has_memory in (
            ("make", ",.0f", True),
            ("open", ".2f", False),
            ("1,000,000 ids", ".1f", True),
            ("dictionary of all", ".1f", True),
        ):
            one = found.get(name)
            cells.append("not made" if one is None else format(one["seconds"], form))
            if has_memory:
                cells.append("" if one is None else f"{one['bytes'] / 2**30:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_page(sizes: dict[str, Any]) -> None:
    """Put the table between its marks."""
    page = HERE.parent / "docs" / "how-to" / "large-graphs.md"
    text = between_marks(page.read_text(encoding="utf-8"), "vocabulary", table(sizes))
    page.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--folder", type=Path, help="where the files are; None: a temporary one")
    for name, kind in (("--stage", str), ("--path", Path), ("--size", int)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--page", action="store_true", help="only write the page again")
    args = parser.parse_args()
    out = HERE / "results" / "vocabulary.json"
    if args.page:
        write_page(json.loads(out.read_text())["sizes"])
        return
    if args.stage is not None:
        print(json.dumps(STAGES[args.stage](args.path, args.size)))
        return
    from kgrec.runs.about import about

    sizes: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for size in (one for one in SIZES if one <= args.largest):
            path = Path(folder) / f"{size}.arrow"
            found: dict[str, Any] = {}
            for stage in STAGES:
                if stage != "hash" or size <= MOST_IN_MEMORY:
                    found |= in_a_process(stage, path, size)
            path.unlink()
            sizes[str(size)] = found
            print(size, json.dumps(found, indent=1))
    write_json(out, {"sizes": sizes, "about": about(0)})
    write_page(sizes)


if __name__ == "__main__":
    main()
