"""Damages run folders and caches bit by bit, and counts what gives another answer.

    python fuzz/damage.py --tries 2000

Each try flips a bit or cuts a file, in a run folder of the embedded films or in a cache of vectors,
and compares all scores, the search, the summary and the vectors with those of the undamaged one.
Exits with 1 if any try gave another answer or ended in an error that is none of kgrec's.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import kg_data
from kgrec.commands.demonstration import demo_config
from kgrec.errors import KgrecError
from kgrec.evaluation.stored import read_evaluation
from kgrec.runs.evaluating import evaluate_run
from kgrec.runs.reading import load_run, read_summary
from kgrec.runs.training import train_run
from kgrec.text.cache import EmbeddingCache

TEXTS = [f"text {number}" for number in range(200)]
PRINT = "f" * 64


def of_run(folder: Path) -> list[Any]:
    """Return all that a run answers."""
    loaded = load_run(folder)[0]
    users = np.arange(0, len(loaded.user_vocabulary), 7)
    summary = read_summary(folder)
    evaluation = read_evaluation(folder / "evaluation_test.json")
    why = loaded.explain(loaded.user_vocabulary.id(0), loaded.item_vocabulary.id(3))
    titles = [loaded.title(item) for item in loaded.item_vocabulary.ids[:50]]
    return [loaded.score(users), str(summary), evaluation.to_dict(per_user=True), str(why), titles]


def of_cache(folder: Path) -> list[Any]:
    """Return the vectors of all texts; those that are not found are made again."""
    vectors, found = EmbeddingCache(folder).get(PRINT, TEXTS, 16)
    return [np.where(found[:, None], vectors, truth())]


def truth() -> Any:
    """Return the vectors of the texts."""
    return np.random.default_rng(0).normal(size=(len(TEXTS), 16)).astype(np.float32)


def damaged(
    folder: Path, answers: Callable[[Path], list[Any]], tries: int, rng: np.random.Generator
) -> Counter[str]:
    """Damage the files of a folder `tries` times, and count what came of it."""
    expected = answers(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    counts: Counter[str] = Counter()
    for turn in range(tries):
        path = files[turn % len(files)]
        content = path.read_bytes()
        place = int(rng.integers(len(content)))
        if turn % 5 == 0:
            path.write_bytes(content[:place])
        else:
            flipped = bytes([content[place] ^ 1 << int(rng.integers(8))])
            path.write_bytes(content[:place] + flipped + content[place + 1 :])
        try:
            found = answers(folder)
            same = all(map(np.array_equal, found, expected))
            counts["same answer" if same else "ANOTHER ANSWER"] += 1
            if not same:
                print(f"another answer: {path}, byte {place}")
        except KgrecError:
            counts["refused"] += 1
        except Exception as error:  # noqa: BLE001  # what should not be
            counts["OTHER ERROR"] += 1
            print(f"{type(error).__name__}: {path}, byte {place}: {error}")
        path.write_bytes(content)
    return counts


def main() -> None:
    """Damage a run of EASE with the graph and the item table, and a cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    warnings.simplefilter("ignore")
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        run, cache = Path(scratch, "run"), Path(scratch, "cache")
        train_run(demo_config(kg_data.path("films"), model={"name": "ease"}, text=None), run)
        evaluate_run(run)
        EmbeddingCache(cache).put(PRINT, TEXTS, truth())
        for name, folder, answers in (("run folder", run, of_run), ("cache", cache, of_cache)):
            counts = damaged(folder, answers, options.tries // 2, rng)
            print(f"{name}: {dict(counts)}")
            bad += counts["ANOTHER ANSWER"] + counts["OTHER ERROR"]
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
