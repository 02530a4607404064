"""What the files of a published data set hold, whatever their format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions, Split
from kgrec.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False)
class DatasetFiles:
    """A data set as it was read; nothing is left out of it.

    Attributes:
        log: All interactions, where the files do not split them; else None.
        split: The published split, else None. Without validation data that part is empty.
        triples: Columns `head`, `relation`, `tail`, all text; None: there is no graph.
        links: Columns `item_id`, `entity_id`, all text; None: there are none.
        items: The item table, with all items of the catalogue that it knows.
        users: The user table.
        notes: What became of the files, in sentences.
    """

    log: Interactions | None = None
    split: Split | None = None
    triples: pd.DataFrame | None = None
    links: pd.DataFrame | None = None
    items: AttributeTable | None = None
    users: AttributeTable | None = None
    notes: tuple[str, ...] = ()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Put the file's name in front of errors that do not know it."""
    try:
        yield
    except (DataError, ConfigError) as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error


def split_of(train: Interactions, valid: Interactions | None, test: Interactions) -> Split:
    """Return a published split; without validation data that part is empty."""
    return Split.from_tables(
        train, train.select(np.zeros(len(train), dtype=bool)) if valid is None else valid, test
    )
