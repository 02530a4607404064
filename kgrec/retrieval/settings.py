"""How items are found by their vectors: the settings of an index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from kgrec.settings import Settings, by_name


class ExactIndexConfig(Settings):
    """Every item is compared with the query."""

    name: Literal["exact"] = "exact"


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


def index_settings(tree: Mapping[str, Any] | None) -> ExactIndexConfig | ApproximateIndexConfig:
    """Return the settings of a run, as they were written; None: a run of before there were any."""
    if tree is None or tree.get("name") == "exact":
        return ExactIndexConfig.model_validate(tree or {})
    return ApproximateIndexConfig.model_validate(tree)
