"""Trains one RecBole model and prints what it took, as JSON; runs in RecBole's own environment.

    PYTHON recbole_worker.py --model LightGCN --data FOLDER --dataset NAME [--epochs 5] [--fit]

Without --fit: seconds of each of `epochs` training epochs, without validation. With --fit: trains
as RecBole does, validating each epoch, and says when the best epoch was reached.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return RecBole's settings; a graph is read where the model needs one."""
    load = {"inter": ["user_id", "item_id"]}
    if options.model not in ("LightGCN", "BPR"):
        load |= {"kg": ["head_id", "relation_id", "tail_id"], "link": ["item_id", "entity_id"]}
    return {
        "data_path": options.data,
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": load,
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
        "epochs": options.epochs,
        "stopping_step": options.patience,
        "train_batch_size": options.batch,
        "embedding_size": options.dim,
        "valid_metric": options.metric,
        "checkpoint_dir": options.checkpoints,
        "seed": options.seed,
        "reproducibility": True,
        "eval_args": {"mode": "full", "order": "RO", "group_by": "user"},
        **json.loads(options.settings),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--patience", type=int, default=10)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--metric", default="NDCG@10")
    parser.add_argument("--checkpoints", default="saved")
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds of --fit, at most")
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()

    import numpy as np
    import torch

    # RecBole 1.2.1 is older than these names' removal.
    for name, kind in (("float_", np.float64), ("complex_", np.complex128), ("long", np.int64)):
        if not hasattr(np, name):
            setattr(np, name, kind)
    original = torch.load
    torch.load = lambda *a, **k: original(*a, **{"weights_only": False, **k})
    from scipy.sparse import dok_matrix

    if not hasattr(dok_matrix, "_update"):
        dok_matrix._update = lambda self, entries: self._dict.update(entries)
    torch.set_num_threads(options.threads)
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    config = Config(model=options.model, dataset=options.dataset, config_dict=settings(options))
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train, valid, test = data_preparation(config, dataset)
    model = get_model(config["model"])(config, train._dataset)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    found: dict[str, Any] = {
        "model": options.model,
        "num_interactions": int(train._dataset.inter_num),
        "settings": {
            k: v for k, v in settings(options).items() if "path" not in k and "dir" not in k
        },
    }
    if options.fit:
        curve: list[dict[str, float]] = []
        started = time.perf_counter()

        class BudgetSpent(Exception):
            pass

        def note(epoch: int, score: float) -> None:
            curve.append(
                {"epoch": epoch + 1, "seconds": time.perf_counter() - started, "score": score}
            )
            if curve[-1]["seconds"] > options.budget:
                raise BudgetSpent

        try:
            trainer.fit(train, valid, saved=True, show_progress=False, callback_fn=note)
        except BudgetSpent:
            found["stopped_by_budget"] = True
        best = max(curve, key=lambda entry: entry["score"])
        test_metrics = trainer.evaluate(test, load_best_model=True, show_progress=False)
        found |= {
            "best_epoch": best["epoch"],
            "seconds_to_best": best["seconds"],
            "best_valid": best["score"],
            "epochs": len(curve),
            "seconds": curve[-1]["seconds"],
            "test": {name: float(value) for name, value in test_metrics.items()},
        }
    else:
        seconds, processor = [], []
        for epoch in range(options.epochs):
            started, used = time.perf_counter(), time.process_time()
            trainer._train_epoch(train, epoch)
            seconds.append(time.perf_counter() - started)
            processor.append(time.process_time() - used)
        found |= {"epoch_seconds": seconds, "epoch_processor_seconds": processor}
    print("RESULT " + json.dumps(found))


if __name__ == "__main__":
    main()
