"""The contrast of LightKG against loops over pairs."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from three_blocks import three_blocks

from kgrec.graph.propagation import Propagation
from kgrec.models.encoders.base import Propagated
from kgrec.training.contrast import ApartContrastConfig, LayerContrastConfig, info_nce
from kgrec.training.link_prediction import LinkPredictionConfig
from kgrec.training.sampling import Batch


def propagated(graph, layers=3):
    draw = torch.Generator().manual_seed(0)
    user = [torch.randn(graph.sizes["user"], 4, generator=draw) for _ in range(layers)]
    item = [torch.randn(graph.sizes["item"], 4, generator=draw) for _ in range(layers)]
    return Propagated(sum(user), sum(item), user, item, {})


def shared(graph):
    """Return S and d d' of all users and items, from one dense matrix."""
    homogeneous = graph.homogeneous
    whole = np.zeros((homogeneous.num_nodes, homogeneous.num_nodes))
    for s, t in zip(homogeneous.source.tolist(), homogeneous.target.tolist(), strict=True):
        whole[t, s] += 1
    degree = (whole > 0).sum(1)
    d = np.where(degree > 0, np.maximum(degree, 1) ** -0.5, 0)
    first, second = homogeneous.start("user"), homogeneous.start("item")
    counted = [*range(first, first + 32), *range(second, second + 22)]
    part = whole[np.ix_(counted, counted)]
    scale = np.outer(d[counted], d[counted])
    return (part @ part + part) * scale, scale


def test_apart():
    graph = Propagation(three_blocks().data.graph)
    vectors = propagated(graph)
    config = ApartContrastConfig(user_weight=0.3, item_weight=0.7, temperature=0.6)
    batch = Batch(torch.tensor([3, 3, 20]), torch.arange(3), torch.tensor([1, 2, 11]))
    negative = torch.tensor([[12, 16], [18, 12], [0, 5]])
    overlap, scale = shared(graph)

    def mean(x, one, other, offset):
        total = 0.0
        for i in one:
            for j in other:
                cosine = float(x[i] @ x[j] / (x[i].norm() * x[j].norm()))
                a, b = i + offset, j + offset
                total += (1 - scale[a, b]) * math.exp(cosine * (1 - overlap[a, b]) / 0.6)
        return total / (len(one) * len(other))

    users = mean(vectors.user_layers[0], [3, 3, 20], [3, 3, 20], 0)
    items = mean(vectors.item_layers[0], [1, 2, 11], [12, 16, 18, 12, 0, 5], 32)
    found = config.build(graph)(vectors, batch, negative)
    assert float(found) == pytest.approx(0.3 * users + 0.7 * items, rel=1e-5)


def test_layer():
    graph = Propagation(three_blocks().data.graph)
    vectors = propagated(graph)
    config = LayerContrastConfig(user_weight=0.3, item_weight=0.7, layer=1)
    batch = Batch(torch.tensor([3, 3, 20]), torch.arange(3), torch.tensor([1, 2, 11]))
    found = config.build(graph)(vectors, batch, None)
    users, items = torch.tensor([3, 20]), torch.tensor([1, 2, 11])
    expected = 0.3 * info_nce(
        vectors.user[users], vectors.user_layers[1][users], temperature=0.2
    ) + 0.7 * info_nce(vectors.item[items], vectors.item_layers[1][items], temperature=0.2)
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
    ("model", "layer", "last"),
    [
        ({"encoder": {"num_layers": 2}}, 3, 2),
        ({"encoder": "none"}, 1, 0),
        ({"encoder": {"num_layers": 1}, "head": "relation_attention"}, 2, 1),
    ],
)
def test_a_layer_that_there_is_not(model, layer, last):
    with pytest.raises(ValidationError, match=f"from 0 .its input. to {last}, found {layer}"):
        LinkPredictionConfig(predictor=model, training={"contrast": {"layer": layer}})
    LinkPredictionConfig(predictor=model, training={"contrast": {"layer": last}})
    LinkPredictionConfig(predictor=model, training={"contrast": "apart"})


def test_a_result_that_is_wider_than_its_layers():
    with pytest.raises(ValidationError, match="'kgat' is all layers concatenated"):
        LinkPredictionConfig(predictor={"encoder": "kgat"}, training={"contrast": {}})
    LinkPredictionConfig(predictor={"encoder": "kgat"}, training={"contrast": "apart"})
