"""The settings of tuning an encoder; nothing here needs PyTorch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kgrec.settings import Settings, by_name
from kgrec.text.tuning.augmenting import AugmentConfig
from kgrec.text.tuning.masked_settings import MaskedConfig
from kgrec.text.tuning.one_tower_settings import (
    AttributesConfig,
    ClickConfig,
    RatingConfig,
    StarsConfig,
)
from kgrec.text.tuning.regimes import RegimeConfig, TopLayersConfig
from kgrec.text.tuning.task_config import TaskConfig
from kgrec.text.tuning.two_tower_settings import PairsConfig


class InteractionsConfig(TaskConfig):
    """From the vectors of items' texts, what each user chose is rebuilt.

    The idea of training a text encoder so is beeFormer's (Vančura, Kordík, Straka, RecSys 2024,
    arXiv 2409.10309). In each step the texts of some items are encoded with gradients, and all
    others are as the language model read them in the last pass.
    """

    name: Literal["interactions"] = "interactions"
    loss: Literal["softmax", "reconstruction"] = Field(
        default="softmax",
        description="`softmax`: cross-entropy over the cosines of items with the mean vector of "
        "the user's other items. `reconstruction`: beeFormer's, the squared distance of a user's "
        "interactions X and X(AAᵀ - I), both scaled to length 1, where A has the items' vectors.",
    )
    targets: Literal["content", "ease", "interactions"] = Field(
        default="content",
        description="What `softmax` has to give: the user's interactions; EASE's scores of the "
        "items, which also tell what the user could have chosen; or, with `content`, these and "
        "what `content_ease` predicts for the items that nobody has chosen yet, from attributes, "
        "words and numbers. Their texts are learnt from, too.",
    )
    temperature: float = Field(default=0.05, gt=0, description="Divides the cosines in `softmax`.")
    target_temperature: float = Field(
        default=0.5,
        gt=0,
        description="Divides the standardised scores of `ease` and `content` before they become a "
        "distribution.",
    )
    ease_l2: float = Field(default=300.0, gt=0, description="The ridge penalty of EASE.")
    batch_items: int = Field(
        default=32,
        ge=2,
        le=65_536,
        description="Items whose texts are encoded in a step. More take more memory.",
    )
    batch_users: int = Field(
        default=1024, ge=1, le=1_000_000, description="Users whose choices are rebuilt in a step."
    )
    other_items: int = Field(
        default=8192,
        ge=0,
        le=1_000_000,
        description="Most items of the last pass that a step uses, drawn anew in each. 0: only the "
        "texts of the step, which are all encoded with the newest weights; use more of them then.",
    )


class EndToEndConfig(TaskConfig):
    """The encoder is trained by the loss of a link predictor that reads its vectors.

    In each step the texts of some items are encoded with gradients, and all others are as the
    language model read them in the last pass. The link predictor is the one of `model`, or the
    default one; it is trained alone first, so that its gradients mean something, and then together
    with the encoder.
    """

    name: Literal["end_to_end"] = "end_to_end"
    batch_items: int = Field(
        default=32,
        ge=1,
        le=65_536,
        description="Items whose texts are encoded in a step. More take more memory.",
    )
    batch_users: int = Field(
        default=1024, ge=1, le=1_000_000, description="Users in a step, with all they chose."
    )
    alone: int = Field(
        default=50,
        ge=0,
        le=100_000,
        description="Epochs of the link predictor before the encoder moves.",
    )
    rate: float = Field(
        default=3e-3,
        gt=0,
        lt=1,
        description="Step size of the link predictor while the encoder is trained.",
    )


AnyTaskConfig = Annotated[
    InteractionsConfig
    | EndToEndConfig
    | PairsConfig
    | MaskedConfig
    | RatingConfig
    | StarsConfig
    | ClickConfig
    | AttributesConfig,
    Field(discriminator="name"),
    by_name("interactions"),
]
"""A task, by `name`. A new one adds a member."""


class TextTuning(Settings):
    """How the language model is trained; `kgrec tune-text` and `kgrec train` read it."""

    regime: RegimeConfig = Field(
        default=TopLayersConfig(), description="What is trained of the language model."
    )
    tasks: tuple[AnyTaskConfig, ...] = Field(
        default=(InteractionsConfig(),),
        min_length=1,
        description="What it is trained on; the losses are added. The first one's metric chooses.",
    )
    projection: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Length of the vectors after a trained linear layer behind the pooling; it "
        "begins as the identity less the mean of the texts. None: there is no such layer.",
    )
    max_length: int | None = Field(
        default=None,
        ge=3,
        le=1_000_000,
        description="Tokens read of each text; None: the model's own limit.",
    )
    epochs: int = Field(default=10, ge=1, le=100_000, description="Most passes over the data.")
    eval_every: int = Field(default=1, ge=1, le=100_000, description="Epochs between validations.")
    patience: int = Field(
        default=3,
        ge=1,
        le=100_000,
        description="Validations without a better metric before training stops.",
    )
    learning_rate: float = Field(
        default=1e-4, gt=0, lt=1, description="Step size of AdamW for the last layer."
    )
    projection_rate: float = Field(
        default=1e-3, gt=0, lt=1, description="Step size for the projection and tasks' heads."
    )
    layer_decay: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Each layer's step size is that of the next one times this.",
    )
    weight_decay: float = Field(
        default=0.01, ge=0, description="Decay of weights, but not of biases and norms."
    )
    dropout: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Dropout in the trained layers; None: as the model's config.json says.",
    )
    warmup: float = Field(
        default=0.1, ge=0, lt=1, description="Share of the steps in which the step size grows."
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        default="linear", description="How the step size falls to zero after that, or stays."
    )
    accumulate: int = Field(
        default=1,
        ge=1,
        le=100_000,
        description="Batches whose gradients are added up before a step; workers of a cluster "
        "share them.",
    )
    clip: float | None = Field(
        default=1.0, gt=0, description="Most length of the gradient; None: not limited."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Arithmetic of the layers. `auto`: bfloat16 where the processor is fast at it.",
    )
    token_budget: int = Field(
        default=4096,
        ge=16,
        le=1 << 24,
        description="Tokens that go through the model at once, padding included; texts of similar "
        "length go together.",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="Compute the inside of layers a second time rather than keep it: less memory.",
    )

    augment: AugmentConfig = Field(
        default=AugmentConfig(), description="What is changed in texts in training."
    )
    r_drop: float | None = Field(
        default=None,
        gt=0,
        description="R-Drop (arXiv 2106.14448): each batch goes through the model twice, with "
        "different dropout, and this weighs how far apart the two vectors of a text are. None: "
        "once.",
    )
    adversarial: float | None = Field(
        default=None,
        gt=0,
        description="FGM (arXiv 1605.07725): the loss is also taken with word embeddings that are "
        "moved by this length along their gradient. None: it is not.",
    )

    @model_validator(mode="after")
    def _robust_training_is_possible(self) -> TextTuning:
        name = self.regime.name
        if self.r_drop is not None and (name == "frozen" or self.dropout == 0.0):
            raise ValueError(
                "r_drop compares two passes with different dropout, and there is none: choose "
                "another regime than `frozen`, and a dropout above 0"
            )
        if self.adversarial is not None and name in ("frozen", "top_layers"):
            raise ValueError(
                "adversarial moves the word embeddings, whose layers the regimes `frozen` and "
                "`top_layers` do not compute: choose another regime"
            )
        return self

    @model_validator(mode="after")
    def _layers_are_computed_once_with_a_prefix(self) -> TextTuning:
        if self.gradient_checkpointing and self.regime.name == "prefix":
            raise ValueError(
                "gradient_checkpointing does not go with the regime `prefix`: transformers would "
                "compute the layers without it. Leave one of them out"
            )
        return self
