"""BPR-MF: matrix factorisation by pairwise ranking.

Steffen Rendle, Christoph Freudenthaler, Zeno Gantner, Lars Schmidt-Thieme: BPR: Bayesian
Personalized Ranking from Implicit Feedback. UAI 2009.

    x̂_ui = ⟨w_u, h_i⟩                                        encoder `none`, head `dot`
    BPR-Opt: Σ -ln σ(x̂_ui - x̂_uj) + λ ‖Θ‖²                  loss `bpr`, `ego_l2`
    LearnBPR: triples (u, i, j) drawn at random              `negatives: uniform`
"""

from kgrec.models.presets.preset import Preset, bare

PRESET = Preset(
    "Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009",
    bare(
        {"encoder": "none"},
        {"learning_rate": 1e-3, "ego_l2": 1e-4, "max_epochs": 1000},
    ),
    differs=("Adam on batches of 1024 pairs in place of stochastic gradient descent",),
    checked=("the form alone; the paper's settings are of other data",),
)
