"""A planted leak is caught, whichever way it goes, and what is no leak is let through."""

import numpy as np
import pandas as pd
import pytest
import torch

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions, Split
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
from kgrec.evaluation.leaks import check_no_leak, find_leaks
from kgrec.graph.build import GraphConfig, build_graph
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.models.popular import MostPopular
from kgrec.recommender import Recommender

EX = "http://ex.org/"
EVERYTHING = GraphConfig(min_degree=1)
NUM_USERS, NUM_ITEMS = 24, 15


def split_of(user="u{}", item="i{:02}", seed=0):
    """A random split of 90 interactions, a quarter of all pairs."""
    rng = np.random.default_rng(seed)
    users = Vocabulary([user.format(n) for n in range(NUM_USERS)], "user")
    items = Vocabulary([item.format(n) for n in range(NUM_ITEMS)], "item")
    pairs = rng.permutation(NUM_USERS * NUM_ITEMS)[:90]
    log = Interactions(users, items, pairs // NUM_ITEMS, pairs % NUM_ITEMS)
    return log.split("random", valid=0.15, test=0.15, seed=seed)


def ids(log):
    return list(zip(log.users.take(log.user), log.items.take(log.item), strict=True))


def graph_of(split, triples=(), linked=range(10), **tables):
    """The graph of training, with film n for item n where it is linked."""
    base = [(f"{EX}film{n:02}", f"{EX}by", f"{EX}mann{n % 2}") for n in range(NUM_ITEMS)]
    kg = KnowledgeGraph.from_pandas(
        pd.DataFrame([*base, *triples], columns=["head", "relation", "tail"])
    )
    names = split.train.items.ids
    table = pd.DataFrame(
        {"item_id": [names[n] for n in linked], "iri": [f"{EX}film{n:02}" for n in linked]}
    )
    links = link(split.train.items, kg, table)
    return build_graph(split.train, kg, links, config=EVERYTHING, **tables)


def check(graph, split):
    check_no_leak(graph, split.train, [split.valid, split.test])


def on_linked(split, part="test"):
    """Return (user id, entity) of a held-out pair whose item is linked."""
    return next((u, f"{EX}film{i[1:]}") for u, i in ids(split.part(part)) if int(i[1:]) < 10)


def test_training_alone_is_no_leak():
    split = split_of()
    graph = graph_of(split)
    assert find_leaks(graph, split.train, [split.valid, split.test]) == []
    check(graph, split)


@pytest.mark.parametrize("part", ["valid", "test"])
@pytest.mark.parametrize("direction", ["liked", "liked by", "interacts", "rev_interacts"])
def test_an_edge_between_a_user_and_an_item(part, direction):
    split = split_of()
    graph = graph_of(split)
    held_out = split.part(part)
    pair = torch.tensor([[int(held_out.user[0])], [int(held_out.item[0])]])
    forward = direction in ("liked", "interacts")
    kind = ("user", direction, "item") if forward else ("item", direction, "user")
    new = pair if forward else pair.flip(0)
    old = graph[kind].edge_index if kind in graph.edge_types else new[:, :0]
    graph[kind].edge_index = torch.cat([old, new], dim=1)
    (leak,) = find_leaks(graph, split.train, [split.valid, split.test])
    assert leak.edge_type == kind
    assert leak.pairs == (ids(held_out)[0],)
    user, item = ids(held_out)[0]
    with pytest.raises(
        DataError, match=rf"1 held-out interactions.*'{direction}'.*'{user}'.*'{item}'"
    ):
        check(graph, split)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("part", ["valid", "test"])
def test_a_triple_of_a_user_and_the_entity_of_an_item(part, reverse):
    split = split_of()
    user, film = on_linked(split, part)
    triple = (film, f"{EX}fan", user) if reverse else (user, f"{EX}liked", film)
    graph = graph_of(split, [triple])
    (leak,) = find_leaks(graph, split.train, [split.valid, split.test])
    assert leak.pairs == ((user, film.replace(f"{EX}film", "i")),)
    with pytest.raises(DataError, match=rf"drop_relations: \[{triple[1]}\]"):
        check(graph, split)


def test_a_triple_of_a_user_and_an_item_that_is_not_linked():
    split = split_of()
    user, item = next((u, i) for u, i in ids(split.test) if int(i[1:]) >= 10)
    with pytest.raises(DataError, match=f"'{user}' with item '{item}'"):
        check(graph_of(split, [(user, "liked", item)]), split)


def test_a_triple_of_what_training_has_is_no_leak():
    split = split_of()
    user, item = next((u, i) for u, i in ids(split.train) if int(i[1:]) < 10)
    check(graph_of(split, [(user, "liked", f"{EX}film{item[1:]}")]), split)


@pytest.mark.parametrize("kind", ["users", "items"])
def test_a_log_in_a_column(kind):
    split = split_of()
    whole = ids(split.whole())
    own, other = (0, 1) if kind == "users" else (1, 0)
    listed = {}
    for pair in whole:
        listed.setdefault(pair[own], []).append(pair[other])
    id = f"{kind[:-1]}_id"
    frame = pd.DataFrame({id: list(listed), "list": ["|".join(v) for v in listed.values()]})
    table = AttributeTable.read(frame, id=id, categories=["list"], name=kind[:-1])
    (leak,) = find_leaks(graph_of(split, **{kind: table}), split.train, [split.valid, split.test])
    assert leak.edge_type[1] == "list"
    assert set(leak.pairs) == set(ids(split.valid)) | set(ids(split.test))


@pytest.mark.parametrize("user", ["{}", EX + "user/{}"])
def test_a_log_in_the_graph_under_numbers_or_iris(user):
    """User 7 is `7` in the log, and `7` or an IRI that ends in it in the graph."""
    split = split_of(user="{}")
    triples = [
        (user.format(u), f"{EX}rated", f"{EX}film{i[1:]}")
        for u, i in ids(split.whole())
        if int(i[1:]) < 10
    ]
    (leak,) = find_leaks(graph_of(split, triples), split.train, [split.valid, split.test])
    held_out = {*ids(split.valid), *ids(split.test)}
    assert set(leak.pairs) == {pair for pair in held_out if int(pair[1][1:]) < 10}


@pytest.mark.parametrize("seed", range(5))
def test_numbers_that_are_alike_by_accident_are_no_leak(seed):
    """Entities 0 … 23 have nothing to do with the users of the same numbers."""
    split = split_of(user="{}", seed=seed)
    rng = np.random.default_rng(seed)
    triples = [
        (f"{EX}film{rng.integers(10):02}", "about", str(rng.integers(NUM_USERS))) for _ in range(60)
    ]
    graph = graph_of(split, triples)
    hidden = {*ids(split.valid), *ids(split.test)}
    about = graph["item", "about", "entity"]
    names = graph["item"].node_id, graph["entity"].node_id
    accidents = {
        (names[1][e], names[0][i]) for i, e in zip(*about.edge_index.tolist(), strict=True)
    }
    assert accidents & hidden  # there is something to be mistaken
    check(graph, split)


def test_a_popular_item_among_users_of_its_number_is_no_leak():
    """Item 3 was chosen by most, so by most users who are 3 years old."""
    users = Vocabulary([f"u{n:02}" for n in range(40)], "user")
    items = Vocabulary([str(n) for n in range(6)], "item")
    rng = np.random.default_rng(0)
    pairs = [(u, 3) for u in range(40) if u % 10] + [(u, int(rng.integers(3))) for u in range(40)]
    user, item = np.array(pairs).T
    split = Interactions(users, items, user, item).split("random", valid=0.0, test=0.3)
    assert 3 in split.test.item
    table = AttributeTable.read(
        pd.DataFrame({"user_id": users.ids, "age": ["3", "4"] * 20}),
        id="user_id", categories=["age"], name="user",
    )  # fmt: skip
    check_no_leak(build_graph(split.train, users=table), split.train, split.test)


def test_the_whole_log_is_a_leak():
    split = split_of()
    graph = build_graph(split.whole())
    (leak,) = find_leaks(graph, split.train, [split.valid, split.test])
    assert set(leak.pairs) == {*ids(split.valid), *ids(split.test)}


def test_logs_of_other_vocabularies_are_an_error():
    split = split_of()
    other = split.test.with_items(["i99"])
    with pytest.raises(DataError, match="share the vocabularies"):
        check_no_leak(graph_of(split), split.train, other)


def test_ids_that_recolour_a_terminal_are_shown_escaped():
    split = split_of(user="\x1b[31m{}")
    graph = build_graph(split.whole())
    with pytest.raises(DataError) as caught:
        check(graph, split)
    assert "\x1b" not in str(caught.value)


def recommender_of(split, triples, **settings):
    base = [(f"{EX}film{n:02}", f"{EX}by", f"{EX}mann") for n in range(NUM_ITEMS)]
    kg = KnowledgeGraph.from_pandas(
        pd.DataFrame([*base, *triples], columns=["head", "relation", "tail"])
    )
    table = pd.DataFrame(
        {"item_id": split.train.items.ids, "iri": [f"{EX}film{n:02}" for n in range(NUM_ITEMS)]}
    )
    links = link(split.train.items, kg, table)
    config = GraphConfig(min_degree=1, **settings)
    return Recommender(kg, links, model=MostPopular(), graph=config).fit(split.train, split.valid)


def test_a_recommender_is_not_measured_on_what_its_graph_gives_away():
    split: Split = split_of()
    user, film = on_linked(split)
    planted = [(user, f"{EX}liked", film)]
    with pytest.raises(DataError, match=r"reveals 1 held-out interactions.*graph\.drop_relations"):
        recommender_of(split, planted).evaluate(split.test, k=[3])
    mended = recommender_of(split, planted, drop_relations=(f"{EX}liked",))
    assert mended.evaluate(split.test, k=[3]).num_users > 5
