"""Features of nodes by modality: `text`, `numeric`, `image` or any other name.

A modality of a node type is a float32 matrix with a row for each node, under its name in the graph:
`data["item"].text`. Models read all of them; `attach` adds one and records what made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgrec.errors import DataError, printable
from kgrec.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import HeteroData

TEXT = "text"
NUMERIC = "numeric"


def attach(data: HeteroData, kind: str, modality: str, matrix: FloatArray, made_by: str) -> None:
    """Add features to the nodes of a type.

    Args:
        data: The graph; it is changed.
        kind: The node type.
        modality: Name of the modality.
        matrix: float32 of shape (num_nodes, dim), rows in the order of the nodes; a row of zeros
            for an unknown one.
        made_by: Their source, such as the fingerprint of an encoder.

    Raises:
        DataError: There are not as many rows as nodes, or a value is NaN or infinite.
    """
    import torch

    if kind not in data.node_types:
        raise DataError(
            f"There are features {printable(repr(modality))} of the node type "
            f"{printable(repr(kind))}, and the graph has no such nodes."
        )
    num_nodes = int(data[kind].num_nodes)
    if matrix.ndim != 2 or len(matrix) != num_nodes:
        raise DataError(
            f"The features {modality!r} of node type {kind!r} must have the shape "
            f"({num_nodes}, dim), found {matrix.shape}."
        )
    if not np.isfinite(matrix).all():
        raise DataError(f"The features {modality!r} of node type {kind!r} hold NaN or infinity.")
    data[kind][modality] = torch.from_numpy(np.ascontiguousarray(matrix, dtype=np.float32))
    data.modalities = {**made_by_of(data), (kind, modality): made_by}


def made_by_of(data: HeteroData) -> dict[tuple[str, str], str]:
    """Return the recorded source of each (node type, modality) of a graph."""
    found: dict[tuple[str, str], str] = data.modalities if "modalities" in data else {}
    return found


def features_of(data: HeteroData, kind: str) -> dict[str, Tensor]:
    """Return the features of a node type by modality, sorted by name, with numbers last."""
    found = {
        name: value
        for name, value in data[kind].items()
        if getattr(value, "ndim", 0) == 2 and value.is_floating_point()
    }
    return {name: found[name] for name in sorted(found, key=lambda n: (n == NUMERIC, n))}


def vectors_of(data: HeteroData, kind: str) -> dict[str, FloatArray]:
    """Return the features of a node type from encoders: all modalities but numbers."""
    found = features_of(data, kind)
    return {name: matrix.numpy() for name, matrix in found.items() if name != NUMERIC}


def node_features(data: HeteroData) -> dict[str, Tensor]:
    """Return the concatenated modalities of each node type that has some.

    Returns:
        By node type: float32 of shape (num_nodes, the sum of their dims).
    """
    import torch

    features = {}
    for kind in data.node_types:
        if parts := list(features_of(data, kind).values()):
            features[kind] = torch.cat(parts, dim=1)
    return features
