"""Behind PyG's loaders: what batches hold, seeds, negatives, and mistakes."""

import pytest
import torch
from three_blocks import three_blocks
from torch_geometric.data import HeteroData
from torch_geometric.loader import LinkLoader, NodeLoader
from torch_geometric.sampler import NegativeSampling

from kgrec.errors import ConfigError, UnknownIdError
from kgrec.graph.neighbor_sampler import NeighborSampler, without_lists

LIKES = ("user", "interacts", "item")


@pytest.fixture(scope="module")
def graph():
    return three_blocks().data.graph


@pytest.fixture(scope="module")
def loadable(graph):
    return without_lists(graph)


def edges_of(graph, batch):
    """Return all (edge type, source, destination) of a batch, in rows of the whole graph."""
    found = []
    for kind in batch.edge_types:
        ends = batch[kind].edge_index
        source, target = batch[kind[0]].n_id[ends[0]], batch[kind[2]].n_id[ends[1]]
        assert torch.equal(
            graph[kind].edge_index[:, batch[kind].e_id], torch.stack([source, target])
        )
        found += [(kind, s, t) for s, t in zip(source.tolist(), target.tolist(), strict=True)]
    return found


def test_lists_are_left_out_of_a_copy(graph, loadable):
    assert "node_id" in graph["item"]
    assert "node_id" not in loadable["item"]
    assert loadable["item"].text is graph["item"].text
    assert loadable["item"].num_nodes == 22


def test_a_node_loader_cuts_features_and_edges(graph, loadable):
    sampler = NeighborSampler(graph, [3, 2])
    seen = []
    for batch in NodeLoader(loadable, sampler, "user", batch_size=5):
        assert torch.equal(batch["item"].text, graph["item"].text[batch["item"].n_id])
        assert torch.equal(batch["user"].n_id[: batch["user"].batch_size], batch["user"].input_id)
        found = edges_of(graph, batch)
        assert len(set(found)) == len(found)
        assert sum(batch["item", "rev_interacts", "user"].num_sampled_edges) > 0
        seen += batch["user"].input_id.tolist()
    assert seen == list(range(32))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_seed_gives_the_same_batches(graph, loadable, workers):
    def batches(seed, of_loader=0):
        sampler = NeighborSampler(graph, [3, 2], seed=seed)
        loader = NodeLoader(
            loadable, sampler, "user", batch_size=8, shuffle=True, num_workers=workers,
            generator=torch.Generator().manual_seed(of_loader),
        )  # fmt: skip
        return [[edges_of(graph, batch) for batch in loader] for _ in range(2)]

    first = batches(1)
    torch.rand(7)
    assert batches(1) == first
    assert batches(2) != first
    assert first[0] != first[1]  # another epoch, other draws


def test_worker_processes_draw_differently(graph, loadable):
    sampler = NeighborSampler(graph, [2])
    twice = (("user"), torch.tensor([4, 4]))
    loader = NodeLoader(loadable, sampler, twice, batch_size=1, num_workers=2)
    pairs = [[edges_of(graph, batch) for batch in loader] for _ in range(6)]
    assert any(one != other for one, other in pairs)


@pytest.mark.parametrize("amount", [1, 2.5])
def test_binary_negatives_follow_the_positives(graph, loadable, amount):
    sampler = NeighborSampler(graph, [2])
    positives = graph[LIKES].edge_index[:, :11]
    loader = LinkLoader(
        loadable, sampler, (LIKES, positives), neg_sampling=NegativeSampling("binary", amount),
        batch_size=11,
    )  # fmt: skip
    (batch,) = loader
    num = 11 + -(-11 * amount // 1)
    assert batch[LIKES].edge_label.tolist() == [1.0] * 11 + [0.0] * int(num - 11)
    rows, columns = batch[LIKES].edge_label_index
    ends = torch.stack([batch["user"].n_id[rows], batch["item"].n_id[columns]])
    assert torch.equal(ends[:, :11], positives)
    edges_of(graph, batch)


def test_triplets_draw_destinations_by_weight(graph, loadable):
    sampler = NeighborSampler(graph, [2])
    positives = graph[LIKES].edge_index[:, :50]
    weight = torch.zeros(22)
    weight[[3, 20]] = torch.tensor([1.0, 3.0])
    negatives = NegativeSampling("triplet", 2, dst_weight=weight)
    loader = LinkLoader(
        loadable, sampler, (LIKES, positives), neg_sampling=negatives, batch_size=50
    )
    (batch,) = loader
    item = batch["item"].n_id
    assert torch.equal(batch["user"].n_id[batch["user"].src_index], positives[0])
    assert torch.equal(item[batch["item"].dst_pos_index], positives[1])
    drawn = item[batch["item"].dst_neg_index]
    assert drawn.shape == (50, 2)
    assert 0 < (drawn == 3).sum() < (drawn == 20).sum()
    assert ((drawn == 3) | (drawn == 20)).all()


def test_links_within_one_type_share_its_nodes():
    data = HeteroData()
    data["e"].num_nodes = 6
    data["e", "r", "e"].edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 3]])
    seeds = torch.tensor([[1, 3], [3, 1]])
    loader = LinkLoader(data, NeighborSampler(data, [-1]), (("e", "r", "e"), seeds), batch_size=2)
    (batch,) = loader
    assert torch.equal(batch["e"].n_id[batch["e", "r", "e"].edge_label_index], seeds)
    assert sorted(batch["e"].n_id.tolist()) == [0, 1, 2, 3]
    assert sorted(batch["e", "r", "e"].e_id.tolist()) == [0, 2, 3]


def test_edge_types_that_are_not_named_are_not_followed(graph, loadable):
    sampler = NeighborSampler(graph, {("item", "rev_interacts", "user"): [1, 1]})
    for batch in NodeLoader(loadable, sampler, "user", batch_size=32):
        assert {kind for kind, _, _ in edges_of(graph, batch)} == {
            ("item", "rev_interacts", "user")
        }
        assert batch["item", "rev_interacts", "user"].num_sampled_edges == [32, 0]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([-2], "whole numbers from 0 on, or -1"),
        ([1.5], "whole numbers"),
        ([True], "whole numbers"),
        ({("user", "interact\x1b", "item"): [2]}, r"interact\\x1b.*does not have"),
        (
            {LIKES: [2], ("item", "rev_interacts", "user"): [2, 2]},
            r"one for each hop; found \[1, 2\]",
        ),
    ],
)
def test_wrong_numbers(graph, numbers, message):
    with pytest.raises(ConfigError, match=message):
        NeighborSampler(graph, numbers)


def test_wrong_seeds(graph, loadable):
    sampler = NeighborSampler(graph, [2])
    for seeds, error, message in (
        ([3, 32], UnknownIdError, "row 32; rows go from 0 to 31"),
        ([-1], UnknownIdError, "row -1"),
        ([2, 2], ConfigError, "same seed twice"),
    ):
        loader = NodeLoader(loadable, sampler, ("user", torch.tensor(seeds)), batch_size=9)
        with pytest.raises(error, match=message):
            next(iter(loader))
    timed = NodeLoader(loadable, sampler, "user", input_time=torch.arange(32), batch_size=9)
    with pytest.raises(ConfigError, match="timestamps"):
        next(iter(timed))
    weights = NegativeSampling("triplet", 1, dst_weight=torch.ones(3))
    loader = LinkLoader(loadable, sampler, (LIKES, None), neg_sampling=weights)
    with pytest.raises(ConfigError, match="3 weights, but there are 22 nodes"):
        next(iter(loader))
