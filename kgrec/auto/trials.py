"""Which models are tried on which data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from kgrec.auto.facts import Facts
from kgrec.models.base import ModelConfig
from kgrec.models.content_ease import ContentEASEConfig
from kgrec.models.ease import AttributeEASEConfig, EASEConfig
from kgrec.models.item_knn import ItemKNNConfig
from kgrec.models.popular import MostPopularConfig
from kgrec.models.trending import TrendingConfig
from kgrec.models.user_ease import UserEASEConfig
from kgrec.training.link_prediction import LinkPredictionConfig

Effort = Literal["quick", "normal", "thorough"]

KINDS: Final[tuple[type[ModelConfig], ...]] = (
    MostPopularConfig,
    TrendingConfig,
    ItemKNNConfig,
    UserEASEConfig,
    EASEConfig,
    AttributeEASEConfig,
    ContentEASEConfig,
    LinkPredictionConfig,
)
"""The settings of all models that may be tried."""

MAX_SQUARE: Final = 20_000
"""Most rows of a matrix that a closed form inverts: more take minutes and gigabytes."""
COSTLY_SQUARE: Final = 4_000
"""With more rows, an inverse takes seconds, and fewer of them are tried."""
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
    """

    name: str
    start: ModelConfig
    steps: Sequence[tuple[str, Sequence[Any]]] = ()

    def search(self, measure: Callable[[ModelConfig], float]) -> None:
        """Call `measure` with the settings to try; larger values are better."""
        best, better = measure(self.start), self.start
        for key, values in self.steps:
            settings = better
            for value in values:
                tried = _changed(settings, key, value)
                if tried == settings:
                    continue
                found = measure(tried)
                if found > best:
                    best, better = found, tried


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
    thorough = effort == "thorough"
    powers = _powers(facts, effort)
    yield Family("popularity", MostPopularConfig())
    if facts.has_times:
        halves = (7.0, 60.0) if effort == "quick" else (3.0, 7.0, 60.0, 180.0)
        yield Family("recent popularity", TrendingConfig(), [("half_life", halves)])
    yield Family("similar items", ItemKNNConfig())
    if facts.num_users <= MAX_SQUARE:
        few = effort == "quick" or facts.num_users > COSTLY_SQUARE
        steps = [("l2", (50.0,) if few else (50.0, 500.0)), ("rating_power", powers)]
        yield Family("users", UserEASEConfig(), steps)
    if facts.num_items <= MAX_SQUARE:
        yield from _of_items(facts, effort, powers)
    if effort != "quick":
        yield from _of_graph(facts, thorough)


def _powers(facts: Facts, effort: Effort) -> tuple[float, ...]:
    if facts.rating_ratio <= 1 or effort == "quick":
        return ()
    return (0.3,) if facts.rating_ratio > COUNTS else (1.0, 2.0)


def _of_items(facts: Facts, effort: Effort, powers: tuple[float, ...]) -> Iterator[Family]:
    costly = facts.num_items > COSTLY_SQUARE
    penalties: tuple[float, ...] = (30.0, 100.0, 1000.0)
    if effort == "thorough":
        penalties = (10.0, *penalties)
    elif costly or effort == "quick":
        penalties = (50.0,)
    steps: list[tuple[str, Sequence[Any]]] = [("l2", penalties)]
    if not costly:
        steps += [("rating_power", powers)]
    shared = facts.attributes >= 0.5 or facts.has_words
    if not costly or not shared:
        yield Family("items", EASEConfig(dropout=0.33), steps)
    if shared:
        of_content: list[tuple[str, Sequence[Any]]] = []
        if facts.attributes >= 0.5:
            of_content += [("alpha", (1.0, 8.0) if not costly else (1.0,))]
        if facts.has_words and effort != "quick":
            of_content += [("words", (4.0, 12.0) if not costly else (4.0,))]
        start = AttributeEASEConfig(dropout=0.33, alpha=3.0, min_items=3)
        yield Family("items and their attributes", start, [*of_content, *steps])
    if facts.new_items > 0 and (shared or facts.has_vectors or facts.has_numbers):
        of_new: list[tuple[str, Sequence[Any]]] = [
            ("words", (0.0, 8.0)),
            ("text", (0.0, 1.0)),
            ("content_l2", (3.0, 30.0)),
            ("attributes", (0.3, 3.0)),
            ("rating_power", powers),
        ]
        yield Family("content of new items", ContentEASEConfig(), of_new[: 2 if costly else None])


def _of_graph(facts: Facts, thorough: bool) -> Iterator[Family]:
    power = 0.0
    if facts.rating_ratio > 1:
        power = 0.3 if facts.rating_ratio > COUNTS else 1.8
    reads = facts.attributes > 0 or facts.has_vectors
    base: dict[str, dict[str, Any]] = {
        "predictor": {"encoder": {"name": "lightgcn", "relation_weight": 0.3 if reads else 0.0}},
        "training": {"loss": {"name": "softmax", "temperature": 0.22, "rating_power": power}},
    }
    base["predictor"]["fusion"] = "gate" if facts.has_vectors else "none"
    start = LinkPredictionConfig.model_validate(base)
    steps: list[tuple[str, Sequence[Any]]] = []
    if thorough:
        steps = [
            ("predictor.encoder.relation_weight", (0.0, 0.1) if reads else ()),
            ("training.loss.temperature", (0.15, 0.3)),
            ("predictor.dim", (128,)),
        ]
    yield Family("the graph", start, steps)


def safe_choice(facts: Facts) -> Iterator[Family]:
    """Yield the models for data without validation, which cannot choose settings."""
    if facts.num_items <= MAX_SQUARE:
        shared = facts.attributes >= 0.5
        made = AttributeEASEConfig(dropout=0.33, alpha=2.0) if shared else EASEConfig(dropout=0.33)
        yield Family("items and their attributes" if shared else "items", made)
        if facts.new_items > 0 and (shared or facts.has_words or facts.has_vectors):
            yield Family("content of new items", ContentEASEConfig())
    else:
        yield Family("similar items", ItemKNNConfig())
    if facts.num_users <= MAX_SQUARE:
        yield Family("users", UserEASEConfig())
