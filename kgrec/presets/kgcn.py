"""KGCN: each user weighs the relations of an item by themselves.

Hongwei Wang, Miao Zhao, Xing Xie, Wenjie Li, Minyi Guo: Knowledge Graph Convolutional Networks for
Recommender Systems. WWW 2019.

    π_r^u = ⟨u, r⟩, normalised over the neighbours           eq. 1, 3: head `relation_attention`
    v^u = σ(W (v + Σ π̃ e) + b), the sum aggregator           eq. 4
    ŷ_uv = ⟨u, v^u⟩                                          section 3.3

Published setting for Last.FM (table 2): K = 8 neighbours, 16 dimensions, 1 layer, λ = 1e-4,
learning rate 5e-4, batches of 128; cross-entropy with one negative for each positive.
"""

from kgrec.presets.preset import Preset, bare, on_lastfm

PRESET = Preset(
    "kgcn",
    "Wang et al., Knowledge Graph Convolutional Networks for Recommender Systems, WWW 2019",
    bare(
        {"encoder": "none", "head": "relation_attention", "dim": 64},
        {"learning_rate": 2e-3, "ego_l2": 1e-4, "max_epochs": 300, "patience": 20},
    ),
    reported=(on_lastfm(0.2149, 0.0924),),
    differs=(
        "all neighbours in place of a sample of K, in one layer",
        "BPR in place of cross-entropy, with 64 dimensions, as the comparisons on full ranking do",
    ),
)
