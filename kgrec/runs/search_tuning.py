"""Learning to search from example queries, for a run that is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kgrec.errors import ConfigError, RunError, printable
from kgrec.files import real, system_reason
from kgrec.outputs.folders import replacing_folder
from kgrec.runs.log import RunLog
from kgrec.runs.manifest import (
    CHECKPOINT,
    MANIFEST,
    check_run_folder,
    read_manifest,
    write_manifest,
    written_files,
)
from kgrec.runs.reading import load_run
from kgrec.runs.search_files import FILES, learn_search, write_taught
from kgrec.search.settings import SearchConfig
from kgrec.search.taught import Taught
from kgrec.settings import make_settings
from kgrec.text.cache import EmbeddingCache, default_cache_folder


def tune_search(
    folder: str | Path,
    queries: str | Path,
    out: str | Path,
    *,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
    log: RunLog | None = None,
) -> Taught:
    """Write a run again with what example queries teach its search.

    Args:
        folder: The run folder.
        queries: The file of the queries; see `kgrec.search.examples.read_examples`.
        out: The new run folder.
        settings: Fields of `SearchConfig`.
        force: Whether a run that is there is replaced.
        log: Gets the messages; None: nothing is shown.

    Raises:
        KgrecError: The run, the queries, a setting or the new folder is invalid.
    """
    folder, out, log = Path(folder), Path(out), log or RunLog()
    if real(folder) == real(out):
        raise ConfigError("The new run needs another folder: the old one is read while it is made.")
    config = make_settings(SearchConfig, dict(settings or {}), "tune-search", arguments=True)
    check_run_folder(out, [folder, queries], force=force)
    recommender = load_run(folder)[0]
    if recommender.cache is None:
        recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
    taught = learn_search(recommender, queries, config, log, progress=log.encoding)
    _copy(folder, out, taught)
    log.say(f"Run folder: {out}")
    return taught


def _copy(folder: Path, out: Path, taught: Taught) -> None:
    """Write the files of a run to another folder, with what was learnt."""
    left_out = {*FILES, MANIFEST, CHECKPOINT}
    try:
        with replacing_folder(out, written_files) as new:
            for name in read_manifest(folder):
                if name not in left_out and (folder / name).exists():
                    (new / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / name, new / name)
            write_taught(new, taught)
            write_manifest(new)
    except OSError as error:
        reason = str(error) if isinstance(error, RunError) else system_reason(error)
        raise RunError(
            f"The run folder {printable(str(out), 4096)} cannot be written: {reason.rstrip('.')}."
        ) from error
