"""Measuring a model by any protocol."""

from __future__ import annotations

from collections.abc import Sequence

from kgrec.data.interactions import Interactions
from kgrec.errors import ConfigError
from kgrec.evaluation.beyond_accuracy import ItemFeatures
from kgrec.evaluation.candidates import evaluate_candidates
from kgrec.evaluation.ctr import evaluate_ctr
from kgrec.evaluation.evaluate import Evaluation, Scorer, evaluate
from kgrec.evaluation.kgat import evaluate_kgat
from kgrec.evaluation.ratings import evaluate_ratings
from kgrec.evaluation.settings import (
    CandidatesConfig,
    CTRConfig,
    FullConfig,
    KGATConfig,
    ProtocolConfig,
    RatingsConfig,
)
from kgrec.types import IntArray


def evaluate_protocol(
    model: Scorer,
    test: Interactions,
    protocol: ProtocolConfig,
    *,
    exclude: Sequence[Interactions],
    candidates: IntArray | None = None,
    given: Interactions | None = None,
    features: ItemFeatures | None = None,
) -> Evaluation:
    """Measure a model by a protocol.

    Args:
        model: What scores items for users.
        test: The interactions to be found, told from others, or whose ratings are predicted.
        protocol: The settings, see `kgrec.evaluation.settings.protocol_config`.
        exclude: What users have already: the training part, and when testing the validation part.
        candidates: Rows of the items that are ranked or drawn from; None: all.
        given: For the protocol `candidates`: the candidates of each user.
        features: For full rankings: features of the items, to measure the diversity of lists.

    Raises:
        DataError: The data does not fit together or lacks what the protocol needs.
        ConfigError: The protocol does not fit the data.
    """
    if given is not None and not isinstance(protocol, CandidatesConfig):
        raise ConfigError(f"The protocol {protocol.name!r} has no use for candidates of each user.")
    if isinstance(protocol, FullConfig):
        return evaluate(
            model, test, exclude=exclude, k=protocol.k, candidates=candidates, features=features
        )
    if isinstance(protocol, KGATConfig):
        return evaluate_kgat(
            model, test, protocol, exclude=exclude, candidates=candidates, features=features
        )
    if isinstance(protocol, CandidatesConfig):
        return evaluate_candidates(
            model, test, protocol, exclude=exclude, candidates=candidates, given=given
        )
    if isinstance(protocol, CTRConfig):
        return evaluate_ctr(model, test, protocol, exclude=exclude, candidates=candidates)
    if isinstance(protocol, RatingsConfig):
        return evaluate_ratings(model, test, protocol, exclude=exclude)
    raise ConfigError(f"{type(protocol).__name__} are no settings of a protocol.")
