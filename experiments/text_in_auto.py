"""What a tuned encoder adds to the default model: `cold_items`, and sparse users of `random`.

    python experiments/text_in_auto.py [--only cold_items random] [--seeds 1]

The encoder gets a projection, with SETTINGS, by the training part of the same split; validation
chooses the epoch. The default model is fitted with it and with the encoder as it
was, and both are measured on the test part, by NDCG@10 of the same users. On `random`, the
sparsest fifth of users (by training interactions) is compared with EASE, whose penalty validation
chooses. Writes experiments/results/text_in_auto.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from auto_model import HERE, Task

from kgrec.auto.auto import Auto, AutoConfig
from kgrec.config import load_config, make_config
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.significance import paired_tests
from kgrec.files import write_json
from kgrec.models.ease import EASEConfig
from kgrec.runs.about import about
from kgrec.runs.text_tuning import tune_text
from kgrec.types import FloatArray

RESULTS = HERE / "results" / "text_in_auto.json"
SETTINGS: dict[str, Any] = {
    "regime": "frozen", "projection": 384, "max_length": 128, "epochs": 12, "patience": 12,
    "projection_rate": 3e-3,
    "tasks": [{"name": "interactions", "batch_items": 64, "batch_users": 512}],
}  # fmt: skip
PENALTIES = (100.0, 200.0, 300.0, 500.0, 1000.0)


def tuned(name: str, seed: int, out: Path) -> dict[str, Any]:
    """Tune the encoder on the training part of a data set, and return its figures."""
    whole = load_config(HERE / "auto" / f"{name}.yaml")
    tree = whole.model_dump(exclude_unset=True, mode="json")
    tree["text"] = {"tuning": SETTINGS}
    tree["data"]["root"] = str((HERE.parent / tree["data"]["root"]).resolve())
    return tune_text(make_config({**tree, "seed": seed}), out)


def fitted(task: Task, seed: int) -> tuple[float, Evaluation]:
    """Return the default model's value on validation, and its evaluation on test."""
    model = Auto(AutoConfig(seed=seed)).fit(task.prepared.data)
    evaluation = task.measured(model)
    return dict(model.figures())["together"], evaluation


def ease(task: Task) -> Evaluation:
    """Return EASE's evaluation on test, with the penalty that is best on validation."""
    best: tuple[float, Any] = (-1.0, None)
    for l2 in PENALTIES:
        model = EASEConfig(l2=l2).build().fit(task.prepared.data)
        task.recommender.take(task.prepared.fitted(model))
        found = task.recommender.evaluate(task.split.valid, exclude=[task.split.train], k=(10,))
        best = max(best, (found.metrics["ndcg@10"], model), key=lambda one: one[0])
    return task.measured(best[1])


def compared(ours: FloatArray, theirs: FloatArray) -> dict[str, float]:
    """Return the means of two models over the same users, and paired tests."""
    tests = paired_tests(ours, theirs)
    return {
        "mean": float(ours.mean()),
        "reference": float(theirs.mean()),
        "ratio": float(ours.mean() / theirs.mean()),
        "t_test_p": tests.t_test_p,
        "wilcoxon_p": tests.wilcoxon_p,
    }


def measure(name: str, seed: int) -> dict[str, Any]:
    """Return the figures of one data set and seed."""
    with tempfile.TemporaryDirectory() as folder:
        encoder = Path(folder) / "encoder"
        alone = tuned(name, seed, encoder)
        plain_task, tuned_task = Task(name), Task(name, encoder=str(encoder))
        plain_value, plain = fitted(plain_task, seed)
        tuned_value, ours = fitted(tuned_task, seed)
    per_user = ours.per_user["ndcg@10"]
    found: dict[str, Any] = {
        "encoder alone on validation": alone["valid"]["ndcg@10"],
        "validation": {"tuned": tuned_value, "as it was": plain_value},
        "test": compared(per_user, plain.per_user["ndcg@10"]),
    }
    if name == "movielens_random":
        train = plain_task.prepared.data.train
        rows = train.users.rows(list(plain.user_ids))
        counts = np.bincount(train.user, minlength=train.num_users)[rows]
        sparse = np.argsort(counts, kind="stable")[: len(counts) // 5]
        reference = ease(plain_task).per_user["ndcg@10"][sparse]
        found["sparsest fifth"] = {
            "users": len(sparse),
            "tuned over EASE": compared(per_user[sparse], reference),
            "as it was over EASE": compared(plain.per_user["ndcg@10"][sparse], reference),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=["cold_items", "random"])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    for name in options.only:
        for seed in range(options.seeds):
            found = measure(f"movielens_{name}", seed)
            print(name, seed, json.dumps(found), flush=True)
            stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            part = stored.get(name, {}) | {str(seed): found}
            write_json(RESULTS, stored | {name: part, "settings": SETTINGS, "about": about(0)})


if __name__ == "__main__":
    main()
