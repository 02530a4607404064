"""A model of one's own: a subclass of `Model`, which the contract in `kgrec.testing` tests.

It scores an item by how many users have it together with what the user liked. Expect three films
for a user, then the tests of the contract to pass: right answers on planted data, saving, errors.
"""

import numpy as np
import pytest

import kg_data
import kgrec
from kgrec.models import base
from kgrec.models.item_item import training_matrix
from kgrec.testing import FindsBlocks


class Together(base.Model):
    name, config, counts = "together", base.ModelConfig(), None

    def fit(self, data, *, callback=None):
        x = training_matrix(data.train)
        return self.load_state({"counts": (x.T @ x).toarray()}, data)

    def score(self, users):
        self.state()
        return self.score_histories(self.train[base.check_rows(users, self.train.shape[0], "user")])

    def score_histories(self, histories):
        counts = self.state()["counts"]
        return base.check_histories(histories, len(counts)) @ counts

    def similar(self, items):
        counts = self.state()["counts"]
        return counts[base.check_rows(items, len(counts), "item")]

    def state(self):
        if self.counts is None:
            raise base.not_fitted(self)
        return {"counts": self.counts}

    def load_state(self, state, data):
        size = data.train.num_items
        shapes = {"counts": (np.float32, (size, size))}
        self.counts, self.train = base.check_state(state, shapes)["counts"], data.train.matrix()
        return self


class TestTogether(FindsBlocks):
    def make(self):
        return Together()


if __name__ == "__main__":
    log = kgrec.Interactions.read(kg_data.path("films") / "ratings.csv", positive="rating >= 4")
    rec = kgrec.Recommender(model=Together(), text=None).fit(log)
    print([found.item for found in rec.recommend("u0016", k=3)])
    raise SystemExit(pytest.main([__file__, "-v"]))
