"""Negatives: never a positive, and drawn as often as their mode says."""

import numpy as np
import pytest
import torch
from three_blocks import three_blocks

from kgrec.graph.build import build_graph
from kgrec.graph.propagation import Propagation
from kgrec.settings import kinds_of
from kgrec.testing import log_from_pairs
from kgrec.training.negatives import NegativesConfig
from kgrec.training.sampling import Batch, Sampler

KINDS = kinds_of(NegativesConfig)


def made(mode, seed=0):
    case = three_blocks()
    sampler = Sampler(case.data.train, torch.Generator().manual_seed(seed))
    return case, sampler, KINDS[mode]().build(sampler, Propagation(case.data.graph))


@pytest.mark.parametrize("mode", KINDS)
def test_no_negative_is_a_positive_of_its_user(mode):
    case, sampler, negatives = made(mode)
    train = case.data.train.matrix().toarray()
    for batch in sampler.pair_batches(40):
        items = negatives.of_pairs(batch, 3)
        assert items.shape == (len(batch.row), 3)
        users = batch.users[batch.row]
        assert not train[users.numpy()[:, None], items.numpy()].any()
        assert set(items.flatten().tolist()) <= set(sampler.known.tolist())


@pytest.mark.parametrize("mode", KINDS)
def test_a_seed_gives_the_same_draws(mode):
    draws = []
    for seed in (0, 0, 1):
        _, sampler, negatives = made(mode, seed)
        batch = next(sampler.pair_batches(50))
        draws.append(negatives.of_pairs(batch, 2))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def lonely_user():
    """Items 0 … 5 with 1, 2, 4, 8, 16 and 32 users, and one user who chose item 6 alone."""
    pairs = [(u, i) for i in range(6) for u in range(2**i)] + [(40, 6)]
    return log_from_pairs(pairs, 41, 7)


@pytest.mark.parametrize("power", [0.0, 0.75, 1.0])
def test_popular_items_are_drawn_by_their_number_of_users(power):
    log = lonely_user()
    sampler = Sampler(log, torch.Generator().manual_seed(0))
    negatives = KINDS["popularity"](power=power).build(sampler, Propagation(build_graph(log)))
    batch = Batch(torch.tensor([40]), torch.tensor([0]), torch.tensor([6]))
    items = negatives.of_pairs(batch, 60_000).flatten()
    expected = np.array([2.0**i for i in range(6)]) ** power
    found = torch.bincount(items, minlength=7).numpy()
    np.testing.assert_allclose(found[:6] / 60_000, expected / expected.sum(), atol=0.01)
    assert found[6] == 0
    shared, log_chance = negatives.draw_shared(batch, 50_000)
    chance = np.array([*(2.0**i for i in range(6)), 1.0]) ** power
    np.testing.assert_allclose(
        torch.exp(log_chance).numpy(), (chance / chance.sum())[shared.numpy()], rtol=1e-5
    )


def test_in_batch_negatives_are_of_the_batch():
    case, sampler, negatives = made("in_batch")
    batch = next(sampler.pair_batches(30))
    assert set(negatives.of_pairs(batch, 2).flatten().tolist()) <= set(batch.item.tolist())
    found = negatives.shared(batch, 3)
    assert found.shared.tolist() == sorted(set(batch.item.tolist()))
    assert found.log_chance.shape == found.shared.shape
    train = case.data.train.matrix().toarray()
    wanted = train[batch.users.numpy()][:, found.shared.numpy()] > 0
    np.testing.assert_array_equal(found.is_positive.numpy(), wanted)


def test_graph_negatives_share_a_node_with_the_positive():
    """On the planted shelves an item's neighbors are its own block: which a user of another
    block did not choose."""
    case, _, negatives = made("graph")
    user = int(np.flatnonzero(case.block_of_user == 2)[0])
    positives = torch.arange(8).repeat_interleave(50)  # of block 0, as if that user chose them
    batch = Batch(torch.tensor([user]), torch.zeros(400, dtype=torch.int64), positives)
    items = negatives.of_pairs(batch, 1).squeeze(1)
    blocks = case.block_of_item[items.numpy()]
    assert (blocks == 0).mean() > 0.85  # now and then a walk ends where it began
    assert blocks.tolist() != [0] * 400


def test_without_a_graph_to_walk_on_they_are_uniform():
    log = lonely_user()
    sampler = Sampler(log, torch.Generator().manual_seed(0))
    negatives = KINDS["graph"]().build(sampler, Propagation(build_graph(log)))
    batch = Batch(torch.tensor([40]), torch.tensor([0]), torch.tensor([6]))
    found = torch.bincount(negatives.of_pairs(batch, 12_000).flatten(), minlength=7)
    np.testing.assert_allclose(found[:6].numpy() / 12_000, 1 / 6, atol=0.02)


@pytest.mark.parametrize("mode", KINDS)
def test_who_chose_everything_ends_the_search(mode):
    log = log_from_pairs([(0, i) for i in range(4)] + [(1, 0)], 2, 4)
    sampler = Sampler(log, torch.Generator().manual_seed(0))
    negatives = KINDS[mode]().build(sampler, Propagation(build_graph(log)))
    batch = Batch(torch.tensor([0]), torch.zeros(2, dtype=torch.int64), torch.tensor([1, 2]))
    assert negatives.of_pairs(batch, 2).shape == (2, 2)


def test_an_epoch_of_pairs_has_every_interaction_once():
    case, sampler, _ = made("uniform")
    seen = []
    for batch in sampler.pair_batches(17):
        assert len(batch.row) <= 17
        seen += zip(batch.users[batch.row].tolist(), batch.item.tolist(), strict=True)
    train = case.data.train
    assert sorted(seen) == sorted(zip(train.user.tolist(), train.item.tolist(), strict=True))
