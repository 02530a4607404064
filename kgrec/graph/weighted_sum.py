"""Weighted sums of sparse operators, for models that learn a weight for each relation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from kgrec.graph.edge_weights import DifferentiableOperator
from kgrec.graph.propagation import SparseOperator


def weighted_sum(
    operators: Sequence[SparseOperator], inputs: Sequence[Tensor], weights: Tensor
) -> Tensor:
    """Return Σ_k w_k A_k x_k, float32 of shape (num_targets, dim).

    It is one node of the autograd graph and keeps no message: the gradient of w_k is
    ⟨A_k x_k, g⟩ = ⟨x_k, A_kᵀ g⟩, and A_kᵀ g times w_k is the gradient of x_k. Where values of the
    A_k may need a gradient too (`DifferentiableOperator`), it is an ordinary sum.

    Args:
        operators: The A_k, all into the same nodes; at least one.
        inputs: The x_k, float32 of shape (num_sources of A_k, dim). A tensor that is
            used several times is passed once.
        weights: The w_k, float32 of shape (k,).
    """
    if any(isinstance(operator, DifferentiableOperator) for operator in operators):
        parts = zip(operators, inputs, weights, strict=True)
        return torch.stack([weight * operator(x) for operator, x, weight in parts]).sum(dim=0)
    distinct = list({id(x): x for x in inputs}.values())
    place = {id(x): row for row, x in enumerate(distinct)}
    chosen = [place[id(x)] for x in inputs]
    total: Tensor = _WeightedSum.apply(  # type: ignore[no-untyped-call]
        tuple(operators), chosen, weights, *distinct
    )
    return total


class _WeightedSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        operators: tuple[SparseOperator, ...],
        chosen: list[int],
        weights: Tensor,
        *inputs: Tensor,
    ) -> Tensor:
        ctx.operators, ctx.chosen, ctx.values = operators, chosen, weights.tolist()
        ctx.save_for_backward(*inputs)
        total: Tensor | None = None
        for operator, row, weight in zip(operators, chosen, ctx.values, strict=True):
            message = operator.forward(inputs[row].detach())
            total = message.mul_(weight) if total is None else total.add_(message, alpha=weight)
        assert total is not None
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        inputs, gradient = ctx.saved_tensors, gradient.contiguous()
        of_weights = []
        of_inputs: list[Tensor | None] = [None] * len(inputs)
        for operator, row, weight in zip(ctx.operators, ctx.chosen, ctx.values, strict=True):
            back = operator.backward(gradient)
            of_weights.append(torch.dot(back.reshape(-1), inputs[row].reshape(-1)))
            before = of_inputs[row]
            of_inputs[row] = (
                back.mul_(weight) if before is None else before.add_(back, alpha=weight)
            )
        return None, None, torch.stack(of_weights), *of_inputs
