"""Which models are tried on which data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from kgrec.auto.data_facts import Facts
from kgrec.auto.effort import MAX_SQUARE, Effort, Work
from kgrec.auto.new_items import FOLDS, MOSTLY_NEW
from kgrec.models.base import ModelConfig
from kgrec.models.content_ease import ContentEASEConfig
from kgrec.models.ease import AttributeEASEConfig, EASEConfig
from kgrec.models.ials import IALSConfig
from kgrec.models.item_knn import ItemKNNConfig
from kgrec.models.popular import MostPopularConfig
from kgrec.models.trending import TrendingConfig
from kgrec.models.user_ease import UserEASEConfig
from kgrec.training.link_prediction import LinkPredictionConfig

Step = tuple[str, Sequence[Any]]
"""A setting, which may have dots, and the values that are tried."""

FEW_NEW: Final = 0.05
"""With a smaller share of new items, a costly model for them is not tried."""
_LARGE: Final = {"loss": {"name": "sampled_softmax", "temperature": 0.22}, "batch_users": 16_384}
"""Training where a softmax over all items would take too long: few steps on the whole graph."""
COUNTS: Final = 10.0
"""With a larger ratio of ratings, they are counts, which span orders of magnitude, not stars."""


@dataclass(frozen=True)
class Family:
    """Models of one kind, of which the best is kept.

    Attributes:
        name: What the family looks at, for people.
        start: The settings that are tried first.
        steps: Settings that are changed, one after another, with their other values; the best
            value of each stays while the next is tried.
        content_only: Whether they read nothing but items' content of the graph.
    """

    name: str
    start: ModelConfig
    steps: Sequence[Step] = ()
    content_only: bool = False

    def search(self, measure: Callable[[ModelConfig], float], least: float = -np.inf) -> None:
        """Call `measure` with the settings to try; larger values are better.

        Args:
            measure: Returns the value of some settings.
            least: If the first settings are worth less, no others are tried.
        """
        best, better = measure(self.start), self.start
        if best < least:
            return
        for key, values in self.steps:
            settings = better
            for value in values:
                tried = _changed(settings, key, value)
                if tried == settings:
                    continue
                found = measure(tried)
                if found > best:
                    best, better = found, tried


def candidates(family: Family) -> list[ModelConfig]:
    """Return the settings with which a family is tried, if its first are the best."""
    found: list[ModelConfig] = []

    def measure(settings: ModelConfig) -> float:
        found.append(settings)
        return -float(len(found))

    family.search(measure)
    return found


def _changed(settings: ModelConfig, key: str, value: Any) -> ModelConfig:
    """Return settings with one value changed; the key may have dots."""
    tree = settings.model_dump()
    *above, last = key.split(".")
    place = tree
    for name in above:
        place = place[name]
    place[last] = value
    return type(settings)(**tree)


def families(facts: Facts, effort: Effort) -> Iterator[Family]:
    """Yield the families that these facts and this effort allow, the cheapest first."""
    work = Work(facts, effort)
    further = _further(facts)
    yield Family("popularity", MostPopularConfig())
    if facts.has_times:
        yield Family(
            "recent popularity",
            TrendingConfig(),
            [("half_life", (7.0, 60.0, 180.0)), ("activity_power", (0.0, 1.0))],
        )
    yield Family("similar items", ItemKNNConfig())
    trials = work.trials(facts.item_rows + facts.user_features, facts.num_users)
    if trials:
        steps: list[Step] = [
            ("l2", (50.0, 500.0)),
            ("alpha", (2.0, 8.0) if facts.user_features else ()),
            *further,
        ]
        yield Family("users", UserEASEConfig(), _first(steps, trials))
    yield from _of_items(facts, work, further)
    if effort != "quick":
        yield from _of_graph(facts, work)


def _further(facts: Facts) -> list[Step]:
    """Return what closed forms can do with ratings and dislikes, where there are some."""
    steps: list[Step] = [("rating_power", _powers(facts))]
    return [*steps, ("dislikes", (0.3, 1.0))] if facts.has_dislikes else steps


def _powers(facts: Facts) -> tuple[float, ...]:
    if facts.rating_ratio <= 1:
        return ()
    return (0.3,) if facts.rating_ratio > COUNTS else (0.8, 1.8)


def _first(steps: Sequence[Step], trials: int) -> list[Step]:
    """Return the first steps, so that with the start there are no more than so many trials."""
    kept: list[Step] = []
    left = trials - 1
    for key, values in steps:
        kept.append((key, values[: max(0, left)]))
        left -= len(values)
    return kept


def _of_items(facts: Facts, work: Work, further: Sequence[Step]) -> Iterator[Family]:
    penalties: Step = ("l2", (50.0, 1000.0, 10.0))
    reads = facts.attributes >= 0.5
    alone = work.trials(facts.user_rows, facts.num_items)
    if alone:
        steps = [penalties, *further]
        yield Family("items", EASEConfig(dropout=0.33), _first(steps, alone))
    elif facts.num_items > MAX_SQUARE:
        yield Family("factors", IALSConfig())
    rows = facts.user_rows + facts.attribute_rows
    with_words = work.trials(rows + facts.word_rows, facts.catalogue)
    trials = work.trials(rows, facts.catalogue)
    if reads and trials:
        start = AttributeEASEConfig(dropout=0.33, alpha=4.0, min_items=3)
        steps = [penalties, ("alpha", (10.0, 2.0)), *further]
        yield Family("items and their attributes", start, _first(steps, trials))
    if facts.has_words and (with_words > 1 or (with_words and not reads)):
        start = AttributeEASEConfig(
            dropout=0.33, alpha=4.0 if reads else 0.0, words=8.0, min_items=3
        )
        steps = [
            penalties,
            ("words", (4.0, 16.0)),
            ("alpha", (10.0, 2.0) if reads else ()),
            *further,
        ]
        yield Family("items and their words", start, _first(steps, with_words))
    reads |= facts.has_words or facts.has_vectors or facts.has_numbers
    trials = work.trials(facts.catalogue, facts.catalogue, too_long=1.5)
    if facts.new_items > MOSTLY_NEW:
        trials = -(-trials // (1 + FOLDS))  # each is fitted on the folds, too
    if facts.new_items > (0.0 if trials > 2 else FEW_NEW) and reads and trials:
        of_new: list[Step] = [
            ("words", (0.0, 8.0) if facts.has_words else ()),
            ("text", (0.0, 1.0) if facts.has_vectors else ()),
            ("graph", (False,) if facts.has_entities and facts.has_columns else ()),
            ("content_l2", (3.0, 30.0)),
            ("attributes", (0.3, 3.0)),
            ("l2", (30.0, 300.0)),
            *further,
        ]
        steps = _first(of_new, trials)
        yield Family("content of new items", ContentEASEConfig(), steps, content_only=True)


def _of_graph(facts: Facts, work: Work) -> Iterator[Family]:
    power = 0.0
    if facts.rating_ratio > 1:
        power = 0.3 if facts.rating_ratio > COUNTS else 1.8
    reads = facts.attributes > 0 or facts.has_vectors
    encoder = {"name": "lightgcn", "relation_weight": 0.3 if reads else 0.0}
    fusion = "gate" if facts.has_vectors else "none"
    loss = {"name": "softmax", "temperature": 0.22, "rating_power": power}
    tree: dict[str, Any] = {
        "predictor": {"dim": 64, "encoder": encoder, "fusion": fusion},
        "training": {"loss": loss, "max_epochs": work.epochs(64)},
    }
    if not work.ranks_all(64):
        tree["training"] |= _LARGE
    if facts.new_items > MOSTLY_NEW:  # they are placed by a map from content, words included
        tree |= {"content_l2": 20.0, "content_words": 3.0 if facts.has_words else 0.0}
        tree["predictor"]["fusion"] = "add" if facts.has_vectors else "none"
    steps: list[Step] = []
    if work.effort == "thorough":
        steps = [
            ("predictor.encoder.relation_weight", (0.0, 0.1) if reads else ()),
            ("training.loss.temperature", (0.15, 0.3)),
            ("predictor.dim", (128,)),
        ]
    yield Family("the graph", LinkPredictionConfig.model_validate(tree), steps)


def safe_choice(facts: Facts) -> Iterator[Family]:
    """Yield the models for data without validation, which cannot choose settings."""
    work = Work(facts, "normal")
    shared = facts.attributes >= 0.5
    reads = shared or facts.has_words or facts.has_vectors
    if work.trials(facts.user_rows + facts.attribute_rows * shared, facts.catalogue):
        made = AttributeEASEConfig(dropout=0.33, alpha=2.0) if shared else EASEConfig(dropout=0.33)
        yield Family("items and their attributes" if shared else "items", made)
        if facts.new_items > 0 and reads:
            yield Family("content of new items", ContentEASEConfig())
    else:
        yield Family("similar items", ItemKNNConfig())
    if work.trials(facts.item_rows + facts.user_features, facts.num_users):
        yield Family("users", UserEASEConfig())
