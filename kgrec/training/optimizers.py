"""The optimisers of a training: Adam, and SparseAdam for tables of which a step reads a part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from kgrec.models.link_predictor import LinkPredictor
from kgrec.training.mapped_tables import Memory
from kgrec.training.settings import TrainingConfig


class Optimizers:
    """Takes the steps of a training.

    Adam moves all parameters (Kingma and Ba, ICLR 2015). Where a step reads a drawn part of the
    graph, it leaves the embedding tables to PyTorch's `SparseAdam`, unless `sparse_gradients` is
    off. That moves the rows that have a gradient, and their moments, alone: the time of a step then
    depends on its part of the graph and not on the number of nodes.

    Args:
        model: The model, whose tables may get sparse gradients from now on.
        config: Settings.
        store: Where the tables and their moments are; None: in memory. Where it is mapped, the
            tables are moved there.
    """

    def __init__(
        self, model: LinkPredictor, config: TrainingConfig, store: Memory | None = None
    ) -> None:
        self._decay, self._store = config.weight_decay, store or Memory()
        self._tables: list[torch.nn.Parameter] = []
        if config.num_neighbors is not None and config.sparse_gradients:
            self._tables = model.use_sparse_gradients()
            for table in self._tables if self._store.is_mapped else []:
                table.data = self._store.copy(table)
        named = {id(table) for table in self._tables}
        others = [one for one in model.parameters() if id(one) not in named]
        self._all: dict[str, torch.optim.Optimizer] = {}
        if others:
            self._all["adam"] = torch.optim.Adam(
                others, lr=config.learning_rate, weight_decay=self._decay, fused=True
            )
        if self._tables:
            sparse = torch.optim.SparseAdam(self._tables, lr=config.learning_rate)
            self._all["sparse_adam"] = sparse
            for table in self._tables if self._store.is_mapped else []:
                # As SparseAdam itself begins, but where the store says.
                moments = {key: self._store.zeros_like(table) for key in ("exp_avg", "exp_avg_sq")}
                sparse.state[table] = {"step": 0, **moments}

    @property
    def table_bytes(self) -> int:
        """The size of the tables with sparse gradients and of their two moments."""
        return sum(3 * table.numel() * table.element_size() for table in self._tables)

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for one in self._all.values():
            one.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Move the parameters by their gradients."""
        if self._decay:
            for table in self._tables:
                _add_decay(table, self._decay)
        for one in self._all.values():
            one.step()

    def tensors(self) -> dict[str, Tensor]:
        """Return copies of the moments and counts of steps, by names for a checkpoint."""
        made = {}
        for kind, one in self._all.items():
            for row, state in one.state_dict()["state"].items():
                for name, value in state.items():
                    # SparseAdam counts its steps by a plain number.
                    made[f"{kind}.{row}.{name}"] = self._store.copy(torch.as_tensor(value))
        return made

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` returned.

        Args:
            tensors: All tensors of a checkpoint.

        Raises:
            ValueError: They are of other parameters.
        """
        for kind, one in self._all.items():
            state: dict[int, dict[str, Any]] = {}
            for key, value in tensors.items():
                if key.startswith(f"{kind}."):
                    row, name = key.removeprefix(f"{kind}.").split(".", 1)
                    plain = kind == "sparse_adam" and name == "step"
                    kept = int(value) if plain else self._store.copy(value)
                    state.setdefault(int(row), {})[name] = kept
            one.load_state_dict({**one.state_dict(), "state": state})


def _add_decay(table: torch.nn.Parameter, strength: float) -> None:
    """Add the gradient of half the squared length of the rows that have a gradient."""
    if table.grad is None:
        return
    grad = table.grad.coalesce()
    rows = grad.indices()[0]
    values = grad.values().add(table.detach()[rows], alpha=strength)
    # The rows are distinct and in order, as they were.
    table.grad = torch.sparse_coo_tensor(
        grad.indices(), values, grad.shape, is_coalesced=True, check_invariants=False
    )
