"""Weights for another graph: nodes are found by their ids, relations by their names."""

import numpy as np
import pytest
import torch
from three_blocks import three_blocks

from kgrec.errors import ConfigError
from kgrec.testing.growth import NEW_ITEM, NEW_USER, grown
from kgrec.training.carried_over import TrainedWeights
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

QUICK = {"max_epochs": 2, "eval_every": 2, "threads": 1}


def fitted(data, **predictor):
    config = LinkPredictionConfig.model_validate({"predictor": predictor, "training": QUICK})
    return LinkPrediction(config).fit(data)


def prepared(model, data):
    made = LinkPrediction(model.config)
    made._prepare(data, torch.device("cpu"))
    return made


def test_a_node_is_found_by_its_id_where_rows_differ():
    data = three_blocks().data
    model = fitted(data)
    moved = data.graph.clone()
    ids = data.graph["item"].node_id
    moved["item"].node_id = [*ids[3:], "unheard of", *ids[:2]]  # ids[2] is gone
    other = prepared(model, type(data)(data.train, graph=moved, attributes=data.attributes))
    start = other.predictor.fusion["item"].embedding.detach().clone()
    weights = TrainedWeights.of(model.predictor, model._nodes)
    found = weights.put_into(other.predictor, other._nodes)
    assert found == data.train.num_users + len(ids) - 1
    old = model.predictor.fusion["item"].embedding.detach()
    new = other.predictor.fusion["item"].embedding.detach()
    np.testing.assert_array_equal(new[:-3], old[3:])
    np.testing.assert_array_equal(new[-2:], old[:2])
    np.testing.assert_array_equal(new[-3], start[-3])  # as it begins


def test_other_shapes_are_a_mistake():
    data = three_blocks().data
    weights = TrainedWeights.of(fitted(data, dim=8).predictor, {"user": [], "item": []})
    wider = prepared(fitted(data, dim=12), data)
    with pytest.raises(ConfigError, match=r"predictor\.dim"):
        weights.put_into(wider.predictor, wider._nodes)


def test_a_relation_is_found_by_its_name_and_a_new_one_is_the_mean_of_the_others():
    data = three_blocks().data
    model = fitted(data, encoder={"name": "rgcn", "num_layers": 1})
    more = data.graph.clone()
    edges = torch.tensor([[0, 1], [2, 3]])
    more["item", "a sequel", "item"].edge_index = edges  # the first by name
    more["item", "a sequel", "item"].iri = "http://e/sequel"
    new = model.updated(type(data)(data.train, graph=more, attributes=data.attributes))
    old, made = model.predictor.encoder, new.predictor.encoder
    for name, place in old._place.items():
        kept = made.mix[:, made._place[name]].detach()
        np.testing.assert_array_equal(kept, old.mix[:, place].detach())
    mean = old.mix.mean(1).detach()
    np.testing.assert_allclose(made.mix[:, made._place["a sequel"]].detach(), mean, rtol=1e-6)


@pytest.mark.parametrize("encoder", ["lightgcn", "lightkg", "kgin", "rgcn", "kgat", "cke", "none"])
def test_new_nodes_have_learnt_nothing_and_known_ones_keep_their_embeddings(encoder):
    data = three_blocks().data
    model = fitted(data, encoder={"name": encoder})
    more = grown(data, user=1, item=2)
    new = model.updated(more)
    for kind, id in (("user", NEW_USER), ("item", NEW_ITEM)):
        old, made = (one.predictor.fusion[kind].embedding.detach() for one in (model, new))
        assert new._nodes[kind][-1] == id
        assert not made[-1].any()
        trained = model._trained[kind].numpy().ravel() > 0
        if kind == "item" or encoder not in ("cke", "none"):
            np.testing.assert_array_equal(made[:-1][trained], old[trained])
        assert not made[:-1][~trained].any()  # what was never trained is noise
    history = more.train.matrix()[[-1]]
    np.testing.assert_allclose(
        new.user_vectors[[-1]], new.vectors_of_histories(history), rtol=1e-5, atol=1e-6
    )
    # The item is where its twin in content is predicted to be.
    twin = new.content_map(new._features_of_items[[2, -1]])
    np.testing.assert_allclose(twin[1], twin[0], atol=1e-5)
    place = new.similarity_vectors[-1]
    np.testing.assert_allclose(place, twin[1] / np.linalg.norm(twin[1]), atol=1e-5)


def test_without_propagation_a_changed_user_is_folded_in():
    data = three_blocks().data
    model = fitted(data, encoder={"name": "none"})
    train = data.train
    keep = ~((train.user == 0) & (train.item < 4))  # user 0 likes other items from now on
    log = train.select(keep)
    graph = data.graph.clone()
    pairs = torch.from_numpy(np.stack([log.user, log.item]))
    graph["user", "interacts", "item"].edge_index = pairs
    graph["item", "rev_interacts", "user"].edge_index = pairs.flip(0)
    new = model.updated(type(data)(log, graph=graph, attributes=data.attributes))
    expected = new.vectors_of_histories(log.matrix()[[0]])
    np.testing.assert_allclose(new.user_vectors[[0]], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new.user_vectors[1:16], model.user_vectors[1:16], atol=1e-5)
