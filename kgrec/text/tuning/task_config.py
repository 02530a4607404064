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
