"""Run folders: everything that a trained recommender is, in files that execute nothing.

config.yaml          the resolved config
about.json           kgrec's version, versions of libraries, machine, seed, date, seconds
metrics.json         validation figures and what the training took
log.txt              what was read, linked and trained
curve.json, curve.png the validation curve
weights.safetensors  what was learned
features.safetensors text vectors by node type
numbers.json         how numbers, dates and durations were normalised
data/                interactions, catalogue, tables, links (Parquet), graph (Parquet + JSON)
checkpoint.safetensors where training stands, for --resume
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from kgrec.choices import choice_of, make_untrained
from kgrec.config import Config, dump_config, make_config
from kgrec.data.attribute_table import AttributeTable, Category
from kgrec.data.interactions import Interactions
from kgrec.data.splits import PARTS, Split
from kgrec.data.vocabulary import Vocabulary
from kgrec.datasets.loading import Dataset
from kgrec.errors import ConfigError, DataError, RunError, printable
from kgrec.files import write_atomically, write_json
from kgrec.graph.numeric import NumberScales
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import LinkReport, Links
from kgrec.models.base import Model
from kgrec.recommender import Recommender
from kgrec.text.cache import EmbeddingCache
from kgrec.training.checkpoint import load_tensors, save_tensors
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

_LIBRARIES = (
    "torch",
    "torch-geometric",
    "transformers",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pyoxigraph",
    "rdflib",
)


def make_model(config: Config, folder: Path | None = None, *, resume: bool = False) -> Model:
    """Return the model that a config names, not fitted.

    Args:
        config: The config.
        folder: Run folder for checkpoints; None: none are written.
        resume: Whether training goes on from the checkpoint there.
    """
    choice = config.seeded_model()
    if isinstance(choice, LinkPredictionConfig):
        checkpoint = None if folder is None else folder / "checkpoint.safetensors"
        settings = LinkPredictionConfig(**choice.model_dump(exclude={"name"}))
        return LinkPrediction(settings, checkpoint=checkpoint, resume=resume)
    if resume:
        raise ConfigError(f"The model {choice.name} has no checkpoints; --resume is not for it.")
    return make_untrained(choice)


def make_recommender(config: Config, dataset: Dataset, model: Model, **options: Any) -> Recommender:
    """Return the recommender of a config around `model`, not fitted.

    Args:
        config: The config.
        dataset: The data.
        model: The model.
        options: Further arguments of `Recommender`, such as `progress`.
    """
    if config.text is not None and config.text.cache is not None:
        options["cache"] = EmbeddingCache(config.text.cache)
    return Recommender(
        dataset.kg,
        dataset.links,
        model=model,
        items=dataset.items,
        users=dataset.users,
        text=config.text,
        graph=config.graph,
        **options,
    )


def about(seed: int) -> dict[str, Any]:
    """Return what a result file must say of how it came about: versions, machine, seed, date."""
    return {
        "kgrec": metadata.version("kgrec"),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _LIBRARIES},
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "threads": torch.get_num_threads(),
        },
        "seed": seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


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
    try:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        if recommender.kg is not None:
            recommender.kg.save(folder / "data" / "graph")
        _save_tables(folder / "data", recommender, split)
        _remove_leftovers(folder, recommender)
    except OSError as error:
        raise RunError(f"The run folder {folder} cannot be written: {error}") from error
    state = {name: torch.from_numpy(np.array(v)) for name, v in recommender.model.state().items()}
    save_tensors(folder / "weights.safetensors", state, {"model": config.model.name})
    features = {
        kind: recommender.graph[kind].text
        for kind in recommender.graph.node_types
        if "text" in recommender.graph[kind]
    }
    save_tensors(folder / "features.safetensors", features, {})
    write_json(folder / "numbers.json", recommender.graph.scales.to_list())
    write_atomically(folder / "config.yaml", [dump_config(config)])
    write_json(folder / "about.json", about(config.seed))
    write_json(folder / "metrics.json", metrics)
    write_atomically(folder / "log.txt", [f"{line}\n" for line in log])


def _remove_leftovers(folder: Path, recommender: Recommender) -> None:
    """Remove what another run has left in the folder, and what was measured on it."""
    stale = [*folder.glob("evaluation_*.json"), *folder.glob("curve.*")]
    if recommender.kg is None:
        stale.append(folder / "data" / "links.parquet")
        if (folder / "data" / "graph").is_dir():
            shutil.rmtree(folder / "data" / "graph")
    for name, table in (("item", recommender.items), ("user", recommender.users)):
        if table is None:
            stale += (folder / "data").glob(f"{name}_table*.parquet")
    if not isinstance(recommender.model, LinkPrediction):
        stale.append(folder / "checkpoint.safetensors")
    for path in stale:
        path.unlink(missing_ok=True)


def load_run(folder: str | Path) -> tuple[Recommender, Config, Split]:
    """Load what `save_run` wrote, without the files that it was trained from.

    Raises:
        RunError: The folder is no run folder, a file of it is missing or damaged.
    """
    folder = Path(folder)
    if not (folder / "config.yaml").is_file():
        raise RunError(
            f"{folder} is no run folder: it has no config.yaml. `kgrec train CONFIG.yaml --out "
            f"{folder}` makes one."
        )
    try:
        tree = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        config = make_config(tree, str(folder / "config.yaml"))
    except (OSError, yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        raise RunError(f"{folder / 'config.yaml'} is damaged: {error}") from error
    missing = [key for key in Config.model_fields if key not in tree]
    if missing:
        raise RunError(f"{folder / 'config.yaml'} is damaged: it lacks the key {missing[0]!r}.")
    state, _ = load_tensors(folder / "weights.safetensors")
    features, _ = load_tensors(folder / "features.safetensors")
    try:
        dataset = _load_tables(folder / "data", config)
        split = dataset.split
        recommender = make_recommender(config, dataset, make_model(config))
        recommender.prepare(
            split.train,
            split.valid if len(split.valid) else None,
            features={kind: value.numpy() for kind, value in features.items()},
            scales=_load_scales(folder / "numbers.json"),
        )
        arrays = {name: value.numpy() for name, value in state.items()}
        recommender.model.load_state(arrays, recommender.data)
    except (ValueError, RuntimeError, LookupError, TypeError) as error:
        raise RunError(f"The parts of {folder} do not fit together: {error}") from error
    return recommender, config, split


def _load_scales(path: Path) -> NumberScales:
    try:
        return NumberScales.from_list(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise RunError(f"The run folder lacks {printable(str(path))}.") from error
    except (OSError, ValueError, RecursionError, DataError) as error:
        raise RunError(f"{printable(str(path))} is damaged: {printable(str(error))}") from error


def save(recommender: Recommender, folder: str | Path) -> None:
    """Write a fitted recommender to a folder, whatever its model; `load` reads it again.

    The folder is a run folder without a test part, so the commands that take one work on it too.

    Raises:
        RunError: A file cannot be written, or the recommender was not fitted.
    """
    if not recommender.known:
        raise RunError("The recommender was not fitted. Call fit() first.")
    model = recommender.model
    config = make_config(
        {
            "data": {},
            "seed": getattr(getattr(model.config, "training", None), "seed", 0),
            "text": recommender.text_config,
            "graph": recommender.graph_config,
            "model": choice_of(model),
        }
    )
    train = recommender.known[0]
    none = train.select(np.zeros(0, dtype=np.int64))
    valid = recommender.known[1] if len(recommender.known) > 1 else none
    cold = len(valid) > 0 and not len(np.intersect1d(valid.item, train.item))
    split = Split(train, valid, none, "cold_items" if cold else "random")
    save_run(Path(folder), recommender, config, split, metrics={})


def load(folder: str | Path) -> Recommender:
    """Read a recommender that `save` or `kgrec train` wrote.

    Raises:
        RunError: The folder is no run folder, a file of it is missing or damaged.
    """
    return load_run(folder)[0]


def _save_tables(folder: Path, recommender: Recommender, split: Split) -> None:
    users, items = recommender.user_vocabulary, recommender.item_vocabulary
    split = split.reindex(users, items)
    parts = [split.part(name).to_pandas().assign(part=name) for name in PARTS]
    pd.concat(parts, ignore_index=True).assign(kind=split.kind).to_parquet(
        folder / "interactions.parquet"
    )
    pd.DataFrame({"id": users.ids}).to_parquet(folder / "users.parquet")
    pd.DataFrame({"id": items.ids}).to_parquet(folder / "items.parquet")
    if recommender.links is not None:
        links = recommender.links
        pd.DataFrame(
            {
                "item": links.item,
                "entity": links.entity,
                "confidence": links.confidence,
                "method": list(links.method),
            }
        ).to_parquet(folder / "links.parquet")
    for name, table in (("item", recommender.items), ("user", recommender.users)):
        if table is not None:
            _save_table(folder / f"{name}_table", table)


def _save_table(stem: Path, table: AttributeTable) -> None:
    frame = pd.DataFrame({"id": table.ids.ids})
    if table.titles:
        frame["title"] = list(table.titles)
    for column, values in table.numbers.items():
        frame[f"number:{column}"] = values
    for column, category in table.categories.items():
        frame[f"category:{column}"] = np.bincount(category.row, minlength=len(frame))
    frame.to_parquet(stem.with_suffix(".parquet"))
    pairs = [
        pd.DataFrame(
            {"column": column, "row": category.row, "value": category.values.take(category.value)}
        )
        for column, category in table.categories.items()
    ]
    empty = pd.DataFrame({"column": [], "row": [], "value": []}).astype(
        {"column": str, "row": "int64", "value": str}
    )
    pd.concat([empty, *pairs], ignore_index=True).to_parquet(
        stem.with_name(f"{stem.name}_categories.parquet")
    )


def _load_tables(folder: Path, config: Config) -> Dataset:
    users = Vocabulary(_frame(folder / "users.parquet", ["id"])["id"].tolist(), "user")
    items = Vocabulary(_frame(folder / "items.parquet", ["id"])["id"].tolist(), "item")
    frame = _frame(folder / "interactions.parquet", ["user_id", "item_id", "part", "kind"])
    logs = []
    for name in PARTS:
        part = frame[frame["part"] == name]
        logs.append(
            Interactions(
                users,
                items,
                users.rows(part["user_id"].tolist()),
                items.rows(part["item_id"].tolist()),
                _numbers(part, "rating", np.float32),
                _numbers(part, "timestamp", np.int64),
            )
        )
    kind = str(frame["kind"].iloc[0]) if len(frame) else "random"
    kg, links = None, None
    data = config.data
    if data.graph is not None or data.format == "recbole" or (folder / "graph").exists():
        kg = KnowledgeGraph.load(folder / "graph")
        columns = ["item", "entity", "confidence", "method"]
        found = _frame(folder / "links.parquet", columns)
        report = LinkReport(num_items=len(items), linked=found["item"].nunique())
        links = Links(
            items,
            found["item"].to_numpy(np.int64),
            found["entity"].to_numpy(np.int64),
            found["confidence"].to_numpy(np.float32),
            tuple(found["method"]),
            report,
        )
    tables = [
        _load_table(folder / f"{name}_table", name, required=table is not None)
        for name, table in (("item", data.items), ("user", data.users))
    ]
    return Dataset(Split(logs[0], logs[1], logs[2], kind), kg, links, tables[0], tables[1])


def _numbers(part: pd.DataFrame, column: str, dtype: Any) -> Any:
    """Return a column, or None where this part of the split never had it."""
    if column not in part or part[column].isna().any():
        return None
    return part[column].to_numpy(dtype)


def _load_table(stem: Path, name: str, *, required: bool) -> AttributeTable | None:
    path = stem.with_suffix(".parquet")
    if not path.exists() and not required:
        return None
    frame = _frame(path, ["id"])
    pairs = _frame(stem.with_name(f"{stem.name}_categories.parquet"), ["column", "row", "value"])
    categories = {}
    for column in _columns(frame, "category:"):
        group = pairs[pairs["column"] == column]
        values = Vocabulary.from_ids(group["value"].tolist(), column)
        row = group["row"].to_numpy(np.int64)
        inside = bool(((row >= 0) & (row < len(frame))).all())
        counts = np.bincount(row[(row >= 0) & (row < len(frame))], minlength=len(frame))
        if not inside or not np.array_equal(counts, frame[f"category:{column}"]):
            raise RunError(f"{path} is damaged: its categories {column!r} do not fit it.")
        categories[column] = Category(values, row, values.rows(group["value"].tolist()))
    numbers = {
        column: frame[f"number:{column}"].to_numpy(np.float64)
        for column in _columns(frame, "number:")
    }
    titles = tuple(frame["title"]) if "title" in frame else ()
    return AttributeTable(Vocabulary(frame["id"].tolist(), name), titles, categories, numbers)


def _columns(frame: pd.DataFrame, prefix: str) -> list[str]:
    names = [str(name) for name in frame.columns]
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _frame(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        # The columns alone: what pandas notes beside them is not needed and may be damaged.
        frame: pd.DataFrame = pq.read_table(path).replace_schema_metadata().to_pandas()
    except FileNotFoundError as error:
        raise RunError(f"The run folder lacks {path}.") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise RunError(f"{path} is damaged: it lacks the column {missing[0]!r}.")
    return frame
