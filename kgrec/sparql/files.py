"""The command `kgrec fetch`: from a table of items to a file of the graph around them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

from kgrec.data.tables import as_ids, read_table
from kgrec.errors import DataError, printable
from kgrec.files import write_atomically
from kgrec.settings import parse_settings
from kgrec.sparql.fetch import FetchProgress, fetch_graph
from kgrec.sparql.report import SparqlReport

if TYPE_CHECKING:
    import pandas as pd

_EXTENSIONS = (".nt", ".nt.gz")


@dataclass(frozen=True)
class Fetched:
    """What the command did.

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
        """Return it as what JSON can hold."""
        counts = {"triples": self.triples, "literals": self.literals}
        return self.report.to_dict() | counts | {"items_without_id": self.without_id}

    def __str__(self) -> str:
        lines = [str(self.report), f"graph: {self.triples} triples, {self.literals} literals"]
        if self.without_id:
            lines.append(f"{self.without_id} items without an id to look up")
        return "\n".join(lines)


def run_fetch(
    endpoint: str,
    items: Path,
    out: Path,
    *,
    column: str,
    item: str,
    links: Path | None,
    cache: Path,
    settings: Sequence[str],
    **options: Any,
) -> Fetched:
    """Fetch the graph around the items of a table, and write it.

    Args:
        endpoint: "wikidata", "dbpedia" or an address.
        items: CSV, TSV or Parquet.
        out: N-Triples file to write, `.nt` or `.nt.gz`.
        column: Column of the identifiers to look up.
        item: Column of item ids, for the links.
        links: CSV file to write, with the columns item_id, iri and confidence; None writes none.
        cache: Folder of answers.
        settings: Fields of `SparqlConfig` to change, as key=value; values are read as YAML.
        options: Further arguments of `fetch_graph`.

    Raises:
        KgrecError: The items cannot be read, a setting is wrong, the endpoint fails, or a file
            cannot be written.
    """
    if not out.name.lower().endswith(_EXTENSIONS):
        raise DataError(
            f"{printable(str(out))}: the graph is written to a file that ends in "
            f"{' or '.join(_EXTENSIONS)}."
        )
    pairs, without_id = read_identifiers(items, column, column if links is None else item)
    changes = parse_settings(settings)
    with _progress() as (progress, notice):
        fetched = fetch_graph(
            endpoint,
            pairs["id"],
            cache=cache,
            progress=progress,
            notice=notice,
            **options,
            **changes,
        )
    fetched.kg.write(out)
    if links is not None:
        table = pairs.merge(fetched.links, left_on="id", right_on="item_id", how="inner")
        table = table[["item", "iri", "confidence"]].rename(columns={"item": "item_id"})
        write_atomically(links, [table.to_csv(index=False)])
    return Fetched(fetched.report, without_id, fetched.kg.num_triples, len(fetched.kg.literals))


def read_identifiers(path: Path, column: str, item: str) -> tuple[pd.DataFrame, int]:
    """Return the columns item and id of a table, and how many of its rows have no identifier.

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
        raise DataError(f"{where}: the column {printable(column)!r} has no identifier.")
    ids = as_ids(frame, column, where).str.strip()
    pairs = pd.DataFrame({"item": as_ids(frame, item, where), "id": ids})
    return pairs.drop_duplicates(), int(missing.sum())


@contextmanager
def _progress() -> Iterator[tuple[FetchProgress, Any]]:
    """Show a bar on a terminal, and otherwise a line from time to time, on stderr."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    interactive = sys.stderr.isatty()
    with Progress(console=console, disable=not interactive, transient=True) as bar:
        task = bar.add_task("", total=None)
        last = [time.monotonic()]

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)
            if not interactive and time.monotonic() - last[0] > 10:
                last[0] = time.monotonic()
                console.print(f"{what}: {done} of {total}", markup=False)

        def notice(text: str) -> None:
            console.print(printable(text, 1000), markup=False)

        yield progress, notice
