"""The origin of a result file: versions, machine, seed, date."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

_LIBRARIES = (
    "torch",
    "torch-geometric",
    "transformers",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pyoxigraph",
    "rdflib",
)


def about(seed: int) -> dict[str, Any]:
    """Return the origin of a result: versions, machine, seed, date."""
    return {
        "kgrec": metadata.version("kgrec"),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _LIBRARIES},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
        },
        "seed": seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()
