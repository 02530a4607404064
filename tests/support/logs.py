"""Small logs and models for tests of evaluation; no two sizes are alike."""

import numpy as np

from kgrec.data.interactions import Interactions, Split
from kgrec.data.vocabulary import Vocabulary


class Table:
    """A model that reads its scores off a table."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=np.float32)

    def score(self, users):
        return self.scores[users]


def log_of(pairs, users, items, rating=None):
    """Return a log of (user row, item row) pairs."""
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Interactions(users, items, rows[:, 0].copy(), rows[:, 1].copy(), rating)


def vocabularies(num_users, num_items):
    """Return the vocabularies of so many users and items."""
    return (
        Vocabulary([f"u{row:03}" for row in range(num_users)], "user"),
        Vocabulary([f"i{row:03}" for row in range(num_items)], "item"),
    )


def drawn_split(seed=0, num_users=23, num_items=37, shares=(0.6, 0.2, 0.1, 0.1)):
    """Return disjoint parts, and the part of each pair: 0 none, 1 train, 2 valid, 3 test."""
    rng = np.random.default_rng(seed)
    users, items = vocabularies(num_users, num_items)
    part = rng.choice(4, (num_users, num_items), p=shares)
    part[5][part[5] == 3] = 0  # one user without test items
    return Split(*(log_of(np.argwhere(part == n), users, items) for n in (1, 2, 3))), part
