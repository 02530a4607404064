"""Measuring a snapshot on interactions that its model did not get."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kgrec.data.interactions import Interactions
from kgrec.data.log_checks import warn_of_new_users
from kgrec.data.vocabulary import id_list
from kgrec.engine import engine_in_use
from kgrec.errors import DataError, warn
from kgrec.evaluation.base import Evaluation, ProtocolConfig
from kgrec.evaluation.beyond_accuracy import ItemFeatures
from kgrec.evaluation.fairness import with_groups
from kgrec.evaluation.leaks import check_no_leak
from kgrec.evaluation.overlap import shared_pairs
from kgrec.evaluation.protocols import evaluate_protocol
from kgrec.evaluation.ratings import RatingsConfig
from kgrec.models.base import RatingPredictor
from kgrec.snapshot.snapshot import Snapshot
from kgrec.types import FloatArray, IntArray


def measure(
    now: Snapshot,
    test: Interactions,
    config: ProtocolConfig,
    *,
    candidates: Iterable[str | int] | None,
    exclude: Sequence[Interactions] | None,
    given: Interactions | None,
) -> Evaluation:
    """Measure a snapshot by a protocol; see `kgrec.recommender.Recommender.evaluate`."""
    if not now.interactions:
        raise DataError(
            "The recommender was loaded without the interactions that it was trained on, and "
            "cannot be measured: what users have would be ranked."
        )
    known = now.users, now.items
    rows = None if candidates is None else now.items.rows(id_list(candidates, "candidates"))
    test, train = test.reindex(*known), now.interactions[0].reindex(*known)
    check_no_leak(now.graph, train, test)
    if exclude is None:
        exclude = _excluded(now, test)
        warn_of_new_users(train.user, test.user, "of the test part")
    scorer = now.answers if engine_in_use().distributed else now
    predicts = isinstance(now.model, RatingPredictor)
    result = evaluate_protocol(
        _Predictor(now) if predicts and isinstance(config, RatingsConfig) else scorer,
        test,
        config,
        exclude=[log.reindex(*known) for log in exclude],
        candidates=rows,
        given=None if given is None else given.reindex(*known),
        features=ItemFeatures.from_graph(now.graph),
    )
    return with_groups(result, train, now.inputs.users)


@dataclass(frozen=True)
class _Predictor:
    """A snapshot whose model predicts ratings, for the protocol that measures them."""

    snapshot: Snapshot

    def score(self, users: IntArray) -> FloatArray:
        return self.snapshot.score(users)

    def predict_ratings(self, users: IntArray, items: IntArray) -> FloatArray:
        return self.snapshot.expected_ratings(users, items)


def _excluded(now: Snapshot, test: Interactions) -> tuple[Interactions, ...]:
    """Return what is not ranked: all that is known, or training if validation is measured."""
    if now.num_trained >= 0 or len(now.interactions) < 2 or not len(test):
        return now.known
    train, valid = (log.reindex(now.users, now.items) for log in now.interactions)
    if not shared_pairs(test, valid).all() or shared_pairs(test, train).any():
        return now.known
    warn(
        f"All {len(test):,} interactions to evaluate on are of the validation part that fit() got, "
        "which may have chosen the model: its figures are too good for a final result. Only "
        "training interactions are left out of the rankings."
    )
    return (train,)
