"""A real Ray cluster on this machine: a head with room for four workers of one core.

It stands apart from all other clusters of the machine, with a folder and ports of its own.
Run as a script, this module keeps the head until its input ends, which it also does where the tests
are killed: nothing of the cluster stays.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"


def free_ports(number):
    """Return ports that are free, no two alike."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


@contextmanager
def running_cluster(folder, cores=4):
    """Start a cluster, yield its address, and stop it; nothing of it stays."""
    keeper = None
    try:
        # A head gives up if its node is not there in 30 s, as where other work has the cores.
        for tries in range(4):
            port, *others = free_ports(4)
            place = Path(folder) / str(tries)
            place.mkdir()
            keeper = _started(place, cores, port, *others)
            if _is_there(place, keeper):
                yield f"{HOST}:{port}"
                return
            _stop(keeper)
        raise AssertionError(f"the cluster does not start:\n{(place / 'head.log').read_text()}")
    finally:
        if keeper is not None:
            _stop(keeper)


def _started(folder, cores, port, client, agent, metrics):
    """Start a head that keeps its files in a folder, and return the process that keeps it."""
    command = [
        sys.executable, __file__,
        Path(sys.executable).with_name("ray"), "start", "--head", "--block", f"--port={port}",
        f"--num-cpus={cores}", "--object-store-memory=100000000", "--include-dashboard=false",
        "--disable-usage-stats", f"--temp-dir={folder}",
        # Ray's fixed ports are those of any other cluster of this machine: take free ones.
        "--min-worker-port=0", "--max-worker-port=0", f"--ray-client-server-port={client}",
        f"--dashboard-agent-listen-port={agent}", f"--metrics-export-port={metrics}",
    ]  # fmt: skip
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")]),
        "PYTHONUNBUFFERED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Processes answer late where other work has the cores. That is no failure of theirs.
        "RAY_agent_register_timeout_ms": "600000",
        "RAY_gcs_server_request_timeout_seconds": "300",
        "RAY_health_check_failure_threshold": "60",
        "RAY_worker_register_timeout_seconds": "600",
    }
    with (folder / "head.log").open("w") as log:
        return subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=log, stderr=log,
            env=environment, start_new_session=True,
        )  # fmt: skip


def _is_there(folder, keeper):
    """Return whether the head says that it has started, and not that it has ended."""
    began = time.monotonic()
    while keeper.poll() is None and time.monotonic() - began < 240:
        if "Ray runtime started" in (folder / "head.log").read_text():
            return True
        time.sleep(0.1)
    return False


def _stop(keeper):
    keeper.stdin.close()
    keeper.wait(60)


def _below(pid):
    """Return the processes that a process has started, and those that they have."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [one for child in map(int, children) for one in [child, *_below(child)]]


def _keep(command):
    """Start a head, and end it and all that it started when the input ends, or the head does."""
    head = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    while head.poll() is None and not select.select([sys.stdin], [], [], 0.5)[0]:
        pass
    # Not `ray stop`, nor the signal on which `ray start` calls it: they end the processes of all
    # clusters of this machine.
    for pid in [*_below(head.pid), head.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    head.wait(20)


if __name__ == "__main__":
    _keep(sys.argv[1:])
