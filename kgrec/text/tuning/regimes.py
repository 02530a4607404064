"""What is trained of the language model: the settings of the regimes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

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


class AdaLoraConfig(Settings):
    """LoRA whose ranks move to the layers that need them (Zhang et al., arXiv 2303.10512).

    Additions begin with `init_r` directions each. In training, those that matter least are removed,
    until `r` for each are left on average.
    """

    name: Literal["adalora"] = "adalora"
    r: int = Field(default=8, ge=1, le=4096, description="Mean rank of an addition at the end.")
    init_r: int = Field(default=12, ge=2, le=4096, description="Rank of each at the beginning.")
    alpha: float = Field(
        default=32.0, gt=0, description="An addition is multiplied by alpha / init_r."
    )
    dropout: float = Field(
        default=0.05, ge=0, lt=1, description="Share of an addition's inputs that is dropped."
    )
    targets: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="As for `lora`."
    )
    warmup: float = Field(
        default=0.1, ge=0, lt=1, description="Share of all steps before ranks are removed."
    )
    final: float = Field(
        default=0.3, ge=0, lt=1, description="Share of all steps after the last is removed."
    )
    every: int = Field(default=10, ge=1, le=1_000_000, description="Steps between removals.")
    orthogonality: float = Field(
        default=0.5,
        ge=0,
        description="Weight of the penalty that keeps the directions of an addition orthogonal.",
    )

    @model_validator(mode="after")
    def _ranks_can_fall(self) -> AdaLoraConfig:
        if self.init_r <= self.r:
            raise ValueError(f"init_r must be above r, found {self.init_r} and {self.r}")
        if self.warmup + self.final >= 1:
            raise ValueError("warmup and final together must be below 1")
        return self


class Ia3Config(Settings):
    """Factors for keys, values and the inside of feed-forward layers (Liu et al., NeurIPS 2022)."""

    name: Literal["ia3"] = "ia3"


class PrefixConfig(Settings):
    """Keys and values before those of the text, in each layer (Li and Liang, ACL 2021).

    For encoders such as BERT. They cannot be merged into the weights: kgrec keeps them in a file
    beside these, which other libraries do not read.
    """

    name: Literal["prefix"] = "prefix"
    length: int = Field(
        default=16, ge=1, le=4096, description="Number of keys and values in each layer."
    )


class AdapterConfig(Settings):
    """Small networks after the parts of a layer (Houlsby et al., ICML 2019).

    They cannot be merged into the weights: kgrec keeps them in a file beside these, which other
    libraries do not read.
    """

    name: Literal["adapter"] = "adapter"
    dim: int = Field(default=48, ge=1, le=65_536, description="Length of the vectors inside.")
    places: Literal["both", "feed_forward"] = Field(
        default="both",
        description="After attention and feed-forward (Houlsby et al.), or after the latter alone "
        "(Pfeiffer et al., EACL 2021), which is half as many.",
    )
    activation: Literal["gelu", "relu"] = Field(
        default="gelu", description="What is between the two layers inside."
    )


RegimeConfig = Annotated[
    FrozenConfig
    | TopLayersConfig
    | FullConfig
    | LoraConfig
    | AdaLoraConfig
    | Ia3Config
    | PrefixConfig
    | AdapterConfig,
    Field(discriminator="name"),
    by_name(),
]
"""What is trained, by `name`; a name alone means the defaults."""
