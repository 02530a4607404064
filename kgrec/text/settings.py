"""The settings of text."""

from __future__ import annotations

from pydantic import Field

from kgrec.settings import Settings
from kgrec.text.model_files import DEFAULT_MODEL


class TextConfig(Settings):
    """How entities are written as text, and texts are encoded."""

    model: str = Field(default=DEFAULT_MODEL, description="Hugging Face encoder: name or folder.")
    languages: tuple[str, ...] = Field(
        default=("en", ""), description="Languages of labels, best first; '': no language tag."
    )
    entities: bool = Field(
        default=True,
        description="Whether entities and attribute values get vectors, or items only.",
    )
    cache: str | None = Field(
        default=None, description="Folder of cached vectors; None: the user's cache folder."
    )
