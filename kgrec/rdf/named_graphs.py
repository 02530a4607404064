"""Named graphs: which graph of a data set holds which statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kgrec.data.vocabulary import Vocabulary
from kgrec.types import BoolArray, RowArray


@dataclass(frozen=True, eq=False)
class NamedGraphs:
    """Which graph holds which statement (https://www.w3.org/TR/rdf11-concepts/#section-dataset).

    A statement in several graphs is one statement of the `KnowledgeGraph`, and several rows here.

    Attributes:
        names: IRIs and blank nodes, and "" for the default graph.
        triple: Distinct pairs of triple row and graph row, int32 of shape (q, 2), sorted.
        literal: Distinct pairs of literal row and graph row, int32 of shape (r, 2), sorted.
    """

    names: Vocabulary
    triple: RowArray
    literal: RowArray

    def __len__(self) -> int:
        """Return the number of statements, those in several graphs counted for each."""
        return len(self.triple) + len(self.literal)

    def counts(self) -> dict[str, int]:
        """Return name → number of statements, most first."""
        rows = np.concatenate([self.triple[:, 1], self.literal[:, 1]])
        counts = np.bincount(rows, minlength=len(self.names)).tolist()
        pairs = zip(self.names.ids, counts, strict=True)
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    def statements_in(
        self, names: Iterable[str], num_triples: int, num_literals: int
    ) -> tuple[BoolArray, BoolArray]:
        """Return which triples and which literals are in one of the graphs with these names.

        Args:
            names: IRIs, and "" for the default graph.
            num_triples: How many triples the graph has.
            num_literals: How many literals.

        Returns:
            bool of shape (num_triples,) and of shape (num_literals,).

        Raises:
            UnknownIdError: There is no graph with such a name; the message lists those there are.
        """
        wanted = np.zeros(len(self.names), dtype=bool)
        wanted[[self.names.row(name) for name in names]] = True
        masks = []
        for pairs, size in ((self.triple, num_triples), (self.literal, num_literals)):
            mask = np.zeros(size, dtype=bool)
            mask[pairs[wanted[pairs[:, 1]], 0]] = True
            masks.append(mask)
        return masks[0], masks[1]

    def restricted(self, triples: BoolArray, literals: BoolArray) -> NamedGraphs:
        """Return the graphs of the statements that the masks keep, by their new rows."""
        kept = []
        for pairs, mask in ((self.triple, triples), (self.literal, literals)):
            place = np.cumsum(mask) - 1
            stays = pairs[mask[pairs[:, 0]]]
            kept.append(np.column_stack([place[stays[:, 0]], stays[:, 1]]).astype(np.int32))
        return NamedGraphs(self.names, kept[0], kept[1])

    def names_of(self, pairs: RowArray, size: int) -> list[tuple[str, ...]]:
        """Return the names of the graphs of each statement, by `triple` or by `literal`."""
        names = self.names.ids
        found: list[list[str]] = [[] for _ in range(size)]
        for row, graph in pairs.tolist():
            found[row].append(names[graph])
        return [tuple(of_row) for of_row in found]
