"""What the settings of all tasks have; nothing here needs PyTorch."""

from __future__ import annotations

from pydantic import Field

from kgrec.settings import Settings


class TaskConfig(Settings):
    """What all tasks have."""

    name: str
    weight: float = Field(
        default=1.0, gt=0, description="What the task's loss is multiplied by, beside others."
    )


class UserTextsConfig(TaskConfig):
    """What the tasks have that read texts of users."""

    history: bool = Field(
        default=True,
        description="Whether a user's text has the titles of what the user liked and disliked in "
        "the training part, without the item of the pair.",
    )
    profile: bool = Field(
        default=True, description="Whether it has the categories and numbers of the user table."
    )
    user_text: str | None = Field(
        default=None,
        description="Column of the user table with free text on the user, such as a résumé; None: "
        "there is none.",
    )
