"""A small project on disk, as a user would have it, and an encoder that needs no model."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from kgrec.text.encoder import TextEncoder

EX = "http://ex.org/"
THEMES = ("space", "pirates", "cooking")
SIZES = (8, 6, 5)
"""Items of each block; users 0-13 like the first, 14-22 the second, 23-29 the third."""
USERS = (14, 9, 7)
HOSTILE = "\x1b[31mRed\x1b[0m \x9b2J"
"""A title that recolours a terminal and clears it, in both ways of writing the sequence."""


class WordEncoder(TextEncoder):
    """Sums of a fixed random vector for each word: texts with the same words lie close."""

    dim = 24
    fingerprint = "words" * 12
    calls: list[list[str]] = []  # noqa: RUF012  # of all encoders, for tests of the cache

    def encode(self, texts, *, progress=False):
        self.calls.append(list(texts))
        return np.stack([self._vector(text) for text in texts]).astype(np.float32)

    def _vector(self, text):
        words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
        total = np.full(self.dim, 1e-3)
        for word in words:
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
            total += np.random.default_rng(seed).normal(size=self.dim)
        return total / np.linalg.norm(total)


@contextmanager
def words_for_language_model() -> Iterator[type[WordEncoder]]:
    """Put an encoder of words in the place of the language model, for all that is made by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgrec.text.settings.TextEncoder", WordEncoder)
        yield WordEncoder


def items():
    """Return (item id, block, entity or "") of all items.

    i01 and i02 are one entity, i08 has none, and n0, n1, n2 were never rated.
    """
    made = []
    for block, size in enumerate(SIZES):
        for _ in range(size):
            number = len(made) + 1
            entity = {2: "film1", 8: ""}.get(number, f"film{number}")
            made.append((f"i{number:02}", block, entity))
    return made + [(f"n{block}", block, f"new{block}") for block in range(3)]


def write_project(folder: Path) -> Path:
    """Write graph, tables and config; return the path of the config."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    lines = [
        f"@prefix ex: <{EX}> .",
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .",
        "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .",
    ]
    for block, theme in enumerate(THEMES):
        lines.append(f'ex:director{block} a ex:Person ; rdfs:label "Director of {theme}"@en .')
        lines.append(f'ex:theme{block} a ex:Theme ; rdfs:label "{theme}"@en .')
    for number, (_, block, entity) in enumerate(items()):
        if (entity and entity != "film1") or number == 0:
            lines.append(
                f'ex:{entity} a ex:Film ; rdfs:label "Film {number} of {THEMES[block]}"@en ; '
                f"ex:director ex:director{block} ; ex:theme ex:theme{block} ; "
                f'ex:year "{1980 + number}"^^xsd:integer .'
            )
    (folder / "graph.ttl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ratings = []
    user = 0
    for block, count in enumerate(USERS):
        for _ in range(count):
            for item, of, _entity in items()[: sum(SIZES)]:
                if of == block or rng.random() < 0.2:
                    ratings.append(
                        (f"u{user:02}", item, 5 if of == block else 2, 1000 + len(ratings))
                    )
            user += 1
    _write(folder / "ratings.csv", ("user_id", "item_id", "rating", "timestamp"), ratings)
    linked = [(item, EX + entity) for item, _, entity in items() if entity]
    _write(folder / "links.csv", ("item_id", "iri"), [*linked, ("i03", EX + "unheard-of")])
    table = []
    for number, (item, block, entity) in enumerate(items()):
        title = "" if entity == "film5" else f"Title {number}"
        price = "cheap" if item == "i04" else 3 + block
        table.append((item, title, f"{THEMES[block]}|all", price, ""))
    table.append(("x0", HOSTILE, "cooking", 5, ""))
    _write(folder / "items.csv", ("item_id", "title", "tags", "price", "nothing"), table)
    jobs = [(f"u{user:02}", ("pilot", "cook")[user % 2]) for user in range(30)]
    _write(folder / "users.csv", ("user_id", "job"), [*jobs, ("u99", "pilot")])
    config = folder / "config.yaml"
    config.write_text(
        f"""data:
  root: {folder}
  graph: graph.ttl
  links: links.csv
  interactions: ratings.csv
  positive: rating >= 4
  valid: 0.15
  test: 0.15
  items:
    path: items.csv
    categories: [tags, nothing]
    numbers: [price]
  users:
    path: users.csv
    categories: [job]
text:
  cache: {folder / "cache"}
model:
  predictor: {{dim: 12}}
  training: {{max_epochs: 12, eval_every: 4, batch_users: 64}}
seed: 3
""",
        encoding="utf-8",
    )
    return config


def _write(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
