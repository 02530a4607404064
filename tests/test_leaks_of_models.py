"""No held-out pair, nor its reverse, is known to any model: not as an edge, and not by its scores.

Every model that a config can name is fitted on planted data with a graph, tables, ratings and
times, for each way of splitting. What it is given and what it holds afterwards is searched for
pairs of a user and an item; and its scores are compared with those of the same model where what is
held out was another.
"""

from dataclasses import fields, is_dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import issparse

from kgrec.config import MODELS, make_config
from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions, Split
from kgrec.data.splits import KINDS
from kgrec.data.vocabulary import Vocabulary
from kgrec.evaluation.evaluate import candidate_ids
from kgrec.evaluation.leaks import find_leaks
from kgrec.graph.build import GraphConfig
from kgrec.graph.homogeneous import HomogeneousGraph
from kgrec.graph.propagation import SparseOperator
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.models.popular import MostPopular
from kgrec.models.ridge import _LowRank
from kgrec.models.training_data import TrainingData
from kgrec.recommender import Recommender
from kgrec.snapshot import Derived

NUM_USERS, NUM_ITEMS, EPOCHS = 23, 17, 2
EX = "http://ex.org/"


def log():
    """Two thirds of a block of users for a block of items, and some noise; rated, at a time."""
    rng = np.random.default_rng(3)
    chance = np.where(np.arange(NUM_USERS)[:, None] % 2 == np.arange(NUM_ITEMS) % 2, 0.65, 0.1)
    user, item = np.nonzero(rng.random((NUM_USERS, NUM_ITEMS)) < chance)
    return Interactions(
        Vocabulary([f"u{row:02}" for row in range(NUM_USERS)], "user"),
        Vocabulary([f"i{row:02}" for row in range(NUM_ITEMS)], "item"),
        user,
        item,
        rng.integers(1, 6, len(user)).astype(np.float32),
        rng.permutation(len(user)) * 86_400,
    )


def prepared(split, candidates):
    """What models are given: by way of the recommender, as in a run."""
    triples = [
        (f"{EX}film{row}", f"{EX}{name}", f"{EX}{name}{row % number}")
        for row in range(NUM_ITEMS - 3)
        for name, number in (("theme", 2), ("director", 5))
    ]
    triples += [(f"{EX}film{row}", f"{EX}sequel", f"{EX}film{row + 2}") for row in range(4)]
    kg = KnowledgeGraph.from_triples(triples)
    items = split.train.items
    table = pd.DataFrame({"item_id": items.ids, "iri": [f"{EX}film{r}" for r in range(len(items))]})
    links = link(items, kg, table.iloc[: NUM_ITEMS - 3])
    tables = {
        "items": AttributeTable.read(
            pd.DataFrame({"item_id": items.ids, "year": np.arange(NUM_ITEMS) % 4 + 1990.0}),
            numbers=["year"],
        ),
        "users": AttributeTable.read(
            pd.DataFrame({"user_id": split.train.users.ids, "job": ["cook", "pilot", "cook"] * 7
                          + ["clerk", "cook"]}),
            id="user_id", categories=["job"], name="user",
        ),
    }  # fmt: skip
    made = Recommender(kg, links, model=MostPopular(), graph=GraphConfig(min_degree=1), **tables)
    text = np.random.default_rng(0).normal(size=(NUM_ITEMS, 6)).astype(np.float32)
    derived = Derived({("item", "text"): text})
    return made.prepare(split.train, split.valid, candidates=candidates, derived=derived).data


def pairs(log):
    return set(zip(log.user.tolist(), log.item.tolist(), strict=True))


def repaired(log, *others, seed=7):
    """Return a log of as many pairs, of the same users and items in new company.

    Two pairs at a time change their items, so long as no pair is in another part or there twice:
    a whole order drawn at once hardly ever fits parts with a pair or two of each user.
    """
    taken = set().union(*(pairs(other) for other in others))
    rng = np.random.default_rng(seed)
    item, before, furthest = log.item.copy(), pairs(log), log
    for change in rng.integers(len(log), size=(2_000, 2)):
        was = item[change]
        item[change] = was[::-1]
        tried = replace(log, item=item.copy())
        if len(pairs(tried)) < len(log) or pairs(tried) & taken:
            item[change] = was
        elif len(pairs(tried) - before) > len(pairs(furthest) - before):
            furthest = tried
    assert len(pairs(furthest) - before) > len(log) / 3
    return furthest


@cache
def split_of(kind):
    split = log().split(kind, valid=0.15, test=0.15, seed=1)
    assert len(split.valid) > 8
    assert len(split.test) > 8
    return split


@cache
def data_of(kind, change="none"):
    """The data of a split; or of one whose test or validation part has other pairs."""
    split = split_of(kind)
    candidates = candidate_ids(split, "valid")
    train, valid, test = split.train, split.valid, split.test
    if change == "test":
        test = repaired(test, train, valid)
    elif change == "no test":
        test = test.select(np.zeros(len(test), dtype=bool))
    elif change == "valid":
        valid = repaired(valid, train, test)
    elif change == "train":
        # Of an item that many have: from a pair that is the only one of its item, a model with a
        # threshold learns nothing.
        often = np.bincount(train.item).argmax()
        train = train.select(np.arange(len(train)) != np.flatnonzero(train.item == often)[0])
    return prepared(Split(train, valid, test, kind), candidates)


def model_of(name, **training):
    choice = {"name": name}
    small = {"predictor": {"dim": 6}, "training": {"max_epochs": EPOCHS, "eval_every": EPOCHS}}
    small["training"] |= training
    if "training" in MODELS[name].model_fields:
        choice |= small
    if name == "ensemble":
        choice["members"] = [{"name": "link_prediction", **small}, {"name": "ease"}]
        choice["weights"] = [0.7, 0.3]  # fitted ones are a matter of validation
    return make_config({"data": {}, "model": choice}).model.build()


@cache
def fitted(name, kind, change="none"):
    return model_of(name).fit(data_of(kind, change))


def scores(name, kind, change="none"):
    return fitted(name, kind, change).score(np.arange(NUM_USERS))


def user_item_pairs(thing, seen=None):
    """Return the pairs (user, item) of everything within an object that joins users and items."""
    seen = {} if seen is None else seen
    if id(thing) in seen or isinstance(thing, str | bytes | int | float | type | None):
        return set()
    seen[id(thing)] = thing  # kept alive, so that no other gets its id
    if isinstance(thing, Interactions):
        return pairs(thing)
    if isinstance(thing, _LowRank):
        # Its rows are those of the system that have several entries. They may be as many as there
        # are items, but they are not the items; the system's own rows are looked at.
        return set()
    if isinstance(thing, SparseOperator):
        return of_operator(thing)
    if isinstance(thing, HomogeneousGraph):
        return of_joint(thing)
    if issparse(thing) or isinstance(thing, np.ndarray | torch.Tensor):
        return of_matrix(thing)
    found = set()
    if isinstance(thing, dict):
        parts = list(thing.values())
    elif isinstance(thing, list | tuple | set | frozenset):
        parts = list(thing)
    elif is_dataclass(thing):
        parts = [getattr(thing, field.name) for field in fields(thing)]
    elif hasattr(thing, "edge_types"):
        return found.union(*(of_edges(kind, thing[kind]) for kind in thing.edge_types))
    else:
        parts = list(getattr(thing, "__dict__", {}).values())
    return found.union(*(user_item_pairs(part, seen) for part in parts))


def of_edges(kind, edges):
    index = edges.edge_index.tolist()
    if {kind[0], kind[2]} != {"user", "item"}:
        return set()
    return set(zip(*(index if kind[0] == "user" else index[::-1]), strict=True))


def of_operator(operator):
    shape = operator.num_sources, operator.num_targets
    if set(shape) != {NUM_USERS, NUM_ITEMS}:
        return set()
    column, row = operator.forward(torch.eye(shape[0])).nonzero().T.flip(0).tolist()
    return set(zip(*((column, row) if shape[0] == NUM_USERS else (row, column)), strict=True))


def of_joint(homogeneous):
    user, item = homogeneous.start("user"), homogeneous.start("item")
    is_user = [
        (end >= user) & (end < user + NUM_USERS) for end in (homogeneous.source, homogeneous.target)
    ]
    is_item = [
        (end >= item) & (end < item + NUM_ITEMS) for end in (homogeneous.source, homogeneous.target)
    ]
    out, back = is_user[0] & is_item[1], is_item[0] & is_user[1]
    one = zip(
        (homogeneous.source[out] - user).tolist(),
        (homogeneous.target[out] - item).tolist(),
        strict=True,
    )
    two = zip(
        (homogeneous.target[back] - user).tolist(),
        (homogeneous.source[back] - item).tolist(),
        strict=True,
    )
    return {*one, *two}


def of_matrix(matrix):
    """A matrix of users and items joins them where it is not zero, and so does its transpose."""
    if tuple(matrix.shape) not in ((NUM_USERS, NUM_ITEMS), (NUM_ITEMS, NUM_USERS)):
        return set()
    place = matrix.nonzero()
    axes = place.T if isinstance(place, torch.Tensor) else place
    row, column = (axis.tolist() for axis in axes)
    swapped = matrix.shape[0] == NUM_ITEMS
    return set(zip(*((column, row) if swapped else (row, column)), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_what_models_are_given(kind):
    data, split = data_of(kind), split_of(kind)
    given = replace(data, valid=None)  # which stops training, and is no edge
    assert user_item_pairs(given) == pairs(split.train)
    assert user_item_pairs(data.graph) == pairs(split.train)
    assert find_leaks(data.graph, split.train, [split.valid, split.test]) == []
    assert pairs(data.valid) == pairs(split.valid)
    held_out = pairs(split.valid) | pairs(split.test)
    assert not held_out & user_item_pairs(given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["test", "no test", "valid"])
def test_what_models_are_given_does_not_depend_on_what_is_held_out(kind, change):
    data, other = data_of(kind), data_of(kind, change)
    for part in ("user", "item", "rating", "timestamp"):
        assert np.array_equal(getattr(data.train, part), getattr(other.train, part))
    assert data.graph.node_types == other.graph.node_types
    assert data.graph.edge_types == other.graph.edge_types
    for edges in data.graph.edge_types:
        assert torch.equal(data.graph[edges].edge_index, other.graph[edges].edge_index)
    assert torch.equal(data.graph["item"].numeric, other.graph["item"].numeric)
    for matrix in ("attributes", "user_features"):
        assert (getattr(data, matrix) != getattr(other, matrix)).nnz == 0
    assert np.array_equal(data.candidates, other.candidates)
    assert np.array_equal(data.valid.item, other.valid.item) == (change != "valid")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_holds(name, kind):
    split, model = split_of(kind), fitted(name, kind)
    model.score(np.arange(NUM_USERS))  # and what it may keep of that
    held = user_item_pairs(model) | user_item_pairs(model.state())
    assert held <= pairs(split.train)
    if "training" in MODELS[name].model_fields:
        assert held == pairs(split.train)  # its edges were found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_scores_do_not_depend_on_what_is_held_out(name, kind):
    """Validation chooses the epoch; where that is the same, all else is."""
    ours = scores(name, kind)
    for change in ("test", "valid"):
        assert np.array_equal(ours, scores(name, kind, change))
    assert not np.array_equal(ours, scores(name, kind, "train"))  # as they do on training


@pytest.mark.parametrize("name", [n for n in MODELS if "training" in MODELS[n].model_fields])
def test_validation_changes_no_step_of_training(name):
    curves = []
    for change in ("none", "valid"):
        curve = []
        data = data_of("random", change)
        model_of(name, eval_every=1).fit(data, callback=curve.append)
        curves.append(curve)
    one, other = ([entry["loss"] for entry in curve] for curve in curves)
    assert len(one) == EPOCHS
    assert one == other
    metrics = ([entry["best"] for entry in curve] for curve in curves)
    assert next(metrics) != next(metrics)


def test_fitted_weights_depend_on_validation_and_members_do_not():
    members = [{"name": "ease"}, {"name": "most_popular"}]
    choice = {"name": "ensemble", "members": members, "l2": 0.5}
    made = [
        make_config({"data": {}, "model": choice}).model.build().fit(data_of("random", change))
        for change in ("none", "valid", "test")
    ]
    assert not np.array_equal(made[0].weights, made[1].weights)
    assert np.array_equal(made[0].weights, made[2].weights)
    users = np.arange(NUM_USERS)
    for one, other in zip(made[0].members, made[1].members, strict=True):
        assert np.array_equal(one.score(users), other.score(users))


def test_training_on_drawn_neighbors_holds_no_other_edges():
    """Each step sees a part of the graph; what is drawn from must be training alone."""
    made = [
        model_of("link_prediction", loss="bpr", num_neighbors=[2, 2], batch_pairs=20).fit(
            data_of("random", change)
        )
        for change in ("none", "valid")
    ]
    assert user_item_pairs(made[0]) == pairs(split_of("random").train)
    users = np.arange(NUM_USERS)
    assert np.array_equal(made[0].score(users), made[1].score(users))


class Leaky(MostPopular):
    """Keeps the validation part and scores by it: what these tests have to notice."""

    def fit(self, data, *, callback=None):
        self.memory = [{"log": data.valid.matrix()}]
        self.operator = SparseOperator(
            torch.tensor(data.valid.item.tolist()),
            torch.tensor(data.valid.user.tolist()),
            torch.ones(len(data.valid)),
            NUM_ITEMS,
            NUM_USERS,
        )
        return super().fit(data)

    def score(self, users):
        return super().score(users) + self.memory[0]["log"][users].toarray()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_keeps_what_is_held_out_is_noticed(kind):
    model, split = Leaky().fit(data_of(kind)), split_of(kind)
    assert pairs(split.valid) <= user_item_pairs(model.memory)
    assert pairs(split.valid) == user_item_pairs(model.operator)
    users = np.arange(NUM_USERS)
    other = Leaky().fit(data_of(kind, "valid"))
    assert not np.array_equal(model.score(users), other.score(users))


def test_a_leak_in_what_a_model_is_given_is_noticed():
    data, split = data_of("random"), split_of("random")
    graph = data.graph.clone()
    user, item = sorted(pairs(split.test))[0]
    graph["item", "rev_liked", "user"].edge_index = torch.tensor([[item], [user]])
    leaked = TrainingData(data.train, data.valid, graph)
    assert (user, item) in user_item_pairs(replace(leaked, valid=None))
    assert find_leaks(graph, split.train, split.test)[0].edge_type == ("item", "rev_liked", "user")
    model = model_of("link_prediction").fit(leaked)
    assert (user, item) in user_item_pairs(model)
