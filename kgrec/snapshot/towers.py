"""Items retrieved by several towers, then ranked by the whole model.

A tower is a space in which the user and the items have vectors (two towers: Yi et al., RecSys
2019). Retrieving by several of them before a model ranks the union is the usual order of a large
catalogue (Covington, Adams and Sargin, RecSys 2016). The towers are the members of the model whose
score is an inner product, and the text: there, a user is the mean of the texts of their items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, did_you_mean, option, printable
from kgrec.graph.modalities import TEXT
from kgrec.models.base import VectorModel, unit_rows
from kgrec.models.members import with_members
from kgrec.retrieval.index import ExactIndex, Index
from kgrec.retrieval.reranking import NO_DIALS, Dials, diversified
from kgrec.retrieval.settings import RetrieveConfig
from kgrec.retrieval.topk import TopK, empty, top_k
from kgrec.snapshot.ranker import Ranker
from kgrec.types import BoolArray, FloatArray, IntArray

TEXT_TOWER: Final = "text"
"""The name of the tower of texts."""


@dataclass(frozen=True, eq=False)
class Tower:
    """One space of vectors, and an index over the items in it.

    Attributes:
        index: The items.
        model: Places the users; None: they are the mean of their items.
    """

    index: Index
    model: VectorModel | None = None

    def queries(self, now: Ranker, users: IntArray | csr_matrix) -> FloatArray:
        """Return the vectors of users, float32 of shape (b, dim); zero: nothing is known of one.

        Args:
            now: The snapshot.
            users: Rows of users, or histories; see `Ranker.score_some`.
        """
        if self.model is None:
            has = users if isinstance(users, csr_matrix) else now.histories[users]
            return unit_rows(np.asarray((has > 0) @ self.index.vectors, dtype=np.float32))
        if isinstance(users, csr_matrix):
            return now.vectors_of_histories(users, self.model)
        return now.vectors_of_users(users, self.model)


def towers_of(now: Ranker) -> dict[str, Tower]:
    """Return the towers of a snapshot by name, those of the model first.

    The names are those of the models; of several with one name, the second is `ials_2`.
    """
    made: dict[str, Tower] = {}
    seen = Counter[str]()
    for model in with_members(now.model):
        if not isinstance(model, VectorModel) or not model.scores_are_products:
            continue
        seen[model.name] += 1
        number = seen[model.name]
        name = model.name if number == 1 else f"{model.name}_{number}"
        index = now.index if model is now.model else now.index_of(model)
        assert index is not None  # the score is an inner product
        made[name] = Tower(index, model)
    if now.has_text:
        text = now.derived.features["item", TEXT]
        there: BoolArray = np.asarray(text.any(axis=1))
        centre = text[there].mean(axis=0) if there.any() else 0.0
        vectors = unit_rows(np.where(there[:, None], text - centre, 0.0).astype(np.float32))
        unknown = np.flatnonzero(~there)
        made[TEXT_TOWER] = Tower(now.configured(ExactIndex(vectors, unknown=unknown), unknown))
    return made


def best_retrieved(
    now: Ranker,
    towers: Mapping[str, Tower],
    config: RetrieveConfig,
    users: IntArray | csr_matrix,
    k: int,
    *,
    exclude: csr_matrix,
    candidates: IntArray | None = None,
    dials: Dials = NO_DIALS,
) -> TopK:
    """Return the k best, by the whole model, of the items that towers retrieve.

    Each tower finds its `config.n` best of the items that are left, at least as many as are needed;
    the model scores their union alone. So k items come back where there are as many. Where no more
    are left than the towers would find, all of them are scored, and nothing can be missed.

    Args:
        now: The snapshot.
        towers: What `towers_of` returned.
        config: Which towers, and how many items.
        users: As for `Ranker.best`, as is all else.
        k: See `users`.
        exclude: See `users`.
        candidates: See `users`.
        dials: See `users`. Diversity chooses among what was retrieved.

    Raises:
        ConfigError: There are no such towers, or the popularity dial is set: it standardises the
            scores of all items.
    """
    if dials.popularity:
        raise ConfigError(
            f"{option('retrieve')} and {option('popularity', dials.popularity)} exclude each "
            "other: popularity is weighed against the scores of all items. Leave one of them out."
        )
    chosen = _chosen(now, towers, config)
    number = dials.pool(k, len(now.items))
    n = max(config.n, number)
    if candidates is None and len(now.items) <= n:
        return now.best(users, k, exclude=exclude, dials=dials)
    made = empty(users.shape[0], number)
    found: list[IntArray] = []
    if candidates is None or len(candidates) > n * len(chosen):
        options: dict[str, Any] = {"exclude": exclude, "candidates": candidates}
        found = [
            tower.index.retrieve(tower.queries(now, users), n, **options).items for tower in chosen
        ]
    for row in range(len(made.items)):
        if found:
            rows = np.unique(np.concatenate([items[row] for items in found]))
            rows = rows[rows >= 0]
        else:
            assert candidates is not None
            rows = np.setdiff1d(candidates, exclude[row].indices)
        scores = now.score_some(users[row : row + 1], rows)
        best = top_k(scores, number)
        there = best.items[0] >= 0
        made.items[row, there] = rows[best.items[0, there]]
        made.scores[row] = best.scores[0]
    if dials.diversity:
        return diversified(made, k, dials.diversity, now.item_similarity)
    return made


def _chosen(now: Ranker, towers: Mapping[str, Tower], config: RetrieveConfig) -> Sequence[Tower]:
    """Return the towers that settings name, or all.

    Raises:
        ConfigError: There are none, or one of them is not there.
    """
    if not towers:
        raise ConfigError(
            f"{option('retrieve')} finds items by vectors, and there are none: the score of the "
            f"model {now.model.name} is no inner product, nor is that of a member, and the items "
            f"have no text vectors. Leave {option('retrieve')} out, use a model such as `ials`, "
            "`link_prediction` or an ensemble with one of these, or train with text."
        )
    if config.towers is None:
        return list(towers.values())
    for name in config.towers:
        if name not in towers:
            raise ConfigError(
                f"{option('towers')}: this recommender has no tower {printable(name)!r}."
                f"{did_you_mean(name, towers)}"
            )
    return [towers[name] for name in dict.fromkeys(config.towers)]
