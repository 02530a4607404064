"""Training and measuring a run from its config."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kgrec.config import Config
from kgrec.data.interactions import Interactions
from kgrec.data.splits import PARTS, Split
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, RunError, did_you_mean
from kgrec.evaluation.beyond import ItemFacts
from kgrec.evaluation.evaluate import Evaluation, measure, protocol_candidates, rank
from kgrec.evaluation.fairness import with_groups
from kgrec.evaluation.leaks import check_no_leak
from kgrec.evaluation.settings import (
    CandidatesConfig,
    FullConfig,
    ProtocolConfig,
    RankingConfig,
    protocol_config,
)
from kgrec.evaluation.trec import write_trec
from kgrec.files import write_json
from kgrec.graph.build import forward_types
from kgrec.recommender import Recommender
from kgrec.reporting.terminal import Reporter, draw_curve
from kgrec.runs.folder import load_run, make_model, make_recommender, save_run
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.text.encoder import TextEncoder


def train_run(config: Config, out: Path, *, resume: bool = False) -> dict[str, Any]:
    """Train what `config` describes, write the run folder and return its metrics.

    The model is trained on the training part and chosen on the validation part; the test part is
    kept in the folder and not looked at.

    Raises:
        KgrecError: The config, the data or the folder is not as expected.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file; the run folder needs another name.")
    reporter = Reporter()
    started = time.perf_counter()
    if (out / "weights.safetensors").exists() and not resume:
        reporter.say(f"The run in {out} will be replaced.")
    dataset = load_dataset(config.data, config.seed, encoder=_link_encoder(config))
    for note in dataset.notes:
        reporter.say(note)
    split = dataset.split
    reporter.say(
        f"{split.kind} split: {len(split.train):,} training, {len(split.valid):,} validation and "
        f"{len(split.test):,} test interactions of {split.train.num_users:,} users and "
        f"{split.train.num_items:,} items."
    )
    model = make_model(config, out, resume=resume)
    cache = EmbeddingCache(default_cache_folder(os.environ))
    recommender = make_recommender(
        config, dataset, model, cache=cache, progress=reporter.interactive
    )
    valid = split.valid if len(split.valid) else None
    candidates = protocol_candidates(split, "valid") if valid is not None else None
    prepared = time.perf_counter()
    recommender.prepare(split.train, valid, candidates=candidates)
    _check_split(recommender, split)
    reporter.say(f"Graph: {describe(recommender.graph)} ({time.perf_counter() - prepared:.1f} s)")
    fitted = time.perf_counter()
    with reporter.training(config) as callback:
        model.fit(recommender.data, callback=callback)
    seconds = {"fit": time.perf_counter() - fitted, "all": time.perf_counter() - started}
    metrics: dict[str, Any] = {"seconds": seconds}
    if valid is not None:
        found = recommender.evaluate(valid, exclude=[split.train], candidates=candidates)
        metrics["valid"] = found.to_dict()
    progress = getattr(model, "progress", None)
    if progress is not None:
        metrics["training"] = {
            "best_epoch": progress.best_epoch,
            "epochs": progress.epoch,
            "seconds_to_best": progress.best_seconds,
        }
        reporter.say(
            f"Best of {progress.epoch} epochs: {progress.best_epoch}, after "
            f"{progress.best_seconds:.1f} s."
            if valid is not None
            else f"Trained all {progress.epoch} epochs: there is no validation part to choose by."
        )
    save_run(out, recommender, config, split, metrics=metrics, log=reporter.lines)
    if progress is not None and progress.curve:
        write_json(out / "curve.json", progress.curve)
        draw_curve(progress.curve, config, out / "curve.png")
    if valid is not None:
        reporter.show({f"{out.name} (validation)": found})
    reporter.say(f"Run folder: {out}")
    return metrics


def _check_split(recommender: Recommender, split: Split) -> None:
    held_out = split.reindex(recommender.user_vocabulary, recommender.item_vocabulary)
    check_no_leak(recommender.graph, held_out.train, [held_out.valid, held_out.test])


def _link_encoder(config: Config) -> TextEncoder | None:
    """Return what links items by meaning; None where that could not make a link anyway."""
    link = config.data.link
    if link is None or not link.uses("meaning") or link.meaning_limit <= link.threshold:
        return None
    return TextEncoder() if config.text is None else TextEncoder(config.text.model)


def describe(graph: Any) -> str:
    """Return the size of a graph in words, with what was left out of it."""
    nodes = ", ".join(f"{int(graph[kind].num_nodes):,} {kind}" for kind in graph.node_types)
    edges = sum(graph[kind].edge_index.shape[1] for kind in forward_types(graph))
    left = sum(part["left_out_below_min_degree"] for part in graph.report.values())
    size = f"{nodes} nodes, {edges:,} edges; {left:,} nodes below the minimum degree left out"
    chosen = [
        f"{setting}: "
        + ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items())
        for setting, counts in graph.choices.items()
        if any(counts.values())
    ]
    return "; ".join([size, *chosen])


def evaluate_run(
    folder: Path,
    part: str = "test",
    *,
    protocol: str | ProtocolConfig = "full",
    k: Sequence[int] | None = None,
    given: Path | None = None,
    trec: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Measure a run on a part of its split by a protocol, and keep the result there.

    What users have in training, and when testing also in validation, is not ranked again.

    Args:
        folder: The run folder. `evaluation_<part>.json`, for other protocols than `full`
            `evaluation_<part>_<protocol>.json`, is written into it, with the values of each user.
        part: `valid` or `test`.
        protocol: See `kgrec.evaluation.settings`.
        k: Cut-offs; None: those of the protocol, as far as so many items are ranked.
        given: For the protocol `candidates`: a table of `user_id` and `item_id`, the candidates of
            each user; None: they are drawn.
        trec: For the protocol `full`: file for the ranking in TREC format, the judgements beside
            it as `.qrels`.
        settings: Further settings of the protocol.

    Raises:
        ConfigError: There is no such part, protocol or setting, or k is larger than the number of
            candidates.
        RunError: The run folder is damaged.
    """
    if part not in PARTS[1:]:
        raise ConfigError(
            f"Measure on 'valid' or 'test', not {part!r}." + did_you_mean(part, PARTS[1:])
        )
    config = protocol_config(protocol, {**(settings or {}), **({"k": tuple(k)} if k else {})})
    if trec is not None and not isinstance(config, FullConfig):
        raise ConfigError(f"A TREC file holds a full ranking, and none is made by {config.name!r}.")
    recommender, _, split = load_run(folder)
    split = split.reindex(recommender.user_vocabulary, recommender.item_vocabulary)
    test = split.part(part)
    if not len(test):
        raise ConfigError(
            f"The {part} part of this run's split is empty. A random split takes a share of each "
            f"user's interactions and rounds it; a larger data.{part} leaves more."
        )
    check_no_leak(recommender.graph, recommender.known[0], test)
    candidates = protocol_candidates(split, part)
    asked, most = bool(k) or "k" in (settings or {}), len(candidates)
    if isinstance(config, CandidatesConfig) and given is None and not asked:
        most = min(most, config.num)
    config = _cut(config, most, asked=asked)
    exclude = [split.train] if part == "valid" else [split.train, split.valid]
    if trec is not None and isinstance(config, FullConfig):
        depth = min(max(*config.k, 100), len(candidates))
        options: dict[str, Any] = {"exclude": exclude, "candidates": candidates}
        ranking = rank(recommender, test, depth=depth, **options)
        facts = ItemFacts.from_graph(recommender.graph)
        result = measure(ranking, test, k=config.k, facts=facts, **options)
        result = with_groups(result, recommender.known[0], recommender.users)
        write_trec(trec, ranking, test)
    else:
        pairs = None if given is None else Interactions.read(given, rating=None, timestamp=None)
        result = recommender.evaluate(
            test, protocol=config, exclude=exclude, candidates=candidates, given=pairs
        )
    name = "" if isinstance(config, FullConfig) else f"_{config.name}"
    result.save_json(Path(folder) / f"evaluation_{part}{name}.json")
    return result


def _cut(config: ProtocolConfig, num_candidates: int, *, asked: bool) -> ProtocolConfig:
    """Return settings whose cut-offs are no larger than what is ranked.

    Raises:
        ConfigError: The larger ones were asked for.
    """
    if not isinstance(config, RankingConfig) or max(config.k) <= num_candidates:
        return config
    if asked:
        raise ConfigError(
            f"k={max(config.k)} is larger than the catalogue: {num_candidates} items are ranked."
        )
    fitting = tuple(cut for cut in config.k if cut <= num_candidates)
    return config.model_copy(update={"k": fitting or (num_candidates,)})
