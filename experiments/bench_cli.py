"""CPU seconds (user and system) of commands on saved runs, from the start to the end.

    python experiments/bench_cli.py [RUN]

RUN is a run folder of `kgrec demo`; without it, the demo makes one. The same data with EASE, a
model that reads no text vectors, is the second run. Each figure is the median of five rounds after
one that warms the caches. The first search on the second run encodes the items and is stated apart.
Writes results/cli_seconds.json.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import kgrec
from kgrec.files import write_json
from kgrec.runs.about import about

HERE = Path(__file__).parent
KGREC = [sys.executable, "-m", "kgrec.cli"]
ROUNDS = 5
COMMANDS = {
    "inspect": [],
    "recommend": ["--user", "u0001"],
    "recommend --filter": ["--user", "u0001", "--filter", "'Science fiction' in genre"],
    "similar": ["F0010"],
    "search": ["a dry heist comedy"],
    "explain": ["--user", "u0001", "--item", "F0010"],
}


def cpu_seconds(command: list[str], cache: Path) -> float:
    """Return the CPU seconds of a command that must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def save_with_ease(run: Path, folder: Path) -> None:
    """Write a run folder of EASE with the data of another run."""
    recommender = kgrec.load(run)
    snapshot = recommender.snapshot
    inputs = snapshot.inputs
    other = kgrec.Recommender(
        inputs.kg,
        inputs.links,
        model=kgrec.EASE(),
        items=inputs.items,
        users=inputs.users,
        text=recommender.text_config,
        graph=inputs.config,
    )
    kgrec.save(other.fit(snapshot.interactions[0]), folder)


def measured(run: Path, cache: Path) -> dict[str, float]:
    """Return the median CPU seconds of each command on a run."""
    seconds = {}
    for name, arguments in COMMANDS.items():
        command = [*KGREC, name.split()[0], str(run), *arguments]
        first = cpu_seconds(command, cache)
        if name == "search":
            seconds["first search"] = first
        seconds[name] = statistics.median(cpu_seconds(command, cache) for _ in range(ROUNDS))
    return {name: round(value, 2) for name, value in seconds.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache, demo, ease = Path(folder, "cache"), Path(folder, "demo"), Path(folder, "ease")
        if sys.argv[1:]:
            demo = Path(sys.argv[1])
        else:
            cpu_seconds([*KGREC, "demo", "--out", str(demo)], cache)
        save_with_ease(demo, ease)
        seconds = {"demo": measured(demo, cache), "ease": measured(ease, cache)}
    result = {
        "what": "CPU seconds, user and system, of commands on saved runs",
        "about": about(0),
        "load": os.getloadavg(),
        "seconds": seconds,
    }
    write_json(HERE / "results" / "cli_seconds.json", result)
    for run, found in seconds.items():
        print(run, ", ".join(f"{name} {value:.2f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
