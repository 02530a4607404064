"""Several processes that train one model together: what they tell each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:  # an engine is made without PyTorch
    from torch import Tensor
    from torch.nn import Parameter

Made = TypeVar("Made")

_PATIENCE: Final = timedelta(days=2)
"""A validation by one process may take long. One that is lost is found at once in any case."""


class PeerLost(Exception):
    """Another process of the group has ended, or cannot be reached."""


@dataclass(frozen=True)
class Peers:
    """The processes that train one model together, seen by one of them.

    All of them call the same methods in the same order.

    Attributes:
        rank: Which of them this is, from 0 on.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """Replace values by their sum over all processes, the same bits in each; return them.

        Raises:
            PeerLost: Another process has ended.
        """
        if self.size > 1:
            import torch.distributed as dist

            self._told(lambda: dist.all_reduce(values))
        return values

    def gathered(self, values: Tensor) -> list[Tensor]:
        """Return the values of all processes, by rank.

        Args:
            values: This process's; of the same shape and dtype in each.

        Raises:
            PeerLost: Another process has ended.
        """
        if self.size == 1:
            return [values]
        import torch
        import torch.distributed as dist

        found = [torch.empty_like(values) for _ in range(self.size)]
        self._told(lambda: dist.all_gather(found, values))
        return found

    def gathered_rows(self, *parts: Tensor) -> list[Tensor]:
        """Return the rows of all processes, by rank and in the order that each has them in.

        Args:
            parts: Tensors with as many rows in one process, which may be others in another one.
                Each is of the same dtype and, but for its rows, of the same shape in all.

        Returns:
            One tensor for each part, the same bits in each process.

        Raises:
            PeerLost: Another process has ended.
        """
        if self.size == 1:
            return list(parts)
        import torch

        sizes = torch.zeros(self.size, dtype=torch.int64, device=parts[0].device)
        sizes[self.rank] = len(parts[0])
        of_each = self.sum(sizes).tolist()
        joined = []
        for part in parts:
            padded = part.new_zeros(max(of_each), *part.shape[1:])  # one shape in each process
            padded[: len(part)] = part
            found = zip(self.gathered(padded), of_each, strict=True)
            joined.append(torch.cat([one[:size] for one, size in found]))
        return joined

    def from_first(self, make: Callable[[], Made]) -> Made:
        """Return in each process what `make` returns in the first one, which alone calls it.

        Raises:
            PeerLost: Another process has ended.
        """
        if self.size == 1:
            return make()
        import torch.distributed as dist

        made: list[Any] = [make() if self.rank == 0 else None]
        self._told(lambda: dist.broadcast_object_list(made, src=0))
        found: Made = made[0]
        return found

    def average_gradients(self, parameters: Iterable[Parameter], share: float) -> None:
        """Replace gradients by their weighted mean over all processes.

        All of them go in one message, but sparse ones, of which only the rows go. A parameter
        without a gradient in each process stays so, as an optimiser leaves it alone then.

        Args:
            parameters: Those of the model, all of one dtype and on one device. One with a sparse
                gradient in one process has none or a sparse one in each.
            share: This process's weight; the weights of all sum up to 1.

        Raises:
            PeerLost: Another process has ended.
        """
        if self.size == 1:
            return
        import torch

        given = list(parameters)
        sparse = given[0].new_tensor([one.grad is not None and one.grad.is_sparse for one in given])
        rows_only = (self.sum(sparse) > 0).tolist()
        for one in (one for one, is_sparse in zip(given, rows_only, strict=True) if is_sparse):
            one.grad = self._summed_rows(one, share)
        every = [one for one, is_sparse in zip(given, rows_only, strict=True) if not is_sparse]
        if not every:
            return
        some = every[0].new_tensor([one.grad is not None for one in every])
        parts = [torch.zeros_like(one) if one.grad is None else one.grad * share for one in every]
        summed = self.sum(torch.cat([*(part.reshape(-1) for part in parts), some]))
        pieces = torch.split(summed, [*(one.numel() for one in every), len(every)])
        for one, piece, has in zip(every, pieces[:-1], pieces[-1].tolist(), strict=True):
            one.grad = piece.view_as(one) if has else None

    def _summed_rows(self, parameter: Parameter, share: float) -> Tensor:
        """Return the sum over all processes of sparse gradients, the same bits in each."""
        import torch

        like, own = parameter.detach(), parameter.grad
        if own is None:
            row, value = torch.zeros(0, dtype=torch.int64, device=like.device), like[:0]
        else:
            own = own.coalesce()
            row, value = own.indices()[0], own.values() * share
        rows, values = self.gathered_rows(row, value)
        return torch.sparse_coo_tensor(rows[None], values, like.shape).coalesce()

    def _told(self, call: Callable[[], object]) -> None:
        try:
            call()
        except RuntimeError as error:
            raise PeerLost(str(error)) from error


ALONE: Final = Peers()
"""A process that trains a model by itself."""


def open_meeting(host: str) -> Any:
    """Return the store through which processes find each other; the first one keeps it."""
    import torch.distributed as dist

    make: Any = dist.TCPStore  # type: ignore[attr-defined]
    return make(host, 0, is_master=True, wait_for_workers=False, timeout=_PATIENCE)


@contextmanager
def meeting(rank: int, size: int, host: str, store: Any, *, gpus: bool) -> Iterator[Peers]:
    """Meet the other processes, and part from them at the end of the body.

    Args:
        rank: Which process this is.
        size: How many there are.
        host: Host of the first process.
        store: The first process's store; in the others, its port.
        gpus: Whether each process has a whole GPU, which then talks to the others' by NCCL.

    Raises:
        PeerLost: Another process has ended, or cannot be reached.
    """
    if size == 1:
        yield ALONE
        return
    import torch.distributed as dist

    try:
        if rank:
            make: Any = dist.TCPStore  # type: ignore[attr-defined]
            store = make(host, store, is_master=False, timeout=_PATIENCE)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if gpus else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=_PATIENCE,
        )
    except RuntimeError as error:
        raise PeerLost(str(error)) from error
    try:
        yield Peers(rank, size)
    finally:
        dist.destroy_process_group()
