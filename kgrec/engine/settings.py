"""The settings of the engines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, field_validator

from kgrec.engine.base import Engine, LocalEngine
from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.settings import Settings, by_name

if TYPE_CHECKING:
    from kgrec.engine.ray_engine import RayEngine

AUTO: Final = "auto"
OWN: Final = "local"
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


class LocalEngineConfig(Settings):
    """All is done in this process."""

    name: Literal["local"] = "local"

    def build(self) -> Engine:
        """Return the engine."""
        return LocalEngine()


class RayEngineConfig(Settings):
    """The workers of a Ray cluster do what can be cut into blocks; needs `kgrec[ray]`."""

    name: Literal["ray"] = "ray"
    address: str = Field(
        default=AUTO,
        description="`auto`: the cluster that runs on this machine, or that this machine is a part "
        "of; `local`: a new one on this machine, for this command; or HOST:PORT of a cluster's "
        "head.",
    )
    workers: int | None = Field(
        default=None, ge=1, le=100_000, description="Number of workers; None: one for each "
        "`cpus` of the cluster.",
    )  # fmt: skip
    cpus: int = Field(default=1, ge=1, le=1_024, description="Cores, and threads, of a worker.")
    gpus: float = Field(
        default=0.0, ge=0.0, le=64.0, description="GPUs of a worker; a share is possible."
    )
    retries: int = Field(
        default=3, ge=0, le=1_000, description="How often a worker that was lost is started again, "
        "and its block is done again.",
    )  # fmt: skip
    patience: float = Field(
        default=60.0, gt=0.0, le=86_400.0,
        description="Seconds to wait for the cluster and for free workers.",
    )  # fmt: skip

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value in (AUTO, OWN):
            return value
        if value.startswith("ray://"):
            raise ValueError(
                "Ray Client (ray://) is not supported, as it is another way to work: run kgrec on "
                "a machine of the cluster with the address 'auto', or give HOST:PORT of the head"
            )
        found = _HOST_AND_PORT.fullmatch(value)
        if found is None or not 0 < int(found[2]) < 65_536:
            raise ValueError(
                f"expected 'auto', 'local' or HOST:PORT, such as 10.0.0.1:6379, found "
                f"{printable(value)!r}"
            )
        return value

    def build(self) -> RayEngine:
        """Return the engine, which connects when it is entered.

        Raises:
            ConfigError: Ray is not installed.
        """
        from kgrec.engine.ray_engine import RayEngine

        return RayEngine(self)


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
