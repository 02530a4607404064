"""The settings of tasks with one tower: text in, an answer of a linear head out."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from kgrec.text.tuning.task_config import TaskConfig, UserTextsConfig

HEADS: Final = "tuning/heads.safetensors"
"""Where heads are in the folder of a tuned encoder."""


class PairTextsConfig(UserTextsConfig):
    """What the tasks have that read a user's text and an item's text together."""

    user_share: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Share of the tokens for the user's text, where both texts are long.",
    )
    batch_size: int = Field(default=32, ge=1, le=65_536, description="Pairs in a step.")
    pairs_per_epoch: int | None = Field(
        default=None,
        ge=1,
        le=10**12,
        description="Most pairs of an epoch, drawn anew in each. None: all.",
    )


class RatingConfig(PairTextsConfig):
    """From the texts of a user and an item, the rating. The loss is the squared error."""

    name: Literal["rating"] = "rating"


class StarsConfig(PairTextsConfig):
    """The same, as one class for each value that ratings have. The loss is cross-entropy."""

    name: Literal["stars"] = "stars"


class ClickConfig(PairTextsConfig):
    """From the texts of a user and an item, yes or no. The loss is binary cross-entropy."""

    name: Literal["click"] = "click"
    positive: float | None = Field(
        default=None,
        description="The lowest rating that is a yes. None: what `data` reads as liked is a yes, "
        "and what it reads as disliked a no.",
    )


class AttributesConfig(TaskConfig):
    """From an item's text, its values in a column or a relation, or in several together."""

    name: Literal["attributes"] = "attributes"
    of: tuple[str, ...] = Field(
        min_length=1,
        description="Columns of categories in the item table, and relations of the graph (IRIs, or "
        "their last parts where these are unique), such as [genres].",
    )
    single: bool = Field(
        default=False,
        description="Whether each item has one value: cross-entropy, items with more are an error. "
        "If not, each value is a yes or no: binary cross-entropy.",
    )
    hide: bool = Field(
        default=True,
        description="Whether the sentences that list these values are left out of the texts. "
        "Descriptions stay as they are.",
    )
    min_items: int = Field(
        default=5,
        ge=1,
        le=10**9,
        description="Values that fewer items have are left out, and counted.",
    )
    valid: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Share of the items that choose the epoch and the threshold. Digests of the "
        "items' ids choose them, so they are the same in each training.",
    )
    batch_size: int = Field(default=32, ge=1, le=65_536, description="Texts in a step.")
    pseudo_labels: float | None = Field(
        default=None,
        ge=0.5,
        lt=1,
        description="Items with text and without any value are learnt from, too: what the last "
        "validation after an epoch gives at least this probability counts as their value, what it "
        "gives at most 1 minus this as none, and the rest is left open. An item without a value so "
        "sure waits. A batch has as many of them as others at most. None: they have no part.",
    )
