"""The settings of explanations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kgrec.settings import Settings

Length = Literal["short", "normal", "long"]
Tone = Literal["polite", "familiar"]
_NAMES = "IRIs, or the names of edge types and columns."


class ExplainConfig(Settings):
    """What explanations may say, and how."""

    relations: tuple[str, ...] | None = Field(
        default=None,
        description="The relations that explanations may name; None: all. " + _NAMES,
    )
    hidden: tuple[str, ...] = Field(
        default=(), description="Relations that explanations never name. " + _NAMES
    )
    weights: dict[str, float] = Field(
        default_factory=dict,
        description="How much a relation tells, where others have 1: by IRI, or by the name of an "
        "edge type or a column.",
    )
    entropy: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of a relation's weight that depends on its entropy among the items: a "
        "relation that few items have, or that has the same value for most, tells little. 0: all "
        "relations tell as much.",
    )
    language: str | None = Field(
        default=None,
        description="Language of the sentences, such as `de`; null: the first of `text.languages`.",
    )
    length: Length = Field(
        default="normal",
        description="`short`: one reason; `normal`: up to three; `long`: also how much of the "
        "score they account for.",
    )
    tone: Tone = Field(
        default="polite",
        description="How people are addressed in languages with two forms, such as German: "
        "`polite` (Sie) or `familiar` (du).",
    )
