"""Rankings and judgements in TREC format, which other evaluation tools read.

A run file has the lines `user Q0 item rank score tag`, and a judgements file the lines
`user 0 item 1`, separated by spaces. Spaces, control characters, `%` and characters
outside of ASCII are percent-encoded in ids (RFC 3986), so that every id is one token; `decode_id`
decodes them.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.evaluate import Ranking
from kgrec.files import write_atomically
from kgrec.types import FloatArray

_PLAIN = "".join(set(string.punctuation) - {"%"})
_SMALLEST_STEP = 1e-30


def write_trec(
    path: str | Path, ranking: Ranking, test: Interactions, *, depth: int = 100, tag: str = "kgrec"
) -> Path:
    """Write a ranking as a TREC run, and the judgements beside it.

    Evaluation tools sort by score and break ties differently. Therefore, of equal scores the later
    one is lowered by one step of float32, so that all tools see the same order.

    Args:
        path: The run file; the judgements get the same name with the suffix `.qrels`.
        ranking: What `kgrec.evaluation.evaluate.rank` returned.
        test: The judgements: each interaction is a relevant item.
        depth: Items written for each user; at most the depth of the ranking.
        tag: The run's name, one word.

    Returns:
        The path of the judgements.

    Raises:
        ConfigError: `depth` is below 1, `tag` is not one word, or `path` itself ends in `.qrels`.
        DataError: An id is empty.
        RunError: A file cannot be written.
    """
    run = Path(path)
    if not run.name:
        raise ConfigError(f"The TREC run needs the path of a file, found {str(path)!r}.")
    qrels = judgements_path(run)
    if run == qrels:
        raise ConfigError(f"{run} is where the judgements go; give the run another suffix.")
    if depth < 1:
        raise ConfigError(f"depth must be at least 1, found {depth}.")
    if tag.split() != [tag]:
        raise ConfigError(f"tag must be one word, found {tag!r}.")
    users, items = _encoded(test.users), _encoded(test.items)
    write_atomically(run, _run_lines(ranking, users, items, depth, tag))
    write_atomically(qrels, _qrels_lines(test, users, items))
    return qrels


def judgements_path(run: str | Path) -> Path:
    """Return the file of the judgements beside a TREC run."""
    path = Path(run)
    return path.parent / f"{path.stem}.qrels"  # `with_suffix` fails for "."


def encode_id(id: str) -> str:
    """Return `id` as one token of printable ASCII.

    >>> encode_id("Amélie (2001)"), decode_id(encode_id("Amélie (2001)"))
    ('Am%C3%A9lie%20(2001)', 'Amélie (2001)')
    """
    return quote(id, safe=_PLAIN)


def decode_id(token: str) -> str:
    """Return the id that `encode_id` encoded as `token`."""
    return unquote(token, errors="strict")


def strictly_decreasing(scores: FloatArray) -> FloatArray:
    """Return scores of shape (b, depth), lowered just enough for each row to decrease strictly.

    >>> bool(np.all(np.diff(strictly_decreasing(np.zeros((1, 3), dtype=np.float32))) < 0))
    True
    """
    lowered = np.array(scores, dtype=np.float32)
    for rank in range(1, lowered.shape[1]):
        before = lowered[:, rank - 1]
        # Around zero, a step of float32 is a denormal number, which some tools read as zero.
        below = np.minimum(np.nextafter(before, np.float32(-np.inf)), before - _SMALLEST_STEP)
        lowered[:, rank] = np.minimum(lowered[:, rank], below)
    return lowered


def _run_lines(
    ranking: Ranking, users: list[str], items: list[str], depth: int, tag: str
) -> Iterator[str]:
    scores = strictly_decreasing(ranking.scores[:, :depth])
    for user, row, values in zip(
        ranking.users.tolist(), ranking.items[:, :depth].tolist(), scores.tolist(), strict=True
    ):
        name = users[user]
        for rank, (item, score) in enumerate(zip(row, values, strict=True), start=1):
            if item >= 0:
                yield f"{name} Q0 {items[item]} {rank} {score:.9g} {tag}\n"


def _qrels_lines(test: Interactions, users: list[str], items: list[str]) -> Iterator[str]:
    matrix = test.matrix()
    rows = np.repeat(np.arange(test.num_users), np.diff(matrix.indptr))
    for user, item in zip(rows.tolist(), matrix.indices.tolist(), strict=True):
        yield f"{users[user]} 0 {items[item]} 1\n"


def _encoded(vocabulary: Vocabulary) -> list[str]:
    tokens = [encode_id(id) for id in vocabulary]
    if "" in tokens:
        raise DataError(f"A {vocabulary.name} has an empty id, which a TREC file cannot hold.")
    return tokens
