"""The losses of the task `interactions`, against loops over users and items."""

import numpy as np
import torch
from torch.nn import functional as F

from kgrec.text.tuning.tasks.interactions import (
    left_out_cosines,
    reconstruction_loss,
    softmax_loss,
)


def _random(users=4, items=6, dim=3):
    random = torch.Generator().manual_seed(1)
    vectors = F.normalize(torch.randn(items, dim, generator=random, dtype=torch.float64), dim=1)
    chosen = (torch.rand(users, items, generator=random) < 0.5).double()
    chosen[:, :2] = 1
    targets = torch.rand(users, items, generator=random, dtype=torch.float64)
    return vectors, chosen, targets / targets.sum(1, keepdim=True)


def test_the_softmax_loss_leaves_each_item_out_of_its_users_mean():
    vectors, chosen, targets = _random()
    total = 0.0
    for user in range(len(chosen)):
        cosines = []
        for item in range(len(vectors)):
            others = [i for i in range(len(vectors)) if chosen[user, i] and i != item]
            mean = vectors[others].mean(0).numpy()
            cosines.append(float(mean @ vectors[item].numpy() / np.linalg.norm(mean)))
        scores = np.array(cosines) / 0.2
        log_shares = scores - np.log(np.exp(scores).sum())
        total -= float(targets[user].numpy() @ log_shares)
    found = softmax_loss(left_out_cosines(vectors, chosen), targets, 0.2)
    np.testing.assert_allclose(float(found), total / len(chosen), rtol=1e-9)


def test_the_reconstruction_loss_compares_rows_of_length_one():
    vectors, chosen, _ = _random()
    a, x = vectors.numpy(), chosen.numpy()
    rebuilt = x @ (a @ a.T - np.eye(len(a)))
    rebuilt /= np.linalg.norm(rebuilt, axis=1, keepdims=True)
    rows = x / np.linalg.norm(x, axis=1, keepdims=True)
    expected = ((rows - rebuilt) ** 2).sum(1).mean()
    np.testing.assert_allclose(float(reconstruction_loss(vectors, chosen)), expected, rtol=1e-9)


def test_an_item_alone_has_no_mean_and_no_gradient_that_is_not_a_number():
    vectors = F.normalize(torch.ones(2, 3), dim=1).requires_grad_()
    chosen = torch.tensor([[1.0, 0.0]])
    loss = softmax_loss(left_out_cosines(vectors, chosen), chosen, 0.1)
    loss.backward()
    assert loss.isfinite()
    assert vectors.grad.isfinite().all()
