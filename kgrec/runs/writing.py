"""Writing run folders: a complete trained recommender, in files that cannot run code.

config.yaml          the resolved config
about.json           kgrec's version, versions of libraries, machine, seed, date, warnings
metrics.json         validation figures and seconds of the training
log.txt              messages about reading, linking and training
curve.json, curve.png the validation curve
weights.safetensors  the learned weights
serving.safetensors  what answers requests without PyTorch: vectors, or the model's settings
features.safetensors vectors by node type and modality
words.safetensors    word counts of each item's text
numbers.json         how numbers, dates and durations were normalised
data/                Parquet: vocabularies, histories (the items that users have, for serving),
                     interactions (only for evaluation), tables, links, names, words;
                     the graph (Arrow + JSON)
checkpoint.safetensors the state of the training, for --resume
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgrec.config import Config, dump_config, make_config
from kgrec.data.interactions import Split
from kgrec.errors import DataError, RunError
from kgrec.files import write_atomically, write_json
from kgrec.graph.modalities import made_by_of
from kgrec.models.state import csr_state
from kgrec.recommender import Recommender
from kgrec.runs.about import about
from kgrec.runs.data_files import FORMAT, write_tables
from kgrec.runs.serving import write_serving
from kgrec.snapshot import Snapshot
from kgrec.training.checkpoint import save_tensors
from kgrec.training.link_prediction import LinkPrediction


def save_run(
    folder: Path,
    recommender: Recommender,
    config: Config,
    split: Split,
    *,
    metrics: Mapping[str, Any],
    log: Sequence[str] = (),
) -> None:
    """Write all that is needed to load the recommender elsewhere.

    Raises:
        RunError: A file cannot be written.
    """
    snapshot = recommender.snapshot
    if snapshot.num_trained >= 0:
        raise RunError(
            "The recommender was updated after it was trained, and a run folder holds what was "
            "trained: save it before update(), or train again."
        )
    try:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        if snapshot.inputs.kg is not None:
            snapshot.inputs.kg.save(folder / "data" / "graph")
        write_tables(folder / "data", snapshot, split)
        _remove_leftovers(folder, snapshot)
    except OSError as error:
        raise RunError(f"The run folder {folder} cannot be written: {error}") from error
    state = {name: torch.from_numpy(np.array(v)) for name, v in snapshot.model.state().items()}
    given = {
        "graph": snapshot.inputs.kg,
        "item_table": snapshot.inputs.items,
        "user_table": snapshot.inputs.users,
    }
    parts = [name for name, part in given.items() if part is not None]
    told = {"model": config.model.name, "parts": parts}
    save_tensors(folder / "weights.safetensors", state, told)
    write_serving(folder, snapshot, config, parts)
    features = {
        f"{kind}/{modality}": torch.from_numpy(matrix)
        for (kind, modality), matrix in snapshot.derived.features.items()
    }
    made_by = {"/".join(key): who for key, who in made_by_of(snapshot.graph).items()}
    words = snapshot.derived.words
    about_features = {"made_by": made_by, "with_words": words is not None}
    save_tensors(folder / "features.safetensors", features, about_features)
    if words is not None:
        counts = csr_state("counts", words.counts)
        arrays = {name: torch.from_numpy(np.asarray(array)) for name, array in counts.items()}
        save_tensors(folder / "words.safetensors", arrays, {})
    write_json(folder / "numbers.json", snapshot.graph.scales.to_list())
    write_atomically(folder / "config.yaml", [dump_config(config)])
    origin = {"format": FORMAT, **about(config.seed), "warnings": snapshot.warnings}
    write_json(folder / "about.json", origin)
    write_json(folder / "metrics.json", metrics)
    write_atomically(folder / "log.txt", [f"{line}\n" for line in log])


def _remove_leftovers(folder: Path, snapshot: Snapshot) -> None:
    """Remove the files of an earlier run and its results."""
    data = folder / "data"
    stale = [*folder.glob("evaluation_*.json"), *folder.glob("curve.*")]
    if snapshot.derived.words is None:
        stale += [data / "words.parquet", folder / "words.safetensors"]
    if snapshot.inputs.kg is None:
        stale.append(data / "links.parquet")
        if (data / "graph").is_dir():
            shutil.rmtree(data / "graph")
    for name, table in (("item", snapshot.inputs.items), ("user", snapshot.inputs.users)):
        if table is None:
            stale += data.glob(f"{name}_table*.parquet")
    if not isinstance(snapshot.model, LinkPrediction):
        stale.append(folder / "checkpoint.safetensors")
    for path in stale:
        path.unlink(missing_ok=True)


def save(recommender: Recommender, folder: str | Path) -> None:
    """Write a fitted recommender with any model to a folder; `load` reads it again.

    The folder is a run folder without a test part, so commands on run folders accept it too.

    Raises:
        RunError: A file cannot be written, or the recommender was not fitted.
    """
    try:
        snapshot = recommender.snapshot
    except DataError as error:
        raise RunError(str(error)) from error
    model = snapshot.model
    config = make_config(
        {
            "data": {},
            "seed": getattr(getattr(model.config, "training", None), "seed", 0),
            "text": recommender.text_config,
            "graph": snapshot.inputs.config,
            "model": model.settings(),
        }
    )
    train = snapshot.interactions[0]
    none = train.select(np.zeros(0, dtype=np.int64))
    valid = snapshot.interactions[1] if len(snapshot.interactions) > 1 else none
    cold = len(valid) > 0 and not len(np.intersect1d(valid.item, train.item))
    split = Split(train, valid, none, "cold_items" if cold else "random")
    save_run(Path(folder), recommender, config, split, metrics={})
