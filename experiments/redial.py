"""Search on real queries: conversations in which somebody recommends a film, and tags of films.

    python experiments/redial.py [--data ../shared/data] [--run FOLDER]

Trains experiments/redial_films.yaml, or takes the run folder that is given, and measures its search
on queries/test.jsonl: the whole conversation, and, on conversations of at least two turns with
words, the last turn alone. What was learnt comes from queries/valid.jsonl alone, and weights and
settings were chosen there by cross-validation over conversations. Films that were mentioned before
are no candidates; all others of the catalogue are, also those without a plot. queries/tags.jsonl
has tags as queries; the texts that are searched have no tags. The weights of popularity and of
words of titles in QUERY_AFTER_LEARNING were chosen on these tags, which are not held out. Writes
experiments/results/redial_films.json.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kgrec.config import load_config
from kgrec.evaluation.significance import paired_tests
from kgrec.files import write_json
from kgrec.graph.modalities import TEXT
from kgrec.recommender import Recommender
from kgrec.retrieval.bm25 import BM25Index
from kgrec.runs.about import about
from kgrec.runs.query_evaluation import measured
from kgrec.runs.reading import load_run
from kgrec.runs.training import train_run
from kgrec.search.examples import Example, read_examples
from kgrec.search.learning import Moment, moments_of
from kgrec.search.measuring import QueryMeter
from kgrec.search.settings import SearchConfig
from kgrec.text.cache import EmbeddingCache, default_cache_folder

HERE = Path(__file__).parent
K = (1, 10, 50)


def read(run: Path) -> Recommender:
    recommender = load_run(run)[0]
    recommender.cache = EmbeddingCache(default_cache_folder(os.environ))
    return recommender


def usable(example: Example) -> bool:
    """Return whether at least two turns have words."""
    return sum(any(char.isalnum() for char in text) for text in example.said) >= 2


def last_turns(recommender: Recommender, examples: Sequence[Example]) -> dict[str, Moment]:
    """Return what somebody asks who says the last turn only: what it names is all that is known."""
    alone = [replace(one, said=one.said[-1:], mentioned=None) for one in examples]
    taste = recommender.taste()
    found = moments_of(alone, taste, recommender.encode_texts, SearchConfig())
    return {one.example.id: one for one in found}


def state_against_last_turn(
    recommender: Recommender, examples: Sequence[Example]
) -> dict[str, Any]:
    """Return both figures, and a paired test over the moments."""
    chosen = [one for one in examples if usable(one) and one.answers]
    alone = last_turns(recommender, chosen)

    def change(moment: Moment) -> Moment:
        # What was mentioned is left out of both rankings.
        return replace(alone[moment.example.id], example=moment.example)

    whole = measured(recommender, chosen, k=K).evaluation
    last = measured(recommender, chosen, k=K, change=change).evaluation
    test = paired_tests(whole.per_user["recall@10"], last.per_user["recall@10"])
    return {
        "moments": len(chosen),
        "state": dict(whole.metrics),
        "last_turn": dict(last.metrics),
        "ratio": whole.metrics["recall@10"] / last.metrics["recall@10"],
        "test": test.to_dict(),
    }


def tags(recommender: Recommender, path: Path) -> dict[str, Any]:
    """Return NDCG@10 of search, BM25 and text vectors on tags as queries."""
    examples = read_examples(path, recommender.item_vocabulary)
    found = {"search": dict(measured(recommender, examples, k=(10,)).evaluation.metrics)}
    now = recommender.snapshot
    text, words = now.derived.features["item", TEXT], now.derived.words
    assert words is not None
    unit = text / np.maximum(np.linalg.norm(text, axis=1, keepdims=True), 1e-12)
    vectors = recommender.encode_texts([one.said[0] for one in examples])
    index = BM25Index(words)
    for name in ("bm25", "minilm"):
        meter = QueryMeter(now.items, (10,))
        for example, vector in zip(examples, vectors, strict=True):
            scores = index.score(example.said[0]) if name == "bm25" else unit @ vector
            meter.add(example, scores.astype(np.float32))
        found[name] = dict(meter.results().evaluation.metrics)
    best = max(found[name]["ndcg@10"] for name in ("bm25", "minilm"))
    return {**found, "queries": len(examples), "ratio": found["search"]["ndcg@10"] / best}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--run", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "redial_films.json")
    given = parser.parse_args()
    config = load_config(HERE / "redial_films.yaml", [f"data.root={given.data}"])
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or Path(folder) / "run"
        if given.run is None:
            train_run(config, run)
        recommender = read(run)
    queries = given.data / "redial-films" / "queries"
    examples = read_examples(queries / "test.jsonl", recommender.item_vocabulary)
    test = measured(recommender, examples, k=K).evaluation
    taught = recommender.snapshot.taught
    assert taught is not None
    result = {
        **about(config.seed),
        "config": config.model_dump(mode="json"),
        "learnt_from": {"moments": taught.conversations, "file": "queries/valid.jsonl"},
        "metrics": dict(test.metrics),
        "moments": test.num_users,
        "answers": test.num_judgements,
        "candidates": test.num_candidates,
        "state": state_against_last_turn(recommender, examples),
        "tags": tags(recommender, queries / "tags.jsonl"),
    }
    write_json(given.out, result)
    print({name: result[name] for name in ("metrics", "state", "tags")})
    return 0


if __name__ == "__main__":
    sys.exit(main())
