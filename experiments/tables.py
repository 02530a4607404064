"""Write the README's results from the JSON files in experiments/results.

    python experiments/tables.py            # between the markers of README.md
    python experiments/tables.py --check    # exit code 1 where the README says something else

No figure of that section is typed by hand. A result that is not there yet is said to be so.
"""

from __future__ import annotations

import argparse
import json
import operator
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
METRICS = ("ndcg@10", "recall@10", "recall@20", "mrr@10")
NAMES = {
    "most_popular": "most popular",
    "item_knn": "item k-NN",
    "ease": "EASE",
    "attribute_ease": "EASE with the graph's attributes",
}
Results = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """A figure that kgrec was built to reach.

    Attributes:
        what: What is measured.
        file: The result file, without `.json`.
        value: Takes the figure out of the file's content.
        limit: The bar.
        at_least: Whether more is better.
        form: How figure and bar are written.
    """

    what: str
    file: str
    value: Callable[[Any], float]
    limit: float
    at_least: bool
    form: str = "{:.4f}"

    def row(self, results: Results) -> list[str]:
        bar = f"{'at least' if self.at_least else 'at most'} {self.form.format(self.limit)}"
        if self.file not in results:
            return [self.what, bar, "not measured yet", "", ""]
        result = results[self.file]
        try:
            value = self.value(result)
        except LookupError:
            return [self.what, bar, "not in the file", "", self.source()]
        reached = (operator.ge if self.at_least else operator.le)(value, self.limit)
        verdict = "yes" if reached else f"**no**{_tried(result)}"
        return [self.what, bar, self.form.format(value), verdict, self.source()]

    def source(self) -> str:
        return f"[{self.file}](experiments/results/{self.file}.json)"


def metric(name: str) -> Callable[[Any], float]:
    return lambda result: float(result["metrics"][name])


def growth(name: str) -> Callable[[Any], float]:
    return lambda result: float(result["ratios_at_one_million"][name])


def encoding(key: str) -> Callable[[Any], float]:
    """Return what takes a figure of the default precision out of the encoder's results."""

    def value(result: Any) -> float:
        chosen = [run for run in result["runs"] if run["precision_asked"] == "auto"]
        return float((chosen or result["runs"])[0][key])

    return value


BARS = (
    Bar(
        "MovieLens-100K + DBpedia, `random`, test NDCG@10",
        "movielens_random",
        metric("ndcg@10"),
        0.2345,
        True,
    ),
    Bar("the same on `cold_items`", "movielens_cold_items", metric("ndcg@10"), 0.36, True),
    Bar("HetRec Last.FM, test Recall@10", "lastfm", metric("recall@10"), 0.290, True),
    Bar(
        "seconds of training to the best validation score, `random`, text cached",
        "movielens_random",
        lambda result: float(result["seconds_to_best"]),
        240,
        False,
        "{:.0f}",
    ),
    Bar(
        "seconds of `kgrec demo`, nothing cached",
        "demo",
        lambda result: float(result["seconds"]["first"]),
        90,
        False,
        "{:.0f}",
    ),
    Bar(
        "seconds of `make test` after installation",
        "make_test",
        lambda result: float(result["seconds"]),
        360,
        False,
        "{:.0f}",
    ),
    Bar(
        "reading `kg.nt.gz`, as a multiple of decompressing it and iterating `pyoxigraph.parse`",
        "bench_read",
        lambda result: float(result["result"]["ratio_of_medians"]),
        2.0,
        False,
        "{:.2f}",
    ),
    Bar(
        "1 million N-Triples: seconds of iterating `pyoxigraph.parse` by seconds of reading",
        "bench_growth",
        growth("iterate_to_read"),
        3.0,
        True,
        "{:.2f}",
    ),
    Bar(
        "the same triples compressed by gzip: the same iteration by reading",
        "bench_growth",
        growth("iterate_to_read_gz"),
        2.0,
        True,
        "{:.2f}",
    ),
    Bar(
        "the same: `rdflib.Graph.parse` by reading",
        "bench_growth",
        growth("rdflib_to_read"),
        40.0,
        True,
        "{:.0f}",
    ),
    Bar(
        "the same as Turtle: reading by iterating `pyoxigraph.parse`",
        "bench_growth",
        growth("read_ttl_to_iterate_ttl"),
        1.6,
        False,
        "{:.2f}",
    ),
    Bar(
        "GiB of memory at the most, reading 10 million triples",
        "bench_growth",
        lambda result: float(result["sizes"]["10000000"]["read"]["peak_bytes"]) / 2**30,
        3.0,
        False,
        "{:.2f}",
    ),
    Bar(
        "seconds of loading a saved graph of 10 million triples",
        "bench_growth",
        lambda result: float(result["sizes"]["10000000"]["load"]["seconds"]),
        1.0,
        False,
        "{:.2f}",
    ),
    Bar(
        "encoding the film abstracts, as a multiple of the speed of `SentenceTransformer.encode`",
        "bench_encode",
        encoding("speedup_median"),
        2.0,
        True,
        "{:.2f}",
    ),
    Bar(
        "the lowest cosine to its vectors",
        "bench_encode",
        encoding("cosine_min"),
        0.999,
        True,
    ),
    Bar(
        "seconds of `import kgrec`",
        "demo",
        lambda result: float(result["import_seconds"]),
        0.5,
        False,
        "{:.2f}",
    ),
    Bar(
        "seconds of `kgrec --help`",
        "demo",
        lambda result: float(result["help_seconds"]),
        0.7,
        False,
        "{:.2f}",
    ),
)

DATASETS = (
    ("MovieLens-100K + DBpedia, `random`", "movielens_random", ("movielens-dbpedia", "random")),
    (
        "MovieLens-100K + DBpedia, `temporal`",
        "movielens_temporal",
        ("movielens-dbpedia", "temporal"),
    ),
    (
        "MovieLens-100K + DBpedia, `cold_items` (the candidates are the 125 new items)",
        "movielens_cold_items",
        ("movielens-dbpedia", "cold_items"),
    ),
    ("HetRec Last.FM", "lastfm", ("lastfm", "published")),
)


def read_results(folder: Path = HERE / "results") -> Results:
    """Return the content of all result files, by name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def section(results: Results) -> str:
    """Return what stands between the markers."""
    parts = [
        "What was asked for, and what was measured:",
        table(
            ["what", "bar", "measured", "reached", "file"],
            [bar.row(results) for bar in BARS],
            "lrrll",
        ),
    ]
    for title, file, (dataset, split) in DATASETS:
        rows = [*_ours(results, file), *_baselines(results, dataset, split)]
        if rows:
            parts += [f"{title}, test part:", table(["model", *METRICS], rows, "lrrrr")]
    parts += [_settings(results)]
    return "\n\n".join(part for part in parts if part)


def table(head: list[str], rows: Iterable[list[str]], align: str) -> str:
    marks = {"l": "---", "r": "---:"}
    lines = [head, [marks[side] for side in align], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ours(results: Results, file: str) -> list[list[str]]:
    if file not in results:
        return []
    result = results[file]
    num = len(result.get("runs", ()))
    name = f"kgrec, mean of {num} seeds" if num > 1 else "kgrec"
    rows = [[f"**{name}**", *_figures(result["metrics"])]]
    if num > 1:
        spread = []
        for key in METRICS:
            values = [run["metrics"][key] for run in result["runs"]]
            spread.append(f"{min(values):.4f}–{max(values):.4f}")
        rows.append(["its seeds, lowest–highest", *spread])
    return rows


def _baselines(results: Results, dataset: str, split: str) -> list[list[str]]:
    for found in results.get("baselines", {}).get("results", ()):
        if (found["dataset"], found["split"]) == (dataset, split):
            models = sorted(found["models"], key=lambda model: -model["test"]["ndcg@10"])
            return [
                [NAMES.get(model["model"], model["model"]), *_figures(model["test"])]
                for model in models
            ]
    return []


def _figures(metrics: dict[str, float]) -> list[str]:
    return [f"{metrics[key]:.4f}" if key in metrics else "" for key in METRICS]


def _tried(result: Any) -> str:
    """Return what a result file says was tried to reach the bar."""
    tried = result.get("tried", ())
    sentences = [tried] if isinstance(tried, str) else list(tried)
    return f": {' '.join(sentences)}" if sentences else ""


def _settings(results: Results) -> str:
    """Return where and when the figures were measured, each machine once."""
    lines: dict[str, list[str]] = {}
    for name, result in results.items():
        where = _where(result)
        if where:
            lines.setdefault(where, []).append(name)
    if not lines:
        return ""
    entries = [f"- {where}: {', '.join(names)}" for where, names in lines.items()]
    return "\n".join(["Measured on:", "", *entries])


def _where(result: Any) -> str:
    about = result.get("about", result)
    machine, versions = about.get("machine", {}), about.get("versions", {})
    cores = machine.get("cores", machine.get("cpus"))
    processor = machine.get("processor", machine.get("platform"))
    if processor and cores:
        processor = f"{cores} x {processor}"
    python = about.get("python", machine.get("python"))
    torch = versions.get("torch")
    parts = [
        processor,
        f"Python {python}" if python else None,
        f"PyTorch {torch}" if torch else None,
        about["date"][:10] if "date" in about else None,
    ]
    return ", ".join(part for part in parts if part)


def written(readme: str, content: str) -> str:
    """Return the README with `content` between its markers."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md lacks the markers {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--readme", type=Path, default=HERE.parent / "README.md")
    options = parser.parse_args()
    found = options.readme.read_text(encoding="utf-8")
    wanted = written(found, section(read_results()))
    if found == wanted:
        return 0
    if options.check:
        print(f"{options.readme} differs from the results: run experiments/tables.py.")
        return 1
    options.readme.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
