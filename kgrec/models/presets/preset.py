"""The form of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reported:
    """Published figures of the model.

    Attributes:
        dataset: The data set and split.
        figures: Value by metric, such as `"recall@10"`.
        source: Where the figures come from.
    """

    dataset: str
    figures: Mapping[str, float]
    source: str


@dataclass(frozen=True)
class Preset:
    """A published model as a choice of parts.

    Attributes:
        paper: The citation.
        settings: The parts and how they are trained, as in a config.
        reported: Figures that others published.
        differs: Known differences from the paper.
        checked: The sources of the settings, and what they lack; a repository is named by owner
            and name on GitHub.
    """

    paper: str
    settings: Mapping[str, Any]
    reported: tuple[Reported, ...] = ()
    differs: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()


LASTFM = "lastfm, split of LightKG, full ranking"
"""HetRec 2011 Last.FM with a Freebase graph."""

ADAKG = "Park et al., AdaKG, CIKM 2026, table of results in ssu-dmlab/AdaKG; mean of 5 seeds"
"""Ran all models in RecBole 1.1.1 on one split. Of the settings, only AdaKG's own are published."""


def on_lastfm(recall: float, mrr: float) -> Reported:
    """Return figures of the table in the AdaKG paper: Recall@10 and MRR@10 on Last.FM."""
    return Reported(LASTFM, {"recall@10": recall, "mrr@10": mrr}, ADAKG)


PATIENCE = 50
"""Epochs without a better validation before training stops, as in Wang et al., Neural Graph
Collaborative Filtering, SIGIR 2019, section 4.2.3, which LightGCN's paper refers to."""


def bare(predictor: Mapping[str, Any], training: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without the additions of kgrec: ids, plain Adam, the last weights.

    Where `predictor` says nothing else, scores are inner products of 64 dimensions.

    Args:
        predictor: Settings of the parts.
        training: Settings of the training. Settings in neither have the defaults.
    """
    off = {"fusion": "none", "id_dropout": 0.0, "user_dropout": 0.0, "feature_dropout": 0.0}
    product = {"head": "dot", "dim": 64}
    plain = {
        "weight_average": 0.0,
        "weight_decay": 0.0,
        "loss": "bpr",
        "batch_pairs": 1024,
        "eval_every": 5,
        "patience": PATIENCE // 5,
    }
    return {
        "predictor": {**off, **product, **predictor},
        "training": {**plain, **training},
        "new_items": "propagate",
    }
