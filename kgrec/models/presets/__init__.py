"""Published recommenders as parts of the link predictor, one file beside each paper."""

from importlib import import_module
from typing import Literal, get_args

from kgrec.models.presets.preset import Preset

PresetName = Literal[
    "bpr_mf",
    "lightgcn",
    "xsimgcl",
    "cke",
    "cfkg",
    "rgcn",
    "kgcn",
    "kgat",
    "kgin",
    "lightkg",
]
"""The name of a published model, which is also that of its file here."""

PRESETS: dict[str, Preset] = {
    name: import_module(f"{__name__}.{name}").PRESET for name in get_args(PresetName)
}
"""Published models by name."""
