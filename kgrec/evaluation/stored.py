"""Reading evaluations that `Evaluation.save_json` wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.bounds.json_text import read_json
from kgrec.errors import RunError, printable
from kgrec.evaluation.base import Evaluation
from kgrec.outputs.checked import check_json


def read_evaluation(path: str | Path) -> Evaluation:
    """Read an evaluation, with the values of each user.

    Raises:
        RunError: The file is missing or damaged, or lacks the values of each user.
    """
    where = printable(str(path))
    try:
        tree = check_json(read_json(path))
        return _evaluation(tree)
    except FileNotFoundError as error:
        raise RunError(f"There is no evaluation {where}.") from error
    except KeyError as error:
        key = printable(repr(error.args[0]))
        raise RunError(
            f"{where} lacks the key {key}. `kgrec evaluate` writes a complete one."
        ) from error
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise RunError(f"{where} is damaged: {printable(str(error))}") from error


def _evaluation(tree: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation of a tree; Python's errors say what is missing or does not fit."""
    users = tree["per_user"]["user_id"]
    if not all(isinstance(user, str) for user in users) or len(set(users)) != len(users):
        raise ValueError("user_id must be strings, each once")
    per_user = {name: values for name, values in tree["per_user"].items() if name != "user_id"}
    columns = {name: np.array(values, dtype=np.float64) for name, values in per_user.items()}
    for name, column in columns.items():
        if column.shape != (len(users),) or not np.isfinite(column).all():
            raise ValueError(f"{name!r} needs a number for each of the {len(users)} users")
    whole = {name: tree[name] for name in ("num_candidates", "num_judgements", "num_unreachable")}
    if not all(isinstance(number, int) for number in (*whole.values(), *tree["k"])):
        raise TypeError("k and the keys that start with num_ must be integers")
    if min(tree["k"], default=1) < 1:
        raise ValueError("the cut-offs k must be numbers from 1 on")
    optional = ("protocol", "sampled", "non_standard", "details")  # older files lack them
    further = {name: tree[name] for name in optional if name in tree}
    if not isinstance(further.get("protocol", ""), str):
        raise TypeError("protocol must be a name")
    marks = ("sampled", "non_standard")
    if not all(isinstance(further.get(mark, False), bool) for mark in marks):
        raise TypeError(f"{' and '.join(marks)} must be true or false")
    if not isinstance(further.get("details", {}), dict):
        raise TypeError("details must be an object")
    metrics = {str(name): float(value) for name, value in tree["metrics"].items()}
    if not all(map(math.isfinite, metrics.values())):
        raise ValueError("metrics must be finite numbers")
    return Evaluation(
        metrics=metrics,
        per_user=columns,
        user_ids=tuple(users),
        k=tuple(tree["k"]),
        **whole,
        **further,
    )
