"""The data that a config names: reading it, and which files it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kgrec.config import Config
from kgrec.datasets.dataset import Dataset
from kgrec.datasets.loading import load_dataset
from kgrec.datasets.own_files import FilesDataConfig
from kgrec.runs.log import RunLog
from kgrec.runs.search_files import queries_file
from kgrec.text.progress import ShownEncoder
from kgrec.text.settings import TextConfig


def read_data(config: Config, log: RunLog) -> Dataset:
    """Read the data and report its size."""
    dataset = load_dataset(config.data, config.seed, encoder=_link_encoder(config, log))
    for note in dataset.notes:
        log.say(note)
    split = dataset.split
    log.say(
        f"{split.kind} split: {len(split.train):,} training, {len(split.valid):,} validation and "
        f"{len(split.test):,} test interactions of {split.train.num_users:,} users and "
        f"{split.train.num_items:,} items."
    )
    return dataset


def _link_encoder(config: Config, log: RunLog) -> ShownEncoder | None:
    """Return the encoder that links items by meaning; None: meaning cannot make a link."""
    link = config.data.link if isinstance(config.data, FilesDataConfig) else None
    if link is None or not link.uses("meaning") or link.meaning_limit <= link.threshold:
        return None
    encoder = (config.text or TextConfig()).build()
    return ShownEncoder(encoder, log.encoding)


def named_files(config: Config) -> list[Path]:
    """Return what a config names that is there: files and folders of the data and the encoder."""
    root = Path(config.data.root).expanduser()
    named = [root / text for text in _texts(config.data.model_dump(mode="json"))]
    named += [] if config.text is None else [Path(config.text.model)]
    if config.search.queries is not None:
        named.append(queries_file(config.data.root, config.search.queries))
    return [path for path in named if os.path.exists(path)]


def _texts(tree: Any) -> list[str]:
    """Return all short texts in a tree: any could be a path."""
    if isinstance(tree, str):
        return [tree] if len(tree) < 4096 and "\0" not in tree else []
    values = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [text for value in values for text in _texts(value)]
