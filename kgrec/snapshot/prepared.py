"""The data that is ready for training, and the snapshot of a model that was fitted on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary, id_list
from kgrec.graph.modalities import attach
from kgrec.models.base import Model
from kgrec.models.training_data import TrainingData
from kgrec.retrieval.settings import EXACT, ApproximateIndexConfig, ExactIndexConfig
from kgrec.snapshot.histories import dislikes_of, histories_of
from kgrec.snapshot.inputs import Derived, Inputs
from kgrec.snapshot.snapshot import Snapshot
from kgrec.text.words import tf_idf

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

    from kgrec.graph.numeric import NumberScales


@dataclass(frozen=True)
class Prepared:
    """The data that is ready for training.

    Attributes:
        data: The training data of a model.
        inputs: The data from which the graph was built, over the catalogue.
        derived: Data made from the inputs, such as text vectors.
        index_config: How a snapshot finds items by their vectors.
    """

    data: TrainingData
    inputs: Inputs
    derived: Derived
    index_config: ExactIndexConfig | ApproximateIndexConfig = EXACT

    def fitted(self, model: Model) -> Snapshot:
        """Return the snapshot of a model that was fitted on `data`."""
        known = tuple(log for log in (self.data.train, self.data.valid) if log is not None)
        return Snapshot(
            model,
            self.data.train.users,
            self.data.train.items,
            histories_of(known),
            self.inputs,
            self.derived,
            known,
            self.data.graph,
            disliked=dislikes_of(known),
            index_config=self.index_config,
        )


def prepare(
    given: Inputs,
    train: Interactions,
    valid: Interactions | None,
    candidates: Iterable[str | int] | None,
    derived: Derived | Callable[[Inputs, HeteroData], Derived],
    scales: NumberScales | None = None,
) -> Prepared:
    """Return the data to fit a model and to make a snapshot.

    Args:
        given: The graph, tables and links, over any vocabularies.
        train: The interactions to learn from.
        valid: Interactions that decide when to stop.
        candidates: Ids of the items to rank on `valid`; None: all.
        derived: Derived data of the same inputs, or what makes it.
        scales: How numbers are normalised; None: as in `derived`, or learnt from `train`.
    """
    # A saved recommender answers without these.
    from kgrec.graph.build import build_graph
    from kgrec.models.content import item_attributes
    from kgrec.models.user_content import user_features

    items = train.items if valid is None else _with(train.items, valid.items)
    items = items if given.links is None else _with(items, given.links.items)
    items = items if given.items is None else _with(items, given.items.ids)
    users = train.users if given.users is None else _with(train.users, given.users.ids)
    rows = None if candidates is None else items.rows(id_list(candidates, "candidates"))
    train = train.reindex(users, items)
    valid = None if valid is None else valid.reindex(users, items)
    links = None if given.links is None else given.links.reindex(items)
    inputs = replace(given, links=links)
    graph = build_graph(
        train,
        inputs.kg,
        links,
        items=inputs.items,
        users=inputs.users,
        config=inputs.config,
        scales=derived.scales if isinstance(derived, Derived) else scales,
    )
    made = derived if isinstance(derived, Derived) else derived(inputs, graph)
    for (kind, modality), matrix in made.features.items():
        attach(graph, kind, modality, matrix, made.made_by.get((kind, modality), "unknown"))
    data = TrainingData(
        train,
        valid,
        graph,
        item_attributes(graph),
        rows,
        None if inputs.users is None else user_features(inputs.users.reindex(users)),
        None if made.words is None else tf_idf(made.words),
    )
    return Prepared(data, inputs, made)


def _with(known: Vocabulary, others: Vocabulary) -> Vocabulary:
    """Return the union; where nothing is new, the rows stay, also those that were appended."""
    if known == others or (known.rows(others.array, missing="-1") >= 0).all():
        return known
    return known.union(others)
