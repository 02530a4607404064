"""What the liked items of a user add to the scores of a snapshot."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.explain.counts import Scored
from kgrec.graph.modalities import TEXT
from kgrec.models.base import VectorModel
from kgrec.models.contributions import Contributions
from kgrec.snapshot.ranker import Ranker
from kgrec.types import Float64Array, FloatArray, IntArray


def contributions(now: Ranker, history: csr_matrix, items: IntArray) -> Contributions:
    """Return what each liked item adds to the scores of some items.

    An item that is new since training has the scores of the items that it is like; nothing adds to
    one that is like none.

    Args:
        now: The snapshot.
        history: Items of a user, CSR of shape (1, num_items).
        items: Rows of items, int64 of shape (q,).
    """
    known = now.num_scored
    targets: Float64Array = np.zeros((len(items), known))
    old = items < known
    targets[np.flatnonzero(old), items[old]] = 1.0
    alike = now.alike if len(now.items) > known and not old.all() else None
    if alike is not None:
        targets[~old] = alike[items[~old] - known].toarray()
    return now.model.contributions(history[:, :known].tocsr(), targets)


def scored(now: Ranker, history: csr_matrix, items: IntArray, user: int | None) -> list[Scored]:
    """Return the scores of some items, and what each liked item adds to them.

    If the model has learnt a vector of the user, the score has a part that is no item's: it is in
    the base.

    Args:
        now: The snapshot.
        history: The items of the user, CSR of shape (1, num_items).
        items: Rows of items, int64 of shape (q,).
        user: The user's row, if these are all of their items; None: they are those of a new user.
    """
    found = contributions(now, history, items)
    asked = now.score_histories(history) if user is None else now.score(np.array([user]))
    scores = asked[0, items].astype(np.float64)
    added = found.values.sum(axis=0)
    return [
        Scored(
            float(scores[place]),
            found.items,
            found.values[:, place],
            found.weights[:, place],
            float(scores[place] - added[place]),
            {name: float(part[place]) for name, part in found.towers.items()},
        )
        for place in range(len(items))
    ]


def content_direction(space: VectorModel, at: FloatArray, user: FloatArray) -> FloatArray:
    """Return the gradient of ⟨user, item vector of a text⟩ to the text's vector, float32 (dim,).

    By central differences, all at once.

    Args:
        space: A model that places content.
        at: The text's vector, float32 of shape (dim,).
        user: The user's vector, float32 of shape (width,).
    """
    step = np.float32(1e-2)
    around = np.eye(len(at), dtype=np.float32) * step
    vectors = np.concatenate([at + around, at - around])
    scores = space.item_vectors_at(space.vectors_of_content({TEXT: vectors})) @ user
    up, down = np.split(scores.astype(np.float64), 2)
    return np.asarray((up - down) / (2 * step), dtype=np.float32)
