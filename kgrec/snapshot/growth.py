"""A snapshot with more data, whose model does not know it yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
from kgrec.graph.node_names import NodeNames
from kgrec.models.base import RatingPredictor
from kgrec.models.growing import resized
from kgrec.rdf.columns import GraphColumns
from kgrec.retrieval.approximate import ApproximateIndex
from kgrec.retrieval.compressed import Compressed
from kgrec.snapshot.changes import Changes, without_users
from kgrec.snapshot.earlier import Earlier
from kgrec.snapshot.fitted import Fitted
from kgrec.snapshot.histories import joined, without
from kgrec.snapshot.inputs import Inputs
from kgrec.types import BoolArray, FloatArray

FittedT = TypeVar("FittedT", bound=Fitted)

Content = Callable[[Inputs, Vocabulary, int], tuple[Sequence[str], Mapping[str, FloatArray]]]
"""Returns the texts of new items and their vectors by modality, in the order of the new rows.

It gets the inputs and the catalogue with the new items, and the first of their rows."""


def grown(now: FittedT, asked: Changes, content: Content) -> FittedT:
    """Return a snapshot with more data; see `Snapshot.update`, which says what it raises."""
    asked.check(now.items, now.users, now.withdrawn)
    log = asked.interactions
    if log is not None and isinstance(now.model, RatingPredictor):
        _check_ratings(log)
    logged = ((), ()) if log is None else (log.users.ids, log.items.ids)
    user_ids = now.users.extended(asked.user_ids).extended(logged[0])
    item_ids = now.items.extended([*asked.item_ids, *asked.linked]).extended(logged[1])
    start, new = len(now.items), len(item_ids) - len(now.items)
    histories, disliked, changed = _histories(now, user_ids, item_ids, log)
    inputs, titles, derived, placed = now.inputs, now.titles, now.derived, now.placed
    # Interactions of known users with known items are the most frequent update, and leave all this.
    if item_ids is not now.items or user_ids is not now.users or asked.tells:
        rows = [
            given if isinstance(given, AttributeTable) else None
            for given in (asked.items, asked.users)
        ]
        more = rows[0], rows[1], asked.triples, asked.links
        inputs = now.inputs.extended(item_ids, user_ids, *more)
        if titles is None or item_ids is not now.items or asked.tells_of_items:
            titles = _titles(now, item_ids, inputs.items, asked)
        derived = replace(now.derived, names=None)
    if new:
        texts, features = content(inputs, item_ids, start)
        derived = derived.extended(new, texts, features)
        placed = _placed(now, new, features)
    earlier = Earlier.of(vars(now), now.earlier)
    made = replace(
        now,
        users=user_ids,
        items=item_ids,
        histories=histories,
        disliked=disliked,
        inputs=inputs,
        derived=derived,
        built=None,
        titles=titles,
        changed=changed,
        placed=placed,
        num_trained=now.num_scored,
        codes=_codes_so_far(now),
        withdrawn=_widened(now.withdrawn, len(item_ids)),
        deleted=_widened(now.deleted, len(user_ids)),
        pending=(*now.pending, asked),
        base=now.base or now,
        earlier=replace(earlier, taste=None) if _tells_of_known(now, asked) else earlier,
    )
    return _without_removed(made, asked)


def _check_ratings(log: Interactions) -> None:
    for part in (log, log.dislikes):
        if part is not None and len(part) and part.rating is None:
            raise DataError(
                "The model predicts ratings, and some of the new interactions have none. Give "
                "each of them a rating, or leave it out. Nothing was changed."
            )


def _titles(
    now: Fitted, items: Vocabulary, table: AttributeTable | None, asked: Changes
) -> NodeNames:
    """Return the names of all items: those of before, and the titles of the update."""
    labels = list((now.titles or now.names).nodes.get("item", ()))[: len(now.items)]
    labels += [""] * (len(items) - len(labels))
    if isinstance(asked.items, AttributeTable) and table is not None and table.titles:
        place = table.ids.rows(asked.items.ids.array).tolist()
        for row, of_table in zip(items.rows(asked.items.ids.array).tolist(), place, strict=True):
            labels[row] = table.titles[of_table] or labels[row]
    return NodeNames({"item": labels}, {"item": items.ids})


def _tells_of_known(now: Fitted, asked: Changes) -> bool:
    """Return whether an update changes what is known of items that were there before."""
    told = [*asked.linked, *(asked.item_ids if isinstance(asked.items, AttributeTable) else ())]
    if told and (now.items.rows(told, missing="-1") >= 0).any():
        return True
    kg = now.inputs.kg
    if kg is None:
        return False
    if isinstance(asked.triples, GraphColumns):
        heads = np.union1d(asked.triples.triples[:, 0], asked.triples.literals.subject)
        subjects = asked.triples.entities.take(heads)
    else:
        subjects = [statement[0] for statement in asked.triples]
    return bool(subjects) and bool((kg.entities.rows(subjects, missing="-1") >= 0).any())


def _without_removed(now: FittedT, asked: Changes) -> FittedT:
    """Return the snapshot without what an update removes, and with what it brings back."""
    made = now
    if len(asked.item_ids) or len(asked.remove_items):
        withdrawn = np.zeros(len(now.items), dtype=bool)
        if now.withdrawn is not None:
            withdrawn |= now.withdrawn
        withdrawn[now.items.rows(asked.item_ids)] = False
        withdrawn[now.items.rows(asked.remove_items)] = True
        made = replace(now, withdrawn=withdrawn if withdrawn.any() else None)
    if not len(asked.remove_users):
        return made
    rows = now.users.rows(asked.remove_users)
    deleted = np.zeros(len(now.users), dtype=bool)
    deleted[rows] = True
    keep = diags_array((~deleted).astype(np.float32))
    bad = now.disliked
    users, table = _without_ids(now.users, rows), now.inputs.users
    named = dict(zip(rows.tolist(), users.take(rows), strict=True))
    left = None if table is None else table.without(asked.remove_users).reindex(users)
    return replace(
        made,
        users=users,
        histories=csr_matrix(keep @ now.histories),
        disliked=None if bad is None else csr_matrix(keep @ bad),
        inputs=replace(now.inputs, users=left),
        deleted=deleted if now.deleted is None else deleted | now.deleted,
        interactions=tuple(
            # Users who came later are not in the logs of training.
            without_users(
                log,
                log.users.with_ids(
                    {row: name for row, name in named.items() if row < log.num_users}
                ),
                deleted[: log.num_users],
            )
            for log in now.interactions
        ),
        changed=deleted if now.changed is None else deleted | now.changed,
    )


def _codes_so_far(now: Fitted) -> Compressed | None:
    """Return the codes of the items, if they were made, for the next snapshot."""
    made = now.__dict__.get("index")
    return made.compressed if isinstance(made, ApproximateIndex) else now.codes


def _histories(
    now: Fitted, users: Vocabulary, items: Vocabulary, log: Interactions | None
) -> tuple[csr_matrix, csr_matrix | None, BoolArray]:
    """Return histories, dislikes and changed users with a log more, over more ids."""
    shape = (len(users), len(items))
    changed = np.ones(len(users), dtype=bool)
    changed[: len(now.users)] = False if now.changed is None else now.changed
    before = resized(now.histories, shape)
    disliked = None if now.disliked is None else resized(now.disliked, shape)
    if log is None:
        return before, disliked, changed
    more = log.reindex(users, items)
    liked, bad = more.matrix(), more.matrix_of_dislikes()
    histories = joined(without(before, bad), liked)
    if disliked is not None:
        disliked = joined(without(disliked, liked), bad)
    elif bad.nnz:
        disliked = bad
    # An interaction that is known already leaves a user as the model learnt them.
    different = without(histories, before) + without(before, histories)
    return histories, disliked, changed | (np.diff(different.tocsr().indptr) > 0)


def _placed(now: Fitted, new: int, features: Mapping[str, FloatArray]) -> FloatArray | None:
    """Return the vectors of all items that the model was not fitted on, with `new` more."""
    space = now.model.content_space()
    if space is None:
        return None
    width = space.similarity_vectors.shape[1]
    before = np.zeros((len(now.items) - now.num_scored, width), np.float32)
    more = np.zeros((new, width), np.float32)
    if features:
        more = space.vectors_of_content(features)
    return np.concatenate([before if now.placed is None else now.placed, more])


def _widened(mask: BoolArray | None, num: int) -> BoolArray | None:
    if mask is None or len(mask) == num:
        return mask
    return np.append(mask, np.zeros(num - len(mask), dtype=bool))


def _without_ids(users: Vocabulary, rows: Sequence[int] | np.ndarray) -> Vocabulary:
    """Return users with ids that tell nothing in some rows."""
    known, number, made = set(users.ids), 0, {}
    for row in np.asarray(rows).tolist():
        while (name := f"(deleted user {number})") in known:
            number += 1
        made[row], number = name, number + 1
    return users.with_ids(made)
