"""What is common to the file formats of published data sets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions, Split
from kgrec.data.settings import ValidationConfig
from kgrec.data.table_format import NamedFormat, TextFormat
from kgrec.errors import ConfigError, DataError
from kgrec.files import under


@dataclass(frozen=True, eq=False)
class DatasetFiles:
    """A data set as it was read; nothing is left out of it.

    Attributes:
        split: The published split, or the one that was drawn.
        triples: Columns `head`, `relation`, `tail`, all text; None: there is no graph.
        links: Columns `item_id`, `entity_id`, all text; None: there are none.
        items: The item table, with all items of the catalogue that it knows.
        users: The user table.
        notes: What happened to the files, in sentences.
    """

    split: Split
    triples: pd.DataFrame | None = None
    links: pd.DataFrame | None = None
    items: AttributeTable | None = None
    users: AttributeTable | None = None
    notes: tuple[str, ...] = ()


class PublishedConfig(TextFormat, ValidationConfig):
    """Where a published data set is; a subclass for each format says how it is read.

    Attributes:
        FILES: The files that show that a data set has this format.
    """

    FILES: ClassVar[str]

    root: str = Field(
        default=".",
        description="Folder that `folder` is in, relative to the current folder; null in a config "
        "file: the folder of that file.",
    )
    folder: str = Field(description="Folder of the files.")

    @property
    def path(self) -> Path:
        """The folder of the files."""
        return under(self.root, self.folder)

    def format_of(self, name: str) -> NamedFormat:
        """Return how a file is read; only the one called "interactions" has `rejects` itself."""
        return NamedFormat().within(self, under(".", self.root), name)

    @classmethod
    @abstractmethod
    def fits(cls, path: Path) -> bool:
        """Return whether `path` looks like a data set of this format."""

    @abstractmethod
    def read(self, seed: int = 0) -> DatasetFiles:
        """Read the data set.

        Args:
            seed: Seed of the parts that the files do not have.

        Raises:
            DataError: A file is missing, empty, wrongly encoded or holds something else.
            ConfigError: A setting does not fit the files.
        """

    def published_split(
        self,
        train: Interactions,
        valid: Interactions | None,
        test: Interactions,
        seed: int,
        notes: list[str],
    ) -> Split:
        """Return the split of the files; without validation data that part is drawn."""
        none = train.select(np.zeros(len(train), dtype=bool))
        split = Split.from_tables(train, none if valid is None else valid, test)
        if not len(split.valid):
            split = split.with_validation(self.valid, seed)
            notes.append(
                f"The data has no validation part; {len(split.valid):,} training interactions were "
                f"drawn for it (data.valid is {self.valid})."
            )
        return split


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Put the file's name in front of errors that do not have it."""
    try:
        yield
    except (DataError, ConfigError) as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
