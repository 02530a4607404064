"""How well German, French and Spanish descriptions find films with English texts.

    python experiments/languages.py [--data ../shared/data]

The queries are in experiments/queries_de_fr_es.jsonl: 100 linked films of MovieLens-100K, those
with the most ratings. Each is described in an English sentence that was written for this test,
without titles and names of persons, and translated by hand. Candidates are all 1,682 items, with
their English texts: title and genres of the item table, and label, abstract and relations of the
graph. Nothing was chosen on these queries. Writes experiments/results/languages.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.files import write_json
from kgrec.kg.graph import KnowledgeGraph
from kgrec.retrieval.bm25 import BM25Index
from kgrec.retrieval.search import WEAK, SemanticSearch
from kgrec.runs.about import about
from kgrec.text.backend import TextBackend
from kgrec.text.encoder import TextEncoder
from kgrec.text.multilingual import MultilingualEncoder
from kgrec.text.node_texts import table_texts
from kgrec.text.verbalise import verbalise
from kgrec.text.words import count_words, nonsense
from kgrec.types import FloatArray, IntArray

HERE = Path(__file__).parent
QUERIES = HERE / "queries_de_fr_es.jsonl"
LANGUAGES = ("en", "de", "fr", "es")
K = (1, 10, 50)
LEAST_SHARE = 0.8
RESAMPLED = 2000


def read_queries(path: Path = QUERIES) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_items(folder: Path) -> tuple[list[str], list[str]]:
    """Return the ids of all items, and their English texts."""
    items = AttributeTable.read(folder / "items.csv")
    kg = KnowledgeGraph.read(folder / "kg.nt.gz")
    links = pd.read_csv(folder / "links.csv", dtype=str)
    texts = dict(zip(items.ids.ids, table_texts(items), strict=True))
    told = verbalise(kg, kg.entities.rows(links["iri"].tolist()))
    for item, text in zip(links["item_id"], told, strict=True):
        texts[item] += f" {text}"
    return list(texts), list(texts.values())


def ranks(scores: FloatArray, gold: IntArray) -> IntArray:
    """Return the place of each query's own film, from 1, int64 of shape (n,).

    Films with the same score count as better, so that a tie is no success.
    """
    own = scores[np.arange(len(gold)), gold][:, None]
    return np.asarray((scores >= own).sum(1), dtype=np.int64)


def measure(encoder: TextBackend, ids: list[str], texts: list[str]) -> dict[str, Any]:
    """Return recall and mean reciprocal rank by language: `vectors` by cosine as they are,
    `meaning` as search compares them, `search` with words too; and how sure its right answers are.
    """
    queries = read_queries()
    gold = np.array([ids.index(query["item_id"]) for query in queries])
    vectors = encoder.encode(texts, progress=True)
    words = count_words(texts)
    chance = np.concatenate([encoder.encode_query(text) for text in nonsense(words.words)])
    search = SemanticSearch(vectors, BM25Index(words), nonsense=chance)
    without_words = SemanticSearch(vectors, BM25Index(count_words([""] * len(texts))))
    found: dict[str, Any] = {}
    sure: dict[str, float] = {}
    places: dict[str, dict[str, IntArray]] = {"vectors": {}, "meaning": {}, "search": {}}
    for language in LANGUAGES:
        asked = [query[language] for query in queries]
        rows = [encoder.encode_query(text) for text in asked]
        places["vectors"][language] = ranks(np.concatenate(rows) @ vectors.T, gold)
        for way, how in (("meaning", without_words), ("search", search)):
            scores = [how.scores(text, row) for text, row in zip(asked, rows, strict=True)]
            places[way][language] = ranks(np.concatenate(scores), gold)
        right = np.flatnonzero(places["search"][language] <= 10).tolist()
        told = [search.confidence(asked[n], rows[n], gold[[n]])[0] for n in right]
        sure[language] = float(np.mean(np.array(told) >= WEAK)) if told else 0.0
    for way, by_language in places.items():
        found[way] = {language: figures(place) for language, place in by_language.items()}
        for language in LANGUAGES[1:]:
            found[way][language]["share_of_english"] = share(
                by_language[language], by_language["en"]
            )
            found[way][language]["share_95"] = interval(by_language[language], by_language["en"])
        found[way]["lowest_share"] = min(found[way][x]["share_of_english"] for x in LANGUAGES[1:])
    return {"dim": encoder.dim, **found, "right_answers_that_are_sure": sure}


def figures(place: IntArray) -> dict[str, Any]:
    recall = {f"recall@{k}": float((place <= k).mean()) for k in K}
    return {**recall, "mrr": float((1 / place).mean())}


def share(place: IntArray, english: IntArray) -> float:
    """Return R@10 in one language as a share of R@10 in English."""
    return float((place <= 10).sum() / (english <= 10).sum())


def interval(place: IntArray, english: IntArray) -> list[float]:
    """Return the middle 95 % of the share over resampled queries."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(place), size=(RESAMPLED, len(place)))
    shares = [share(place[rows], english[rows]) for rows in drawn]
    return [float(x) for x in np.quantile(shares, [0.025, 0.975])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "languages.json")
    args = parser.parse_args()
    folder = args.data / "movielens-dbpedia"
    if not folder.exists():
        print(f"{folder}: there is no such folder; give the folder of the data with --data.")
        return 2
    ids, texts = read_items(folder)
    encoders = {"multilingual": MultilingualEncoder(), "all-MiniLM-L6-v2": TextEncoder()}
    models = {name: measure(encoder, ids, texts) for name, encoder in encoders.items()}
    result = {
        "what": "films found by descriptions in four languages among English texts of all items",
        "about": about(0),
        "num_queries": len(read_queries()),
        "num_items": len(ids),
        "models": models,
        "bar": LEAST_SHARE,
    }
    write_json(args.out, result)
    for name, model in models.items():
        for way in ("vectors", "meaning", "search"):
            said = "  ".join(f"{x} {model[way][x]['recall@10']:.2f}" for x in LANGUAGES)
            print(f"{name:18} {way:8} R@10 {said}  lowest share {model[way]['lowest_share']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
