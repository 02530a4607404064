"""Training that makes vectors depend less on small things: R-Drop and adversarial embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def apart(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor | None:
    """Return the mean of 1 - cosine of the vectors of two passes with different dropout.

    R-Drop (Wu et al., NeurIPS 2021) takes the Kullback-Leibler divergence of the two outputs. For
    vectors as means of von Mises-Fisher distributions of one concentration it is in proportion to
    this.

    Args:
        first: Vectors that the encoder gave in a pass, float32 of shape (b, dim) each.
        second: Those of the other pass, in the same order and shapes.

    Returns:
        A scalar with gradients; None: the passes gave no vectors.
    """
    if not first:
        return None
    return (
        1.0 - F.cosine_similarity(torch.cat(list(first)), torch.cat(list(second)), dim=1)
    ).mean()


class Adversary:
    """Moves the embeddings of words to where the loss grows fastest.

    It is the fast gradient method (Miyato, Dai, Goodfellow, ICLR 2017, arXiv 1605.07725). Within
    the context, the embeddings have a gradient, also if they are not trained. Afterwards they are
    as before, to the bit.

    Args:
        weight: The embeddings.
        size: Length of the movement.
    """

    def __init__(self, weight: Tensor, size: float) -> None:
        self._weight, self._size = weight, size

    def __enter__(self) -> Adversary:
        self._trained, self._grad = self._weight.requires_grad, self._weight.grad
        self._weight.requires_grad_(True)
        self._weight.grad = None
        self._before = self._weight.detach().clone()
        return self

    def move(self) -> bool:
        """Move along the gradient that there is now; False: there is none."""
        grad = self._weight.grad
        length = 0.0 if grad is None else float(torch.linalg.norm(grad))
        if grad is None or not 0.0 < length < float("inf"):
            return False
        with torch.no_grad():
            self._weight += self._size / length * grad
        return True

    def __exit__(self, *error: object) -> None:
        with torch.no_grad():
            self._weight.copy_(self._before)
        if not self._trained:
            self._weight.grad = None
            self._weight.requires_grad_(False)
        elif self._grad is not None:
            grad = self._weight.grad
            self._weight.grad = self._grad if grad is None else self._grad + grad
