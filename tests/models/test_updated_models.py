"""Updates of models in closed form: exactly what fitting on all data finds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.models import ridge
from kgrec.models.content_ease import ContentEASE, ContentEASEConfig
from kgrec.models.ease import EASE, AttributeEASE, AttributeEASEConfig, EASEConfig
from kgrec.models.ensemble import Ensemble, EnsembleConfig
from kgrec.models.ials import IALS, IALSConfig
from kgrec.models.item_knn import ItemKNN
from kgrec.models.popular import MostPopular
from kgrec.models.training_data import TrainingData
from kgrec.models.trending import Trending, TrendingConfig
from kgrec.models.user_ease import UserEASE, UserEASEConfig
from kgrec.testing import planted
from kgrec.testing.growth import grown

EXACT = {
    "ease": lambda: EASE(EASEConfig(l2=2.0)),
    "ease with dropout": lambda: EASE(EASEConfig(l2=2.0, dropout=0.4)),
    "attributes": lambda: AttributeEASE(AttributeEASEConfig(l2=2.0, dropout=0.2)),
    "content": lambda: ContentEASE(ContentEASEConfig(l2=2.0, words=0.0)),
    "user_ease": lambda: UserEASE(UserEASEConfig(l2=2.0)),
    "item_knn": ItemKNN,
    "most_popular": MostPopular,
    "trending": lambda: Trending(TrendingConfig(half_life=None)),
}


def random_data(seed, num_users=41, num_items=29, share=0.15):
    rng = np.random.default_rng(seed)
    base = planted().data.train
    row, column = np.nonzero(rng.random((num_users, num_items)) < share)
    users = base.users.extended([f"v{n:02}" for n in range(num_users)])
    items = base.items.extended([f"j{n:02}" for n in range(num_items)])
    users = users.restricted(np.arange(num_users))
    items = items.restricted(np.arange(num_items))
    return TrainingData(Interactions(users, items, row, column))


def with_more(data, seed):
    """Two users and three items more, some interactions of known users, and one that is gone."""
    rng = np.random.default_rng(seed)
    train = data.train
    users, items = train.users.extended(["w0", "w1"]), train.items.extended(["k0", "k1", "k2"])
    user = [*train.user[1:], *[len(users) - 1] * 3, len(users) - 2, 3, 7, 7]
    item = [*train.item[1:], *rng.choice(len(items), 3, replace=False), len(items) - 1,
            len(items) - 2, len(items) - 1, len(items) - 2]  # fmt: skip
    return TrainingData(Interactions(users, items, np.array(user), np.array(item)))


def everything(model, data):
    """Return the answers for few and for many histories: they are computed in two ways."""
    rows, matrix = np.arange(data.train.num_users), data.train.matrix()
    return np.concatenate(
        [model.score(rows[:5]), model.score(rows), model.score_histories(matrix[:4])]
    )


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("name", EXACT)
def test_an_update_is_what_fitting_on_all_data_finds(name):
    data = planted().data
    more = grown(data)
    updated = EXACT[name]().fit(data).updated(more)
    again = EXACT[name]().fit(more)
    assert relative(everything(updated, more), everything(again, more)) < 1e-6


@pytest.mark.parametrize("dropout", [0.0, 0.33])
@pytest.mark.parametrize("seed", range(3))
def test_a_low_rank_update_of_ease_equals_a_new_inverse(seed, dropout, monkeypatch):
    data = random_data(seed)
    more = with_more(data, seed)
    model = EASE(EASEConfig(l2=1.5, dropout=dropout)).fit(data)
    monkeypatch.setattr(ridge.RidgeSystem, "_inverse", None)  # it is not computed
    updated = model.updated(more)
    few = updated.score(np.arange(6))
    state = updated.state()
    monkeypatch.undo()
    again = EASE(EASEConfig(l2=1.5, dropout=dropout)).fit(more)
    np.testing.assert_allclose(state["diagonal"], again.state()["diagonal"], rtol=1e-9)
    assert relative(few, again.score(np.arange(6))) < 1e-6
    # A second one after it, back to the data of before.
    back = TrainingData(
        replace(data.train.reindex(more.train.users, more.train.items), report=data.train.report)
    )
    np.testing.assert_allclose(
        updated.updated(back).state()["diagonal"][: data.train.num_items],
        model.state()["diagonal"],
        rtol=1e-8,
    )


def test_the_naive_inverse_of_all_rows_agrees():
    """An oracle that knows nothing of the code: (RᵀR + l2)⁻¹ by numpy, for rows that changed."""
    rng = np.random.default_rng(5)
    before = csr_matrix((rng.random((17, 11)) < 0.3).astype(np.float64))
    after = before.tolil()
    after[2] = 0
    after[5, 4] = 0.7
    after[16, :] = rng.random(11) < 0.5
    after = csr_matrix(after)
    old, new = np.full(11, 0.8), rng.uniform(0.5, 1.5, 11)
    system = ridge.RidgeSystem(
        before, old, np.diag(np.linalg.inv(before.T @ before + np.diag(old)))
    )
    found = system.changed(before, after, new)
    assert found.knows_diagonal
    expected = np.linalg.inv((after.T @ after).toarray() + np.diag(new))
    np.testing.assert_allclose(found.diagonal, np.diag(expected), rtol=1e-10)


def test_a_large_change_is_solved_again(monkeypatch):
    monkeypatch.setattr(ridge, "_LEAST_RANK", 0)
    data = random_data(4)
    more = with_more(data, 4)
    updated = EASE(EASEConfig(l2=1.5)).fit(data).updated(more)
    again = EASE(EASEConfig(l2=1.5)).fit(more)
    assert relative(everything(updated, more), everything(again, more)) < 1e-6


def test_half_a_step_of_ials_solves_the_rows_that_changed():
    """Users by equation 4 of the paper; then items with other users, by the same equation."""
    config = IALSConfig(dim=3, l2=0.7, alpha=4.0, iterations=4)
    data = random_data(1)
    more = with_more(data, 1)
    model = IALS(config).fit(data)
    updated = model.updated(more)
    old, matrix = model.state()["factors"].astype(np.float64), more.train.matrix().toarray()
    factors = np.zeros((more.train.num_items, 3))
    factors[: len(old)] = old

    def solved(other, chosen):
        weight = np.where(chosen > 0, 5.0, 1.0)
        left = other.T @ (other * weight[:, None]) + 0.7 * np.eye(3)
        return np.linalg.solve(left, other.T @ (weight * (chosen > 0)))

    users = np.array([solved(factors, row) for row in matrix])
    before = np.zeros_like(matrix)
    before[: data.train.num_users, : data.train.num_items] = data.train.matrix().toarray()
    expected = factors.copy()
    changed = np.flatnonzero((before != matrix).any(axis=0))
    assert 0 < len(changed) < len(factors)
    for item in changed:
        expected[item] = solved(users, matrix[:, item])
    found = updated.state()["factors"]
    assert relative(found, expected) < 1e-5
    others = np.setdiff1d(np.arange(len(old)), changed)
    np.testing.assert_array_equal(found[others], model.state()["factors"][others])
    assert found[-1].any()  # a new item that somebody has


def test_an_ensemble_updates_its_members_and_keeps_its_weights():
    data = planted().data
    more = grown(data)
    made = Ensemble([EASE(EASEConfig(l2=2.0)), ItemKNN()], EnsembleConfig(weights=(0.8, 0.2)))
    new = made.fit(data).updated(more)
    again = Ensemble([EASE(EASEConfig(l2=2.0)), ItemKNN()], EnsembleConfig(weights=(0.8, 0.2)))
    assert relative(everything(new, more), everything(again.fit(more), more)) < 1e-5
    assert new.weights.tolist() == made.weights.tolist()
