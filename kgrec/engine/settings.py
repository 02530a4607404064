"""The settings of the engines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kgrec.engine.base import Engine, LocalEngine
from kgrec.engine.ray_cluster import AUTO, OWN
from kgrec.engine.ray_engine import RayEngineConfig
from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.settings import Settings, by_name


class LocalEngineConfig(Settings):
    """All is done in this process."""

    name: Literal["local"] = "local"

    def build(self) -> Engine:
        """Return the engine."""
        return LocalEngine()


EngineConfig = Annotated[
    LocalEngineConfig | RayEngineConfig, Field(discriminator="name"), by_name()
]
"""The settings of any engine; a name alone is one with its defaults."""


def named_engine(text: str | None) -> LocalEngineConfig | RayEngineConfig:
    """Return the settings of an engine by a word of the command line.

    Args:
        text: `local`, `ray`, or the address of a cluster, such as 10.0.0.1:6379; None: `local`.

    Raises:
        ConfigError: It is neither.

    >>> named_engine("10.0.0.1:6379").address
    '10.0.0.1:6379'
    """
    if text in (None, OWN):
        return LocalEngineConfig()
    if text == "ray":
        return RayEngineConfig()
    assert text is not None
    try:
        if ":" not in text:
            raise ValueError("expected `local`, `ray` or HOST:PORT of a Ray cluster")
        return RayEngineConfig(address=text)
    except ValueError as error:
        reason = str(error) if ":" not in text else "expected HOST:PORT, such as 10.0.0.1:6379"
        raise ConfigError(
            f"--engine {printable(text)!r}: {reason}." + did_you_mean(text, ["local", "ray"])
        ) from error


def engine_changes(text: str | None) -> list[str]:
    """Return `--engine` as changes of a config, key=value; None: no change.

    >>> engine_changes("ray"), engine_changes(None)
    (['engine.name=ray'], [])
    """
    if text is None:
        return []
    made = named_engine(text)
    changes = [f"engine.name={made.name}"]
    if isinstance(made, RayEngineConfig) and made.address != AUTO:
        changes.append(f"engine.address={made.address}")
    return changes
