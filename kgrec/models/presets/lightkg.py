"""LightKG: one weight for each relation, and a contrast without a second graph.

Yanhui Li, Dongxia Wang, Zhu Sun, Haonan Zhang, Huizhong Guo: LightKG: Efficient Knowledge-Aware
Recommendations with Simplified GNN Architecture. KDD 2025.

    e_h^(k+1) = Σ_{(r, t)} w_r e_t^(k) / (√d_h √d_t)         encoder `lightkg`
    e = the mean over layers 0 … K                           loss `bpr`, head `dot`
    (1 - d_i d_j) exp((1 - S_ij) cos(e_i, e_j) / τ)          `contrast: apart`, τ = 0.6

Published setting for Last.FM (the authors' configuration): 64 dimensions, 2 layers, learning rate
5e-4, weight decay 5e-5, dropout 0.1, 10 negatives for each positive in batches of 2048 rows (204
pairs), weights of the contrast 1e-8 (users) and 1e-7 (items) of the sum over all pairs of rows;
validated by MRR@10 with a patience of 20.

The initial weights of relations are Glorot noise of a table with one column, of both signs.
The contrast here is a mean over pairs of rows, so that the weights are those times 2040².
"""

from kgrec.models.presets.preset import Preset, bare, on_lastfm

ROWS = 2040
"""Rows of a published batch: 204 pairs with 10 negatives each."""

PRESET = Preset(
    "Li et al., LightKG: Efficient Knowledge-Aware Recommendations with Simplified GNN "
    "Architecture, KDD 2025",
    bare(
        {"encoder": {"name": "lightkg", "num_layers": 2, "dropout": 0.1}, "init_scale": 0.03},
        {
            "learning_rate": 5e-4,
            "weight_decay": 5e-5,
            "loss": {"name": "bpr", "negatives_per_positive": 10},
            "batch_pairs": ROWS // 10,
            "max_epochs": 300,
            "eval_every": 1,
            "patience": 20,
            "metric": "mrr@10",
            "contrast": {
                "name": "apart",
                "user_weight": 1e-8 * ROWS**2,
                "item_weight": 1e-7 * ROWS**2,
                "temperature": 0.6,
            },
        },
    ),
    reported=(on_lastfm(0.2976, 0.1351),),
    differs=("the contrast uses the input after the same dropout as the layers",),
    checked=(
        "1371149/LightKG, LightKG.py, main.py and yaml/lastfm_LightKG.yaml: the formulas and all "
        "of the setting; what is not there is RecBole's default (batches of 2048, MRR@10)",
    ),
)
