"""How items are found by their vectors: the settings of an index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from kgrec.errors import ConfigError, check_kind, option
from kgrec.settings import Settings, by_name

_MOST_RETRIEVED: Final = 10_000_000


class ExactIndexConfig(Settings):
    """Every item is compared with the query."""

    name: Literal["exact"] = "exact"
    device: str | None = Field(
        default=None,
        min_length=1,
        description="Device on which lists for many users are computed, in torch's words; `auto`: "
        "a GPU where there is one; null: what the whole run computes on, see `device`. Scores "
        "there differ by rounding.",
    )


EXACT = ExactIndexConfig()
"""The default."""


class ApproximateIndexConfig(Settings):
    """Few items are compared with the query; needs the extra `kgrec[ann]`.

    See `kgrec.retrieval.approximate.ApproximateIndex`. Worth it from some 200,000 items on.
    """

    name: Literal["approximate"] = "approximate"
    rescored: int = Field(
        default=2000,
        ge=1,
        le=1_000_000,
        description="How many items that are best by their compressed vectors are compared by "
        "their whole vectors. More finds more of the best items and takes longer.",
    )
    train_rows: int = Field(
        default=8192,
        ge=256,
        le=10_000_000,
        description="How many items the compression is fitted on.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**31, description="Seeds which items the compression is fitted on."
    )


IndexConfig = Annotated[
    ExactIndexConfig | ApproximateIndexConfig, Field(discriminator="name"), by_name()
]
"""The settings of any index; a name alone is one with its defaults."""


class RetrieveConfig(Settings):
    """How items are retrieved before the model ranks them; see `kgrec.snapshot.towers`."""

    n: int = Field(
        default=500,
        ge=1,
        le=_MOST_RETRIEVED,
        description="How many items each tower finds; at least as many as the list needs.",
    )
    towers: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Which towers find items: names of models whose score is an inner product, "
        "such as `ials` or `link_prediction`, and `text`; null: all that there are.",
    )


def retrieve_settings(
    n: RetrieveConfig | int | None, towers: Iterable[str] | None = None
) -> RetrieveConfig | None:
    """Return the settings that a request asks for; None: nothing is asked for.

    Args:
        n: The settings, or the number of items of each tower alone.
        towers: Names of towers; None: those of `n`, or all.

    Raises:
        DataError: It is no whole number.
        ConfigError: It is below 1 or too large, or there are no names.
    """
    if n is None and towers is None:
        return None
    given = n if isinstance(n, RetrieveConfig) else RetrieveConfig()
    if n is not None and not isinstance(n, RetrieveConfig):
        whole = isinstance(n, int | np.integer) and not isinstance(n, bool)
        check_kind("retrieve", n, whole, "a whole number, such as 500, or kgrec.RetrieveConfig(…)")
        if not 1 <= n <= _MOST_RETRIEVED:
            raise ConfigError(
                f"{option('retrieve', n)} must lie between 1 and {_MOST_RETRIEVED:,}: it is how "
                "many items each tower finds."
            )
        given = RetrieveConfig(n=int(n))
    if towers is None:
        return given
    names = tuple(towers)
    if not names:
        raise ConfigError(f"{option('towers')} names no tower. Leave it out for all of them.")
    return given.model_copy(update={"towers": names})


def index_settings(
    tree: Mapping[str, Any] | None, device: str | None = None
) -> ExactIndexConfig | ApproximateIndexConfig:
    """Return the settings of a run, as they were written.

    Args:
        tree: What was written; None: a run of before there were any.
        device: That of the whole run, see `on_device`.
    """
    if tree is None or tree.get("name") == "exact":
        return on_device(ExactIndexConfig.model_validate(tree or {}), device)
    return ApproximateIndexConfig.model_validate(tree)


def on_device(
    config: ExactIndexConfig | ApproximateIndexConfig, device: str | None
) -> ExactIndexConfig | ApproximateIndexConfig:
    """Return the settings with the device of the whole run in them, if they name none."""
    if isinstance(config, ExactIndexConfig) and config.device is None:
        return config.model_copy(update={"device": device})
    return config
