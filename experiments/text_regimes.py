"""What the regimes of tuning are worth on `cold_items`, on shuffled data, and on other films.

    python experiments/text_regimes.py [--only full lora …] [--seeds 1] [--encoders FOLDER]

Each case trains the packaged MiniLM with the task `interactions` on the training part of
`cold_items`, by SETTINGS and a regime. Validation chooses the epoch; the test part is used once for
each case and seed. Measured are the encoder's vectors alone: a user is the mean of the vectors of
liked training items, items are ranked by cosine, NDCG@10. Texts are those of the config, at most
128 tokens of each: title, genres, relations of the graph, description.

* `known films alone` trains the last two layers with EASE's scores (`targets: ease`).
* `as it was` is MiniLM before any training.
* `shuffled interactions` trains on pairs whose items were drawn anew: users and items keep their
  numbers of interactions. `shuffled texts` gives each item the text of another one. The encoder is
  then measured with the right histories and texts.
* `other films`: the ratings of redial-films, without its films whose title the training part of
  `cold_items` has, of whatever year. Of the others, a fifth (drawn with seed 0) is new: they
  are ranked for users who liked one of them, by what else they liked. Nothing is trained there.

Each case is a process of its own, whose CPU seconds and peak memory (VmHWM) are told. Encoders are
written to --encoders. Writes experiments/results/text_regimes.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.config import Config, load_config, make_config
from kgrec.data.interactions import Interactions
from kgrec.datasets.loading import load_dataset
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.evaluate import evaluate
from kgrec.evaluation.significance import paired_tests
from kgrec.files import write_json
from kgrec.models.base import unit_rows
from kgrec.models.popular import MostPopular
from kgrec.runs.about import about
from kgrec.runs.encoder_quality import MeanOfLiked, measure_vectors
from kgrec.runs.making import make_recommender
from kgrec.runs.text_tuning import item_texts, make_task, prepared_data
from kgrec.snapshot import Prepared
from kgrec.text.cache import default_cache_folder
from kgrec.text.model_files import find_model
from kgrec.text.tuning.loop import Tuner
from kgrec.text.tuning.tower import Tower

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "text_regimes.json"
MODEL = "all-MiniLM-L6-v2"
SETTINGS: dict[str, Any] = {
    "projection": 384, "max_length": 128, "epochs": 5, "patience": 5, "learning_rate": 1e-4,
    "projection_rate": 3e-3, "token_budget": 8192, "dropout": 0.1,
    "tasks": [{"name": "interactions", "targets": "content", "batch_items": 64,
               "batch_users": 512}],
}  # fmt: skip
REGIMES: dict[str, dict[str, Any]] = {
    "frozen": {"name": "frozen"},
    "top_layers": {"name": "top_layers", "n": 2},
    "lora": {"name": "lora", "r": 16, "alpha": 32.0},
    "full": {"name": "full"},
}
SHUFFLED = {"shuffled interactions": "top_layers", "shuffled texts": "top_layers"}
KNOWN = "known films alone"
CASES = {**{name: name for name in REGIMES}, **SHUFFLED, KNOWN: "top_layers"}


def config_of(name: str, seed: int) -> Config:
    """Return the config of a case."""
    tree = load_config(HERE / "tune_cold_items.yaml").model_dump(exclude_unset=True, mode="json")
    regime = REGIMES[CASES[name]]
    more = {"learning_rate": 3e-4} if regime["name"] == "lora" else {}
    if name == KNOWN:
        more = {"tasks": [{**SETTINGS["tasks"][0], "targets": "ease"}]}
    tree["text"] = {"tuning": {**SETTINGS, **more, "regime": regime}}
    tree["data"]["root"] = str((HERE.parent / tree["data"]["root"]).resolve())
    return make_config({**tree, "seed": seed})


def drawn_anew(log: Interactions, seed: int) -> Interactions:
    """Return a log whose items change places among the pairs; a pair that comes twice is one."""
    mixed = np.random.default_rng(seed).permutation(log.item)
    pairs = np.unique(np.stack([log.user, mixed]), axis=1)
    return Interactions(log.users, log.items, pairs[0], pairs[1])


def train(name: str, seed: int, out: Path) -> dict[str, Any]:
    """Train a case, write its encoder, and return its figures."""
    config = config_of(name, seed)
    assert config.text is not None
    settings = config.text.tuning
    assert settings is not None
    dataset = load_dataset(config.data, config.seed)
    recommender = make_recommender(config, dataset, MostPopular())
    prepared = prepared_data(recommender.inputs, dataset.split)
    texts = item_texts(prepared, config.text)
    split = dataset.split.reindex(prepared.data.train.users, prepared.data.train.items)
    learnt, shown = prepared, list(texts)
    if name == "shuffled interactions":
        learnt = with_train(prepared, drawn_anew(prepared.data.train, seed))
    if name == "shuffled texts":
        shown = [texts[row] for row in np.random.default_rng(seed).permutation(len(texts))]
    tower = Tower(find_model(MODEL), settings, default_cache_folder(os.environ), seed=seed)
    tasks = [make_task(one, learnt, split, shown, config, tower) for one in settings.tasks]
    trained = sum(value.numel() for value in tower.trained.values())
    began = time.process_time()
    progress = Tuner(tower, tasks, settings, seed).run(lambda figures: print(figures, flush=True))
    seconds = time.process_time() - began
    vectors = tower.vectors(tower.corpus(texts))
    found = {
        part: measure_vectors(vectors, split, part).metrics["ndcg@10"] for part in ("valid", "test")
    }
    tower.save(out)
    return {
        **found,
        "before": progress.curve[0]["ndcg@10"],
        "curve": [one["ndcg@10"] for one in progress.curve],
        "best_epoch": progress.best_epoch,
        "share_of_parameters": trained / tower.num_parameters,
        "cpu_seconds": seconds,
        "peak_bytes": _peak(),
        "precision": tower.precision,
    }


def as_it_was() -> dict[str, float]:
    """Return the figures of MiniLM before any training, with the same texts."""
    from kgrec.text import TextEncoder

    config = config_of("frozen", 0)
    assert config.text is not None
    dataset = load_dataset(config.data, config.seed)
    recommender = make_recommender(config, dataset, MostPopular())
    prepared = prepared_data(recommender.inputs, dataset.split)
    encoder = TextEncoder(MODEL, max_length=SETTINGS["max_length"])
    vectors = encoder.encode(item_texts(prepared, config.text))
    split = dataset.split.reindex(prepared.data.train.users, prepared.data.train.items)
    return {
        part: measure_vectors(vectors, split, part).metrics["ndcg@10"] for part in ("valid", "test")
    }


def with_train(prepared: Prepared, train: Interactions) -> Prepared:
    return replace(prepared, data=replace(prepared.data, train=train))


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


class OtherFilms:
    """New films of redial-films that the training part of `cold_items` does not know."""

    @cached_property
    def config(self) -> Config:
        """The config of the films."""
        tree = load_config(HERE / "redial_films.yaml").model_dump(exclude_unset=True, mode="json")
        tree["data"]["root"] = str((HERE.parent / tree["data"]["root"]).resolve())
        tree.pop("search", None)
        return make_config({**tree, "text": {}})

    @cached_property
    def _data(self) -> tuple[Prepared, list[str], Interactions, Interactions]:
        data = load_dataset(self.config.data, 0)
        recommender = make_recommender(self.config, data, MostPopular())
        prepared = prepared_data(recommender.inputs, data.split)
        assert self.config.text is not None
        log, names = prepared.data.train, prepared.inputs.names(prepared.data.graph)
        known = _titles_of_cold_items()
        texts = item_texts(prepared, self.config.text)
        fresh = np.array(
            [_key(names.node("item", row)) not in known for row in range(log.num_items)]
        )
        rated = np.bincount(log.item, minlength=log.num_items) > 0
        rows = np.flatnonzero(fresh & rated)
        drawn = np.random.default_rng(0).permutation(rows)[: len(rows) // 5]
        new = np.isin(log.item, drawn)
        return prepared, texts, log.select(~new), log.select(new)

    def measure(self, encoder: str) -> Evaluation:
        """Return the evaluation of an encoder's vectors alone."""
        from kgrec.text import TextEncoder

        _, texts, liked, new = self._data
        vectors = TextEncoder(encoder, max_length=128).encode(texts)
        rows = np.unique(new.item)
        # What all texts have in common goes, for all encoders alike.
        vectors = unit_rows(unit_rows(vectors) - unit_rows(vectors).mean(0))
        model = MeanOfLiked(vectors, csr_matrix(liked.matrix(), dtype=np.float32))
        return evaluate(model, new, exclude=[liked], candidates=rows, k=(10, 20))


def _titles_of_cold_items() -> set[str]:
    config = config_of("frozen", 0)
    data = load_dataset(config.data, 0)
    train, table = data.split.train, data.items
    assert table is not None
    known = set(train.items.take(np.unique(train.item)))
    titles = zip(table.ids.ids, table.titles, strict=True)
    return {_key(title) for id, title in titles if id in known}


def _key(title: str) -> str:
    """Return a title in small letters, without its year, articles and marks."""
    plain = title.rsplit(" (", 1)[0].lower()
    for article in ("the", "a", "an"):
        plain = plain.removesuffix(f", {article}").removeprefix(f"{article} ")
    return "".join(char for char in plain if char.isalnum())


def other_films(encoders: Path) -> dict[str, Any]:
    """Return the figures of all encoders on other films, beside the frozen one."""
    films = OtherFilms()
    plain = films.measure(MODEL)
    found: dict[str, Any] = {
        "films": len(np.unique(films._data[3].item)),
        "users": len(plain.per_user["ndcg@10"]),
        "as it is": plain.metrics["ndcg@10"],
    }
    for folder in sorted(encoders.iterdir()):
        tuned = films.measure(str(folder))
        tests = paired_tests(tuned.per_user["ndcg@10"], plain.per_user["ndcg@10"])
        found[folder.name] = {
            "ndcg@10": tuned.metrics["ndcg@10"],
            "t_test_p": tests.t_test_p,
            "wilcoxon_p": tests.wilcoxon_p,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=["as it was", *CASES, "other films"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--encoders", type=Path)
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        name, seed, out = options.case
        print(json.dumps(train(name, int(seed), Path(out))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        encoders = options.encoders or Path(temporary)
        encoders.mkdir(exist_ok=True)
        for seed in range(options.seeds):
            for name in (name for name in options.only if name in CASES):
                out = encoders / f"{name.replace(' ', '_')}-{seed}"
                command = [sys.executable, __file__, "--case", name, str(seed), str(out)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                print(name, seed, found, flush=True)
                _store("cases", name, {str(seed): found})
        if "as it was" in options.only:
            found = as_it_was()
            print("as it was", found, flush=True)
            stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            write_json(RESULTS, stored | {"as it was": found})
        if "other films" in options.only:
            found = other_films(encoders)
            print(found)
            stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            found = stored.get("other films", {}) | found
            write_json(RESULTS, stored | {"other films": found, "about": about(0)})


def _store(part: str, name: str, found: dict[str, Any]) -> None:
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    cases = stored.setdefault(part, {})
    cases[name] = cases.get(name, {}) | found
    about_all = {"about": about(0), "settings": SETTINGS, "regimes": REGIMES}
    write_json(RESULTS, stored | about_all)


if __name__ == "__main__":
    main()
