"""Statistics and weights that example queries teach: naive versions, and planted answers."""

import numpy as np
import pytest
from scipy import sparse
from search_films import FILMS, ROWS, recommender

from kgrec.errors import DataError, RunError
from kgrec.runs.query_evaluation import measured
from kgrec.search.example_statistics import Together, learn_map, value_places
from kgrec.search.examples import Example
from kgrec.search.learning import StatisticsMaker, learn, moments_of, sampled
from kgrec.search.measuring import QueryMeter
from kgrec.search.settings import SearchConfig
from kgrec.search.signals import SIGNALS
from kgrec.search.taught import Taught
from kgrec.search.weights import QUERY_AFTER_LEARNING, SearchWeights, vector_of


def histories():
    rng = np.random.default_rng(1)
    return sparse.csr_matrix((rng.random((40, 11)) < 0.3).astype(float))


@pytest.mark.parametrize("transposed", [False, True])
def test_of_full_rank_it_is_ease(transposed):
    given = histories() if not transposed else sparse.csr_matrix(histories().toarray()[:9])
    l2 = 3.0
    exact = np.linalg.inv((given.T @ given).toarray() + l2 * np.eye(11))
    weights = -exact / np.diag(exact)[None, :]
    np.fill_diagonal(weights, 0.0)
    # The rank may be one below that of the matrix: a column more, of nothing, takes its place.
    config = SearchConfig(rank=1024, l2=l2)
    wide = sparse.hstack([given, sparse.csr_matrix((given.shape[0], 1))], format="csr")
    tall = sparse.vstack([wide, sparse.csr_matrix((4, 12))], format="csr")
    together = Together.of(tall, config)
    history = np.zeros(12)
    history[[2, 5]] = 0.5, 1.5
    found = together.scores(history)[:11]
    others = [0, 1, 3, 4, 6, 7, 8, 9, 10]
    np.testing.assert_allclose(found[others], (history[:11] @ weights)[others], atol=1e-4)


def test_the_map_is_ridge_regression():
    rng = np.random.default_rng(5)
    queries, places = rng.normal(size=(20, 4)), rng.normal(size=(7, 3))
    answers = sparse.csr_matrix(np.eye(7)[rng.integers(0, 7, 20)])
    aims = answers @ places
    aims -= aims.mean(0)
    found = learn_map(queries.astype(np.float32), answers, places.astype(np.float32), 2.0)
    whole = np.vstack([queries, np.sqrt(2.0) * np.eye(4)])
    expected = np.linalg.lstsq(whole, np.vstack([aims, np.zeros((4, 3))]), rcond=None)[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_items_of_the_same_values_are_at_the_same_place():
    has = np.zeros((6, 5), np.float32)
    has[[0, 1], 0] = has[[2, 3], 1] = has[[4, 5], 2] = has[[0, 1], 3] = 1
    places = value_places(sparse.csr_matrix(has))
    np.testing.assert_allclose(places[0], places[1], atol=1e-5)
    assert np.abs(places[0] - places[2]).max() > 0.1


def conversations(answer, count=60, talks=True):
    """Return conversations with random films, always with the same answer."""
    rng = np.random.default_rng(2)
    plain = ("something good", "any film", "what is nice today", "hello there")
    return [
        Example(
            f"d{number}/1", f"d{number}", (plain[number % 4],), talks,
            (int(rng.integers(0, len(FILMS))),), (ROWS[answer],),
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def films():
    return recommender()


CONFIG = SearchConfig(folds=3, negatives=13, rank=4)


def test_what_is_always_the_answer_comes_first():
    taught_films = recommender()
    examples = [one for one in conversations("f11") if one.mentioned != one.answers]
    taught = taught_films.learn_search(examples, CONFIG)
    assert taught.statistics.answers.argmax() == ROWS["f11"]
    assert taught.statistics.answers.sum() == len(examples) == taught.conversations
    from kgrec import Conversation

    assert Conversation(taught_films).say("something else", 1).items[0].item == "f11"
    # Single queries were not learnt, and keep their weights.
    np.testing.assert_array_equal(taught.weights.query, vector_of(QUERY_AFTER_LEARNING))
    assert taught_films.search("Heat (1995)", 1)[0].item == "f01"


def test_statistics_of_a_part_do_not_know_its_answers(films):
    taste = films.taste()
    examples = conversations("f11", 30)
    moments = moments_of(examples, taste, films.encode_texts, CONFIG)
    maker = StatisticsMaker(taste.signals, films.snapshot.histories, CONFIG)
    sample, kept = sampled(moments, taste, maker, CONFIG)
    column = SIGNALS.index("answer_often")
    for number, one in enumerate(kept):
        others = sum(other.part != one.part for other in kept)
        told = sample.table[(sample.moment == number) & sample.chosen, column]
        np.testing.assert_allclose(told, np.log(others + 0.3), rtol=1e-6)
    groups = {one.example.group: one.part for one in moments}
    assert all(groups[one.example.group] == one.part for one in moments)


def test_single_queries_have_weights_of_their_own(films):
    examples = conversations("f03", 40, talks=False)
    found = learn(examples, films.taste(), films.snapshot.histories, films.encode_texts, CONFIG)
    assert found.examples == (0, 40)
    np.testing.assert_array_equal(found.weights.talk, SearchWeights.default().talk)
    assert not np.array_equal(found.weights.query, SearchWeights.default().query)


def test_the_same_examples_teach_the_same(films):
    examples = conversations("f03", 40)
    one, other = (
        learn(examples, films.taste(), films.snapshot.histories, films.encode_texts, CONFIG)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.weights.talk, other.weights.talk)
    np.testing.assert_array_equal(one.statistics.together.left, other.statistics.together.left)


def test_too_few_examples(films):
    with pytest.raises(DataError, match=r"needs at least 3: set search\.folds"):
        films.learn_search(conversations("f03", 2), CONFIG)


def test_what_was_learnt_is_read_again(films):
    found = learn(
        conversations("f03", 40),
        films.taste(),
        films.snapshot.histories,
        films.encode_texts,
        CONFIG,
    )
    taught = Taught(found.weights, found.statistics, 40, 0, "words", frozenset({"ab", "c"}))
    arrays = taught.statistics.to_arrays()
    again = Taught.from_file(taught.to_dict(), arrays, len(FILMS))
    np.testing.assert_allclose(again.weights.talk, taught.weights.talk, rtol=1e-6)
    assert again.statistics.words == taught.statistics.words
    assert again.digests == {"ab", "c"}
    wider = again.widened(len(FILMS) + 2).statistics
    assert wider.named.tolist() == [*taught.statistics.named.tolist(), 0.0, 0.0]
    assert wider.together.right.shape[0] == len(FILMS) + 2
    for tree, changed, message in (
        (taught.to_dict() | {"format": "x"}, arrays, "format"),
        (taught.to_dict() | {"weights": {"query": {"x": 1}, "talk": {}}}, arrays, "no signal"),
        (taught.to_dict() | {"weights": 7}, arrays, "damaged"),
        ([], arrays, "damaged"),
        (taught.to_dict(), {k: v for k, v in arrays.items() if k != "left"}, "lacks 'left'"),
        (taught.to_dict(), arrays | {"named": arrays["named"][:-1]}, "'named'"),
        (taught.to_dict(), arrays | {"named": arrays["named"] * np.nan}, "'named'"),
        (taught.to_dict(), arrays | {"left": arrays["left"].astype(float)}, "'left'"),
    ):
        with pytest.raises(RunError, match=message):
            Taught.from_file(tree, changed, len(FILMS))


def test_metrics_by_hand(films):
    items = films.item_vocabulary
    meter = QueryMeter(items, (1, 3))
    scores = -np.arange(len(FILMS), dtype=np.float32)
    meter.add(Example("a", "a", ("x",), True, None, (0, 3)), scores)
    meter.add(Example("b", "b", ("x",), True, None, (2,), unknown=1), scores)
    hidden = scores.copy()
    hidden[5] = -np.inf
    meter.add(Example("c", "c", ("x",), True, None, (5,)), hidden)
    found = meter.results().evaluation
    assert found.metrics["recall@1"] == pytest.approx(1 / 5)  # of five answers
    assert found.metrics["recall@3"] == pytest.approx(2 / 5)
    ideal = 1 + 1 / np.log2(3)
    assert found.metrics["ndcg@3"] == pytest.approx((1 / ideal + 0.5 / ideal + 0) / 3)
    assert found.metrics["hit@3"] == pytest.approx(2 / 3)
    assert found.metrics["mrr@3"] == pytest.approx((1 + 1 / 3) / 3)
    assert (found.num_users, found.num_judgements, found.num_unreachable) == (3, 5, 1)


def test_an_answer_that_the_words_name_is_missed_as_in_a_search(films):
    """Without `mentioned`, what is named is what the words say, whatever the answer is."""
    words = ("I liked Pulp Fiction. What else is there?",)

    def recall(answer):
        example = Example("d1/1", "d1", words, True, None, (ROWS[answer],))
        return measured(films, [example], k=[len(FILMS)]).evaluation.metrics["recall@13"]

    assert recall("f13") == 0.0
    assert recall("f01") == 1.0
