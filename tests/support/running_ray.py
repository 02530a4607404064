"""A real Ray cluster on this machine: a head with room for three workers of one core."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_cluster(folder, cores=3):
    """Start a cluster, yield its address, and stop it; nothing of it stays."""
    port = free_port()
    command = [
        Path(sys.executable).with_name("ray"), "start", "--head", "--block", f"--port={port}",
        f"--num-cpus={cores}", "--object-store-memory=100000000", "--include-dashboard=false",
        "--disable-usage-stats", f"--temp-dir={folder}",
        # Ray's fixed ports are those of any other cluster of this machine: take free ones.
        "--min-worker-port=0", "--max-worker-port=0", f"--ray-client-server-port={free_port()}",
        f"--dashboard-agent-listen-port={free_port()}",
    ]  # fmt: skip
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")]),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with (Path(folder) / "head.log").open("w") as log:
        head = subprocess.Popen(
            list(map(str, command)), stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        _wait(port, head)
        yield f"127.0.0.1:{port}"
    finally:
        # Not `ray stop`, nor the signal on which `ray start` calls it: they end the processes of
        # all clusters of this machine.
        for pid in [*_below(head.pid), head.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        head.wait(20)


def _below(pid):
    """Return the processes that a process has started, and those that they have."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, children) for one in [child, *_below(child)]]


def _wait(port, head):
    for _ in range(600):
        assert head.poll() is None, "the head of the cluster has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(3)  # the head answers before its node is there
                return
        time.sleep(0.1)
    raise AssertionError("the cluster does not start")
