"""What the fuzzers share: a process for each kind, damage, and what an answer must be."""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
for folder in ("tests/support", "tests/rdf"):
    sys.path.insert(0, str(HERE.parent / folder))

SLOW_S = 20
MEMORY = 6 << 30


def damaged(
    content: bytes, tokens: Sequence[bytes], chance: random.Random, others: Sequence[bytes] = ()
) -> bytes:
    """One change to a document, which may come from another one."""
    at = chance.randrange(len(content) + 1)
    end = min(len(content), at + chance.choice((1, 1, 2, 8, 40)))
    kind = chance.randrange(8 if others else 6)
    if kind == 0:
        return content[:at] + content[end:]
    if kind == 1:
        return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
    if kind == 2:
        return content[:at] + chance.choice(tokens) + content[at:]
    if kind == 3:
        return content[:end] + content[at:end] * chance.choice((1, 3, 300)) + content[end:]
    if kind == 4:
        return content[:at] + chance.choice(tokens) + content[end:]
    if kind == 5:
        return content[:at]
    other = chance.choice(others)
    if kind == 6:
        return content[:at] + other[chance.randrange(len(other) + 1) :]
    return content + b"\n" + other


def answer(read: Callable[..., Any], *source: Any) -> Any:
    """Return what is read of a source; None: a message, safe to show and soon there."""
    from kgrec.errors import ACTING, KgrecError

    started, found, message = time.monotonic(), None, ""
    try:
        with warnings.catch_warnings(action="ignore"):
            found = read(*source)
    except KgrecError as error:
        message = str(error)
    assert not ACTING.search(message.replace("\n", "")), repr(message)
    assert time.monotonic() - started < SLOW_S, "slow"
    return found


def drive(doc: str, kinds: Sequence[str], work: Callable[[str, float, int, Path], int]) -> int:
    """Fuzz every kind for its share of the time, in a process of its own; return the exit code.

    Args:
        doc: What the script does.
        kinds: The kinds.
        work: Fuzzes a kind for some seconds from a seed, and leaves what it finds in a folder;
            returns how many documents were read, or fails. A file `current.KIND` in the folder is
            the document that was read when a process ended.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--found", type=Path, default=HERE / "found")
    parser.add_argument("--worker", choices=kinds)
    options = parser.parse_args()
    options.found.mkdir(parents=True, exist_ok=True)
    seed = options.seed if options.seed is not None else time.time_ns() % 10**9
    if options.worker:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        print(work(options.worker, options.seconds, seed, options.found))
        return 0
    failed = False
    for kind in kinds:
        share = options.seconds / len(kinds)
        arguments = ["--worker", kind, "--seconds", str(share), "--seed", str(seed)]
        done = subprocess.run(
            [sys.executable, sys.argv[0], *arguments, "--found", str(options.found)],
            capture_output=True,
            text=True,
            check=False,
            timeout=share * 3 + 300,
        )
        count = done.stdout.strip().splitlines()[-1:]
        if done.returncode == 0 and count and int(count[0]) > 0:
            print(f"{kind}: {count[0]} documents, nothing found")
            continue
        failed = True
        current, kept = options.found / f"current.{kind}", options.found / f"{kind}-{seed}"
        if current.exists():
            current.replace(kept)
        where = kept if kept.exists() else options.found
        print(f"{kind}: exit code {done.returncode}; what was read is in {where}")
        print(done.stderr[-3000:])
    print(f"seed {seed}")
    return 1 if failed else 0
