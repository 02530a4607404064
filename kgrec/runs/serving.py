"""What answers requests from a run folder: without the graph, and without PyTorch.

`serving.safetensors` holds the vectors of a link predictor; other models load their weights
themselves. All else of a run is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.sparse import csr_matrix, vstack

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import RunError, printable
from kgrec.explain.settings import ExplainConfig
from kgrec.graph.modalities import TEXT
from kgrec.graph.node_names import NodeNames
from kgrec.graph.settings import GraphConfig
from kgrec.models.base import Model, VectorModel
from kgrec.models.closed_forms import CLOSED_FORMS, closed_form_settings
from kgrec.models.stored_vectors import StoredVectors
from kgrec.models.training_data import TrainingData
from kgrec.outputs.tensors import load_arrays, save_arrays
from kgrec.recommender import Recommender
from kgrec.retrieval.compressed import Compressed
from kgrec.retrieval.filters import ItemColumns
from kgrec.retrieval.reranking import item_attributes
from kgrec.retrieval.settings import index_settings
from kgrec.runs.data_files import (
    read_absent,
    read_frame,
    read_histories,
    read_inputs,
    read_names,
    read_test_part,
)
from kgrec.runs.encoder_files import own_encoder
from kgrec.runs.manifest import (
    check_files_of_run,
    check_is_run,
    check_sizes_of_run,
    parts_of,
    read_manifest,
)
from kgrec.runs.needs import Needs, of_index
from kgrec.runs.reading import (
    CODES,
    allow_download,
    check_format,
    check_names,
    load_run,
    read_codes,
    read_drift,
    read_features,
    read_tree,
)
from kgrec.runs.search_files import read_taught
from kgrec.runs.search_items import read_search_items
from kgrec.snapshot import Derived, Inputs, Snapshot
from kgrec.snapshot.changes import Changes
from kgrec.snapshot.earlier import Earlier
from kgrec.snapshot.growth import Content
from kgrec.snapshot.histories import dislikes_of, histories_of
from kgrec.text.settings import TextConfig

if TYPE_CHECKING:
    from kgrec.graph.arrays import GraphArrays
    from kgrec.search.facts import ItemFacts
    from kgrec.search.taught import Taught

FILE: Final = "serving.safetensors"
_TRIED: Final = 256  # histories
_AT_ONCE: Final = (
    "about.json", "config.yaml", "data/users.parquet", "data/items.parquet",
    "data/histories.parquet", "data/names.parquet", "data/dislike*.parquet",
    "data/absen*.parquet",
)  # fmt: skip


def write_vectors(folder: Path, snapshot: Snapshot) -> None:
    """Write the vectors of a link predictor, also as a member, if its scores need no more.

    Raises:
        RunError: The file cannot be written.
    """
    from kgrec.training.link_prediction import LinkPrediction

    model = _with_vectors(snapshot.model)
    if isinstance(model, LinkPrediction):
        arrays = model.stored_vectors(_tried(snapshot.histories))
        if arrays is not None:
            save_arrays(folder / FILE, arrays)


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
    whole = _Whole(folder)
    # A folder that was copied in part is refused at once, and not by the first request that needs
    # what is missing; only what is read has its checksum compared.
    check_sizes_of_run(folder, whole.files)
    whole.check(*_AT_ONCE)
    config = read_tree(folder / "config.yaml")
    try:
        if FILE not in whole.files and not _is_light(config["model"]):
            return load_run(folder, download=download)[0]
        logs = read_histories(folder / "data")
        users, items = logs[0].users, logs[0].items
        model = _model(whole, config["model"], logs[0])
        # Where the run's texts are cached means nothing here.
        own = own_encoder(folder, whole.files)
        changed = {"cache": None, **({} if own is None else {"model": str(own)})}
        text = None if config["text"] is None else TextConfig(**{**config["text"], **changed})
        recommender = Recommender(
            text=text,
            graph=GraphConfig(**config["graph"]),
            explain=ExplainConfig(**config.get("explain", {})),
        )
        withdrawn, deleted = read_absent(folder / "data", len(users), len(items))
        snapshot = _RunSnapshot(
            model,
            users,
            items,
            histories_of(logs),
            recommender.inputs,
            Derived(),
            titles=_titles(folder, items),
            index_config=index_settings(config.get("index"), config.get("device")),
            disliked=dislikes_of(logs),
            warnings=tuple(about["warnings"]),
            drift=read_drift(folder, whole.files),
            withdrawn=withdrawn,
            deleted=deleted,
        )
        snapshot.read_later(whole, logs[0])
    except (ValueError, RuntimeError, LookupError, TypeError) as error:
        raise RunError(f"The parts of {folder} do not fit together: {error}") from error
    allow_download(recommender, download)
    return recommender.take(snapshot)


def index_needs(recommender: Recommender) -> list[Needs]:
    """Return what the index of a loaded recommender needs; empty: it is made already, or none is.

    A model whose score is no product of vectors has none.
    """
    now = recommender.snapshot
    model = now.model
    if "index" in vars(now) or not isinstance(model, VectorModel) or not model.scores_are_products:
        return []
    return [of_index(len(now.items), model.item_vectors.shape[1], now.index_config)]


def read_test(
    folder: Path, users: Vocabulary, items: Vocabulary, user: str | None = None
) -> Interactions:
    """Return the test part of a run, of all users or of one; empty if the run has none.

    It has no ratings and times.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / "data" / "interactions.parquet"
    if not path.exists():
        none = np.zeros(0, dtype=np.int64)
        return Interactions(users, items, none, none)
    check_files_of_run(folder, [f"data/{path.name}"])
    return read_test_part(path, users, items, user)


class _Whole:
    """All of a run, read when it is asked for.

    A file is checked when it is read, against the manifest that was there at the beginning: a run
    that has taken the place of this one since then is refused.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = read_manifest(folder)

    def check(self, *names: str) -> None:
        """Check files, and those whose names fit a pattern with `*`."""
        listed = [name for name in self.files if any(fnmatch(name, one) for one in names)]
        needed = [name for name in names if "*" not in name]
        check_files_of_run(self.folder, dict.fromkeys([*needed, *listed]), self.files)

    def inputs(self, items: Vocabulary, *wanted: str) -> Any:
        """Return graph, links and tables, those that are wanted; see `read_inputs`."""
        parts = [part for part in parts_of(self.files) if part in wanted]
        names = ["data/graph/manifest.json", "data/links.parquet"] if "graph" in parts else []
        for table in ("item_table", "user_table"):
            if table in parts:
                names += [f"data/{table}.parquet", f"data/{table}_*.parquet"]
        self.check(*names)
        return read_inputs(self.folder / "data", items, parts)

    @cached_property
    def snapshot(self) -> Snapshot:
        if read_manifest(self.folder) != self.files:
            raise RunError(
                f"{printable(str(self.folder))} holds another run than the one that was loaded. "
                "Load it again."
            )
        return load_run(self.folder)[0].snapshot

    def vector_model(self) -> VectorModel:
        model = _with_vectors(self.snapshot.model)
        assert isinstance(model, VectorModel)
        return model


class _RunSnapshot(Snapshot):
    """A snapshot whose parts are read from a run folder at their first use."""

    _whole: _Whole
    _given: Inputs  # settings alone
    _train: Interactions

    def read_later(self, whole: _Whole, train: Interactions) -> None:
        """Say where the parts are, and forget those that stand in for them."""
        self.__dict__.update(_whole=whole, _given=self.inputs, _train=train)
        for name in ("inputs", "derived", "interactions", "codes", "taught"):
            self.__dict__.pop(name)

    @cached_property
    def inputs(self) -> Inputs:
        parts = ("graph", "item_table", "user_table")
        kg, links, items, users = self._whole.inputs(self.items, *parts)
        return replace(self._given, kg=kg, links=links, items=items, users=users)

    @cached_property
    def interactions(self) -> tuple[Interactions, ...]:
        return self._whole.snapshot.interactions

    @cached_property
    def derived(self) -> Derived:
        self._whole.check("features.safetensors", "words.safetensor*", "data/words.parque*")
        key = ("item", TEXT)
        return read_features(self._whole.folder, len(self.items), only=key)

    @cached_property
    def codes(self) -> Compressed | None:
        if CODES in self._whole.files:
            self._whole.check(CODES)
        return read_codes(self._whole.folder, self._whole.files)

    @cached_property
    def taught(self) -> Taught | None:
        self._whole.check("search.jso*", "search.safetensor*")
        return read_taught(self._whole.folder, self._whole.files, len(self.items))

    @property
    def explain(self) -> ExplainConfig:
        return self._given.explain

    @property
    def languages(self) -> tuple[str, ...]:
        return self._given.languages

    @cached_property
    def item_facts(self) -> ItemFacts:
        from kgrec.snapshot.searching import facts_of

        self._whole.check("search_items.safetensor*", "data/search_*.parquet")
        titles = [self.title(row) for row in range(len(self.items))]
        stored = read_search_items(self._whole.folder, self._whole.files, titles)
        if stored is not None:
            return stored
        kg, links, table, _ = self._whole.inputs(self.items, "graph", "item_table")
        return facts_of(self, replace(self._given, kg=kg, links=links, items=table))

    def with_taught(self, taught: Taught) -> Snapshot:
        """Return the snapshot with what example queries taught."""
        made = copy(self)
        made.__dict__.pop("taste", None)
        made.__dict__["taught"] = taught
        return made

    @cached_property
    def item_columns(self) -> ItemColumns:
        kg, links, table, _ = self._whole.inputs(self.items, "graph", "item_table")
        return ItemColumns(self.items, table, kg, links, self.languages)

    def _attributes(self) -> csr_matrix | None:
        kg, links, table, _ = self._whole.inputs(self.items, "graph", "item_table")
        return item_attributes(self.items, table, kg, links)

    def changed_by(self, asked: Changes, content: Content) -> Snapshot:
        """Return a snapshot with more data, made from all of the run; see `Snapshot.update`."""
        # The model that answers stays: what it has computed ahead stays, too.
        whole = replace(
            self._whole.snapshot, model=self.model, earlier=Earlier.of(vars(self), self.earlier)
        )
        return whole.changed_by(asked, content)

    def _with_derived(self, derived: Derived) -> Snapshot:
        made = copy(self)
        for name in ("semantic_search", "taste", "towers"):
            made.__dict__.pop(name, None)
        made.__dict__["derived"] = derived
        return made

    @cached_property
    def arrays(self) -> GraphArrays:
        from kgrec.graph.arrays import graph_arrays, without_edges_of

        of = self.inputs
        graph = graph_arrays(
            self._train, of.kg, of.links, items=of.items, users=of.users, config=of.config
        )
        return graph if self.withdrawn is None else without_edges_of(graph, self.withdrawn)

    @cached_property
    def array_names(self) -> NodeNames:
        self._whole.check("data/names.parquet", "data/relations.parquet")
        names = read_names(self._whole.folder / "data")
        check_names(names, self.arrays.sizes)
        return replace(names, ids=self.arrays.ids)

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


def _is_light(settings: Mapping[str, Any]) -> bool:
    """Return whether a model needs no PyTorch, apart from a link predictor with its vectors."""
    if settings["name"] == "ensemble":
        return all(_is_light(member) for member in settings["members"])
    return settings["name"] == "auto" or settings["name"] in CLOSED_FORMS


def _with_vectors(model: Model) -> Model:
    """Return the model whose vectors are stored: the link predictor among the members, if any."""
    members = getattr(model, "members", ()) if model.name == "auto" else ()
    return next((one for one in members if one.name == "link_prediction"), model)


def _model(whole: _Whole, settings: Mapping[str, Any], log: Interactions) -> Model:
    """Return the model of a run: its vectors, or a closed form with its weights."""
    model: Any = None
    if FILE not in whole.files or settings["name"] == "auto":
        model = _unfitted(settings)
    if FILE in whole.files:
        whole.check(FILE)
        stored = StoredVectors(
            "link_prediction" if model else settings["name"],
            load_arrays(whole.folder / FILE)[0],
            whole.vector_model,
        )
        sizes = len(stored.user_vectors), len(stored.item_vectors)
        if sizes != (log.num_users, log.num_items):
            raise RunError(f"{whole.folder / FILE} does not fit the users and items of the run.")
        if model is None:
            return stored
        model.predictor = stored
    whole.check("weights.safetensors")
    arrays = load_arrays(whole.folder / "weights.safetensors")[0]
    features = None
    table = whole.inputs(log.items, "user_table")[3]
    if table is not None:
        from kgrec.models.user_content import user_features

        features = user_features(table.reindex(log.users))
    fitted: Model = model.load_state(arrays, TrainingData(log, user_features=features))
    return fitted


def _unfitted(settings: Mapping[str, Any]) -> Model:
    """Return the model of some settings, in the way of `Config` but without PyTorch."""
    if settings["name"] == "ensemble":
        from kgrec.models.ensemble import Ensemble, EnsembleConfig

        own = {key: value for key, value in settings.items() if key != "members"}
        members = [_unfitted(member) for member in settings["members"]]
        return Ensemble(members, EnsembleConfig.model_validate(own))
    if settings["name"] == "auto":
        from kgrec.auto.auto import Auto, AutoConfig

        return Auto(AutoConfig.model_validate(settings))
    return closed_form_settings(settings).build()


def _titles(folder: Path, items: Vocabulary) -> NodeNames:
    frame = read_frame(folder / "data" / "names.parquet", ["kind", "label"])
    labels = frame.loc[frame["kind"] == "item", "label"].tolist()
    if len(labels) != len(items):
        raise RunError(
            f"names.parquet does not fit the run: it has {len(labels)} of {len(items)} items."
        )
    return NodeNames({"item": labels}, {"item": items.ids})
