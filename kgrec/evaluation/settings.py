"""The settings of each evaluation protocol, and the protocols by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, field_validator

from kgrec.errors import ConfigError, did_you_mean, printable
from kgrec.settings import Settings, make_settings


class ProtocolConfig(Settings):
    """The settings of a protocol. Frozen; an unknown key is an error.

    Attributes:
        name: The protocol's name, in results and in the command.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    name: ClassVar[str]


class RankingConfig(ProtocolConfig):
    """What all protocols have that rank items."""

    k: tuple[int, ...] = Field(default=(10, 20), description="Cut-offs.")

    @field_validator("k", mode="before")
    @classmethod
    def _one_number(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    @field_validator("k")
    @classmethod
    def _from_one_on(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or min(value) < 1:
            raise ValueError("k must be one or more numbers from 1 on")
        return value


class FullConfig(RankingConfig):
    """Full ranking: all candidates of the split are ranked for each user."""

    name: ClassVar[str] = "full"


class CandidatesConfig(RankingConfig):
    """Ranking of a few candidates of each user, drawn here or given."""

    name: ClassVar[str] = "candidates"

    num: int = Field(default=100, ge=1, lt=2**31, description="Items drawn for each user.")
    sampling: Literal["uniform", "popularity"] = Field(
        default="uniform",
        description="`uniform`: each unseen item is as likely; `popularity`: in proportion to its "
        "training interactions plus one.",
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of the draw.")


class CTRConfig(ProtocolConfig):
    """Click-through rate: tell the user's pairs from as many unseen ones."""

    name: ClassVar[str] = "ctr"

    seeds: tuple[int, ...] = Field(
        default=(0, 1, 2, 3, 4),
        min_length=1,
        description="A draw of unseen pairs for each; the figures are their means.",
    )
    threshold: float | None = Field(
        default=None,
        description="Scores from here on count as a click in ACC and F1; None: the one that is "
        "most often right on the validation part.",
    )

    @field_validator("seeds", mode="before")
    @classmethod
    def _one_seed(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    @field_validator("seeds")
    @classmethod
    def _seeds_are_natural(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 0 or len(set(value)) < len(value):
            raise ValueError("seeds must be different numbers from 0 on")
        return value


class KGATConfig(RankingConfig):
    """Full ranking with the NDCG of the code published with KGAT."""

    name: ClassVar[str] = "kgat-ndcg"

    k: tuple[int, ...] = Field(default=(20,), description="Cut-offs.")
    depth: int = Field(
        default=100,
        ge=1,
        lt=2**31,
        description="Places in which hits count for the ideal: the largest cut-off of that code.",
    )


class RatingsConfig(ProtocolConfig):
    """Prediction of ratings: biases of users and items, and the model's score on top."""

    name: ClassVar[str] = "ratings"

    damping: float | None = Field(
        default=None,
        gt=0,
        description="Ratings without bias that each user and item is thought to have; None: what "
        "is best on validation, of 1, 2, 5, 10 and 25.",
    )
    slope: float | None = Field(
        default=None,
        description="Stars for one standard deviation of the score; None: fitted on validation.",
    )


PROTOCOLS: Final[dict[str, type[ProtocolConfig]]] = {
    config.name: config
    for config in (FullConfig, CandidatesConfig, CTRConfig, KGATConfig, RatingsConfig)
}
"""The protocols by name."""


def protocol_config(
    name: str | ProtocolConfig, settings: Mapping[str, Any] | None = None
) -> ProtocolConfig:
    """Return the settings of a protocol.

    Args:
        name: One of `PROTOCOLS`, or settings that `settings` change.
        settings: Settings that differ from the defaults.

    Raises:
        ConfigError: There is no such protocol or setting, or a value is wrong.

    >>> protocol_config("kgat-ndcg", {"k": [10, 20]})
    KGATConfig(k=(10, 20), depth=100)
    """
    given: dict[str, Any] = {}
    if isinstance(name, ProtocolConfig):
        kind, given = type(name), name.model_dump()
    elif name in PROTOCOLS:
        kind = PROTOCOLS[name]
    else:
        raise ConfigError(
            f"There is no protocol {printable(name)!r}." + did_you_mean(name, PROTOCOLS)
        )
    values = {**given, **(settings or {})}
    return make_settings(kind, values, f"Protocol {kind.name}")
