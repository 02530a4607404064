"""XSimGCL: LightGCN with noise in every layer and a contrast across layers.

Junliang Yu, Xin Xia, Tong Chen, Lizhen Cui, Nguyen Quoc Viet Hung, Hongzhi Yin: XSimGCL: Towards
Extremely Simple Graph Contrastive Learning for Recommendation. TKDE 2023.

    e'_i = e_i + Δ_i, ‖Δ‖ = ε, Δ = ω ⊙ sign(e_i)             encoder `xsimgcl`, `noise`
    result: the mean over layers 1 … L
    L = L_rec + λ L_cl between layer l* and the result       `contrast`

Published setting (the authors' leaderboard on Yelp2018): λ = 0.2, ε = 0.2, l* = 1, τ = 0.15,
3 layers; 64 dimensions, Adam with 0.001, batches of 2048, L2 1e-4.
"""

from kgrec.models.presets.preset import Preset, bare

PRESET = Preset(
    "Yu et al., XSimGCL: Towards Extremely Simple Graph Contrastive Learning for Recommendation, "
    "TKDE 2023",
    bare(
        {
            "encoder": {
                "name": "xsimgcl",
                "num_layers": 3,
                "relation_weight": 0.0,
                "noise": 0.2,
            },
        },
        {
            "learning_rate": 1e-3,
            "ego_l2": 1e-4,
            "batch_pairs": 2048,
            "max_epochs": 300,
            "contrast": {
                "name": "layer",
                "layer": 1,
                "user_weight": 0.2,
                "item_weight": 0.2,
                "temperature": 0.15,
            },
        },
    ),
    differs=("L2 is of the inputs in place of the results",),
    checked=(
        "Coder-Yu/SELFRec, conf/XSimGCL.yaml (the same with 2 layers) and model/graph/XSimGCL.py; "
        "its leaderboard (3 layers) in a copy of its README.md",
    ),
)
