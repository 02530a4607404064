"""Links that a table gives."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from kgrec.data.ids import as_ids
from kgrec.data.origin import origin_of, row_name
from kgrec.data.tables import read_table
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, option, printable
from kgrec.linking.item_iris import offered_template
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
    frame = read_table(links if isinstance(links, pd.DataFrame) else Path(links), what="link")
    where = origin_of(frame).where or "the link table"
    columns = {"item": as_ids(frame, item, where), "iri": as_ids(frame, iri, where)}
    table = pd.DataFrame(columns, dtype=object).reset_index(drop=True)
    # IRIs may be written as in Turtle: <http://…>.
    table["iri"] = table["iri"].str.strip().str.replace(r"^<(.*)>$", r"\1", regex=True)
    table["confidence"] = np.float32(1)
    if confidence in frame.columns:
        sure = pd.to_numeric(frame[confidence], errors="coerce").to_numpy(dtype=np.float32)
        wrong = np.flatnonzero(~((sure >= 0) & (sure <= 1)))
        if len(wrong):
            found = printable(str(frame[confidence].iloc[wrong[0]]))
            raise DataError(
                f"{where}: the confidence {found!r} in {row_name(frame, int(wrong[0]))} is no "
                "number from 0 to 1."
            )
        table["confidence"] = sure
    return table


def raise_nothing_linked(
    items: Vocabulary,
    kg: GraphColumns,
    links: PathLike | pd.DataFrame | None = None,
    pairs: pd.DataFrame | None = None,
    config: LinkConfig | None = None,
    hint: str = "",
) -> NoReturn:
    """Raise a DataError that shows an item and an entity, because no link was found."""
    of_items = printable(items.id(0)) if len(items) else "(none)"
    sides = f"an item is {of_items!r}, an entity is {printable(_example_iri(kg))!r}"
    if links is None:
        offered = offered_template(items, kg)
        way = offered and f" {offered}"
        if config is not None and (config.title or config.property):
            raise DataError(
                f"No item was found in the graph by {' or '.join(config.methods)}: {sides}. Check "
                f"the columns and properties that the settings name.{way}"
            )
        if config is not None and config.template is not None:
            made = " makes of no item id the IRI of an entity of the graph"
            raise DataError(f"{option('template', config.template)}{made}: {sides}.{way}")
        give = f"{way} Or give" if way else " Give"
        raise DataError(
            f"No item id is the IRI of an entity of the graph: {sides}.{give} "
            f"{option('links')}, a table of item ids and IRIs, or {option('title')} or "
            f"{option('property')} to look for them."
        )
    if pairs is None:
        raise DataError(f"The links are empty: {sides}.")
    first = pairs.iloc[0]
    raise DataError(
        f"None of {len(pairs)} links is valid: a link is {printable(first['item'])!r} → "
        f"{printable(first['iri'])!r}; {sides}." + (hint and f" {hint}")
    )


def _example_iri(kg: GraphColumns) -> str:
    """Return a subject of the graph, an IRI if there is one; subjects are more likely items."""
    subjects = np.unique(kg.triples[:, 0] if kg.num_triples else kg.literals.subject)
    ids = kg.entities.take(subjects[:1000])
    return next((id for id in ids if not id.startswith("_:")), ids[0])
