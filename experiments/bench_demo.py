"""How long `kgrec demo` takes after installation, with and without cached text vectors.

    python experiments/bench_demo.py

Also times `import kgrec` and `kgrec --help` with warm caches. Writes results/demo.json.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kgrec.files import write_json
from kgrec.runs.about import about

HERE = Path(__file__).parent
KGREC = [sys.executable, "-m", "kgrec.cli"]


def seconds(command: list[str], **environment: str) -> float:
    """Return the wall-clock seconds of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    return time.perf_counter() - started


def median_seconds(command: list[str], rounds: int = 5) -> float:
    """Return the median of several rounds after one that warms the caches."""
    seconds(command)
    return statistics.median(seconds(command) for _ in range(rounds))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = [*KGREC, "demo", "--out", f"{folder}/out"]
        first = seconds(demo, XDG_CACHE_HOME=folder, HF_HUB_OFFLINE="1")
        second = seconds(demo, XDG_CACHE_HOME=folder, HF_HUB_OFFLINE="1")
    result = {
        "what": "seconds of the demo, of `import kgrec` and of `kgrec --help`",
        "about": about(0),
        "seconds": {"first": first, "text_cached": second},
        "import_seconds": median_seconds([sys.executable, "-c", "import kgrec"]),
        "help_seconds": median_seconds([*KGREC, "--help"]),
    }
    write_json(HERE / "results" / "demo.json", result)
    print(
        f"demo {first:.1f} s, with cached text {second:.1f} s; "
        f"import {result['import_seconds']:.2f} s, help {result['help_seconds']:.2f} s"
    )


if __name__ == "__main__":
    main()
