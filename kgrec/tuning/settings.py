"""The settings of a search of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from kgrec.settings import Settings

MOST: Final = 1e12
"""No setting of a model is larger."""


class Range(Settings):
    """Numbers between two ends, both included."""

    name: Literal["range"] = "range"
    low: int | float = Field(ge=-MOST, le=MOST, description="The smallest value.")
    high: int | float = Field(ge=-MOST, le=MOST, description="The largest value.")
    log: bool = Field(default=False, description="Whether orders of magnitude are equally likely.")
    also: tuple[str, ...] = Field(default=(), description="Further keys that get the same value.")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"the range from {self.low} to {self.high} is empty")
        if self.log and self.low <= 0:
            raise ValueError(f"a range with log begins above 0, found {self.low}")
        return self


class Choice(Settings):
    """Some values."""

    name: Literal["choice"] = "choice"
    values: tuple[Any, ...] = Field(min_length=2, description="The values, two or more.")
    also: tuple[str, ...] = Field(default=(), description="Further keys that get the same value.")


def _in_short(given: Any) -> Any:
    """Return the long form of `[low, high]`, `[low, high, log]` or a list of values."""
    if isinstance(given, Mapping):
        return {"name": "choice" if "values" in given else "range", **given}
    if not isinstance(given, list | tuple):
        return given
    *ends, last = given if len(given) == 3 and given[-1] == "log" else [*given, ""]
    if len(ends) == 2 and all(map(_is_number, ends)):
        return {"name": "range", "low": ends[0], "high": ends[1], "log": last == "log"}
    return {"name": "choice", "values": list(given)}


def _is_number(value: Any) -> bool:
    try:  # in YAML, 1e-5 is a text
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


Dimension = Annotated[Range | Choice, Field(discriminator="name"), BeforeValidator(_in_short)]
"""What a setting is varied over."""

Space = dict[str, Dimension]
"""What is varied, by key."""


class TuneConfig(Settings):
    """What `kgrec tune` varies, and what it chooses by."""

    metric: str | None = Field(
        default=None,
        pattern=r"^(ndcg|recall|precision|mrr|map|hit)@[1-9][0-9]{0,6}$",
        description="Metric at a cut-off on the validation part that chooses the best trial; "
        "None: `model.training.metric` of a model that is trained in epochs, ndcg@10 of others.",
    )
    space: Space = Field(
        default={},
        description="What is varied, by key: `model.l2: [1, 1000, log]` is a range, "
        "`model.predictor.dim: [32, 64, 128]` are values. Keys of `model`, `graph` and `text`. "
        "Empty: what `kgrec.tuning.spaces` has for the model.",
    )
    at_once: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="How many trials are proposed together, so that the workers of an engine can "
        "measure them at the same time. With 1, each proposal knows all trials before it.",
    )
