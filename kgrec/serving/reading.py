"""Reading the settings of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kgrec.errors import ConfigError, printable
from kgrec.serving.settings import ServeConfig
from kgrec.settings import changed, make_settings, parse_changes, read_yaml


def read_settings(
    path: Path | None, overrides: Sequence[str] = (), given: Mapping[str, Any] | None = None
) -> ServeConfig:
    """Return the settings of a YAML file, with changes.

    Args:
        path: The file; None: all settings have their defaults.
        overrides: Changes, as `key=value`.
        given: Options of the command, which count before all others; None among them is left out.

    Raises:
        ConfigError: The file is missing or not YAML, or a key or value is wrong.
    """
    tree: Any = {} if path is None else read_yaml(path, "settings file")
    where = "the settings" if path is None else printable(str(path))
    if not isinstance(tree, dict):
        raise ConfigError(f"{where} must hold settings, such as `port: 8000`.")
    tree, _ = changed(tree, parse_changes(overrides), ServeConfig)
    options = {name: value for name, value in (given or {}).items() if value is not None}
    return make_settings(ServeConfig, tree | options, where, yaml=True)
