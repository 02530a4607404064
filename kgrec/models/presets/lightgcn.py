"""LightGCN: linear propagation over users and items.

Xiangnan He, Kuan Deng, Xiang Wang, Yan Li, Yongdong Zhang, Meng Wang: LightGCN: Simplifying and
Powering Graph Convolution Network for Recommendation. SIGIR 2020.

    e_u^(k+1) = Σ_{i ∈ N_u} e_i^(k) / (√|N_u| √|N_i|)        eq. 3: encoder `lightgcn`,
                                                             `relation_weight: 0`
    e = Σ_k α_k e^(k), α_k = 1 / (K + 1)                     eq. 4
    ŷ_ui = e_uᵀ e_i                                          eq. 5: head `dot`
    L = -Σ ln σ(ŷ_ui - ŷ_uj) + λ ‖E^(0)‖²                    eq. 15: loss `bpr`, `ego_l2`

Published setting (section 4.1.2): 64 dimensions, Adam with a learning rate of 0.001, batches of
1024 (2048 for Amazon-Book), λ = 1e-4, 3 layers for most data sets, 1000 epochs. The vectors begin
as normal noise of 0.1, which the authors' second code has in place of the paper's Xavier.
"""

from kgrec.models.presets.preset import Preset, bare, on_lastfm

PRESET = Preset(
    "He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, "
    "SIGIR 2020",
    bare(
        {"encoder": {"name": "lightgcn", "num_layers": 3, "relation_weight": 0.0}},
        {"learning_rate": 1e-3, "ego_l2": 1e-4, "max_epochs": 1000},
    ),
    reported=(on_lastfm(0.2695, 0.1204),),
    checked=(
        "the paper's text (arXiv 2002.02126): equations and setting",
        "kuandeng/LightGCN, README.md: the same, but batches of 2048 for Gowalla and Yelp2018 and "
        "of 1024 for Amazon-Book",
        "gusye1234/LightGCN-PyTorch: initialisation",
    ),
)
