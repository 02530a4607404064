"""Comparing run folders, in figures and in pictures: `kgrec compare`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from kgrec.config import Config, make_config
from kgrec.data.splits import PARTS
from kgrec.drawing.results import Estimate, draw_accuracy_by_time, draw_curves
from kgrec.errors import ConfigError, DataError, RunError, did_you_mean, printable
from kgrec.evaluation.comparison import Comparison, compare_models, usual_metrics
from kgrec.evaluation.evaluate import Evaluation
from kgrec.evaluation.settings import (
    FullConfig,
    ProtocolConfig,
    RankingConfig,
    protocol_config,
)
from kgrec.evaluation.significance import SignificanceConfig
from kgrec.evaluation.stored import read_evaluation
from kgrec.runs.training import evaluate_run
from kgrec.training.link_prediction import LinkPredictionConfig

_LARGEST: Final = 1e30
"""No figure of a run is as large, and none that is could be drawn."""


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
) -> Comparison:
    """Compare trained runs with the first of them, user by user.

    What `kgrec evaluate` has left in a run folder is taken; a run that was not measured yet by that
    protocol, with its settings or at those cut-offs, is measured first.

    Args:
        folders: The run folders, two or more.
        part: `valid` or `test`.
        protocol: How it is measured, see `kgrec.evaluation.settings`.
        k: Cut-offs; None: those of `metrics`, or those that the first run was measured with.
        metrics: Per-user metrics to test, such as `"ndcg@10"`; None: see `compare_models`.
        seeds: Whether runs whose configs differ in their seeds alone are one model, whose runs
            are averaged for each user.
        config: How it is tested.
        say: Is told which run is measured.

    Raises:
        ConfigError: There are fewer than two models, a folder is named twice, or there is no such
            part, protocol or metric.
        DataError: The runs do not have the same interactions in that part.
        RunError: A folder is no run folder, or a file in it is damaged.
    """
    if part not in PARTS[1:]:
        raise ConfigError(
            f"Compare on 'valid' or 'test', not {printable(part)!r}."
            + did_you_mean(part, PARTS[1:])
        )
    asked = protocol_config(protocol)
    if k and not isinstance(asked, RankingConfig):
        raise ConfigError(f"The protocol {asked.name!r} ranks nothing: it has no cut-offs (k).")
    runs = _named([Path(folder) for folder in folders])
    _check_same_part(runs, part)
    groups = _groups(runs) if seeds else {name: [name] for name in runs}
    if len(groups) < 2:
        raise ConfigError(
            f"A comparison needs two models or more, found {len(groups)}."
            + (" All runs differ in their seeds alone." if len(runs) > 1 else "")
        )
    cuts = set(k or ()) | {cut for metric in metrics or () for cut in _cut(metric)}
    found: dict[str, Evaluation] = {}
    for name, folder in runs.items():
        found[name] = _evaluation(folder, part, asked, cuts, say)
        cuts = cuts or set(found[name].k)
    models = {_group_name(names): [found[name] for name in names] for names in groups.values()}
    return compare_models(models, metrics or usual_metrics(found, k), config)


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the folders by their names, or by their paths where two have one name."""
    places: dict[Path, Path] = {}
    for folder in folders:
        if folder.resolve() in places:
            raise ConfigError(f"The run {printable(str(folder))} is named twice.")
        places[folder.resolve()] = folder
    short = [folder.resolve().name for folder in folders]
    unique = len(set(short)) == len(short)
    return dict(zip(short if unique else map(str, folders), folders, strict=True))


def _evaluation(
    folder: Path, part: str, asked: ProtocolConfig, cuts: set[int], say: Callable[[str], object]
) -> Evaluation:
    """Return what is stored of a run, or measure it."""
    name = "" if isinstance(asked, FullConfig) else f"_{asked.name}"
    path = folder / f"evaluation_{part}{name}.json"
    stored = read_evaluation(path) if path.is_file() else None
    if stored is not None and not _is_by(stored, asked):
        stored = None
    if stored is not None and cuts <= set(stored.k):
        return stored
    say(f"Measuring {folder} on {part} …")
    if isinstance(asked, RankingConfig):
        wanted = sorted(cuts | set(stored.k if stored else ()))
        return evaluate_run(folder, part, protocol=asked, k=wanted or None)
    return evaluate_run(folder, part, protocol=asked)


def _is_by(stored: Evaluation, asked: ProtocolConfig) -> bool:
    """Return whether it was measured by that protocol with these settings, whatever the k."""
    settings = stored.details.get("settings")
    if isinstance(asked, FullConfig) or not isinstance(settings, dict):
        return stored.protocol == asked.name
    wanted = asked.model_dump(mode="json", exclude={"k"})
    return stored.protocol == asked.name and wanted == {
        key: value for key, value in settings.items() if key != "k"
    }


def _cut(metric: str) -> list[int]:
    """Return the cut-off in the name of a metric, if there is one."""
    _, at, cut = metric.partition("@")
    number = at and cut.isascii() and cut.isdigit() and len(cut) < 10
    return [int(cut)] if number and int(cut) else []


def _check_same_part(runs: Mapping[str, Path], part: str) -> None:
    """Check that all runs are asked for the same interactions."""
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
    if not (folder / "config.yaml").is_file():
        raise RunError(
            f"{printable(str(folder))} is no run folder: it has no config.yaml. `kgrec train "
            f"CONFIG.yaml --out {printable(str(folder))}` makes one."
        )
    path = folder / "data" / "interactions.parquet"
    columns = ["user_id", "item_id", "part"]
    try:
        table = pq.read_table(path, columns=columns).replace_schema_metadata()
    except FileNotFoundError as error:
        raise RunError(f"The run folder lacks {printable(str(path))}.") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RunError(f"{printable(str(path))} is damaged: {printable(str(error))}") from error
    if table.column_names != columns or not all(map(_is_text, table.schema.types)):
        raise RunError(
            f"{printable(str(path))} is damaged: it needs the columns {columns}, each of text."
        )
    frame: pd.DataFrame = table.to_pandas()
    chosen = frame.loc[frame["part"] == part, ["user_id", "item_id"]]
    return chosen.sort_values(["user_id", "item_id"], ignore_index=True)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _groups(runs: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the names of the runs of each model: their configs are the same but for seeds."""
    groups: dict[str, list[str]] = {}
    for name, folder in runs.items():
        whole = _config(folder).model_dump(mode="json")
        key = json.dumps(_without_seeds(whole), sort_keys=True)
        groups.setdefault(key, []).append(name)
    return groups


def _config(folder: Path) -> Config:
    path = folder / "config.yaml"
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        return make_config(tree, str(path))
    except (OSError, yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        raise RunError(f"{printable(str(path))} is damaged: {printable(str(error))}") from error


def _without_seeds(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_seeds(value) for key, value in tree.items() if key != "seed"}
    return [_without_seeds(value) for value in tree] if isinstance(tree, list) else tree


def _group_name(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} (mean of {len(names)})"


def draw_run_curves(
    folders: Sequence[str | Path], path: str | Path, *, seeds: bool = False
) -> list[str]:
    """Draw the validation curves of runs, and return the names of those that have none.

    Args:
        folders: The run folders.
        path: The .png or .svg file.
        seeds: Whether runs that differ in their seeds alone share a colour and a name.

    Raises:
        DataError: No run has a curve, or they were validated by different metrics.
        RunError: A file of a run is missing or damaged, or the picture cannot be written.
        ConfigError: The picture has another ending.
    """
    runs = _named([Path(folder) for folder in folders])
    curves = {name: _curve(folder) for name, folder in runs.items()}
    without = [name for name, curve in curves.items() if not curve]
    if len(without) == len(curves):
        raise DataError("None of the runs has a validation curve: none was trained in epochs.")
    known = [frozenset(curve[0]) for curve in curves.values() if curve]
    metrics = sorted(known[0].intersection(*known[1:]) - {"epoch", "seconds", "loss"})
    chosen = [_validated(runs[name]) for name in curves if name not in without]
    metric = chosen[0]
    if len(set(chosen)) > 1 or metric not in metrics:
        found = ", ".join(printable(one) for one in sorted(set(chosen)))
        raise DataError(f"The runs were not validated by one metric that all have: {found}.")
    groups = _groups(runs) if seeds else {name: [name] for name in runs}
    lines = {
        _group_name(names): [curves[name] for name in names if curves[name]]
        for names in groups.values()
    }
    drawn = {name: several for name, several in lines.items() if several}
    draw_curves({"Validation": drawn}, metric, path)
    return without


def draw_run_times(
    comparison: Comparison,
    folders: Sequence[str | Path],
    path: str | Path,
    *,
    seeds: bool = False,
) -> None:
    """Draw a point for each compared model: the first metric above the seconds of training.

    Args:
        comparison: What `compare_runs` returned for the folders.
        folders: The run folders.
        path: The .png or .svg file.
        seeds: As in `compare_runs`; seconds are then the mean of a model's runs.

    Raises:
        RunError: A file of a run is missing or damaged, or the picture cannot be written.
        ConfigError: The picture has another ending, or the folders are not those compared.
    """
    runs = _named([Path(folder) for folder in folders])
    groups = _groups(runs) if seeds else {name: [name] for name in runs}
    metric = comparison.metrics[0]
    seconds = {
        _group_name(names): sum(_seconds(runs[name]) for name in names) / len(names)
        for names in groups.values()
    }
    missing = [model.name for model in comparison.models if model.name not in seconds]
    if missing:
        raise ConfigError(f"No folder was given of the compared model {printable(missing[0])}.")
    points = [
        Estimate(
            model.name,
            float(model.evaluation.per_user[metric].mean()),
            *model.intervals[metric],
            seconds=seconds[model.name],
            ours=model is not comparison.reference,
        )
        for model in comparison.models
    ]
    draw_accuracy_by_time({"Accuracy and time": points}, metric, path)


def _curve(folder: Path) -> list[dict[str, float]]:
    """Return the validation curve of a run; empty if it has none."""
    path = folder / "curve.json"
    if not path.exists():
        return []
    points = _json(path)
    if not isinstance(points, list) or not all(
        isinstance(point, dict)
        and point.keys() == points[0].keys()
        and all(map(_is_figure, point.values()))
        for point in points
    ):
        raise RunError(f"{printable(str(path))} is damaged: it is no list of figures.")
    return points


def _is_figure(value: Any) -> bool:
    """Return whether it is a number that can be drawn."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and -_LARGEST < value < _LARGEST  # of NaN, neither holds


def _validated(folder: Path) -> str:
    """Return the metric that a run was validated by."""
    model = _config(folder).model
    if not isinstance(model, LinkPredictionConfig):
        raise RunError(
            f"{printable(str(folder))} has a validation curve, but {model.name} has none."
        )
    return model.training.metric


def _seconds(folder: Path) -> float:
    """Return the seconds that training took."""
    path = folder / "metrics.json"
    try:
        seconds = float(_json(path)["seconds"]["fit"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RunError(
            f"{printable(str(path))} does not say how long training took; `kgrec train` does."
        ) from error
    if not 0 < seconds < _LARGEST:
        raise RunError(f"{printable(str(path))} is damaged: training took {seconds} seconds.")
    return seconds


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"The run folder lacks {printable(str(path))}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{printable(str(path))} is damaged: {printable(str(error))}") from error
