"""The service under load: how fast it answers, how soon it learns, and what it survives.

One machine has all of it: the service, and what asks. Requests come at a fixed rate, whether
earlier ones were answered or not, and the time of each counts from when it was due. One of 21 posts
an interaction; the others ask for recommendations.

    python experiments/bench_serve.py RUN [--seconds 600] [--rate 200] [--workers 1] [--kills 50]
                                      [--kept-lists 0]

RUN is a run folder, for example of experiments/auto/movielens_random.yaml; `--items 100000` makes
one instead, with random vectors of iALS. Writes experiments/results/bench_serve.json, which is of
two workers; with --out, bench_serve_one.json is of one worker, bench_serve_large.json of 100,000
items, and bench_serve_anew.json of --kept-lists 0: each list is made anew. With --kills 0, what the
file has of kills stays. Prints the bars; exit code 1 where one is missed. Needs Linux. Times mean
something on a quiet machine only: the load of the machine at the beginning is part of the result,
and how long a fixed loop takes before and after it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

import kgrec
from kgrec.runs.about import about

HERE = Path(__file__).parent
BARS = {
    "p95_ms": 25.0, "p99_ms": 60.0, "errors": 0, "changed_p99_s": 1.0, "swap_failures": 0,
    "lost": 0, "start_s": 3.0,
}  # fmt: skip
WRITES = 21  # one of so many requests writes
WARMING = 15.0  # seconds


class Connection:
    """A connection that is kept open, over which one request follows the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: Any = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        if self._streams is None or self._streams[0].at_eof():  # the service has closed it
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        if body:
            head += "Content-Type: application/json\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            lengths = [line for line in lines if line.lower().startswith("content-length:")]
            content = await reader.readexactly(int(lengths[0].partition(":")[2]))
        except (OSError, asyncio.IncompleteReadError):
            self._streams = None
            raise
        return int(lines[0].split()[1]), content


@contextmanager
def service(run: Path, *options: str):
    """Run `kgrec serve` in a process of its own; yield its port and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kgrec.cli", "serve", str(run), "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


async def ready(port: int, path: str = "/readyz", seconds: float = 120.0) -> None:
    """Wait for a good answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            status, _ = await Connection(port).ask("GET", path)
        except OSError:
            status = 0
        if status == 200:
            return
        await asyncio.sleep(0.005)
    raise SystemExit("the service does not start")


def memory(process: subprocess.Popen[bytes]) -> float:
    """Return the memory of a process and of its workers in MiB."""
    total, waiting = 0, [str(process.pid)]
    while waiting:
        folder = Path("/proc") / waiting.pop()
        lines = (folder / "status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith("VmRSS"))
        total += int(line.split()[1])
        waiting += (folder / "task" / folder.name / "children").read_text().split()
    return total / 1024


async def load(port: int, users: list[str], items: list[str], rate: float, seconds: float):
    """Ask at a fixed rate; return of each request its seconds, its status and when it was due.

    Reads and writes are apart.
    """
    rng = random.Random(0)
    found: dict[str, list[tuple[float, int, float]]] = {"read": [], "write": []}
    idle: asyncio.Queue[Connection] = asyncio.Queue()  # all clients take turns
    for _ in range(64):
        idle.put_nowait(Connection(port))

    async def one(kind: str, method: str, path: str, body: bytes, due: float) -> None:
        connection = await idle.get()
        try:
            status, _ = await connection.ask(method, path, body)
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        finally:
            idle.put_nowait(connection)
        found[kind].append((time.monotonic() - due, status, due - start))

    tasks, start = set(), time.monotonic()
    for number in range(int(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        user = rng.choice(users)
        if number % WRITES == WRITES - 1:
            body = json.dumps({"user": user, "item": rng.choice(items), "liked": True}).encode()
            request = ("write", "POST", "/v1/interactions", body)
        else:
            path = f"/v1/users/{quote(user, safe='')}/recommendations?k=10"
            request = ("read", "GET", path, b"")
        task = asyncio.create_task(one(*request, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return found


def figures(found: list[tuple[float, int, float]]) -> dict[str, Any]:
    """Return percentiles in milliseconds, those of each minute, and how many failed."""
    times = 1000 * np.array([seconds for seconds, *_ in found])
    minute = (np.array([due for *_, due in found]) // 60).astype(int)
    told = {f"p{p}_ms": float(np.percentile(times, p)) for p in (50, 95, 99)}
    by_minute = [float(np.percentile(times[minute == one], 95)) for one in np.unique(minute)]
    counts = {"requests": len(found), "errors": len(failed(found))}
    return {**told, **counts, "p95_ms_by_minute": by_minute}


def failed(found: list[tuple[float, int, float]]) -> list[int]:
    """Return the status of each request that failed; 0: there was no answer."""
    return [status for _, status, _ in found if status not in (200, 201)]


async def changes(port: int, users: list[str], count: int) -> list[float]:
    """Post the best item of a user; return the seconds until it is in the list no more."""
    connection, seconds = Connection(port), []
    for user in users[:count]:
        path = f"/v1/users/{quote(user, safe='')}/recommendations?k=1"
        status, told = await connection.ask("GET", path)
        if status != 200:
            raise SystemExit(f"the service answers {status}: {told.decode()}")
        (best,) = json.loads(told)["items"]
        began = time.monotonic()
        body = json.dumps({"user": user, "item": best["item"], "liked": True}).encode()
        await connection.ask("POST", "/v1/interactions", body)
        while True:
            _, told = await connection.ask("GET", path)
            if json.loads(told)["items"][0]["item"] != best["item"]:
                break
            await asyncio.sleep(0.002)
        seconds.append(time.monotonic() - began)
    return seconds


async def swapped(port: int, users: list[str], items: list[str], link: Path, run: Path) -> dict:
    """Let a link lead to another folder with the same run while requests come."""
    asking = asyncio.create_task(load(port, users, items, 50, 30))
    await asyncio.sleep(3)
    other = run.parent / f"{run.name}-again"
    if not other.exists():
        subprocess.run(["cp", "-r", run, other], check=True)
    scratch = link.with_name("next")
    scratch.symlink_to(other)
    os.replace(scratch, link)
    status, told = await Connection(port).ask("POST", "/v1/reload")
    found = await asking
    both = found["read"] + found["write"]
    return {
        "swapped": status == 200 and json.loads(told)["changed"],
        "requests": len(both),
        "failures": len(failed(both)),
        "statuses": sorted(set(failed(both))),
    }


async def killed(run: Path, items: list[str], kills: int) -> dict[str, int]:
    """Kill the service at random moments under writes; return how many writes were lost."""
    from kgrec.serving.log import open_log
    from kgrec.serving.places import log_of

    rng, acknowledged = random.Random(1), 0
    for number in range(kills):
        with service(run) as (port, process):
            await ready(port, "/livez")
            await ready(port)

            seen: set[int] = set()

            async def write(port: int = port, number: int = number, seen: set[int] = seen) -> None:
                nonlocal acknowledged
                connection = Connection(port)
                while True:
                    body = {"user": f"kill-{number}", "item": rng.choice(items)}
                    try:
                        status, told = await connection.ask(
                            "POST", "/v1/interactions", json.dumps(body).encode()
                        )
                    except (OSError, asyncio.IncompleteReadError):
                        return
                    if status == 201:
                        acknowledged = max(acknowledged, json.loads(told)["sequence"])
                        seen.add(json.loads(told)["sequence"])

            writing = asyncio.create_task(write())
            await asyncio.sleep(rng.uniform(0.05, 0.6))
            process.send_signal(signal.SIGKILL)
            process.wait()
            await writing
        log = open_log(str(log_of(run)))
        there = {event.sequence for event in log.of_user(f"kill-{number}")}
        log.close()
        if seen - there:
            return {"kills": number + 1, "acknowledged": acknowledged, "lost": len(seen - there)}
    return {"kills": kills, "acknowledged": acknowledged, "lost": 0}


def seconds_of_a_loop() -> float:
    """Return how long this machine takes for a fixed loop: it tells a slow hour from a fast one."""
    began, total = time.perf_counter(), 0
    for number in range(3_000_000):
        total += number
    return time.perf_counter() - began


def made_run(folder: Path, num_items: int) -> Path:
    """Write a run of iALS with random factors, and return its folder."""
    import pandas as pd

    from kgrec.models.ials import IALS, IALSConfig
    from kgrec.models.state import csr_state
    from kgrec.models.training_data import TrainingData

    rng = np.random.default_rng(0)
    num_users = 10_000
    pairs = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(num_users), 20).astype(str),
            "item_id": rng.integers(0, num_items, num_users * 20).astype(str),
        }
    ).drop_duplicates()
    log = kgrec.Interactions.read(pairs).with_items(map(str, range(num_items)))
    rec = kgrec.Recommender(model=IALS(IALSConfig(iterations=1)), text=None)
    prepared = rec.prepare(log)
    factors = rng.standard_normal((num_items, 64), dtype=np.float32)
    state = {"factors": factors} | csr_state("histories", log.matrix())
    model = IALS(IALSConfig()).load_state(state, TrainingData(log))
    kgrec.save(rec.take(prepared.fitted(model)), folder)
    return folder


async def measure(run: Path, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return all figures."""
    link = folder / "current"
    link.symlink_to(run)
    loaded = kgrec.load(run)
    users, items = loaded.user_vocabulary.ids, loaded.item_vocabulary.ids
    del loaded
    result: dict[str, Any] = {"users": len(users), "items": len(items)}
    began = time.monotonic()
    options = ["--workers", str(args.workers)]
    if args.kept_lists is not None:
        options.append(f"kept_lists={args.kept_lists}")
    with service(link, *options) as (port, process):
        await ready(port, f"/v1/users/{quote(users[0], safe='')}/recommendations?k=10")
        result["start_s"] = time.monotonic() - began
        body = json.dumps({"user": users[0], "item": items[0]}).encode()
        await Connection(port).ask("POST", "/v1/interactions?wait=true", body)  # all is loaded
        await asyncio.sleep(WARMING)  # each worker reads all of the run for its first update
        await load(port, users, items, args.rate, 5)
        before = memory(process)
        found = await load(port, users, items, args.rate, args.seconds)
        result["read"], result["write"] = figures(found["read"]), figures(found["write"])
        result["mib"] = {"before": before, "after": memory(process)}
        changed = await changes(port, users, args.changes)
        result["changed"] = {"p50_s": float(np.percentile(changed, 50)),
                             "p99_s": float(np.percentile(changed, 99))}  # fmt: skip
        if args.workers == 1:
            result["swap"] = await swapped(port, users, items, link, run)
    if args.kills:
        result["kill"] = await killed(link, items, args.kills)
    return result


def bars(result: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return what was reached of each bar, and the bar."""
    found = {
        "p95_ms": result["read"]["p95_ms"],
        "p99_ms": result["read"]["p99_ms"],
        "errors": result["read"]["errors"] + result["write"]["errors"],
        "changed_p99_s": result["changed"]["p99_s"],
        "start_s": result["start_s"],
    }
    if "swap" in result:
        found["swap_failures"] = result["swap"]["failures"]
    if "kill" in result:
        found["lost"] = result["kill"]["lost"]
    return {name: (value, BARS[name]) for name, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--items", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--kept-lists", type=int, help="the setting of the service")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "bench_serve.json")
    args = parser.parse_args()
    if (args.run is None) == (not args.items):
        parser.error("give RUN or --items")
    busy, loops = os.getloadavg()[0], [seconds_of_a_loop()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = made_run(folder / "made", args.items) if args.run is None else args.run.resolve()
        result = asyncio.run(measure(run, args, folder))
    if not args.kills and args.out.exists():  # what was measured before stays, with its date
        before = json.loads(args.out.read_text())
        if "kill" in before["result"]:
            date = before["result"]["kill"].get("date", before["about"]["date"])
            result["kill"] = {**before["result"]["kill"], "date": date}
    loops.append(seconds_of_a_loop())
    told = bars(result)
    settings = {"seconds": args.seconds, "rate": args.rate, "workers": args.workers}
    if args.kept_lists is not None:
        settings["kept_lists"] = args.kept_lists
    whole = {"about": about(0), "load_before": busy, "loop_s": loops, "settings": settings,
             "result": result}  # fmt: skip
    args.out.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    for name, (value, bar) in told.items():
        print(f"{'ok    ' if value <= bar else 'missed'} {name}: {value:.4g} (at most {bar:g})")
    return int(any(value > bar for value, bar in told.values()))


if __name__ == "__main__":
    sys.exit(main())
