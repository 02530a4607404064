"""Training a run again, with what came in while it was served."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kgrec.datasets.dataset import Dataset
from kgrec.errors import DataError, RunError, printable
from kgrec.runs.making import make_model, make_recommender
from kgrec.runs.manifest import check_is_run, check_run_folder
from kgrec.runs.reading import load_run
from kgrec.runs.updating import split_of
from kgrec.runs.writing import save_run
from kgrec.serving.applying import Applier
from kgrec.serving.log import Log
from kgrec.serving.pseudonyms import Pseudonyms
from kgrec.text.cache import EmbeddingCache, default_cache_folder

METRIC: Final = "ndcg@10"


@dataclass(frozen=True)
class Retrained:
    """What a training has found.

    Attributes:
        before: The figure of the run on its validation part, with all that came in.
        after: That of the new one.
        better: Whether it has not fallen.
        events: The place in the log up to which it was trained.
    """

    before: float
    after: float
    better: bool
    events: int


def retrain(run: Path, log: Log, pseudonyms: Pseudonyms, out: Path) -> Retrained:
    """Train the model of a run again, on its data and what the log has, into a new folder.

    Both models are measured on the validation part of the run, without what was posted since.

    Args:
        run: The run folder.
        log: What came in.
        pseudonyms: By which the log names users who were erased.
        out: A new or empty folder. It is written also where the figure has fallen.

    Raises:
        RunError: The run is damaged, or `out` cannot be written.
        DataError: The run has no validation part, so nothing says whether the new one is better.
    """
    check_is_run(run)
    check_run_folder(out, [], force=False)
    recommender, config, split = load_run(run)
    cache = EmbeddingCache(default_cache_folder(os.environ))
    recommender.cache = recommender.cache or cache
    applier, last = Applier(recommender, pseudonyms), log.mark(str(run.resolve()))
    while events := log.read(last):
        applier.apply(events)
        last = events[-1].sequence
    now = recommender.settle()
    parts = split_of(split, now)
    if not len(parts.valid):
        raise DataError(
            f"{printable(str(run), 4096)} has no validation part, so nothing says whether a new "
            "training is better: train the run with one."
        )
    inputs = now.inputs
    dataset = Dataset(parts, inputs.kg, inputs.links, inputs.items, inputs.users)
    made = make_recommender(config, dataset, make_model(config), cache=cache)
    made.fit(parts.train, parts.valid)
    figures = [
        float(one.evaluate(parts.valid, exclude=[parts.train]).metrics[METRIC])
        for one in (recommender, made)
    ]
    metrics = {"retrained": {METRIC: figures[1], "before": figures[0], "events": last}}
    save_run(out, made, config, parts, metrics=metrics)
    log.set_mark(str(out.resolve()), last)
    return Retrained(figures[0], figures[1], figures[1] >= figures[0], last)


def lead(link: Path, run: Path) -> None:
    """Let a link lead to another run, at once.

    Raises:
        RunError: It is no link, or cannot be changed.
    """
    if not link.is_symlink():
        raise RunError(
            f"{printable(str(link), 4096)} is no link, so it cannot lead to another run. Serve a "
            "link to the run folder, such as runs/current."
        )
    scratch = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        scratch.symlink_to(os.path.relpath(run.resolve(), link.parent.resolve()))
        os.replace(scratch, link)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise RunError(f"{printable(str(link), 4096)} cannot be changed: {error}.") from error
