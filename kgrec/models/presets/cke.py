"""CKE: an item's vector is the sum of one from interactions and one from triples.

Fuzheng Zhang, Nicholas Jing Yuan, Defu Lian, Xing Xie, Wei-Ying Ma: Collaborative Knowledge Base
Embedding for Recommender Systems. KDD 2016.

    e_j = η_j + v_j (structural part)                        encoder `cke`
    f_r(v_h, v_t) = ‖v_h M_r + r - v_t M_r‖²                 `transr`
    Σ ln σ(f_r(false) - f_r(true))                           `loss: softmax` with one corruption
    p(j > j') = σ(u_iᵀ e_j - u_iᵀ e_j')                      loss `bpr`, head `dot`

Published setting: of other data. 64 dimensions are those of RecBole.
"""

from kgrec.models.presets.preset import Preset, bare, on_lastfm

PRESET = Preset(
    "Zhang et al., Collaborative Knowledge Base Embedding for Recommender Systems, KDD 2016",
    bare(
        {
            "encoder": "cke",
            "knowledge": {"scoring": "transr", "loss": "softmax", "l2": 1e-4},
        },
        {"learning_rate": 1e-3, "ego_l2": 1e-4, "max_epochs": 500},
    ),
    reported=(on_lastfm(0.2453, 0.1069),),
    differs=("the structural part alone, without the textual and the visual one",),
    checked=(
        "RUCAIBox/RecBole, properties/model/CKE.yaml and model CKE: 64 dimensions for items and "
        "relations, a pairwise loss of TransR beside BPR; it also regularises by 0.01 times the "
        "length of a batch's vectors, not squared",
    ),
)
