"""How reading grows from ten thousand to ten million triples, beside iterating pyoxigraph.parse.

Each measurement is a process of its own. The compiled loops are loaded before the clock starts, by
reading a file of 700,000 triples; the peak of memory is taken in a run without that. Ours and the
parser's runs alternate. Needs Linux, for the peak of memory.

    python experiments/bench_growth.py [--largest 10000000] [--rounds 5]

Writes experiments/results/bench_growth.json and docs/reading.png.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rdf_like_dbpedia import write_triples

from kgrec.runs.about import about

HERE = Path(__file__).parent
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
BARS = {"nt": 3.0, "nt_gz": 2.0, "rdflib": 40.0, "ttl": 1.6}
TRIED = (
    "Turtle: pyoxigraph parses it and writes N-Triples, which alone takes 1.3 to 1.4 times as long "
    "as the iteration. A second thread reads what it writes; taking that over and numbering the "
    "terms takes the rest."
)

ONE = """
import sys, time
what, path, warm = sys.argv[1:]
import pyoxigraph
FORMATS = {"nt": pyoxigraph.RdfFormat.N_TRIPLES, "ttl": pyoxigraph.RdfFormat.TURTLE}
def iterate(path):
    for _ in pyoxigraph.parse(path=path, format=FORMATS[path.rpartition(".")[2]]):
        pass
if what == "iterate":
    work = iterate
elif what == "rdflib":
    import rdflib
    work = lambda path: rdflib.Graph().parse(path, format="nt")
else:
    from kgrec.kg.graph import KnowledgeGraph
    if warm:
        KnowledgeGraph.read(warm)
    work = KnowledgeGraph.read if what == "read" else KnowledgeGraph.load
start = time.perf_counter()
kept = work(path)
seconds = time.perf_counter() - start
# Not getrusage: its peak includes that of the process that started this one.
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
print(seconds, peak)
if what == "read" and path.endswith("10000000.nt"):
    kept.save(path + ".kg")
"""


def measure(what: str, path: Path, warm: Path | None = None) -> dict[str, float]:
    """Return seconds and peak memory in bytes of one run in a process of its own."""
    command = [sys.executable, "-c", ONE, what, str(path), "" if warm is None else str(warm)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return {"seconds": float(found[0]), "peak_bytes": float(found[1])}


def in_turn(pairs: dict[str, tuple[str, Path]], warm: Path, rounds: int) -> dict[str, Any]:
    """Run all of `pairs` in turn, `rounds` times, and return the median of each."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in pairs}
    for _ in range(rounds):
        for name, (what, path) in pairs.items():
            runs[name].append(measure(what, path, warm if what == "read" else None))
    return {
        name: {
            "seconds": statistics.median(run["seconds"] for run in found),
            "all_seconds": [run["seconds"] for run in found],
            "peak_bytes": max(run["peak_bytes"] for run in found),
        }
        for name, found in runs.items()
    }


def turtle_and_gzip(path: Path) -> None:
    """Write the same triples as Turtle with prefixes, and compressed."""
    import gzip

    import pyoxigraph

    prefixes = {"dbo": "http://dbpedia.org/ontology/", "dbr": "http://dbpedia.org/resource/"}
    with path.with_suffix(".ttl").open("wb") as file:
        pyoxigraph.serialize(
            pyoxigraph.parse(path=str(path), format=pyoxigraph.RdfFormat.N_TRIPLES),
            file,
            format=pyoxigraph.RdfFormat.TURTLE,
            prefixes=prefixes,
        )
    with gzip.open(path.with_suffix(".nt.gz"), "wb", compresslevel=6) as file:
        file.write(path.read_bytes())


def growth(folder: Path, largest: int, rounds: int) -> dict[str, Any]:
    """Measure every size up to `largest`."""
    warm = folder / "warm.nt"
    write_triples(warm, 700_000, seed=1)  # large enough for each of the compiled loops
    result: dict[str, Any] = {"sizes": {}}
    for size in (n for n in SIZES if n <= largest):
        path = folder / f"{size}.nt"
        write_triples(path, size)
        pairs = {"iterate": ("iterate", path), "read": ("read", path)}
        if size == 1_000_000:
            turtle_and_gzip(path)
            pairs |= {
                "read_gz": ("read", path.with_suffix(".nt.gz")),
                "iterate_ttl": ("iterate", path.with_suffix(".ttl")),
                "read_ttl": ("read", path.with_suffix(".ttl")),
            }
        found = in_turn(pairs, warm, rounds if size <= 1_000_000 else 1)
        # Warming up takes memory itself, so that the peak is taken without it.
        found["read"]["peak_bytes"] = measure("read", path)["peak_bytes"]
        found["bytes"] = path.stat().st_size
        if size == 1_000_000:
            found["rdflib"] = measure("rdflib", path)
        if size == 10_000_000:
            found["load"] = measure("load", Path(f"{path}.kg"))
        result["sizes"][str(size)] = found
        print(size, {k: round(v["seconds"], 3) for k, v in found.items() if k != "bytes"})
    return result


def ratios(sizes: dict[str, Any]) -> dict[str, float]:
    """Return the ratios that are asked for, at one million triples."""
    found = sizes.get("1000000")
    if found is None:
        return {}
    seconds = {name: value["seconds"] for name, value in found.items() if name != "bytes"}
    return {
        "iterate_to_read": seconds["iterate"] / seconds["read"],
        "iterate_to_read_gz": seconds["iterate"] / seconds["read_gz"],
        "rdflib_to_read": seconds["rdflib"] / seconds["read"],
        "read_ttl_to_iterate_ttl": seconds["read_ttl"] / seconds["iterate_ttl"],
    }


def draw(sizes: dict[str, Any], path: Path) -> None:
    """Draw time and peak memory by number of triples."""
    from matplotlib.figure import Figure

    counts = sorted(map(int, sizes))
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    time, memory = figure.subplots(1, 2)
    for name, label, colour, marker in (
        ("iterate", "iterating pyoxigraph.parse", "#D55E00", "s"),
        ("read", "KnowledgeGraph.read", "#0072B2", "o"),
    ):
        time.loglog(
            counts,
            [sizes[str(n)][name]["seconds"] for n in counts],
            color=colour,
            marker=marker,
            label=label,
        )
    time.set(xlabel="triples", ylabel="seconds")
    time.legend(frameon=False)
    peaks = [sizes[str(n)]["read"]["peak_bytes"] / 2**20 for n in counts]
    files = [sizes[str(n)]["bytes"] / 2**20 for n in counts]
    memory.loglog(counts, peaks, color="#0072B2", marker="o", label="peak memory of reading")
    memory.loglog(counts, files, color="#999999", marker="^", label="size of the file")
    memory.set(xlabel="triples", ylabel="MiB")
    memory.legend(frameon=False)
    for axes in (time, memory):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = growth(Path(scratch), args.largest, args.rounds)
    result["ratios_at_one_million"] = ratios(result["sizes"])
    result["bars"] = BARS
    result["tried"] = TRIED
    result["about"] = about(0)
    out = HERE / "results" / "bench_growth.json"
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["ratios_at_one_million"], indent=2))
    draw(result["sizes"], HERE.parent / "docs" / "reading.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
