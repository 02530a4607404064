"""A search of the settings of a config, with its folder.

journal.log      every trial, as it goes on; the same command goes on from it
trials.csv       the trials, a row each
best.yaml        the config of the best trial, which `kgrec train` takes
study.json       best and first trial, importance, counts, versions, checksums of the files
history.png      the values of the trials
importance.png   the importance of the settings
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import yaml

from kgrec.auto.data_facts import Facts
from kgrec.config import Config, make_config
from kgrec.data.interactions import Split
from kgrec.datasets.dataset import Dataset
from kgrec.drawing.tuning import draw_history, draw_importance
from kgrec.engine import LocalEngineConfig
from kgrec.errors import ConfigError, RunError, option, printable
from kgrec.evaluation.evaluate import FullConfig, candidate_ids
from kgrec.files import alone_in, real, write_atomically, writing
from kgrec.models.base import Model
from kgrec.outputs.checked import KEY, check_json, checksums, write_checked_json
from kgrec.outputs.checks import check_files
from kgrec.recommender import Recommender
from kgrec.runs.about import about
from kgrec.runs.distributing import entered
from kgrec.runs.given_data import named_files, read_data
from kgrec.runs.json_files import read_json
from kgrec.runs.log import RunLog, trained_parts
from kgrec.runs.making import make_recommender
from kgrec.runs.needs import announce, of_fitting, of_graph, of_reading, of_trials
from kgrec.runs.own_encoder import is_tuned
from kgrec.runs.text_needs import saying_needs
from kgrec.runs.training import make_trackers, tracked
from kgrec.settings import changed
from kgrec.snapshot import Prepared
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.tracking import Trackers
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig
from kgrec.tuning.outcome import Outcome, Report
from kgrec.tuning.settings import Range, Space
from kgrec.tuning.spaces import space_of
from kgrec.tuning.study import Study, Tried, check_optuna

JOURNAL: Final = "journal.log"
STUDY: Final = "study.json"
BEST: Final = "best.yaml"
_RESULTS: Final = ("trials.csv", BEST, "history.png", "importance.png")
_FORMAT: Final = "kgrec search of settings"
_VARIED: Final = ("model", "graph", "text")
_KEPT: Final = 2
"""Prepared data that is kept: trials that vary the graph or the text need several."""


@dataclass(frozen=True)
class Tuned:
    """The result of a search of settings.

    Attributes:
        model: The name of the model.
        metric: The metric of the validation part that chose.
        trials: All trials, in their order; the first one has the config as it is.
        best: The best one.
        importance: The share of each setting in what makes trials good; empty: not known.
        start: By key, what the config has.
        folder: Where the files are.
    """

    model: str
    metric: str
    trials: tuple[Tried, ...]
    best: Tried
    importance: Mapping[str, float]
    start: Mapping[str, Any]
    folder: Path

    def count(self, state: str) -> int:
        """Return how many trials ended in a state."""
        return sum(one.state == state for one in self.trials)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "model": self.model,
            "metric": self.metric,
            "num_trials": len(self.trials),
            "num_pruned": self.count("pruned"),
            "num_failed": self.count("failed"),
            "errors": sorted({one.error for one in self.trials if one.error}),
            "first": asdict(self.trials[0]),
            "best": asdict(self.best),
            "importance": dict(self.importance),
            "folder": str(self.folder),
        }


def tune_run(
    tree: Mapping[str, Any],
    out: str | Path,
    trials: int = 40,
    *,
    where: str = "the config",
    force: bool = False,
    inputs: Sequence[str | Path] = (),
    log: RunLog | None = None,
) -> Tuned:
    """Search the settings of a config, chosen by validation alone, and write a folder.

    The first trial has the config as it is. The data is read once, and the test part is not used.
    Models that are trained in epochs are stopped early where the trials before were better at the
    same epoch. A trial that fails is counted. If a search in the folder was stopped, or should
    have more trials, the same call goes on with it.

    Args:
        tree: The config as a tree, see `kgrec.config.read_config_tree`.
        out: The folder: a new one, or one with the same search.
        trials: Trials in all, with those that the folder has.
        where: What messages about the config begin with.
        force: Whether a search that is there is given up, and its files are replaced.
        inputs: Files that were read to make `tree`. They are never written, and neither are those
            that it names.
        log: Gets the messages; None: nothing is shown.

    Raises:
        ConfigError: The config is wrong, Optuna is missing, or there is nothing to vary.
        RunError: The folder has another search or files that kgrec did not write.
        KgrecError: Every trial failed; the first error.
    """
    check_optuna()
    out, log = Path(out), RunLog() if log is None else log
    config = make_config(tree, where)
    make_trackers(config)
    if config.tracking and (
        config.tune.at_once > 1 or not isinstance(config.engine, LocalEngineConfig)
    ):
        raise ConfigError(
            "tracking: the trackers follow one trial after the other in this process. Leave them "
            "out, or set tune.at_once=1 and engine=local."
        )
    if config.text is not None and config.text.tuning is not None and not is_tuned(config.text):
        raise ConfigError(
            "text.tuning: a search of settings does not train the encoder. Train it first with "
            "`kgrec tune-text CONFIG --out FOLDER`, and name it: text.model=FOLDER."
        )
    _check_keys(config, tree)
    _check_folder(out, [*inputs, *named_files(config)], force=force)
    announce(of_reading(config), log.say)
    dataset = read_data(config, log)
    if not len(dataset.split.valid):
        raise ConfigError(
            "A search of settings chooses by the validation part, which is empty here: set a "
            "larger data.valid."
        )
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with alone_in(out), entered(config, log):
        if force:
            (out / JOURNAL).unlink(missing_ok=True)
        return _Search(tree, config, dataset, out, log).run(trials)


class _Search:
    """One search: the data, prepared for trials, and the folder."""

    def __init__(
        self, tree: Mapping[str, Any], config: Config, dataset: Dataset, out: Path, log: RunLog
    ) -> None:
        self.dataset, self.out, self.log = dataset, out, log
        self.valid = candidate_ids(dataset.split, "valid")
        self.cache = EmbeddingCache(default_cache_folder(os.environ))
        self.kept: dict[str, tuple[Recommender, Prepared]] = {}
        trained = [part.training.metric for part in trained_parts(config)]
        self.metric = config.tune.metric or next(iter(trained), "ndcg@10")
        if isinstance(config.model, LinkPredictionConfig):
            tree = changed(tree, [("model.training.metric", self.metric)], Config)[0]
            config = make_config(tree)
        self.tree, self.config = tree, config
        self.trackers = make_trackers(config)
        model = config.seeded_model().build()
        data = self._prepared(config, model)[1].data
        self.needs = of_fitting(model, data)
        self.space: Space = dict(config.tune.space) or {
            f"model.{key}": dimension
            for key, dimension in space_of(config.model, Facts.of(data)).items()
        }
        if not self.space:
            raise ConfigError(
                f"There is nothing to vary of the model {config.model.name}: choose another one, "
                "or name settings in tune.space."
            )
        self.start = {key: _value_at(config, key) for key in self.space}
        self.study = Study(
            self.space,
            self.start,
            seed=config.seed,
            journal=out / JOURNAL,
            identity=self._identity(),
        )
        self.begun = len(self.study.trials())

    def __getstate__(self) -> dict[str, Any]:
        """Return what measures a trial in another process: no study, files, screen and trackers."""
        state = {key: value for key, value in self.__dict__.items() if key != "study"}
        cache = EmbeddingCache(self.cache.folder)
        return state | {"log": RunLog(), "trackers": Trackers([]), "kept": {}, "cache": cache}

    def run(self, trials: int) -> Tuned:
        self._write_study({})  # from now on, the folder is known as kgrec's
        before = len(self.study.trials())
        if before:
            self.log.say(f"{before} trials are there already, in {self.out}; {trials} are wanted.")
        if trials > before:
            left, at_once = trials - before, self.config.tune.at_once
            announce(of_trials(self.needs, left, at_once), self.log.say)
        varied = ", ".join(self.space)
        self.log.say(f"Varied of {self.config.model.name}: {varied}. By validation {self.metric}.")
        try:
            self.study.run(self.objective, trials, self._told, self.config.tune.at_once)
        except KeyboardInterrupt:
            if self.study.best() is not None:
                self._write()
            raise
        return self._write()

    def objective(self, settings: Mapping[str, Any], report: Report) -> Outcome:
        """Fit and measure a model on validation; see `Study.run`."""
        config = make_config(self.with_settings(settings), "the trial")
        model = config.seeded_model().build()
        recommender, prepared = self._prepared(config, model)
        stops = isinstance(config.model, LinkPredictionConfig)
        name = f"{self.out.name}-{self.begun:03}"
        self.begun += 1
        with self.log.training(config) as shown, self.trackers.run(name, tracked(config)) as run:

            def callback(figures: Mapping[str, float]) -> None:
                shown(figures)
                run(figures)
                if stops:
                    report(int(figures["epoch"]), figures["best"])

            model.fit(prepared.data, callback=callback)
            recommender.take(prepared.fitted(model))
            split = self.dataset.split
            found = recommender.evaluate(
                split.valid,
                protocol=FullConfig(k=(int(self.metric.partition("@")[2]),)),
                exclude=[split.train],
                candidates=self.valid,
            )
            run.finish(found.metrics)
        progress = model.progress if isinstance(model, LinkPrediction) else None
        epoch = None if progress is None else progress.best_epoch
        return Outcome(found.metrics[self.metric], epoch, dict(found.metrics))

    def with_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the config's tree with the settings of a trial."""
        if dict(settings) == self.start:
            return dict(self.tree)
        changes = [(key, value) for key, value in settings.items() if value != self.start[key]]
        also = [(one, value) for key, value in settings.items() for one in self.space[key].also]
        return changed(self.tree, [*changes, *also], Config)[0]

    def _prepared(self, config: Config, model: Model) -> tuple[Recommender, Prepared]:
        """Return the data for a model; it is the same for all that only differ in `model`."""
        parts = config.model_dump(mode="json", include={"text", "graph"})
        key = json.dumps([parts, model.reads_text_vectors], sort_keys=True)
        if key not in self.kept:
            split = self.dataset.split
            encoding = saying_needs(self.log.say, False)
            announce(of_graph(self.dataset.kg, split.train, config.graph), self.log.say)
            recommender = make_recommender(
                config, self.dataset, model, cache=self.cache, progress=encoding
            )
            made = recommender.prepare(split.train, split.valid, candidates=self.valid)
            for old in list(self.kept)[: max(0, len(self.kept) - _KEPT + 1)]:
                del self.kept[old]
            self.kept[key] = recommender, made
        return self.kept[key]

    def _identity(self) -> str:
        """Return what must be equal so that values of trials can be compared."""
        space = {key: one.model_dump(mode="json") for key, one in self.space.items()}
        same = {key: value for key, value in tracked(self.config).items() if key != "engine"}
        about = [same, self.metric, space, _digest(self.dataset.split)]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    def _told(self, one: Tried) -> None:
        best = self.study.best()
        value = "failed" if one.value is None else f"{one.value:.4f}"
        shown = ", ".join(f"{key}={_short(found)}" for key, found in one.settings.items())
        ends = {"pruned": ", stopped early", "failed": f": {one.error}"}
        self.log.say(
            f"Trial {one.number + 1}: {value}{ends.get(one.state, '')} ({one.seconds:.1f} s"
            + (f", best {best.value:.4f}" if best is not None else "")
            + f"): {'the config as it is' if not one.number else shown}"
        )

    def _write(self) -> Tuned:
        best = self.study.best()
        tried = tuple(self.study.trials())
        if best is None:
            error = next((one.error for one in tried if one.error), "")
            raise RunError(
                f"No trial of {len(tried)} came to its end: there is nothing to choose from."
                + (f" The first failed with: {error}" if error else "")
            )
        found = Tuned(
            self.config.model.name,
            self.metric,
            tried,
            best,
            self.study.importance(),
            self.start,
            self.out,
        )
        with writing(self.out):
            write_atomically(self.out / "trials.csv", [_csv(tried, list(self.space))])
            write_atomically(self.out / BEST, self._best_config(found))
            values = [(one.value, one.state) for one in tried]
            draw_history(values, self.metric, self.out / "history.png")
            if found.importance:
                draw_importance(found.importance, self.metric, self.out / "importance.png")
            elif (self.out / "importance.png").exists():
                (self.out / "importance.png").unlink()
            names = [name for name in _RESULTS if (self.out / name).exists()]
            self._write_study(found.to_dict(), names)
        self.log.say(f"Best config: {self.out / BEST}")
        return found

    def _best_config(self, found: Tuned) -> list[str]:
        tree = self.with_settings(found.best.settings) if found.best.number else dict(self.tree)
        make_config(tree, "the best config")
        first = found.trials[0].value
        was = "failed" if first is None else f"{first:.4f}"
        body = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=None)
        return [
            f"# The best of {len(found.trials)} trials on validation, by kgrec tune.\n",
            f"# {self.metric} {found.best.value:.4f}; the config as it was: {was}.\n",
            body,
        ]

    def _write_study(self, found: Mapping[str, Any], names: Sequence[str] = ()) -> None:
        origin = {**about(self.config.seed), "optuna": metadata.version("optuna")}
        head = {"format": _FORMAT, **found, "about": origin}
        if not found:
            _, names = _ours(self.out)
        write_checked_json(self.out / STUDY, {**head, "files": checksums(self.out, names)})


def _check_keys(config: Config, tree: Mapping[str, Any]) -> None:
    """Check that what is varied are settings, and that their values are valid."""
    for key, dimension in config.tune.space.items():
        for one in (key, *dimension.also):
            if one.partition(".")[0] not in _VARIED or one in ("model", "model.name"):
                raise ConfigError(
                    f"tune.space: {printable(one)!r} is not varied: it can have settings in "
                    f"{', '.join(_VARIED)}, of one model."
                )
            whole = isinstance(dimension, Range)
            values: Sequence[Any] = (
                (dimension.low, dimension.high)
                if isinstance(dimension, Range)
                else dimension.values
            )
            wrong = [error for value in values if (error := _refused(tree, one, value))]
            # Values that do not fit to the rest of the config may fit to other trials.
            if wrong and (whole or len(wrong) == len(values)):
                raise wrong[0]


def _refused(tree: Mapping[str, Any], key: str, value: Any) -> ConfigError | None:
    """Return the error of a config with another value; None: there is none."""
    try:
        where = f"tune.space, {printable(key)} {_short(value)}"
        make_config(changed(tree, [(key, value)], Config)[0], where)
    except ConfigError as error:
        return error
    return None


def _value_at(config: Config, key: str) -> Any:
    """Return the value of a setting, of a section its name; None where the config has none."""
    place: Any = config.model_dump(mode="json")
    for part in key.split("."):
        if isinstance(place, list):
            place = place[int(part)]
        else:
            place = place.get(part) if isinstance(place, dict) else None
    return place.get("name") if isinstance(place, dict) else place


def _check_folder(out: Path, inputs: Sequence[str | Path], *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"{printable(str(out))} is a file; the folder needs another name.")
    known, files = _ours(out)
    journal = [JOURNAL] if known else []

    def ours(path: Path) -> bool:
        return path.name in (*journal, *files, *([STUDY] if known else []))

    names = [out / name for name in (JOURNAL, STUDY, *_RESULTS)]
    # `data.root` may be around the folder: files that were not there before are not read.
    inputs = [one for one in inputs if real(one) not in real(out).parents]
    again = f"{option('force', True)} begins a new search and replaces it"
    check_files(
        names, inputs, force=force, ours=ours,
        remedy="kgrec did not write it, or it was changed since. Choose another folder, or move it "
        f"away; {again}",
    )  # fmt: skip


def _ours(out: Path) -> tuple[bool, list[str]]:
    """Return whether a folder has a search, and which of its results are as they were written."""
    try:
        found = check_json(read_json(out / STUDY))
        if found.get("format") != _FORMAT:
            return False, []
        listed = dict(found["files"])
    except (RunError, ValueError, LookupError, TypeError):
        return False, []
    there = [name for name in listed if name in _RESULTS and (out / name).is_file()]
    seen = checksums(out, there)
    return True, [name for name in there if seen[name][KEY] == listed[name].get(KEY)]


def _digest(split: Split) -> str:
    found = hashlib.sha256()
    for log in (split.train, split.valid):
        found.update(log.user.tobytes() + log.item.tobytes())
    return found.hexdigest()


def _csv(trials: Sequence[Tried], keys: Sequence[str]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["trial", "state", "value", *keys, "epoch", "seconds", "error"])
    for one in trials:
        settings = [one.settings.get(key) for key in keys]
        row = [one.number, one.state, one.value, *settings, one.epoch, one.seconds, one.error]
        table.writerow(["" if value is None else value for value in row])
    return text.getvalue()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value), 40)
