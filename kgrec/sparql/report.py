"""What was fetched from an endpoint, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kgrec.errors import first_few, printable
from kgrec.files import as_json


@dataclass(frozen=True)
class SparqlReport:
    """What was fetched, and what was left out.

    Attributes:
        endpoint: Address.
        ids: Number of distinct ids.
        not_found: Ids that no entity has.
        invalid: Id → why it cannot be looked up.
        ambiguous: Id → IRIs, for the ids that more than one entity has.
        entities: For each hop, the number of entities whose statements were fetched.
        statements: Number of statements, with repetitions.
        beyond: (entity, direction, number) of the statements beyond `max_edges`, left out.
        unanswered: Entities or identifiers without a complete answer.
        blank_nodes: Number of statements left out because they begin or end at a blank node,
            which no further query can name.
        bad_terms: Reason → number of the statements left out because a term is not valid RDF 1.1.
        requests: Number of HTTP requests.
        repeated: Number of requests that were repeated after a failure.
        cached: Number of answers that the cache had.
    """

    endpoint: str
    ids: int
    not_found: tuple[str, ...] = ()
    invalid: Mapping[str, str] = field(default_factory=dict)
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entities: tuple[int, ...] = ()
    statements: int = 0
    beyond: tuple[tuple[str, str, int], ...] = ()
    unanswered: tuple[str, ...] = ()
    blank_nodes: int = 0
    bad_terms: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    repeated: int = 0
    cached: int = 0

    @property
    def found(self) -> int:
        """Number of ids with an entity."""
        return self.ids - len(self.not_found) - len(self.invalid)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        found: dict[str, Any] = as_json(asdict(self) | {"found": self.found})
        return found

    def problems(self) -> list[str]:
        """Return what was left out or needs attention, one line each."""
        beyond = sum(number for _, _, number in self.beyond)
        lines = [
            _line(self.not_found, "ids not found"),
            _line([f"{id} ({why})" for id, why in self.invalid.items()], "ids no identifier"),
            _line(
                [f"{id} ({', '.join(iris[:3])})" for id, iris in self.ambiguous.items()],
                "ids of more than one entity",
            ),
            _line(
                [f"{entity} ({number} {way})" for entity, way, number in self.beyond],
                f"entities cut at max_edges, {beyond} statements left out",
            ),
            _line(self.unanswered, "entities without an answer, their statements left out"),
        ]
        if self.blank_nodes:
            lines.append(f"{self.blank_nodes} statements with a blank node left out")
        for reason, number in self.bad_terms.items():
            lines.append(f"{number} statements left out: {printable(reason)}")
        return [line for line in lines if line]

    def __str__(self) -> str:
        hops = ", ".join(f"{number} at hop {hop}" for hop, number in enumerate(self.entities, 1))
        return "\n".join(
            [
                f"{self.found} of {self.ids} ids found at {printable(self.endpoint)}",
                f"{self.statements} statements; entities queried: {hops or 'none'}",
                f"{self.requests} requests ({self.repeated} repeated), {self.cached} answers "
                "from the cache",
                *self.problems(),
            ]
        )


def _line(entries: Sequence[str], what: str) -> str:
    return f"{len(entries)} {what}: {first_few(entries)}" if entries else ""
