"""The data of the tasks `pairs` and `masked` of a prepared data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Split
from kgrec.evaluation.evaluate import evaluate, protocol_candidates
from kgrec.runs.one_tower_tasks import texts_of_users
from kgrec.snapshot import Prepared
from kgrec.snapshot.deriving import texts_of_nodes
from kgrec.text.settings import TextConfig
from kgrec.text.tuning.masked_settings import MaskedConfig
from kgrec.text.tuning.two_tower_settings import PairsConfig
from kgrec.types import FloatArray, IntArray, index_to_mask

if TYPE_CHECKING:
    from kgrec.text.tuning.tasks.base import Task
    from kgrec.text.tuning.tower import Tower


@dataclass(frozen=True)
class _TwoTowers:
    """Scores items by the cosine of their texts' vectors with that of a user's text.

    Attributes:
        rows: Rows of the users that have a vector, int64 of shape (n,), ascending.
        users: Their vectors, float32 of shape (n, dim).
        items: Vectors of all items, float32 of shape (num_items, dim).
    """

    rows: IntArray
    users: FloatArray
    items: FloatArray

    def score(self, users: IntArray) -> FloatArray:
        """Return float32 of shape (b, num_items) for rows of users."""
        return np.asarray(self.users[np.searchsorted(self.rows, users)] @ self.items.T)


def pairs_task(
    config: PairsConfig, prepared: Prepared, split: Split, texts: Sequence[str]
) -> Task[Any]:
    """Return the task `pairs`.

    Args:
        config: Its settings.
        prepared: The data over the whole catalogue.
        split: The split over the same vocabularies.
        texts: The text of each item, "" for none.

    Raises:
        DataError: The data lacks texts.
        ConfigError: The settings do not fit the data.
    """
    from kgrec.text.tuning.tasks.pairs import PairData, PairsTask

    data, valid = prepared.data, len(split.valid) > 0
    ranked = protocol_candidates(split, "valid") if valid else np.zeros(0, dtype=np.int64)
    users = np.unique(split.valid.user)
    found = PairData(
        texts,
        texts_of_users(config, prepared),
        csr_matrix(data.train.matrix(), dtype=np.float32),
        data.attributes,
        index_to_mask(ranked, data.train.num_items),
        users,
        partial(_measured, split, users) if valid else None,
    )
    return PairsTask(config, found)


def _measured(
    split: Split, rows: IntArray, users: FloatArray, items: FloatArray
) -> Mapping[str, float]:
    candidates = protocol_candidates(split, "valid")
    model = _TwoTowers(rows, users, items)
    found = evaluate(model, split.valid, exclude=[split.train], candidates=candidates, k=(10, 20))
    return {name: found.metrics[name] for name in ("ndcg@10", "recall@10", "recall@20")}


def domain_task(
    config: MaskedConfig, prepared: Prepared, text: TextConfig, tower: Tower, seed: int
) -> Task[Any]:
    """Return the task `masked`.

    Args:
        config: Its settings.
        prepared: The data over the whole catalogue.
        text: How nodes are written as text.
        tower: The encoder in training.
        seed: The seed of new weights.

    Raises:
        DataError: There are no texts.
        ConfigError: The model cannot learn this.
    """
    from kgrec.text.tuning.tasks.masked import masked_task

    found = texts_of_nodes(prepared.inputs, prepared.data.graph, text, entities=config.entities)
    texts = [one for of_kind in found.values() for one in of_kind]
    return masked_task(config, texts, tower, seed)
