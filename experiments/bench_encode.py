"""Measure kgrec's text encoder against SentenceTransformer.encode on the film abstracts.

Both encode the same texts with the same weights in one process, in turns, so that whatever else
the machine does slows both alike. The result is the median of each and of the rounds' ratios, and
the cosine of each text's two vectors.

    python experiments/bench_encode.py --data ../shared/data/movielens-dbpedia/kg.nt.gz
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # both encoders read the packaged weights

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ABSTRACT = "http://dbpedia.org/ontology/abstract"


def read_abstracts(path: Path) -> list[str]:
    from kgrec.kg.graph import KnowledgeGraph

    return KnowledgeGraph.read(path).literal_values(ABSTRACT).value.to_pylist()


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def timed(call):
    start, cpu = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - start, time.process_time() - cpu, result


def measure(texts: list[str], precision: str, rounds: int) -> dict:
    import torch
    from sentence_transformers import SentenceTransformer

    from kgrec.text import TextEncoder

    ours = TextEncoder(precision=precision, device="cpu")
    theirs = SentenceTransformer(str(ours.files.folder), device="cpu")
    for encode in (ours.encode, theirs.encode):  # loading and first calls are not measured
        encode(texts[:64])
    calls = {
        "kgrec": lambda: ours.encode(texts),
        "sentence_transformers": lambda: theirs.encode(texts, batch_size=32),
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in calls}
    load, vectors = [], {}
    for _ in range(rounds):
        load.append(round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None)
        for name, call in calls.items():
            spent, cpu, vectors[name] = timed(call)
            seconds[name].append(round(spent, 2))
            cpu_seconds[name].append(round(cpu, 2))
        print({name: found[-1] for name, found in seconds.items()}, flush=True)
    reference = vectors["sentence_transformers"].astype(np.float64)
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    cosine = (vectors["kgrec"] * reference).sum(1)

    def ratio(found: dict[str, list[float]]) -> list[float]:
        pairs = zip(found["sentence_transformers"], found["kgrec"], strict=True)
        return [round(theirs / mine, 2) for theirs, mine in pairs]

    return {
        "precision_asked": precision,
        "precision_used": ours.loaded_precision,
        "threads": torch.get_num_threads(),
        "texts": len(texts),
        "texts_per_second": {n: round(len(texts) / np.median(s), 1) for n, s in seconds.items()},
        "speedup_median": round(float(np.median(ratio(seconds))), 2),
        "speedup_each_round": ratio(seconds),
        "speedup_of_cpu_time_each_round": ratio(cpu_seconds),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "load_average_before_each_round": load,
        "cosine_min": round(float(cosine.min()), 6),
        "cosine_mean": round(float(cosine.mean()), 6),
    }


TRIED = (
    "On a processor with VNNI and without AMX: bfloat16 (half the speed of float32), float32 with "
    "batches by length (1.1 to 1.3 times), static int8 scales (cosine below 0.999), dynamic int8 "
    "linear layers with one batch per core (kept)."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT.parent / "shared" / "data" / "movielens-dbpedia" / "kg.nt.gz"
    parser.add_argument("--data", type=Path, default=default, help="RDF with dbo:abstract")
    parser.add_argument("--out", type=Path, default=ROOT / "experiments/results/bench_encode.json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", nargs="+", default=["auto", "float32"])
    parser.add_argument("--texts", type=int, help="only the first so many")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    import torch

    torch.set_num_threads(args.threads)
    texts = read_abstracts(args.data)[: args.texts]
    packages = ("torch", "transformers", "sentence-transformers", "numpy")
    result = {
        "what": "film abstracts propagated on a CPU; SentenceTransformer.encode has batch_size=32",
        "tried": TRIED,
        "runs": [measure(texts, precision, args.rounds) for precision in args.precision],
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in packages},
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
