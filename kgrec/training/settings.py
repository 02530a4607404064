"""The settings of training."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from kgrec.settings import Settings
from kgrec.training.contrast import ContrastConfig
from kgrec.training.losses import LossConfig
from kgrec.training.losses.softmax import SoftmaxConfig
from kgrec.training.negatives import NegativesConfig, UniformNegativesConfig


class TrainingConfig(Settings):
    """How a link predictor is trained."""

    loss: LossConfig = Field(
        default=SoftmaxConfig(), description="What training minimises over the scores of items."
    )
    negatives: NegativesConfig = Field(
        default=UniformNegativesConfig(),
        description="How the negatives of all losses but `softmax` are drawn: `uniform`, "
        "`popularity`, `in_batch`, or `graph`: items that share a node with the positive.",
    )
    ego_l2: float = Field(
        default=0.0,
        ge=0,
        description="Weight of half the squared length of a pair's and its negatives' inputs.",
    )
    contrast: ContrastConfig | None = Field(
        default=None, description="A contrastive term; None: there is none."
    )
    learning_rate: float = Field(default=0.03, gt=0, description="Step size of Adam.")
    weight_decay: float = Field(
        default=1e-5, ge=0, description="Strength of the penalty on squared weights."
    )
    batch_users: int = Field(
        default=2048,
        ge=1,
        le=100_000_000,
        description="Users in a step, with all of their interactions; fewer where their scores "
        "for all items would take more than a quarter of a GiB.",
    )
    batch_pairs: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="Interactions in a step, drawn one by one, instead of users with all of "
        "theirs; None: batch_users is used.",
    )
    num_neighbors: tuple[int, ...] | None = Field(
        default=None,
        description="Edges of each type that are drawn per node in each layer, nearest the batch "
        "first, such as [20, 10]; -1: all. Each step then uses only the drawn part of the graph, "
        "as large graphs need; validation uses the whole graph. None: each step does so too.",
    )
    sparse_gradients: bool = Field(
        default=True,
        description="With num_neighbors: whether a step moves only the embeddings of its part of "
        "the graph, and their moments (SparseAdam). If not, Adam moves all embeddings in each "
        "step, whose time and memory then grow with the number of nodes.",
    )
    tables_on_disk: bool = Field(
        default=False,
        description="Whether the embedding tables, their moments, means and best values lie in "
        "files that are mapped into memory: beside the checkpoint, or in TMPDIR without one. It "
        "needs num_neighbors, sparse_gradients and the CPU; the result is the same.",
    )
    shuffle_block: int = Field(
        default=1,
        ge=1,
        le=100_000_000,
        description="Users (with batch_pairs: interactions, in the order of their users) that stay "
        "together when all are shuffled for an epoch. With tables_on_disk, a block's embeddings "
        "lie on a few pages: with 1024 a step writes a fraction. All interactions of a user come "
        "in one step then, so the embedding moves once in an epoch: more epochs are needed.",
    )
    max_epochs: int = Field(
        default=400, ge=1, le=1_000_000, description="Most passes over the data."
    )
    eval_every: int = Field(
        default=5, ge=1, le=1_000_000, description="Epochs between two validations."
    )
    patience: int = Field(
        default=12,
        ge=1,
        le=1_000_000,
        description="Validations without improvement before training stops.",
    )
    metric: str = Field(
        default="ndcg@10",
        pattern=r"^(ndcg|recall|precision|mrr|map|hit)@[1-9][0-9]{0,6}$",
        description="Metric at a cut-off that chooses the best epoch, such as ndcg@10.",
    )
    weight_average: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="Decay, per epoch, of the running mean of the weights, which is validated and "
        "kept; 0: the weights as they are.",
    )
    checkpoint_every: float = Field(
        default=30.0, ge=0, description="Seconds between two checkpoints."
    )
    device: str = Field(
        default="cpu",
        description="Device of training in torch's words, such as `cpu` or `cuda`; `auto`: a GPU "
        "where there is one. A loaded model computes on the CPU.",
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="Threads of PyTorch during training. None: one for a small problem, whose "
        "steps are too short for more, and as many as PyTorch has for others.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="In a config, set the `seed` of the run instead."
    )

    @field_validator("num_neighbors")
    @classmethod
    def _some_neighbors(cls, numbers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if numbers is not None and any(num < 1 and num != -1 for num in numbers):
            raise ValueError("must be whole numbers from 1 on, or -1 for all neighbors")
        return numbers

    @model_validator(mode="after")
    def _parts_fit(self) -> TrainingConfig:
        if self.tables_on_disk and (self.num_neighbors is None or not self.sparse_gradients):
            raise ValueError(
                "tables_on_disk needs num_neighbors (for example [10, 5]; [] for an encoder "
                "without messages) and sparse_gradients, with which a step reads a part of a table"
            )
        if self.loss.shares_negatives and self.negatives.is_of_positives:
            raise ValueError(
                f"negatives {self.negatives.name!r} belong to one positive each; loss "
                f"{self.loss.name!r} shares them: use loss 'bpr', 'bsl' or 'cross_entropy', or "
                "other negatives"
            )
        return self
