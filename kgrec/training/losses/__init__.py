"""Losses of the ranking, each with its settings; `LossConfig` is the union of them."""

from typing import Annotated

from pydantic import Field

from kgrec.settings import by_name
from kgrec.training.losses.pairwise import BPRConfig, BSLConfig, CrossEntropyConfig
from kgrec.training.losses.softmax import SampledSoftmaxConfig, SoftmaxConfig

LossConfig = Annotated[
    SoftmaxConfig | SampledSoftmaxConfig | BPRConfig | BSLConfig | CrossEntropyConfig,
    Field(discriminator="name"),
    by_name("softmax"),
]
"""The settings of any loss; a name alone is one with its defaults."""
