"""Trains one RecBole model; runs in RecBole's own environment, which `make peers` makes.

    python recbole_worker.py --versions
    python recbole_worker.py --model LightGCN --data FOLDER --dataset NAME --epochs
    python recbole_worker.py --model KGCN --data FOLDER --dataset NAME --fit

Answers are lines of JSON behind the word ANSWER. With --epochs, the first tells that the data is
loaded; then each line of the standard input asks for one epoch of training, without validation.
With --fit, it trains and validates as RecBole does, until RecBole's own patience or the budget is
over, and measures the best epoch on the test part.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import metadata
from typing import Any

PACKAGES = ("recbole", "torch", "numpy", "scipy", "pandas", "ray")


def answer(found: dict[str, Any]) -> None:
    print("ANSWER " + json.dumps(found), flush=True)


def mend() -> None:
    """Give RecBole 1.2.1 what has gone from scipy, and from torch, since its release.

    scipy's dok_matrix lost `_update`, which RecBole's LightGCN fills its matrix with; torch.load
    now refuses the checkpoints that RecBole has just written, unless it is told to trust them.
    """
    import torch
    from scipy.sparse import dok_matrix

    if not hasattr(dok_matrix, "_update"):
        dok_matrix._update = lambda self, entries: self._dict.update(entries)
    load = torch.load
    torch.load = lambda *given, **options: load(*given, **{"weights_only": False, **options})


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return RecBole's settings: its defaults but for what is named here or with --settings."""
    load = {"inter": ["user_id", "item_id"]}
    if options.graph:
        load |= {"kg": ["head_id", "relation_id", "tail_id"], "link": ["item_id", "entity_id"]}
    return {
        "data_path": options.data,
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": load,
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
        "checkpoint_dir": "saved",
        "seed": options.seed,
        "eval_args": {"mode": "full", "order": "RO", "group_by": "user"},
        **json.loads(options.settings),
    }


def prepared(options: argparse.Namespace) -> tuple[Any, tuple[Any, Any, Any]]:
    """Return RecBole's trainer and its three data loaders."""
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    torch.set_num_threads(options.threads)
    config = Config(model=options.model, dataset=options.dataset, config_dict=settings(options))
    init_seed(config["seed"], config["reproducibility"])
    parts = data_preparation(config, create_dataset(config))
    model = get_model(config["model"])(config, parts[0]._dataset)
    return get_trainer(config["MODEL_TYPE"], config["model"])(config, model), parts


def serve_epochs(trainer: Any, train: Any) -> None:
    """Train one epoch for each line that is read; say what it took and what work it was."""
    model = trainer.model
    forward, step = model.forward, trainer.optimizer.step
    calls = {"forward": 0, "steps": 0}

    def counted(name: str, call: Any) -> Any:
        def made(*given: Any, **options: Any) -> Any:
            calls[name] += 1
            return call(*given, **options)

        return made

    model.forward, trainer.optimizer.step = counted("forward", forward), counted("steps", step)
    for epoch, _ in enumerate(sys.stdin):
        calls.update(forward=0, steps=0)
        started, used = time.perf_counter(), time.process_time()
        loss = trainer._train_epoch(train, epoch)
        seconds, processor = time.perf_counter() - started, time.process_time() - used
        answer({"seconds": seconds, "processor_seconds": processor, "loss": loss, **calls})


class BudgetSpent(Exception):
    """The time of a fit is over."""


def fit(trainer: Any, parts: tuple[Any, Any, Any], budget: float) -> dict[str, Any]:
    """Train with validation, and return what was reached, and when."""
    curve: list[dict[str, float]] = []
    train_epoch, training = trainer._train_epoch, 0.0

    def timed(*given: Any, **options: Any) -> Any:
        nonlocal training
        began = time.perf_counter()
        loss = train_epoch(*given, **options)
        training += time.perf_counter() - began
        return loss

    trainer._train_epoch = timed
    started, used = time.perf_counter(), time.process_time()

    def note(epoch: int, score: float) -> None:
        seconds = time.perf_counter() - started
        curve.append(
            {
                "epoch": epoch + 1,
                "seconds": seconds,
                "training_seconds": training,
                "score": float(score),
            }
        )
        if seconds > budget:
            raise BudgetSpent

    stopped_by = "its patience or number of epochs"
    try:
        trainer.fit(parts[0], parts[1], saved=True, show_progress=False, callback_fn=note)
    except BudgetSpent:
        stopped_by = "budget"
    processor = time.process_time() - used
    best = max(curve, key=lambda entry: entry["score"])
    test = trainer.evaluate(parts[2], load_best_model=True, show_progress=False)
    return {
        "best_epoch": best["epoch"],
        "seconds_to_best": best["seconds"],
        "training_seconds_to_best": best["training_seconds"],
        "best_valid": best["score"],
        "epochs": curve[-1]["epoch"],
        "seconds": curve[-1]["seconds"],
        "processor_seconds": processor,
        "stopped_by": stopped_by,
        "test": {name: float(value) for name, value in test.items()},
        "curve": curve,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", action="store_true")
    parser.add_argument("--model")
    parser.add_argument("--data", help="folder of the data set's folder")
    parser.add_argument("--dataset")
    parser.add_argument("--graph", action="store_true", help="read the graph and the links too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--settings", default="{}", help="further settings of RecBole, as JSON")
    parser.add_argument("--budget", type=float, default=240.0, help="seconds of --fit, at most")
    parser.add_argument("--epochs", action="store_true")
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    sys.argv = sys.argv[:1]  # RecBole would take settings from there
    mend()
    if options.versions:
        import recbole.trainer  # noqa: F401  # what fails to import is to be told here

        answer({name: metadata.version(name) for name in PACKAGES})
        return
    trainer, parts = prepared(options)
    train, config = parts[0], trainer.config
    work = {
        "num_users": int(train._dataset.user_num - 1),
        "num_items": int(train._dataset.item_num - 1),
        "num_interactions": int(train._dataset.inter_num),
        "batch_size": int(config["train_batch_size"]),
        "negatives_per_positive": int(config["train_neg_sample_args"]["sample_num"]),
        "dim": int(config["embedding_size"]),
        "num_layers": config["n_layers"],
        "num_parameters": sum(value.numel() for value in trainer.model.parameters()),
    }
    if options.epochs:
        answer(work)
        serve_epochs(trainer, train)
    elif options.fit:
        answer({**work, **fit(trainer, parts, options.budget)})


if __name__ == "__main__":
    main()
