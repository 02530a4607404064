"""How much memory this process can still get."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_MEMINFO: Final = Path("/proc/meminfo")
_CGROUP: Final = Path("/sys/fs/cgroup")


def available_memory(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> int | None:
    """Return the bytes that are free for this process; None: the system does not say it.

    It is the least of what the machine has and what a container may use (version 2 of Linux's
    control groups).
    """
    found = [_of_machine(meminfo), _of_container(cgroup)]
    known = [one for one in found if one is not None]
    return min(known, default=None)


def _of_machine(path: Path) -> int | None:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _of_container(folder: Path) -> int | None:
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))  # or the word "max"
        return max(0, limit - int((folder / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return None
