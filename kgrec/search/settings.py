"""The settings of learning to search from example queries."""

from __future__ import annotations

from pydantic import Field

from kgrec.settings import Settings


class SearchConfig(Settings):
    """What search learns from, and how."""

    queries: str | None = Field(
        default=None,
        description="JSON Lines file of example queries with their answers, relative to "
        "`data.root`; None: search has its default weights.",
    )
    rank: int = Field(
        default=192, ge=1, le=1024, description="Dimensions of who likes what together, at most."
    )
    l2: float = Field(
        default=300.0, gt=0, description="Ridge penalty of that, as EASE has it: doubt of few."
    )
    example_weight: float = Field(
        default=3.0, ge=0, description="Weight of items named in one example, beside a user's 1."
    )
    map_l2: float = Field(
        default=5.0, gt=0, description="Ridge penalty of the map from words to answers."
    )
    folds: int = Field(
        default=10, ge=2, le=50, description="Parts for which statistics come from the others."
    )
    negatives: int = Field(
        default=400,
        ge=10,
        le=1_000_000,
        description="Items that each answer is compared with, by chance.",
    )
    weight_l2: float = Field(
        default=4e-4, gt=0, description="Ridge penalty of the weights, on standardised signals."
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Chooses parts and compared items.")
