"""A model of one's own, PureSVD, which the contract of models in `kgrec.testing` tests.

It scores by inner products, so that it is a `VectorModel`; any other is a `Model`. Expect three
films for a user, then the tests of the contract to pass: right answers on planted data, the same
ones after saving and loading, errors that say what is wrong. They need pytest.

Cremonesi, Koren and Turrin, RecSys 2010: users and items in the space of the largest singular
values of the matrix of who liked what.
"""

import numpy as np
import pytest

import kg_data
import kgrec
from kgrec.models import base, checks
from kgrec.models.item_item import training_matrix
from kgrec.models.state import check_state
from kgrec.testing import FindsBlocks


class PureSVDConfig(base.ModelConfig):
    name: str = "pure_svd"
    dim: int = 20


class PureSVD(base.VectorModel):
    learned = None

    def __init__(self, config=None):
        self.config = config or PureSVDConfig()

    def fit(self, data, *, callback=None):
        liked = training_matrix(data.train)
        items = np.linalg.svd(liked.toarray(), full_matrices=False)[2][: self.config.dim].T
        return self.load_state({"users": liked @ items, "items": items}, data)

    def state(self):
        if self.learned is None:
            raise checks.not_fitted(self)
        return self.learned

    def load_state(self, state, data):
        sizes = {"users": data.train.num_users, "items": data.train.num_items}
        shapes = {name: (np.float32, (size, self.config.dim)) for name, size in sizes.items()}
        self.learned = check_state(state, shapes)
        return self

    @property
    def user_vectors(self):
        return self.state()["users"]

    @property
    def item_vectors(self):
        return self.state()["items"]

    def vectors_of_histories(self, histories):
        items = self.item_vectors
        return checks.check_histories(histories, len(items)) @ items

    def score(self, users):
        vectors = self.user_vectors
        return vectors[checks.check_rows(users, len(vectors), "user")] @ self.item_vectors.T

    def score_histories(self, histories):
        return self.vectors_of_histories(histories) @ self.item_vectors.T


class TestPureSVD(FindsBlocks):
    def make(self):
        return PureSVD(PureSVDConfig(dim=3))


if __name__ == "__main__":
    log = kgrec.Interactions.read(kg_data.path("films") / "ratings.csv", positive="rating >= 4")
    items = kgrec.AttributeTable.read(kg_data.path("films") / "items.csv")
    rec = kgrec.Recommender(model=PureSVD(), items=items, text=None).fit(log)
    print([found.title for found in rec.recommend("u0016", k=3)])
    raise SystemExit(pytest.main([__file__, "-v"]))
