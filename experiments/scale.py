"""How reading, training and recommending grow, up to ten million interactions.

Makes data with a planted preference: users and items belong to groups, four of five interactions
stay within the group, and so do half of the statements of the graph. For N interactions there are
N / 10 users, N / 50 items and 5 N triples. Each stage is a process of its own: making the data,
reading it, the closed form `low_rank`, the link predictor with sampled neighbors, each with lists
for all users. The preference is found where more than half of the recommended items are of the
user's group, which is a fiftieth of all; all users' lists are counted.

    python experiments/scale.py [--largest 1000000] [--size N …] [--folder DIR]

Writes experiments/results/scale.json with seconds and peak memory of each stage, draws
docs/scale.png and puts the tables into docs/explanation/scale.md. Needs Linux, for the peak of
memory. The full size, --largest 10000000, takes an hour or more and some 10 GB of disk. --size
measures some sizes alone, and keeps what the file has of others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from marks import between_marks

import kgrec
from kgrec.kg.graph import KnowledgeGraph
from kgrec.runs.about import about
from kgrec.types import IntArray

HERE = Path(__file__).parent
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
GROUP, GROUPS, ATTRIBUTES, RELATIONS, K = 200, 50, 400, 20, 10
"""Items of a group, at least; most groups: fewer than the closed form has dimensions."""
INSIDE = 0.8
"""Share of a user's interactions within the own group."""
AT_ONCE = 1_000_000
EX = "http://ex.org/"
NEIGHBORS, EPOCHS, STEPS = [5], 1, 250
"""Neighbors of each type in each hop; epochs; most steps of an epoch."""


def sizes_of(interactions: int) -> dict[str, int]:
    """Return the numbers of users, items, groups, other entities and triples."""
    items = interactions // 50
    groups = min(max(4, items // GROUP), GROUPS)
    return {
        "interactions": interactions,
        "users": interactions // 10,
        "items": items,
        "groups": groups,
        "entities": 4 * items,
        "triples": 5 * interactions,
    }


def group_of(rows: IntArray, groups: int) -> IntArray:
    """Return the group of users or items by their numbers."""
    return rows % groups


def member(rng: np.random.Generator, group: IntArray, count: int, groups: int) -> IntArray:
    """Return a random row below `count` of each given group."""
    return rng.integers(count // groups, size=len(group)) * groups + group


# ---------------------------------------------------------------------- stages


def make(folder: Path, size: dict[str, int]) -> dict[str, Any]:
    """Write the log as Parquet and the graph as N-Triples, a million rows at a time."""
    rng = np.random.default_rng(0)
    schema = pa.schema({"user_id": pa.string(), "item_id": pa.string()})
    with pq.ParquetWriter(folder / "log.parquet", schema) as writer:
        for count in pieces(size["interactions"]):
            user = rng.integers(size["users"], size=count)
            inside = rng.random(count) < INSIDE
            own = member(rng, group_of(user, size["groups"]), size["items"], size["groups"])
            item = np.where(inside, own, rng.integers(size["items"], size=count))
            users = [f"u{row}" for row in user.tolist()]
            items = [f"{EX}i{row}" for row in item.tolist()]
            writer.write_table(pa.table([users, items], schema=schema))
    attributes = ATTRIBUTES * size["groups"]
    with (folder / "graph.nt").open("w") as file:
        for count in pieces(size["triples"]):
            subject = rng.integers(size["items"] + size["entities"], size=count)
            own = member(rng, group_of(subject, size["groups"]), attributes, size["groups"])
            value = np.where(rng.random(count) < 0.5, own, rng.integers(attributes, size=count))
            relation = rng.integers(RELATIONS, size=count)
            kind = np.where(subject < size["items"], "i", "e").tolist()
            rows = zip(kind, subject.tolist(), relation.tolist(), value.tolist(), strict=True)
            file.writelines(f"<{EX}{one}{s}> <{EX}r{r}> <{EX}a{v}> .\n" for one, s, r, v in rows)
    return {"bytes": {one.name: one.stat().st_size for one in sorted(folder.iterdir())}}


def read(folder: Path, size: dict[str, int]) -> dict[str, Any]:
    """Read both, and keep the graph as a folder that is mapped into memory."""
    del size
    seconds: dict[str, float] = {}
    with timed(seconds, "log"):
        log = kgrec.Interactions.read(folder / "log.parquet")
    with timed(seconds, "graph"):
        kg = KnowledgeGraph.read(folder / "graph.nt")
    with timed(seconds, "save"):
        kg.save(folder / "graph.kg")
    return {
        "parts": seconds,
        "interactions": len(log),
        "users": log.num_users,
        "items": log.num_items,
        "triples": len(kg.triples),
        "entities": kg.num_entities,
    }


def closed_form(folder: Path, size: dict[str, int]) -> dict[str, Any]:
    """Train the closed form, and recommend to all."""
    model = kgrec.LowRank(kgrec.LowRankConfig(dim=64, l2=10.0))
    return trained(folder, size, model, "closed.parquet", with_graph=False)


def graph_model(folder: Path, size: dict[str, int]) -> dict[str, Any]:
    """Train the link predictor for an epoch with sampled neighbors, and recommend to all."""
    config = kgrec.LinkPredictionConfig(
        predictor={"dim": 32, "encoder": {"name": "lightgcn", "num_layers": 1}},
        training={
            "loss": "sampled_softmax",
            "batch_pairs": max(4096, size["interactions"] // STEPS),
            "num_neighbors": NEIGHBORS,
            "max_epochs": EPOCHS,
            "weight_average": 0.0,
        },
    )
    return trained(folder, size, kgrec.LinkPrediction(config), "graph.parquet", with_graph=True)


def trained(
    folder: Path, size: dict[str, int], model: Any, out: str, *, with_graph: bool
) -> dict[str, Any]:
    """Fit a model on all interactions, write lists for all users and count in them."""
    seconds: dict[str, float] = {}
    with timed(seconds, "load"):
        log = kgrec.Interactions.read(folder / "log.parquet")
        kg = links = None
        if with_graph:
            kg = KnowledgeGraph.load(folder / "graph.kg")
            links = kgrec.link(log.items, kg)
    recommender = kgrec.Recommender(kg, links, model=model, text=None)
    with timed(seconds, "prepare"):
        prepared = recommender.prepare(log)
    with timed(seconds, "fit"):
        model.fit(prepared.data)
        recommender.take(prepared.fitted(model))
    with timed(seconds, "recommend"):
        recommender.recommend_all(K).write(folder / out, force=True)
    return {"parts": seconds, **found(folder / out, size)}


def found(path: Path, size: dict[str, int]) -> dict[str, Any]:
    """Return the share of recommended items that are of the user's group, over all lists."""
    hits = total = 0
    for batch in pq.ParquetFile(path).iter_batches(columns=["user_id", "item_id"]):
        users = np.array([int(one[1:]) for one in batch["user_id"].to_pylist()])
        items = np.array([int(one[len(EX) + 1 :]) for one in batch["item_id"].to_pylist()])
        same = group_of(users, size["groups"]) == group_of(items, size["groups"])
        hits, total = hits + int(same.sum()), total + len(same)
    share, chance = hits / total, 1 / size["groups"]
    return {"lists": total // K, "share": share, "chance": chance, "found": share > 0.5}


STAGES: dict[str, Callable[[Path, dict[str, int]], dict[str, Any]]] = {
    "make": make,
    "read": read,
    "low_rank": closed_form,
    "link_prediction": graph_model,
}


# ---------------------------------------------------------------------- measuring


def pieces(total: int) -> Iterator[int]:
    """Yield the sizes of pieces that add up."""
    for start in range(0, total, AT_ONCE):
        yield min(AT_ONCE, total - start)


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Keep how long the body takes."""
    began = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - began


def in_a_process(stage: str, folder: Path, interactions: int) -> dict[str, Any]:
    """Return what a stage has measured, with its seconds and its peak of memory."""
    command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder)]
    command += ["--largest", str(interactions)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def one_stage(stage: str, folder: Path, interactions: int) -> None:
    began = time.perf_counter()
    result = STAGES[stage](folder, sizes_of(interactions))
    result["seconds"] = time.perf_counter() - began
    result["cpu_seconds"] = time.process_time()  # on a busy machine they say more
    result["load_average"] = os.getloadavg()[0]
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps(result | {"peak_bytes": peak}))


def slopes(sizes: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return seconds and bytes a million interactions, between the two largest sizes."""
    if len(sizes) < 2:
        return {}
    small, large = sorted(map(int, sizes))[-2:]
    more = (large - small) / 1e6
    return {
        stage: {
            key: (sizes[str(large)][stage][key] - sizes[str(small)][stage][key]) / more
            for key in ("seconds", "peak_bytes")
        }
        for stage in STAGES
    }


def table(sizes: dict[str, Any]) -> str:
    """Return the table of the page: seconds and GiB of each stage, and what the lists hold."""
    names = {
        "read": "reading log and graph",
        "low_rank": "`low_rank`, lists for all",
        "link_prediction": "graph model, lists for all",
    }
    lines = [
        "| interactions | users | items | triples | stage | seconds | peak GiB | own group |",
        "| ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for interactions in sorted(map(int, sizes)):
        size, found = sizes_of(interactions), sizes[str(interactions)]
        about_it = [f"{size[key]:,}" for key in ("interactions", "users", "items", "triples")]
        for stage, name in names.items():
            one = found[stage]
            share = f"{one['share']:.1%} (chance {one['chance']:.0%})" if "share" in one else ""
            row = [name, f"{one['seconds']:,.0f}", f"{one['peak_bytes'] / 2**30:.1f}", share]
            lines.append(f"| {' | '.join([*about_it, *row])} |")
            about_it = [""] * 4
    return "\n".join(lines)


def plan(sizes: dict[str, Any]) -> str:
    """Return the table of the plan: seconds by the largest size, memory by the two largest.

    What a process takes before it begins counts in the seconds of small sizes, and in the memory of
    all.
    """
    small, large = (sizes[str(count)] for count in sorted(map(int, sizes))[-2:])
    counts = sorted(map(int, sizes))[-2:]
    million = (counts[1] - counts[0]) / 1e6

    def grown(stage: str, part: str | None = None) -> float:
        if part is not None:
            return large[stage]["parts"][part] / (counts[1] / 1e6)
        return (large[stage]["peak_bytes"] - small[stage]["peak_bytes"]) / million / 2**30

    products = sizes_of(counts[1])["users"] * sizes_of(counts[1])["items"]
    each = large["low_rank"]["parts"]["recommend"] / products
    billion = 1e9 / 5e6  # triples by those of a million interactions
    users, items = 1e8, 1e6
    rows = [
        ("reading 10⁹ triples", grown("read", "graph") * billion, grown("read") * billion),
        (
            "`low_rank` of 10⁹ interactions",
            grown("low_rank", "fit") * 1e3,
            grown("low_rank") * 1e3,
        ),
        (
            "an epoch of the graph model on 10⁹ interactions, neighbors sampled",
            grown("link_prediction", "fit") * 1e3 / EPOCHS,
            grown("link_prediction") * 1e3,
        ),
        ("lists for 10⁸ users of 10⁶ items", each * users * items, 0.5),
    ]
    lines = [
        "| stage | hours of one core | GiB in one process | on 100 cores |",
        "| --- | ---: | ---: | --- |",
    ]
    for name, seconds, memory in rows:
        divides = name.startswith("lists")
        on_many = f"{seconds / 3600 / 100:,.1f} hours" if divides else "does not divide"
        if name.startswith("reading"):
            on_many = "files side by side; merging does not divide"
        lines.append(f"| {name} | {seconds / 3600:,.1f} | {memory:,.1f} | {on_many} |")
    return "\n".join(lines)


def write_page(sizes: dict[str, Any], path: Path) -> None:
    """Put both tables between their marks."""
    text = path.read_text(encoding="utf-8")
    for name, content in (("scale", table(sizes)), ("plan", plan(sizes))):
        text = between_marks(text, name, content)
    path.write_text(text, encoding="utf-8")


def draw(sizes: dict[str, Any], path: Path) -> None:
    """Draw seconds and peak memory of each stage by the number of interactions."""
    from matplotlib.figure import Figure

    counts = sorted(map(int, sizes))
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    time_axes, memory = figure.subplots(1, 2)
    styles = {
        "read": ("reading log and graph", "#0072B2", "o"),
        "low_rank": ("closed form, lists for all", "#E69F00", "s"),
        "link_prediction": ("graph model, lists for all", "#009E73", "^"),
    }
    for stage, (label, colour, marker) in styles.items():
        found = [sizes[str(count)][stage] for count in counts]
        style = {"color": colour, "marker": marker, "label": label}
        time_axes.loglog(counts, [one["seconds"] for one in found], **style)
        memory.loglog(counts, [one["peak_bytes"] / 2**30 for one in found], **style)
    time_axes.set(xlabel="interactions; five times as many triples", ylabel="seconds")
    memory.set(xlabel="interactions; five times as many triples", ylabel="peak memory, GiB")
    time_axes.legend(frameon=False)
    for axes in (time_axes, memory):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=130)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--stage", choices=STAGES)
    parser.add_argument(
        "--without", nargs=2, metavar=("STAGE", "SIZE"), action="append", default=[],
        help="keep what the file has of one",
    )  # fmt: skip
    parser.add_argument("--size", type=int, action="append", choices=SIZES)
    parser.add_argument("--page", action="store_true", help="only write the page again")
    args = parser.parse_args()
    if args.stage is not None:
        one_stage(args.stage, args.folder, args.largest)
        return 0
    out = HERE / "results" / "scale.json"
    if args.page:
        sizes = json.loads(out.read_text())["sizes"]
        write_page(sizes, HERE.parent / "docs" / "explanation" / "scale.md")
        draw(sizes, HERE.parent / "docs" / "scale.png")
        return 0
    result: dict[str, Any] = {"sizes": {}}
    if args.without or args.size:
        result = json.loads(out.read_text())
    for interactions in args.size or [size for size in SIZES if size <= args.largest]:
        with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
            measured: dict[str, Any] = result["sizes"].get(str(interactions), {})
            for stage in STAGES:
                if [stage, str(interactions)] in args.without:
                    continue
                measured[stage] = in_a_process(stage, Path(scratch), interactions)
                print(interactions, stage, measured[stage], flush=True)
        result["sizes"][str(interactions)] = measured
        result |= {"slopes": slopes(result["sizes"]), "about": about(0)}
        settings = {"neighbors": NEIGHBORS, "epochs": EPOCHS, "most_steps": STEPS, "k": K}
        result["settings"] = {"of": sizes_of(max(map(int, result["sizes"]))), **settings}
        out.write_text(json.dumps(result, indent=2) + "\n")
        if len(result["sizes"]) > 1:
            write_page(result["sizes"], HERE.parent / "docs" / "explanation" / "scale.md")
        draw(result["sizes"], HERE.parent / "docs" / "scale.png")
    every = [one for found in result["sizes"].values() for one in found.values()]
    return 0 if all(one.get("found", True) for one in every) else 1


if __name__ == "__main__":
    sys.exit(main())
