"""The link predictor as a recommender model: trained, completed for new items, and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional as F

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.evaluation.evaluate import evaluate
from kgrec.graph.propagation import Propagation
from kgrec.models.base import (
    Callback,
    Model,
    ModelConfig,
    State,
    TrainingData,
    check_histories,
    check_rows,
    check_state,
    not_fitted,
)
from kgrec.models.content import ContentMap, ContentRegression, ItemContent
from kgrec.models.encoders.base import Propagated
from kgrec.models.link_predictor import LinkPredictor, LinkPredictorConfig, trained_nodes
from kgrec.training.loop import Task, Trainer, TrainingProgress
from kgrec.training.minibatch import check_num_neighbors
from kgrec.training.settings import TrainingConfig
from kgrec.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


class LinkPredictionConfig(ModelConfig):
    """Settings of the model, of its training, and of what happens to items without interactions."""

    predictor: LinkPredictorConfig = LinkPredictorConfig()
    training: TrainingConfig = TrainingConfig()
    new_items: Literal["regress", "propagate"] = Field(
        default="regress",
        description="Vectors of items without training interactions: `regress`: a ridge "
        "regression from text, attributes and numbers to the trained items' vectors; "
        "`propagate`: what fusion and encoder make of their features and neighbors.",
    )
    content_l2: float = Field(default=3.0, gt=0, description="Strength of that regression's ridge.")
    content_words: float = Field(
        default=2.0,
        ge=0,
        description="Weight of the words of an item's text in it, beside the language model's "
        "vector; 0: they are not read.",
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_num_neighbors(self.predictor, self.training)
        if self.training.contrast is not None:
            self.training.contrast.check(self.predictor)
        return self


class LinkPrediction(Model):
    """Recommends by predicting links user → item in the user–item–attribute graph.

    `fit` builds a `LinkPredictor` for the graph of the training data and trains it; then items
    without interactions get vectors from their content. Scores are inner products of the head's
    vectors.

    Args:
        config: Settings.
        checkpoint: Where training writes its checkpoints.
        resume: Whether `fit` goes on from `checkpoint`.
    """

    name: ClassVar[str] = "link_prediction"
    config: LinkPredictionConfig

    def __init__(
        self,
        config: LinkPredictionConfig | None = None,
        *,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> None:
        self.config = config or LinkPredictionConfig()
        self.checkpoint, self.resume = checkpoint, resume
        self.progress: TrainingProgress | None = None
        self.predictor: LinkPredictor | None = None
        self.content_map: ContentMap | None = None
        self._regression: ContentRegression | None = None

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Train on `data.graph`, which is needed, and `data.train`.

        Raises:
            DataError: There is no graph, or no training interaction.
        """
        self._prepare(data)
        if len(self._anchors):
            features = self._features_of_items[self._anchors]
            self._regression = ContentRegression(features, self.config.content_l2)
        validate = None
        if data.valid is not None and len(data.valid):
            validate = _Validation(self, data)
        task = Task(data.train, self._graph, self._features, self._trained, validate)
        trainer = Trainer(self._predictor(), task, self.config.training, self.checkpoint)
        if self.resume:
            trainer.resume()
        self.progress = trainer.run(callback)
        self._finish()
        self._regression = None  # its inverse is as large as items squared
        return self

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`.

        A user without training interactions gets what is known of users in general.
        """
        users = check_rows(users, len(self.user_vectors), "user")
        return self._scores(self.user_vectors[users])

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        return self._scores(self.vectors_of_histories(histories))

    def vectors_of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of unseen users, float32 of shape (b, dim), after the head."""
        found = check_histories(histories, len(self.item_vectors))
        found.eliminate_zeros()  # a copy of ours; a stored zero is no liking
        liked = found.tocoo()
        if not hasattr(self, "_encoded"):
            raise not_fitted(self)
        row = torch.from_numpy(liked.row.astype(np.int64))
        item = torch.from_numpy(liked.col.astype(np.int64))
        predictor = self._predictor()
        with torch.no_grad():
            user = predictor.fold_in(self._graph, self._encoded, row, item, liked.shape[0])
            vectors = np.array(predictor.head.user(user).numpy())
        # Who likes nothing, or only what nothing is known of, is taken for the average user.
        vectors[~vectors.any(axis=1)] = self._average_user()
        return vectors

    def similar(self, items: IntArray) -> FloatArray:
        """Return the cosine of the items' vectors; see `Model.similar`."""
        items = check_rows(items, len(self.item_vectors), "item")
        unit = self.item_vectors / np.maximum(
            np.linalg.norm(self.item_vectors, axis=1, keepdims=True), 1e-12
        )
        return np.asarray(unit[items] @ unit.T)

    def vectors_of_texts(self, vectors: FloatArray) -> FloatArray:
        """Return the place in the item space of texts, float32 of shape (m, dim), length one.

        Args:
            vectors: What the text encoder made of them, float32 of shape (m, text dim).

        Raises:
            DataError: The model was trained without text.
        """
        content = self._content
        if self.content_map is None or not content.text.shape[1]:
            raise DataError("The model was trained without text, so that it cannot be searched.")
        placed = self.content_map.of_text(content.of_text(vectors))
        return np.asarray(F.normalize(torch.from_numpy(placed), dim=1).numpy())

    def state(self) -> State:
        """Return the weights of the predictor and of the content map."""
        if self.predictor is None or not hasattr(self, "_encoded"):
            raise not_fitted(self)
        state = {name: value.numpy() for name, value in self.predictor.state_dict().items()}
        if self.content_map is not None:
            state["content_map.weight"] = self.content_map.weight
            state["content_map.centre"] = self.content_map.centre
            state["content_map.reliability"] = np.array([self.content_map.reliability], np.float32)
        return state

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Take over what `state` returned; `data` must be what `fit` was given.

        Raises:
            RunError: An array is missing, unexpected, of another shape, or not finite.
        """
        self._prepare(data)
        predictor = self._predictor()
        width = predictor.width
        expected: dict[str, tuple[type[np.generic], tuple[int | None, ...]]] = {
            name: (np.float32, tuple(value.shape)) for name, value in predictor.state_dict().items()
        }
        if len(self._anchors):
            expected["content_map.weight"] = np.float32, (self._features_of_items.shape[1], width)
            expected["content_map.centre"] = np.float32, (width,)
            expected["content_map.reliability"] = np.float32, (1,)
        arrays = check_state(state, expected)
        tensors = {
            name: torch.from_numpy(np.array(arrays[name])) for name in predictor.state_dict()
        }
        predictor.load_state_dict(tensors)
        if len(self._anchors):
            self.content_map = ContentMap(
                arrays["content_map.weight"],
                arrays["content_map.centre"],
                float(arrays["content_map.reliability"][0]),
            )
        self._encode()
        return self

    def _prepare(self, data: TrainingData) -> None:
        if data.graph is None:
            raise DataError("Link prediction needs the user–item–attribute graph: give `graph`.")
        config = self.config.predictor
        generator = torch.Generator().manual_seed(self.config.training.seed)
        reads = config.reads_knowledge or self.config.training.negatives.reads_knowledge
        self._graph = Propagation(data.graph, config.normalisation, interactions_only=not reads)
        features = node_features(data.graph)
        self._features = {kind: x for kind, x in features.items() if kind in self._graph.sizes}
        self._trained = trained_nodes(
            self._graph, config.reach, of_triples=config.knowledge is not None
        )
        dims = {kind: int(value.shape[1]) for kind, value in self._features.items()}
        self.predictor = LinkPredictor(config, self._graph, dims, generator)
        self._content = ItemContent.from_graph(data.graph, data.words)
        self.content_map = None
        known = self._trained["item"].numpy().ravel() > 0
        # The map serves new items and texts; where it serves neither, it is not fitted.
        mapped = self.config.new_items == "regress" or self._content.text.shape[1] > 0
        self._anchors = np.flatnonzero(known & self._content.informed() & mapped)
        self._features_of_items = self._content.matrix(self.config.content_words)
        self._regression = None

    def _predictor(self) -> LinkPredictor:
        if self.predictor is None:
            raise not_fitted(self)
        return self.predictor

    def _finish(self) -> None:
        """Fit the content map to the trained vectors, then compute all vectors."""
        self.content_map = None
        with torch.no_grad():
            predictor = self._predictor()
            propagated: Propagated = predictor(self._graph, self._features, self._trained)
            targets = predictor.head.place(propagated).numpy()
        if self._regression is not None:
            self.content_map = self._regression.fit(targets[self._anchors])
        self._encode()

    def _encode(self) -> None:
        predictor = self._predictor()
        with torch.no_grad():
            propagated: Propagated = predictor(self._graph, self._features, self._trained)
            if self.config.new_items == "regress" and self.content_map is not None:
                propagated = self._completed(propagated, self.content_map)
            self._encoded = propagated
            self.user_vectors: FloatArray = predictor.head.user(propagated.user).numpy()
            # A user of whom nothing is known is taken for the average of those who are.
            known = self._trained["user"].numpy().ravel() > 0
            self.user_vectors[~known] = self._average_user()
            self.item_vectors: FloatArray = predictor.head.place(propagated).numpy()
            if self.content_map is not None and self.config.new_items == "regress":
                self.item_vectors[self._is_guessed()] *= self.content_map.reliability

    def _scores(self, users: FloatArray) -> FloatArray:
        head = self._predictor().head
        if users.shape[1] == self.item_vectors.shape[1] and head.is_inner_product:
            scores = np.asarray(users @ self.item_vectors.T)
        else:
            with torch.no_grad():
                scores = head.scores(torch.from_numpy(users), self._encoded).numpy()
        unknown = ~self.item_vectors.any(axis=1)
        if unknown.any() and not unknown.all():
            # Without interactions and content there is no reason to put an item before another.
            scores[:, unknown] = scores[:, ~unknown].min(axis=1, keepdims=True)
        return scores

    def _average_user(self) -> FloatArray:
        known = self._trained["user"].numpy().ravel() > 0
        return np.asarray(self.user_vectors[known].mean(0))

    def _completed(self, propagated: Propagated, content_map: ContentMap) -> Propagated:
        """Give items without interactions the vectors that their content stands for."""
        new = self._is_guessed()
        if not new.any() or not self._predictor().head.is_inner_product:
            return propagated  # a head that reads an item's neighbors knows new items by them
        rows = torch.from_numpy(np.flatnonzero(new))
        made = torch.from_numpy(content_map(self._features_of_items[new]))
        known = propagated.item[self._trained["item"].squeeze(1) > 0]
        made = F.normalize(made, dim=1) * known.norm(dim=1).mean()
        item = propagated.item.clone()
        item[rows] = made
        layers = [layer.clone() for layer in propagated.item_layers]
        for layer in layers:
            if layer.shape[1] != made.shape[1]:  # the result is wider than its layers
                continue
            # A new item that an unseen user likes speaks with the length of the known ones.
            length = layer[self._trained["item"].squeeze(1) > 0].norm(dim=1).mean()
            layer[rows] = F.normalize(made, dim=1) * length
        nodes = {**propagated.nodes, "item": item}
        return replace(propagated, item=item, item_layers=layers, nodes=nodes)

    def _is_guessed(self) -> BoolArray:
        """Return which items have no training interactions, but content, bool (num_items,)."""
        return np.asarray((self._trained["item"].numpy().ravel() == 0) & self._content.informed())

    def __getattr__(self, name: str) -> Any:
        if name in ("user_vectors", "item_vectors", "_content", "_graph"):
            raise not_fitted(self)
        raise AttributeError(name)


class _Validation:
    """Measures a model on the validation part while it is trained."""

    def __init__(self, model: LinkPrediction, data: TrainingData) -> None:
        self.model, self.data = model, data
        assert data.valid is not None
        self.valid: Interactions = data.valid
        self.k = int(model.config.training.metric.partition("@")[2])

    def __call__(self) -> Mapping[str, float]:
        self.model._finish()
        metrics = evaluate(
            self.model,
            self.valid,
            exclude=self.data.train,
            k=(self.k,),
            candidates=self.data.candidates,
        ).metrics
        return {name: metrics[name] for name in metrics if name.split("@")[0] in _CURVE}


_CURVE = ("ndcg", "recall", "precision", "mrr", "map", "hit")


def node_features(data: HeteroData) -> dict[str, Tensor]:
    """Return text vectors and numbers side by side for each node type that has some."""
    features = {}
    for kind in data.node_types:
        parts = [data[kind][name] for name in ("text", "numeric") if name in data[kind]]
        if parts:
            features[kind] = torch.cat(parts, dim=1)
    return features
