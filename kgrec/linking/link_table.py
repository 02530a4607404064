"""Links that a table states."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pandas as pd

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, did_you_mean, printable
from kgrec.files import system_reason
from kgrec.linking.settings import LinkConfig
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.sources import PathLike


def read_link_table(
    links: PathLike | pd.DataFrame, item: str, iri: str, confidence: str
) -> pd.DataFrame:
    """Return the links as the columns item, iri and confidence.

    Raises:
        DataError: The file cannot be read, a column or value is missing, or a confidence is not
            between 0 and 1.
    """
    if isinstance(links, pd.DataFrame):
        frame, name = links, "the link table"
    else:
        frame, name = _read_csv(links), printable(str(links))
    columns = {"item": text_column(frame, item, name), "iri": text_column(frame, iri, name)}
    table = pd.DataFrame(columns, dtype=object)
    # Written as in Turtle by some: <http://…>.
    table["iri"] = table["iri"].str.strip().str.replace(r"^<(.*)>$", r"\1", regex=True)
    table["confidence"] = np.float32(1)
    if confidence in frame.columns:
        sure = pd.to_numeric(frame[confidence], errors="coerce").to_numpy(dtype=np.float32)
        wrong = np.flatnonzero(~((sure >= 0) & (sure <= 1)))
        if len(wrong):
            found = printable(str(frame[confidence].iloc[wrong[0]]))
            raise DataError(
                f"{name}, {_place(links, wrong[0])}: the confidence {found!r} is no number from 0 "
                "to 1."
            )
        table["confidence"] = sure
    return table


def _read_csv(path: PathLike) -> pd.DataFrame:
    name = printable(str(path))
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{name}: there is no such file.") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        reason = printable(str(error).strip())
        raise DataError(f"{name}: this is not a CSV file with a header: {reason}.") from error
    except OSError as error:
        raise DataError(f"{name}: the file cannot be read: {system_reason(error)}.") from error


def text_column(frame: pd.DataFrame, column: str, name: str) -> list[str]:
    """Return a column of ids as text.

    Raises:
        DataError: The column is missing or holds fractions, or a value is missing.
    """
    if column not in frame.columns:
        known = [str(known) for known in frame.columns]
        raise DataError(
            f"{name[0].upper()}{name[1:]} has no column {printable(column)!r}."
            f"{did_you_mean(column, known)}"
        )
    values = frame[column]
    if values.dtype.kind == "f":
        raise DataError(
            f"Column {printable(column)!r} of {name} holds fractions or missing values; ids must "
            "be strings or whole numbers."
        )
    missing = np.flatnonzero(values.isna() | (values.astype(str).str.strip() == ""))
    if len(missing):
        raise DataError(
            f"Column {printable(column)!r} of {name} is empty in {len(missing)} rows, the first "
            f"of them row {missing[0]} (counted from 0, without the header)."
        )
    return [str(value) for value in values]


def _place(links: PathLike | pd.DataFrame, row: np.int64) -> str:
    # The header is line 1 of a file.
    return f"row {row}" if isinstance(links, pd.DataFrame) else f"line {row + 2}"


def raise_nothing_linked(
    items: Vocabulary,
    kg: GraphColumns,
    links: PathLike | pd.DataFrame | None = None,
    pairs: pd.DataFrame | None = None,
    config: LinkConfig | None = None,
) -> NoReturn:
    """Raise the DataError that shows both sides of a linking that found nothing."""
    of_items = printable(items.id(0)) if len(items) else "(none)"
    sides = f"an item is {of_items!r}, an entity is {printable(_example_iri(kg))!r}"
    if links is None:
        if config is not None and (config.title or config.property):
            raise DataError(
                f"No item was found in the graph by {' or '.join(config.methods)}: {sides}. Look "
                "at the columns and properties that the settings name."
            )
        raise DataError(
            f"No item id is the IRI of an entity of the graph: {sides}. Give links=, a table of "
            "item ids and IRIs, or title= or property= to look for them."
        )
    if pairs is None:
        raise DataError(f"The links are empty: {sides}.")
    first = pairs.iloc[0]
    raise DataError(
        f"Not one of {len(pairs)} links holds: a link is {printable(first['item'])!r} → "
        f"{printable(first['iri'])!r}; {sides}."
    )


def _example_iri(kg: GraphColumns) -> str:
    """Return a subject of the graph, an IRI if there is one: likelier an item than a genre is."""
    subjects = np.unique(kg.triples[:, 0] if kg.num_triples else kg.literals.subject)
    ids = kg.entities.take(subjects[:1000])
    return next((id for id in ids if not id.startswith("_:")), ids[0])
