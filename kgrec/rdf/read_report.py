"""What reading found and left out, and what updates have changed since."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from kgrec.errors import first_few, printable


@dataclass(frozen=True)
class FileReport:
    """What one file held.

    Attributes:
        path: The file, or a name for what was read in its place.
        format: A name of `syntaxes.FORMATS`, or how the statements were given.
        statements: Number of statements, with repetitions.
        blank_nodes: Number of blank nodes.
        rejected: Number of statements left out as not valid, with `on_error="skip"`.
        other_graphs: Number of statements left out because their graphs were not asked for.
        about_statements: Number of statements left out because they are about statements: triple
            terms, reifiers and annotations of RDF 1.2.
    """

    path: str
    format: str
    statements: int
    blank_nodes: int = 0
    rejected: int = 0
    other_graphs: int = 0
    about_statements: int = 0


@dataclass(frozen=True)
class UpdateReport:
    """What one update changed.

    Attributes:
        added: Number of statements that are new.
        already_there: Number of statements that were to be added but were there before.
        removed: Number of statements that are gone.
        not_there: Number of statements that were to be removed but were not there.
        new_entities: Number of entities that the graph did not know before.
        new_relations: The same for relations.
    """

    added: int = 0
    already_there: int = 0
    removed: int = 0
    not_there: int = 0
    new_entities: int = 0
    new_relations: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return the report as values that JSON can hold."""
        return asdict(self)


@dataclass(frozen=True)
class ReadReport:
    """What was read into a graph, and what was left out.

    Attributes:
        files: What each file held, in the order of reading.
        statements: Number of statements in all files, with repetitions.
        triples: Number of distinct statements between entities.
        literals: Number of distinct statements with a literal.
        duplicates: Number of statements that were stated before.
        skipped: Files in folders that have no known extension, and were not read.
        rejected: Number of statements left out as not valid, with `on_error="skip"`.
        first_rejected: Where the first of them is, and what is wrong.
        rejects: The file that lists them; None: none was asked for.
        notes: What else happened to the input, in sentences.
        updates: What each `KnowledgeGraph.update` has changed since; the figures above are from
            the reading.
    """

    files: tuple[FileReport, ...] = ()
    statements: int = 0
    triples: int = 0
    literals: int = 0
    duplicates: int = 0
    skipped: tuple[str, ...] = ()
    rejected: int = 0
    first_rejected: str | None = None
    rejects: str | None = None
    notes: tuple[str, ...] = ()
    updates: tuple[UpdateReport, ...] = ()

    def left_out(self) -> str:
        """Return how many statements are not valid, and where the first is, in a sentence."""
        one = self.rejected == 1
        what = "statement is not valid and was" if one else "statements are not valid and were"
        first = ""
        if self.first_rejected:
            first = f": {self.first_rejected}" if one else f", the first in {self.first_rejected}"
        where = f"; {printable(self.rejects)} lists them" if self.rejects else ""
        return f"{self.rejected:,} {what} left out{where}{first.rstrip('.')}."

    def remarks(self) -> tuple[str, ...]:
        """Return what was left out and what else is worth knowing, in sentences."""
        found = list(self.notes)
        if self.rejected:
            found.insert(0, self.left_out())
        other = sum(file.other_graphs for file in self.files)
        if other:
            found.append(f"{other:,} statements are in graphs that were not asked for.")
        about = sum(file.about_statements for file in self.files)
        if about:
            found.append(
                f"Statements about statements (triple terms, reifiers and annotations of RDF 1.2) "
                f"that were left out: {about:,}."
            )
        if self.skipped:
            found.append(f"Files that are not RDF by their extension: {first_few(self.skipped)}.")
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as values that JSON can hold."""
        return asdict(self) | {
            "files": [asdict(file) for file in self.files],
            "skipped": list(self.skipped),
            "notes": list(self.notes),
            "updates": [update.to_dict() for update in self.updates],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ReadReport:
        """Return the report from what `to_dict` gave."""
        files = tuple(FileReport(**file) for file in data["files"])
        updates = tuple(UpdateReport(**update) for update in data.get("updates", ()))
        texts = {name: tuple(data.get(name, ())) for name in ("skipped", "notes")}
        return cls(**(data | {"files": files, "updates": updates} | texts))
