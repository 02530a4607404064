"""What pooling gave: what counts in a step, and that all processes have the same."""

import numpy as np
import pytest
import torch
from peers_in_threads import run_together

from kgrec.engine.peers import ALONE
from kgrec.text.tuning.bank import Bank


def rows_of(*values):
    return torch.tensor([[float(value)] * 2 for value in values])


def test_a_step_changes_what_is_kept_at_its_end():
    bank = Bank(rows_of(0, 1, 2, 3))
    bank.read(0, np.array([2, 0]), rows_of(20, 10))
    bank.read(1, np.array([0]), rows_of(11))
    bank.read(1, np.array([0]), rows_of(99))  # a second pass of the batch
    assert torch.equal(bank.values, rows_of(0, 1, 2, 3))
    bank.end_step(ALONE)
    assert torch.equal(bank.values, rows_of(11, 1, 20, 3))
    bank.read(0, np.array([3]), rows_of(33))  # a batch of the same number in the next epoch
    bank.end_step(ALONE)
    assert torch.equal(bank.values, rows_of(11, 1, 20, 33))


def test_what_is_kept_has_no_gradients_and_the_type_of_the_rest():
    bank = Bank(rows_of(0, 1))
    bank.read(0, np.array([1]), rows_of(5).bfloat16().requires_grad_())
    bank.end_step(ALONE)
    assert bank.values.dtype == torch.float32
    assert not bank.values.requires_grad
    assert torch.equal(bank.values, rows_of(0, 5))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_several_processes_keep_what_one_keeps(size):
    random = np.random.default_rng(size)
    batches = [random.choice(9, count, replace=False) for count in (4, 1, 9, 2)]  # 5: one has none
    read = [torch.from_numpy(random.normal(size=(len(rows), 2)).astype("f4")) for rows in batches]
    expected = np.zeros((9, 2), dtype=np.float32)
    for rows, values in zip(batches, read, strict=True):
        expected[rows] = values.numpy()

    def work(peers):
        bank = Bank(torch.zeros(9, 2))
        for place in range(peers.rank, len(batches), size):
            bank.read(place, batches[place], read[place])
        bank.end_step(peers)
        bank.end_step(peers)  # with nothing to keep
        return bank.values.numpy()

    for found in run_together(size, work):
        np.testing.assert_array_equal(found, expected)


def test_rows_of_processes_come_by_rank():
    def work(peers):
        rows = torch.arange(peers.rank * 2)
        return peers.gathered_rows(rows, rows[:, None] + peers.rank * 10.0)

    for rows, values in run_together(3, work):
        assert rows.tolist() == [0, 1, 0, 1, 2, 3]
        assert values[:, 0].tolist() == [10, 11, 20, 21, 22, 23]
