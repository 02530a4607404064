"""A step of new users towards their items: by hand, and as validation chooses it."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgrec import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.models.history_step import parts_towards_items, towards_items
from kgrec.models.training_data import TrainingData
from kgrec.testing import planted
from kgrec.training.fold_in import best_step
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

ITEMS = np.array([[2, 0], [0, 4], [0, 0], [2, 2]], np.float32)  # the third is unknown
CENTRE = np.array([1, 1], np.float32)


def test_by_hand():
    histories = csr_matrix(np.array([[1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]], np.float32))
    vectors = np.array([[0, 1], [5, 5], [1, 0]], np.float32)
    found = towards_items(vectors, histories, ITEMS, CENTRE, 2.0)
    # The mean of the first is (1, 2), the second has nothing known, that of the third is (2, 2).
    third = np.array([3, 2]) / np.sqrt(13)
    np.testing.assert_allclose(found, [[0, 1], [5, 5], third], rtol=1e-6)
    assert found.dtype == np.float32
    assert towards_items(vectors, histories, ITEMS, CENTRE, 0.0) is vectors


@pytest.mark.parametrize("size", [0.0, 2.0])
def test_parts_add_up_but_for_the_step_away_from_all_items(size):
    history = csr_matrix(np.array([[1, 1, 1, 1]], np.float32))
    parts = np.array([[1, 0], [0, 2], [0, 0], [3, 3]], np.float32)
    before = parts.sum(axis=0)
    after = towards_items(before[None], history, ITEMS, CENTRE, size)[0]
    found = parts_towards_items(parts, before, ITEMS, CENTRE, size)
    scale = np.linalg.norm(before) / np.linalg.norm(before + size * ([4 / 3, 2] - CENTRE))
    np.testing.assert_allclose(after - found.sum(axis=0), -scale * size * CENTRE, atol=1e-5)


def log(pairs, users, items):
    rows = np.array(pairs).T
    return Interactions(users, items, rows[0].astype(np.int64), rows[1].astype(np.int64))


@pytest.mark.parametrize(("toward", "chosen"), [(1.0, {3.0, 5.0}), (-1.0, {0.0})])
def test_validation_chooses_the_size(toward, chosen):
    """Users want what is like their items, or what is not: only then the step helps."""
    rng = np.random.default_rng(0)
    users = Vocabulary([f"u{i:02}" for i in range(40)])
    items = Vocabulary([f"i{i:02}" for i in range(20)])
    vectors = np.zeros((20, 2), np.float32)
    vectors[:10, 0] = vectors[10:, 1] = 1
    train = [
        (u, 10 * (u % 2) + int(i)) for u in range(40) for i in rng.choice(10, 3, replace=False)
    ]
    have = set(train)
    side = 0 if toward > 0 else 1
    valid = [
        (u, next(i for i in range(10 * ((u + side) % 2), 20) if (u, i) not in have))
        for u in range(40)
    ]
    data = TrainingData(log(train, users, items), log(valid, users, items))
    # All begin at the wrong side by less than two and a half steps.
    start = np.array([[2.0, 0.0] if u % 2 else [0.0, 2.0] for u in range(40)], np.float32)
    begun = start if toward > 0 else start[::-1][:, ::-1]
    centre = np.array([0.5, 0.5], np.float32)

    asked = []

    def without(rows):
        asked.append(rows)
        return vectors, lambda histories, size: towards_items(
            begun[rows], histories, vectors, centre, size
        )

    assert best_step(data, without, "ndcg@10", 0) in chosen
    assert sorted(np.concatenate(asked)) == list(range(40))
    assert {len(rows) for rows in asked} == {8}  # and never all at once


def test_nothing_is_left_of_users_who_count_as_new():
    """Items and places are those of a model in which these users never had an embedding."""
    data = planted().data
    model = LinkPrediction(LinkPredictionConfig(predictor={"dim": 8}, training={"max_epochs": 3}))
    model.fit(data)
    rows = np.array([2, 31])
    items, place = model._as_if_new(rows)
    state = {name: np.array(array) for name, array in model.state().items()}
    state["fusion.user.embedding"][rows] = 0.0
    other = LinkPrediction(model.config).load_state(state, data)
    np.testing.assert_allclose(items, other.item_vectors, atol=1e-5)
    assert not np.allclose(items, model.item_vectors, atol=1e-3)
    history = csr_matrix(data.train.matrix()[rows])
    np.testing.assert_allclose(
        place(history, model._step), other.vectors_of_histories(history), atol=1e-5
    )


def test_without_validation_there_is_no_step():
    users, items = Vocabulary(["u"]), Vocabulary(["a", "b"])
    data = TrainingData(log([(0, 0)], users, items))
    assert best_step(data, lambda *_: None, "ndcg@10", 0) == 0.0
