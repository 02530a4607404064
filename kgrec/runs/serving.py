"""What answers requests from a run folder: without the graph, and without PyTorch.

`serving.safetensors` holds the vectors of a model that has them; of other models it holds the
settings, and they load their weights themselves. All else of a run is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.sparse import csr_matrix, vstack

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import RunError
from kgrec.graph.modalities import TEXT
from kgrec.graph.node_names import NodeNames
from kgrec.models.base import Model, TrainingData, VectorModel
from kgrec.models.stored_vectors import StoredVectors
from kgrec.recommender import Recommender
from kgrec.retrieval.filters import ItemColumns
from kgrec.runs.data_files import read_frame, read_histories, read_inputs
from kgrec.runs.manifest import check_files_of_run, read_manifest
from kgrec.runs.reading import check_format, check_is_run, load_run, read_features
from kgrec.snapshot import Derived, Inputs, Snapshot
from kgrec.text.settings import TextConfig
from kgrec.training.checkpoint import load_arrays, save_tensors
from kgrec.types import FloatArray

if TYPE_CHECKING:
    from kgrec.config import Config

FILE: Final = "serving.safetensors"
_TRIED: Final = 256  # histories

CLOSED_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "ease": ("kgrec.models.ease", "EASEConfig"),
    "attribute_ease": ("kgrec.models.ease", "AttributeEASEConfig"),
    "content_ease": ("kgrec.models.content_ease", "ContentEASEConfig"),
    "user_ease": ("kgrec.models.user_ease", "UserEASEConfig"),
    "slim": ("kgrec.models.slim", "SLIMConfig"),
    "ials": ("kgrec.models.ials", "IALSConfig"),
    "item_knn": ("kgrec.models.item_knn", "ItemKNNConfig"),
    "trending": ("kgrec.models.trending", "TrendingConfig"),
    "most_popular": ("kgrec.models.popular", "MostPopularConfig"),
}
"""Where the settings of the models are that need neither graph nor PyTorch; not `kgrec.config`,
which loads those of all models."""


def write_serving(folder: Path, snapshot: Snapshot, config: Config, parts: Sequence[str]) -> None:
    """Write what `load_for_serving` reads besides the tables and the weights.

    Raises:
        RunError: The file cannot be written.
    """
    import torch

    from kgrec.training.link_prediction import LinkPrediction

    arrays = None
    if isinstance(snapshot.model, LinkPrediction):
        arrays = snapshot.model.stored_vectors(_tried(snapshot.histories))
    text = None if config.text is None else config.text.model_dump(mode="json")
    told = {
        "model": config.model.name,
        "settings": snapshot.model.settings() if _is_closed(snapshot.model.settings()) else None,
        "vectors": arrays is not None,
        "text": text,
        "languages": snapshot.inputs.languages,
        "parts": list(parts),
    }
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in (arrays or {}).items()}
    save_tensors(folder / FILE, tensors, told)


def load_for_serving(folder: str | Path, *, download: str | None = None) -> Recommender:
    """Load a recommender that answers at once; what few requests need is loaded by these.

    Its answers are those of the recommender that `load_run` returns.

    Args:
        folder: The run folder.
        download: As for `load_run`.

    Raises:
        RunError: The folder is no run folder, a file of it is missing or damaged.
    """
    folder = Path(folder)
    check_is_run(folder)
    about = check_format(folder)
    check_files_of_run(folder)
    if FILE not in read_manifest(folder):  # an older run
        return load_run(folder, download=download)[0]
    arrays, told = load_arrays(folder / FILE)
    if not told.get("vectors") and told.get("settings") is None:
        return load_run(folder, download=download)[0]
    try:
        logs = read_histories(folder / "data")
        users, items = logs[0].users, logs[0].items
        whole = _Whole(folder)
        model: Model
        if told["vectors"]:
            model = StoredVectors(str(told["model"]), arrays, whole.vector_model)
            sizes = len(model.user_vectors), len(model.item_vectors)
            if sizes != (len(users), len(items)):
                raise RunError(f"{folder / FILE} does not fit the users and items of the run.")
        else:
            model = _closed_form(folder, told, logs[0])
        histories: csr_matrix = sum((log.matrix() for log in logs[1:]), logs[0].matrix()).tocsr()
        text = None if told["text"] is None else TextConfig(**{**told["text"], "cache": None})
        snapshot = _RunSnapshot(
            model,
            users,
            items,
            histories,
            Inputs(),
            Derived(),
            titles=_titles(folder, items),
            warnings=tuple(about["warnings"]),
        )
        snapshot.read_later(whole, told)
    except (ValueError, RuntimeError, LookupError, TypeError) as error:
        raise RunError(f"The parts of {folder} do not fit together: {error}") from error
    recommender = Recommender(text=text).take(snapshot)
    if recommender.encoder is not None:  # nobody here may have chosen it
        recommender.encoder.download = recommender.encoder.model == download
    return recommender


def read_test(
    folder: Path, users: Vocabulary, items: Vocabulary, user: str | None = None
) -> Interactions:
    """Return the test part of a run, of all users or of one; empty if the run has none.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / "data" / "interactions.parquet"
    ids: tuple[list[str], list[str]] = [], []
    if path.exists():
        columns = ["user_id", "item_id", "part"]
        frame = read_frame(path, columns, only=columns)
        chosen = frame["part"] == "test"
        if user is not None:
            chosen &= frame["user_id"] == user
        frame = frame[chosen]
        ids = frame["user_id"].tolist(), frame["item_id"].tolist()
    return Interactions(users, items, users.rows(ids[0]), items.rows(ids[1]))


class _Whole:
    """All of a run, loaded when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def snapshot(self) -> Snapshot:
        return load_run(self.folder)[0].snapshot

    def vector_model(self) -> VectorModel:
        model = self.snapshot.model
        assert isinstance(model, VectorModel)
        return model


class _RunSnapshot(Snapshot):
    """A snapshot whose parts are read from a run folder at their first use."""

    _whole: _Whole
    _told: Mapping[str, Any]

    def read_later(self, whole: _Whole, told: Mapping[str, Any]) -> None:
        """Say where the parts are, and forget those that stand in for them."""
        self.__dict__.update(_whole=whole, _told=told)
        for name in ("inputs", "derived", "interactions"):
            self.__dict__.pop(name, None)

    @cached_property
    def inputs(self) -> Inputs:
        return self._whole.snapshot.inputs

    @cached_property
    def interactions(self) -> tuple[Interactions, ...]:
        return self._whole.snapshot.interactions

    @cached_property
    def derived(self) -> Derived:
        key = ("item", TEXT)
        return read_features(self._whole.folder, len(self.items), only=key)

    @cached_property
    def item_columns(self) -> ItemColumns:
        parts = [part for part in self._told["parts"] if part != "user_table"]
        kg, links, table, _ = read_inputs(self._whole.folder / "data", self.items, parts)
        return ItemColumns(self.items, table, kg, links, tuple(self._told["languages"]))

    def update(self, **more: Any) -> Snapshot:
        """Return a snapshot with more data, made from all of the run; see `Snapshot.update`."""
        return self._whole.snapshot.update(**more)

    def with_text(
        self, matrix: FloatArray, made_by: str, nonsense: FloatArray | None = None
    ) -> Snapshot:
        """Return a snapshot of all of the run, with text vectors; see `Snapshot.with_text`."""
        return self._whole.snapshot.with_text(matrix, made_by, nonsense)

    @cached_property
    def graph(self) -> Any:
        return self._whole.snapshot.graph

    @cached_property
    def names(self) -> NodeNames:
        return self._whole.snapshot.names


def _tried(histories: csr_matrix) -> csr_matrix:
    """Return some histories, and some halves of them, as ones."""
    rows = np.flatnonzero(np.diff(histories.indptr))[:_TRIED]
    some: csr_matrix = histories[rows].astype(np.float32)
    some.data[:] = 1.0
    half = some.copy()
    half.data[::2] = 0.0
    half.eliminate_zeros()
    return csr_matrix(vstack([some, half], format="csr"))


def _is_closed(settings: Mapping[str, Any]) -> bool:
    """Return whether a model, with all of its members, is one of `CLOSED_FORMS`."""
    if settings["name"] == "ensemble":
        return all(_is_closed(member) for member in settings["members"])
    return settings["name"] in CLOSED_FORMS


def _closed_form(folder: Path, told: Mapping[str, Any], log: Interactions) -> Model:
    arrays, _ = load_arrays(folder / "weights.safetensors")
    features = None
    if "user_table" in told["parts"]:
        from kgrec.models.user_content import user_features

        table = read_inputs(folder / "data", log.items, ["user_table"])[3]
        assert table is not None
        features = user_features(table.reindex(log.users))
    data = TrainingData(log, user_features=features)
    return _unfitted(told["settings"]).load_state(arrays, data)


def _unfitted(settings: Mapping[str, Any]) -> Model:
    """Return the model of some settings, in the way of `Config` but without PyTorch."""
    if settings["name"] == "ensemble":
        from kgrec.models.ensemble import Ensemble, EnsembleConfig

        own = {key: value for key, value in settings.items() if key != "members"}
        members = [_unfitted(member) for member in settings["members"]]
        return Ensemble(members, EnsembleConfig.model_validate(own))
    module, name = CLOSED_FORMS[settings["name"]]
    model: Model = getattr(import_module(module), name).model_validate(settings).build()
    return model


def _titles(folder: Path, items: Vocabulary) -> NodeNames:
    frame = read_frame(folder / "data" / "names.parquet", ["kind", "label"])
    labels = frame.loc[frame["kind"] == "item", "label"].tolist()
    if len(labels) != len(items):
        raise RunError(
            f"names.parquet does not fit the run: it has {len(labels)} of {len(items)} items."
        )
    return NodeNames({"item": labels}, {"item": items.ids})
