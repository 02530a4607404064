"""The link predictor as a recommender model, with vectors for new items from their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional as F

from kgrec.engine import engine_in_use
from kgrec.errors import DataError
from kgrec.graph.modalities import node_features
from kgrec.graph.propagation import Propagation
from kgrec.graph.relation_names import INTERACTS
from kgrec.models.base import Callback, Model, ModelConfig, VectorModel, unit_rows
from kgrec.models.checks import check_histories, check_rows, not_fitted
from kgrec.models.content import ContentMap, ContentRegression, ItemContent
from kgrec.models.contributions import liked_rows
from kgrec.models.encoders.base import Propagated
from kgrec.models.encoders.unpropagated import Unpropagated
from kgrec.models.growing import changed_rows
from kgrec.models.heads.inner_product import DotHead
from kgrec.models.link_predictor import LinkPredictor, LinkPredictorConfig, trained_nodes
from kgrec.models.members import with_members
from kgrec.models.state import State, check_state
from kgrec.models.training_data import TrainingData
from kgrec.training.carried_over import OF_EDGES, TrainedWeights
from kgrec.training.edge_gradients import EdgeGradients
from kgrec.training.fold_in import Place, best_step
from kgrec.training.loop import Trainer, TrainingProgress
from kgrec.training.minibatch import check_num_neighbors
from kgrec.training.moved_keys import refuse_moved_keys
from kgrec.training.objective import Task
from kgrec.training.settings import TrainingConfig
from kgrec.training.together import train_together
from kgrec.training.trained_vectors import TrainedVectors, with_vectors_of_items
from kgrec.training.validation import Validation
from kgrec.types import BoolArray, EdgeType, Float64Array, FloatArray, IntArray, torch_device

_STEP: Final = "fold_in_step"
BYTES_A_NUMBER: Final = 60
"""Memory of a training for each number of the nodes' vectors."""
BYTES_WITHOUT_TABLES: Final = 20
BYTES_OF_A_LAYER: Final = 5
"""The same where tables are on disk: without layers, and for each of them."""
BYTES_OF_AN_EDGE: Final = 12
"""Memory of an edge in the operators, in which its inverse is another edge."""


class LinkPrediction(VectorModel):
    """Recommends by predicting links user → item in the user–item–attribute graph.

    `fit` builds a `LinkPredictor` for the graph of the training data and trains it. Then items
    without interactions get vectors from their content.

    Args:
        config: Settings.
        checkpoint: Where training writes its checkpoints.
        resume: Whether `fit` continues from `checkpoint`.
    """

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
        self._found: TrainedVectors | None = None
        self._regression: ContentRegression | None = None
        self._before: TrainedWeights | None = None
        self._step = 0.0

    def fit(self, data: TrainingData, *, callback: Callback | None = None) -> Self:
        """Train on `data.graph`, which is needed, and `data.train`.

        Raises:
            DataError: There is no graph, or no training interaction.
        """
        engine = engine_in_use()
        if engine.num_together:
            self._begin(data, torch.device("cpu"))
            self._start()
            alone = replace(data, valid=None)
            self.progress = train_together(
                engine, _begun, (self.config, data), (self.config, alone), self._predictor(),
                self.config.training, self.checkpoint, resume=self.resume, callback=callback,
            )  # fmt: skip
        else:
            task = self.begin(data)
            self._start()
            trainer = Trainer(self._predictor(), task, self.config.training, self.checkpoint)
            if self.resume:
                trainer.resume()
            with trainer.interruptible():
                for _ in trainer.epochs(callback):
                    trainer.remember()
            self.progress = trainer.finish()
        self._finish()
        self._regression = None  # its inverse is as large as items squared
        if self._predictor().head.is_inner_product:
            training = self.config.training
            self._step = best_step(data, self._as_if_new, training.metric, training.seed)
        return self

    def memory_to_fit(self, data: TrainingData) -> int:
        """Return 60 bytes for each number of the nodes' vectors, and 12 for each edge.

        All encoders need as much. It was measured (`experiments/bench_models.py`): weights, their
        gradients, means and best ones, Adam's state, and the vectors of a step. Attention and wide
        layers need more, two to five times as much. With `tables_on_disk`, what is left are the
        vectors of all nodes, with those of each layer (`experiments/tables_on_disk.py`).
        """
        if data.graph is None:
            return 0
        config = self.config.predictor
        reads = config.reads_knowledge or self.config.training.negatives.reads_knowledge
        kinds = data.graph.node_types if reads else ("user", "item")
        nodes = sum(int(data.graph[kind].num_nodes) for kind in kinds)
        edges = sum(
            int(data.graph[kind].edge_index.shape[1])
            for kind in data.graph.edge_types
            if reads or kind[1] in ("interacts", "rev_interacts")
        )
        each = BYTES_A_NUMBER
        if self.config.training.tables_on_disk:
            each = BYTES_WITHOUT_TABLES + BYTES_OF_A_LAYER * config.encoder.reach
        return each * nodes * config.dim + BYTES_OF_AN_EDGE * edges

    def begin(self, data: TrainingData) -> Task:
        """Build `predictor` for a graph, with its first weights, and return what it is trained on.

        It is the first step of `fit`. Whoever trains `predictor` in another way begins with it too.

        Raises:
            DataError: There is no graph.
        """
        return self._begin(data, torch_device(self.config.training.device))

    def _begin(self, data: TrainingData, device: torch.device) -> Task:
        self._prepare(data, device)
        self._decide_who_is_known()
        validate = None
        if data.valid is not None and len(data.valid):
            prepare, metric = partial(self._finish, exactly=False), self.config.training.metric
            validate = Validation(self, prepare, data, metric)
        return Task(data.train, self._graph, self._features, self._trained, validate)

    def _start(self) -> None:
        """Begin with the weights of another model, if there is one and no training resumes."""
        if self._before is not None and not self.resume:
            self._before.put_into(self._predictor(), self._nodes)

    def start_from(self, before: Model) -> bool:
        """Let the next `fit` begin with the weights of another link predictor.

        It may also be a member of the other model. `resume` counts more. See `Model.start_from`.
        """
        other = next((one for one in with_members(before) if isinstance(one, LinkPrediction)), None)
        if other is None:
            return False
        self._before = TrainedWeights.of(other._predictor(), other._nodes)
        return True

    def updated(self, data: TrainingData) -> LinkPrediction:
        """Return the model with the same weights on another graph; see `Model.updated`.

        Known users, items and entities keep their embeddings, found by their ids, and the encoder
        passes messages over the new edges. Nothing was learnt of new ones, so their embeddings are
        zero: new users are folded in from their items; new items get their vectors from their
        content, or, if there is none, from their users; the map from content is solved again.
        Without propagation, users whose items changed are folded in too.
        """
        old = self._predictor()
        self._vectors()
        made = LinkPrediction(self.config)
        made._prepare(data, torch.device("cpu"))
        predictor = made._predictor()
        with torch.no_grad():
            weights = TrainedWeights.of(old, self._nodes)
            for kind, trained in self._trained.items():
                weights.state[f"fusion.{kind}.embedding"].mul_(trained.cpu() > 0)
            if isinstance(old.encoder, Unpropagated):
                users = torch.from_numpy(self._moved(made))
                weights.state["fusion.user.embedding"][users] = 0.0
            for name, (axis, names) in predictor.axes.items():
                value = predictor.get_parameter(name)
                value.copy_(weights.of_new(name, value, axis, of_nodes=isinstance(names, str)))
            weights.put_into(predictor, made._nodes)
        made._decide_who_is_known()
        made._step = self._step
        attention = weights.state.get(OF_EDGES)
        same_nodes = made._nodes == self._nodes
        if attention is not None and same_nodes and made._graph.has_edges_of(self._graph):
            predictor.load_state_dict({OF_EDGES: attention}, strict=False)
        else:
            predictor.refresh(made._graph, made._features, made._trained)
        made._finish()
        made._regression = None
        return made

    @property
    def forgets(self) -> bool:
        """It was trained: only another training forgets. The users' own embeddings are gone."""
        return False

    @property
    def user_vectors(self) -> FloatArray:
        """The known users; one without training interactions is the average of the others."""
        return self._vectors().user

    @property
    def item_vectors(self) -> FloatArray:
        """The items; zero for items without interactions and content."""
        return self._vectors().item

    @property
    def similarity_vectors(self) -> FloatArray:
        """The items' vectors for similarity, scaled to length one; see `VectorModel`."""
        return unit_rows(self._vectors().place)

    @property
    def unknown_items(self) -> IntArray:
        """Rows of the items without interactions and content."""
        return self._vectors().unknown_items

    @property
    def scores_are_products(self) -> bool:
        """Whether the head's score is an inner product."""
        return self._predictor().head.is_inner_product

    @property
    def places_content(self) -> bool:
        """Whether a map from vectors of the items by modality was fitted."""
        return self.content_map is not None and bool(self._content.vectors)

    def score(self, users: IntArray) -> FloatArray:
        """Return the scores of all items for known users; see `Model.score`.

        A user without training interactions gets the scores of the average user.
        """
        users = check_rows(users, len(self.user_vectors), "user")
        return self._vectors().scores(self.user_vectors[users])

    def score_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the scores of all items for unseen users; see `Model.score_histories`."""
        return self._vectors().scores(self.vectors_of_histories(histories))

    def vectors_of_histories(self, histories: csr_matrix) -> FloatArray:
        """Return the vectors of unseen users, float32 of shape (b, dim), after the head."""
        found = check_histories(histories, len(self.item_vectors))
        found.eliminate_zeros()  # in our copy; a stored zero is not a liked item
        return self._vectors().of_histories(found, self._step)

    def parts_of_history(self, history: csr_matrix) -> FloatArray | None:
        """Return the part of each liked item in the user's vector, if it is a sum of them.

        It is if the encoder adds up what liked items send; the length to which a head scales the
        vector is that of the whole history.
        """
        found = check_histories(history, len(self.item_vectors))
        return self._vectors().parts_of_history(found, self._step)

    def edge_attributions(
        self,
        asked: int | csr_matrix,
        item: int,
        groups: Mapping[EdgeType, IntArray],
        number: int,
        steps: int,
    ) -> Float64Array | None:
        """Return what groups of edges add to a score; see `Model.edge_attributions`.

        The encoder must take edge weights (`lightgcn`, `xsimgcl`, `rgcn`) and read the graph's
        edges, the head must be an inner product, and no item in question be new, because new items
        are placed by their content.
        """
        predictor, found = self._predictor(), self._vectors()
        encoder, head = self.config.predictor.encoder, self.config.predictor.head
        takes = predictor.encoder.takes_edge_weights and encoder.reads_knowledge
        if not takes or not predictor.head.is_inner_product:
            raise DataError(
                "Gradients go through the encoders lightgcn, xsimgcl and rgcn that pass messages "
                f"over the graph, with an inner product as head; found encoder {encoder.name!r} "
                f"and head {head.name!r}. Use method 'masking'."
            )
        if not isinstance(asked, csr_matrix):
            asked = int(check_rows(np.array([asked]), len(found.user), "user")[0])
            if asked in self._folded:  # such a user is scored by their items
                asked = self._histories_of(self._folded[self._folded == asked])
        liked = np.zeros(0, dtype=np.int64)
        if isinstance(asked, csr_matrix):
            asked = check_histories(asked, len(found.item))
            liked = liked_rows(asked)
        placed = self._is_guessed()
        placed[self.unknown_items] = True
        if placed[item] or placed[liked].any():
            raise DataError(
                "Gradients go through the messages between known items, but the item or a liked "
                "one has no interactions that the model was trained on: its content places it. "
                "Use method 'masking'."
            )
        way = EdgeGradients(predictor, self._graph, self._features, self._trained, self._step)
        return way.attributions(asked, item, groups, number, steps)

    def vectors_of_content(self, content: Mapping[str, FloatArray]) -> FloatArray:
        """Return the vectors of content, float32 (m, dim); see `VectorModel`.

        Their length is the mean length of known items, times the reliability of the content map.
        """
        if not self.places_content or self.content_map is None:
            return super().vectors_of_content(content)
        blocks = [self._content.block(name, vectors) for name, vectors in content.items()]
        unit = F.normalize(torch.from_numpy(self.content_map.of_blocks(blocks)), dim=1).numpy()
        return np.asarray(unit * self._length_of_content(self.content_map))

    def item_vectors_at(self, places: FloatArray) -> FloatArray:
        """Return the item vectors at some places; a translation has others, see `VectorModel`."""
        head = self._predictor().head
        if type(head).place is DotHead.place or not head.is_inner_product:
            return places
        with torch.no_grad():
            return np.asarray(head.item(torch.from_numpy(places)).numpy())

    def state(self) -> State:
        """Return the weights of the predictor and of the content map."""
        self._vectors()
        weights = self._predictor().state_dict()
        state = {name: value.cpu().numpy() for name, value in weights.items()}
        if self.content_map is not None:
            state["content_map.weight"] = self.content_map.weight
            state["content_map.centre"] = self.content_map.centre
            state["content_map.reliability"] = np.array([self.content_map.reliability], np.float32)
        state[_STEP] = np.array([self._step], np.float32)
        return state

    def stored_vectors(self, histories: csr_matrix) -> State | None:
        """Return arrays from which `StoredVectors` answers as this does; None: it cannot.

        Args:
            histories: Some histories, CSR of shape (b, num_items), on which the vectors of
                histories are tried.
        """
        head, found = self._predictor().head, self._vectors()
        if not head.is_inner_product:
            return None
        arrays: State = {"user": found.user, "item": found.item}
        if found.place is not found.item:
            arrays["place"] = found.place
        arrays["unknown"] = self.unknown_items
        if self.places_content and self.content_map is not None:
            content, mapped = self._content, self.content_map
            length = np.array([self._length_of_content(mapped)])
            arrays |= {"content.centre": mapped.centre, "content.length": length}
            for name, mean in content.means.items():
                _, columns = content.block(name, np.zeros((1, len(mean)), dtype=np.float32))
                arrays[f"content.{name}.mean"] = mean
                arrays[f"content.{name}.weight"] = mapped.weight[columns]
        expected = self.vectors_of_histories(histories)
        return arrays | found.history_arrays(histories, expected, self._step)

    def load_state(self, state: Mapping[str, npt.NDArray[Any]], data: TrainingData) -> Self:
        """Restore what `state` returned; `data` must hold the graph that `fit` used.

        The model then computes on the CPU, wherever it was trained.

        Raises:
            RunError: An array is missing, unexpected, of another shape, or not finite.
        """
        self._prepare(data, torch.device("cpu"))
        predictor = self._predictor()
        width = predictor.width
        self._decide_who_is_known(state)
        expected: dict[str, tuple[type[np.generic], tuple[int | None, ...]]] = {
            name: (np.float32, tuple(value.shape)) for name, value in predictor.state_dict().items()
        }
        if len(self._anchors):
            expected["content_map.weight"] = np.float32, (self._features_of_items.shape[1], width)
            expected["content_map.centre"] = np.float32, (width,)
            expected["content_map.reliability"] = np.float32, (1,)
        expected[_STEP] = np.float32, (1,)
        # Runs of kgrec 0.2.0 have no step: there was none.
        none = {_STEP: np.zeros(1, np.float32)}
        arrays = check_state({**none, **state}, expected)
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
        self._step = float(arrays[_STEP][0])
        self._encode(self._propagated())
        return self

    def _prepare(self, data: TrainingData, device: torch.device) -> None:
        if data.graph is None:
            raise DataError("Link prediction needs the user–item–attribute graph: give `graph`.")
        config = self.config.predictor
        generator = torch.Generator().manual_seed(self.config.training.seed)
        reads = config.reads_knowledge or self.config.training.negatives.reads_knowledge
        self._graph = Propagation(
            data.graph, config.encoder.normalisation, interactions_only=not reads, device=device
        )
        features = node_features(data.graph)
        self._features = {
            kind: x.to(device) for kind, x in features.items() if kind in self._graph.sizes
        }
        self._trained = trained_nodes(
            self._graph, config.reach, of_triples=config.knowledge is not None
        )
        dims = {kind: int(value.shape[1]) for kind, value in self._features.items()}
        # Initial values are drawn on the CPU, so that they are the same on every device.
        self.predictor = LinkPredictor(config, self._graph, dims, generator).to(device)
        self._nodes = {kind: data.graph[kind].node_id for kind in self._graph.sizes}
        self._pairs = data.graph[INTERACTS].edge_index.numpy()
        self._content = ItemContent.from_graph(data.graph, data.words)
        self.content_map = None
        self._features_of_items = self._content.matrix(self.config.content_words)
        self._regression = None

    def _decide_who_is_known(self, state: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
        """Tell nodes that were trained from those that came later, whose embeddings are zero.

        Args:
            state: The embeddings to look at; None: those of the predictor.
        """
        seen, zero = {}, {}
        for kind in ("user", "item"):
            name = f"fusion.{kind}.embedding"
            mask = self._trained[kind]
            given = None if state is None else state.get(name)
            rows = self._predictor().get_parameter(name).detach() if given is None else given
            fits = rows.shape[:1] == mask.shape[:1] and rows.ndim == 2
            trained = (rows != 0).any(1) if fits else np.ones(len(mask), dtype=bool)
            zero[kind] = ~np.asarray(trained.cpu() if isinstance(trained, Tensor) else trained)
            seen[kind] = mask.cpu().numpy().ravel() > 0
        informed = self._content.informed()
        known = seen["item"] & ~(zero["item"] & informed)
        # The map is fitted only if new items or texts need it.
        mapped = self.config.new_items == "regress" or bool(self._content.vectors)
        self._anchors = np.flatnonzero(known & ~zero["item"] & informed & mapped)
        self._folded = np.flatnonzero(seen["user"] & zero["user"])
        for kind, found in (("item", known), ("user", seen["user"] & ~zero["user"])):
            made = torch.from_numpy(found[:, None].astype(np.float32))
            self._trained[kind] = made.to(self._graph.device)

    def _moved(self, other: LinkPrediction) -> IntArray:
        """Return the rows of the users who have other items in another model."""
        shape = other._graph.sizes["user"], other._graph.sizes["item"]
        logs = [
            csr_matrix((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=shape)
            for pairs in (self._pairs, other._pairs)
        ]
        rows = changed_rows(logs[0], logs[1])
        return rows[rows < self._graph.sizes["user"]]

    def _predictor(self) -> LinkPredictor:
        if self.predictor is None:
            raise not_fitted(self)
        return self.predictor

    def _finish(self, *, exactly: bool = True) -> None:
        """Fit the content map to the trained vectors, then compute all vectors.

        Args:
            exactly: Whether the map is the one that stays, and not one to validate by.
        """
        self.content_map = self._found = None  # the old vectors need not stay beside the new
        propagated = self._propagated()
        if len(self._anchors):
            if self._regression is None:  # the same for all epochs
                features = self._features_of_items[self._anchors]
                self._regression = ContentRegression(features, self.config.content_l2)
            with torch.no_grad():
                targets = self._predictor().head.place(propagated).cpu().numpy()[self._anchors]
            solve = self._regression.fit if exactly else self._regression.sketch
            self.content_map = solve(targets)
        self._encode(propagated)

    def _propagated(self) -> Propagated:
        with torch.no_grad():
            found: Propagated = self._predictor()(self._graph, self._features, self._trained)
        return found

    def _as_if_new(self, users: IntArray) -> tuple[FloatArray, Place]:
        """Return items and the place of histories without the embeddings of some users.

        `updated` leaves those of users who come after training at zero. See `best_step`.
        """
        mask = self._trained["user"].clone()
        mask[torch.from_numpy(users).to(mask.device)] = 0.0
        trained = {**self._trained, "user": mask}
        with torch.no_grad():
            propagated = self._predictor()(self._graph, self._features, trained)
        found = self._made(propagated, trained)
        return found.item, found.of_histories

    def _made(self, propagated: Propagated, trained: Mapping[str, Tensor]) -> TrainedVectors:
        """Return the vectors that scoring asks for.

        Args:
            propagated: The vectors of all nodes.
            trained: Which nodes training reaches; see `trained_nodes`.
        """
        guessed = self._is_guessed()
        reliability = np.ones((len(guessed), 1), np.float32)
        if self.config.new_items == "regress" and self.content_map is not None:
            propagated = self._completed(propagated, self.content_map)
            reliability[guessed] = self.content_map.reliability
        users, items = (trained[kind].cpu().numpy().ravel() > 0 for kind in ("user", "item"))
        return TrainedVectors.of(
            self._predictor(), self._graph, propagated, users, items, reliability
        )

    def _encode(self, propagated: Propagated) -> None:
        """Compute all that scoring asks for."""
        self._found = found = self._made(propagated, self._trained)
        if len(self._folded):
            theirs = self._histories_of(self._folded)
            found.user[self._folded] = found.of_histories(theirs, self._step)

    def _histories_of(self, users: IntArray) -> csr_matrix:
        """Return the items of some users, given by ascending rows, CSR of (users, num_items)."""
        liked = np.isin(self._pairs[0], users)
        row = np.searchsorted(users, self._pairs[0][liked])
        ones = np.ones(len(row), dtype=np.float32)
        shape = len(users), self._graph.sizes["item"]
        return csr_matrix((ones, (row, self._pairs[1][liked])), shape=shape)

    def _vectors(self) -> TrainedVectors:
        if self._found is None:
            raise not_fitted(self)
        return self._found

    def _completed(self, propagated: Propagated, content_map: ContentMap) -> Propagated:
        """Give items without interactions the vectors that are predicted from their content."""
        new = self._is_guessed()
        if not new.any() or not self._predictor().head.is_inner_product:
            return propagated  # such a head reads the neighbors of new items
        vectors = content_map(self._features_of_items[new])
        known = self._trained["item"].squeeze(1) > 0
        return with_vectors_of_items(propagated, new, vectors, known)

    def _length_of_content(self, content_map: ContentMap) -> np.float32:
        """Return the length of vectors that are predicted from content."""
        lengths = np.linalg.norm(self._vectors().place[self._anchors], axis=1)
        return np.float32(lengths.mean() * content_map.reliability)

    def _is_guessed(self) -> BoolArray:
        """Return which items have content but no training interactions, bool (num_items,)."""
        return np.asarray(
            (self._trained["item"].cpu().numpy().ravel() == 0) & self._content.informed()
        )


def _begun(given: tuple[LinkPredictionConfig, TrainingData]) -> tuple[LinkPredictor, Task]:
    """Return a model, as it is before training, and its task; a worker of an engine calls it."""
    config, data = given
    model = LinkPrediction(config)
    task = model.begin(data)
    return model._predictor(), task


class LinkPredictionConfig(ModelConfig):
    """Settings of the model, of its training, and of what happens to items without interactions."""

    name: Literal["link_prediction"] = "link_prediction"
    model: ClassVar[type[Model]] = LinkPrediction
    predictor: LinkPredictorConfig = Field(
        default=LinkPredictorConfig(), description="The parts of the model."
    )
    training: TrainingConfig = Field(default=TrainingConfig(), description="How it is trained.")
    new_items: Literal["regress", "propagate"] = Field(
        default="regress",
        description="Vectors of items without training interactions: `regress`: a ridge "
        "regression from text, attributes and numbers to the trained items' vectors; "
        "`propagate`: from fusion and encoder, by their features and neighbors.",
    )
    content_l2: float = Field(default=3.0, gt=0, description="Strength of that regression's ridge.")
    content_words: float = Field(
        default=2.0,
        ge=0,
        description="Weight of the words of an item's text in that regression, beside the language "
        "model's vector; 0: they are not read.",
    )

    def seeded(self, seed: int) -> Self:
        """Return the settings with `seed` added to their own."""
        training = self.training.model_copy(update={"seed": seed + self.training.seed})
        return self.model_copy(update={"training": training})

    @model_validator(mode="before")
    @classmethod
    def _no_moved_key(cls, given: Any) -> Any:
        return refuse_moved_keys(given)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_num_neighbors(self.predictor, self.training)
        if self.training.contrast is not None:
            self.training.contrast.check(self.predictor)
        return self
