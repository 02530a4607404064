"""How a log of interactions is read from a table, and split."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from kgrec.data.interactions import Duplicates, Interactions, Split
from kgrec.settings import Settings


class ValidationConfig(Settings):
    """How much is held out to choose settings on."""

    valid: float = Field(default=0.1, ge=0, lt=1, description="Share of the validation part.")


class LogConfig(ValidationConfig):
    """What counts as an interaction, and how interactions are split."""

    positive: str | None = Field(default=None, description="Such as `rating >= 4`; None: all rows.")
    duplicates: Duplicates = Field(
        default="last", description="Which of several rows of one user and item counts."
    )
    split: Literal["random", "uniform", "temporal", "cold_items"] = Field(
        default="random", description="How; see `kgrec.Interactions.split`."
    )
    test: float = Field(default=0.1, ge=0, lt=1, description="Share of the test part.")

    def split_log(self, log: Interactions, seed: int) -> Split:
        """Return the parts of a log.

        Raises:
            ConfigError: Nothing is left for training, or the log has no times to split by.
        """
        return log.split(self.split, valid=self.valid, test=self.test, seed=seed)


class LogTableConfig(LogConfig):
    """The columns of a table of interactions."""

    user: str = Field(default="user_id", description="User column of the interactions.")
    item: str = Field(default="item_id", description="Item column, also of the links.")
    rating: str | None = Field(default="rating", description="Rating column, where there is one.")
    timestamp: str | None = Field(default="timestamp", description="Likewise, of the time.")

    def reading_options(self) -> dict[str, Any]:
        """Return the settings that are arguments of `Interactions.read`."""
        names = {"user", "item", "rating", "timestamp", "positive", "duplicates"}
        return self.model_dump(include=names)
