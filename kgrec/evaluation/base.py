"""The common parts of evaluation protocols: their data, settings and results."""

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
from kgrec.errors import ConfigError, DataError, in_python
from kgrec.evaluation.beyond_accuracy import ItemFeatures
from kgrec.outputs.checked import write_checked_json
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
    """The data that a model is evaluated on.

    Attributes:
        test: The test interactions.
        exclude: What users already have: the training part, and when testing the validation part.
        candidates: Rows of the items to rank or to draw from; None: all.
        given: The candidates of each user, for protocols that take them; None: they are drawn.
        features: Features of the items, to measure the diversity of lists.
        chunk_elements: Scores held at a time.
    """

    test: Interactions
    exclude: Sequence[Interactions]
    candidates: IntArray | None = None
    given: Interactions | None = None
    features: ItemFeatures | None = None
    chunk_elements: int = CHUNK_ELEMENTS

    @property
    def valid(self) -> Interactions | None:
        """The validation part, the second of `exclude`; None if it is missing or empty."""
        return self.exclude[1] if len(self.exclude) > 1 and len(self.exclude[1]) else None


@dataclass(frozen=True)
class Evaluation:
    """The results of a model.

    Attributes:
        metrics: Means over the users, such as `"ndcg@10"`, and metrics of all recommendations
            together: `"coverage@10"`, `"popularity@10"`, `"gini@10"`, `"popularity_lift@10"`, and
            if attributes and text of the items are known, the mean diversity of lists,
            `"ild_graph@10"` and `"ild_text@10"`; see `kgrec.evaluation.beyond_accuracy`.
        per_user: The per-user metrics, each float64 of shape (num_users,).
        user_ids: The users' ids, in the same order.
        k: The cut-offs.
        num_candidates: Ranked items; the most of one user if each has their own; the judged pairs
            if nothing is ranked.
        num_judgements: Test interactions.
        num_unreachable: Test interactions that no ranking can contain, because they were excluded
            or are no candidates. They count as missed.
        protocol: Name of the protocol; see `kgrec.evaluation.protocols`.
        sampled: Whether a sample of the items was ranked. Such figures do not compare with those
            of the full ranking.
        non_standard: Whether a metric is not the usual one of its name.
        details: Anything else, such as settings, in types of JSON.
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
        """Users with at least one test interaction."""
        return len(self.user_ids)

    def to_pandas(self) -> pd.DataFrame:
        """Return the per-user values, a row for each user: `user_id` and a column per metric."""
        return pd.DataFrame({"user_id": list(self.user_ids), **self.per_user})

    def to_dict(self, *, per_user: bool = False) -> dict[str, Any]:
        """Return plain numbers and strings that JSON can hold.

        Args:
            per_user: Whether to include the values of each user.
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
        """Write `to_dict` and its checksum to a file, atomically.

        Raises:
            RunError: The file cannot be written.
        """
        write_checked_json(path, self.to_dict(per_user=per_user))


class ProtocolConfig(Settings):
    """A protocol and its settings.

    Attributes:
        TAKES_GIVEN: Whether it takes given candidates of each user.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    TAKES_GIVEN: ClassVar[bool] = False

    name: str

    @abstractmethod
    def evaluate(self, model: Scorer, task: EvaluationTask) -> Evaluation:
        """Evaluate a model.

        Raises:
            DataError: The data does not fit together or lacks what the protocol needs.
            ConfigError: The protocol does not fit the data.
        """

    def in_results(self) -> dict[str, Any]:
        """Return the settings without the name, for the `details` of a result."""
        return self.model_dump(mode="json", exclude={"name"})


class RankingConfig(ProtocolConfig):
    """The settings that all protocols with rankings share."""

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


def without_validation(why: str, setting: str) -> ConfigError:
    """Return the error of a protocol that fits something on the validation part, which is missing.

    Args:
        why: What is fitted, such as "The slope is fitted on a validation part".
        setting: The setting that replaces it.
    """
    if in_python():
        remedy = (
            "give the training and the validation part as `exclude`, measure on the test part, or "
            f"set `{setting}`"
        )
    else:
        remedy = (
            "measure on the test part, of a run with a validation part (data.valid), or give the "
            f"setting {setting}=NUMBER"
        )
    return ConfigError(f"{why}: {remedy}.")


def as_logs(exclude: Interactions | Sequence[Interactions]) -> list[Interactions]:
    """Return one log or several as a list."""
    return [exclude] if isinstance(exclude, Interactions) else list(exclude)


def users_of(test: Interactions) -> IntArray:
    """Return the rows of the users with test interactions, ascending.

    Raises:
        DataError: There are none.
    """
    users: IntArray = np.unique(test.user).astype(np.int64, copy=False)
    if not len(users):
        raise DataError("There are no interactions to evaluate on.")
    return users


def seen_items(test: Interactions, logs: Sequence[Interactions]) -> csr_matrix:
    """Return the excluded interactions, shape (num_users, num_items).

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
