"""What is trained of the language model: the settings of the regimes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kgrec.settings import Settings, by_name


class FrozenConfig(Settings):
    """Nothing of the language model; only the projection after the pooling."""

    name: Literal["frozen"] = "frozen"


class TopLayersConfig(Settings):
    """The last layers. The others are run once, and what they give is kept on disk."""

    name: Literal["top_layers"] = "top_layers"
    n: int = Field(default=2, ge=1, le=1000, description="Number of layers that are trained.")


class FullConfig(Settings):
    """All of it."""

    name: Literal["full"] = "full"


class LoraConfig(Settings):
    """Low-rank additions to weights that stay as they are (Hu et al., arXiv 2106.09685)."""

    name: Literal["lora"] = "lora"
    r: int = Field(default=16, ge=1, le=4096, description="Rank of an addition.")
    alpha: float = Field(default=32.0, gt=0, description="An addition is multiplied by alpha / r.")
    dropout: float = Field(
        default=0.05, ge=0, lt=1, description="Share of an addition's inputs that is dropped."
    )
    targets: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Ends of the names of the linear layers that get additions, such as "
        "[query, value]; None: all linear layers of the model's layers.",
    )


RegimeConfig = Annotated[
    FrozenConfig | TopLayersConfig | FullConfig | LoraConfig,
    Field(discriminator="name"),
    by_name(),
]
"""What is trained, by `name`; a name alone means the defaults."""
