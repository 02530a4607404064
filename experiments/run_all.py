"""Measure again everything that the README's tables say, then write those tables and figures.

    python experiments/run_all.py [--data ../shared/data] [--without search.py published.py …]

What is timed comes first, one after the other; nothing else should run on the machine meanwhile.
search.py and published.py take hours, and go on where they were stopped: what stands in their
results is not measured again, unless --anew removes it first. Without them it takes about an hour
on two cores. A comparison with RecBole needs `make peers` first, and is left out without it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / "peers" / ".venv" / "bin" / "python"
TIMED = (
    "bench_read.py",
    "bench_encode.py",
    "bench_growth.py",
    "bench_demo.py",
    "bench_recbole.py",
    "bench_evaluate.py",
    "bench_models.py",
)
MEASURED = (
    "baselines.py",
    "link_prediction.py",
    "search.py",
    "published.py",
    "own_model.py",
    "languages.py",
    "redial.py",
)
WRITTEN = ("figures.py", "tables.py", "bench_tests.py", "tables.py")
WITH_DATA = {"bench_read.py", "bench_encode.py", "bench_recbole.py", *MEASURED}
GOING_ON = ("search", "published")


def commands(data: str, without: set[str]) -> list[list[str]]:
    """Return the scripts to run, in order, each with its arguments."""
    names = [name for name in (*TIMED, *MEASURED, *WRITTEN) if name not in without]
    made = [[name, *(("--data", data) if name in WITH_DATA else ())] for name in names]
    for command in made:
        if command[0] == "published.py" and PEERS.exists():
            command += ["--peer", str(PEERS)]
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument(
        "--without", nargs="*", default=[], metavar="SCRIPT", help="leave these out"
    )
    parser.add_argument(
        "--anew", action="store_true", help="begin the search and the published models anew"
    )
    options = parser.parse_args()
    without = set(options.without)
    if not PEERS.exists() and "bench_recbole.py" not in without:
        print("RecBole is not installed (make peers): bench_recbole.py is left out.", flush=True)
        without.add("bench_recbole.py")
    if options.anew:
        for name in GOING_ON:
            (HERE / "results" / f"{name}.json").unlink(missing_ok=True)
    failed = []
    for command in commands(options.data, without):
        print("==", *command, flush=True)
        if subprocess.run([sys.executable, str(HERE / command[0]), *command[1:]]).returncode:
            failed.append(command[0])
    if failed:
        sys.exit(f"Not all bars were reached or not all ran: {', '.join(failed)}")


if __name__ == "__main__":
    main()
