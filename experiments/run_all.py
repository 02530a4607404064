"""Measure again everything that the README's tables say, then write those tables.

    python experiments/run_all.py [--data ../shared/data]

Takes about half an hour on two cores. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WITH_DATA = ("bench_read.py", "bench_encode.py", "baselines.py", "link_prediction.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="../shared/data")
    options = parser.parse_args()
    commands = [[name, "--data", options.data] for name in WITH_DATA]
    failed = []
    for command in [
        *commands,
        ["bench_growth.py"],
        ["bench_demo.py"],
        ["tables.py"],
        ["bench_tests.py"],
        ["tables.py"],
    ]:
        print("==", *command, flush=True)
        if subprocess.run([sys.executable, str(HERE / command[0]), *command[1:]]).returncode:
            failed.append(command[0])
    if failed:
        sys.exit(f"Not all bars were reached or not all ran: {', '.join(failed)}")


if __name__ == "__main__":
    main()
