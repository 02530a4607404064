"""What pooling gave for the texts of a task when the language model read them last."""

from __future__ import annotations

import torch
from torch import Tensor

from kgrec.engine.peers import Peers
from kgrec.types import IntArray


class Bank:
    """The pooled vectors of all texts of a task; see `Tower.finished`.

    A step changes them at its end: all of its batches read what was there before it, also where
    several processes share the batches.

    Args:
        values: float32 of shape (n, pooled_dim), on the device of the encoder.

    Attributes:
        values: As above.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self._read: dict[int, tuple[Tensor, Tensor]] = {}

    def read(self, place: int, rows: IntArray, pooled: Tensor) -> None:
        """Take what pooling gave for some texts; `end_step` puts it to the rest.

        Only the first pass of a batch counts: a second one may be through moved embeddings.

        Args:
            place: Which batch of the epoch it is.
            rows: The texts, int64 of shape (b,), no two alike.
            pooled: float32 of shape (b, pooled_dim).
        """
        if place not in self._read:
            where = torch.from_numpy(rows).to(self.values.device)
            self._read[place] = where, pooled.detach().to(self.values)

    def end_step(self, peers: Peers) -> None:
        """Put what the batches of a step gave, of all processes, to the rest.

        Of a text in several batches, the last one counts.

        Raises:
            PeerLost: Another process has ended.
        """
        read, self._read = self._read, {}
        if peers.size > 1:
            read = self._of_all(peers, read)
        for place in sorted(read):
            rows, pooled = read[place]
            self.values[rows] = pooled

    def _of_all(
        self, peers: Peers, own: dict[int, tuple[Tensor, Tensor]]
    ) -> dict[int, tuple[Tensor, Tensor]]:
        none = self.values.new_zeros(0, dtype=torch.int64)
        places = [torch.full_like(rows, place) for place, (rows, _) in own.items()]
        place, rows, pooled = peers.gathered_rows(
            torch.cat([none, *places]),
            torch.cat([none, *(rows for rows, _ in own.values())]),
            torch.cat([self.values[:0], *(pooled for _, pooled in own.values())]),
        )
        return {
            one: (rows[place == one], pooled[place == one]) for one in torch.unique(place).tolist()
        }
