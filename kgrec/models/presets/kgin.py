"""KGIN: intents for interactions, relational paths for items.

Xiang Wang, Tinglin Huang, Dingxian Wang, Yancheng Yuan, Zhenguang Liu, Xiangnan He, Tat-Seng Chua:
Learning Intents behind Interactions with Knowledge Graph for Recommendation. WWW 2021.

    e_p = Σ_r α(r, p) e_r                                    encoder `kgin`
    independence of the intents                              `independence`
    e_u^(1) = mean over items of (1 + Σ_p β(u, p) e_p) ⊙ e_i
    e_i^(1) = mean over (r, v) of e_r ⊙ e_v
    e* = e^(0) + … + e^(L), layers after the first at length 1; ŷ = e_uᵀ e_i

Published setting (the authors' command for their Last-FM): 64 dimensions, learning rate 1e-4,
batches of 1024, 3 layers, 4 intents, L2 1e-5, independence 1e-4, node dropout 0.5, message dropout
0.1.
"""

from kgrec.models.presets.preset import Preset, bare, on_lastfm

PRESET = Preset(
    "Wang et al., Learning Intents behind Interactions with Knowledge Graph for Recommendation, "
    "WWW 2021",
    bare(
        {
            "encoder": {
                "name": "kgin",
                "num_layers": 3,
                "num_intents": 4,
                "independence": 1e-4,
                "edge_dropout": 0.5,
                "dropout": 0.1,
            },
            "init_scale": 0.05,
        },
        {"learning_rate": 1e-3, "ego_l2": 1e-5, "max_epochs": 500},
    ),
    reported=(on_lastfm(0.2727, 0.1242),),
    differs=(
        "the penalty on similar intents is Σ cos², which the authors' code offers and RecBole has "
        "as its default, in place of distance correlation",
        "intents mix the vectors of all relations, that of the interactions and its inverse among "
        "them",
        "L2 is of the inputs in place of the sums of all layers",
    ),
    checked=(
        "huangtinglin/Knowledge_Graph_based_Intent_Network, README.md, modules/KGIN.py and "
        "utils/parser.py: the formulas and all of the setting; the 1 beside the intents is of the "
        "code",
        "RUCAIBox/RecBole, properties/model/KGIN.yaml",
    ),
)
