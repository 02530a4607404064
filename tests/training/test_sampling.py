"""Batches and negatives: everyone once, and never a positive taken for a negative."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.testing import log_from_pairs
from kgrec.training.sampling import Sampler

NUM_USERS, NUM_ITEMS = 11, 7
pairs = st.lists(
    st.tuples(st.integers(0, NUM_USERS - 1), st.integers(0, NUM_ITEMS - 1)), min_size=1, max_size=50
)


def sampler(log, seed=0):
    return Sampler(log, torch.Generator().manual_seed(seed))


@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(1, 5), st.integers(0, 9))
def test_an_epoch_has_every_user_once_with_all_positives(chosen, batch_users, seed):
    log = log_from_pairs(chosen, NUM_USERS, NUM_ITEMS)
    seen, users = [], []
    for batch in sampler(log, seed).batches(batch_users):
        assert 1 <= len(batch.users) <= batch_users
        assert len(batch.row) == len(batch.item)
        users += batch.users.tolist()
        seen += zip(batch.users[batch.row].tolist(), batch.item.tolist(), strict=True)
    assert sorted(seen) == sorted(set(chosen))
    assert sorted(users) == sorted({user for user, _ in chosen})


@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(1, 5), st.integers(1, 60), st.integers(0, 9))
def test_blocks_stay_together_and_are_shuffled(chosen, size, block, seed):
    log = log_from_pairs(chosen, NUM_USERS, NUM_ITEMS)
    made = Sampler(log, torch.Generator().manual_seed(seed), block=block)
    rows = sorted(set(chosen))
    found = [
        (user, item)
        for batch in made.pair_batches(size)
        for user, item in zip(batch.users.tolist(), batch.item.tolist(), strict=True)
    ]
    assert sorted(found) == rows
    pieces = [rows[start : start + block] for start in range(0, len(rows), block)]
    while found:  # whole blocks, one after the other
        piece = next(one for one in pieces if one[0] == found[0])
        assert found[: len(piece)] == piece
        found = found[len(piece) :]
    users = [one for batch in made.batches(size) for one in batch.users.tolist()]
    assert sorted(users) == sorted({user for user, _ in chosen})
    assert block < len(users) or users == sorted(users)


def test_a_batch_has_the_weight_of_each_rating():
    log = log_from_pairs([(0, 3), (0, 1), (2, 5)], NUM_USERS, NUM_ITEMS)
    log = replace(log, rating=np.array([4.0, 1.0, 9.0], dtype=np.float32))
    found = Sampler(log, torch.Generator().manual_seed(0), rating_power=0.5)
    wanted = {(0, 3): 4 / 3, (0, 1): 2 / 3, (2, 5): 1.0}
    for batch in (*found.batches(2), *found.pair_batches(2)):
        users = batch.users[batch.row].tolist()
        keys = list(zip(users, batch.item.tolist(), strict=True))
        np.testing.assert_allclose(batch.weight, [wanted[key] for key in keys], rtol=1e-6)
    assert next(sampler(log).batches(9)).weight is None


@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(0, 9))
def test_unchosen_is_never_chosen(chosen, seed):
    log = log_from_pairs(chosen, NUM_USERS, NUM_ITEMS)
    found = sampler(log, seed)
    known = {item for _, item in chosen}
    users = torch.tensor([user for user, _ in chosen] * 3)
    for user, item in zip(users.tolist(), found.unchosen(users).tolist(), strict=True):
        assert item in known
        has_everything = {i for u, i in chosen if u == user} == known
        assert has_everything or (user, item) not in set(chosen)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_are_positive_is_membership(chosen):
    found = sampler(log_from_pairs(chosen, NUM_USERS, NUM_ITEMS))
    users, items = torch.arange(NUM_USERS), torch.arange(NUM_ITEMS).flip(0)
    expected = np.zeros((NUM_USERS, NUM_ITEMS), dtype=bool)
    expected[tuple(np.array(chosen).T)] = True
    np.testing.assert_array_equal(found.are_positive(users, items), expected[:, ::-1])


def test_shared_negatives_are_uniform_over_the_items_that_training_knows():
    log = log_from_pairs([(0, 1), (0, 1), (1, 1), (2, 4), (3, 6), (4, 1)], NUM_USERS, NUM_ITEMS)
    drawn = sampler(log).shared(30_000)
    count = torch.bincount(drawn, minlength=NUM_ITEMS)
    assert count[[0, 2, 3, 5]].sum() == 0
    assert (count[[1, 4, 6]] - 10_000).abs().max() < 400  # popular or not


def test_unchosen_is_uniform_over_what_is_left():
    log = log_from_pairs([(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)], NUM_USERS, NUM_ITEMS)
    count = torch.bincount(sampler(log).unchosen(torch.zeros(30_000, dtype=torch.int64)))
    assert count[:2].sum() == 0
    assert (count[2:5] - 10_000).abs().max() < 400


def test_draws_are_the_generators():
    log = log_from_pairs([(user, user % 5) for user in range(NUM_USERS)], NUM_USERS, NUM_ITEMS)

    def drawn(seed):
        made = sampler(log, seed)
        order = [user for batch in made.batches(3) for user in batch.users.tolist()]
        return order, made.shared(20).tolist(), made.unchosen(torch.arange(11)).tolist()

    assert drawn(1) == drawn(1)
    assert all(a != b for a, b in zip(drawn(1), drawn(2), strict=True))
    made = sampler(log)
    first, second = ([b.users.tolist() for b in made.batches(11)] for _ in range(2))
    assert first != second  # another order in each epoch
