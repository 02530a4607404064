"""Measuring the search of a run on queries with answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kgrec.errors import printable, warn
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.trec import judgements_path, write_trec
from kgrec.outputs.checks import check_files
from kgrec.recommender import Recommender
from kgrec.runs.reading import load_run
from kgrec.search.examples import Example, read_examples
from kgrec.search.learning import Moment, moments_of
from kgrec.search.measuring import CUTOFFS, QueryMeter, QueryResults
from kgrec.search.settings import SearchConfig
from kgrec.text.cache import EmbeddingCache, default_cache_folder
from kgrec.types import FloatArray


def evaluate_queries(
    folder: str | Path,
    queries: str | Path,
    *,
    k: Sequence[int] | None = None,
    trec: Path | None = None,
    force: bool = False,
) -> Evaluation:
    """Measure the search of a run on queries with answers.

    All items are ranked for each line that has an answer, except those that it mentions and those
    that were withdrawn: an answer that was withdrawn is missed, as search never returns it. A line
    with `said` is measured as a conversation, and one with `query` as `Recommender.search`.

    Args:
        folder: The run folder.
        queries: The file of the queries; see `kgrec.search.examples.read_examples`.
        k: Cut-offs; None: 1, 10 and 50.
        trec: File for the ranking in TREC format; the judgements go to a `.qrels` file next to it.
        force: Whether files that are there are replaced.

    Raises:
        DataError: The file cannot be read, or the run has no text.
        ConfigError: A cut-off is larger than the catalogue.
        RunError: The run folder is damaged, or the TREC file is there already.
    """
    if trec is not None:
        check_files([trec, judgements_path(trec)], [folder, queries], force=force)
    recommender = load_run(folder)[0]
    if recommender.cache is None:
        recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
    examples = read_examples(queries, recommender.item_vocabulary)
    taught = recommender.snapshot.taught
    known = 0 if taught is None else sum(one.digest in taught.digests for one in examples)
    if known:
        warn(
            f"{printable(str(queries))}: the search of this run has learnt from {known:,} of these "
            f"{len(examples):,} lines. Its figures on them are too good; measure on other lines."
        )
    results = measured(recommender, examples, k=k)
    if trec is not None:
        depth = results.ranking.depth
        write_trec(trec, results.ranking, results.judgements, depth=depth)
    return results.evaluation


def measured(
    recommender: Recommender,
    examples: Sequence[Example],
    *,
    k: Sequence[int] | None = None,
    change: Callable[[Moment], Moment] | None = None,
) -> QueryResults:
    """Measure search on examples.

    Args:
        recommender: A fitted recommender with text.
        examples: The examples.
        k: Cut-offs; None: 1, 10 and 50, as far as there are as many items.
        change: Returns what is asked in place of a moment; None: the moment.

    Raises:
        DataError: The recommender has no text, or no example has an answer.
        ConfigError: A cut-off is larger than the catalogue.
    """
    taste, items = recommender.taste(), recommender.item_vocabulary
    withdrawn = recommender.snapshot.withdrawn
    if k is None:
        k = [cut for cut in CUTOFFS if cut <= len(items)]
    meter = QueryMeter(items, k)
    asked = [one for one in examples if one.answers or one.unknown]
    for moment in moments_of(asked, taste, recommender.encode_texts, SearchConfig()):
        now = moment if change is None else change(moment)
        example = now.example
        table = taste.signals.of(now.state, now.wish, now.vector)
        weights = taste.weights.talk if example.talks else taste.weights.query
        out = taste.ruled_out(now.wish)
        if withdrawn is not None:
            out |= withdrawn
        meter.add(example, ruled_out(example, now, table @ weights, out))
    learnt = taste.signals.statistics is not None
    return meter.results({"search": "learnt" if learnt else "default weights"})


def ruled_out(
    example: Example,
    moment: Moment,
    scores: FloatArray,
    unwanted: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> FloatArray:
    """Return scores with -inf for what is unwanted, withdrawn, seen or mentioned.

    An answer that the words name themselves is ruled out too, as search never returns it.
    """
    scores = scores.astype(np.float32)
    scores[unwanted] = -np.inf
    if example.talks:
        before = moment.wish.named if example.mentioned is None else example.mentioned
        scores[list(before)] = -np.inf
    elif example.mentioned:
        scores[list(example.mentioned)] = -np.inf
    return scores
