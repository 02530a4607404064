"""The settings of the task that learns from texts alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kgrec.text.tuning.task_config import TaskConfig


class MaskedConfig(TaskConfig):
    """The language of the domain: texts of the data itself, where nobody said what is liked.

    `mlm` hides tokens, which the model has to name (Devlin et al., NAACL 2019). `tsdae` deletes
    tokens, and a decoder of one layer has to write the whole text from the text's vector (Wang,
    Reimers, Gurevych, EMNLP 2021; there the decoder is as deep as the encoder). Both give tokens
    by the products with the word embeddings.
    """

    name: Literal["masked"] = "masked"
    kind: Literal["mlm", "tsdae"] = Field(default="mlm", description="`mlm` or `tsdae`.")
    share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of the tokens that are hidden or deleted. None: .15 of `mlm`, .6 of "
        "`tsdae`, as in the papers.",
    )
    entities: bool = Field(
        default=True,
        description="Whether the texts of entities and attribute values are used, or items' only.",
    )
    valid: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="Share of the texts that choose the epoch. Digests of the texts choose them.",
    )
    batch_size: int = Field(default=32, ge=1, le=65_536, description="Texts in a step.")
    texts_per_epoch: int | None = Field(
        default=None,
        ge=1,
        le=1 << 40,
        description="Most texts of an epoch, drawn anew in each. None: all.",
    )
