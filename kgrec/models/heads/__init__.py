"""Heads, from a user's and an item's vector to a score; `HeadConfig` is the union of them."""

from typing import Annotated

from pydantic import Field

from kgrec.models.heads.inner_product import (
    CosineHeadConfig,
    DistMultHeadConfig,
    DotHeadConfig,
    TranslationHeadConfig,
)
from kgrec.models.heads.relation_attention import RelationAttentionHeadConfig
from kgrec.settings import by_name

HeadConfig = Annotated[
    DotHeadConfig
    | CosineHeadConfig
    | DistMultHeadConfig
    | TranslationHeadConfig
    | RelationAttentionHeadConfig,
    Field(discriminator="name"),
    by_name("cosine"),
]
"""The settings of any head; a name alone is one with its defaults."""
