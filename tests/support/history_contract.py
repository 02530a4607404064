"""The contract of models in closed form, for more than what every model must hold to."""

import numpy as np

from kgrec.models.training_data import TrainingData
from kgrec.testing import ModelContract, log_from_pairs


class HistoryContract(ModelContract):
    """A model in closed form that knows a user by their history alone."""

    def test_a_history_scores_as_its_user_does(self):
        model, train = self.fitted(), self.fitted_on().train
        np.testing.assert_allclose(
            model.score_histories(train.matrix()),
            model.score(np.arange(train.num_users)),
            rtol=1e-5,
            atol=1e-6,
        )

    def test_the_order_of_users_items_and_rows_does_not_matter(self):
        data = self.data()
        train, rng = data.train, np.random.default_rng(5)
        users = rng.permutation(train.num_users)  # users[old row] = new row
        items = rng.permutation(train.num_items)
        order = rng.permutation(len(train))
        pairs = np.stack([users[train.user[order]], items[train.item[order]]], axis=1)
        moved = log_from_pairs(pairs.tolist(), train.num_users, train.num_items)
        attributes = data.attributes
        if attributes is not None:
            attributes = attributes[np.argsort(items)]
        scores = self.make().fit(TrainingData(moved, attributes=attributes)).score(users)
        expected = self.fitted().score(np.arange(train.num_users))
        np.testing.assert_allclose(scores[:, items], expected, rtol=1e-4, atol=1e-6)
