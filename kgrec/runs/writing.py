"""Writing run folders: a complete trained recommender, in files that cannot run code.

config.yaml          the resolved config
about.json           kgrec's version, versions of libraries, machine, seed, date, warnings
metrics.json         validation figures and seconds of the training
updates.json         what came since the training, if the run was updated
log.txt              messages about reading, linking and training
curve.json, curve.png the validation curve
weights.safetensors  the learned weights
serving.safetensors  the vectors with which a link predictor answers without PyTorch
index.safetensors    codes of the items' vectors, for an approximate index
features.safetensors vectors by node type and modality
words.safetensors    word counts of each item's text
search_items.safetensors what search reads of each item; its texts are data/search_*.parquet
numbers.json         how numbers, dates and durations were normalised
data/                Parquet: vocabularies, histories (the items that users have, for serving),
                     interactions (only for evaluation), tables, links, names, words;
                     the graph (Arrow + JSON)
encoder/             the encoder, if `text.tuning` trained it; see `kgrec.runs.text_tuning`
checkpoint.safetensors the state of the training, for --resume
manifest.json        size and checksum of the files; see `kgrec.runs.manifest`

The folder is written beside its place and then put there as a whole.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.config import Config, dump_config, make_config
from kgrec.data.interactions import Split
from kgrec.drawing.curves import draw_training
from kgrec.errors import DataError, RunError, printable
from kgrec.files import system_reason, write_atomically, write_json
from kgrec.graph.modalities import made_by_of
from kgrec.models.state import csr_state
from kgrec.outputs.folders import replacing_folder
from kgrec.outputs.tensors import is_checkpoint, save_arrays
from kgrec.recommender import Recommender
from kgrec.retrieval.approximate import ApproximateIndex
from kgrec.runs.about import about
from kgrec.runs.data_files import FORMAT, NONSENSE, write_tables
from kgrec.runs.encoder_files import take_encoder
from kgrec.runs.log import trained_parts
from kgrec.runs.manifest import CHECKPOINT, DRIFT, check_run_folder, write_manifest, written_files
from kgrec.runs.reading import CODES
from kgrec.runs.search_files import write_taught
from kgrec.runs.search_items import write_search_items
from kgrec.runs.serving import write_vectors
from kgrec.training.link_prediction import LinkPrediction


def save_run(
    folder: Path,
    recommender: Recommender,
    config: Config,
    split: Split,
    *,
    metrics: Mapping[str, Any],
    log: Sequence[str] = (),
    curve: Sequence[Mapping[str, float]] = (),
    force: bool = False,
) -> None:
    """Write all that is needed to load the recommender elsewhere.

    Afterwards the folder holds this run, or, if it cannot be written, what it held before.

    Args:
        folder: A new or empty folder, or one with a run or a checkpoint.
        recommender: A fitted one.
        config: What it was made from.
        split: All interactions, with the test part.
        metrics: For `metrics.json`.
        log: For `log.txt`.
        curve: The validation curve.
        force: Whether a run that is there is replaced. Files that kgrec did not write stay.

    Raises:
        RunError: A file cannot be written, or would be lost.
    """
    snapshot = recommender.settle()
    check_run_folder(folder, force=force)
    kept = " What was there is unchanged." if folder.exists() and any(folder.iterdir()) else ""
    shown = printable(str(folder), 4096)
    try:
        with replacing_folder(folder, written_files) as new:
            _write(new, recommender, config, split, metrics, log)
            if curve:
                save_curve(new, curve, config)
            if isinstance(snapshot.model, LinkPrediction):
                _take_along(folder / CHECKPOINT, new / CHECKPOINT)
            if recommender.text_config is not None:
                take_encoder(recommender.text_config.model, folder, new)
            write_manifest(new)
    except OSError as error:  # also a RunError, about a file in the new folder
        reason = str(error) if isinstance(error, RunError) else system_reason(error)
        reason = re.sub(r"\S*\.kgrec-[0-9a-f]{8}-[0-9a-f]{8}\.tmp/new/", "", reason).rstrip(".")
        raise RunError(f"The run folder {shown} cannot be written: {reason}.{kept}") from error


def _write(
    folder: Path,
    recommender: Recommender,
    config: Config,
    split: Split,
    metrics: Mapping[str, Any],
    log: Sequence[str],
) -> None:
    snapshot = recommender.snapshot
    (folder / "data").mkdir()
    if snapshot.inputs.kg is not None:
        snapshot.inputs.kg.save(folder / "data" / "graph")
    write_tables(folder / "data", snapshot, split)
    save_arrays(folder / "weights.safetensors", snapshot.model.state())
    write_vectors(folder, snapshot)
    if isinstance(snapshot.index, ApproximateIndex) and snapshot.index.compressed is not None:
        save_arrays(folder / CODES, snapshot.index.compressed.arrays())
    write_taught(folder, snapshot.taught)
    write_search_items(folder, snapshot)
    features = {"/".join(key): matrix for key, matrix in snapshot.derived.features.items()}
    if snapshot.derived.nonsense is not None:
        features[NONSENSE] = snapshot.derived.nonsense
    made_by = {"/".join(key): who for key, who in made_by_of(snapshot.graph).items()}
    words = snapshot.derived.words
    about_features = {"made_by": made_by, "with_words": words is not None}
    save_arrays(folder / "features.safetensors", features, about_features)
    if words is not None:
        counts = csr_state("counts", words.counts)
        save_arrays(folder / "words.safetensors", {**counts, "keys": words.keys})
    write_json(folder / "numbers.json", snapshot.graph.scales.to_list())
    write_atomically(folder / "config.yaml", [dump_config(config)])
    origin = {"format": FORMAT, **about(config.seed), "warnings": snapshot.warnings}
    write_json(folder / "about.json", origin)
    write_json(folder / "metrics.json", metrics)
    if snapshot.drift is not None:
        write_json(folder / DRIFT, snapshot.drift.to_dict())
    write_atomically(folder / "log.txt", [f"{line}\n" for line in log])


def save_curve(folder: Path, curve: Sequence[Mapping[str, float]], config: Config) -> None:
    """Write the validation curve of a run as `curve.json` and, drawn, as `curve.png`.

    Raises:
        RunError: A file cannot be written.
    """
    write_json(folder / "curve.json", curve)
    draw_training(curve, trained_parts(config)[0].training.metric, folder / "curve.png")


def _take_along(old: Path, new: Path) -> None:
    """Put the checkpoint of this training into the new folder."""
    if not is_checkpoint(old):
        return
    try:
        os.link(old, new)
    except OSError:  # a file system without such links
        shutil.copy2(old, new)


def save(recommender: Recommender, folder: str | Path, *, force: bool = False) -> None:
    """Write a fitted recommender with any model to a folder; `load` reads it again.

    The folder is a run folder without a test part, so commands on run folders accept it too.
    Files in it that kgrec did not write are never replaced.

    Args:
        recommender: A fitted recommender.
        folder: A new or empty folder, or one with a run.
        force: Whether a run that is there is replaced.

    Raises:
        RunError: A file cannot be written or would be lost, or the recommender was not fitted.
    """
    try:
        snapshot = recommender.settle()
    except DataError as error:
        raise RunError(str(error)) from error
    model = snapshot.model
    config = make_config(
        {
            "data": {},
            "seed": getattr(getattr(model.config, "training", None), "seed", 0),
            "text": recommender.text_config,
            "graph": snapshot.inputs.config,
            "index": snapshot.index_config,
            "model": model.settings(),
        }
    )
    train = snapshot.interactions[0]
    none = train.select(np.zeros(0, dtype=np.int64))
    valid = snapshot.interactions[1] if len(snapshot.interactions) > 1 else none
    cold = len(valid) > 0 and not len(np.intersect1d(valid.item, train.item))
    split = Split(train, valid, none, "cold_items" if cold else "random")
    save_run(Path(folder), recommender, config, split, metrics={}, force=force)
