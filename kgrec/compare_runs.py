"""Comparing run folders: `kgrec compare`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from kgrec.data.splits import PARTS
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
from kgrec.experiment import evaluate_run


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
            f"Compare on 'valid' or 'test', not {printable(part)!r}." + did_you_mean(part, PARTS)
        )
    asked = protocol_config(protocol)
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
    return [int(cut)] if at and cut.isascii() and cut.isdigit() and 0 < int(cut[:9]) else []


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
    if table.column_names != columns:
        raise RunError(f"{printable(str(path))} is damaged: it needs the columns {columns}.")
    frame: pd.DataFrame = table.to_pandas()
    chosen = frame.loc[frame["part"] == part, ["user_id", "item_id"]]
    return chosen.sort_values(["user_id", "item_id"], ignore_index=True)


def _groups(runs: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the names of the runs of each model: their configs are the same but for seeds."""
    groups: dict[str, list[str]] = {}
    for name, folder in runs.items():
        path = folder / "config.yaml"
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
            key = json.dumps(_without_seeds(tree), sort_keys=True, default=str)
        except (OSError, yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            raise RunError(f"{printable(str(path))} is damaged: {printable(str(error))}") from error
        groups.setdefault(key, []).append(name)
    return groups


def _without_seeds(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_seeds(value) for key, value in tree.items() if key != "seed"}
    return [_without_seeds(value) for value in tree] if isinstance(tree, list) else tree


def _group_name(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} (mean of {len(names)})"
