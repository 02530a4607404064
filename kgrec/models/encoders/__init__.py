"""Graph encoders, each with its settings; `EncoderConfig` is the union of them."""

from typing import Annotated

from pydantic import Field

from kgrec.models.encoders.cke import CKEConfig
from kgrec.models.encoders.kgat import KGATConfig
from kgrec.models.encoders.kgin import KGINConfig
from kgrec.models.encoders.lightgcn import LightGCNConfig
from kgrec.models.encoders.lightkg import LightKGConfig
from kgrec.models.encoders.rgcn import RGCNConfig
from kgrec.models.encoders.unpropagated import UnpropagatedConfig
from kgrec.models.encoders.xsimgcl import XSimGCLConfig
from kgrec.settings import by_name

EncoderConfig = Annotated[
    UnpropagatedConfig
    | LightGCNConfig
    | XSimGCLConfig
    | RGCNConfig
    | CKEConfig
    | KGATConfig
    | KGINConfig
    | LightKGConfig,
    Field(discriminator="name"),
    by_name("lightgcn"),
]
"""The settings of any encoder; a name alone is one with its defaults."""
