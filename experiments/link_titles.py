"""How well items are linked by title and year alone: MovieLens to DBpedia, and the embedded films.

    python experiments/link_titles.py [--data ../shared/data]

Writes experiments/results/link_titles.json, with every link that disagrees with the given ones,
every link of an item that has no given one, and every item that is given a link and got none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kg_data
from kgrec.files import write_json
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import LinkConfig, TextEncoderLike, link
from kgrec.runs.about import about
from kgrec.text.encoder import TextEncoder

HERE = Path(__file__).parent
PRECISION, RECALL = 0.99, 0.95
WRONG = {
    "211": "Husbands for M*A*S*H",
    "321": "Mother Night for Mother",
    "333": "The Game Bag for The Game",
    "402": "Ghost Dad for Ghost",
    "448": "The Legion Like Women for The Omen",
    "647": "Rangam for Ran",
    "651": "Glory! Glory! for Glory",
    "656": "Mädchen in Uniform for M",
    "810": "The Shadow of Hate for The Shadow",
    "870": "Touched By Evil for Touch",
    "891": "Bent Familia for Bent",
    "922": "Dead Man Walking for Dead Man",
    "1034": "The Conquest for The Quest",
    "1205": "The Secret Agent Club for The Secret Agent",
    "1237": "Twisted Desire for Twisted",
    "1244": "Metroland for Metro",
    "1326": "Boys Be Ambitious for Boys",
    "1398": "Annavra Makkalu for Anna",
    "1546": "Shadows in the Storm for Shadows (Cienie)",
    "1609": "As Good as It Gets for B*A*P*S",
}
"""Links of MovieLens's links.csv that lead to another film. Looked at were those
that title and year did not give."""
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)


def measure(
    kg: KnowledgeGraph,
    items: pd.DataFrame,
    given: dict[str, str],
    config: LinkConfig,
    encoder: TextEncoderLike | None = None,
) -> dict[str, Any]:
    """Link, and compare with the given links.

    Precision is the share of agreeing links among those of items that have a given one; recall the
    share of the given links that were found.
    """
    links = link(items, kg, config=config, encoder=encoder)
    found = pd.DataFrame(
        {
            "item_id": links.items.take(links.item),
            "iri": kg.entities.take(links.entity),
            "confidence": links.confidence.astype(float).round(4),
            "method": links.method,
        }
    )
    found["given"] = found["item_id"].map(given)
    found["title"] = found["item_id"].map(items.set_index("item_id")["title"])
    both = found[found["given"].notna()]
    right = both["iri"] == both["given"]
    missed = sorted(set(given) - set(found["item_id"]), key=list(given).index)
    titles = items.set_index("item_id")["title"]
    return {
        "settings": config.model_dump(mode="json"),
        "items": len(items),
        "given_links": len(given),
        "links": len(found),
        "methods": links.report.methods,
        "precision": float(right.mean()),
        "recall": float(right.sum() / len(given)),
        "uncertain_items": links.report.uncertain,
        "disagreements": both[~right].drop(columns="method").to_dict("records"),
        "items_without_a_given_link": found[found["given"].isna()]
        .drop(columns="given")
        .to_dict("records"),
        "not_found": [
            {"item_id": item, "title": titles[item], "given": given[item]} for item in missed
        ],
    }


def by_threshold(
    kg: KnowledgeGraph, items: pd.DataFrame, given: dict[str, str], config: LinkConfig
) -> list[dict[str, float]]:
    """Return precision and recall at other thresholds: whether a confidence says how sure it is."""
    rows = []
    for threshold in THRESHOLDS:
        changed = config.model_copy(update={"threshold": threshold})
        links = link(items, kg, config=changed)
        iris = np.array([given.get(item, "") for item in links.items.take(links.item)])
        known = iris != ""
        right = (np.array(kg.entities.take(links.entity)) == iris)[known]
        rows.append(
            {
                "threshold": threshold,
                "links": len(links),
                "mean_confidence": float(links.confidence[known].mean()),
                "precision": float(right.mean()),
                "recall": float(right.sum() / len(given)),
            }
        )
    return rows


def without_half(
    kg: KnowledgeGraph,
    items: pd.DataFrame,
    given: dict[str, str],
    config: LinkConfig,
    rounds: int = 10,
) -> dict[str, Any]:
    """Take a random half of the given entities out of the graph, and count what is linked wrongly.

    An item whose entity is gone must stay without a link. Precision is the share of right links
    among all of items that have a given one.
    """
    frame = kg.to_pandas(literals=True)
    entities = sorted(set(given.values()))
    right = wrong = possible = 0
    mistakes = []
    for seed in range(rounds):
        gone = set(np.random.default_rng(seed).permutation(entities)[: len(entities) // 2])
        left = KnowledgeGraph.from_pandas(frame[~frame["head"].isin(gone)])
        links = link(items, left, config=config)
        found = zip(links.items.take(links.item), left.entities.take(links.entity), strict=True)
        for item, iri in found:
            if item in given:
                right += given[item] == iri
                wrong += given[item] != iri
                if given[item] != iri:
                    mistakes.append((item, iri, given[item]))
        possible += sum(iri not in gone for iri in given.values())
    titles = items.set_index("item_id")["title"]
    return {
        "rounds": rounds,
        "precision": right / (right + wrong),
        "recall": right / possible,
        "mistakes": [
            {"item_id": item, "title": titles[item], "iri": iri, "given": true}
            for item, iri, true in sorted(set(mistakes))
        ],
    }


def read(folder: Path, graph: str) -> tuple[KnowledgeGraph, pd.DataFrame, dict[str, str]]:
    kg = KnowledgeGraph.read(folder / graph)
    items = pd.read_csv(folder / "items.csv", dtype=str, keep_default_na=False)
    given = pd.read_csv(folder / "links.csv", dtype=str)
    return kg, items, dict(zip(given["item_id"], given["iri"], strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "link_titles.json")
    args = parser.parse_args()
    folder = args.data / "movielens-dbpedia"
    if not folder.exists():
        print(f"{folder}: there is no such folder; give the folder of the data with --data.")
        return 2
    movielens = read(folder, "kg.nt.gz")
    config = LinkConfig(title="title", year="release_year")
    settled = config.model_copy(update={"meaning_limit": 0.97})
    films = read(Path(kg_data.path("films")), "films.ttl")
    titles = LinkConfig(title="title")
    true = {item: iri for item, iri in movielens[2].items() if item not in WRONG}
    result = {
        "what": "items linked by titles and years alone, against given links",
        "about": about(0),
        "movielens_dbpedia": measure(*movielens, config),
        "wrong_in_links_csv": WRONG,
        "movielens_without_wrong_links": measure(movielens[0], movielens[1], true, config),
        "movielens_by_threshold": by_threshold(*movielens, config),
        "movielens_half_graph": without_half(movielens[0], movielens[1], true, config),
        "movielens_one_to_one": measure(*movielens, config.model_copy(update={"one_to_one": True})),
        "movielens_titles_only": measure(*movielens, titles),
        "movielens_meaning_too": measure(movielens[0], movielens[1], true, settled, TextEncoder()),
        "films": measure(*films, LinkConfig(title="title", year="year")),
        "films_half_graph": without_half(*films, LinkConfig(title="title", year="year")),
        "films_titles_only": measure(*films, titles),
        "bars": {"precision": PRECISION, "recall": RECALL},
    }
    write_json(args.out, result)
    for name, found in result.items():
        if "half" in name:
            print(f"{name:24} precision {found['precision']:.4f}  recall {found['recall']:.4f}")
        elif isinstance(found, dict) and "links" in found:
            print(
                f"{name:24} precision {found['precision']:.4f}  recall {found['recall']:.4f}  "
                f"{found['links']} links, {found['uncertain_items']} uncertain, "
                f"{len(found['items_without_a_given_link'])} beyond the given ones"
            )
    main_result = result["movielens_dbpedia"]
    holds = main_result["precision"] >= PRECISION and main_result["recall"] >= RECALL
    print(f"bars {PRECISION} and {RECALL}: {'hold' if holds else 'missed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
