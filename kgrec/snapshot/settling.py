"""Letting the model of a snapshot know what updates have brought, without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.graph.modalities import TEXT
from kgrec.snapshot.changes import with_columns_of, with_later, without_pairs
from kgrec.snapshot.deriving import texts_of_nodes
from kgrec.snapshot.drift import Drift
from kgrec.snapshot.inputs import Derived, Inputs
from kgrec.snapshot.prepared import prepare
from kgrec.snapshot.snapshot import Snapshot
from kgrec.text.settings import TextConfig
from kgrec.text.vectors import TextVectors
from kgrec.text.words import WordCounts, count_words
from kgrec.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

MAX_MEASURED = 500
"""Most users whose new interactions are looked for in their lists."""
_CUTOFF = 10


def settled(now: Snapshot, config: TextConfig | None, vectors: TextVectors | None) -> Snapshot:
    """Return a snapshot whose model knows what the updates of another one have brought.

    The graph is built again, texts that are new or changed are encoded, and the model is updated
    (`kgrec.models.base.Model.updated`). It reads the training part and what came since; the
    validation part stays apart, as before.

    Args:
        now: Made by `Snapshot.update`, perhaps several times.
        config: Settings for texts; None: no text is used.
        vectors: Makes text vectors; None: there are none.

    Raises:
        DataError: The recommender was loaded without the interactions that it was trained on, or
            the model lacks something, such as ratings.
    """
    base = now.base
    if base is None:
        return now
    if not now.interactions:
        raise DataError(
            "The recommender was loaded without the interactions that it was trained on "
            "(data/interactions.parquet), which an update of the model needs. "
            "update(at_once=True) folds in new users and items without them."
        )
    came = [log for one in now.pending if (log := one.interactions) is not None]
    train, *others = (log.reindex(now.users, now.items) for log in now.interactions)
    for log in came:
        later = with_columns_of(_present(log, now), train)
        train = with_later(train, later)
        others = [without_pairs(other, later) for other in others]
    valid = others[0] if others and len(others[0]) else None

    def derived(inputs: Inputs, graph: HeteroData) -> Derived:
        return _derived(base, now, inputs, graph, config, vectors)

    prepared = prepare(now.inputs, train, valid, None, derived, base.derived.scales)
    gone = _newly_deleted(base, now)
    model = base.model
    model = model.forgotten(prepared.data) if gone else model.updated(prepared.data)
    made = prepared.fitted(model)
    return replace(
        made,
        withdrawn=now.withdrawn,
        deleted=now.deleted,
        warnings=now.warnings,
        index_config=now.index_config,
        drift=_drift(base, now, came),
    )


def _newly_deleted(base: Snapshot, now: Snapshot) -> int:
    """Return how many users were deleted whom the model of the base knows."""
    if now.deleted is None:
        return 0
    before = 0 if base.deleted is None else int(base.deleted.sum())
    return int(now.deleted[: len(base.users)].sum()) - before


def _present(log: Interactions, now: Snapshot) -> Interactions:
    """Return a log over the snapshot's vocabularies, without users who were deleted since."""
    kept = log.users.rows(now.users.array, missing="-1")
    known = np.zeros(log.num_users, dtype=bool)
    known[kept[kept >= 0]] = True
    bad = None if log.dislikes is None else known[log.dislikes.user]
    return log.select(known[log.user], bad).reindex(now.users, now.items)


def _derived(
    base: Snapshot,
    now: Snapshot,
    inputs: Inputs,
    graph: HeteroData,
    config: TextConfig | None,
    vectors: TextVectors | None,
) -> Derived:
    """Return words and features of all nodes; only new and changed texts are encoded."""
    before = base.derived
    if config is None:
        return Derived(_other_features(base, now, graph), scales=before.scales)
    has = {kind for kind, modality in before.features if modality == TEXT}
    texts = texts_of_nodes(inputs, graph, config, entities=bool(has - {"item"}))
    words = count_words(texts["item"]) if "item" in texts else None
    features = _other_features(base, now, graph)
    made_by = {key: who for key, who in before.made_by.items() if key[0] in graph.node_types}
    for kind in sorted(has & set(texts)):
        old = before.features[kind, TEXT]
        rows, places = _known(base, graph, kind)
        if kind == "item" and words is not None and before.words is not None:
            same = _same_texts(before.words, words, rows, places)
            rows, places = rows[same], places[same]
        matrix = np.zeros((len(texts[kind]), old.shape[1]), dtype=np.float32)
        matrix[rows] = old[places]
        new = np.setdiff1d(np.arange(len(matrix)), rows)
        if len(new) and vectors is not None:
            matrix[new] = vectors.of([texts[kind][row] for row in new])
        features[kind, TEXT] = matrix
    return Derived(features, words, None, before.scales, made_by, before.nonsense)


def _known(base: Snapshot, graph: HeteroData, kind: str) -> tuple[IntArray, IntArray]:
    """Return the rows of the nodes that were in the graph before, and their rows there."""
    place = {id: row for row, id in enumerate(base.graph[kind].node_id)}
    found = np.array([place.get(id, -1) for id in graph[kind].node_id], dtype=np.int64)
    rows = np.flatnonzero(found >= 0)
    return rows, found[rows]


def _same_texts(
    before: WordCounts, words: WordCounts, rows: IntArray, places: IntArray
) -> BoolArray:
    return np.asarray((before.keys[places] == words.keys[rows]).all(axis=1))


def _other_features(
    base: Snapshot, now: Snapshot, graph: HeteroData
) -> dict[tuple[str, str], FloatArray]:
    """Return the features that no text encoder made; of new nodes, nothing is known but items."""
    made = {}
    for (kind, modality), old in base.derived.features.items():
        if modality == TEXT or kind not in graph.node_types:
            continue
        if kind == "item":
            made[kind, modality] = now.derived.features[kind, modality]
            continue
        rows, places = _known(base, graph, kind)
        matrix = np.zeros((int(graph[kind].num_nodes), old.shape[1]), dtype=np.float32)
        matrix[rows] = old[places]
        made[kind, modality] = matrix
    return made


def drift_of(now: Snapshot, *, measured: bool = True) -> Drift | None:
    """Return what came since training, also what the model does not know yet.

    Args:
        now: The snapshot.
        measured: Whether what the model does not know yet is looked for in the lists of before,
            which takes as long as some hundred lists.

    Returns:
        None: nothing came, or the recommender was loaded without its interactions.
    """
    base = now.base
    if base is None or not now.interactions:
        return now.drift
    return _drift(base, now, [_pending(now)], measured=measured)


def _pending(now: Snapshot) -> Interactions:
    """Return the likes that the model does not know yet, as one log."""
    logs = [log for one in now.pending if (log := one.interactions) is not None]
    none = np.zeros(0, dtype=np.int64)
    users = [none, *(now.users.rows(log.users.array, missing="-1")[log.user] for log in logs)]
    items = [none, *(now.items.rows(log.items.array, missing="-1")[log.item] for log in logs)]
    user, item = np.concatenate(users), np.concatenate(items)
    kept = (user >= 0) & (item >= 0)
    if now.deleted is not None:
        kept &= ~now.deleted[user]
    return Interactions(now.users, now.items, user[kept], item[kept])


def _drift(
    base: Snapshot, now: Snapshot, came: Sequence[Interactions], *, measured: bool = True
) -> Drift:
    """Return what came since training, with these updates."""
    before = base.drift
    if before is None:
        train = base.interactions[0]
        valid = base.interactions[1] if len(base.interactions) > 1 else None
        before = Drift(
            trained_interactions=len(train),
            trained_users=len(base.users),
            trained_items=len(base.items),
            hits_of_validation=None
            if valid is None or not measured
            else _hits(base, valid, train.matrix())[0],
        )
    hits, num_measured = before.hits, before.measured
    for log in came if measured else ():
        found, count = _hits(base, _of_known(log, base), base.histories)
        if found is not None:
            hits = ((hits or 0.0) * num_measured + found * count) / (num_measured + count)
            num_measured += count
    old = len(base.users)
    changed = now.changed if now.changed is not None else np.zeros(len(now.users), dtype=bool)
    gone = np.zeros(len(now.users), dtype=bool) if now.deleted is None else now.deleted
    new = np.arange(len(base.items), len(now.items))
    deleted = int(gone.sum())
    return replace(
        before,
        updates=before.updates + len(now.pending),
        interactions=before.interactions + sum(map(len, came)),
        users_new=before.users_new + len(now.users) - old,
        users_changed=before.users_changed + int((changed[:old] & ~gone[:old]).sum()),
        users_deleted=deleted,
        users_remembered=before.users_remembered
        + (0 if base.model.forgets else _newly_deleted(base, now)),
        items_new=before.items_new + len(new),
        items_placed=before.items_placed + int(_is_placed(now, new).sum()),
        items_withdrawn=len(now.items) - now.num_available,
        hits=hits,
        measured=num_measured,
    )


def _is_placed(now: Snapshot, rows: IntArray) -> BoolArray:
    """Return of which items something is known: interactions, a table row, or a link."""
    placed = np.asarray(now.histories.sum(axis=0)).reshape(-1) > 0
    if now.inputs.links is not None:
        placed[now.inputs.links.item] = True
    table = now.inputs.items
    if table is not None:
        own = now.items.rows(table.ids.array)
        if table.titles:
            placed[own[np.array([bool(title) for title in table.titles], dtype=bool)]] = True
        for category in table.categories.values():
            placed[own[category.row]] = True
        for values in table.numbers.values():
            placed[own[np.isfinite(values)]] = True
    return np.asarray(placed[rows])


def _of_known(log: Interactions, base: Snapshot) -> Interactions:
    """Return the new interactions of known users with known items, over their vocabularies."""
    users = base.users.rows(log.users.array, missing="-1")
    items = base.items.rows(log.items.array, missing="-1")
    kept = (users[log.user] >= 0) & (items[log.item] >= 0)
    return Interactions(base.users, base.items, users[log.user[kept]], items[log.item[kept]])


def _hits(base: Snapshot, log: Interactions, has: csr_matrix) -> tuple[float | None, int]:
    """Return the share of interactions that are among the ten best of their users, and how many.

    What a user has already cannot be recommended, and does not count.
    """
    matrix = log.matrix()
    wanted: csr_matrix = (matrix - matrix.multiply(has > 0)).tocsr()
    wanted.eliminate_zeros()
    users = np.flatnonzero(np.diff(wanted.indptr))
    if not len(users):
        return None, 0
    if len(users) > MAX_MEASURED:
        users = np.sort(np.random.default_rng(0).choice(users, MAX_MEASURED, replace=False))
    k = min(_CUTOFF, len(base.items))
    best = base.best(users, k, exclude=has[users], candidates=base.allowed())
    row, place = np.nonzero(best.items >= 0)
    found = csr_matrix(
        (np.ones(len(row), dtype=np.float32), (row, best.items[row, place])),
        shape=(len(users), len(base.items)),
    )
    count = int(wanted[users].nnz)
    return float(wanted[users].multiply(found).nnz) / count, count
