"""The graphs, the limits and the picture of experiments/bench_models.py."""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

EXPERIMENTS = str(Path(__file__).parents[2] / "experiments")


@pytest.fixture(scope="module")
def modules():
    sys.path.insert(0, EXPERIMENTS)
    try:
        import bench_models
        import growth_picture
        import synthetic_graph

        yield bench_models, growth_picture, synthetic_graph
    finally:
        sys.path.remove(EXPERIMENTS)


def test_synthetic_graphs_have_the_edges_asked_for_and_popular_nodes(modules):
    data = modules[2].synthetic(4_000, seed=3)
    graph = data.graph
    forward = [kind for kind in graph.edge_types if not kind[1].startswith("rev_")]
    assert len(data.train) == 2_000
    assert sum(graph[kind].num_edges for kind in forward) == 4_000
    assert len(forward) == 11
    for kind in forward:
        edges = graph[kind].edge_index
        assert len(torch.unique(edges, dim=1)[0]) == edges.shape[1]
        back = graph[kind[2], f"rev_{kind[1]}", kind[0]].edge_index
        assert torch.equal(back, edges.flip(0))
    degree = np.sort(np.bincount(data.train.item, minlength=80))[::-1]
    assert degree[:8].sum() > degree[-40:].sum()  # a tenth has more than half of the others
    assert torch.equal(modules[2].synthetic(4_000, seed=3).graph[forward[2]].edge_index,
                       graph[forward[2]].edge_index)  # fmt: skip


def test_what_is_measured(modules):
    bench, _, synthetic_graph = modules
    assert ("bpr_mf", False) in bench.cases([])
    assert ("bpr_mf", True) not in bench.cases([])  # it passes no messages
    assert bench.settings("own", sampled=True).training.loss.name == "sampled_softmax"
    assert bench.settings("kgcn", sampled=True).training.num_neighbors == (10,)
    data = synthetic_graph.synthetic(400)
    options = argparse.Namespace(seconds=0.0, limit=60.0, gib=64.0)
    for case in (("lightgcn", False), ("lightgcn", True)):
        found = bench.in_a_process(case, data, 7, data, options)
        assert found["data_bytes"] == 7
        assert found["steps_per_epoch"] == 1
        assert found["steps_measured"] == 1
        assert found["num_parameters"] == (20 + 20) * 64
        assert 0 < found["seconds_per_step"] <= found["seconds_per_epoch"]


def test_what_takes_too_long_or_too_much_is_ended(modules):
    bench, _, synthetic_graph = modules
    data = synthetic_graph.synthetic(400)
    slow = argparse.Namespace(seconds=1e9, limit=0.0, gib=64.0)
    assert bench.in_a_process(("lightgcn", False), data, 0, data, slow)["over"] == "seconds"
    large = argparse.Namespace(seconds=1e9, limit=60.0, gib=1e-6)
    assert bench.in_a_process(("lightgcn", False), data, 0, data, large)["over"] == "memory"


@pytest.mark.parametrize(
    "heights", [[], [0.5], [0.1, 0.11, 0.12], [0.0, 0.0, 0.5, 0.51, 0.9], [0.3] * 12]
)
def test_names_keep_apart_and_in_order(modules, heights):
    picture = modules[1]
    made = picture.apart(heights)
    assert len(made) == len(heights)
    assert all(high - low > picture.GAP - 1e-9 for low, high in pairwise(made))
    assert min(made, default=0) >= -1e-9
    if len(heights) == 1:
        assert made == heights


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_picture_names_every_model_and_what_went_over(modules, tmp_path, ending):
    one = {"seconds_per_epoch": 0.5, "peak_bytes": 2.0**20}
    result = {
        "models": {
            "own": {"100": one, "1000": {**one, "seconds_per_epoch": 2.0}},
            "kgat": {"100": one, "1000": {"over": "seconds"}},
            "kgat sampled": {"100": one, "1000": {"over": "memory"}},
        },
        "num_neighbors": [10, 5],
        "limits": {"seconds": 25.0, "gib": 6.0},
    }
    path = tmp_path / f"growth.{ending}"
    modules[1].draw(result, path)
    assert path.stat().st_size > 10_000
    if ending == "svg":
        text = path.read_text()
        for words in ("kgrec", "KGAT (then > 25 s)", "KGAT (then > 6 GiB)"):
            assert f"<!-- {words} -->" in text.replace("&gt;", ">")
        assert "<!-- CKE" not in text
