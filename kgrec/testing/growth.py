"""Training data that grows: a new user and a new item, each a twin of a known one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack

from kgrec.data.interactions import Interactions
from kgrec.models.training_data import TrainingData

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

NEW_USER, NEW_ITEM = "u-new", "i-new"


def grown(data: TrainingData, user: int = 0, item: int = 0) -> TrainingData:
    """Return the data with one user and one item more, after the others.

    The new user has all items of `user` but the first; features are those of `user`. The new item
    has the attributes, words and features of `item`, and no interactions.

    Args:
        data: Any training data.
        user: Row of the user whose twin comes; it has two interactions at least.
        item: Row of the item whose twin comes.
    """
    train = data.train
    own = np.flatnonzero(train.user == user)[1:]
    log = train.reindex(train.users.extended([NEW_USER]), train.items.extended([NEW_ITEM]))
    rows = np.concatenate([np.arange(len(train)), own])
    log = log.select(rows, None if log.dislikes is None else np.arange(len(log.dislikes)))
    users = log.user.copy()
    users[len(train) :] = log.num_users - 1
    log = replace(log, user=users)
    return TrainingData(
        log,
        graph=None if data.graph is None else _grown_graph(data.graph, log, item),
        attributes=_twin_row(data.attributes, item),
        user_features=_twin_row(data.user_features, user),
        words=_twin_row(data.words, item),
    )


def _twin_row(matrix: csr_matrix | None, row: int) -> csr_matrix | None:
    if matrix is None:
        return None
    return csr_matrix(vstack([matrix, matrix[[row]]], format="csr"), dtype=matrix.dtype)


def _grown_graph(graph: HeteroData, log: Interactions, item: int) -> HeteroData:
    import torch

    made = graph.clone()
    for kind, new, ids in (("user", log.num_users, log.users), ("item", log.num_items, log.items)):
        made[kind].num_nodes = new
        made[kind].node_id = ids.ids
        for name, value in list(made[kind].items()):
            if getattr(value, "ndim", 0) == 2 and value.is_floating_point():
                made[kind][name] = torch.cat([value, value[[item]]])
    for source, name, target in graph.edge_types:
        edges = graph[source, name, target].edge_index.numpy()
        if name in ("interacts", "rev_interacts"):
            pairs: npt.NDArray[Any] = np.stack([log.user, log.item])
            edges = pairs if name == "interacts" else pairs[::-1]
        else:
            for side, kind in enumerate((source, target)):
                if kind == "item":
                    twins = edges[:, edges[side] == item].copy()
                    twins[side] = log.num_items - 1
                    edges = np.concatenate([edges, twins], axis=1)
        made[source, name, target].edge_index = torch.from_numpy(np.ascontiguousarray(edges))
    return made
