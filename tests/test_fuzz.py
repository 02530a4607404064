"""The fuzzers run: what they need of the tests and of the package is there."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "fuzz"


@pytest.mark.parametrize(
    ("script", "kind"),
    [("fuzz_readers", "ttl"), ("fuzz_files", "table"), ("fuzz_files", "run")],
)
def test_a_fuzzer_reads_what_it_damages(tmp_path, script, kind):
    arguments = ["--worker", kind, "--seconds", "0.1", "--seed", "1", "--found", tmp_path]
    done = subprocess.run(
        [sys.executable, FUZZ / f"{script}.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
