"""Configs, mappings, tables, links and run folders that are damaged, for a while: `make fuzz`.

A valid file is damaged at random and read. Reading may only end in a result or in a `KgrecError`
whose message a terminal can show. Each kind has a process of its own, with limited memory; the file
that it was reading when it failed is left in a folder.

What this finds becomes a test beside the reader.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driver import answer, damaged, drive

KINDS = ("config", "mapping", "table", "links", "run", "evaluation")
TOKENS = [
    b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\n", b"\x1b[2J", b'"', b"'", b",",
    b";", b"\t", b"|", b"::", b":", b"- ", b"? ", b"&a ", b"*a", b"<<: ", b"!!int ", b"!!bool ",
    b"!!timestamp ", b"!!binary ", b"!!float ", b"!!set ", b"{", b"}", b"[", b"]", b"null", b"~",
    b"true", b"-1", b"0", b"1e999", b".nan", b".inf", b"9" * 30, b"a" * 300, b"\\u", b"#", b"@",
    b"1:1:1", b"2001-13-01", b"../..", b"{id}", b"{+value}", b"rating >= ", b"N/A", b"$12",
]  # fmt: skip


class Corpus:
    """Valid files of one kind, and what reads them.

    Args:
        kind: The kind.
        place: A folder for them.
    """

    def __init__(self, kind: str, place: Path) -> None:
        from project import write_project

        self.place = place
        self.project = write_project(place / "project")
        self.files: list[tuple[Path, Callable[[Path], Any]]] = []
        getattr(self, f"_{kind}")()
        self.whole = {path: path.read_bytes() for path, _ in self.files}

    def _config(self) -> None:
        from kgrec.config import dump_config, load_config

        full = self.place / "full.yaml"
        full.write_text(dump_config(load_config(self.project)))
        self.files = [(self.project, load_config), (full, load_config)]

    def _mapping(self) -> None:
        from kgrec.data.tables import read_table
        from kgrec.kg.tables.mapped_table import map_table
        from kgrec.kg.tables.mapping import TableMapping

        table = self.project.parent / "items.csv"
        path = self.place / "map.yaml"
        path.write_text(map_table(read_table(table)).mapping.to_yaml())
        self.files = [(path, lambda one: map_table(table, TableMapping.read(one)))]

    def _table(self) -> None:
        import pandas as pd

        from kgrec.data.interactions import Interactions

        source = self.project.parent / "ratings.csv"
        frame = pd.read_csv(source, dtype=str)
        small = frame.head(20)
        for name in ("a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.json", "a.parquet", "a.inter"):
            path = self.place / name
            if name.endswith("parquet"):
                small.to_parquet(path)
            elif "json" in name:
                small.to_json(path, orient="records", lines=name.endswith("l"))
            else:
                text = small.to_csv(index=False, sep="," if "csv" in name else "\t").encode()
                path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
            self.files.append((path, Interactions.read))

    def _links(self) -> None:
        from kgrec.data.vocabulary import Vocabulary
        from kgrec.kg.graph import KnowledgeGraph
        from kgrec.linking import link

        kg = KnowledgeGraph.read(self.project.parent / "graph.ttl")
        items = Vocabulary([f"i{number:02}" for number in range(1, 20)], "item")
        path = self.project.parent / "links.csv"
        self.files = [(path, lambda one: link(items, kg, one))]

    def _run(self) -> None:
        from project import WordEncoder

        import kgrec.recommender
        from kgrec.config import load_config
        from kgrec.runs.manifest import write_manifest
        from kgrec.runs.reading import load
        from kgrec.runs.serving import load_for_serving
        from kgrec.runs.training import train_run

        kgrec.recommender.TextEncoder = WordEncoder  # type: ignore[misc]
        folders = {}
        for name, changes in (
            ("closed", ["model=content_ease"]),
            ("learned", ["model.training.max_epochs=1"]),
        ):
            folders[name] = self.place / name
            train_run(load_config(self.project, changes), folders[name])

        def answer(path: Path) -> None:
            folder = folders[path.relative_to(self.place).parts[0]]
            if path.name != "manifest.json":  # as somebody malicious would
                write_manifest(folder)
            for recommender in (load_for_serving(folder), load(folder)):
                recommender.recommend("u00", 3)
                recommender.search("space", 3)

        unread = (".txt", ".png", ".svg")
        every = [path for folder in folders.values() for path in sorted(folder.rglob("*"))]
        files = [path for path in every if path.is_file()]
        self.files = [(path, answer) for path in files if path.suffix not in unread]

    def _evaluation(self) -> None:
        from kgrec.evaluation.stored import read_evaluation

        path = self.place / "evaluation.json"
        tree = {
            "metrics": {"ndcg@10": 0.5}, "k": [10], "num_candidates": 3, "num_judgements": 2,
            "num_unreachable": 0, "per_user": {"user_id": ["a", "b"], "ndcg@10": [0.25, 0.75]},
        }  # fmt: skip
        path.write_text(json.dumps(tree))
        self.files = [(path, read_evaluation)]


def work(kind: str, seconds: float, seed: int, found: Path) -> int:
    """Fuzz one kind; return the number of files read."""
    chance = random.Random(seed)
    count, failed = 0, set[str]()
    with tempfile.TemporaryDirectory(prefix="kgrec-fuzz-") as place:
        corpus = Corpus(kind, Path(place))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            path, read = chance.choice(corpus.files)
            content = corpus.whole[path]
            for _ in range(chance.randint(1, 4)):
                content = damaged(content, TOKENS, chance)[: 1 << 20]
            path.write_bytes(content)
            count += 1
            try:
                answer(read, path)
            except Exception as error:  # noqa: BLE001  # all are findings
                _keep(error, path, found / kind, failed)
            path.write_bytes(corpus.whole[path])
    return -len(failed) if failed else count


def _keep(error: Exception, path: Path, found: Path, failed: set[str]) -> None:
    """Print a finding and keep its file, once for each line of the code."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/kgrec/" in frame.filename]
    last = ours[-1] if ours else frames[-1]
    name = f"{type(error).__name__}-{Path(last.filename).stem}-{last.lineno}-{path.name}"
    if name not in failed:
        failed.add(name)
        found.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, found / name)
        print(f"{found / name}: {str(error)[:200]!r}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(drive(__doc__, KINDS, work))
