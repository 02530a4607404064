"""What each liked item adds to a score."""

from functools import cache

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgrec.models.base import Model, VectorModel
from kgrec.models.contributions import of_items, sampled
from kgrec.models.ease import EASE, EASEConfig
from kgrec.models.encoders.lightgcn import LightGCNConfig
from kgrec.models.ensemble import Ensemble, EnsembleConfig
from kgrec.models.heads.inner_product import CosineHeadConfig, DotHeadConfig, TranslationHeadConfig
from kgrec.models.ials import IALS, IALSConfig
from kgrec.models.item_knn import ItemKNN, ItemKNNConfig
from kgrec.models.link_predictor import LinkPredictorConfig
from kgrec.models.low_rank import LowRank, LowRankConfig
from kgrec.models.popular import MostPopular
from kgrec.models.user_ease import UserEASE
from kgrec.testing import planted
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig
from kgrec.training.settings import TrainingConfig
from kgrec.types import Float64Array, FloatArray


@cache
def fitted(name: str) -> Model:
    made: dict[str, Model] = {
        "ease": EASE(EASEConfig(l2=5.0)),
        "low_rank": LowRank(LowRankConfig(dim=4, l2=2.0)),
        "item_knn": ItemKNN(ItemKNNConfig(shrinkage=1.0)),
        "user_ease": UserEASE(),
        "ials": IALS(IALSConfig(dim=4, l2=2.0)),
        "popular": MostPopular(),
    }
    return made[name].fit(planted().data)


def history(rows: list[int]) -> csr_matrix:
    dense = np.zeros((1, planted().data.train.num_items), dtype=np.float32)
    dense[0, rows] = 1.0
    return csr_matrix(dense)


def left_out(model: Model, rows: list[int], target: int) -> Float64Array:
    """Return by how much the score of an item falls without each of some liked items."""
    whole = model.score_histories(history(rows))[0, target]
    parts = [history([other for other in rows if other != row]) for row in rows]
    return np.array([whole - model.score_histories(one)[0, target] for one in parts])


@pytest.mark.parametrize("name", ["ease", "item_knn", "user_ease"])
def test_a_linear_model_loses_exactly_what_an_item_adds(name: str) -> None:
    model, rows = fitted(name), [0, 1, 5, 12]
    num = planted().data.train.num_items
    found = model.contributions(history(rows), of_items([2, 10], num))
    assert found.method == "sum"
    for column, target in enumerate((2, 10)):
        expected = left_out(model, rows, target)
        np.testing.assert_allclose(found.values[:, column], expected, rtol=1e-3, atol=1e-5)


def test_ease_gives_the_same_with_its_weights_as_by_solving() -> None:
    num, rows = planted().data.train.num_items, [0, 1, 5, 12]
    model = EASE(EASEConfig(l2=5.0)).fit(planted().data)
    twin = EASE(EASEConfig(l2=5.0)).load_state(model.state(), planted().data)
    solved = twin.contributions(history(rows), of_items(range(num), num))
    _ = twin.weights
    with_weights = twin.contributions(history(rows), of_items(range(num), num))
    np.testing.assert_allclose(solved.values, with_weights.values, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(solved.values, twin.weights[rows], rtol=1e-4, atol=1e-7)


def test_ials_items_of_the_same_block_count() -> None:
    num, rows = planted().data.train.num_items, [0, 1, 12]
    found = fitted("ials").contributions(history(rows), of_items([3], num))
    assert found.method == "sum"
    first, second, other = found.values[:, 0]
    assert min(first, second) > 10 * abs(other)


@pytest.mark.parametrize("head", [DotHeadConfig(), CosineHeadConfig(), TranslationHeadConfig()])
def test_a_graph_encoder_that_adds_up_says_so(head: object) -> None:
    parts = LinkPredictorConfig(dim=8, encoder=LightGCNConfig(), head=head)  # type: ignore[arg-type]
    training = TrainingConfig(max_epochs=2)
    model = LinkPrediction(LinkPredictionConfig(predictor=parts, training=training))
    model.fit(planted().data)
    rows, num = [0, 1, 5, 12], planted().data.train.num_items
    found = model.contributions(history(rows), of_items(range(num), num))
    assert found.method == "sum"
    scores = model.score_histories(history(rows))[0]
    np.testing.assert_allclose(found.scores, scores, rtol=1e-3, atol=1e-4)


def test_nothing_counts_where_all_get_what_is_popular() -> None:
    num = planted().data.train.num_items
    found = fitted("popular").contributions(history([0, 1]), of_items([3], num))
    assert found.values.tolist() == [[0.0], [0.0]]
    assert found.base[0] == fitted("popular").score(np.array([0]))[0, 3]


def test_towers_are_the_weighted_scores_of_the_members() -> None:
    members = [EASE(EASEConfig(l2=5.0)), MostPopular()]
    model = Ensemble(members, EnsembleConfig(weights=(0.75, 0.25))).fit(planted().data)
    num, given = planted().data.train.num_items, history([0, 1, 12])
    found = model.contributions(given, of_items([2], num))
    for member, weight in zip(members, (0.75, 0.25), strict=True):
        scores = member.score_histories(given)[0]
        expected = weight * (scores[2] - scores.mean()) / scores.std()
        np.testing.assert_allclose(found.towers[member.name][0], expected, rtol=1e-4)
    assert abs(found.values[:2].sum()) > 5 * abs(found.values[2, 0])


class TestSampled:
    """Shapley values of functions whose values are known."""

    targets = of_items([0], 3)

    def test_a_sum_gives_its_parts(self) -> None:
        weights = np.array([[1.0], [2.0], [-4.0]], dtype=np.float32)

        def score(histories: csr_matrix) -> FloatArray:
            return np.asarray(np.tile(histories @ weights, (1, 3)) + 7.0, dtype=np.float32)

        found = sampled(score, history_of([1, 2, 2]), self.targets)
        np.testing.assert_allclose(found.values[:, 0], [1.0, 4.0, -8.0])
        assert found.base.tolist() == [7.0]

    def test_what_two_items_do_together_is_shared(self) -> None:
        def score(histories: csr_matrix) -> FloatArray:
            both = histories.toarray()
            return np.tile(both[:, :1] * both[:, 1:2] * 6.0, (1, 3)).astype(np.float32)

        found = sampled(score, history_of([1, 1, 1]), self.targets)
        np.testing.assert_allclose(found.values[:, 0], [3.0, 3.0, 0.0])

    def test_a_long_history_adds_up(self) -> None:
        rng = np.random.default_rng(1)
        weights = rng.normal(size=(900, 3)).astype(np.float32)

        def score(histories: csr_matrix) -> FloatArray:
            return np.asarray(np.tanh(histories @ weights / 20.0), dtype=np.float32)

        given = csr_matrix(np.ones((1, 900), dtype=np.float32))
        targets = np.array([[0.0, 1.0, 0.0]])
        found = sampled(score, given, targets)  # type: ignore[arg-type]
        np.testing.assert_allclose(found.scores[0], score(given)[0, 1], rtol=1e-4)


def history_of(values: list[float]) -> csr_matrix:
    return csr_matrix(np.array([values], dtype=np.float32))


def test_stored_vectors_give_the_same_parts() -> None:
    from kgrec.models.stored_vectors import StoredVectors

    parts = LinkPredictorConfig(dim=8, encoder=LightGCNConfig())
    model = LinkPrediction(
        LinkPredictionConfig(predictor=parts, training=TrainingConfig(max_epochs=2))
    ).fit(planted().data)
    arrays = model.stored_vectors(planted().data.train.matrix()[:10])
    assert arrays is not None

    def complete() -> VectorModel:
        raise AssertionError("The stored vectors are enough.")

    stored = StoredVectors("link_prediction", arrays, complete)
    given = history([0, 1, 5, 12])
    one, other = stored.parts_of_history(given), model.parts_of_history(given)
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["ials", "link_prediction"])
def test_losses_are_what_the_standing_loses_without_an_item(name: str) -> None:
    parts = LinkPredictorConfig(dim=8, encoder=LightGCNConfig())
    training = TrainingConfig(max_epochs=2)
    model = (
        fitted(name)
        if name == "ials"
        else LinkPrediction(LinkPredictionConfig(predictor=parts, training=training)).fit(
            planted(new_items=()).data
        )
    )
    data = planted().data if name == "ials" else planted(new_items=()).data
    rows, num = [0, 1, 5, 12], data.train.num_items

    def standing(liked: list[int]) -> Float64Array:
        dense = np.zeros((1, num), dtype=np.float32)
        dense[0, liked] = 1.0
        scores = model.score_histories(csr_matrix(dense))[0].astype(np.float64)
        return np.asarray((scores[[2, 10]] - scores.mean()) / scores.std())

    dense = np.zeros((1, num), dtype=np.float32)
    dense[0, rows] = 1.0
    found = model.contributions(csr_matrix(dense), of_items([2, 10], num))
    assert found.losses is not None
    for place, row in enumerate(rows):
        expected = standing(rows) - standing([other for other in rows if other != row])
        np.testing.assert_allclose(found.losses[place], expected, rtol=1e-3, atol=1e-4)


def test_losses_of_an_ensemble_are_those_of_its_standardised_members() -> None:
    members = [IALS(IALSConfig(dim=4, l2=2.0)), MostPopular()]
    model = Ensemble(members, EnsembleConfig(weights=(0.75, 0.25))).fit(planted().data)
    num, given = planted().data.train.num_items, history([0, 1, 12])
    found = model.contributions(given, of_items([2], num))
    alone = members[0].contributions(given, of_items([2], num))
    assert found.losses is not None
    assert alone.losses is not None
    np.testing.assert_allclose(found.losses, 0.75 * alone.losses, rtol=1e-3, atol=1e-5)
