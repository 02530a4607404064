"""Comparing run folders on the same users."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from kgrec.errors import ConfigError, DataError, RunError, printable, warn
from kgrec.evaluation.base import Evaluation, ProtocolConfig, RankingConfig
from kgrec.evaluation.comparison import Comparison, compare_models, default_metrics
from kgrec.evaluation.evaluate import FullConfig
from kgrec.evaluation.protocols import protocol_config
from kgrec.evaluation.significance import SignificanceConfig
from kgrec.evaluation.stored import read_evaluation
from kgrec.runs.data_files import read_frame
from kgrec.runs.evaluating import check_part, evaluate_run, evaluation_path
from kgrec.runs.grouping import named_runs, runs_of_models
from kgrec.runs.manifest import check_is_run, checked


def compare_runs(
    folders: Sequence[str | Path],
    part: str = "test",
    *,
    protocol: str | ProtocolConfig = "full",
    k: Sequence[int] | None = None,
    metrics: Sequence[str] | None = None,
    seeds: bool = False,
    config: SignificanceConfig | None = None,
    say: Callable[[str], object] = lambda _: None,
    not_stored: Callable[[RunError], object] | None = None,
) -> Comparison:
    """Compare trained runs with the first of them, user by user.

    Results of `kgrec evaluate` in a run folder are reused. A run without results of that protocol,
    with its settings and cut-offs, is evaluated first.

    Args:
        folders: The run folders, two or more.
        part: `valid` or `test`.
        protocol: The evaluation protocol, see `kgrec.evaluation.protocols`.
        k: Cut-offs; None: those of `metrics`, or those in the results of the first run.
        metrics: Per-user metrics to test, such as `"ndcg@10"`; None: see `compare_models`.
        seeds: Whether runs whose configs differ only in their seeds are one model, whose runs
            are averaged for each user.
        config: Settings of the tests.
        say: Called with a message when a run is evaluated.
        not_stored: As for `evaluate_run`.

    Raises:
        ConfigError: There are fewer than two models, a folder is named twice, or there is no such
            part, protocol or metric.
        DataError: The runs do not have the same interactions in that part.
        RunError: A folder is no run folder, or a file in it is damaged.
    """
    check_part(part)
    asked = protocol_config(protocol)
    if k and not isinstance(asked, RankingConfig):
        raise ConfigError(f"The protocol {asked.name!r} ranks nothing: it has no cut-offs (k).")
    runs = named_runs(folders)
    _check_same_part(runs, part)
    models = runs_of_models(runs, seeds=seeds)
    if len(models) < 2:
        raise ConfigError(
            f"A comparison needs two models or more, found {len(models)}."
            + (" All runs differ only in their seeds." if len(runs) > 1 else "")
        )
    cuts = set(k or ()) | {cut for metric in metrics or () for cut in _cut(metric)}
    found: dict[str, Evaluation] = {}
    for name, folder in runs.items():
        found[name] = _evaluation(folder, part, asked, cuts, say, not_stored)
        cuts = cuts or set(found[name].k)
    results = {model: [found[name] for name in names] for model, names in models.items()}
    return compare_models(results, metrics or default_metrics(found, k), config)


def _evaluation(
    folder: Path,
    part: str,
    asked: ProtocolConfig,
    cuts: set[int],
    say: Callable[[str], object],
    not_stored: Callable[[RunError], object] | None,
) -> Evaluation:
    """Return the stored results of a run, or evaluate it."""
    path = evaluation_path(folder, part, asked)
    stored = _stored(path)
    if stored is not None and not _is_by(stored, asked):
        stored = None
    if stored is not None and cuts <= set(stored.k):
        return stored
    say(f"Measuring {folder} on {part} …")
    if isinstance(asked, RankingConfig):
        wanted = sorted(cuts | set(stored.k if stored else ()))
        return evaluate_run(
            folder, part, protocol=asked, k=wanted or None, not_stored=not_stored, say=say
        )
    return evaluate_run(folder, part, protocol=asked, not_stored=not_stored, say=say)


def _stored(path: Path) -> Evaluation | None:
    """Return stored results; None: there are none, or they are damaged."""
    if not path.is_file():
        return None
    try:
        return read_evaluation(path)
    except RunError as error:
        warn(f"{error} The run is evaluated again.")
        return None


def _is_by(stored: Evaluation, asked: ProtocolConfig) -> bool:
    """Return whether the result is of that protocol with these settings, for any k."""
    settings = stored.details.get("settings")
    if isinstance(asked, FullConfig) or not isinstance(settings, dict):
        return stored.protocol == asked.name
    wanted = asked.model_dump(mode="json", exclude={"name", "k"})
    return stored.protocol == asked.name and wanted == {
        key: value for key, value in settings.items() if key != "k"
    }


def _cut(metric: str) -> list[int]:
    """Return the cut-off in the name of a metric, if there is one."""
    _, at, cut = metric.partition("@")
    number = at and cut.isascii() and cut.isdigit() and len(cut) < 10
    return [int(cut)] if number and int(cut) else []


def _check_same_part(runs: Mapping[str, Path], part: str) -> None:
    """Check that all runs are evaluated on the same interactions."""
    first, *others = runs.items()
    expected = _pairs(first[1], part)
    for name, folder in others:
        found = _pairs(folder, part)
        if not found.equals(expected):
            both = len(expected.merge(found))
            raise DataError(
                f"{printable(first[0])} and {printable(name)} were split differently: of their "
                f"{len(expected):,} and {len(found):,} interactions in the {part} part, {both:,} "
                "are the same. Train them with the same data.splits, or with the same data and "
                "seed."
            )


def _pairs(folder: Path, part: str) -> pd.DataFrame:
    """Return the users and items of a part, sorted."""
    check_is_run(folder)
    path = checked(folder, "data/interactions.parquet")
    columns = ["user_id", "item_id"]
    frame = read_frame(path, [*columns, "part"])
    kinds = {pd.api.types.infer_dtype(frame[column]) for column in columns}
    if not kinds <= {"string", "empty"}:
        raise RunError(f"{printable(str(path))} is damaged: its users and items are not texts.")
    chosen = frame.loc[frame["part"] == part, columns]
    return chosen.sort_values(columns, ignore_index=True)
