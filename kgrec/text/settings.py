"""The settings of text."""

from __future__ import annotations

from pydantic import Field, model_validator

from kgrec.settings import Settings
from kgrec.text.backend import TextBackend
from kgrec.text.encoder import TextEncoder
from kgrec.text.model_files import DEFAULT_MODEL
from kgrec.text.multilingual import MULTILINGUAL, MultilingualEncoder
from kgrec.text.tuning.settings import TextTuning


class TextConfig(Settings):
    """How entities are written as text, and texts are encoded."""

    model: str = Field(
        default=DEFAULT_MODEL,
        description="Hugging Face encoder: name or folder; or `multilingual`, of the extra of "
        "that name.",
    )
    query_prompt: str | None = Field(
        default=None, description="What is put before a query; None: what the model's folder says."
    )
    document_prompt: str | None = Field(
        default=None, description="What is put before all other texts; None: what its folder says."
    )
    languages: tuple[str, ...] = Field(
        default=("en", ""), description="Languages of labels, best first; '': no language tag."
    )
    relations: tuple[str, ...] | None = Field(
        default=None,
        description="Relations of the graph in texts, IRIs or their last parts, in this order. A "
        "language model reads only the beginning, so put first what tells most. None: all, in the "
        "order of their IRIs.",
    )
    description: bool = Field(
        default=True,
        description="Whether texts of items have the descriptions of their entities, before the "
        "relations.",
    )
    entities: bool = Field(
        default=True,
        description="Whether entities and attribute values get vectors, or items only.",
    )
    cache: str | None = Field(
        default=None, description="Folder of cached vectors; None: the user's cache folder."
    )
    tuning: TextTuning | None = Field(
        default=None,
        description="How `kgrec tune-text` trains the encoder, and `kgrec train` before the model; "
        "None: with defaults by the former, not at all by the latter.",
    )

    @model_validator(mode="after")
    def _prompts_are_of_a_model_that_has_them(self) -> TextConfig:
        if self.model == MULTILINGUAL and (self.query_prompt or self.document_prompt):
            raise ValueError(
                "the model 'multilingual' was trained without prompts: leave out query_prompt and "
                "document_prompt"
            )
        return self

    def build(self) -> TextBackend:
        """Return the encoder, which loads nothing before it is used."""
        if self.model == MULTILINGUAL:
            return MultilingualEncoder()
        return TextEncoder(
            self.model, query_prompt=self.query_prompt, document_prompt=self.document_prompt
        )
