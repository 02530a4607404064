"""Reading run folders; see `kgrec.runs.writing` for their files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kgrec.data.interactions import Interactions, Split
from kgrec.errors import DataError, RunError, printable
from kgrec.models.state import check_state, csr_expected, csr_from_state
from kgrec.outputs.tensors import load_arrays
from kgrec.recommender import Recommender
from kgrec.retrieval.compressed import Compressed
from kgrec.runs.data_files import (
    FORMAT,
    NONSENSE,
    read_absent,
    read_histories,
    read_inputs,
    read_names,
    read_split,
    read_words,
)
from kgrec.runs.encoder_files import own_encoder
from kgrec.runs.json_files import read_json
from kgrec.runs.manifest import (
    DRIFT,
    check_files_of_run,
    check_is_run,
    checked,
    parts_of,
    read_manifest,
)
from kgrec.runs.search_files import read_taught
from kgrec.settings import read_yaml
from kgrec.snapshot import Derived
from kgrec.snapshot.drift import Drift
from kgrec.text.cache import KEY_BYTES
from kgrec.text.encoder import TextEncoder
from kgrec.text.words import WordCounts

if TYPE_CHECKING:
    from kgrec.config import Config
    from kgrec.graph.node_names import NodeNames
    from kgrec.graph.numeric import NumberScales

_KEYS = ("data", "text", "graph", "model", "seed")


CODES: Final = "index.safetensors"


def load_run(
    folder: str | Path, *, download: str | None = None
) -> tuple[Recommender, Config, Split]:
    """Load what `save_run` wrote, without the files that it was trained from.

    Args:
        folder: The run folder.
        download: The name of the encoder that may be downloaded; None: what is not on this
            machine is an error when it is needed.

    Raises:
        RunError: The folder is no run folder, a file of it is missing or damaged.
    """
    # These load all that trains; see `kgrec.runs.serving` for what answers without.
    from kgrec.datasets.dataset import Dataset
    from kgrec.runs.making import make_model, make_recommender

    folder = Path(folder)
    check_is_run(folder)
    about = check_format(folder)
    files = read_manifest(folder)
    check_files_of_run(folder, files=files)
    config = _with_own_encoder(read_config(folder), own_encoder(folder, files))
    arrays = load_arrays(folder / "weights.safetensors")[0]
    try:
        histories = read_histories(folder / "data")
        train = histories[0]
        split = read_split(folder / "data", train.users, train.items)
        kg, links, items, users = read_inputs(folder / "data", train.items, parts_of(files))
        dataset = Dataset(split or _without_test(histories), kg, links, items, users)
        recommender = make_recommender(config, dataset, make_model(config))
        allow_download(recommender, download)
        derived = read_derived(folder, len(train.items))
        prepared = recommender.prepare(*histories, derived=derived)
        graph = prepared.data.graph
        sizes = {kind: int(graph[kind].num_nodes) for kind in graph.node_types}
        assert derived.names is not None
        check_names(derived.names, sizes)
        snapshot = prepared.fitted(recommender.model.load_state(arrays, prepared.data))
        withdrawn, deleted = read_absent(folder / "data", len(train.users), len(train.items))
        snapshot = replace(
            snapshot,
            warnings=tuple(about["warnings"]),
            codes=read_codes(folder, files),
            drift=read_drift(folder, files),
            withdrawn=withdrawn,
            deleted=deleted,
            taught=read_taught(folder, files, len(train.items)),
        )
    except (ValueError, RuntimeError, LookupError, TypeError) as error:
        raise RunError(f"The parts of {folder} do not fit together: {error}") from error
    interactions: tuple[Interactions, ...] = ()
    if split is not None:
        interactions = (split.train, split.valid) if len(split.valid) else (split.train,)
    graph_ids = {kind: graph[kind].node_id for kind in sizes}
    names = None if derived.names is None else replace(derived.names, ids=graph_ids)
    recommender.take(
        replace(snapshot, interactions=interactions, derived=replace(derived, names=names))
    )
    return recommender, config, split or _without_test(histories)


def _with_own_encoder(config: Config, encoder: Path | None) -> Config:
    if encoder is None or config.text is None:
        return config
    text = config.text.model_copy(update={"model": str(encoder)})
    return config.model_copy(update={"text": text})


def read_codes(folder: Path, files: Mapping[str, Any]) -> Compressed | None:
    """Return the codes of the items of a run for an approximate index; None: it has none.

    Whether they fit the items' vectors is checked by the index.

    Args:
        folder: The run folder.
        files: Its files, checked.

    Raises:
        RunError: They are damaged.
    """
    if CODES not in files:
        return None
    return Compressed.from_arrays(load_arrays(folder / CODES)[0])


def read_drift(folder: Path, files: Collection[str]) -> Drift | None:
    """Return what came since the training of a run; None: it was not updated.

    Raises:
        RunError: The file is missing or damaged.
    """
    if DRIFT not in files:
        return None
    path = checked(folder, DRIFT)
    try:
        return Drift.from_dict(read_json(path))
    except RunError as error:
        raise RunError(f"{printable(str(path))} is damaged: {error}.") from error


def allow_download(recommender: Recommender, name: str | None) -> None:
    """Let the encoder be downloaded only if it has this name: nobody here may have chosen it."""
    if isinstance(recommender.encoder, TextEncoder):
        recommender.encoder.download = recommender.encoder.model == name


def read_config(folder: Path) -> Config:
    """Return the config of a run.

    Raises:
        RunError: It is missing or damaged.
    """
    from kgrec.config import make_config  # loads the classes of all models

    path = checked(folder, "config.yaml")
    tree = read_tree(path)
    try:
        return make_config(tree, str(path))
    except (ValueError, AttributeError) as error:
        where, reason = printable(str(path)), printable(str(error), 2000)
        raise RunError(f"{where} is damaged: {reason}") from error


def read_tree(path: Path) -> dict[str, Any]:
    """Return the config of a run as it is written.

    Raises:
        RunError: It is missing or damaged.
    """
    where = printable(str(path))
    try:
        tree = read_yaml(path, "config file")
    except (ValueError, AttributeError) as error:
        raise RunError(f"{where} is damaged: {printable(str(error), 2000)}") from error
    if not isinstance(tree, dict):
        raise RunError(f"{where} is damaged: it holds no mapping.")
    missing = [key for key in _KEYS if key not in tree]
    if missing:
        raise RunError(f"{where} is damaged: it lacks the key {missing[0]!r}.")
    return tree


def read_summary(folder: str | Path) -> dict[str, Any]:
    """Return what a run says of itself: model, origin, figures, warnings. Nothing is loaded.

    Returns:
        A dict with the config of the `model`, `about`, `metrics` and `warnings`.

    Raises:
        RunError: The folder is no run folder, a file of it is missing or damaged.
    """
    folder = Path(folder)
    check_is_run(folder)
    about = check_format(folder)
    check_files_of_run(folder, ["about.json", "metrics.json", "config.yaml"])
    model = read_tree(folder / "config.yaml")["model"]
    if not isinstance(model, dict) or "name" not in model:
        raise RunError(f"{printable(str(folder / 'config.yaml'))} is damaged: it names no model.")
    drift = read_drift(folder, read_manifest(folder))
    return {
        "model": model,
        **({} if drift is None else {"updates": drift.to_dict()}),
        "about": {key: value for key, value in about.items() if key != "warnings"},
        "metrics": read_json(folder / "metrics.json"),
        "warnings": about["warnings"],
    }


def _without_test(histories: Sequence[Interactions]) -> Split:
    """Return an empty split, for a run folder without its interactions."""
    train = histories[0]
    none = train.select(np.zeros(0, dtype=np.int64))
    return Split(train, histories[1] if len(histories) > 1 else none, none, "random")


def check_format(folder: Path) -> dict[str, Any]:
    """Return about.json of a run folder of this version.

    Raises:
        RunError: The version is another one, or about.json is missing or damaged.
    """
    path = folder / "about.json"
    about = read_json(path)
    try:
        wrote = printable(str(about["kgrec"]), 40)
        found = about.get("format", 1)
        about = {**about, "warnings": [str(message) for message in about.get("warnings", ())]}
    except (LookupError, TypeError, AttributeError) as error:
        raise RunError(f"{printable(str(path))} is damaged: {printable(str(error))}") from error
    if found != FORMAT:
        raise RunError(
            f"The run in {folder} was written by kgrec {wrote} (format {printable(repr(found), 20)}"
            f"), and this kgrec reads format {FORMAT}. Train it again with this version, for which "
            "CHANGELOG.md says what its config.yaml is called now, or use the one that wrote it."
        )
    return about


def read_derived(folder: Path, num_items: int) -> Derived:
    """Return all data that was made before training.

    Raises:
        RunError: A file is missing or damaged.
    """
    names, scales = read_names(folder / "data"), _load_scales(folder / "numbers.json")
    return replace(read_features(folder, num_items), names=names, scales=scales)


def read_features(folder: Path, num_items: int, only: tuple[str, str] | None = None) -> Derived:
    """Return features by (node type, modality), the words of the items, and encoders.

    Args:
        folder: The run folder.
        num_items: The number of items.
        only: Which features are read; None: all.

    Raises:
        RunError: A file is missing or damaged.
    """
    wanted = None if only is None else ["/".join(only), NONSENSE]
    features, about = load_arrays(folder / "features.safetensors", wanted)
    counted = None
    if about.get("with_words"):
        words = read_words(folder / "data")
        arrays = load_arrays(folder / "words.safetensors")[0]
        expected = csr_expected("counts", num_items) | {
            "counts.data": (np.float64, (None,)),
            "keys": (np.uint8, (num_items, KEY_BYTES)),
        }
        counts = csr_from_state(check_state(arrays, expected), "counts", len(words))
        if counts.nnz and counts.data.min() < 1:
            raise RunError(f"{folder / 'words.safetensors'} is damaged: a count is below 1.")
        counted = WordCounts(words, counts, arrays["keys"])
    for name, matrix in features.items():
        _check_features(folder / "features.safetensors", name, matrix, num_items)
    nonsense = features.pop(NONSENSE, None)
    parts = {name: tuple(name.split("/")) for name in features}
    if any(len(part) != 2 for part in parts.values()):
        raise RunError(f"{folder / 'features.safetensors'} is damaged: a name is no kind/modality.")
    keys = {name: (part[0], part[1]) for name, part in parts.items()}
    made_by = {
        keys[name]: str(who) for name, who in about.get("made_by", {}).items() if name in keys
    }
    by_key = {keys[name]: features[name] for name in features}
    return Derived(by_key, counted, made_by=made_by, nonsense=nonsense)


def _check_features(path: Path, name: str, matrix: Any, num_items: int) -> None:
    """Raise a RunError if a matrix cannot be features; models that do not use it do not notice."""
    fits = matrix.ndim == 2 and (not name.startswith("item/") or len(matrix) == num_items)
    if not fits or matrix.dtype != np.float32:
        rows = f"{num_items} rows" if name.startswith("item/") else "rows of numbers"
        raise RunError(
            f"{printable(str(path))} is damaged: {printable(name)!r} is {matrix.dtype} of shape "
            f"{matrix.shape}; expected float32 with {rows}."
        )
    if not np.isfinite(matrix).all():
        raise RunError(
            f"{printable(str(path))} is damaged: {printable(name)!r} holds NaN or infinity."
        )


def check_names(names: NodeNames, sizes: Mapping[str, int]) -> None:
    """Check that names are those of a graph with `sizes` nodes of each type.

    Raises:
        RunError: They are not.
    """
    for kind, labels in names.nodes.items():
        if len(labels) != sizes.get(kind):
            raise RunError(
                f"names.parquet does not fit the graph: it has {len(labels)} of {kind!r}."
            )


def _load_scales(path: Path) -> NumberScales:
    from kgrec.graph.numeric import NumberScales

    try:
        return NumberScales.from_list(read_json(path))
    except DataError as error:
        raise RunError(f"{printable(str(path))} is damaged: {printable(str(error))}") from error


def load(folder: str | Path, *, download: str | None = None) -> Recommender:
    """Read a recommender that `save` or `kgrec train` wrote.

    Args:
        folder: The run folder.
        download: The name of the encoder that may be downloaded; None: what is not on this
            machine is an error when it is needed.

    Raises:
        RunError: The folder is no run folder, a file of it is missing or damaged.
    """
    return load_run(folder, download=download)[0]
