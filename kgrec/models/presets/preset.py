"""What a preset is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reported:
    """What somebody reported for the model.

    Attributes:
        dataset: On what.
        figures: Metric by name, such as `"recall@10"`.
        source: Where the figures stand.
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
        differs: How this differs from what the paper describes; empty: in nothing known.
        checked: Against which sources the settings above were read, and what was not found there;
            a repository is named by owner and name on GitHub.
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
    """Return settings without what kgrec adds of its own: ids alone, plain Adam, last weights.

    Args:
        predictor: Settings of the parts.
        training: Settings of the training; given here or there, all others are as published.
    """
    off = {"fusion": "none", "id_dropout": 0.0, "user_dropout": 0.0, "feature_dropout": 0.0}
    plain = {
        "weight_average": 0.0,
        "weight_decay": 0.0,
        "loss": "bpr",
        "batch_pairs": 1024,
        "eval_every": 5,
        "patience": PATIENCE // 5,
    }
    return {
        "predictor": {**off, **predictor},
        "training": {**plain, **training},
        "new_items": "propagate",
    }
