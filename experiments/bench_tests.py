"""How long `make test` takes after installation. Writes results/make_test.json.

python experiments/bench_tests.py
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from kgrec.files import write_json
from kgrec.runs.about import about

HERE = Path(__file__).parent


def main() -> None:
    started = time.perf_counter()
    run = subprocess.run(["make", "test"], cwd=HERE.parent, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if run.returncode:
        sys.exit(run.stdout[-4000:] + run.stderr[-4000:])
    counts = re.findall(r"^.*\d+ passed.*$", run.stdout, re.MULTILINE)
    result = {"what": "seconds of `make test`", "about": about(0), "seconds": seconds}
    write_json(HERE / "results" / "make_test.json", {**result, "summary": counts[-1].strip()})
    print(f"make test: {seconds:.0f} s; {counts[-1].strip()}")


if __name__ == "__main__":
    main()
