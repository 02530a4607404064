"""KGAT: attention over the collaborative knowledge graph.

Xiang Wang, Xiangnan He, Yixin Cao, Meng Liu, Tat-Seng Chua: KGAT: Knowledge Graph Attention Network
for Recommendation. KDD 2019.

    g(h, r, t) = ‖W_r e_h + e_r - W_r e_t‖²                  eq. 1: `transr`
    Σ -ln σ(g(h, r, t') - g(h, r, t))                        eq. 2: `loss: softmax`, one corruption
    π(h, r, t) = (W_r e_t)ᵀ tanh(W_r e_h + e_r)              eq. 4, softmax: encoder `kgat`
    LeakyReLU(W_1 (e + e_N)) + LeakyReLU(W_2 (e ⊙ e_N))      eq. 8, bi-interaction
    e* = e^(0) ‖ … ‖ e^(L)                                   eq. 11

Published setting (section 4.2.3): 64 dimensions, layers of 64, 32 and 16, batches of 1024 (CF) and
2048 (KG), Adam, Xavier's initialisation, message dropout 0.1, λ = 1e-5.
"""

from kgrec.presets.preset import Preset, bare, on_lastfm

PRESET = Preset(
    "kgat",
    "Wang et al., KGAT: Knowledge Graph Attention Network for Recommendation, KDD 2019",
    bare(
        {
            "encoder": "kgat",
            "head": "dot",
            "dim": 64,
            "num_layers": 2,
            "dropout": 0.1,
            "init_scale": 0.05,
            "knowledge": {
                "scoring": "transr",
                "loss": "softmax",
                "interactions": True,
                "inverses": True,
                "l2": 1e-5,
            },
        },
        {"learning_rate": 1e-3, "ego_l2": 1e-5, "max_epochs": 500, "patience": 20},
    ),
    reported=(on_lastfm(0.2583, 0.1152),),
    differs=(
        "both losses in each step in place of turns",
        "all layers as wide as the input",
    ),
)
