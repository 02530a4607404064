"""How a log of interactions is read from a table, and split."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from kgrec.data.interactions import Interactions, Split
from kgrec.data.log_reading import Duplicates
from kgrec.data.splits import SplitKind
from kgrec.data.times import TimeUnit
from kgrec.settings import Settings


class ValidationConfig(Settings):
    """How much is held out to choose settings on."""

    valid: float = Field(default=0.1, ge=0, lt=1, description="Share of the validation part.")


class LogConfig(ValidationConfig):
    """What counts as an interaction, and how interactions are split."""

    positive: str | None = Field(default=None, description="Such as `rating >= 4`; None: all rows.")
    negative: str | None = Field(
        default=None,
        description="Which other rows are dislikes, such as `rating <= 2`; None: those with a "
        "rating, if `positive` reads it.",
    )
    duplicates: Duplicates = Field(
        default="last", description="Which of several rows of one user and item counts."
    )
    time_unit: TimeUnit = Field(
        default="auto",
        description="What times that are numbers count (s, ms, …), or how their digits are read "
        "(YYYYMMDD, …); auto: by their range, with a warning if they are not seconds.",
    )
    k_core: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Fewest interactions of each user and item: others are left out until all "
        "have as many; None: nobody is left out.",
    )
    split: SplitKind = Field(
        default="random", description="How to split; see `kgrec.Interactions.split`."
    )
    test: float = Field(default=0.1, ge=0, lt=1, description="Share of the test part.")

    def filtered(self, log: Interactions, notes: list[str]) -> Interactions:
        """Return the part of a log that `k_core` leaves, and note how much it is.

        Raises:
            ConfigError: Nothing is left.
        """
        if self.k_core is None:
            return log
        core = log.k_core(self.k_core)
        notes.append(
            f"k-core of {self.k_core}: {len(core):,} of {len(log):,} interactions, "
            f"{core.num_users:,} of {log.num_users:,} users and {core.num_items:,} of "
            f"{log.num_items:,} items stay."
        )
        return core

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
    timestamp: str | None = Field(default="timestamp", description="Time column, if there is one.")

    def reading_options(self) -> dict[str, Any]:
        """Return the settings that are arguments of `Interactions.read`."""
        names = {"user", "item", "rating", "timestamp", "positive", "negative", "duplicates"}
        return self.model_dump(include=names | {"time_unit"})
