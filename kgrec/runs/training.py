"""Training a run from its config."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.auto.auto import Auto
from kgrec.config import Config
from kgrec.data.interactions import Split
from kgrec.datasets.dataset import Dataset
from kgrec.errors import ConfigError, collecting, option
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.evaluate import candidate_ids
from kgrec.evaluation.leaks import check_no_leak
from kgrec.graph.build import describe
from kgrec.models.base import Model
from kgrec.models.training_data import TrainingData
from kgrec.recommender import Recommender
from kgrec.runs.distributing import entered
from kgrec.runs.given_data import named_files, read_data
from kgrec.runs.log import RunLog
from kgrec.runs.making import make_model, make_recommender
from kgrec.runs.manifest import CHECKPOINT, MANIFEST, check_run_folder
from kgrec.runs.needs import announce, of_evaluating, of_fitting, of_graph, of_reading
from kgrec.runs.own_encoder import TunedEncoder, with_tuned_encoder
from kgrec.runs.reading import load_run
from kgrec.runs.search_files import learn_search, queries_file
from kgrec.runs.text_needs import saying_needs
from kgrec.runs.writing import save_run
from kgrec.snapshot import Prepared
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.tracking import Trackers
from kgrec.training.link_prediction import LinkPrediction


def train_run(
    config: Config,
    out: str | Path,
    *,
    resume: bool = False,
    warm_start: Path | None = None,
    force: bool = False,
    inputs: Sequence[str | Path] = (),
    log: RunLog | None = None,
) -> dict[str, Any]:
    """Train what `config` describes, write the run folder and return its metrics.

    The training part trains the model and the validation part selects it. The test part is stored
    in the folder and not used. With `text.tuning`, the encoder is trained first, on the same parts,
    and is in the folder, too; `auto` with `effort: thorough` is fitted with both encoders, and
    validation chooses.

    Args:
        config: The config.
        out: The run folder: a new or empty one, or one with a run or a checkpoint.
        resume: Whether training continues from the checkpoint there.
        warm_start: A run folder whose weights the training begins with: those of the users, items
            and entities that both have, by their ids.
        force: Whether a run there is replaced, when the training has ended.
        inputs: Files that were read to make `config`. They are never written, and neither are
            those that `config` names.
        log: Gets the messages; None: nothing is shown.

    Raises:
        KgrecError: The config, the data or the folder is invalid.
    """
    out = Path(out)
    check_run_folder(out, [*inputs, *named_files(config)], force=force, resume=resume)
    if warm_start is not None and resume:
        raise ConfigError(
            f"{option('warm_start')} and {option('resume')} exclude each other: a checkpoint has "
            "its own weights."
        )
    before = None if warm_start is None else load_run(warm_start)[0].model
    trackers = make_trackers(config)
    log = RunLog() if log is None else log
    with entered(config, log):
        encoder = with_tuned_encoder(config, out, resume=resume, inputs=inputs, log=log)
        if encoder.figures and resume:  # the encoder may be all that there is to continue
            resume = (out / CHECKPOINT).exists()
        return _trained(config, encoder, out, resume, before, warm_start, log, trackers)


def _trained(
    config: Config,
    encoder: TunedEncoder,
    out: Path,
    resume: bool,
    before: Model | None,
    warm_start: Path | None,
    log: RunLog,
    trackers: Trackers,
) -> dict[str, Any]:
    with collecting() as warnings, trackers.run(out.name, tracked(config), out) as run:

        def made() -> Model:
            model = make_model(config, out, resume=resume)
            if before is not None:
                _start_from(model, before, warm_start, log)
            return model

        metrics = _train(config, encoder, out, resume, made, log, warnings, run)
        run.finish(_final(metrics))
    return metrics


def make_trackers(config: Config) -> Trackers:
    """Return the trackers that a config names.

    Raises:
        ConfigError: A library that one needs is not installed.
    """
    trackers = Trackers([settings.build() for settings in config.tracking])
    trackers.check()
    return trackers


def tracked(config: Config) -> dict[str, Any]:
    """Return the config that trackers get."""
    return config.model_dump(mode="json", exclude={"tracking", "tune"})


def _final(metrics: Mapping[str, Any]) -> dict[str, float]:
    found = dict(metrics["valid"]["metrics"]) if "valid" in metrics else {}
    return {**found, "seconds": metrics["seconds"]["fit"]}


def _start_from(model: Model, before: Model, run: Path | None, log: RunLog) -> None:
    if not model.start_from(before):
        raise ConfigError(
            f"{option('warm_start', run)}: the model {model.name} cannot begin with the weights of "
            f"{before.name}. Models in closed form have nothing to begin with, and the run needs a "
            "link predictor, alone or among other models. Leave it out."
        )
    log.say(f"The training begins with the weights of {run}.")


def _train(
    config: Config,
    encoder: TunedEncoder,
    out: Path,
    resume: bool,
    made: Callable[[], Model],
    log: RunLog,
    warnings: Sequence[str],
    run: Trackers,
) -> dict[str, Any]:
    started = time.perf_counter()
    if (out / MANIFEST).exists() and not resume:
        log.say(f"The run in {out} will be replaced when the new one is trained.")
    announce(of_reading(config), log.say)
    dataset = read_data(config, log)
    split = dataset.split
    cache = EmbeddingCache(default_cache_folder(os.environ))
    fitted = _fitted(encoder.config, dataset, made(), cache, log, run)
    metrics: dict[str, Any] = {"reading": list(dataset.notes)}
    if encoder.figures:
        metrics["encoder"] = dict(encoder.figures)
    if encoder.figures and _may_choose(fitted.model) and fitted.found is not None:
        log.say("Once more with the encoder as it was; validation chooses between the two.")
        plain = _fitted(config, dataset, made(), cache, log, run)
        values = {"tuned": fitted.value, "as it was": plain.value}
        fitted = max([plain, fitted], key=lambda one: one.value)
        used = "as it was" if fitted is plain else "tuned"
        metrics["encoder"] |= {"used": used, "ndcg@10": values}
        log.say(
            f"NDCG@10 on validation: {values['tuned']:.4f} with the tuned encoder, "
            f"{values['as it was']:.4f} with the one as it was; used: {used}."
        )
    recommender, prepared, model = fitted.recommender, fitted.prepared, fitted.model
    valid, found = prepared.data.valid, fitted.found
    metrics["seconds"] = {"fit": fitted.seconds, "all": time.perf_counter() - started}
    if found is not None:
        metrics["valid"] = found.to_dict()
    if model.refits and valid is not None:
        log.say("Fitting the chosen models on training and validation together …")
        prepared = recommender.together(prepared)
        recommender.take(prepared.fitted(model.refit(prepared.data)))
        held = split.reindex(prepared.data.train.users, prepared.data.train.items)
        none = held.valid.select(np.zeros(0, dtype=np.int64))
        split = Split(prepared.data.train, none, held.test, split.kind)
    progress = model.progress if isinstance(model, LinkPrediction) else None
    if progress is not None:
        metrics["training"] = {
            "best_epoch": progress.best_epoch,
            "epochs": progress.epoch,
            "seconds_to_best": progress.best_seconds,
        }
        log.say(
            f"Best of {progress.epoch} epochs: {progress.best_epoch}, after "
            f"{progress.best_seconds:.1f} s."
            if valid is not None
            else f"Trained all {progress.epoch} epochs: there is no validation part to choose one."
        )
    for note in model.notes():
        log.say(note)
    if model.notes():
        metrics["notes"] = list(model.notes())
    if model.figures():
        metrics["parts"] = dict(model.figures())
    if config.search.queries is not None:
        path = queries_file(config.data.root, config.search.queries)
        learn_search(recommender, path, config.search, log, progress=log.encoding)
    recommender.take(replace(recommender.snapshot, warnings=tuple(warnings)))
    if found is not None:  # before saving: a full disk must not hide the figures
        log.show({f"{out.name} (validation)": found})
    told = [*log.lines, *(f"Warning: {message}" for message in warnings)]
    curve = () if progress is None else progress.curve
    save_run(out, recommender, config, split, metrics=metrics, log=told, curve=curve, force=True)
    log.say(f"Run folder: {out}")
    return metrics


@dataclass(frozen=True)
class _Fitted:
    """A model that was fitted on a dataset.

    Attributes:
        recommender: It, with the model.
        prepared: What it learnt from.
        model: The model.
        seconds: How long the model took.
        found: What it came to on the validation part; None: there is none.
    """

    recommender: Recommender
    prepared: Prepared
    model: Model
    seconds: float
    found: Evaluation | None

    @property
    def value(self) -> float:
        """NDCG@10 on validation."""
        return -1.0 if self.found is None else self.found.metrics["ndcg@10"]


def _fitted(
    config: Config,
    dataset: Dataset,
    model: Model,
    cache: EmbeddingCache,
    log: RunLog,
    run: Trackers,
) -> _Fitted:
    split = dataset.split
    encoding = saying_needs(log.say, log.encoding)
    recommender = make_recommender(config, dataset, model, cache=cache, progress=encoding)
    valid = split.valid if len(split.valid) else None
    candidates = candidate_ids(split, "valid") if valid is not None else None
    announce(of_graph(dataset.kg, split.train, config.graph), log.say)
    preparing = time.perf_counter()
    prepared = recommender.prepare(split.train, valid, candidates=candidates)
    _check_split(prepared.data, split)
    log.say(f"Graph: {describe(prepared.data.graph)} ({time.perf_counter() - preparing:.1f} s)")
    announce(of_fitting(model, prepared.data), log.say)
    fitting = time.perf_counter()
    if isinstance(model, Auto):
        model.say = log.say
    with log.training(config) as shown:

        def callback(figures: Mapping[str, float]) -> None:
            shown(figures)
            run(figures)

        model.fit(prepared.data, callback=callback)
    seconds = time.perf_counter() - fitting
    recommender.take(prepared.fitted(model))
    found = None
    if valid is not None:
        ranked = len(candidates or ())
        announce(of_evaluating(len(np.unique(valid.user)), ranked), log.say)
        found = recommender.evaluate(valid, exclude=[split.train], candidates=candidates)
    return _Fitted(recommender, prepared, model, seconds, found)


def _may_choose(model: Model) -> bool:
    """Whether a model is fitted with the tuned and the plain encoder, and the better one kept."""
    return isinstance(model, Auto) and model.config.effort == "thorough"


def _check_split(data: TrainingData, split: Split) -> None:
    held_out = split.reindex(data.train.users, data.train.items)
    check_no_leak(data.graph, held_out.train, [held_out.valid, held_out.test])
