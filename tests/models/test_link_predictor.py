"""The link predictor as a module: dropping, folding in, and which nodes training reaches."""

import numpy as np
import pandas as pd
import pytest
import torch
from three_blocks import COLD, three_blocks

from kgrec.graph.build import GraphConfig, build_graph
from kgrec.graph.modalities import node_features
from kgrec.graph.propagation import Propagation
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.models.link_predictor import LinkPredictor, LinkPredictorConfig, trained_nodes
from kgrec.testing import log_from_pairs


def parts(encoder="lightgcn", **settings):
    graph = three_blocks().data.graph
    propagation = Propagation(graph, "mean" if encoder == "rgcn" else "symmetric")
    features = node_features(graph)
    config = LinkPredictorConfig(dim=6, encoder=encoder, **settings)
    dims = {kind: value.shape[1] for kind, value in features.items()}
    model = LinkPredictor(config, propagation, dims, torch.Generator().manual_seed(1))
    return model, propagation, features, trained_nodes(propagation, config.reach)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("encoder", ["lightgcn", "rgcn"])
def test_shapes(encoder):
    model, *inputs = parts(encoder)
    propagated = model(*inputs)
    assert propagated.user.shape == (32, 6)
    assert propagated.item.shape == (22, 6)
    assert [layer.shape for layer in propagated.item_layers] == [(22, 6)] * 3


@pytest.mark.parametrize("encoder", ["lightgcn", "rgcn"])
def test_nothing_is_dropped_without_a_generator(encoder):
    model, *inputs = parts(encoder)
    assert torch.equal(model(*inputs).item, model(*inputs).item)
    none = {"id_dropout": 0, "user_dropout": 0, "feature_dropout": 0}
    steady, *inputs = parts(encoder, **none)
    assert torch.equal(steady(*inputs).item, steady(*inputs, generator()).item)


def test_dropping_is_by_the_generator():
    model, *inputs = parts(id_dropout=0.5)
    assert torch.equal(model(*inputs, generator(3)).item, model(*inputs, generator(3)).item)
    assert not torch.equal(model(*inputs, generator(3)).item, model(*inputs, generator(4)).item)


@pytest.mark.parametrize("fusion", ["add", "concat", "gate"])
@pytest.mark.parametrize("encoder", ["lightgcn", "rgcn"])
def test_with_all_ids_dropped_an_item_is_what_a_new_item_is(encoder, fusion):
    """What training practises on dropped items is what happens to items nobody chose."""
    settings = {"fusion": fusion, "feature_dropout": 0, "user_dropout": 0}
    model, graph, features, trained = parts(encoder, id_dropout=1.0, **settings)
    dropped = model(graph, features, trained, generator())
    none = {kind: torch.zeros_like(keep) for kind, keep in trained.items()}
    none["user"], none["item_shelf"] = trained["user"], trained["item_shelf"]
    torch.testing.assert_close(dropped.item, model(graph, features, none).item)
    # Neither embedding nor users: only text and shelf, so the noise of the embedding is gone.
    with torch.no_grad():
        model.fusion["item"].embedding.add_(5.0)
    after = model(graph, features, trained, generator())
    torch.testing.assert_close(after.item, dropped.item)


@pytest.mark.parametrize("encoder", ["lightgcn", "rgcn"])
@pytest.mark.parametrize("fusion", ["none", "add", "concat", "gate"])
def test_embeddings_that_training_does_not_reach_count_for_nothing(encoder, fusion):
    model, graph, features, trained = parts(encoder, fusion=fusion)
    before = model(graph, features, trained)
    with torch.no_grad():
        model.fusion["item"].embedding[list(COLD)] += 100.0
    after = model(graph, features, trained)
    torch.testing.assert_close(after.item, before.item)
    torch.testing.assert_close(after.user, before.user)


@pytest.mark.parametrize("encoder", ["lightgcn", "rgcn", "none", "kgat", "kgin", "lightkg"])
def test_users_are_folded_in_one_by_one_as_together(encoder):
    model, graph, features, trained = parts(encoder)
    with torch.no_grad():
        layers = model(graph, features, trained)
        row, item = torch.tensor([0, 0, 2, 2, 2]), torch.tensor([1, 4, 9, 10, 20])
        together = model.fold_in(graph, layers, row, item, 3)
        first = model.fold_in(graph, layers, torch.tensor([0, 0]), torch.tensor([4, 1]), 1)
        nobody = model.fold_in(
            graph,
            layers,
            torch.tensor([], dtype=torch.int64),
            torch.tensor([], dtype=torch.int64),
            2,
        )
    assert together.shape == (3, model.width)
    torch.testing.assert_close(together[:1], first)
    assert torch.equal(together[1], nobody[0])
    assert not torch.allclose(together[0], together[2])


def test_which_nodes_training_reaches():
    """u0 chose i0, which has a director with a home town; i1 nobody chose; u1 chose nothing."""
    triples = [
        ("e:film0", "e:by", "e:mann"),
        ("e:mann", "e:born", "e:chicago"),
        ("e:chicago", "e:in", "e:illinois"),
        ("e:film1", "e:by", "e:mann"),
        ("e:film1", "e:by", "e:kubrick"),
        ("e:film2", "e:by", "e:nobody"),
    ]
    kg = KnowledgeGraph.from_triples(triples)
    log = log_from_pairs([(0, 0)], 2, 3)
    table = pd.DataFrame(
        {"item_id": ["i000", "i001", "i002"], "iri": ["e:film0", "e:film1", "e:film2"]}
    )
    graph = build_graph(log, kg, link(log.items, kg, table), config=GraphConfig(min_degree=1))
    propagation = Propagation(graph)

    def reached(num_layers):
        found = trained_nodes(propagation, num_layers)
        assert found["item"].squeeze(1).tolist() == [1, 0, 0]  # nobody chose the others
        assert found["user"].squeeze(1).tolist() == [1, 0]
        ids = np.array(graph["entity"].node_id)
        return {id.removeprefix("e:") for id in ids[found["entity"].squeeze(1).numpy() > 0]}

    assert reached(0) == set()
    assert reached(1) == {"mann"}
    assert reached(2) == {"mann", "chicago"}
    assert reached(3) == {"mann", "chicago", "illinois", "kubrick"}  # by way of film1
    assert "nobody" not in reached(9)


def test_heads_are_chosen_by_name():
    for name, kind in (("dot", "DotHead"), ("cosine", "CosineHead"), ("distmult", "DistMultHead")):
        assert type(parts(head=name)[0].head).__name__ == kind
    assert "head.relation" in parts(head="distmult")[0].state_dict()
