"""Training throughput and memory of an encoder, beside sentence-transformers on the same batches.

    python experiments/bench_tuning.py [--data ../shared/data/movielens-dbpedia/kg.nt.gz]

Pairs are the beginning of an abstract and its end, so that both trainers read the same texts, 32
pairs a step, cut at 128 tokens, with the loss of in-batch negatives (InfoNCE, which
sentence-transformers calls MultipleNegativesRankingLoss), AdamW and the same weights; once in
float32 on both sides, and once in bfloat16 (autocast) where kgrec would choose it here. `full`
trains all of MiniLM, `lora` adds rank 8 to all linear layers. The two train in turns, so that
whatever else the machine does slows both alike.

Peak memory is that of a whole process of its own, which trains with kgrec alone.
Writes experiments/results/bench_tuning.json; exit code 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # both read the packaged weights

import json

import numpy as np
import torch
from torch.nn import functional as F

from kgrec.files import write_json
from kgrec.kg.graph import KnowledgeGraph
from kgrec.runs.about import about
from kgrec.settings import make_settings
from kgrec.text.forward import fast_precision
from kgrec.text.model_files import find_model
from kgrec.text.tuning.optimizing import Optimizer
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tower import Corpus, Tower

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "bench_tuning.json"
ABSTRACT = "http://dbpedia.org/ontology/abstract"
MODEL = "all-MiniLM-L6-v2"
PAIRS, LENGTH, SCALE = 32, 128, 20.0
BARS = {"ratio": 1.5, "bytes": 4 * 2**30}
LORA: dict[str, Any] = {"r": 8, "alpha": 16, "dropout": 0.0}


def read_pairs(path: Path, number: int) -> tuple[list[str], list[str]]:
    """Return the first and the second half of abstracts, long and short ones as they come."""
    texts = KnowledgeGraph.read(path).literal_values(ABSTRACT).value.to_pylist()
    drawn = np.random.default_rng(0).permutation(len(texts))[:number]
    halves = [texts[row].split() for row in drawn]
    return (
        [" ".join(words[: len(words) // 2]) or "film" for words in halves],
        [" ".join(words[len(words) // 2 :]) or "film" for words in halves],
    )


class Ours:
    """Training with kgrec's tower and optimizer, as `kgrec tune-text` does it."""

    def __init__(
        self, regime: str, precision: str, first: list[str], second: list[str], steps: int
    ) -> None:
        named: Any = {"name": "lora", **LORA} if regime == "lora" else regime
        settings = make_settings(
            TextTuning,
            {"regime": named, "max_length": LENGTH, "precision": precision, "token_budget": 8192},
            "bench",
        )
        self.tower = Tower(find_model(MODEL), settings, Path(tempfile.mkdtemp()))
        self.optimizer = Optimizer(self.tower, {}, settings, steps)
        self.corpora: list[Corpus] = [self.tower.read(first), self.tower.read(second)]

    def steps(self, start: int, number: int) -> None:
        """Train on some batches."""
        self.tower.train()
        for step in range(start, start + number):
            rows = np.arange(step * PAIRS, (step + 1) * PAIRS)
            a, b = (self.tower(corpus, rows) for corpus in self.corpora)
            loss = F.cross_entropy(SCALE * a @ b.T, torch.arange(PAIRS))
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()


class Theirs:
    """Training with SentenceTransformerTrainer."""

    def __init__(self, regime: str, precision: str, first: list[str], second: list[str]) -> None:
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(str(find_model(MODEL).folder), device="cpu")
        self.model.max_seq_length = LENGTH
        if regime == "lora":
            from peft import LoraConfig, TaskType

            self.model.add_adapter(
                LoraConfig(
                    task_type=TaskType.FEATURE_EXTRACTION,
                    r=LORA["r"],
                    lora_alpha=LORA["alpha"],
                    lora_dropout=LORA["dropout"],
                    target_modules="all-linear",
                )
            )
        self.first, self.second, self.half = first, second, precision == "bfloat16"

    def steps(self, start: int, number: int) -> None:
        """Train on some batches."""
        from datasets import Dataset
        from sentence_transformers import (
            SentenceTransformerTrainer,
            SentenceTransformerTrainingArguments,
        )
        from sentence_transformers.sentence_transformer import losses

        part = slice(start * PAIRS, (start + number) * PAIRS)
        data = Dataset.from_dict({"anchor": self.first[part], "positive": self.second[part]})
        with tempfile.TemporaryDirectory() as folder:
            arguments = SentenceTransformerTrainingArguments(
                output_dir=folder, num_train_epochs=1, per_device_train_batch_size=PAIRS,
                use_cpu=True, save_strategy="no", logging_strategy="no", report_to="none",
                disable_tqdm=True, learning_rate=2e-5, bf16=self.half,
            )  # fmt: skip
            loss = losses.MultipleNegativesRankingLoss(self.model, scale=SCALE)
            SentenceTransformerTrainer(
                model=self.model, args=arguments, train_dataset=data, loss=loss
            ).train()


def compared(regime: str, precision: str, path: Path, rounds: int, each: int) -> dict[str, Any]:
    """Return texts a second of both, in turns."""
    number = (rounds + 1) * each * PAIRS
    first, second = read_pairs(path, number)
    while len(first) < number:
        first, second = first + first, second + second
    ours = Ours(regime, precision, first, second, (rounds + 1) * each)
    theirs = Theirs(regime, precision, first, second)
    speeds: dict[str, list[float]] = {"kgrec": [], "sentence_transformers": []}
    for turn in range(rounds + 1):
        for name, trainer in (("kgrec", ours), ("sentence_transformers", theirs)):
            started, processor = time.perf_counter(), time.process_time()
            trainer.steps(turn * each, each)
            seconds, cpu = time.perf_counter() - started, time.process_time() - processor
            if turn:  # the first turn warms up
                speeds[name].append(2 * PAIRS * each / seconds)
                print(
                    regime, precision, name, f"{speeds[name][-1]:.1f} texts/s, {cpu:.0f} s of CPU"
                )
    ratios = [a / b for a, b in zip(*speeds.values(), strict=True)]
    return {
        **{name: statistics.median(values) for name, values in speeds.items()},
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "trained": sum(value.numel() for value in ours.tower.trained.values()),
        "parameters": ours.tower.num_parameters,
    }


def peak(regime: str, path: Path) -> int:
    """Return the most memory of a process that trains with kgrec, in bytes."""
    command = [sys.executable, __file__, "--data", str(path), "--peak", regime]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    root = HERE.parent.parent / "shared" / "data" / "movielens-dbpedia" / "kg.nt.gz"
    parser.add_argument("--data", type=Path, default=root)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peak:
        first, second = read_pairs(asked.data, 4 * PAIRS)
        Ours(asked.peak, "auto", first, second, 4).steps(0, 4)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return 0
    found: dict[str, Any] = {"pairs": PAIRS, "max_length": LENGTH, "bars": BARS, "regimes": {}}
    precisions = ["float32"]
    if fast_precision(torch.device("cpu"), int8_possible=False) == "bfloat16":
        precisions.append("bfloat16")
    for regime in ("full", "lora"):
        for precision in precisions:
            one = compared(regime, precision, asked.data, asked.rounds, asked.steps)
            one["peak_bytes"] = peak(regime, asked.data)
            found["regimes"][f"{regime}, {precision}"] = one
    found["threads"] = torch.get_num_threads()
    write_json(RESULTS, found | {"about": about(0)})
    print(json.dumps(found["regimes"], indent=1))
    held = all(
        one["ratio"] >= BARS["ratio"] and one["peak_bytes"] <= BARS["bytes"]
        for one in found["regimes"].values()
    )
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
