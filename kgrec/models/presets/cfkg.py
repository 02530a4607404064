"""CFKG: a purchase is one more relation of the graph.

Qingyao Ai, Vahid Azizi, Xu Chen, Yongfeng Zhang: Learning Heterogeneous Knowledge Base Embeddings
for Explainable Recommendation. Algorithms 2018. Yongfeng Zhang, Qingyao Ai, Xu Chen, Pengfei Wang:
Learning over Knowledge-Base Embeddings for Recommendation, 2018.

    trans(e_h, r) = e_h + r, score -‖e_h + r - e_t‖²         `transe`
    hinge with margin 1 over corrupted tails                 `loss: margin`
    rank items by the distance of e_user + r_purchase        head `translation`

Published setting: none for data of this kind. 64 dimensions and margin 1 are those of RecBole.
"""

from kgrec.models.presets.preset import Preset, bare, on_lastfm

PRESET = Preset(
    "Ai et al., Learning Heterogeneous Knowledge Base Embeddings for Explainable Recommendation, "
    "Algorithms 2018",
    bare(
        {
            "encoder": "none",
            "head": "translation",
            "knowledge": {"scoring": "transe", "loss": "margin", "margin": 1.0},
        },
        {"learning_rate": 1e-3, "max_epochs": 500},
    ),
    reported=(on_lastfm(0.2444, 0.1100),),
    differs=(
        "interactions are learned by BPR over the same distances; the hinge is that of the other "
        "relations",
    ),
    checked=(
        "RUCAIBox/RecBole, properties/model/CFKG.yaml: 64 dimensions, margin 1; its default scores "
        "by inner products, with `transe` as the other choice",
    ),
)
