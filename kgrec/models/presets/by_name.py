"""The table of presets by name."""

from kgrec.models.presets import (
    bpr_mf,
    cfkg,
    cke,
    kgat,
    kgcn,
    kgin,
    lightgcn,
    lightkg,
    rgcn,
    xsimgcl,
)
from kgrec.models.presets.preset import Preset

PRESETS: dict[str, Preset] = {
    module.PRESET.name: module.PRESET
    for module in (bpr_mf, lightgcn, xsimgcl, cke, cfkg, rgcn, kgcn, kgat, kgin, lightkg)
}
"""Published models by name."""
