"""The README's tables of models: by data set, beside published figures, and beside RecBole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kgrec.evaluation.significance import holm

Results = dict[str, Any]
METRICS = ("ndcg@10", "recall@10", "recall@20", "mrr@10")
NAMES = {
    "most_popular": "most popular",
    "item_knn": "item k-NN",
    "ease": "EASE",
    "ease_searched": "EASE with dropout, weighed by ratings",
    "attribute_ease": "EASE with the graph's attributes",
    "user_ease": "EASE over users, with text and attributes",
    "content_ease": "EASE, ridge from text and attributes",
    "slim": "SLIM",
    "ials": "iALS (`implicit`)",
    "trending": "popularity at the user's time",
    "bpr_mf": "BPR-MF",
    "lightgcn": "LightGCN",
    "xsimgcl": "XSimGCL",
    "cke": "CKE",
    "cfkg": "CFKG",
    "kgcn": "KGCN",
    "kgat": "KGAT",
    "kgin": "KGIN",
    "rgcn": "R-GCN",
    "lightkg": "LightKG",
    "link_prediction": "link predictor, searched",
}
DATASETS = {
    "movielens_random": (
        "MovieLens-100K + DBpedia, `random`",
        "own_random",
        ("movielens-dbpedia", "random"),
    ),
    "movielens_temporal": (
        "MovieLens-100K + DBpedia, `temporal`",
        "own_temporal",
        ("movielens-dbpedia", "temporal"),
    ),
    "movielens_cold_items": (
        "MovieLens-100K + DBpedia, `cold_items` (the candidates are the 125 new items)",
        "own_cold_items",
        ("movielens-dbpedia", "cold_items"),
    ),
    "lastfm": ("HetRec Last.FM", "own_lastfm", ("lastfm", "published")),
}
"""By name of the settings: title, kgrec's own model, data set and split of baselines.json."""
ABLATIONS = {
    "no_graph": "the same without the graph",
    "shuffled_graph": "the same with a graph whose items are shuffled",
}
FIGURES = {
    "accuracy_by_time": "Test accuracy against seconds of training, a point for each model, with "
    "95 % bootstrap intervals over the users",
    "gains": "Gain over EASE by the number of interactions of users and of items. Groups have "
    "about equally many users or test interactions; a filled mark is an interval without 0",
    "ablations": "The same model as it is, without the graph, and with a graph whose items are "
    "shuffled",
    "model_growth": "Seconds of an epoch and highest memory by the edges of the graph, one thread",
    "validation_curves": "Validation curves of the trained member of kgrec's own model, a line for "
    "each seed",
}


def table(head: list[str], rows: Iterable[list[str]], align: str) -> str:
    marks = {"l": "---", "r": "---:"}
    lines = [head, [marks[side] for side in align], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def model_sections(results: Results) -> list[str]:
    """Return what there is to say of models, each part if its results are there."""
    parts = []
    for name in DATASETS:
        parts += dataset_table(results, name)
    return [
        *parts,
        *search_note(results),
        *published_table(results),
        *recbole_tables(results),
        *growth_table(results),
    ]


def dataset_table(results: Results, name: str) -> list[str]:
    """Return title and table of a data set: kgrec's models, and baselines, the best on top."""
    title, own_name, split = DATASETS[name]
    own = results.get("own_model", {}).get("results", {}).get(own_name, {})
    rows = [*own_rows(own), *default_rows(results, name)]
    found = baselines(results, name, own, split)
    metric = own.get("metric", "ndcg@10")
    p = p_values(own)
    for model in sorted(found, key=lambda one: -found[one]["test"][metric]):
        row = found[model]
        same = abs(own.get("baselines", {}).get(model, {}).get("mean", -1) - row["test"][metric])
        tests = p[model] if same < 5e-5 else ""
        rows.append([NAMES.get(model, model), valid(row, metric), *figures(row["test"]), tests])
    if not rows:
        return []
    head = ["model", f"valid {metric}", *METRICS, f"p, {metric}"]
    return [f"{title}, test part:", table(head, rows, "lrrrrrr")]


def own_rows(own: Results) -> list[list[str]]:
    if not own:
        return []
    runs, metric = own["runs"], own["metric"]
    rows = [
        [
            f"**kgrec's own model, mean of {len(runs)} seeds**",
            valid(own, metric),
            *figures(own["test"]),
            "",
        ]
    ]
    spread = [[run["test"][key] for run in runs] for key in METRICS]
    if len(runs) > 1 and any(min(values) < max(values) for values in spread):
        ends = [f"{min(values):.4f}–{max(values):.4f}" for values in spread]
        rows.append(["its seeds, lowest–highest", "", *ends, ""])
    p = p_values(own)
    for kind, words in ABLATIONS.items():
        if kind in own:
            test = own[kind].get("test", {metric: own[kind]["mean"]})
            rows.append([words, "", *figures(test), p[kind]])
    return rows


def default_rows(results: Results, name: str) -> list[list[str]]:
    """Return the row of the link predictor alone, with the settings of a committed config."""
    if name not in results:
        return []
    result = results[name]
    num = len(result.get("runs", ()))
    words = f"link predictor alone, mean of {num} seeds" if num > 1 else "link predictor alone"
    return [[words, "", *figures(result["metrics"]), ""]]


def baselines(results: Results, name: str, own: Results, split: tuple[str, str]) -> Results:
    """Return the baselines by model, with the settings that were better on validation.

    EASE as it was published stays beside EASE with the settings that were searched for.
    """
    found: Results = {}
    for entry in results.get("baselines", {}).get("results", ()):
        if (entry["dataset"], entry["split"]) == split:
            found |= {row["model"]: row for row in entry["models"]}
    for model, row in results.get("search", {}).get("results", {}).get(name, {}).items():
        if "test" not in row or model == "own":
            continue
        metric = row["chosen_by"]
        if model in found and row["valid"][metric] <= found[model]["valid"][metric]:
            continue
        found["ease_searched" if model == "ease" and model in found else model] = row
    # Those that the own model was tested with were measured beside it.
    for model, row in own.get("baselines", {}).items():
        if "test" in row and model in found:
            found[model] = {**found[model], "test": row["test"]}
    return found


def p_values(own: Results) -> dict[str, str]:
    """Return p values of the own model against each model that it was tested with."""
    others = {**own.get("baselines", {}), **{kind: own[kind] for kind in ABLATIONS if kind in own}}
    written = {}
    p = [holm([one[f"{test}_p"] for one in others.values()]) for test in ("t_test", "wilcoxon")]
    for place, (name, one) in enumerate(others.items()):
        both = " / ".join(p_value(values[place]) for values in p)
        written[name] = both if one["gain"] > 0 else "not above"
    return written


def p_value(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"


def valid(row: Results, metric: str) -> str:
    found = row.get("valid", {})
    return f"{found[metric]:.4f}" if metric in found else ""


def figures(metrics: dict[str, float]) -> list[str]:
    return [f"{metrics[key]:.4f}" if key in metrics else "" for key in METRICS]


def search_note(results: Results) -> list[str]:
    """Return how the settings of the tables were chosen."""
    text = (
        "p tests whether kgrec's own model is better: t test / Wilcoxon's test. Both are two-sided "
        "and paired over users, after averaging the seeds for each user, with Holm's correction "
        "over the tested models of a table."
    )
    if not any(one.get("baselines") for one in own_results(results)):
        text = ""
    found = results.get("search")
    if found is not None:
        budget = found["budget"]
        text += (
            f" Each model was tuned on validation by a grid and by {budget['trials']} trials of "
            f"{budget['sampler']} (Optuna), with the same budget; the better settings are used "
            f"([search](experiments/results/search.json), configs in `experiments/best/`)."
        )
    return [text.strip()] if text else []


def own_results(results: Results) -> list[Results]:
    return list(results.get("own_model", {}).get("results", {}).values())


def published_table(results: Results) -> list[str]:
    """Return models of others by their presets, beside the figures that were published for them."""
    found = results.get("published", {}).get("results", {})
    if not found:
        return []
    peers = best_peers(results["published"].get("peers", ()))
    rows, reasons = [], []
    for model, row in found.items():
        name = NAMES.get(model, model)
        published = row.get("published", {}).get("recall@10")
        if row.get("within") is False and row.get("explanation"):
            reasons.append(f"- {name}: {row['explanation']}")
        rows.append(
            [
                name,
                "" if published is None else f"{published:.4f}",
                f"{row['test']['recall@10']:.4f}",
                str(len(row["seeds"])),
                f"{row['ratio']:.3f}" if "ratio" in row else "",
                f"{peers[name]:.4f}" if name in peers else "",
                {True: "yes", False: "**no**", None: ""}[row.get("within")],
            ]
        )
    head = ["model", "published", "here", "seeds", "ratio", "RecBole here", "within 5 %"]
    parts = [
        "Published models by their presets on HetRec Last.FM, test Recall@10 beside what was "
        "published ([published](experiments/results/published.json)):",
        table(head, rows, "lrrrrrl"),
    ]
    return [*parts, "Why some differ:\n\n" + "\n".join(reasons)] if reasons else parts


def best_peers(runs: Iterable[Results]) -> dict[str, float]:
    """Return test Recall@10 of RecBole's models, of the settings that were best on validation."""
    best: dict[str, tuple[float, float]] = {}
    for run in runs:
        model = run.get("settings", run)["model"]
        one = (run.get("best_valid", 0.0), run.get("test", {}).get("recall@10"))
        if one[1] is not None and one[0] >= best.get(model, (0.0, 0.0))[0]:
            best[model] = one
    return {model: test for model, (_, test) in best.items()}


def recbole_tables(results: Results) -> list[str]:
    """Return seconds side by side with RecBole."""
    found = results.get("bench_recbole")
    if found is None:
        return []
    titles = {own: title for title, own, _ in DATASETS.values()}
    epochs = [
        [
            titles.get(name, name),
            f"{one['seconds']['kgrec']:.2f}",
            f"{one['seconds']['recbole']:.2f}",
            f"{one['seconds']['share']:.2f}",
        ]
        for name, one in found["epoch"].items()
    ]
    fits = []
    for name, one in found["fit"].items():
        metric = one["metric"]
        ours = mean([run["test"][metric] for run in one["kgrec"]])
        for peer, theirs in one["recbole"].items():
            least = "at least " if theirs.get("still_improving") else ""
            reached = theirs.get("test", {}).get(metric)
            fits.append(
                [
                    titles.get(name, name),
                    peer,
                    f"{one['kgrec_seconds_to_best']:.0f}",
                    f"{least}{theirs['seconds_to_best']:.0f}{training_alone(theirs)}",
                    f"{least}{one['times_as_fast'][peer]:.1f}",
                    f"{metric} {ours:.4f}",
                    "" if reached is None else f"{reached:.4f}",
                ]
            )
    return [
        "One epoch of LightGCN in seconds, same width, layers and batch, side by side in one run "
        "([bench_recbole](experiments/results/bench_recbole.json)):",
        table(["data", "kgrec", "RecBole", "share"], epochs, "lrrr"),
        "Seconds to the best validation score, in the same run on one core each. Both sides "
        "validate every fifth epoch, and the figures include it. In brackets: RecBole without "
        "validation, because its KGCN ranks all items slowly.",
        table(
            [
                "data",
                "RecBole's",
                "kgrec's own model",
                "RecBole",
                "times",
                "kgrec's test",
                "its test",
            ],
            fits,
            "llrrrrr",
        ),
    ]


def training_alone(run: Results) -> str:
    """Return the seconds to the best score without those of validation, where they are told."""
    seconds = run.get("training_seconds_to_best")
    return "" if seconds is None else f" ({seconds:.0f})"


def growth_table(results: Results) -> list[str]:
    """Return seconds and memory of each model by the size of the graph."""
    found = results.get("bench_models")
    if found is None:
        return []
    sizes = sorted({int(size) for one in found["models"].values() for size in one})
    rows = []
    for key, by_size in found["models"].items():
        model, _, sampled = key.partition(" ")
        name = "kgrec's default" if model == "own" else NAMES.get(model, model)
        cells = [grown(by_size.get(str(size))) for size in sizes]
        rows.append([f"{name}, sampled" if sampled else name, *cells])
    return [
        "Seconds of an epoch / highest memory in MiB without libraries, by edges of a synthetic "
        'graph, one thread; "sampled" trains with neighbor sampling '
        "([bench_models](experiments/results/bench_models.json)):",
        table(["model", *(f"{size:,}" for size in sizes)], rows, "l" + "r" * len(sizes)),
    ]


def grown(one: Results | None) -> str:
    if one is None:
        return ""
    if "over" in one:
        return f"over the limit of {one['over']}"
    return f"{one['seconds_per_epoch']:.3g} / {one['peak_bytes'] / 2**20:,.0f}"


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def figure_links(folder: Path, names: Iterable[str] = tuple(FIGURES)) -> list[str]:
    """Return those figures that are in the folder of documents."""
    return [
        f"![{FIGURES[name]}](docs/{name}.png)\n\n{FIGURES[name]} ([SVG](docs/{name}.svg))."
        for name in names
        if (folder / f"{name}.png").exists() and (folder / f"{name}.svg").exists()
    ]
