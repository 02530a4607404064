"""Names of run folders, and which of them are runs of one model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kgrec.errors import ConfigError, printable
from kgrec.runs.reading import read_config


def named_runs(folders: Sequence[str | Path]) -> dict[str, Path]:
    """Return run folders by their names, or by their paths if two have the same name.

    Raises:
        ConfigError: A folder is given twice.
    """
    paths = [Path(folder) for folder in folders]
    whole = [path.resolve() for path in paths]
    for place, path in enumerate(whole):
        if path in whole[:place]:
            raise ConfigError(f"The run {printable(str(paths[place]))} is named twice.")
    short = [path.name for path in whole]
    unique = len(set(short)) == len(short)
    return dict(zip(short if unique else map(str, paths), paths, strict=True))


def runs_of_models(runs: Mapping[str, Path], *, seeds: bool) -> dict[str, list[str]]:
    """Return the names of the runs of each model, by the model's name.

    Args:
        runs: Run folders by name.
        seeds: Whether runs whose configs differ only in their seeds are one model; otherwise each
            run is a model.

    Raises:
        RunError: A config is missing or damaged.
    """
    if not seeds:
        return {name: [name] for name in runs}
    groups: dict[str, list[str]] = {}
    for name, folder in runs.items():
        whole = read_config(folder).model_dump(mode="json", exclude={"tracking", "tune"})
        groups.setdefault(json.dumps(_without_seeds(whole), sort_keys=True), []).append(name)
    return {
        names[0] if len(names) == 1 else f"{names[0]} (mean of {len(names)})": names
        for names in groups.values()
    }


def _without_seeds(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_seeds(value) for key, value in tree.items() if key != "seed"}
    return [_without_seeds(value) for value in tree] if isinstance(tree, list) else tree
