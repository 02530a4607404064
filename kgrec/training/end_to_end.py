"""The task `end_to_end`: a link predictor and the encoder of its texts, trained together."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.engine.peers import Peers
from kgrec.errors import DataError
from kgrec.graph.modalities import NUMERIC, TEXT, attach, features_of
from kgrec.models.link_predictor import LinkPredictor
from kgrec.models.training_data import TrainingData
from kgrec.text.progress import ShowProgress
from kgrec.text.tuning.bank import Bank
from kgrec.text.tuning.settings import EndToEndConfig
from kgrec.text.tuning.tasks.base import Task
from kgrec.text.tuning.tower import Corpus, Tower
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig
from kgrec.training.loop import Trainer
from kgrec.training.objective import Objective
from kgrec.training.objective import Task as LinkTask
from kgrec.training.sampling import Batch, Sampler
from kgrec.types import FloatArray, IntArray


@dataclass(frozen=True)
class LinkBatch:
    """What a step works on.

    Attributes:
        items: Rows of the items whose texts are encoded, int64 of shape (b,).
        users: Users with all of their training interactions.
    """

    items: IntArray
    users: Batch


class EndToEndTask(Task[LinkBatch]):
    """See `EndToEndConfig`.

    Args:
        config: The settings.
        link: Those of the link predictor.
        data: Its data; the graph has no vectors of items' texts, for they are made here.
        texts: The text of each item, "" for none.
        tower: The encoder in training.

    Raises:
        DataError: There is no interaction to learn from, or no item has a text.
        ConfigError: Encoder and loss do not fit together.
    """

    name = "end_to_end"

    def __init__(
        self,
        config: EndToEndConfig,
        link: LinkPredictionConfig,
        data: TrainingData,
        texts: Sequence[str],
        tower: Tower,
    ) -> None:
        self.config, self.texts, self._link, self._data = config, texts, link, data
        self.weight, self.rate, self.metric = config.weight, config.rate, link.training.metric
        self._rows = np.flatnonzero([bool(text) for text in texts])
        if not len(self._rows):
            raise DataError("The task `end_to_end` needs texts of items; no item has one.")
        if not len(data.train):
            raise DataError("The task `end_to_end` needs interactions; the training part is empty.")
        self._place = np.full(len(texts), -1, dtype=np.int64)
        self._place[self._rows] = np.arange(len(self._rows))
        self._corpus: Corpus | None = None
        self._resumed = False
        empty = np.zeros((len(texts), tower.dim), dtype=np.float32)
        self._predictor, self._task = self._model(empty)
        self._columns = self._columns_of_text(tower.dim)
        zeros = torch.zeros(len(self._rows), tower.module.pooled_dim, device=tower.device)
        self._bank = Bank(zeros)

    def prepare(self, tower: Tower, progress: ShowProgress = False) -> None:
        """Encode the texts, and train the link predictor alone; see `Task.prepare`."""
        self._corpus = tower.corpus([self.texts[row] for row in self._rows.tolist()], progress)
        tower.centre(self._corpus)
        if not self._resumed:
            self._bank = Bank(tower.pooled(self._corpus, progress=progress))
        self._use(self._text(tower).detach())
        if self.config.alone and not self._resumed:
            alone = self._link.training.model_copy(update={"max_epochs": self.config.alone})
            Trainer(self._predictor, replace(self._task, validate=None), alone, None).run()
            # Those of its last step are no part of the first one with the encoder.
            self._predictor.zero_grad(set_to_none=True)
            self._use(self._text(tower).detach())

    def batches(self, random: np.random.Generator) -> Sequence[LinkBatch]:
        """Return batches with each text once, and each user at least once; see `Task.batches`."""
        generator = torch.Generator().manual_seed(int(random.integers(1 << 62)))
        sampler = self._sampler(generator)
        users = list(sampler.batches(self.config.batch_users))
        order = random.permutation(self._rows)
        items = np.array_split(order, -(-len(order) // self.config.batch_items))
        return [
            LinkBatch(items[place % len(items)], users[place % len(users)])
            for place in range(max(len(items), len(users)))
        ]

    def num_texts(self, batch: LinkBatch) -> int:
        """Return the number of items whose texts are encoded; see `Task.num_texts`."""
        return len(batch.items)

    def loss(self, tower: Tower, batch: LinkBatch) -> Tensor:
        """Return the link predictor's loss of a batch; see `Task.loss`."""
        assert self._corpus is not None
        made, pooled = tower.with_pooled(self._corpus, self._place[batch.items])
        device = self._device()
        text = self._text(tower).index_copy(
            0, torch.from_numpy(batch.items).to(device), made.to(device)
        )
        generator = torch.Generator(device)
        generator.manual_seed(int(torch.randint(1 << 62, ())))  # the step's own, by its seed
        task = replace(self._task, features=self._features(text))
        sampler = self._sampler(generator)
        loss = Objective(self._predictor, task, sampler, self._link.training)(batch.users)
        self._bank.read(self.place, self._place[batch.items], pooled)
        return loss

    def metrics(self, tower: Tower, progress: ShowProgress = False) -> dict[str, float]:
        """Encode all texts again, and validate the link predictor; see `Task.metrics`."""
        assert self._corpus is not None
        self._bank = Bank(tower.pooled(self._corpus, progress=progress))
        text = self._text(tower).detach()
        predictor, task = self._model(text.cpu().numpy())
        predictor.load_state_dict(self._predictor.state_dict())
        self._use(text)
        return {} if task.validate is None else dict(task.validate())

    def identity(self) -> str:
        """Return a digest of the interactions, the texts and the link predictor's settings."""
        matrix = self._data.train.matrix()
        found = hashlib.sha256(matrix.indptr.tobytes() + matrix.indices.tobytes())
        found.update(self._link.model_dump_json().encode())
        for text in self.texts:
            found.update(hashlib.sha256(text.encode("utf-8", "replace")).digest())
        return found.hexdigest()

    def heads(self) -> Mapping[str, nn.Parameter]:
        """Return the parameters of the link predictor; see `Task.heads`."""
        return dict(self._predictor.named_parameters())

    def end_step(self, peers: Peers) -> None:
        """Keep what pooling gave; see `Task.end_step`."""
        self._bank.end_step(peers)

    def state(self) -> dict[str, Tensor]:
        """Return what pooling gave in the last pass."""
        return {"bank": self._bank.values.clone()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what pooling gave in the last pass; see `Task.load_state`."""
        self._bank = Bank(state["bank"].to(device=self._bank.values.device, copy=True))
        self._resumed = True

    def take_over(self, tower: Tower, state: Mapping[str, Tensor]) -> None:
        """Let the link predictor read the vectors of the process that validated, too."""
        super().take_over(tower, state)
        tower.train(False)
        self._use(self._text(tower).detach())

    def _text(self, tower: Tower) -> Tensor:
        """Return the vectors of all items by the last pass, with zeros for those without text."""
        vectors = tower.finished(self._bank.values).to(self._device())
        rows = torch.from_numpy(self._rows).to(vectors.device)
        empty = vectors.new_zeros(len(self.texts), vectors.shape[1])
        return empty.index_copy(0, rows, vectors)

    def _device(self) -> torch.device:
        return self._task.features["item"].device

    def _model(self, bank: FloatArray) -> tuple[LinkPredictor, LinkTask]:
        """Return a link predictor over given vectors of items' texts, and what it is trained on."""
        graph = copy.copy(self._data.graph)
        attach(graph, "item", TEXT, bank, "the encoder in training")
        model = LinkPrediction(self._link)
        task = model.begin(replace(self._data, graph=graph))
        assert model.predictor is not None
        return model.predictor, task

    def _columns_of_text(self, width: int) -> slice:
        """Return where the vectors of texts stand among the items' features."""
        names = features_of(self._data.graph, "item")
        before = [one for name, one in names.items() if name < TEXT and name != NUMERIC]
        start = sum(one.shape[1] for one in before)
        return slice(start, start + width)

    def _features(self, text: Tensor) -> dict[str, Tensor]:
        """Return the features of all nodes, with other vectors of items' texts."""
        items, columns = self._task.features["item"], self._columns
        parts = [items[:, : columns.start], text, items[:, columns.stop :]]
        return {**self._task.features, "item": torch.cat(parts, 1)}

    def _use(self, text: Tensor) -> None:
        """Let the link predictor read these vectors until the next validation."""
        self._task = replace(self._task, features=self._features(text))
        self._predictor.refresh(self._task.graph, self._task.features, self._task.trained)

    def _sampler(self, generator: torch.Generator) -> Sampler:
        return Sampler(self._data.train, generator, self._link.training.loss.rating_exponent)
