"""Scores of the graph's triples, to train on them together with the interactions."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from kgrec.graph.homogeneous import HomogeneousGraph
from kgrec.settings import Settings

TripleScoring = Literal["transe", "transr", "distmult", "rotate"]


class KnowledgeConfig(Settings):
    """Joint training on the graph's triples and the interactions."""

    scoring: TripleScoring = Field(default="transe", description="How a triple is scored.")
    loss: Literal["margin", "softmax"] = Field(
        default="softmax",
        description="`margin`: hinge over each corrupted triple; `softmax`: cross-entropy among "
        "the triple and its corruptions, which with one of them is a pairwise ranking loss.",
    )
    margin: float = Field(default=1.0, ge=0, description="Of the hinge.")
    num_negatives: int = Field(
        default=1, ge=1, le=10_000, description="Corruptions of each triple."
    )
    batch_triples: int = Field(default=2048, ge=1, le=100_000_000, description="Triples in a step.")
    weight: float = Field(default=1.0, ge=0, description="Weight of the loss.")
    l2: float = Field(default=0.0, ge=0, description="L2 of the vectors of the step's triples.")
    interactions: bool = Field(
        default=False, description="Whether `user interacts item` is a triple too."
    )
    inverses: bool = Field(
        default=False, description="Whether a triple is learned in both directions."
    )

    def of_scores(self, chosen: Tensor, other: Tensor) -> Tensor:
        """Return the loss of triples, a scalar: the mean over them and, for `margin`, corruptions.

        The hinge max(0, γ - s(h, r, t) + s(h, r, t')) is that of Bordes et al., Translating
        Embeddings for Modeling Multi-relational Data, NeurIPS 2013. The cross-entropy with one
        corruption is -log σ(s(h, r, t) - s(h, r, t')), the pairwise loss of CKE and KGAT.

        Args:
            chosen: Scores of the triples, float32 of shape (b,).
            other: Scores of the corrupted ones, float32 of shape (b, n).
        """
        if self.loss == "margin":
            return F.relu(self.margin - chosen[:, None] + other).mean()
        everything = torch.cat([chosen[:, None], other], dim=1)
        return (torch.logsumexp(everything, dim=1) - chosen).mean()


class TripleScorer(nn.Module):
    """The score of (h, r, t); higher is likelier.

    * `transe`: -‖h + r - t‖² (Bordes et al., NeurIPS 2013).
    * `transr`: -‖h M_r + r - t M_r‖² (Lin et al., AAAI 2015).
    * `distmult`: Σ_d h_d r_d t_d (Yang et al., ICLR 2015).
    * `rotate`: -‖h ∘ e^{iθ_r} - t‖² with the halves of a vector as real and imaginary parts (Sun
      et al., RotatE, ICLR 2019).

    Args:
        scoring: Which of these.
        num_relations: Number of relations.
        dim: Width of the vectors; even for `rotate`.
        scale: Standard deviation of the initial relation vectors.
        generator: Source of the initial values.
    """

    def __init__(
        self,
        scoring: TripleScoring,
        num_relations: int,
        dim: int,
        scale: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if scoring == "rotate" and dim % 2:
            raise ValueError(f"rotate pairs the numbers of a vector: dim must be even, is {dim}")
        self.scoring: TripleScoring = scoring
        width = dim // 2 if scoring == "rotate" else dim
        start = torch.randn(num_relations, width, generator=generator)
        self.relation = nn.Parameter(start * (torch.pi if scoring == "rotate" else scale))
        if scoring == "transr":
            noise = torch.randn(num_relations, dim, dim, generator=generator)
            self.matrix = nn.Parameter(torch.eye(dim) + noise * 0.1 * dim**-0.5)

    def forward(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Return scores, float32 of shape (b, n).

        Args:
            head: float32 of shape (b, dim).
            relation: Rows of relations, int64 of shape (b,).
            tail: float32 of shape (b, n, dim).
        """
        vector = self.relation[relation]
        if self.scoring == "distmult":
            return torch.einsum("bd,bnd->bn", head * vector, tail)
        if self.scoring == "transr":
            head, tail = self._mapped(head, relation, tail)
        moved = head + vector if self.scoring != "rotate" else _rotated(head, vector)
        return -((moved[:, None] - tail) ** 2).sum(2)

    def _mapped(self, head: Tensor, relation: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply by the relations' matrices one by one, without a (b, dim, dim) tensor."""
        together = torch.cat([head[:, None], tail], dim=1)
        order = torch.argsort(relation, stable=True)
        counts = torch.bincount(relation, minlength=len(self.matrix)).tolist()
        pieces = torch.split(together[order], counts)
        # Unbound once: with an index per relation, each gradient would have all matrices.
        matrices = zip(pieces, self.matrix.unbind(), strict=True)
        mapped = torch.cat([piece @ matrix for piece, matrix in matrices if len(piece)])
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order), device=order.device)
        mapped = mapped[back]
        return mapped[:, 0], mapped[:, 1:]


def _rotated(head: Tensor, angle: Tensor) -> Tensor:
    real, imaginary = head.chunk(2, dim=1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.cat([real * cos - imaginary * sin, real * sin + imaginary * cos], dim=1)


class Triples:
    """The graph's triples, to draw samples of them and to corrupt their tails.

    Args:
        graph: All edges.
        interactions: Whether interactions are triples too.
        inverses: Whether the inverse of each triple is a triple too.

    Attributes:
        head: int64 of shape (n,), nodes of the homogeneous numbering.
        relation: int64 of shape (n,).
        tail: int64 of shape (n,).
    """

    def __init__(
        self, graph: HomogeneousGraph, *, interactions: bool = False, inverses: bool = False
    ) -> None:
        every = torch.ones_like(graph.relation, dtype=torch.bool)
        keep = every if inverses else graph.forward()
        if not interactions:
            keep = keep & ~graph.of_interactions()
        part = graph.select(keep)
        self.num_nodes = graph.num_nodes
        self.head, self.relation, self.tail = part.source, part.relation, part.target
        self._keys, _ = torch.sort(self._key(self.head, self.relation, self.tail))
        sizes = torch.tensor(list(graph.sizes.values()), device=self.head.device)
        kind = torch.repeat_interleave(sizes)
        self._first = (torch.cumsum(sizes, 0) - sizes)[kind]
        self._size = sizes[kind]

    def __len__(self) -> int:
        return len(self.head)

    def draw(self, num: int, generator: torch.Generator) -> Tensor:
        """Return rows of random triples, int64 of shape (min(num, n),)."""
        if num >= len(self):
            return torch.arange(len(self), device=self.head.device)
        return torch.randint(len(self), (num,), generator=generator, device=self.head.device)

    def corrupted(self, rows: Tensor, num: int, generator: torch.Generator) -> Tensor:
        """Return tails that make false triples, int64 of shape (b, num).

        Each is a node of the tail's type. After a few tries, one that makes a true triple is kept:
        there may be no other.
        """
        rows = rows.repeat_interleave(num)
        first, size = self._first[self.tail[rows]], self._size[self.tail[rows]]
        drawn = torch.rand(len(rows), generator=generator, device=rows.device)
        made = first + (drawn * size).long()
        for _ in range(5):
            keys = self._key(self.head[rows], self.relation[rows], made)
            place = torch.searchsorted(self._keys, keys).clamp(max=len(self) - 1)
            wrong = (self._keys[place] == keys).nonzero().squeeze(1)
            if not len(wrong):
                break
            again = torch.rand(len(wrong), generator=generator, device=rows.device)
            made[wrong] = first[wrong] + (again * size[wrong]).long()
        return made.reshape(-1, num)

    def _key(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        return (relation * self.num_nodes + head) * self.num_nodes + tail
