"""Training on another device than the CPU: one that is not there, but is as strict as a GPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from elsewhere import elsewhere
from three_blocks import COLD, three_blocks

from kgrec.errors import ConfigError, RunError
from kgrec.graph.propagation import Propagation
from kgrec.models.training_data import TrainingData
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

TRANSR = {"scoring": "transr", "interactions": True, "inverses": True, "batch_triples": 20}
PAIRS = {"loss": "bpr", "batch_pairs": 40, "ego_l2": 0.1}
# A sparse gradient has no storage that could be looked at.
NEAREST = {"num_neighbors": [3, 2], "sparse_gradients": False}
NO_DROPOUT = {"id_dropout": 0, "user_dropout": 0}
POWER = {"name": "softmax", "rating_power": 0.5}
NINE = {"name": "sampled_softmax", "num_negatives": 9}
APART = {**PAIRS, "contrast": "apart"}
# Each encoder, head, loss, way to draw, contrast, fusion and scoring stands here once at least.
CASES = {
    "lightgcn": ({}, {"loss": POWER}),
    "interactions alone": ({"encoder": {"relation_weight": 0.0}, **NO_DROPOUT}, PAIRS),
    "xsimgcl": ({"encoder": "xsimgcl", "fusion": "concat"}, {"contrast": "layer"}),
    "rgcn": (
        {"encoder": "rgcn", "head": "translation", "knowledge": {"scoring": "rotate"}},
        {"loss": "bsl", "negatives": "graph"},
    ),
    "kgat": ({"encoder": "kgat", "head": "dot", "knowledge": TRANSR}, PAIRS),
    "kgat transe": ({"encoder": "kgat", "knowledge": {"batch_triples": 9999}}, PAIRS),
    "kgin": ({"encoder": "kgin", "head": "distmult"}, {"loss": NINE, "negatives": "popularity"}),
    "cke": ({"encoder": "cke", "head": "relation_attention", "knowledge": TRANSR}, PAIRS),
    "lightkg": ({"encoder": "lightkg", "fusion": "none"}, APART),
    "none": ({"encoder": "none", "head": "relation_attention"}, {"loss": "cross_entropy"}),
    "none dot": ({"encoder": "none", "head": "dot"}, {}),
    "none all": ({"encoder": "none", "head": "relation_attention"}, {}),
    "drawn": (
        {"encoder": "rgcn"},
        {"loss": "sampled_softmax", "negatives": "in_batch", **NEAREST},
    ),
    "drawn uniform": ({}, {"loss": NINE, **NEAREST}),
    "drawn kgin": ({"encoder": "kgin", "fusion": "gate"}, {"loss": "bpr", **NEAREST}),
    "drawn kgat": ({"encoder": "kgat", "knowledge": TRANSR}, {"loss": "bpr", **NEAREST}),
    "drawn lightkg": ({"encoder": "lightkg"}, {**APART, **NEAREST}),
    "drawn attention": ({"encoder": {"num_layers": 1}, "head": "relation_attention"},
                        {"loss": "bpr", **NEAREST}),
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    case = three_blocks()
    ratings = np.random.default_rng(0).integers(1, 6, len(case.data.train))
    return TrainingData(
        replace(case.data.train, rating=ratings.astype(np.float32)),
        valid=case.held_out,
        graph=case.data.graph,
        attributes=case.data.attributes,
    )


def config(case, device="cpu", **training):
    predictor, settings = CASES[case]
    few = {"max_epochs": 4, "eval_every": 2, "batch_users": 12}
    training = {**few, **settings, **training, "device": device}
    return LinkPredictionConfig(predictor={"dim": 6, **predictor}, training=training)


def results(model, data):
    histories = data.train.matrix()[:5].tolil()
    histories[:, COLD[0]] = 1
    return [
        model.score(np.arange(data.train.num_users)),
        model.score_histories(histories.tocsr()),
        *model.state().values(),
    ]


def assert_same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", CASES)
def test_no_tensor_is_left_on_the_cpu_and_figures_are_as_there(data, case):
    wanted = results(LinkPrediction(config(case)).fit(data), data)
    with elsewhere() as is_there:
        model = LinkPrediction(config(case, "cuda")).fit(data)
        assert all(map(is_there, model.predictor.state_dict().values()))
        assert_same(results(model, data), wanted)
        assert not is_there(data.graph["item"].text)


def test_a_training_goes_on_where_it_was_and_nowhere_else(data, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    with elsewhere():
        wanted = results(LinkPrediction(config("kgat", "cuda")).fit(data), data)
        LinkPrediction(config("kgat", "cuda", max_epochs=2), checkpoint=path).fit(data)
        again = LinkPrediction(config("kgat", "cuda"), checkpoint=path, resume=True)
        assert_same(results(again.fit(data), data), wanted)
    with pytest.raises(RunError, match="trained with device='cuda' and cannot continue with 'cpu'"):
        LinkPrediction(config("kgat"), checkpoint=path, resume=True).fit(data)


def test_what_was_trained_elsewhere_is_loaded_on_the_cpu(data):
    with elsewhere():
        model = LinkPrediction(config("cke", "cuda")).fit(data)
        wanted, state = results(model, data), model.state()
    loaded = LinkPrediction(config("cke", "cuda")).load_state(state, data)
    assert_same(results(loaded, data), wanted)


def test_auto_is_the_cpu_where_there_is_no_gpu(data):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    wanted = results(LinkPrediction(config("lightgcn")).fit(data), data)
    assert_same(results(LinkPrediction(config("lightgcn", "auto")).fit(data), data), wanted)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_says_so(data, device):
    with pytest.raises(ConfigError, match=f"device: '{device}' cannot be used"):
        LinkPrediction(config("lightgcn", device)).fit(data)


def test_the_stand_in_refuses_what_a_gpu_refuses(data):
    with elsewhere() as is_there:
        graph = Propagation(data.graph, device="cuda")
        operator = graph.operators["item", "rev_interacts", "user"]
        assert (graph.device.type, is_there(graph.homogeneous.source)) == ("cuda", True)
        with pytest.raises(RuntimeError, match="mixes tensors of two devices"):
            operator(torch.ones(operator.num_sources, 2))
        with pytest.raises(RuntimeError, match="mixes tensors of two devices"):
            graph.item_degree + torch.ones(graph.sizes["item"])
        with pytest.raises(TypeError, match="numpy"):
            graph.item_degree.numpy()
        generator = torch.Generator("cuda")
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, generator=generator)
        x = torch.ones(3, 2, device="cuda", requires_grad=True)
        (x * torch.rand(3, 2, generator=generator, device="cuda")).sum().backward()
        assert is_there(x.grad)
        assert not is_there(x.grad.cpu())
