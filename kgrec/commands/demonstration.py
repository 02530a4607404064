"""`kgrec demo`: the whole pipeline on the embedded films, and its results."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

import kg_data
from kgrec.auto.auto import Auto
from kgrec.config import Config, make_config
from kgrec.datasets.dataset import Dataset
from kgrec.datasets.loading import load_dataset
from kgrec.drawing.neighborhood import draw_neighborhood
from kgrec.errors import RunError
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.evaluate import candidate_ids
from kgrec.graph.build import describe
from kgrec.models.content import item_attributes
from kgrec.recommender import Recommender
from kgrec.reporting.console import LONG, safe
from kgrec.reporting.metric_tables import show_metrics
from kgrec.reporting.reporter import Reporter
from kgrec.runs.making import make_model, make_recommender
from kgrec.runs.manifest import check_run_folder, record
from kgrec.runs.reading import read_config
from kgrec.runs.writing import save_run
from kgrec.text.cache import EmbeddingCache, default_cache_folder

QUERY = "artificial intelligence turns on its makers"
BASELINES: dict[str, dict[str, object]] = {
    "most popular": {"name": "most_popular"},
    "item k-NN": {"name": "item_knn"},
    "EASE": {"name": "ease", "l2": 50.0},
    "EASE + attributes": {"name": "attribute_ease", "l2": 50.0},
}


def demo_config(folder: Path, **changes: object) -> Config:
    """Return the config of the demo for the films in `folder`."""
    return make_config(
        {
            "data": {
                "root": str(folder),
                "graph": "films.ttl",
                "links": "links.csv",
                "interactions": "ratings.csv",
                "positive": "rating >= 4",
                "items": {"path": "items.csv"},
            },
            **changes,
        }
    )


def run_demo(out: Path, *, force: bool = False) -> None:
    """Train on the films, compare with baselines, and show what the model can do.

    Writes the run folder and the picture `recommendation.png` to `out`. An earlier demo there is
    replaced; another run only with `force`.
    """
    reporter = Reporter()
    started = time.perf_counter()
    say = reporter.say
    config = demo_config(kg_data.path("films"))
    check_run_folder(out, force=force or _is_demo(out, config))
    say("kgrec demo: real films, simulated ratings (see kg_data/films/README.md)\n")
    dataset = load_dataset(config.data, config.seed)
    for note in dataset.notes:
        say(note)
    recommender = _train(config, dataset, out, reporter)
    results = {"kgrec": _measured(recommender, dataset)}
    for name, model in BASELINES.items():
        results[name] = _measured(_baseline(model, dataset), dataset)
    say("\nFull ranking on the test part (a tenth of each user's ratings of 4 and 5):")
    _show_figures(results, reporter)
    best = max(results, key=lambda name: results[name].metrics["ndcg@10"])
    if best != "kgrec":
        say(f"{best} ranks best here; the simulated ratings are drawn from the graph's attributes.")
    _show_user(recommender, dataset, reporter, out)
    say(f"\nSearch: “{QUERY}”")
    for place, found in enumerate(recommender.search(QUERY, k=5), 1):
        say(f"  {place}. {found.title}")
    _show_new_film(recommender, reporter)
    say(f"\nRun folder: {out}  ({time.perf_counter() - started:.0f} s in all)")
    say(f'Try next: kgrec search {out} "a love story in Paris"')


def _is_demo(folder: Path, config: Config) -> bool:
    """Return whether the run in a folder is one of the demo."""
    try:
        return read_config(folder) == config
    except RunError:
        return False


def _train(config: Config, dataset: Dataset, out: Path, reporter: Reporter) -> Recommender:
    split = dataset.split
    cache = EmbeddingCache(default_cache_folder(os.environ))
    model = make_model(config)
    assert isinstance(model, Auto)
    model.say = reporter.say
    recommender = make_recommender(config, dataset, model, cache=cache, progress=reporter.encoding)
    reporter.say("Encoding texts and building the graph …")
    candidates = candidate_ids(split, "valid")
    prepared = recommender.prepare(split.train, split.valid, candidates=candidates)
    reporter.say(f"Graph: {describe(prepared.data.graph)}.")
    started = time.perf_counter()
    with reporter.training(config) as callback:
        model.fit(prepared.data, callback=callback)
    recommender.take(prepared.fitted(model))
    seconds = time.perf_counter() - started
    reporter.say(f"Trained for {seconds:.0f} s.")
    for note in model.notes():
        reporter.say(note)
    metrics = {
        "seconds": {"fit": seconds},
        "notes": list(model.notes()),
        "parts": dict(model.figures()),
    }
    save_run(out, recommender, config, split, metrics=metrics, log=reporter.lines, force=True)
    return recommender


def _baseline(model: dict[str, object], dataset: Dataset) -> Recommender:
    config = demo_config(kg_data.path("films"), text=None, model=model)
    recommender = make_recommender(config, dataset, make_model(config))
    return recommender.fit(dataset.split.train, dataset.split.valid)


def _measured(recommender: Recommender, dataset: Dataset) -> Evaluation:
    candidates = candidate_ids(dataset.split, "test")
    return recommender.evaluate(dataset.split.test, candidates=candidates)


def _show_figures(results: dict[str, Evaluation], reporter: Reporter) -> None:
    show_metrics(
        results, reporter.console, kinds=("ndcg", "recall", "hit", "coverage"), cutoffs=(10,)
    )


def _show_user(recommender: Recommender, dataset: Dataset, reporter: Reporter, out: Path) -> None:
    user = _typical_user(dataset)
    liked = [recommender.title(item) for item in recommender.history(user)]
    reporter.say(f"\nUser {user} liked {len(liked)} films, among them: {', '.join(liked[:12])}.")
    reporter.say("Top ten, and why:")
    best = recommender.recommend(user, k=10)
    explanations = [recommender.explain(user, found.item) for found in best]
    for place, (found, why) in enumerate(zip(best, explanations, strict=True), 1):
        title = safe(found.title)
        reporter.console.print(f"{place:3}. [bold]{title}[/bold]", soft_wrap=True)
        reporter.console.print(f"     {safe(why.sentence, LONG)}", soft_wrap=True)
    shown = max(range(len(best)), key=lambda row: len(explanations[row].paths))
    picture = out / "recommendation.png"
    draw_neighborhood(explanations[shown], picture)
    record(out, picture.name)
    reporter.say(f"\nWhy {best[shown].title}, as a picture: {picture}")


def _typical_user(dataset: Dataset) -> str:
    """Return the first user with about fifteen training interactions, enough for an example."""
    count = np.bincount(dataset.split.train.user, minlength=dataset.split.train.num_users)
    return dataset.split.train.users.id(int(np.argmin(np.abs(count - 15))))


def _show_new_film(recommender: Recommender, reporter: Reporter) -> None:
    """Show the unrated film that is in the top ten of most users."""
    known = recommender.snapshot.histories
    attributes = item_attributes(recommender.graph)
    rated = np.asarray(known.sum(0)).ravel() > 0
    new = np.flatnonzero(~rated & (np.asarray(attributes.sum(1)).ravel() > 0))
    users = np.arange(known.shape[0])
    scores = recommender.score(users)
    scores[known.nonzero()] = -np.inf
    tenth = np.partition(scores, -10, axis=1)[:, -10]
    inside = scores[:, new] >= tenth[:, None]
    film = int(new[inside.sum(0).argmax()])
    audience = np.flatnonzero(scores[:, film] >= tenth)
    title = recommender.title(recommender.item_vocabulary.id(film))
    reporter.say(
        f"\nNobody has rated {title} yet, and it is in the top ten of {len(audience)} of "
        f"{len(users)} users."
    )
    if len(audience):
        fan = audience[scores[audience, film].argmax()]
        user = recommender.user_vocabulary.id(int(fan))
        why = recommender.explain(user, recommender.item_vocabulary.id(film))
        reporter.say(f"For user {user}: {why.sentence}")
