"""Every encoder with every head learns planted blocks; so do all losses, negatives and links."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from parts_by_name import ENCODERS, HEADS
from parts_by_name import loss as loss_of
from pydantic import ValidationError
from three_blocks import NUM_USERS, three_blocks

from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

USERS = np.arange(NUM_USERS)


@pytest.fixture(scope="module")
def case():
    return three_blocks()


def trained(case, training=None, new_items="regress", **model):
    config = LinkPredictionConfig(
        predictor={"dim": 12, "fusion": "none", **model},
        training={
            "max_epochs": 30, "learning_rate": 0.03, "batch_pairs": 60, "loss": "bpr",
            "weight_average": 0, **(training or {}),
        },
        new_items=new_items,
    )  # fmt: skip
    return LinkPrediction(config).fit(case.data)


@pytest.mark.parametrize(("encoder", "head"), list(product(ENCODERS, HEADS)))
def test_any_encoder_with_any_head(case, encoder, head):
    """Popularity finds half of what is held out: it is the largest block's."""
    # Without propagation it is the L2 that keeps users from learning their negatives by heart.
    own = {"max_epochs": 60, "ego_l2": 0.1} if encoder in ("none", "cke") else {}
    model = trained(case, own, encoder=encoder, head=head)
    assert case.found(model.score(USERS)) >= 0.75
    again = LinkPrediction(model.config).load_state(model.state(), case.data)
    np.testing.assert_array_equal(again.score(USERS), model.score(USERS))


@pytest.mark.parametrize(
    ("loss", "negatives"),
    [(loss, mode) for loss in ("bpr", "bsl", "cross_entropy", "sampled_softmax")
     for mode in ("uniform", "popularity", "in_batch", "graph")
     if (loss, mode) != ("sampled_softmax", "graph")],
)  # fmt: skip
@pytest.mark.parametrize("batch_pairs", [60, None])
def test_any_loss_with_any_negatives(case, loss, negatives, batch_pairs):
    training = {
        "loss": loss_of(loss, num_negatives=12, negatives_per_positive=4), "negatives": negatives,
        "batch_pairs": batch_pairs, "batch_users": 32, "max_epochs": 40,
    }  # fmt: skip
    model = trained(case, training, head="cosine")
    share = case.found(model.score(USERS))
    if negatives == "graph":
        # On the planted shelves only the held-out item shares one with a positive and is none: it
        # is the negative that these users get, and what they learn to put last.
        assert share <= 0.2
    else:
        assert share >= 0.75


@pytest.mark.parametrize("scoring", ["transe", "transr", "distmult", "rotate"])
@pytest.mark.parametrize("loss", ["margin", "softmax"])
def test_links_of_the_graph_are_learned_beside_interactions(case, scoring, loss):
    """An item that nobody chose is on its shelf: its triples say where it belongs."""
    links = {
        "scoring": scoring, "loss": loss, "num_negatives": 2, "weight": 2.0, "interactions": True,
        "l2": 1e-3,
    }  # fmt: skip
    model = trained(case, {"max_epochs": 60}, encoder="none", head="dot", knowledge=links)
    assert case.found(model.score(USERS)) >= 0.75
    assert model.content_map is not None


def test_triples_place_items_that_nobody_chose(case):
    links = {"scoring": "transe", "interactions": True, "weight": 3.0}
    model = trained(
        case, {"max_epochs": 150}, "propagate", encoder="none", head="translation", knowledge=links
    )
    cold = np.array([19, 20, 21])
    best = cold[model.score(USERS)[:, cold].argmax(1)]
    assert (case.block_of_item[best] == case.block_of_user).mean() >= 0.9


@pytest.mark.parametrize("name", ["layer", "apart"])
def test_contrast_leaves_the_blocks_in_place(case, name):
    model = trained(case, {"contrast": name}, encoder="lightgcn", head="dot")
    assert case.found(model.score(USERS)) >= 0.9


def test_shared_negatives_cannot_be_of_one_positive():
    with pytest.raises(ValidationError, match="'graph' belong to one positive"):
        LinkPredictionConfig(training={"loss": "sampled_softmax", "negatives": "graph"})
    with pytest.raises(ValidationError, match="even dim, found 7"):
        LinkPredictionConfig(predictor={"dim": 7, "knowledge": {"scoring": "rotate"}})
    with pytest.raises(ValidationError, match="twice as wide"):
        LinkPredictionConfig(predictor={"encoder": "kgat", "knowledge": {"scoring": "rotate"}})


@pytest.mark.parametrize("model", [{"encoder": "none"}, {"encoder": {"relation_weight": 0.0}}])
def test_negatives_are_of_the_graph_where_the_model_reads_none_of_it(case, model):
    """As above, the held-out item is what they are, and is put last."""
    training = {
        "loss": {"name": "bpr", "negatives_per_positive": 4}, "negatives": "graph",
        "max_epochs": 40,
    }  # fmt: skip
    made = trained(case, training, head="cosine", **model)
    assert case.found(made.score(USERS)) <= 0.2


@pytest.mark.parametrize("encoder", ["kgat", "kgin", "xsimgcl", "lightkg"])
def test_a_resumed_training_is_the_whole_one(case, encoder, tmp_path):
    """Also where attention is computed once an epoch and dropout draws numbers."""
    links = {"scoring": "transr", "interactions": True, "inverses": True}

    def run(epochs, resume=False):
        config = LinkPredictionConfig(
            predictor={"dim": 6, "fusion": "none", "encoder": encoder, "head": "dot",
                       "knowledge": links},
            training={"max_epochs": epochs, "loss": "bpr", "batch_pairs": 50},
        )  # fmt: skip
        path = tmp_path / "checkpoint.safetensors"
        return LinkPrediction(config, checkpoint=path, resume=resume).fit(case.data)

    run(3)
    resumed = run(6, resume=True).score(USERS)
    (tmp_path / "checkpoint.safetensors").unlink()
    np.testing.assert_array_equal(resumed, run(6).score(USERS))


def test_the_order_of_edges_does_not_matter(case):
    import torch

    graph = case.data.graph.clone()
    for kind in graph.edge_types:
        index = graph[kind].edge_index
        order = np.random.default_rng(1).permutation(index.shape[1])
        graph[kind].edge_index = index[:, torch.from_numpy(order)]
    moved = replace(case, data=replace(case.data, graph=graph))
    for encoder in ("kgat", "kgin", "lightkg"):
        one, other = (
            trained(each, {"max_epochs": 3}, encoder=encoder, head="dot").score(USERS)
            for each in (case, moved)
        )
        np.testing.assert_array_equal(one, other)
