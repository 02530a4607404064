"""Encoders on a drawn part of the graph: equal without a limit, and else in expectation."""

import numpy as np
import pytest
import torch
from parts_by_name import ENCODERS, HEADS, encoder
from torch_geometric.data import HeteroData

from kgrec.graph.propagation import Propagation
from kgrec.graph.sampled import Parts
from kgrec.models.link_predictor import LinkPredictor, LinkPredictorConfig, trained_nodes

SIZES = {"user": 17, "item": 13, "entity": 11, "shelf": 3, "alone": 2}
EDGES = {
    ("user", "interacts", "item"): 60,
    ("item", "made_by", "entity"): 20,
    ("item", "near", "item"): 9,
    ("entity", "made_by", "entity"): 7,
    ("item", "shelf", "shelf"): 11,
    ("user", "nothing", "entity"): 0,
}
SEEDS = {"user": torch.tensor([4, 0, 9]), "item": torch.tensor([12, 1, 7, 3])}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    made = HeteroData()
    for kind, size in SIZES.items():
        made[kind].num_nodes = size
    for (source, name, target), num in EDGES.items():
        # The last item has no user, and some nodes have no edge at all.
        sources, targets = SIZES[source], SIZES[target] - (name == "interacts")
        pairs = np.unique(rng.integers(sources * targets, size=num))
        edges = torch.from_numpy(np.stack([pairs // targets, pairs % targets]))
        made[source, name, target].edge_index = edges
        made[target, f"rev_{name}", source].edge_index = edges.flip(0)
    return made


def predictor_of(data, num_layers=2, **model):
    name, own = model.pop("encoder"), model.pop("own", {})
    parts = encoder(name, num_layers=num_layers, num_bases=2, **own)
    config = LinkPredictorConfig(dim=6, init_scale=0.5, encoder=parts, **model)
    graph = Propagation(
        data, config.encoder.normalisation, interactions_only=not config.reads_knowledge
    )
    draw = torch.Generator().manual_seed(2)
    features = {
        kind: torch.randn(SIZES[kind], 4, generator=draw)
        for kind in ("item", "entity")
        if kind in graph.sizes
    }
    widths = dict.fromkeys(features, 4)
    predictor = LinkPredictor(config, graph, widths, torch.Generator().manual_seed(0))
    trained = trained_nodes(graph, config.reach)
    predictor.refresh(graph, features, trained)
    return predictor, graph, features, trained


def scores(predictor, graph, features, trained, users, items):
    propagated = predictor(graph, features, trained)
    user = predictor.head.user(propagated.user[users])
    pairs = items.expand(len(users), -1)
    return propagated, predictor.head.pair_scores(user, propagated, pairs)


def gradients(predictor, value):
    predictor.zero_grad()
    weights = torch.linspace(-1, 2, value.numel()).reshape(value.shape)
    (value * weights).sum().backward()
    return {name: p.grad.clone() for name, p in predictor.named_parameters() if p.grad is not None}


KNOWLEDGE = {"scoring": "transr"}
MODELS = [
    *({"encoder": name} for name in ENCODERS),
    *({"encoder": "rgcn", "head": name} for name in HEADS),
    *({"encoder": name, "own": {"relation_weight": 0.0}} for name in ("lightgcn", "xsimgcl")),
    {"encoder": "kgat", "knowledge": KNOWLEDGE},
    {"encoder": "none", "head": "relation_attention"},
    {"encoder": "cke", "head": "relation_attention", "knowledge": KNOWLEDGE},
    {"encoder": "lightgcn", "fusion": "gate"},
]  # fmt: skip


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: "-".join(map(str, model.values())))
def test_without_a_limit_the_seeds_are_as_in_the_whole_graph(data, model, num_layers):
    predictor, graph, features, trained = predictor_of(data, num_layers, **model)
    reach = predictor.config.reach
    generator = torch.Generator().manual_seed(0)
    part = Parts(graph, [-1] * reach).around(SEEDS, generator)
    whole, wanted = scores(predictor, graph, features, trained, *SEEDS.values())
    of_whole = gradients(predictor, wanted)
    local = torch.arange(3), torch.arange(4)
    drawn, found = scores(predictor, part, features, trained, *local)
    torch.testing.assert_close(found, wanted)
    for kind, rows in SEEDS.items():
        places = slice(len(rows))
        torch.testing.assert_close(getattr(drawn, kind)[places], getattr(whole, kind)[rows])
        for layer, expected in zip(
            getattr(drawn, f"{kind}_layers"), getattr(whole, f"{kind}_layers"), strict=True
        ):
            torch.testing.assert_close(layer[places], expected[rows])
    if reach > predictor.encoder.num_layers:  # the head reads the items' neighbors too
        assert len(drawn.nodes["entity"]) > 0
    elif reach > 1:  # what is no seed is left where its vectors are no longer right
        assert {kind: len(getattr(drawn, kind)) for kind in SEEDS} == {"user": 3, "item": 4}
        assert part.sizes["user"] > 3
    of_part = gradients(predictor, found)
    assert of_part.keys() == of_whole.keys()
    for name, gradient in of_part.items():
        torch.testing.assert_close(gradient, of_whole[name], atol=1e-5, rtol=1e-4)
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(0).get_state())


def test_a_hop_too_few_is_seen(data):
    """Were the parts always the whole graph, the equality above would say nothing."""
    predictor, graph, features, trained = predictor_of(data, 2, encoder="lightgcn")
    part = Parts(graph, [-1]).around(SEEDS, torch.Generator())
    assert part.sizes["user"] < 17
    _, wanted = scores(predictor, graph, features, trained, *SEEDS.values())
    _, found = scores(predictor, part, features, trained, torch.arange(3), torch.arange(4))
    assert (found - wanted).abs().max() > 1e-3


@pytest.mark.parametrize("normalisation", ["symmetric", "mean"])
def test_messages_of_a_drawn_part_are_those_of_the_whole_in_expectation(data, normalisation):
    graph = Propagation(data, normalisation)
    parts, generator = Parts(graph, [2]), torch.Generator().manual_seed(0)
    draw = torch.Generator().manual_seed(1)
    x = {kind: torch.randn(size, 3, generator=draw) for kind, size in SIZES.items()}
    tries = 200
    kinds = [kind for kind, _ in graph.items() if kind[2] == "item"]
    assert any(bool((torch.diff(graph.operators[kind].by_target[1]) > 2).any()) for kind in kinds)
    values = {kind: torch.zeros(tries, 4, 3) for kind in kinds}
    homogeneous = torch.zeros(tries, 4, 3)
    weight = torch.rand(len(graph.homogeneous.source), generator=draw)
    for row in range(tries):
        part = parts.around(SEEDS, generator)
        local = part.take(x)
        for kind in kinds:
            values[kind][row] = part.operators[kind](local[kind[0]])[:4]
        made = part.homogeneous.operator(
            part.homogeneous.join(local), part.homogeneous.of_edges(weight)
        )
        homogeneous[row] = part.homogeneous.split(made)["item"][:4]
    whole = graph.homogeneous.split(graph.homogeneous.operator(graph.homogeneous.join(x), weight))
    pairs = [(values[kind], graph.operators[kind](x[kind[0]])) for kind in kinds]
    for found, expected in [*pairs, (homogeneous, whole["item"])]:
        error = (found.mean(0) - expected[SEEDS["item"]]).abs()
        assert (error < 5 * found.std(0) / tries**0.5 + 1e-5).all()
    assert homogeneous.std(0).max() > 0.1


def test_rows_of_the_joint_graph(data):
    graph = Propagation(data)
    part = Parts(graph, [2, 1]).around(SEEDS, torch.Generator().manual_seed(0))
    whole, drawn = graph.homogeneous, part.homogeneous
    rows = torch.cat([part.node[kind] + whole.start(kind) for kind in whole.sizes])
    assert len(drawn.edge) > 10
    for ends in ("source", "target"):
        assert torch.equal(rows[getattr(drawn, ends)], getattr(whole, ends)[drawn.edge])
    assert torch.equal(drawn.relation, whole.relation[drawn.edge])
    kept = drawn.knowledge
    assert torch.equal(kept.relation, whole.relation[kept.edge])
    assert len(kept.weight) == len(kept.edge) < len(drawn.edge)


def test_attention_counts_edges_that_were_not_drawn():
    """An item with 1 edge by one relation and 9 by the other, of which 3 are drawn."""
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes, data["entity"].num_nodes = 1, 1, 10
    data["user", "interacts", "item"].edge_index = torch.zeros(2, 1, dtype=torch.int64)
    data["item", "rev_interacts", "user"].edge_index = torch.zeros(2, 1, dtype=torch.int64)
    ends = torch.stack([torch.arange(10), torch.zeros(10, dtype=torch.int64)])
    data["entity", "one", "item"].edge_index = ends[:, :1]
    data["entity", "many", "item"].edge_index = ends[:, 1:]
    for name, head in (("none", "relation_attention"), ("kgin", "dot")):
        config = LinkPredictorConfig(encoder=encoder(name, num_layers=1), head=head, dim=4)
        graph = Propagation(data, "mean")
        predictor = LinkPredictor(config, graph, {}, torch.Generator().manual_seed(0))
        with torch.no_grad():  # all that a relation leads to is alike: no draw can matter
            predictor.fusion["entity"].embedding[1:] = 0.7
        trained = {kind: torch.ones(size, 1) for kind, size in graph.sizes.items()}
        first = torch.zeros(1, dtype=torch.int64)
        _, wanted = scores(predictor, graph, {}, trained, first, first)
        part = Parts(graph, [3]).around({"user": first, "item": first}, torch.Generator())
        assert part.sizes["entity"] == 4
        _, found = scores(predictor, part, {}, trained, first, first)
        torch.testing.assert_close(found, wanted)
