"""The protocols by name, and evaluation by any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from kgrec.data.interactions import Interactions
from kgrec.errors import ConfigError
from kgrec.evaluation.base import (
    Evaluation,
    EvaluationTask,
    ProtocolConfig,
    RankingConfig,
    Scorer,
    as_logs,
)
from kgrec.evaluation.beyond_accuracy import ItemFeatures
from kgrec.evaluation.candidates import CandidatesConfig
from kgrec.evaluation.ctr import CTRConfig
from kgrec.evaluation.evaluate import FullConfig
from kgrec.evaluation.kgat import KGATConfig
from kgrec.evaluation.overlap import check_overlap, warn_of_unreachable
from kgrec.evaluation.rated import RatedConfig
from kgrec.evaluation.ratings import RatingsConfig
from kgrec.settings import kinds_of, make_settings
from kgrec.types import IntArray

AnyProtocol = Annotated[
    FullConfig | CandidatesConfig | CTRConfig | KGATConfig | RatingsConfig | RatedConfig,
    Field(discriminator="name"),
]
"""The settings of any protocol, told apart by `name`."""

PROTOCOLS: Final[Mapping[str, type[ProtocolConfig]]] = kinds_of(AnyProtocol)
"""The classes of settings by the protocol's name."""


def protocol_config(
    name: str | ProtocolConfig, settings: Mapping[str, Any] | None = None
) -> ProtocolConfig:
    """Return the settings of a protocol.

    Args:
        name: One of `PROTOCOLS`, or settings that `settings` change.
        settings: Settings that differ from the defaults.

    Raises:
        ConfigError: There is no such protocol or setting, or a value is wrong.

    >>> protocol_config("kgat-ndcg", {"k": [10, 20]})
    KGATConfig(name='kgat-ndcg', k=(10, 20), depth=100)
    """
    kind, given = (
        (type(name), name.model_dump())
        if isinstance(name, ProtocolConfig)
        else (AnyProtocol, {"name": name})
    )
    made: ProtocolConfig = make_settings(kind, {**given, **(settings or {})}, "Protocol")
    return made


def evaluate_protocol(
    model: Scorer,
    test: Interactions,
    protocol: ProtocolConfig,
    *,
    exclude: Interactions | Sequence[Interactions],
    candidates: IntArray | None = None,
    given: Interactions | None = None,
    features: ItemFeatures | None = None,
) -> Evaluation:
    """Evaluate a model by a protocol.

    Args:
        model: What scores items for users.
        test: The test interactions.
        protocol: The settings, see `protocol_config`.
        exclude: What users already have: the training part, and when testing the validation part.
        candidates: Rows of the items to rank or to draw from; None: all.
        given: For the protocol `candidates`: the candidates of each user.
        features: For full rankings: features of the items, to measure the diversity of lists.

    Raises:
        DataError: The data does not fit together or lacks what the protocol needs.
        ConfigError: The protocol does not fit the data.
    """
    if given is not None and not protocol.TAKES_GIVEN:
        raise ConfigError(f"The protocol {protocol.name!r} takes no candidates of each user.")
    logs = as_logs(exclude)
    if all(log.users == test.users and log.items == test.items for log in logs):  # or an error
        check_overlap(test, logs, ranked=isinstance(protocol, RankingConfig))
    task = EvaluationTask(test, logs, candidates, given, features)
    result = protocol.evaluate(model, task)
    warn_of_unreachable(result)
    return result
