"""What evaluation protocols have in common: what they are given, their settings and results."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, field_validator
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.evaluation.beyond import ItemFacts
from kgrec.files import write_json
from kgrec.retrieval.topk import CHUNK_ELEMENTS
from kgrec.settings import Settings
from kgrec.types import Float64Array, FloatArray, IntArray


class Scorer(Protocol):
    """Anything that scores all items for users, such as a `kgrec.models.base.Model`."""

    def score(self, users: IntArray, /) -> FloatArray:
        """Return float32 of shape (b, num_items) for rows of users, int64 of shape (b,)."""
        ...


@dataclass(frozen=True)
class EvaluationTask:
    """What a model is measured on.

    Attributes:
        test: The interactions to be found, told from others, or whose ratings are predicted.
        exclude: What users have already: the training part, and when testing the validation part.
        candidates: Rows of the items that are ranked or drawn from; None: all.
        given: The candidates of each user, for protocols that take them; None: they are drawn.
        facts: What is known of the items, for the diversity of lists.
        chunk_elements: Scores held at a time.
    """

    test: Interactions
    exclude: Sequence[Interactions]
    candidates: IntArray | None = None
    given: Interactions | None = None
    facts: ItemFacts | None = None
    chunk_elements: int = CHUNK_ELEMENTS


@dataclass(frozen=True)
class Evaluation:
    """What a model reached.

    Attributes:
        metrics: Means over the users, such as `"ndcg@10"`, and what is true of all
            recommendations together: `"coverage@10"`, `"popularity@10"`, `"gini@10"`,
            `"popularity_lift@10"`, and where attributes and text of the items are known the mean
            diversity of lists, `"ild_graph@10"` and `"ild_text@10"`; see
            `kgrec.evaluation.beyond`.
        per_user: The per-user metrics, each float64 of shape (num_users,).
        user_ids: The users' ids, in the same order.
        k: The cut-offs.
        num_candidates: Items that were ranked; for one user at most where each has their own, and
            pairs that were judged where nothing is ranked.
        num_judgements: Interactions to be found.
        num_unreachable: Those of them that could not be found, because they were excluded or are
            no candidates. They count as missed.
        protocol: How it was measured; see `kgrec.evaluation.protocols`.
        sampled: Whether a sample of the items was ranked. Such figures do not compare with those
            of the full ranking.
        non_standard: Whether a metric is not what its name says elsewhere.
        details: What else there is to know, such as settings, as JSON can hold it.
    """

    metrics: Mapping[str, float]
    per_user: Mapping[str, Float64Array] = field(repr=False)
    user_ids: Sequence[str] = field(repr=False)
    k: tuple[int, ...]
    num_candidates: int
    num_judgements: int
    num_unreachable: int = 0
    protocol: str = "full"
    sampled: bool = False
    non_standard: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def num_users(self) -> int:
        """Users with at least one interaction to be found."""
        return len(self.user_ids)

    def to_pandas(self) -> pd.DataFrame:
        """Return the per-user values, a row for each user: `user_id` and a column per metric."""
        return pd.DataFrame({"user_id": list(self.user_ids), **self.per_user})

    def to_dict(self, *, per_user: bool = False) -> dict[str, Any]:
        """Return plain numbers and strings that JSON can hold.

        Args:
            per_user: Whether the values of each user are among them.
        """
        result: dict[str, Any] = {
            "protocol": self.protocol,
            "sampled": self.sampled,
            "non_standard": self.non_standard,
            "metrics": dict(self.metrics),
            "k": list(self.k),
            "num_users": self.num_users,
            "num_candidates": self.num_candidates,
            "num_judgements": self.num_judgements,
            "num_unreachable": self.num_unreachable,
            **({"details": dict(self.details)} if self.details else {}),
        }
        if per_user:
            values = {name: column.tolist() for name, column in self.per_user.items()}
            result["per_user"] = {"user_id": list(self.user_ids), **values}
        return result

    def save_json(self, path: str | Path, *, per_user: bool = True) -> None:
        """Write `to_dict` to a file, atomically.

        Raises:
            RunError: The file cannot be written.
        """
        write_json(path, self.to_dict(per_user=per_user))


class ProtocolConfig(Settings):
    """The settings of a protocol, and how it measures.

    Attributes:
        TAKES_GIVEN: Whether it can be given the candidates of each user.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    TAKES_GIVEN: ClassVar[bool] = False

    name: str

    @abstractmethod
    def evaluate(self, model: Scorer, task: EvaluationTask) -> Evaluation:
        """Measure a model.

        Raises:
            DataError: The data does not fit together or lacks what the protocol needs.
            ConfigError: The protocol does not fit the data.
        """

    def in_results(self) -> dict[str, Any]:
        """Return the settings as the `details` of a result have them, without the name."""
        return self.model_dump(mode="json", exclude={"name"})


class RankingConfig(ProtocolConfig):
    """What all protocols have that rank items."""

    k: tuple[int, ...] = Field(default=(10, 20), description="Cut-offs.")

    @field_validator("k", mode="before")
    @classmethod
    def _one_number(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    @field_validator("k")
    @classmethod
    def _from_one_on(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or min(value) < 1:
            raise ValueError("k must be one or more numbers from 1 on")
        return value


def as_logs(exclude: Interactions | Sequence[Interactions]) -> list[Interactions]:
    """Return one log or several as a list."""
    return [exclude] if isinstance(exclude, Interactions) else list(exclude)


def users_of(test: Interactions) -> IntArray:
    """Return the rows of the users who have something to be found, ascending.

    Raises:
        DataError: There are none.
    """
    users: IntArray = np.unique(test.user).astype(np.int64, copy=False)
    if not len(users):
        raise DataError("There are no interactions to evaluate on.")
    return users


def seen_items(test: Interactions, logs: Sequence[Interactions]) -> csr_matrix:
    """Return what is excluded, shape (num_users, num_items).

    Raises:
        DataError: The logs do not share the vocabularies of `test`.
    """
    for log in logs:
        if log.users != test.users or log.items != test.items:
            raise DataError(
                "The logs to evaluate on and to exclude must share their vocabularies; see "
                "Interactions.reindex."
            )
    none = np.zeros(0, dtype=np.int64)
    user = np.concatenate([none, *(log.user for log in logs)])
    item = np.concatenate([none, *(log.item for log in logs)])
    ones = np.ones(len(user), dtype=np.float32)
    return csr_matrix((ones, (user, item)), shape=(test.num_users, test.num_items))
