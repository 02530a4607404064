"""Made-up N-Triples shaped like DBpedia's: what bench_read.py reads.

Resources with long names, a few relations with very popular objects, and a quarter of literals:
labels, abstracts of 30 to 90 words with escapes and accents, dates, numbers. About 150 bytes a
triple.
"""

from __future__ import annotations

import random
from pathlib import Path

ONTOLOGY = "http://dbpedia.org/ontology/"
XSD = "http://www.w3.org/2001/XMLSchema#"
RELATIONS = [
    *(ONTOLOGY + name for name in ("starring", "director", "producer", "writer", "genre", "team")),
    *(ONTOLOGY + name for name in ("cinematography", "distributor", "country", "birthPlace")),
    *(ONTOLOGY + name for name in ("party", "occupation", "successor", "language")),
    "http://purl.org/dc/terms/subject",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
]


def write_triples(path: Path, count: int, seed: int = 0) -> None:
    """Write `count` triples to `path`, the same for the same seed."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(5000)]
    num_entities = max(count // 8, 1)
    names = [
        "http://dbpedia.org/resource/"
        + "_".join(word.title() for word in rng.choices(words, k=rng.randint(1, 3)))
        + f"_{row}"
        for row in range(num_entities)
    ]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        written = 0
        while written < count:
            subject = rng.choice(names)
            for _ in range(min(rng.randint(4, 12), count - written)):
                if rng.random() < 0.75:
                    popular = names[int(num_entities * rng.random() ** 3)]
                    tail = f"<{rng.choice(RELATIONS)}> <{popular}>"
                else:
                    tail = _literal(rng, words)
                file.write(f"<{subject}> {tail} .\n")
                written += 1


def _literal(rng: random.Random, words: list[str]) -> str:
    kind = rng.random()
    if kind < 0.35:
        text = " ".join(rng.choices(words, k=3)).title()
        return f'<http://www.w3.org/2000/01/rdf-schema#label> "{text}"@en'
    if kind < 0.55:
        text = " ".join(rng.choices(words, k=rng.randint(30, 90)))
        if rng.random() < 0.3:
            text = text.replace("e ", 'e \\"x\\" ', 1)
        if rng.random() < 0.2:
            text = text.replace("a ", "é ", 1)
        return f'<{ONTOLOGY}abstract> "{text}"@en'
    if kind < 0.7:
        day = f"{rng.randint(1900, 2020)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        return f'<{ONTOLOGY}releaseDate> "{day}"^^<{XSD}date>'
    if kind < 0.85:
        return f'<{ONTOLOGY}runtime> "{rng.randint(60, 200) * 60}.0"^^<{XSD}double>'
    text = " ".join(rng.choices(words, k=2))
    return f'<http://dbpedia.org/property/name> "{text}"'
