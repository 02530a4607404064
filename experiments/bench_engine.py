"""Encoding 20,000 texts by two one-thread workers of Ray against one thread of one process.

In turns, on this machine's cores; the vectors must have the same bits. Starting the workers and
loading their models is not counted: both encode some texts before the clock starts.

    python experiments/bench_engine.py [--texts 20000] [--rounds 2]

Writes experiments/results/bench_engine.json. Needs `kgrec[ray,offline]`, and two free cores: two
workers cannot be faster than one where another program uses the second core, so the seconds of
processor time that the machine had for us are told too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import kgrec
from kgrec.engine import LocalEngine, RayEngineConfig
from kgrec.runs.about import about

HERE = Path(__file__).parent
BAR = 1.7
WORDS = ("film", "sea", "pirates", "love", "war", "old", "town", "girl", "king", "dream", "music")


def texts(number: int) -> list[str]:
    """Return different texts of 5 to 60 words."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 60, size=number)
    return [f"{n} {' '.join(rng.choice(WORDS, length))}" for n, length in enumerate(lengths)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    given, encoder = texts(args.texts), kgrec.TextEncoder()
    seconds: dict[str, list[float]] = {"one": [], "two": []}
    with RayEngineConfig(address="local", workers=2).build() as ray:
        encoder.encode(given[:500])
        with LocalEngine():
            encoder.encode(given[:500])
        for _ in range(args.rounds):
            began = time.perf_counter()
            with LocalEngine():
                one = encoder.encode(given)
            seconds["one"].append(time.perf_counter() - began)
            began = time.perf_counter()
            with ray:
                two = encoder.encode(given)
            seconds["two"].append(time.perf_counter() - began)
    same = bool(np.array_equal(one, two))
    ratio = statistics.median(seconds["one"]) / statistics.median(seconds["two"])
    result: dict[str, Any] = {
        "texts": args.texts,
        "seconds": seconds,
        "ratio": ratio,
        "bar": BAR,
        "same_bits": same,
        "load_average": os.getloadavg()[0],
        "precision": encoder.loaded_precision,
        "about": about(0),
    }
    out = HERE / "results" / "bench_engine.json"
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"two workers {ratio:.2f} times as fast as one (bar {BAR}), same bits: {same}")
    return 0 if same and ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
