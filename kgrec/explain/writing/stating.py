"""The statements of an explanation: what each liked item, or group of these, shares with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kgrec.explain.english import english_reasons, noun_facts
from kgrec.explain.explanation import Explanation, Path
from kgrec.explain.paths import WORTH_TELLING
from kgrec.explain.phrases import ENGLISH, phrases_of
from kgrec.explain.sentences import titles_of
from kgrec.explain.writing.statement import Statement, Values


@dataclass(frozen=True)
class Stated:
    """What a sentence says, as data.

    Attributes:
        statements: Its reasons: each holds for all of its liked items and values.
        rest: What stands after the reasons.
    """

    statements: tuple[Statement, ...]
    rest: str


def reasons_of(explanation: Explanation) -> Stated | None:
    """Return the reasons in the sentence of an explanation; None: they cannot be told apart.

    They can be in English, where all are values that liked items share.
    """
    phrases = phrases_of(ENGLISH)
    for paths in _told(explanation):
        titles = titles_of(explanation.item.label, paths, (), phrases)
        item = titles[explanation.item.label]
        first = phrases.text("because", item=item, reasons=english_reasons(paths, titles))
        if explanation.sentence == first or explanation.sentence.startswith(f"{first} "):
            groups = noun_facts(paths, titles)
            if groups is None:
                return None
            statements = tuple(
                Statement(
                    "reason",
                    item,
                    tuple(liked),
                    tuple(Values(one, many, tuple(names), len(names) > 1)
                          for (one, many), names in values.items()),
                    again=place > 0,
                )
                for place, (liked, values) in enumerate(groups)
            )  # fmt: skip
            return Stated(statements, explanation.sentence[len(first) :].strip())
    return None


def _told(explanation: Explanation) -> Iterator[Sequence[Path]]:
    """Return the paths that the sentence may tell, as `PathFinder.explain` chooses them."""
    named = [path for path in explanation.paths if path.liked.id in explanation.named]
    least = WORTH_TELLING * max((path.score for path in named), default=0.0)
    strong = [path for path in named if path.score >= least]
    for paths in (strong, named, explanation.paths[:1]):
        if paths and all(path.kind != "audience" for path in paths):
            yield paths
