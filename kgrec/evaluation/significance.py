"""Whether two models differ by more than chance, on the same users.

Each user gives one difference. The values of several seeds of one model are averaged for each user
first (`mean_of_runs`), because seeds are not additional users.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import stats

from kgrec.errors import ConfigError, DataError, did_you_mean, printable
from kgrec.evaluation.base import Evaluation
from kgrec.settings import Settings
from kgrec.types import Float64Array

TESTS: Final = ("t_test", "wilcoxon", "bootstrap")
_BATCH_ELEMENTS: Final = 1 << 22


class SignificanceConfig(Settings):
    """How differences are tested."""

    confidence: float = Field(
        default=0.95, gt=0, lt=1, description="Share of the bootstrap inside of an interval."
    )
    samples: int = Field(
        default=9999, ge=99, le=10_000_000, description="Samples of the bootstrap."
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of the bootstrap.")
    zeros: Literal["wilcox", "pratt"] = Field(
        default="wilcox",
        description="Wilcoxon's test, users without a difference: `wilcox` leaves them out; "
        "`pratt` ranks them first and then leaves their ranks out.",
    )


@dataclass(frozen=True)
class PairedTests:
    """Two models on the same users, and whether they differ by more than chance.

    All p values are two-sided. Those that end in `_holm` are corrected for the comparisons that
    were made together (`compare`); for one comparison they are the same.

    Attributes:
        num_users: Number of users.
        num_equal: Users for whom both models have the same value.
        mean: Mean of the model.
        reference: Mean of the reference.
        gain: `mean - reference`.
        low: Lower end of the gain's bootstrap interval.
        high: Upper end.
        cohens_d: The mean difference divided by the standard deviation of the differences, d_z of
            Cohen (1988); infinite if all differences are equal.
        rank_biserial: Rank sum of the positive differences minus that of the negative ones,
            divided by both together (Kerby 2014), -1 to 1: the effect size of Wilcoxon's test.
        t_test_p: Student's t test for paired samples.
        wilcoxon_p: Wilcoxon's signed-rank test.
        bootstrap_p: Bootstrap of the mean difference under the hypothesis that it is 0 (Efron and
            Tibshirani 1993, chapter 16), at least 1 / (samples + 1). With fewer than about 50
            users it is too small.
        t_test_holm: `t_test_p`, corrected.
        wilcoxon_holm: `wilcoxon_p`, corrected.
        bootstrap_holm: `bootstrap_p`, corrected.
    """

    num_users: int
    num_equal: int
    mean: float
    reference: float
    gain: float
    low: float
    high: float
    cohens_d: float
    rank_biserial: float
    t_test_p: float
    wilcoxon_p: float
    bootstrap_p: float
    t_test_holm: float
    wilcoxon_holm: float
    bootstrap_holm: float

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes for JSON, with None for infinity, which JSON does not have."""
        return {
            name: None if isinstance(value, float) and math.isinf(value) else value
            for name, value in asdict(self).items()
        }


def compare(
    models: Mapping[str, Evaluation],
    reference: Evaluation,
    metric: str,
    config: SignificanceConfig | None = None,
    *,
    name: str = "the reference",
) -> dict[str, PairedTests]:
    """Compare models with one reference, user by user, with Holm's correction over the models.

    Args:
        models: The evaluations, by name.
        reference: The evaluation of the reference.
        metric: A per-user metric that all have, such as `"ndcg@10"`.
        config: The settings of the tests.
        name: Name of the reference in error messages.

    Raises:
        ConfigError: There is no such metric, or there are no models.
        DataError: The evaluations differ in users or protocol, or a value is not finite.
    """
    if not models:
        raise ConfigError("There is nothing to compare: give one model or more.")
    names = list(models)
    values = matched([reference, *models.values()], metric, [name, *names])
    found = [paired_tests(ours, values[0], config) for ours in values[1:]]
    return dict(zip(names, with_holm(found), strict=True))


def matched(
    evaluations: Sequence[Evaluation], metric: str, names: Sequence[str] | None = None
) -> Float64Array:
    """Return a metric of several evaluations, with the same user in the same column.

    Args:
        evaluations: The evaluations.
        metric: A per-user metric that all have.
        names: Names of the evaluations in error messages.

    Returns:
        float64 of shape (number of evaluations, num_users), the users in the first one's order.

    Raises:
        ConfigError: There is no such metric.
        DataError: The evaluations are not of the same users, items or judgements.
    """
    names = names or [f"evaluation {place}" for place in range(1, len(evaluations) + 1)]
    first = evaluations[0]
    rows = []
    for name, other in zip(names, evaluations, strict=True):
        if metric not in other.per_user:
            raise ConfigError(
                f"{printable(name)} has no metric {printable(metric)!r} for each user."
                + did_you_mean(metric, other.per_user)
            )
        _check_same_protocol(names[0], first, name, other)
        rows.append(_in_order(names[0], first.user_ids, name, other)[metric])
    return np.stack(rows)


def mean_of_runs(runs: Sequence[Evaluation]) -> Evaluation:
    """Return the mean of several runs of one model, such as seeds, for each user and of all.

    The `details` that differ between runs are left out.

    Raises:
        ConfigError: There is no run.
        DataError: The runs were not measured on the same users, items, judgements or metrics.
    """
    if not runs:
        raise ConfigError("There is no run to take the mean of.")
    first = runs[0]
    for place, other in enumerate(runs, 1):
        if other.per_user.keys() != first.per_user.keys():
            raise DataError(f"Run {place} has other metrics than the first.")
    per_user = {
        name: matched(runs, name, [f"run {place}" for place in range(1, len(runs) + 1)]).mean(0)
        for name in first.per_user
    }
    common = [name for name in first.metrics if all(name in run.metrics for run in runs)]
    means = {name: float(np.mean([run.metrics[name] for run in runs])) for name in common}
    alike = {
        key: value
        for key, value in first.details.items()
        if all(key in run.details and run.details[key] == value for run in runs)
    }
    return replace(first, metrics=means, per_user=per_user, details=alike)


def paired_tests(
    values: npt.ArrayLike, reference: npt.ArrayLike, config: SignificanceConfig | None = None
) -> PairedTests:
    """Test whether two models differ, by their values for each user.

    Args:
        values: The model's value for each user, shape (num_users,).
        reference: The reference's values, for the same users in the same order.
        config: The settings of the tests.

    Raises:
        DataError: The shapes differ, there are fewer than two users, or a value is not finite.

    >>> found = paired_tests([0.4, 0.6, 0.5, 0.9], [0.2, 0.5, 0.5, 0.6])
    >>> round(found.gain, 3), found.num_equal, found.rank_biserial
    (0.15, 1, 1.0)
    """
    config = config or SignificanceConfig()
    ours = np.asarray(values, dtype=np.float64)
    theirs = np.asarray(reference, dtype=np.float64)
    if ours.ndim != 1 or ours.shape != theirs.shape:
        raise DataError(
            f"A paired test needs a value of each user for both models, found the shapes "
            f"{ours.shape} and {theirs.shape}."
        )
    if len(ours) < 2:
        raise DataError(f"A paired test needs two users or more, found {len(ours)}.")
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise DataError("A paired test needs numbers, found NaN or an infinite value.")
    gain = ours - theirs
    samples = bootstrap_means(gain, config)
    low, high = _interval(samples, config)
    p = {
        "t_test": _t_test(gain),
        "wilcoxon": _wilcoxon(gain, config),
        "bootstrap": _bootstrap_p(samples, float(gain.mean())),
    }
    return PairedTests(
        num_users=len(gain),
        num_equal=int((gain == 0).sum()),
        mean=float(ours.mean()),
        reference=float(theirs.mean()),
        gain=float(gain.mean()),
        low=low,
        high=high,
        cohens_d=cohens_d(gain),
        rank_biserial=rank_biserial(gain, zeros=config.zeros),
        **{f"{test}_{kind}": p[test] for kind in ("p", "holm") for test in TESTS},
    )


def with_holm(found: Sequence[PairedTests]) -> list[PairedTests]:
    """Return the comparisons with the p values of each test corrected over all of them."""
    corrected = {
        test: holm([getattr(one, f"{test}_p") for one in found]).tolist() for test in TESTS
    }
    return [
        replace(one, **{f"{test}_holm": corrected[test][place] for test in TESTS})
        for place, one in enumerate(found)
    ]


def holm(p: npt.ArrayLike) -> Float64Array:
    """Return p values corrected by the step-down method of Holm (1979).

    It controls the probability of one false positive or more, for any dependence of the tests.

    Raises:
        DataError: A value lies outside of 0 to 1.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p, dtype=np.float64)
    if raw.ndim != 1 or not ((raw >= 0) & (raw <= 1)).all():
        raise DataError("Holm's correction needs a list of p values from 0 to 1.")
    order = np.argsort(raw, kind="stable")
    left = np.arange(len(raw), 0, -1)
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(np.maximum.accumulate(raw[order] * left), 1.0)
    return corrected


def cohens_d(gain: Float64Array) -> float:
    """Return the mean of paired differences divided by their standard deviation (Cohen 1988, d_z).

    It is 0 if all are 0, and infinite if all are equal and not 0.
    """
    if _constant(gain):
        return math.copysign(math.inf, gain.mean()) if gain.any() else 0.0
    return float(gain.mean() / gain.std(ddof=1))


def rank_biserial(gain: Float64Array, *, zeros: str = "wilcox") -> float:
    """Return the matched-pairs rank-biserial correlation of differences (Kerby 2014), -1 to 1.

    Args:
        gain: Differences, shape (num_users,).
        zeros: As in `SignificanceConfig`. If all differences are 0, the correlation is 0.
    """
    kept = gain[gain != 0] if zeros == "wilcox" else gain
    if not kept.any():
        return 0.0
    ranks = stats.rankdata(np.abs(kept))
    above, below = float(ranks[kept > 0].sum()), float(ranks[kept < 0].sum())
    return (above - below) / (above + below)


def bootstrap_interval(
    values: npt.ArrayLike, config: SignificanceConfig | None = None
) -> tuple[float, float]:
    """Return the ends of the percentile bootstrap interval of a mean over users.

    Raises:
        DataError: There are no values, or one of them is not a finite number.
    """
    config = config or SignificanceConfig()
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise DataError("A bootstrap needs a list of numbers, one or more.")
    return _interval(bootstrap_means(numbers, config), config)


def bootstrap_means(values: Float64Array, config: SignificanceConfig) -> Float64Array:
    """Return means of samples of the users with replacement, shape (samples,).

    The samples depend only on the seed and the number of users, so that models on the same users
    get the same samples.
    """
    rng = np.random.default_rng(config.seed)
    num = len(values)
    batch = max(_BATCH_ELEMENTS // num, 1)
    means = np.empty(config.samples)
    for start in range(0, config.samples, batch):
        rows = rng.integers(num, size=(min(batch, config.samples - start), num), dtype=np.int32)
        means[start : start + len(rows)] = values[rows].mean(1)
    return means


def _interval(samples: Float64Array, config: SignificanceConfig) -> tuple[float, float]:
    tail = (1 - config.confidence) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return float(low), float(high)


def _bootstrap_p(samples: Float64Array, gain: float) -> float:
    """Return how often the mean would be as far from 0 as `gain` if the true mean were 0."""
    # Sums in another order differ by rounding: up to the slack, means count as equal.
    slack = 1e-12 * max(abs(gain), float(np.abs(samples).max()))
    as_far = np.abs(samples - gain) >= abs(gain) - slack
    return float((1 + as_far.sum()) / (1 + len(samples)))


def _t_test(gain: Float64Array) -> float:
    if _constant(gain):  # scipy would warn
        return 0.0 if gain.any() else 1.0
    return float(stats.ttest_1samp(gain, 0.0).pvalue)


def _wilcoxon(gain: Float64Array, config: SignificanceConfig) -> float:
    return float(stats.wilcoxon(gain, zero_method=config.zeros).pvalue) if gain.any() else 1.0


def _constant(gain: Float64Array) -> bool:
    """Return whether all differences are equal, up to rounding."""
    return bool(np.ptp(gain) <= 1e-12 * np.abs(gain).max())


def _check_same_protocol(name: str, first: Evaluation, other_name: str, other: Evaluation) -> None:
    if first.protocol != other.protocol or _settings(first) != _settings(other):
        raise DataError(
            f"{printable(name)} and {printable(other_name)} were measured by different protocols: "
            f"{_described(first)} and {_described(other)}."
        )
    for attribute, what in (
        ("num_candidates", "ranked items"),
        ("num_judgements", "test interactions"),
    ):
        expected, found = getattr(first, attribute), getattr(other, attribute)
        if expected != found:
            raise DataError(
                f"{printable(name)} and {printable(other_name)} were measured differently: "
                f"{expected:,} and {found:,} {what}. Measure both on the same part of the same "
                "split."
            )


def _settings(evaluation: Evaluation) -> dict[str, Any]:
    """Return the settings of the protocol but `k`, which is in the names of the metrics."""
    found = evaluation.details.get("settings")
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if key != "k"}


def _described(evaluation: Evaluation) -> str:
    settings = [f"{key}={value}" for key, value in sorted(_settings(evaluation).items())]
    return printable(" ".join([evaluation.protocol, *settings]))


def _in_order(
    name: str, user_ids: Sequence[str], other_name: str, other: Evaluation
) -> dict[str, Float64Array]:
    """Return the per-user values of `other` in the order of `user_ids`."""
    if list(other.user_ids) == list(user_ids):
        return dict(other.per_user)
    place = {user: row for row, user in enumerate(other.user_ids)}
    missing = [user for user in user_ids if user not in place]
    further = place.keys() - set(user_ids)
    if missing or further:
        one, those = (missing[0], name) if missing else (min(further), other_name)
        raise DataError(
            f"{printable(name)} and {printable(other_name)} were measured on different users: "
            f"{len(missing):,} are only in the first and {len(further):,} only in the second, "
            f"such as {printable(one)!r} of {printable(those)}. Measure both on the same part of "
            "the same split."
        )
    order = np.array([place[user] for user in user_ids], dtype=np.int64)
    return {metric: np.asarray(values)[order] for metric, values in other.per_user.items()}
