"""Training that moves only the embeddings of a step's part of the graph."""

import numpy as np
import pytest
import torch
from peers_in_threads import run_together
from test_minibatch import CASES, EXACT, trained
from three_blocks import three_blocks

from kgrec.errors import ConfigError
from kgrec.testing import log_from_pairs
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig
from kgrec.training.sampling import Sampler

WHOLE = {"loss": "bpr", "batch_pairs": 100_000, "weight_decay": 0.01}
MOST = 1000  # more than any node has neighbors


@pytest.fixture(scope="module")
def data():
    return three_blocks().data


def tables(weights):
    return {name: value for name, value in weights.items() if name.endswith(".embedding")}


def test_where_each_step_reaches_all_nodes_it_is_adam(data):
    """With a gradient in each row, SparseAdam and Adam take the same steps, with weight decay."""
    drawn = {**WHOLE, "num_neighbors": [MOST, MOST]}
    dense, expected, _ = trained(data, {}, {**drawn, "sparse_gradients": False})
    sparse, found, trainer = trained(data, {}, drawn)
    np.testing.assert_allclose(sparse, dense, rtol=1e-5)
    used = {"user": range(32), "item": np.unique(data.train.item)}
    for kind, rows in used.items():
        name = f"fusion.{kind}.embedding"
        torch.testing.assert_close(found[name][rows], expected[name][rows], atol=1e-5, rtol=1e-4)
        assert trainer.model.get_parameter(name).grad.is_sparse


def test_a_step_leaves_the_nodes_outside_of_its_part_alone(data):
    settings = {"loss": "bpr", "batch_pairs": 4, "num_neighbors": [2, 1], "weight_decay": 0.1}
    _, _, trainer = trained(data, {}, settings, epochs=1)
    model, batch = trainer.model, next(trainer._batches())
    before = {name: value.clone() for name, value in tables(model.state_dict()).items()}
    moments = trainer.optimizers.tensors()
    trainer.optimizers.zero_grad()
    trainer.objective(batch).backward()
    trainer.optimizers.step()
    for name, old in before.items():
        rows = model.get_parameter(name).grad.coalesce().indices()[0]
        inside = torch.zeros(len(old), dtype=torch.bool)
        inside[rows] = True
        moved = (model.get_parameter(name).detach() != old).any(1)
        assert not moved[~inside].any()
        assert 0 < int(inside.sum()) < len(old) or len(old) <= 3
    assert any((model.get_parameter(name).detach() != old).any() for name, old in before.items())
    after = trainer.optimizers.tensors()
    of_users = next(
        key for key in after if after[key].shape == before["fusion.user.embedding"].shape
    )
    users = set(batch.users.tolist())
    still = [user for user in range(len(after[of_users])) if user not in users]
    moved = (after[of_users] != moments[of_users]).any(1)
    assert moved[list(users)].all()
    assert not moved[still].all()


def test_a_row_moves_as_adam_moves_it_with_the_same_gradients():
    """The naive oracle: Adam for the rows with a gradient, decay added to them; others stand."""
    from kgrec.training.optimizers import Optimizers
    from kgrec.training.settings import TrainingConfig

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Parameter(torch.arange(8.0).reshape(4, 2))

        def use_sparse_gradients(self):
            return [self.table]

    model, rate, decay = Model(), 0.1, 0.5
    config = TrainingConfig(loss="bpr", num_neighbors=[1], learning_rate=rate, weight_decay=decay)
    optimizers = Optimizers(model, config)
    value = model.table.detach().numpy().astype(np.float64).copy()
    first, second = np.zeros_like(value), np.zeros_like(value)
    steps = [
        ([0, 2, 0], [[1.0, 2], [3, 4], [5, 6]]),
        ([2], [[-7.0, 1]]),
        ([3, 0], [[1.0, 0], [2, 2]]),
    ]
    for step, (rows, values) in enumerate(steps, start=1):
        optimizers.zero_grad()
        model.table.grad = torch.sparse_coo_tensor([rows], torch.tensor(values), (4, 2))
        optimizers.step()
        summed = np.zeros_like(value)
        np.add.at(summed, rows, values)
        for row in set(rows):
            gradient = summed[row] + decay * value[row]
            first[row] = 0.9 * first[row] + 0.1 * gradient
            second[row] = 0.999 * second[row] + 0.001 * gradient**2
            mean, square = first[row] / (1 - 0.9**step), second[row] / (1 - 0.999**step)
            value[row] -= rate * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(model.table.detach().numpy(), value, rtol=1e-5)
    assert model.table[1].tolist() == [2.0, 3.0]


def test_training_goes_on_from_a_checkpoint_of_sparse_moments(data, tmp_path):
    settings = {"loss": "bpr", "batch_pairs": 16, "num_neighbors": [2, 1]}
    _, whole, trainer = trained(data, {}, settings, epochs=4)
    assert any(name.startswith("sparse_adam.") for name in trainer.standing()[0])
    path = tmp_path / "checkpoint"
    trained(data, {}, settings, path, epochs=2)
    _, _, trainer = trained(data, {}, settings, path, epochs=1)
    trainer.resume()
    trainer.config = trainer.config.model_copy(update={"max_epochs": 4})
    trainer.run()
    for name, value in whole.items():
        assert torch.equal(trainer.model.state_dict()[name], value), name


def test_checkpoints_of_before_the_setting_go_on_where_nothing_reads_it(data):
    _, _, trainer = trained(data, {}, {"loss": "bpr"}, epochs=1)
    assert "sparse_gradients" not in trainer.standing()[1]["config"]


@pytest.mark.parametrize("own", [True, False], ids=["each has some", "one has none"])
def test_sparse_gradients_of_several_are_averaged_by_their_shares(own):
    rows = [[3, 1, 3], [0, 3] if own else []]
    values = [torch.tensor([[1.0, 2], [3, 4], [5, 6]]), torch.ones(len(rows[1]), 2)]
    share = [0.75, 0.25]
    expected = torch.zeros(5, 2)
    for mine, weight, value in zip(rows, share, values, strict=True):
        expected.index_add_(0, torch.tensor(mine, dtype=torch.int64), weight * value)

    def work(peers):
        table = torch.nn.Parameter(torch.zeros(5, 2))
        plain = torch.nn.Parameter(torch.zeros(3))
        of = rows[peers.rank]
        if of:
            indices = torch.tensor([of], dtype=torch.int64)
            table.grad = torch.sparse_coo_tensor(indices, values[peers.rank], (5, 2))
        plain.grad = torch.full((3,), float(peers.rank))
        peers.average_gradients([table, plain], share[peers.rank])
        return table.grad, plain.grad

    for sparse, dense in run_together(2, work):
        assert sparse.is_sparse
        torch.testing.assert_close(sparse.to_dense(), expected)
        torch.testing.assert_close(dense, torch.full((3,), 0.25))


def test_without_messages_only_the_vectors_of_the_batch_are_read(data):
    model, training = {"encoder": "none", "head": "dot"}, {"loss": "bpr", "batch_pairs": 16}
    losses, whole, _ = trained(data, model, training)
    of_batch, parts, trainer = trained(
        data, model, {**training, "num_neighbors": [], "sparse_gradients": False}
    )
    np.testing.assert_allclose(of_batch, losses, rtol=1e-5)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, atol=1e-5, rtol=1e-4)
    batch = next(trainer._batches())
    negatives = trainer.config.loss.negatives(trainer.objective.negative_sampler, batch)
    part, _, _ = trainer.objective.parts(batch, negatives, trainer.generator)
    assert part.sizes["user"] == len(torch.unique(batch.users))
    with pytest.raises(ConfigError, match=r"passes no messages: leave num_neighbors out, or give"):
        trained(data, model, {**training, "num_neighbors": [3]})


def test_own_tables_of_an_encoder_have_sparse_gradients_too(data):
    model, training = CASES["cke"]
    _, _, trainer = trained(data, model, {**training, "num_neighbors": [2]}, epochs=1)
    assert trainer.model.encoder.structure.grad.is_sparse


def test_a_planted_preference_is_learnt():
    case = three_blocks()
    config = LinkPredictionConfig.model_validate(
        {
            "predictor": {"dim": 16, **EXACT},
            "training": {"loss": "bpr", "batch_pairs": 32, "num_neighbors": [5, 3],
                         "max_epochs": 30, "learning_rate": 0.02},
        }
    )  # fmt: skip
    model = LinkPrediction(config).fit(case.data)
    users = np.arange(case.data.train.num_users)
    scores = model.score(users)
    matrix = case.data.train.matrix().toarray() > 0
    inside = np.array([scores[u][matrix[u]].mean() for u in users])
    outside = np.array([scores[u][~matrix[u]].mean() for u in users])
    assert (inside > outside).mean() > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_positives_among_shared_items_are_those_of_a_naive_search(seed):
    rng = np.random.default_rng(seed)
    pairs = {(int(u), int(i)) for u, i in rng.integers(0, (6, 9), (20, 2))}
    log = log_from_pairs(sorted(pairs), 6, 9)
    sampler = Sampler(log, torch.Generator().manual_seed(0))
    users = torch.from_numpy(rng.integers(0, log.num_users, 11))  # some twice
    items = torch.from_numpy(rng.integers(0, log.num_items, 7))
    chosen = set(zip(log.user.tolist(), log.item.tolist(), strict=True))
    expected = [[(u, i) in chosen for i in items.tolist()] for u in users.tolist()]
    assert sampler.are_positive(users, items).tolist() == expected
    assert sampler.are_positive(users[:0], items).shape == (0, 7)
    assert sampler.are_positive(users, items[:0]).shape == (11, 0)
