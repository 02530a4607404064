"""Training and measuring a run from its config."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kgrec.config import Config
from kgrec.data.splits import PARTS, Split
from kgrec.datasets import load_dataset
from kgrec.errors import ConfigError, RunError, did_you_mean
from kgrec.evaluation.evaluate import Evaluation, measure, protocol_candidates, rank
from kgrec.evaluation.leaks import check_no_leak
from kgrec.evaluation.trec import write_trec
from kgrec.graph.build import forward_types
from kgrec.pipeline import Recommender
from kgrec.report import Reporter, draw_curve
from kgrec.runs import load_run, make_model, make_recommender, save_run, write_json
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
    held_out = split.over(recommender.user_vocabulary, recommender.item_vocabulary)
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
    k: Sequence[int] | None = None,
    trec: Path | None = None,
) -> Evaluation:
    """Measure a run on a part of its split by the split's protocol, and keep the result there.

    What users have in training, and when testing also in validation, is not ranked again.

    Args:
        folder: The run folder; `evaluation_<part>.json` is written into it, with the values of
            each user.
        part: `valid` or `test`.
        k: Cut-offs; None: 10 and 20, as far as so many items are ranked.
        trec: File for the ranking in TREC format, the judgements beside it as `.qrels`.

    Raises:
        ConfigError: There is no such part, or k is larger than the number of candidates.
        RunError: The run folder is damaged.
    """
    if part not in PARTS[1:]:
        raise ConfigError(
            f"Measure on 'valid' or 'test', not {part!r}." + did_you_mean(part, PARTS)
        )
    recommender, _, split = load_run(folder)
    split = split.over(recommender.user_vocabulary, recommender.item_vocabulary)
    test = split.part(part)
    if not len(test):
        raise ConfigError(
            f"The {part} part of this run's split is empty. A random split takes a share of each "
            f"user's interactions and rounds it; a larger data.{part} leaves more."
        )
    check_no_leak(recommender.graph, recommender.known[0], test)
    candidates = protocol_candidates(split, part)
    if not k:
        k = [cut for cut in (10, 20) if cut <= len(candidates)] or [len(candidates)]
    if max(k) > len(candidates):
        raise ConfigError(
            f"k={max(k)} is larger than the catalogue: {len(candidates)} items are ranked."
        )
    exclude = [split.train] if part == "valid" else [split.train, split.valid]
    depth = max(*k, 100 if trec is not None else 1)
    ranking = rank(
        recommender, test, exclude=exclude, depth=min(depth, len(candidates)), candidates=candidates
    )
    result = measure(ranking, test, exclude=exclude, k=k, candidates=candidates)
    if trec is not None:
        write_trec(trec, ranking, test)
    result.save_json(Path(folder) / f"evaluation_{part}.json")
    return result
