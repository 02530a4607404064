"""Keys of version 0.1 that have moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOVED = {
    "predictor.num_layers": "predictor.encoder: {name: lightgcn, num_layers: 2}",
    "predictor.relation_weight": "predictor.encoder: {name: lightgcn, relation_weight: 0.3}",
    "predictor.noise": "predictor.encoder: {name: xsimgcl, noise: 0.2}",
    "predictor.num_bases": "predictor.encoder: {name: rgcn, num_bases: 4}",
    "predictor.dropout": "predictor.encoder: {name: kgat, dropout: 0.1}",
    "predictor.num_intents": "predictor.encoder: {name: kgin, num_intents: 4}",
    "predictor.edge_dropout": "predictor.encoder: {name: kgin, edge_dropout: 0.5}",
    "predictor.independence": "predictor.encoder: {name: kgin, independence: 0.0001}",
    "training.temperature": "training.loss: {name: softmax, temperature: 0.25}",
    "training.rating_power": "training.loss: {name: softmax, rating_power: 1.0}",
    "training.num_negatives": "training.loss: {name: sampled_softmax, num_negatives: 512}",
    "training.negatives_per_positive": "training.loss: {name: bpr, negatives_per_positive: 1}",
    "training.positive_temperature": "training.loss: {name: bsl, positive_temperature: 1.0}",
    "training.popularity_power": "training.negatives: {name: popularity, power: 0.75}",
    "training.contrast.kind": "training.contrast: {name: layer}",
}
"""What to write instead of a key, by its path in the settings of a link predictor."""


def refuse_moved_keys(given: Any) -> Any:
    """Return the settings unchanged if they have no key of version 0.1.

    Raises:
        ValueError: They have some; it says what to write instead.
    """
    if not isinstance(given, Mapping):
        return given
    sections = {**given, "predictor": given.get("model", given.get("predictor"))}
    found = ["the section model is called predictor now"] if "model" in given else []
    for key, place in MOVED.items():
        if _has(sections, key.split(".")):
            found.append(f"{key} moved: write {place}")
    if found:
        raise ValueError("; ".join(found))
    return given


def _has(section: Any, path: list[str]) -> bool:
    key, *rest = path
    if not isinstance(section, Mapping) or key not in section:
        return False
    return _has(section[key], rest) if rest else True
