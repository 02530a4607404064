"""The link predictor as a model: its contract, every combination of its parts, new items."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from parts_by_name import loss as loss_of
from pydantic import ValidationError
from scipy.sparse import csr_matrix
from three_blocks import COLD, NUM_USERS, three_blocks

from kgrec.errors import DataError, RunError
from kgrec.graph.modalities import node_features
from kgrec.models.popular import MostPopular
from kgrec.models.training_data import TrainingData
from kgrec.testing import log_from_pairs
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

USERS = np.arange(NUM_USERS)


def config(new_items="regress", training=None, **predictor):
    return LinkPredictionConfig(
        predictor={"dim": 12, **predictor},
        training={
            "max_epochs": 20, "learning_rate": 0.03, "batch_users": 32, **(training or {}),
        },
        new_items=new_items,
    )  # fmt: skip


@pytest.fixture(scope="module")
def case():
    return three_blocks()


@pytest.fixture(scope="module")
def fitted(case):
    return LinkPrediction(config()).fit(case.data)


@pytest.mark.parametrize(
    ("fusion", "encoder", "head", "loss"),
    list(
        product(
            ("none", "add", "concat", "gate"),
            ("lightgcn", "rgcn"),
            ("dot", "cosine", "distmult"),
            ("softmax", "sampled_softmax", "bpr"),
        )
    ),
)
def test_any_fusion_with_any_encoder_head_and_loss(case, fusion, encoder, head, loss):
    """Popularity finds half of what is held out: it is the largest block's."""
    training = {"loss": loss_of(loss, num_negatives=12)}
    settings = config(fusion=fusion, encoder=encoder, head=head, training=training)
    model = LinkPrediction(settings).fit(case.data)
    popular = case.found(MostPopular().fit(case.data).score(USERS))
    assert popular == 0.5
    assert case.found(model.score(USERS)) >= 0.9


def audience_is_right(case, scores):
    """Return for what share of users the new item of their own block is the best new one."""
    best = np.array(COLD)[scores[:, list(COLD)].argmax(1)]
    return (case.block_of_item[best] == case.block_of_user).mean()


@pytest.mark.parametrize("content", ["both", "text", "attributes"])
@pytest.mark.parametrize("encoder", ["lightgcn", "rgcn"])
@pytest.mark.parametrize("new_items", ["regress", "propagate"])
def test_new_items_find_their_audience(new_items, encoder, content):
    case = three_blocks(attributes=content != "text", text=content != "attributes")
    settings = config(new_items, encoder=encoder, id_dropout=0.3)
    scores = LinkPrediction(settings).fit(case.data).score(USERS)
    assert audience_is_right(case, scores) == 1.0
    # And they stand above what other blocks like.
    for user in USERS[::5]:
        own = case.block_of_item == case.block_of_user[user]
        assert scores[user, list(COLD)][own[list(COLD)]].min() > scores[user, :19][~own[:19]].max()


def test_without_content_new_items_are_all_alike():
    case = three_blocks(attributes=False, text=False)
    scores = LinkPrediction(config()).fit(case.data).score(USERS)
    np.testing.assert_array_equal(scores[:, COLD[0]], scores[:, COLD[1]])
    assert case.found(scores) >= 0.8


def test_practising_on_dropped_ids_helps_new_items():
    """With noisy text alone: how far right and wrong new items lie apart for the users."""

    def margin(id_dropout, seed):
        case = three_blocks(seed, attributes=False)
        text = case.data.graph["item"].text
        noise = torch.randn(text.shape, generator=torch.Generator().manual_seed(seed))
        case.data.graph["item"].text = torch.nn.functional.normalize(text + noise / 7**0.5)
        settings = config(
            "propagate",
            id_dropout=id_dropout,
            feature_dropout=0,
            training={"seed": seed, "max_epochs": 40},
        )
        scores = LinkPrediction(settings).fit(case.data).score(USERS)
        own = case.block_of_item[list(COLD)] == case.block_of_user[:, None]
        new = scores[:, list(COLD)]
        return new[own].mean() - new[~own].mean()

    gain = [margin(0.5, seed) - margin(0.0, seed) for seed in range(4)]
    assert np.mean(gain) > 0.1


def test_a_guess_does_not_outshine_what_is_known(case, fitted):
    lengths = np.linalg.norm(fitted.item_vectors, axis=1)
    np.testing.assert_allclose(lengths[:19], 1, atol=1e-5)
    np.testing.assert_allclose(lengths[list(COLD)], fitted.content_map.reliability, atol=1e-5)
    assert 0.5 < fitted.content_map.reliability < 1


def test_a_seed_gives_the_same_bits(case, fitted):
    again = LinkPrediction(config()).fit(case.data)
    assert again.state().keys() == fitted.state().keys()
    for name, value in again.state().items():
        np.testing.assert_array_equal(value, fitted.state()[name], err_msg=name)
    other = LinkPrediction(config(training={"seed": 1})).fit(case.data)
    assert not np.array_equal(other.score(USERS), fitted.score(USERS))


@pytest.mark.parametrize("encoder", ["lightgcn", "rgcn"])
def test_the_order_of_edges_and_of_the_log_does_not_matter(case, encoder):
    order = np.random.default_rng(0).permutation(len(case.data.train))
    graph = case.data.graph.clone()
    for kind in graph.edge_types:
        index = graph[kind].edge_index
        shuffled = np.random.default_rng(1).permutation(index.shape[1])
        graph[kind].edge_index = index[:, torch.from_numpy(shuffled)]
    moved = replace(case.data, train=case.data.train.select(order), graph=graph)
    settings = config(encoder=encoder, training={"max_epochs": 8})
    one, other = (LinkPrediction(settings).fit(data) for data in (case.data, moved))
    np.testing.assert_array_equal(one.score(USERS), other.score(USERS))


@pytest.mark.parametrize("encoder", ["lightgcn", "rgcn"])
@pytest.mark.parametrize("head", ["dot", "cosine", "distmult"])
def test_unseen_users_get_their_block(case, encoder, head):
    model = LinkPrediction(config(encoder=encoder, head=head)).fit(case.data)
    liked = [[0, 1], [9, 10, 11], [15, 16], [COLD[2]]]
    histories = np.zeros((4, 22), dtype=np.float32)
    for row, items in enumerate(liked):
        histories[row, items] = 1
    scores = model.score_histories(csr_matrix(histories))
    scores[histories > 0] = -np.inf
    scores[:, list(COLD)] = -np.inf
    best = scores.argmax(1)
    assert case.block_of_item[best].tolist() == [0, 1, 2, 2]
    # How often a user's items are stored, and with which weight, says nothing of what they like.
    np.testing.assert_array_equal(
        model.score_histories(csr_matrix(3 * histories)),
        model.score_histories(csr_matrix(histories)),
    )


def test_a_stored_zero_is_no_like(case, fitted):
    plain = csr_matrix(([1.0], ([0], [9])), shape=(1, 22), dtype=np.float32)
    zero = csr_matrix(([1.0, 0.0], ([0, 0], [9, 2])), shape=(1, 22), dtype=np.float32)
    np.testing.assert_array_equal(fitted.score_histories(zero), fitted.score_histories(plain))


def test_similar_items_are_those_of_the_block(case, fitted):
    for item in (0, 10, 16, *COLD):
        similarity = fitted.similar(np.array([item]))[0]
        similarity[item] = -np.inf
        best = np.argsort(-similarity)[:4]
        assert set(case.block_of_item[best]) == {case.block_of_item[item]}


def test_texts_are_placed_where_such_items_are(case, fitted):
    text = case.data.graph["item"].text.numpy()
    placed = fitted.vectors_of_content({"text": text[[0, 10, 17]] * 3})  # length says nothing
    # At the length of known vectors, which a cosine head makes one, less what is not sure.
    length = fitted.content_map.reliability
    np.testing.assert_allclose(np.linalg.norm(placed, axis=1), length, atol=1e-5)
    best = (placed @ fitted.item_vectors.T).argmax(1)
    assert case.block_of_item[best].tolist() == [0, 1, 2]
    silent = three_blocks(text=False)
    mute = LinkPrediction(config(training={"max_epochs": 1})).fit(silent.data)
    assert mute.content_space() is None
    assert fitted.content_space() is fitted
    with pytest.raises(DataError, match=r"without content \(text\)"):
        mute.vectors_of_content({"text": text})


def test_validation_stops_and_the_best_epoch_is_kept(case):
    data = replace(case.data, valid=case.held_out)
    figures = []
    settings = config(training={"max_epochs": 200, "eval_every": 1, "patience": 3})
    model = LinkPrediction(settings).fit(data, callback=lambda f: figures.append(dict(f)))
    values = [entry["ndcg@10"] for entry in figures]
    assert model.progress.best == max(values)
    assert model.progress.best_epoch == 1 + values.index(max(values))
    assert model.progress.epoch == model.progress.best_epoch + 3 < 200
    # The model that is left is the one of that epoch.
    from kgrec.evaluation.evaluate import evaluate

    measured = evaluate(model, case.held_out, exclude=data.train, k=(10,)).metrics["ndcg@10"]
    assert measured == max(values)


def test_only_candidates_are_ranked_in_validation(case):
    data = replace(case.data, valid=case.held_out, candidates=np.unique(case.held_out.item))
    easy, hard = [], []
    settings = config(training={"max_epochs": 1, "eval_every": 1, "metric": "mrr@3"})
    LinkPrediction(settings).fit(data, callback=lambda f: easy.append(f["mrr@3"]))
    everything = replace(data, candidates=None)
    LinkPrediction(settings).fit(everything, callback=lambda f: hard.append(f["mrr@3"]))
    assert easy[0] >= hard[0]
    one = replace(data, valid=case.held_out.select(np.array([0])),
                  candidates=case.held_out.item[:1])  # fmt: skip
    LinkPrediction(settings).fit(one, callback=lambda f: easy.append(f["mrr@3"]))
    assert easy[-1] == 1.0


@pytest.mark.parametrize("metric", ["ndgc@10", "ndcg", "ndcg@0", "ndcg@x", "coverage@10"])
def test_a_metric_that_there_is_not(metric):
    with pytest.raises(ValidationError, match="metric") as caught:
        config(training={"metric": metric})
    assert metric in str(caught.value)


def test_words_alone_place_new_items_and_survive_loading():
    case = three_blocks(attributes=False, text=False)
    words = csr_matrix(np.eye(3, dtype=np.float32)[case.block_of_item])
    data = replace(case.data, words=words)
    model = LinkPrediction(config()).fit(data)
    new = np.arange(19, 22)
    block_of_user = np.asarray(
        [case.block_of_item[case.data.train.item[case.data.train.user == u][0]] for u in USERS]
    )
    best = new[model.score(USERS)[:, new].argmax(1)]
    np.testing.assert_array_equal(case.block_of_item[best], block_of_user)
    again = LinkPrediction(config()).load_state(model.state(), data)
    np.testing.assert_allclose(again.score(USERS), model.score(USERS), rtol=1e-5)
    without = LinkPrediction(config().model_copy(update={"content_words": 0.0})).fit(data)
    told = without.score(USERS)[:, new]
    assert np.ptp(told, axis=1).max() == 0  # nothing tells the new items apart


def test_needs_a_graph(case):
    with pytest.raises(DataError, match="graph"):
        LinkPrediction(config()).fit(TrainingData(case.data.train))


def test_a_user_without_interactions_gets_the_average_user(case):
    pairs = [(u, i) for u, i in zip(case.data.train.user, case.data.train.item, strict=True)
             if u != 3]  # fmt: skip
    from kgrec.graph.build import build_graph

    log = log_from_pairs(pairs, NUM_USERS, 22)
    model = LinkPrediction(config(head="dot")).fit(TrainingData(log, graph=build_graph(log)))
    others = np.delete(model.user_vectors, 3, axis=0).mean(0)
    np.testing.assert_allclose(model.user_vectors[3], others, atol=1e-6)


def test_state_with_other_names_shapes_or_numbers_is_refused(case, fitted):
    state = fitted.state()
    for name in ("content_map.centre", "content_map.weight", "fusion.user.embedding"):
        missing = {key: value for key, value in state.items() if key != name}
        with pytest.raises(RunError, match=name):
            LinkPrediction(config()).load_state(missing, case.data)
        with pytest.raises(RunError, match=name):
            LinkPrediction(config()).load_state({**state, name: state[name][:-1]}, case.data)
        damaged = state[name].copy()
        damaged.flat[0] = np.nan
        with pytest.raises(RunError, match="NaN"):
            LinkPrediction(config()).load_state({**state, name: damaged}, case.data)


def test_features_are_text_and_numbers_side_by_side():
    graph = three_blocks().data.graph
    graph["item"].numeric = torch.arange(44.0).reshape(22, 2)
    graph["user"].numeric = torch.ones(32, 1)
    made = node_features(graph)
    assert made.keys() == {"item", "user"}
    assert torch.equal(made["item"], torch.cat([graph["item"].text, graph["item"].numeric], 1))
    assert made["user"].shape == (32, 1)
