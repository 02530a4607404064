"""Several models side by side: means, intervals, and paired tests against the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pandas as pd

from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.significance import (
    PairedTests,
    SignificanceConfig,
    bootstrap_interval,
    compare,
    mean_of_runs,
)

_DEFAULT: Final = ("ndcg", "recall", "mrr")
_LOWER_IS_BETTER: Final = ("rmse", "mae")


@dataclass(frozen=True)
class ComparedModel:
    """One of the models.

    Attributes:
        name: Its name.
        evaluation: The mean of its runs for each user.
        num_runs: Number of runs.
        intervals: By metric, the bootstrap interval of the mean over the users.
        ranges: By metric, the lowest and the highest mean of a run.
    """

    name: str
    evaluation: Evaluation
    num_runs: int
    intervals: Mapping[str, tuple[float, float]]
    ranges: Mapping[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings for JSON."""
        return {
            "num_runs": self.num_runs,
            **self.evaluation.to_dict(),
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
        }


@dataclass(frozen=True)
class Comparison:
    """Models that were measured on the same users.

    Attributes:
        models: The models; the others are compared with the first, the reference.
        metrics: The metrics that were tested.
        tests: By metric and model: the model against the reference.
        config: The settings of the tests.
    """

    models: tuple[ComparedModel, ...]
    metrics: tuple[str, ...]
    tests: Mapping[str, Mapping[str, PairedTests]]
    config: SignificanceConfig

    @property
    def reference(self) -> ComparedModel:
        """The model that the others are compared with."""
        return self.models[0]

    def ranked(self, metric: str) -> list[ComparedModel]:
        """Return the models, the best by a metric first."""
        sign = 1 if lower_is_better(metric) else -1
        return sorted(
            self.models, key=lambda one: sign * float(one.evaluation.per_user[metric].mean())
        )

    def to_pandas(self, metric: str | None = None) -> pd.DataFrame:
        """Return the tests of one metric, a row for each model but the reference.

        Args:
            metric: The metric; None: the first.

        Returns:
            The columns are the attributes of `PairedTests`.

        Raises:
            ConfigError: The metric was not tested.
        """
        chosen = self.metrics[0] if metric is None else metric
        if chosen not in self.tests:
            raise ConfigError(
                f"The metric {printable(chosen)!r} was not tested."
                + did_you_mean(chosen, self.metrics)
            )
        rows = {name: asdict(found) for name, found in self.tests[chosen].items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis(chosen)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings for JSON."""
        return {
            "reference": self.reference.name,
            "models": {model.name: model.to_dict() for model in self.models},
            "tests": {
                metric: {name: found.to_dict() for name, found in tests.items()}
                for metric, tests in self.tests.items()
            },
            "config": self.config.model_dump(),
        }


def compare_models(
    models: Mapping[str, Evaluation | Sequence[Evaluation]],
    metrics: Sequence[str] | None = None,
    config: SignificanceConfig | None = None,
) -> Comparison:
    """Compare models with the first of them, user by user.

    Holm's correction is over the models, for each metric.

    Args:
        models: By name, the evaluation of each model, or those of several runs, such as seeds,
            which are averaged for each user. The first model is the reference.
        metrics: Per-user metrics to test; None: NDCG, recall and MRR at the first common cut-off.
        config: The settings of the tests.

    Raises:
        ConfigError: There are fewer than two models, or one lacks a metric.
        DataError: They were not measured on the same users and protocol.
    """
    if len(models) < 2:
        raise ConfigError(f"A comparison needs two models or more, found {len(models)}.")
    config = config or SignificanceConfig()
    runs = {
        name: [given] if isinstance(given, Evaluation) else list(given)
        for name, given in models.items()
    }
    evaluations = {name: mean_of_runs(found) for name, found in runs.items()}
    chosen = tuple(dict.fromkeys(metrics or default_metrics(evaluations)))
    first, *others = models
    tests = {
        metric: compare(
            {name: evaluations[name] for name in others},
            evaluations[first],
            metric,
            config,
            name=first,
        )
        for metric in chosen
    }
    return Comparison(
        tuple(
            ComparedModel(
                name,
                evaluations[name],
                len(found),
                {m: bootstrap_interval(evaluations[name].per_user[m], config) for m in chosen},
                {m: _ends([float(run.per_user[m].mean()) for run in found]) for m in chosen},
            )
            for name, found in runs.items()
        ),
        chosen,
        tests,
        config,
    )


def lower_is_better(metric: str) -> bool:
    """Return whether a metric is an error, so that lower is better."""
    return metric in _LOWER_IS_BETTER


def default_metrics(
    evaluations: Mapping[str, Evaluation], k: Sequence[int] | None = None
) -> list[str]:
    """Return the metrics to compare where none are named: NDCG, recall and MRR.

    Args:
        evaluations: The evaluations, by name.
        k: Cut-offs; None: the first common one. Without cut-offs, all metrics are compared.

    Raises:
        ConfigError: The evaluations have no metric in common.
    """
    common = set.intersection(*(set(one.per_user) for one in evaluations.values()))
    cuts = sorted(set.intersection(*(set(one.k) for one in evaluations.values())))
    found = {
        # Some protocols put a prefix before their names, such as `sampled_ndcg@10`.
        cut: [
            name for kind in _DEFAULT for name in sorted(common) if name.endswith(f"{kind}@{cut}")
        ]
        for cut in k or cuts
    }
    if any(found.values()):
        chosen = k or [next(cut for cut in cuts if found[cut])]
        return [name for cut in chosen for name in found[cut]]
    if common:
        return sorted(common)
    name, other = list(evaluations.items())[-1]
    raise ConfigError(
        f"The models have no per-user metric in common; {printable(name)} has "
        f"{', '.join(map(printable, other.per_user)) or 'none'}."
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)
