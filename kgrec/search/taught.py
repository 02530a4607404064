"""What was learnt of searching, as arrays and plain values for a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kgrec.errors import RunError
from kgrec.search.example_statistics import Statistics
from kgrec.search.weights import SearchWeights

FORMAT = "kgrec search"


@dataclass(frozen=True, eq=False)
class Taught:
    """What example queries taught a recommender.

    Attributes:
        weights: The weights of the signals.
        statistics: What they count of the items.
        conversations: Number of conversations' moments with an answer, to learn from.
        queries: Number of single queries.
        encoder: The fingerprint of the text encoder.
        digests: `Example.digest` of each of them, so that nobody measures on them unawares.
    """

    weights: SearchWeights
    statistics: Statistics
    conversations: int
    queries: int
    encoder: str
    digests: frozenset[str] = frozenset()

    def widened(self, num_items: int) -> Taught:
        """Return the same over more items, of which nothing is known."""
        return replace(self, statistics=self.statistics.widened(num_items))

    def to_dict(self) -> dict[str, Any]:
        """Return all but the arrays, in types of JSON."""
        return {
            "format": FORMAT,
            "examples": {"conversations": self.conversations, "queries": self.queries},
            "encoder": self.encoder,
            "digests": sorted(self.digests),
            "weights": self.weights.to_dict(),
            "words": list(self.statistics.words),
        }

    @classmethod
    def from_file(cls, tree: Any, arrays: Mapping[str, Any], num_items: int) -> Taught:
        """Return what a run folder holds.

        Args:
            tree: What `to_dict` returned.
            arrays: What `Statistics.to_arrays` returned.
            num_items: The number of items of the run.

        Raises:
            RunError: It is damaged, or does not fit the run.
        """
        try:
            if tree["format"] != FORMAT:
                raise ValueError(f"its format is {tree['format']!r}, expected {FORMAT!r}")
            words = [str(word) for word in tree["words"]]
            counts = tree["examples"]
            numbers = int(counts["conversations"]), int(counts["queries"])
            encoder = str(tree["encoder"])
            digests = frozenset(map(str, tree["digests"]))
            weights = SearchWeights.from_dict(tree["weights"])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"search.json is damaged: {error}") from error
        statistics = Statistics.from_arrays(arrays, words, num_items)
        return cls(weights, statistics, *numbers, encoder, digests)
