"""Updating a run folder: more data, without training, in a new folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.config import Config
from kgrec.data.attribute_table import AttributeTable
from kgrec.data.id_files import listed_ids
from kgrec.data.interactions import Interactions, Split
from kgrec.data.settings import LogTableConfig
from kgrec.data.table_format import as_settings
from kgrec.data.tables import read_table
from kgrec.datasets.own_files import FilesDataConfig, TableConfig
from kgrec.errors import RunError, collecting, first_few, option, printable, warn
from kgrec.files import try_lock
from kgrec.linking.link_table import read_link_table
from kgrec.recommender import Recommender
from kgrec.runs.json_files import read_json
from kgrec.runs.manifest import check_is_run, check_run_folder
from kgrec.runs.reading import load_run
from kgrec.runs.writing import save_run
from kgrec.snapshot import Snapshot
from kgrec.snapshot.changes import without_pairs
from kgrec.snapshot.drift import Drift
from kgrec.text.cache import EmbeddingCache, default_cache_folder


@dataclass(frozen=True)
class UpdateFiles:
    """The files of an update; None: nothing of this kind came.

    Attributes:
        interactions: Table of interactions, read as those of the run.
        items: Rows of the item table, read as those of the run.
        users: Rows of the user table, likewise.
        triples: RDF files.
        links: Table of item ids and IRIs.
        remove_items: File of ids of items that are withdrawn.
        remove_users: File of ids of users that are deleted.
    """

    interactions: Path | None = None
    items: Path | None = None
    users: Path | None = None
    triples: tuple[Path, ...] = ()
    links: Path | None = None
    remove_items: Path | None = None
    remove_users: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All files that are named."""
        named = [self.interactions, self.items, self.users, *self.triples, self.links]
        return [path for path in (*named, self.remove_items, self.remove_users) if path is not None]


def update_run(
    run: Path,
    out: Path,
    files: UpdateFiles,
    *,
    force: bool = False,
    download: str | None = None,
) -> Drift:
    """Write a run folder with more data than another one; the other one does not change.

    Args:
        run: The run folder.
        out: A new or empty folder; with `force` also one with a run, which is replaced.
        files: What came and what goes.
        force: Whether a run at `out` is replaced.
        download: As for `load_run`.

    Returns:
        What came since training.

    Raises:
        RunError: The run is damaged, somebody else updates it now, or `out` cannot be written.
        DataError: A file cannot be read, or the update contradicts itself or the run. Nothing is
            written then.
        UnknownIdError: What shall be removed is not there.
    """
    check_is_run(run)
    if not files.paths:
        raise RunError(
            "The update is empty: give at least one of "
            f"{', '.join(option(name) for name in ('interactions', 'items', 'users', 'triples'))}, "
            f"{option('links')}, {option('remove_items')} and {option('remove_users')}."
        )
    check_run_folder(out, files.paths, force=force)
    with alone(run), collecting() as warnings:
        recommender, config, split = load_run(run, download=download)
        if recommender.cache is None:
            recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
        now = recommender.update(**_read(files, recommender, config))
        drift = now.drift
        assert drift is not None
        told = [*log_lines(run / "log.txt"), *drift.lines()]
        told += [f"Warning: {message}" for message in warnings]
        metrics = read_json(run / "metrics.json") if (run / "metrics.json").exists() else {}
        save_run(
            out, recommender, config, split_of(split, now), metrics=metrics, log=told, force=force
        )
    return drift


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Lock a run folder, so that two updates of it cannot each lose the other's data.

    Raises:
        RunError: Somebody else updates it now.
    """
    with try_lock(run) as alone:
        if not alone:
            raise RunError(
                f"{printable(str(run), 4096)} is being updated by another process: wait until it "
                "is done, and update its result. Nothing was changed."
            )
        yield


def log_lines(path: Path) -> list[str]:
    """Return the messages of a run's `log.txt`; none if it is gone."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []  # serving does not need it, and it may be gone


def _read(files: UpdateFiles, recommender: Recommender, config: Config) -> dict[str, Any]:
    """Return the arguments of `Recommender.update`."""
    now, data = recommender.snapshot, config.data
    own = data if isinstance(data, FilesDataConfig) else FilesDataConfig()
    found: dict[str, Any] = {}
    root = Path()
    if files.interactions is not None:
        format = as_settings((own.interactions or own.train or _table()).within(own, root, "new"))
        found["interactions"] = Interactions.read(
            files.interactions, only_dislikes=True, **_columns_of_log(config), **format
        )
    tables = (
        ("items", files.items, own.items, now.inputs.items),
        ("users", files.users, own.users, now.inputs.users),
    )
    for key, path, settings, table in tables:
        if path is not None:
            found[key] = _rows(path, key.removesuffix("s"), own, settings, table)
    if files.triples:
        from kgrec.kg.graph import KnowledgeGraph

        found["triples"] = KnowledgeGraph.read(list(files.triples), config=own.reading)
    if files.links is not None:
        item = own.item if own.item in _columns(files.links) else "item_id"
        frame = read_link_table(files.links, item, own.iri, "confidence")
        found["links"] = list(zip(frame["item"], frame["iri"], strict=True))
    if files.remove_items is not None:
        found["remove_items"] = listed_ids(files.remove_items, now.items)
    if files.remove_users is not None:
        found["remove_users"] = listed_ids(files.remove_users, now.users)
    return found


def _table() -> TableConfig:
    return TableConfig(path="")


def _columns(path: Path) -> list[str]:
    return [str(name) for name in read_table(path, what="link").columns]


def _columns_of_log(config: Config) -> dict[str, Any]:
    """Return how the run's interactions were read; published data has the usual columns."""
    if isinstance(config.data, LogTableConfig):
        return config.data.reading_options()
    return {}


def _rows(
    path: Path,
    name: str,
    own: FilesDataConfig,
    settings: TableConfig | None,
    table: AttributeTable | None,
) -> AttributeTable:
    """Return new rows of a table, with the columns that the run reads and the file has."""
    settings = settings or _table()
    format = settings.within(own, Path(), name)
    there = [str(one) for one in read_table(path, what=f"{name} table", format=format).columns]
    categories = list(settings.categories or (() if table is None else table.categories))
    numbers = list(settings.numbers or (() if table is None else table.numbers))
    lacking = [column for column in [*categories, *numbers] if column not in there]
    if lacking:
        warn(
            f"{printable(str(path))} lacks columns that the run reads: {first_few(lacking)}. They "
            "are missing for its rows."
        )
    title = settings.title if settings.title in there else None
    return AttributeTable.read(
        path,
        id=settings.id or f"{name}_id",
        title=title,
        categories=[column for column in categories if column in there],
        numbers=[column for column in numbers if column in there],
        list_separator=settings.list_separator,
        name=name,
        normalise_ids=own.normalise_ids,
        **as_settings(format),
    )


def split_of(before: Split, now: Snapshot) -> Split:
    """Return the parts of the updated run: what came is training, the test part stays apart."""
    train, *others = now.interactions
    none = train.select(np.zeros(0, dtype=np.int64))
    valid = others[0] if others else none
    known = now.users.rows(before.test.users.array, missing="-1")[before.test.user] >= 0
    bad = before.test.dislikes
    kept = None
    if bad is not None:
        kept = now.users.rows(bad.users.array, missing="-1")[bad.user] >= 0
    test = before.test.select(known, kept).reindex(now.users, now.items)
    # What came later may be what the test part has held out: then it is no secret any more.
    return Split(train, valid, without_pairs(test, train), before.kind)
