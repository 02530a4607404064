"""What a stage takes for each of its rows on this machine: the slopes that kgrec tells time by.

Each stage runs at two sizes, each a process of its own with one thread; the slope is that of the
larger one, and both are stored, so that it can be seen whether the time grows as the formula says.
Seconds are those of the processor, so that other work on the machine counts little. Bytes are what
a process has at most of its own (RssAnon, looked up fifty times a second) above what it had before.

    python experiments/slopes.py [--only graph encoding …]

Writes experiments/results/slopes.json. The constants in `kgrec/runs/needs.py`,
`kgrec/runs/text_needs.py` and `kgrec/models/costs.py` are these figures, rounded; a test compares
them. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # the packaged weights
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from bench_vocabulary import Watch

import kgrec
from kgrec.data.interactions import Interactions
from kgrec.files import write_json
from kgrec.models.costs import meetings
from kgrec.models.low_rank import LowRankConfig
from kgrec.models.training_data import TrainingData
from kgrec.runs import text_needs
from kgrec.testing import log_from_pairs

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "slopes.json"
WORDS = [
    "the", "of", "and", "film", "story", "love", "war", "night", "city", "young", "woman", "man",
    "family", "dead", "secret", "last", "king", "directed", "written", "stars", "American",
    "drama", "comedy", "about", "journey", "against", "house", "street", "river", "investigation",
    "extraordinary", "misunderstanding", "photographer", "adventures", "Casablanca",
]  # fmt: skip


def log_of(users: int, items: int, each: int) -> Interactions:
    """Return a log in which each user has about so many items, popular ones more often."""
    rng = np.random.default_rng(0)
    chosen = (rng.random((users, each)) ** 2 * items).astype(np.int64)
    pairs = np.unique(np.column_stack([np.repeat(np.arange(users), each), chosen.ravel()]), axis=0)
    return log_from_pairs(pairs.tolist(), users, items)


def texts_of(count: int, words: int) -> list[str]:
    """Return texts of so many words."""
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, words)) + f" {place}" for place in range(count)]


def fitting(model: Any, unit: Callable[[TrainingData], float]) -> Callable[..., dict[str, Any]]:
    """Return a stage that fits a model; a unit is what its time is told by."""

    def measured(users: int, items: int, each: int) -> dict[str, Any]:
        data = TrainingData(log_of(users, items, each))
        if model.config.name == "ials":
            model.fit(TrainingData(log_of(50, 40, 5)))  # loads the library
        with Watch() as watch:
            model.fit(data)
        told = model.memory_to_fit(data)
        return {**watch.figures(), "told_bytes": told, "units": unit(data)}

    return measured


def graph(users: int, items: int, entities: int) -> dict[str, Any]:
    """Build the graph of ten interactions a user and twenty statements an item."""
    from kgrec.graph.build import build_graph

    rng = np.random.default_rng(0)
    log = log_of(users, items, 10)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.nt"
        with path.open("w") as file:
            for item in range(items):
                for place in rng.integers(0, entities, 20).tolist():
                    file.write(
                        f"<http://e.org/i{item}> <http://e.org/r{place % 10}> "
                        f"<http://e.org/e{place}> .\n"
                    )
        kg = kgrec.KnowledgeGraph.read(path)
    table = pd.DataFrame({"item_id": log.items.ids})
    table["iri"] = [f"http://e.org/i{place}" for place in range(items)]
    links = kgrec.link(log.items, kg, table)
    build_graph(log_of(50, 40, 5))  # loads PyTorch
    with Watch() as watch:
        build_graph(log, kg, links)
    return {**watch.figures(), "units": len(log) + len(kg.triples)}


def evaluating(users: int, items: int, each: int) -> dict[str, Any]:
    """Rank all items for all users by vectors, and measure."""
    from kgrec.evaluation.evaluate import evaluate

    train = log_of(users, items, each)
    model = kgrec.LowRank(LowRankConfig(dim=64)).fit(TrainingData(train))
    rng = np.random.default_rng(1)
    held = log_from_pairs(
        np.column_stack([np.arange(users), rng.integers(0, items, users)]).tolist(), users, items
    )
    evaluate(model, held.select(np.arange(10)), exclude=train)
    with Watch() as watch:
        evaluate(model, held, exclude=train)
    return {**watch.figures(), "units": users * items, "users": users}


def index(items: int, dim: int) -> dict[str, Any]:
    """Make codes for an approximate index."""
    from kgrec.retrieval.approximate import ApproximateIndex

    vectors = np.random.default_rng(0).normal(size=(items, dim)).astype(np.float32)
    ApproximateIndex(vectors[:20_000].copy())
    with Watch() as watch:
        ApproximateIndex(vectors)
    return {**watch.figures(), "units": items * dim}


def encoding(precision: str, threads: int, count: int) -> dict[str, Any]:
    """Encode texts of a hundred words with the default encoder; seconds are those of a thread."""
    import torch

    torch.set_num_threads(threads)
    encoder = kgrec.TextEncoder(precision=precision)  # type: ignore[arg-type]
    texts = texts_of(count, 100)
    encoder.encode(texts[:64])
    tokens = sum(map(len, encoder._forward.module.tokenize(texts)))
    with Watch() as watch:
        encoder.encode(texts)
    weights = text_needs.weights_of_layers(encoder.files)
    return {
        **watch.figures(),
        "units": tokens * weights,
        "characters_a_token": sum(map(len, texts)) / tokens,
    }


def tuning(regime: str, precision: str, batch: int) -> dict[str, Any]:
    """Train the default encoder for three steps with texts of about 125 tokens."""
    from kgrec.settings import make_settings
    from kgrec.text.model_files import find_model
    from kgrec.text.tuning.optimizing import Optimizer
    from kgrec.text.tuning.settings import TextTuning
    from kgrec.text.tuning.tower import Tower

    files = find_model("all-MiniLM-L6-v2")
    tree = {"regime": regime, "max_length": 128, "precision": precision, "token_budget": 8192}
    settings = make_settings(TextTuning, tree, "slopes")
    with tempfile.TemporaryDirectory() as folder:
        tower = Tower(files, settings, Path(folder))
        optimizer = Optimizer(tower, {}, settings, 10)
        corpus = tower.corpus(texts_of(4 * batch, 100))
        tower.train()

        def step(place: int) -> None:
            tower(corpus, np.arange(batch) + place * batch).sum().backward()
            optimizer.step()

        with Watch() as first:
            step(0)
        with Watch() as watch:
            for place in range(1, 4):
                step(place)
    depth = int(tower.module.model.config.num_hidden_layers)
    layers = 2 if regime == "top_layers" else depth
    tokens = float(corpus.lengths.mean()) * batch
    trained = sum(value.numel() for value in tower.trained.values())
    width = int(tower.module.model.config.hidden_size)
    weights = text_needs.weights_of_layers(files) * layers / depth
    return {
        **watch.figures(),
        "units": 3 * tokens * weights,
        # Adam's moments are made in the first step, and gradients go after each.
        "bytes_of_states": max(first.peak, watch.peak) - 12 * trained,
        "states": tokens * width * layers,
    }


STAGES: dict[str, tuple[Callable[..., dict[str, Any]], list[tuple[Any, ...]]]] = {
    "ease": (
        fitting(
            kgrec.EASE(), lambda data: float(min(data.train.num_users, data.train.num_items)) ** 3
        ),
        [(3000, 1500, 40), (6000, 3000, 40)],
    ),
    "item_knn": (
        fitting(kgrec.ItemKNN(), lambda data: meetings(data.train)),
        [(5000, 2500, 20), (20_000, 10_000, 20)],
    ),
    "ials": (
        fitting(
            kgrec.IALS(),
            lambda data: (
                20 * (64 * len(data.train) + 64**2 * (data.train.num_users + data.train.num_items))
            ),
        ),
        [(5000, 2500, 20), (20_000, 10_000, 20)],
    ),
    "low_rank": (
        fitting(kgrec.LowRank(), lambda data: float(len(data.train))),
        [(5000, 2500, 20), (20_000, 10_000, 20)],
    ),
    "graph": (graph, [(5_000, 2_500, 5_000), (50_000, 25_000, 50_000)]),
    "evaluating": (evaluating, [(5_000, 10_000, 10), (20_000, 20_000, 10)]),
    "index": (index, [(100_000, 64), (500_000, 64)]),
    "encoding": (
        encoding,
        [("float32", 1, 150), ("float32", 2, 150), ("int8", 1, 150)],
    ),
    "tuning": (
        tuning,
        [
            (regime, "float32", batch)
            for regime in ("full", "top_layers", "lora")
            for batch in (4, 8)
        ],
    ),
}


def in_a_process(stage: str, place: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--stage", stage, "--place", str(place)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    slope = found["cpu_seconds"] / found["units"]
    return {"size": STAGES[stage][1][place], **found, "slope": slope}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage is not None:
        run, sizes = STAGES[args.stage]
        print(json.dumps(run(*sizes[args.place])))
        return
    from kgrec.runs.about import about

    known = json.loads(RESULTS.read_text())["stages"] if RESULTS.exists() else {}
    for stage in args.only:
        known[stage] = [in_a_process(stage, place) for place in range(len(STAGES[stage][1]))]
        print(stage, json.dumps(known[stage], indent=1), flush=True)
    write_json(RESULTS, {"stages": known, "about": about(0)})


if __name__ == "__main__":
    main()
