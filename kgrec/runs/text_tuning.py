"""Tuning the encoder of a config, and the folder of a tuned encoder.

config.json, model.safetensors, …   the encoder, which `TextEncoder` and other libraries read
tuning/checkpoint.safetensors       the state of a training that was stopped
tuning/tuning.json                  figures, settings, versions, checksums of the files
tuning/curve.json, curve.png        loss and metrics of the epochs
tuning/heads.safetensors            what tasks have trained beside the encoder, if anything
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.config import Config
from kgrec.data.interactions import Split
from kgrec.drawing.curves import draw_training
from kgrec.engine import engine_in_use
from kgrec.engine.peers import ALONE, Peers
from kgrec.errors import ConfigError, DataError, collecting, printable
from kgrec.evaluation.evaluate import candidate_ids, protocol_candidates
from kgrec.files import write_atomically, write_json, writing
from kgrec.models.closed_forms import closed_form_settings
from kgrec.models.popular import MostPopular
from kgrec.models.training_data import TrainingData
from kgrec.outputs.checked import checksums, write_checked_json
from kgrec.outputs.folders import entries, replacing_folder
from kgrec.outputs.tensors import save_tensors
from kgrec.runs.about import about
from kgrec.runs.distributing import encoder_workers, entered
from kgrec.runs.encoder_files import (
    CHECKPOINT,
    FOLDER,
    FORMAT,
    SUMMARY,
    check_encoder_folder,
    written_files,
)
from kgrec.runs.encoder_quality import measure_vectors
from kgrec.runs.given_data import named_files, read_data
from kgrec.runs.log import RunLog
from kgrec.runs.making import make_recommender
from kgrec.runs.needs import announce, of_graph, of_reading
from kgrec.runs.one_tower_tasks import attributes_task, pair_texts_task
from kgrec.runs.text_needs import of_tuning
from kgrec.runs.two_tower_tasks import domain_task, pairs_task
from kgrec.snapshot import Derived, Inputs, Prepared
from kgrec.snapshot.deriving import texts_of_nodes
from kgrec.snapshot.prepared import prepare
from kgrec.text.cache import default_cache_folder
from kgrec.text.model_files import ModelFiles, find_model
from kgrec.text.multilingual import MULTILINGUAL
from kgrec.text.settings import TextConfig
from kgrec.text.tuning.masked_settings import MaskedConfig
from kgrec.text.tuning.one_tower_settings import HEADS, AttributesConfig, PairTextsConfig
from kgrec.text.tuning.settings import (
    AnyTaskConfig,
    EndToEndConfig,
    InteractionsConfig,
    TextTuning,
)
from kgrec.text.tuning.two_tower_settings import PairsConfig
from kgrec.text.words import count_words, tf_idf
from kgrec.types import FloatArray, IntArray, index_to_mask

if TYPE_CHECKING:
    from kgrec.text.tuning.loop import Tuner, TuningProgress
    from kgrec.text.tuning.tasks.base import Task
    from kgrec.text.tuning.tasks.interactions import Scores
    from kgrec.text.tuning.tower import Tower

_METRIC: Final = "ndcg@10"
_MOST_SCORES: Final = 1 << 26
"""Most scores that are kept, a quarter of a GiB."""


@dataclass(frozen=True)
class EncoderWork:
    """What a process makes the training of an encoder from.

    Attributes:
        config: The config of the run, with text.
        prepared: The data over the whole catalogue.
        split: The split over the same vocabularies.
        texts: The text of each item, "" for none.
        files: The model to begin with; each machine has it at this place.
        digests: Those of its weights and its tokenizer.
        cache: Folder for what is computed once.
        checkpoint: The file of checkpoints.
    """

    config: Config
    prepared: Prepared
    split: Split
    texts: Sequence[str]
    files: ModelFiles
    digests: tuple[str, str]
    cache: Path
    checkpoint: Path


def tune_text(
    config: Config,
    out: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    inputs: Sequence[str | Path] = (),
    log: RunLog | None = None,
) -> dict[str, Any]:
    """Train the encoder that a config names, write its folder and return the figures.

    The training part trains the encoder and the validation part chooses the epoch. The test part
    is not used, and items of these parts give nothing but their texts.

    Args:
        config: The config; `text.tuning` says what is trained on what, `engine` by whom.
        out: A new or empty folder, or one with a tuned encoder or a checkpoint.
        resume: Whether training continues from the checkpoint there.
        force: Whether a tuned encoder there is replaced, when the training has ended.
        inputs: Files that were read to make `config`; they are never written.
        log: Gets the messages; None: nothing is shown.

    Raises:
        KgrecError: The config, the data or the folder is invalid.
    """
    out, log = Path(out), RunLog() if log is None else log
    _check(config, out, inputs, force=force, resume=resume)
    with entered(config, log, fits=False):
        return _tuned(config, out, log, resume=resume)


def tune_text_of_run(
    config: Config,
    out: Path,
    *,
    resume: bool,
    inputs: Sequence[str | Path],
    log: RunLog,
) -> dict[str, Any]:
    """Do the same as `tune_text`, as a part of a run: on the engine that is in use.

    A tuned encoder in the folder is replaced.
    """
    _check(config, out, inputs, force=True, resume=resume)
    return _tuned(config, out, log, resume=resume)


def _check(
    config: Config, out: Path, inputs: Sequence[str | Path], *, force: bool, resume: bool
) -> None:
    """Check what can be checked before the data is read."""
    if config.text is None:
        raise ConfigError("text: the config has no text, so there is no encoder to tune.")
    if config.text.model == MULTILINGUAL:
        raise ConfigError(
            "text.model: 'multilingual' can encode, but not be trained. Name another encoder."
        )
    check_encoder_folder(out, [*inputs, *named_files(config)], force=force, resume=resume)


def _tuned(config: Config, out: Path, log: RunLog, *, resume: bool) -> dict[str, Any]:
    """Train, write the folder and return the figures."""
    from kgrec.text.added import FILE as ADDED

    with collecting() as warnings:
        work = _work(config, out, log)
        tuner = begin_tuning(work, ALONE)
        tower = tuner.tower
        trained = sum(value.numel() for value in tower.trained.values())
        log.say(
            f"Tuning {work.files.name} ({tuner.settings.regime.name}): {trained:,} of "
            f"{tower.num_parameters:,} parameters are trained, in {tower.precision}."
        )
        needs = of_tuning(tuner, work.files.name, work.texts)
        # Workers share the work of a step, and wait for each other.
        announce(replace(needs, seconds=None) if engine_in_use().distributed else needs, log.say)
        progress = _trained(work, tuner, log, resume=resume)
        if progress.best is None:
            log.say(f"Trained all {progress.epoch} epochs: no validation part chooses one.")
        else:
            log.say(
                f"Best of {progress.epoch} epochs: {progress.best_epoch}, after "
                f"{progress.best_seconds:.1f} s."
            )
        figures = _figures(config, tuner.settings, tuner, trained)
        told = [*log.lines, *(f"Warning: {message}" for message in warnings)]
        _write(out, tuner, figures, told)
    log.say(f"Encoder: {out}; `text.model={out}` uses it.")
    if (out / ADDED).exists():
        log.say(f"{ADDED} has what was learned. Only kgrec reads it: others see the old model.")
    return figures


def _work(config: Config, out: Path, log: RunLog) -> EncoderWork:
    """Read and prepare the data."""
    text = config.text or TextConfig()
    announce(of_reading(config), log.say)
    dataset = read_data(config, log)
    announce(of_graph(dataset.kg, dataset.split.train, config.graph), log.say)
    recommender = make_recommender(config, dataset, MostPopular())
    prepared = prepared_data(recommender.inputs, dataset.split)
    texts = item_texts(prepared, text)
    split = dataset.split.reindex(prepared.data.train.users, prepared.data.train.items)
    files = find_model(text.model)
    return EncoderWork(
        config,
        prepared,
        split,
        texts,
        files,
        (files.weights_sha256, files.tokenizer_sha256),
        default_cache_folder(os.environ),
        out / CHECKPOINT,
    )


def begin_tuning(work: EncoderWork, peers: Peers) -> Tuner:
    """Return a training as it is before its first step; workers of an engine call this, too.

    Raises:
        ConfigError: The settings do not fit the model or the data, or a worker's model is another
            one.
        DataError: The data lacks what a task needs.
    """
    from kgrec.text.tuning.loop import Tuner
    from kgrec.text.tuning.tower import Tower

    config, text = work.config, work.config.text or TextConfig()
    settings = text.tuning or TextTuning()
    files = replace(work.files)  # digests are those of the files on this machine
    if (files.weights_sha256, files.tokenizer_sha256) != work.digests:
        raise ConfigError(
            f"The language model {printable(files.name)!r} of a worker is not that of this "
            "process: its files differ or are missing. Put the same model on all machines, into "
            f"{printable(str(files.folder))}."
        )
    tower = Tower(
        files,
        settings,
        work.cache,
        seed=config.seed,
        prompts=(text.query_prompt, text.document_prompt),
    )
    tasks = [
        make_task(one, work.prepared, work.split, work.texts, config, tower)
        for one in settings.tasks
    ]
    return Tuner(tower, tasks, settings, config.seed, work.checkpoint, peers)


def _trained(work: EncoderWork, tuner: Tuner, log: RunLog, *, resume: bool) -> TuningProgress:
    """Train in this process, or by workers of the engine in use; the tuner has the best weights."""
    from kgrec.text.tuning.together import tune_together

    engine, workers = engine_in_use(), 0
    if engine.distributed:
        workers, told = encoder_workers(
            engine.num_together, tuner.settings.accumulate, tuner.step_batches
        )
        log.say(told)
    with log.tuning(tuner.tasks[0].metric) as (callback, steps):
        if workers:
            return tune_together(
                engine, begin_tuning, work, tuner, workers,
                resume=resume, callback=callback, steps=steps,
            )  # fmt: skip
        if resume:
            tuner.resume()
        return tuner.run(callback, steps, log.encoding)


def prepared_data(given: Inputs, split: Split) -> Prepared:
    """Return the data over the whole catalogue, without vectors of texts.

    Args:
        given: The graph, tables and links.
        split: The split; only its training part is in the result's graph.
    """
    valid = split.valid if len(split.valid) else None
    candidates = candidate_ids(split, "valid") if valid is not None else None
    return prepare(given, split.train, valid, candidates, Derived())


def item_texts(prepared: Prepared, config: TextConfig) -> list[str]:
    """Return the text of each item, "" for none; they are what `kgrec train` encodes.

    Raises:
        DataError: No item has a text.
    """
    found = texts_of_nodes(prepared.inputs, prepared.data.graph, config, entities=False)
    if "item" not in found:
        raise DataError(
            "No item has a text to tune the encoder on: the data has neither titles nor "
            "categories nor linked entities."
        )
    return found["item"]


def make_task(
    config: AnyTaskConfig,
    prepared: Prepared,
    split: Split,
    texts: Sequence[str],
    whole: Config,
    tower: Tower,
) -> Task[Any]:
    """Return a task with its data.

    Args:
        config: Its settings.
        prepared: The data over the whole catalogue.
        split: The split over the same vocabularies.
        texts: The text of each item, "" for none.
        whole: The config of the run, with text.
        tower: The encoder in training.

    Raises:
        DataError: The data lacks what the task needs.
        ConfigError: The settings do not fit the data.
    """
    text, seed = whole.text or TextConfig(), whole.seed
    if isinstance(config, EndToEndConfig):
        return _end_to_end_task(config, prepared, texts, whole, tower)
    if isinstance(config, PairTextsConfig):
        return pair_texts_task(config, prepared, split, texts, tower)
    if isinstance(config, AttributesConfig):
        return attributes_task(config, prepared, text, tower)
    if isinstance(config, PairsConfig):
        return pairs_task(config, prepared, split, texts)
    if isinstance(config, MaskedConfig):
        return domain_task(config, prepared, text, tower, seed)
    return _interactions_task(config, prepared, split, texts)


def _end_to_end_task(
    config: EndToEndConfig, prepared: Prepared, texts: Sequence[str], whole: Config, tower: Tower
) -> Task[Any]:
    from kgrec.training.end_to_end import EndToEndTask
    from kgrec.training.link_prediction import LinkPredictionConfig

    model = whole.seeded_model()
    link = model if isinstance(model, LinkPredictionConfig) else LinkPredictionConfig()
    return EndToEndTask(config, link, prepared.data, texts, tower)


def _interactions_task(
    config: InteractionsConfig, prepared: Prepared, split: Split, texts: Sequence[str]
) -> Task[Any]:
    from kgrec.text.tuning.tasks.interactions import Choices, InteractionsTask

    train = prepared.data.train
    valid = len(split.valid) > 0
    ranked = protocol_candidates(split, "valid") if valid else np.zeros(0, dtype=np.int64)
    measure = partial(_measured, split) if valid else None
    matrix = csr_matrix(train.matrix(), dtype=np.float32)
    taught = config.targets if config.loss == "softmax" else "interactions"
    data = replace(prepared.data, words=tf_idf(count_words(texts)))
    scores = None if taught == "interactions" else _scores(config, data)
    shown, new = index_to_mask(ranked, train.num_items), taught == "content"
    return InteractionsTask(config, Choices(texts, matrix, shown, measure, scores, _METRIC, new))


def _measured(split: Split, vectors: FloatArray) -> Mapping[str, float]:
    found = measure_vectors(vectors, split).metrics
    return {name: found[name] for name in (_METRIC, "recall@10", "recall@20")}


def _scores(config: InteractionsConfig, data: TrainingData) -> Scores:
    """Return what gives the scores that are taught; few are kept, many computed when asked for."""
    name = "ease" if config.targets == "ease" else "content_ease"
    model = closed_form_settings({"name": name, "l2": config.ease_l2}).build().fit(data)
    train = data.train
    if train.num_users * train.num_items > _MOST_SCORES:
        return model.score
    kept = model.score(np.arange(train.num_users))

    def scores(users: IntArray) -> FloatArray:
        return np.asarray(kept[users])

    return scores


def _figures(config: Config, settings: TextTuning, tuner: Tuner, trained: int) -> dict[str, Any]:
    progress = tuner.progress
    best = next((one for one in progress.curve if one["epoch"] == progress.best_epoch), {})
    return {
        "format": FORMAT,
        "model": config.text.model if config.text else "",
        "settings": settings.model_dump(mode="json"),
        "trained_parameters": trained,
        "parameters": tuner.tower.num_parameters,
        "precision": tuner.tower.precision,
        "valid": {k: v for k, v in best.items() if k not in ("epoch", "loss", "seconds")},
        "before": {
            k: v for k, v in progress.curve[0].items() if k not in ("epoch", "loss", "seconds")
        },
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "seconds": progress.seconds,
        "seconds_to_best": progress.best_seconds,
        "about": about(config.seed),
    }


def _write(out: Path, tuner: Tuner, figures: Mapping[str, Any], log: Sequence[str]) -> None:
    curve = [one for one in tuner.progress.curve if "loss" in one]
    with writing(out), replacing_folder(out, written_files) as new:
        tuner.tower.save(new)
        folder = new / FOLDER
        folder.mkdir()
        heads = tuner.heads()
        if heads:
            told = {str(place): dict(task.about()) for place, task in enumerate(tuner.tasks)}
            save_tensors(new / HEADS, heads, {k: v for k, v in told.items() if v})
        write_json(folder / "curve.json", tuner.progress.curve)
        if curve:
            draw_training(curve, tuner.tasks[0].metric, folder / "curve.png")
        write_atomically(folder / "log.txt", [f"{line}\n" for line in log])
        names = [name for name in entries(new) if not name.endswith("/")]
        write_checked_json(new / SUMMARY, {**figures, "files": checksums(new, names)})
