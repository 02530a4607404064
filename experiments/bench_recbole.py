"""kgrec beside RecBole on the same files, split and graph: seconds of an epoch, and to the best.

    make peers
    python experiments/bench_recbole.py [--data ../shared/data] [--minutes 14]

1. One epoch of LightGCN: kgrec's preset and RecBole's, with the same layers, width, batch size,
   learning rate and weight of the L2 term, an epoch of the one after an epoch of the other.
2. Seconds of training to the best validation score: kgrec's own model (own_random.yaml,
   own_lastfm.yaml; text vectors cached), and RecBole's KGCN and CKE with RecBole's defaults, its
   patience of ten validations among them. Both rank all items of the split after every fifth
   epoch; RecBole's default, after each, would take it longer. A fit that is still going after its
   share of --minutes is stopped, which the result says: its best is then yet to come.

Reading files and building graphs is not counted on either side. Both have as many threads, and on
Linux as many processor cores, as --threads says.
Writes experiments/results/bench_recbole.json. Says so, and returns 1, where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from own_model import measured
from threadpoolctl import threadpool_limits
from torch.optim.optimizer import register_optimizer_step_post_hook

from kgrec.config import Config, load_config, make_config
from kgrec.datasets.dataset import Dataset
from kgrec.datasets.loading import load_dataset
from kgrec.evaluation.evaluate import candidate_ids
from kgrec.files import write_json
from kgrec.models.ensemble import Ensemble
from kgrec.models.training_data import TrainingData
from kgrec.recommender import Recommender
from kgrec.runs.about import about
from kgrec.runs.making import make_model, make_recommender
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.training.link_prediction import LinkPrediction

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
from recbole_files import write_recbole_files  # noqa: E402

WORKER = HERE / "peers" / "recbole_worker.py"
METRIC = {"own_lastfm": "recall@10", "own_random": "ndcg@10"}
SHOWN = ("ndcg@10", "recall@10", "mrr@10")
PEERS = ("KGCN", "CKE")
EVAL_EVERY, PATIENCE = 5, 10
"""Epochs between two of RecBole's validations, as ours have it, and validations without a best."""
SHARES = {"own_lastfm": 2, "own_random": 3}
"""How the time that is left is shared among RecBole's fits, by data set."""
MOST = 240.0
"""Seconds of one of RecBole's fits, at most."""
BARS = {"epoch_share_at_most": 1 / 3, "times_as_fast_at_least": 4.0}
SHARED_SETTINGS = {"dim": 64, "num_layers": 3, "batch": 2048, "learning_rate": 1e-3, "l2": 1e-4}


class Peer:
    """A RecBole model in a process of its own.

    Args:
        python: RecBole's Python.
        folder: Where its files are, and where it leaves its own.
        arguments: What the worker is asked.
    """

    def __init__(self, python: Path, folder: Path, arguments: Sequence[str]) -> None:
        self._log = (folder / "recbole.log").open("a", encoding="utf-8")
        self._process = subprocess.Popen(
            [str(python), "-W", "ignore", str(WORKER), *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ask(self, line: str | None = None) -> dict[str, Any]:
        """Return its next answer, after a line of input where one is given."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if line is not None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        for printed in self._process.stdout:
            if printed.startswith("ANSWER "):
                found: dict[str, Any] = json.loads(printed.removeprefix("ANSWER "))
                return found
        raise SystemExit(f"RecBole gave up; its last words:\n{self._last_words()}")

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._log.close()

    def _last_words(self) -> str:
        return "".join(Path(self._log.name).read_text(encoding="utf-8").splitlines(True)[-12:])


class Turns:
    """A callback of our training: after each epoch of ours, the peer trains one of its own."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.ours: list[dict[str, float]] = []
        self.theirs: list[dict[str, Any]] = []
        self.forward = self.steps = 0
        self._start()

    def __call__(self, figures: Any) -> None:
        took = time.perf_counter() - self._wall, time.process_time() - self._processor
        self.ours.append(
            {
                "seconds": took[0],
                "processor_seconds": took[1],
                "loss": figures["loss"],
                "forward": self.forward,
                "steps": self.steps,
            }
        )
        self.theirs.append(self.peer.ask("epoch"))
        self._start()

    def _start(self) -> None:
        self.forward = self.steps = 0
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def count_forward(self, module: Any, *_: Any) -> None:
        """Count a propagation of all nodes: a call of the whole predictor."""
        self.forward += type(module).__name__ == "LinkPredictor"

    def count_step(self, *_: Any) -> None:
        """Count a step of the optimizer."""
        self.steps += 1


def epochs(dataset: Dataset, arguments: Sequence[str], options: argparse.Namespace) -> Any:
    """Return seconds of an epoch of LightGCN, ours and RecBole's in turn."""
    shared = SHARED_SETTINGS
    choice = {
        "name": "lightgcn",
        "predictor": {"dim": shared["dim"], "encoder": {"num_layers": shared["num_layers"]}},
        "training": {
            "batch_pairs": shared["batch"],
            "learning_rate": shared["learning_rate"],
            "ego_l2": shared["l2"],
            "max_epochs": options.rounds + 1,
            "eval_every": 1,
            "threads": options.threads,
        },
    }
    model = make_config({"data": {}, "model": choice}).model.build()
    recommender = Recommender(dataset.kg, dataset.links, model=model, text=None)
    data = recommender.prepare(dataset.split.train).data  # no validation: every epoch is trained
    theirs = {
        "n_layers": shared["num_layers"],
        "embedding_size": shared["dim"],
        "train_batch_size": shared["batch"],
        "learning_rate": shared["learning_rate"],
        "reg_weight": shared["l2"],
    }
    given = ["--model", "LightGCN", "--epochs", "--settings", json.dumps(theirs)]
    peer = Peer(options.python, options.folder, [*arguments, *given])
    work = peer.ask()
    turns = Turns(peer)
    hooks = [
        torch.nn.modules.module.register_module_forward_hook(turns.count_forward),
        register_optimizer_step_post_hook(turns.count_step),
    ]
    try:
        model.fit(data, callback=turns)
    finally:
        for hook in hooks:
            hook.remove()
        peer.close()
    return compared_epochs(turns, work, model, data)


def compared_epochs(turns: Turns, work: Any, model: Any, data: TrainingData) -> Any:
    """Return both sides' epochs but the first, which warms up, and that they did the same work."""
    ours, theirs = turns.ours[1:], turns.theirs[1:]
    settings = model.config.training
    own_work = {
        "num_interactions": len(data.train),
        "batch_size": settings.batch_pairs,
        "negatives_per_positive": settings.negatives_per_positive,
        "dim": model.config.predictor.dim,
        "num_layers": model.config.predictor.encoder.num_layers,
        "num_parameters": sum(value.numel() for value in model.predictor.parameters()),
        "forward": ours[0]["forward"],
        "steps": ours[0]["steps"],
    }
    their_work = {**work, "forward": theirs[0]["forward"], "steps": theirs[0]["steps"]}
    differing = [
        key for key in own_work if key != "num_parameters" and own_work[key] != their_work[key]
    ]
    if differing:
        raise SystemExit(f"Not the same work: {differing} of {own_work} and {their_work}")
    result: dict[str, Any] = {"work": {"kgrec": own_work, "recbole": their_work}}
    for what in ("seconds", "processor_seconds"):
        one, other = ([entry[what] for entry in side] for side in (ours, theirs))
        result[what] = {
            "kgrec": statistics.median(one),
            "recbole": statistics.median(other),
            "share": statistics.median(one) / statistics.median(other),
            "kgrec_all": one,
            "recbole_all": other,
        }
    return result


def own_fit(config: Config, dataset: Dataset, seed: int) -> dict[str, Any]:
    """Train our own model and return what it took to its best, and what it reached."""
    config = config.model_copy(update={"seed": seed})
    model = make_model(config)
    assert isinstance(model, Ensemble)
    cache = EmbeddingCache(default_cache_folder(os.environ))
    recommender = make_recommender(config, dataset, model, cache=cache)
    split = dataset.split
    candidates = candidate_ids(split, "valid")
    prepared = recommender.prepare(split.train, split.valid, candidates=candidates)
    after_best, used = 0.0, time.process_time()
    started = time.perf_counter()
    for member in model.members:
        member.fit(prepared.data)
        progress = member.progress if isinstance(member, LinkPrediction) else None
        after_best += progress.seconds - progress.best_seconds if progress is not None else 0.0
    model.fit_weights(prepared.data)
    recommender.take(prepared.fitted(model))
    seconds = time.perf_counter() - started
    processor = time.process_time() - used
    valid, test = (measured(recommender, dataset, part) for part in ("valid", "test"))
    return {
        "seed": seed,
        "seconds_to_best": seconds - after_best,
        "seconds": seconds,
        "processor_seconds": processor,
        "valid": {name: valid.metrics[name] for name in SHOWN},
        "test": {name: test.metrics[name] for name in SHOWN},
        "num_valid_users": valid.num_users,
        "num_candidates": valid.num_candidates,
    }


def peer_fit(
    name: str, metric: str, budget: float, arguments: Sequence[str], options: Any
) -> dict[str, Any]:
    """Train one of RecBole's models with its defaults, for at most `budget` seconds."""
    settings = {
        "valid_metric": metric.upper() if metric.startswith("ndcg") else metric.title(),
        "eval_step": EVAL_EVERY,
        "stopping_step": PATIENCE,
    }
    given = ["--model", name, "--graph", "--fit", "--budget", str(budget)]
    peer = Peer(
        options.python, options.folder, [*arguments, *given, "--settings", json.dumps(settings)]
    )
    found = peer.ask()
    peer.close()
    # Within its patience of the last validation: no end was in sight.
    improving = found["epochs"] - found["best_epoch"] < PATIENCE * EVAL_EVERY
    found["still_improving"] = found["stopped_by"] == "budget" and improving
    found["budget"] = budget
    return found


class Clock:
    """Shares the time of the run among RecBole's fits; what one does not need, others get.

    Args:
        minutes: Of the whole run.
    """

    def __init__(self, minutes: float) -> None:
        self._end = time.perf_counter() + 60 * minutes
        self._left = [(name, peer) for name in METRIC for peer in PEERS]

    def budget(self, own_seconds: float) -> float:
        """Return the seconds of the next of RecBole's fits.

        Args:
            own_seconds: What one of our own fits took, reading and measuring included.
        """
        mine, *others = [SHARES[name] for name, _ in self._left]
        del self._left[0]
        # As many of our own fits as are left; and RecBole's reading, the epochs between the end of
        # its budget and the validation that notices it, and measuring the test part.
        reserve = own_seconds * len(others) + 35.0 * (1 + len(others))
        left = self._end - time.perf_counter() - reserve
        return max(5.0, min(MOST, left * mine / (mine + sum(others))))


def fits(name: str, dataset: Dataset, clock: Clock, arguments: Sequence[str], options: Any) -> Any:
    """Return what our own model and RecBole's models took to their best, one after another."""
    config = load_config(HERE / f"{name}.yaml", [f"data.root={options.data}"])
    metric = METRIC[name]
    own: list[dict[str, Any]] = []
    result: dict[str, Any] = {"metric": metric, "recbole": {}, "times_as_fast": {}}
    for seed, peer in enumerate(PEERS):
        began = time.perf_counter()
        own.append(own_fit(config, dataset, seed))
        print(name, "kgrec", own[-1], flush=True)
        budget = clock.budget(time.perf_counter() - began)
        found = peer_fit(peer, metric, budget, arguments, options)
        if found["num_items"] != own[0]["num_candidates"]:
            raise SystemExit(f"{peer} ranks {found['num_items']} items, ours another number.")
        result["recbole"][peer] = found
        print(name, peer, {k: v for k, v in found.items() if k != "curve"}, flush=True)
    result["kgrec"] = own
    seconds = statistics.median(run["seconds_to_best"] for run in own)
    result["kgrec_seconds_to_best"] = seconds
    for peer, found in result["recbole"].items():
        result["times_as_fast"][peer] = found["seconds_to_best"] / seconds
    print(name, "times as fast as", result["times_as_fast"], flush=True)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--python", type=Path, default=HERE / "peers" / ".venv" / "bin" / "python",
        help="the Python that RecBole is installed in; `make peers` makes it",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9, help="epochs of LightGCN on each side")
    parser.add_argument("--minutes", type=float, default=14.0, help="of the whole run, at most")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "bench_recbole.json")
    options = parser.parse_args()
    if not options.python.exists():
        raise SystemExit(f"{options.python} does not exist: call `make peers`, or give --python.")
    options.python = options.python.absolute()  # not resolved: a venv's python is a link
    torch.set_num_threads(options.threads)
    if hasattr(os, "sched_setaffinity"):  # for both sides: RecBole's processes inherit it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    result: dict[str, Any] = {"bars": BARS, "epoch": {}, "fit": {}, "files": {}}
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(options.threads):
        options.folder = Path(scratch)
        measure(result, options)
    result["about"] = about(0) | {"threads": options.threads}
    write_json(options.out, result)
    missed = [
        f"{name}: an epoch takes {found['seconds']['share']:.2f} of RecBole's"
        for name, found in result["epoch"].items()
        if found["seconds"]["share"] > BARS["epoch_share_at_most"]
    ] + [
        f"{name}: {times:.1f} times as fast as {peer} to its best"
        for name, found in result["fit"].items()
        for peer, times in found["times_as_fast"].items()
        if times < BARS["times_as_fast_at_least"]
    ]
    print(*missed, sep="\n")
    return 1 if missed else 0


def measure(result: dict[str, Any], options: argparse.Namespace) -> None:
    """Fill in the versions, the epochs and the fits of both data sets."""
    clock = Clock(options.minutes)
    versions = Peer(options.python, options.folder, ["--versions"])
    result["recbole_versions"] = versions.ask()
    versions.close()
    common = ["--data", str(options.folder), "--threads", str(options.threads)]
    datasets, arguments = {}, {}
    for name in METRIC:
        config = load_config(HERE / f"{name}.yaml", [f"data.root={options.data}"])
        datasets[name] = load_dataset(config.data, 0)
        result["files"][name] = write_recbole_files(datasets[name], options.folder, name)
        arguments[name] = [*common, "--dataset", name]
        result["epoch"][name] = epochs(datasets[name], arguments[name], options)
        for what in ("seconds", "processor_seconds"):
            found = result["epoch"][name][what]
            print(name, what, {k: round(found[k], 3) for k in ("kgrec", "recbole", "share")})
    for name, dataset in datasets.items():
        result["fit"][name] = fits(name, dataset, clock, arguments[name], options)


if __name__ == "__main__":
    sys.exit(main())
