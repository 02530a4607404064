"""The graph around the items of a table, fetched from an endpoint into a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgrec.data.ids import as_ids
from kgrec.data.tables import read_table
from kgrec.errors import DataError, printable
from kgrec.files import write_atomically
from kgrec.outputs.checks import check_files
from kgrec.sparql.fetch import fetch_graph
from kgrec.sparql.report import SparqlReport
from kgrec.sparql.settings import SparqlConfig

if TYPE_CHECKING:
    import pandas as pd

_EXTENSIONS = (".nt", ".nt.gz")


@dataclass(frozen=True)
class FetchedFiles:
    """What `fetch_files` did.

    Attributes:
        report: What was fetched, and what was left out.
        without_id: Number of items whose column of identifiers is empty.
        triples: Number of distinct statements between entities.
        literals: Number of distinct statements with a literal.
    """

    report: SparqlReport
    without_id: int
    triples: int
    literals: int

    def to_dict(self) -> dict[str, Any]:
        """Return the result as what JSON can hold."""
        counts = {"triples": self.triples, "literals": self.literals}
        return self.report.to_dict() | counts | {"items_without_id": self.without_id}

    def __str__(self) -> str:
        lines = [str(self.report), f"graph: {self.triples} triples, {self.literals} literals"]
        if self.without_id:
            lines.append(f"{self.without_id} items without an id to look up")
        return "\n".join(lines)


def fetch_files(
    endpoint: str | SparqlConfig,
    items: Path,
    out: Path,
    *,
    column: str = "item_id",
    item: str = "item_id",
    links: Path | None = None,
    force: bool = False,
    **options: Any,
) -> FetchedFiles:
    """Fetch the graph around the items of a table, and write it.

    Args:
        endpoint: "wikidata", "dbpedia", an address, or a config.
        items: CSV, TSV or Parquet.
        out: N-Triples file to write, `.nt` or `.nt.gz`.
        column: Column of the identifiers to look up.
        item: Column of item ids, for the links.
        links: CSV file to write, with the columns item_id, iri and confidence; None writes none.
        force: Whether files that are there are replaced; the items never are.
        options: Further arguments of `fetch_graph`.

    Raises:
        KgrecError: The items cannot be read, a setting is wrong, the endpoint fails, or a file
            cannot be written.
    """
    if not out.name.lower().endswith(_EXTENSIONS):
        raise DataError(
            f"{printable(str(out))}: the name of the graph's file must end in "
            f"{' or '.join(_EXTENSIONS)}."
        )
    check_files([out, links], [items], force=force)
    pairs, without_id = _read_identifiers(items, column, column if links is None else item)
    fetched = fetch_graph(endpoint, pairs["id"], **options)
    fetched.kg.write(out)
    if links is not None:
        table = pairs.merge(fetched.links, left_on="id", right_on="item_id", how="inner")
        table = table[["item", "iri", "confidence"]].rename(columns={"item": "item_id"})
        write_atomically(links, [table.to_csv(index=False)])
    kg = fetched.kg
    return FetchedFiles(fetched.report, without_id, kg.num_triples, len(kg.literals))


def _read_identifiers(path: Path, column: str, item: str) -> tuple[pd.DataFrame, int]:
    """Return the columns item and id of a table, and the number of its rows without identifier.

    Raises:
        DataError: The file cannot be read, a column is missing, or there is no identifier.
    """
    import pandas as pd

    frame = read_table(path, columns=[column, item], what="items")
    where = printable(str(path))
    texts = frame[column]
    missing = texts.isna() | (texts.astype(str).str.strip() == "")
    frame = frame[~missing]
    if frame.empty:
        raise DataError(f"{where}: the column {printable(column)!r} holds no identifier.")
    ids = as_ids(frame, column, where).str.strip()
    pairs = pd.DataFrame({"item": as_ids(frame, item, where), "id": ids})
    return pairs.drop_duplicates(), int(missing.sum())
