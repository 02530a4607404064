"""Time and memory of every model as the graph grows: whole, and with neighbor-sampled steps.

    python experiments/bench_models.py [--sizes 10000 100000 1000000] [--large 4000000]
        [--only lightgcn …] [--seconds 2] [--limit 25] [--gib 6]

Graphs are synthetic (synthetic_graph.py). Each model trains by its preset's settings, and kgrec's
own by its defaults, on one thread. Each case is a process of its own, forked when the libraries are
imported and the data is made. What is measured in it:

* `seconds_per_epoch`: the median of the steps that fit into --seconds, times the steps of an
  epoch, plus what is computed once an epoch;
* `peak_bytes`: the highest resident memory until then (VmHWM), without what the libraries take when
  the same case was measured on a tiny graph in the same process;
* `data_bytes`: how much of it are graph and interactions before there is a model;
* `forward_bytes`, `forward_seconds`: what computing the vectors of all nodes, without gradients,
  takes on top of the prepared model.

A case that takes more than --limit seconds or --gib is ended and recorded as `over`. At --large,
LightGCN and kgrec's own alone are measured. Needs Linux, for the memory.

Writes experiments/results/bench_models.json, docs/model_growth.png and docs/model_growth.svg.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import itertools
import json
import os
import signal
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from growth_picture import draw
from synthetic_graph import EXPONENT, synthetic

from kgrec.files import write_json
from kgrec.graph.propagation import Propagation
from kgrec.models.link_predictor import LinkPredictor, trained_nodes
from kgrec.models.presets import PRESETS
from kgrec.models.training_data import TrainingData
from kgrec.runs.about import about
from kgrec.training.link_prediction import LinkPredictionConfig
from kgrec.training.loop import Trainer
from kgrec.training.objective import Task

HERE = Path(__file__).parent
SIZES = (10_000, 100_000, 1_000_000)
LARGE = 4_000_000
FEW = ("lightgcn", "own")
NUM_NEIGHBORS = (10, 5, 3)
MOST_STEPS = 60


def settings(name: str, sampled: bool) -> LinkPredictionConfig:
    """Return what is trained: a preset, or kgrec's own by its defaults."""
    given = {} if name == "own" else PRESETS[name].settings
    config = LinkPredictionConfig.model_validate(given)
    changed: dict[str, Any] = {"threads": 1}
    if sampled:
        changed["num_neighbors"] = NUM_NEIGHBORS[: config.predictor.reach]
        if config.training.loss.needs_all_items:
            changed |= {"loss": "sampled_softmax", "batch_pairs": 2048}
    tree = config.model_dump()
    tree["training"] |= changed
    return LinkPredictionConfig.model_validate(tree)


def cases(only: list[str]) -> list[tuple[str, bool]]:
    """Return (model, whether steps are sampled) of all that can be measured."""
    names = [name for name in (*PRESETS, "own") if not only or name in only]
    whole = [(name, False) for name in names]
    reach = {name: settings(name, sampled=False).predictor.reach for name in names}
    return whole + [(name, True) for name in names if reach[name]]


def resident(what: str, process: int | str = "self") -> int:
    """Return bytes of resident memory: now (VmRSS) or at the highest (VmHWM)."""
    with open(f"/proc/{process}/status") as status:
        for line in status:
            if line.startswith(what):
                return int(line.split()[1]) * 1024
    return 0


def forget_peak() -> None:
    """Give free memory back, and let the highest resident memory begin anew."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def measured(name: str, sampled: bool, data: TrainingData, seconds: float) -> dict[str, Any]:
    """Measure one case in this process; memory is what comes on top of what is there."""
    config = settings(name, sampled)
    parts = config.predictor
    forget_peak()
    libraries_and_data, begun = resident("VmRSS"), time.perf_counter()
    graph = Propagation(
        data.graph, parts.encoder.normalisation, interactions_only=not parts.reads_knowledge
    )
    trained = trained_nodes(graph, parts.reach, of_triples=parts.knowledge is not None)
    model = LinkPredictor(parts, graph, {}, torch.Generator().manual_seed(0))
    trainer = Trainer(model, Task(data.train, graph, {}, trained, None), config.training, None)
    result: dict[str, Any] = {"prepare_seconds": time.perf_counter() - begun}
    before_forward = resident("VmHWM")
    forget_peak()
    before, begun = resident("VmRSS"), time.perf_counter()
    with torch.no_grad():
        model(graph, {}, trained)
    result["forward_seconds"] = time.perf_counter() - begun
    result["forward_bytes"] = resident("VmHWM") - before
    begun = time.perf_counter()
    model.refresh(graph, {}, trained)
    once = time.perf_counter() - begun
    steps = timed_steps(trainer, seconds)
    result |= {
        "num_parameters": sum(value.numel() for value in model.parameters()),
        "steps_measured": len(steps),
        "steps_per_epoch": num_steps(trainer, data),
        "seconds_per_step": statistics.median(steps),
        "refresh_seconds": once,
        "peak_bytes": max(before_forward, resident("VmHWM")) - libraries_and_data,
    }
    result["seconds_per_epoch"] = once + result["seconds_per_step"] * result["steps_per_epoch"]
    return result


def timed_steps(trainer: Trainer, seconds: float) -> list[float]:
    """Return the seconds of single steps; the first one, which loads code, is left out."""
    taken: list[float] = []
    ends = None
    for batch in itertools.chain.from_iterable(iter(trainer._batches, None)):
        begun = time.perf_counter()
        trainer.optimizers.zero_grad()
        trainer.objective(batch).backward()
        trainer.optimizers.step()
        now = time.perf_counter()
        if ends is None:
            ends = now + seconds
            continue
        taken.append(now - begun)
        if now > ends or len(taken) == MOST_STEPS:
            break
    return taken


def num_steps(trainer: Trainer, data: TrainingData) -> int:
    """Return how many steps an epoch has."""
    pairs = trainer.config.batch_pairs
    if pairs is not None:
        return -(-len(data.train) // pairs)
    return sum(1 for _ in trainer._batches())


def in_a_process(
    case: tuple[str, bool],
    data: TrainingData,
    data_bytes: int,
    tiny: TrainingData,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Measure a case in a forked process, and end it where it goes over its limits."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            torch.set_num_threads(1)  # threads of the other process are not here
            measured(*case, tiny, 0.0)  # what it takes of the libraries is there from now on
            made = measured(*case, data, options.seconds)
            made |= {"data_bytes": data_bytes, "peak_bytes": made["peak_bytes"] + data_bytes}
            os.write(writing, json.dumps(made).encode())
        except MemoryError:
            os.write(writing, json.dumps({"over": "memory"}).encode())
        except Exception:  # noqa: BLE001  # the parent says that the case failed
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    over = watched(process, options)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    if over is not None:
        return over
    if not text:
        raise SystemExit(f"{case} failed.")
    found: dict[str, Any] = json.loads(text)
    return found


def watched(process: int, options: argparse.Namespace) -> dict[str, Any] | None:
    """Wait for a process; return which limit it went over, if any."""
    begun = time.perf_counter()
    while os.waitpid(process, os.WNOHANG) == (0, 0):
        seconds, highest = time.perf_counter() - begun, resident("VmHWM", process)
        over = "seconds" if seconds > options.limit else None
        over = "memory" if highest > options.gib * 2**30 else over
        if over is not None:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return {"over": over, "seconds": seconds, "resident_bytes": highest}
        time.sleep(0.02)
    return None


def growth(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all cases at all sizes."""
    tiny = synthetic(400)
    for case in cases(options.only):  # imports and compiles, so that no process has to
        measured(*case, tiny, 0.0)
    found: dict[str, Any] = {}
    large = [options.large] if options.large else []
    for size in [*options.sizes, *large]:
        forget_peak()
        before = resident("VmRSS")
        data = synthetic(size)
        forget_peak()
        data_bytes = resident("VmRSS") - before
        for name, sampled in cases(options.only):
            if size in large and name not in FEW:
                continue
            key = f"{name} sampled" if sampled else name
            one = in_a_process((name, sampled), data, data_bytes, tiny, options)
            found.setdefault(key, {})[str(size)] = one
            print(
                size, key, {k: round(v, 4) if isinstance(v, float) else v for k, v in one.items()}
            )
            sys.stdout.flush()
        del data
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--large", type=int, default=LARGE, help="0: none")
    parser.add_argument("--only", nargs="+", default=[], choices=[*PRESETS, "own"])
    parser.add_argument("--seconds", type=float, default=2.0, help="of steps in a case")
    parser.add_argument("--limit", type=float, default=25.0, help="seconds of a case in all")
    parser.add_argument("--gib", type=float, default=6.0, help="resident memory of a case")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--docs", type=Path, default=HERE.parent / "docs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.perf_counter()
    result: dict[str, Any] = {
        "models": growth(options),
        "num_neighbors": NUM_NEIGHBORS,
        "power_law_exponent": EXPONENT,
        "limits": {"seconds": options.limit, "gib": options.gib},
        "seconds": time.perf_counter() - begun,
        "about": about(0),
    }
    write_json(options.out / "bench_models.json", result)
    for ending in ("png", "svg"):
        draw(result, options.docs / f"model_growth.{ending}")
    print(f"{result['seconds']:.0f} seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
