"""R-GCN: a matrix for each relation, from a few bases.

Michael Schlichtkrull, Thomas N. Kipf, Peter Bloem, Rianne van den Berg, Ivan Titov, Max Welling:
Modeling Relational Data with Graph Convolutional Networks. ESWC 2018.

    h_i^(l+1) = σ(W_0 h_i + Σ_r Σ_j W_r h_j / |N_i^r|)       encoder `rgcn`
    W_r = Σ_b a_rb V_b                                       `num_bases`
    f(s, r, o) = e_sᵀ R_r e_o, DistMult                      head `distmult`
"""

from kgrec.models.presets.preset import Preset, bare

PRESET = Preset(
    "Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks, ESWC 2018",
    bare(
        {"encoder": {"name": "rgcn", "num_layers": 2, "num_bases": 4}, "head": "distmult"},
        {"learning_rate": 1e-2, "ego_l2": 1e-4, "max_epochs": 300},
    ),
    differs=(
        "σ is tanh, and the input is added to the last layer",
        "only the edge user → item is predicted, by BPR in place of cross-entropy",
    ),
    checked=("the form alone; the paper's settings are of link prediction in other graphs",),
)
