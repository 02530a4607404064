"""The settings of the task with two towers: users' words and items' words, one encoder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kgrec.text.tuning.task_config import UserTextsConfig


class PairsConfig(UserTextsConfig):
    """The vector of a user's text is brought near those of the texts of the user's items.

    The loss is InfoNCE (van den Oord et al., arXiv 1807.03748): cross-entropy over the cosines
    with the items of a step. These are the other pairs' items, and hard negatives: items that
    share attributes with the pair's item, and that the user did not choose. Items that a user has
    count neither as right nor as wrong. A user's text is encoded as a query.
    """

    name: Literal["pairs"] = "pairs"
    titles: int = Field(
        default=12,
        ge=1,
        le=64,
        description="Most liked titles in a user's text, and most disliked ones. In training they "
        "are drawn for each pair, so that a text is not learnt by heart.",
    )
    temperature: float = Field(default=0.05, gt=0, description="Divides the cosines.")
    batch_size: int = Field(default=32, ge=2, le=65_536, description="Pairs in a step.")
    hard: int = Field(
        default=1, ge=0, le=1000, description="Hard negatives of each pair; 0: in-batch ones only."
    )
    pairs_per_epoch: int | None = Field(
        default=None,
        ge=2,
        le=1 << 40,
        description="Most pairs of an epoch, drawn anew in each. None: all.",
    )
