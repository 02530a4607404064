"""Paths: a film_paths graph whose best path and sentence are known."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from film_paths import EX, TITLES, film_paths
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.drawing.neighborhood import neighborhood_figure
from kgrec.errors import ConfigError, DataError, UnknownIdError
from kgrec.explain.paths import PathFinder, explain
from kgrec.graph.build import build_graph, forward_types
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link

LOG10 = np.log(10)


@pytest.fixture(scope="module")
def finder():
    return PathFinder(*film_paths())


def short(path):
    return (path.liked.label, *(node.label for node in path.between))


def test_planted_best_paths_and_sentence(finder):
    found = finder.explain(2, user=0)
    assert [short(path) for path in found.paths] == [
        ("Seven Samurai", "Akira Kurosawa"),
        ("Ran", "Akira Kurosawa"),
        ("Seven Samurai", "Drama"),
        ("Ran", "Drama"),
    ]  # the type that all films have is no reason
    director, genre = np.log(10 / 3) / LOG10, np.log(10 / 5) / LOG10
    np.testing.assert_allclose(
        [path.score for path in found.paths], [director, director, genre, genre]
    )
    assert str(found.paths[0]) == (
        "u0 —liked→ Seven Samurai —director→ Akira Kurosawa ←director— High and Low"
    )
    assert found.sentence == (
        "“High and Low” is recommended because you liked “Seven Samurai” and “Ran”, which share "
        "the director Akira Kurosawa and the genre Drama with it."
    )
    assert found.item.id == "i2"
    assert found.user.label == "u0"
    assert {path.kind for path in found.paths} == {"shared"}


def test_similarity_decides_between_liked_items(finder):
    asked = []

    def similarity(rows):
        asked.append(rows.tolist())
        return np.where(rows == 1, 0.8, 0.2)

    found = finder.explain(2, user=0, similarity=similarity)
    assert asked == [[0, 1]]
    director, genre = np.log(10 / 3) / LOG10, np.log(10 / 5) / LOG10
    assert [short(path) for path in found.paths] == [
        ("Ran", "Akira Kurosawa"),
        ("Seven Samurai", "Akira Kurosawa"),
        ("Ran", "Drama"),
        ("Seven Samurai", "Drama"),
    ]
    closeness = (1 + 0.2 / 0.8) / 2
    np.testing.assert_allclose(
        [path.score for path in found.paths],
        [director, director * closeness, genre, genre * closeness],
    )
    opposite = finder.explain(2, user=0, similarity=lambda rows: -1.0 - rows)
    assert opposite.paths[0].score == pytest.approx(director / 2)


def test_weights():
    graph, names = film_paths()
    plain = explain(graph, 2, user=0, names=names)
    weighted = explain(graph, 2, user=0, names=names, weights={EX + "director": 0.1, "genre": 2})
    assert short(weighted.paths[0]) == ("Seven Samurai", "Drama")
    assert weighted.paths[0].score == pytest.approx(2 * plain.paths[2].score)
    none = explain(graph, 2, user=0, names=names, weights={"director": 0})
    assert {path.between[0].label for path in none.paths} == {"Drama"}
    with pytest.raises(ConfigError, match=r"'direktor'.*Did you mean 'director'"):
        explain(graph, 2, user=0, weights={"direktor": 1})
    for weight in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"must be a number of at least 0"):
            explain(graph, 2, user=0, weights={"director": weight})


@pytest.mark.parametrize(
    ("item", "liked", "kind", "between", "sentence"),
    [
        (4, 5, "direct", (), "Remake is recommended because you liked Original, which it is "
         "based on."),
        (5, 4, "direct", (), "Original is recommended because you liked Remake, which is based "
         "on it."),
        (7, 6, "two_hop", ("Slasher film", "Horror"), "Alien is recommended because you liked "
         "Scream, whose genre Slasher film is linked to its genre Horror."),
        (7, 5, "shared", ("Clint Eastwood",), "Alien is recommended because you liked Original, "
         "whose director Clint Eastwood is also its actor."),
        (3, 2, "shared", ("honour",), "“Heat” is recommended because you liked “High and Low”, "
         "which shares the genre Drama with it and which, like it, is about honour."),
    ],
)  # fmt: skip
def test_kinds_of_paths(finder, item, liked, kind, between, sentence):
    found = finder.explain(item, liked=[liked])
    assert found.paths[0].kind == kind
    assert short(found.paths[0])[1:] == between
    assert found.sentence == sentence
    assert found.user.row == -1
    assert found.user.label == "you"


def test_scores_of_kinds(finder):
    direct = finder.explain(4, liked=[5]).paths[0]
    # One item next to each end; nothing is shared, so that closeness is 0.
    assert direct.score == pytest.approx(1 / 2)
    assert [relation.direction for relation in direct.relations] == ["forward", "backward"]
    mixed = finder.explain(7, liked=[5]).paths[0]
    assert mixed.score == pytest.approx(0.75 * np.log(10 / 2) / LOG10)
    over_two = finder.explain(7, liked=[6]).paths[0]
    assert over_two.score == pytest.approx(0.5 * 1 / 2)
    directions = [relation.direction for relation in over_two.relations]
    assert directions == ["forward", "forward", "forward", "backward"]
    back = finder.explain(6, liked=[7]).paths[0]
    directions = [relation.direction for relation in back.relations]
    assert directions == ["forward", "forward", "backward", "backward"]


def test_other_users_stand_in(finder):
    found = finder.explain(9, user=3)
    assert [path.kind for path in found.paths] == ["audience"]
    path = found.paths[0]
    assert path.num_users == 2
    assert path.score == pytest.approx(2 / np.sqrt(2 * 2))  # two each, the user apart
    assert str(path) == "u3 —liked→ Eight ←liked— 2 other people —liked→ Nine"
    assert found.sentence == (
        "Nine is recommended because 2 of 2 other people who liked Eight liked it as well. In the "
        "graph, nothing in particular joins it to what you liked."
    )
    unseen = finder.explain(9, liked=[8]).paths[0]
    assert unseen.score == pytest.approx(2 / np.sqrt(3 * 2))
    one = finder.explain(9, user=1)  # who liked it too, and does not count
    assert one.paths[0].num_users == 1
    assert "1 of 2 other people who liked Eight liked" in one.sentence


def test_no_path(finder):
    found = finder.explain(7, liked=[3])
    assert found.paths == ()
    assert found.sentence == (
        "Nothing in particular joins Alien to what you liked: all 10 items have the type Film. No "
        "other user has chosen Alien yet."
    )
    for nothing in ([], [7]):  # the item is no reason for itself
        found = finder.explain(7, liked=nothing)
        assert found.paths == ()
        assert found.sentence.startswith("You have not liked anything yet")


def test_a_weak_path_is_better_than_none():
    # All but one of 50 items share a type: too common to be a reason, unless it is the only one.
    triples = [(n, "type", "film") for n in range(49)]
    likes = [(0, 0), (1, 1), (1, 2)]
    titles = [f"t{n}" for n in range(50)]
    finder = PathFinder(*film_paths(triples, num_items=50, titles=titles, likes=likes))
    weak = finder.explain(3, user=0)
    assert [path.kind for path in weak.paths] == ["shared"]
    assert finder.explain(2, liked=[1]).paths[0].kind == "audience"
    untyped = sorted(f"i{n}" for n in range(50)).index("i49")
    assert finder.explain(untyped, user=0).paths == ()


def test_at_most_three_paths_over_one_node_unless_there_is_nothing_else():
    # Each path over the director scores higher than those over the genre.
    triples = [(n, "director", "kurosawa") for n in range(6)]
    triples += [(n, "genre", "drama") for n in (0, 1, 5, 6, 7, 8, 9)]
    graph, names = film_paths(triples)
    found = explain(graph, 5, liked=range(5), names=names, k=4)
    assert [short(path)[1] for path in found.paths] == ["Akira Kurosawa"] * 3 + ["Drama"]
    more = explain(graph, 5, liked=range(5), names=names, k=10)
    assert [short(path)[1] for path in more.paths] == ["Akira Kurosawa"] * 5 + ["Drama"] * 2


def test_attributes_and_users_of_tables():
    users, items = Vocabulary(["u0", "u1"], "user"), Vocabulary(["a", "b", "c"], "item")
    log = Interactions(users, items, np.array([0, 1]), np.array([0, 2]))
    table = pd.DataFrame({"item_id": ["a", "b", "c"], "genres": ["War|Noir", "War|Noir", "Pop"]})
    people = pd.DataFrame({"user_id": ["u0", "u1"], "job": ["clerk", "clerk"]})
    graph = build_graph(
        log,
        items=AttributeTable.read(table, categories=["genres"]),
        users=AttributeTable.read(people, id="user_id", categories=["job"]),
    )
    found = explain(graph, 1, user=0)
    assert found.sentence == (
        "b is recommended because you liked a, which shares the genres Noir and War with it."
    )
    assert [path.between[0].type for path in found.paths] == ["item_genres"] * 2
    assert explain(graph, 2, user=0).paths == ()  # not over the job of both users


def test_labels_are_those_of_the_data():
    titles = ["\x1b[2J$x$", "千と\u3000千尋", "<b>" * 99, *TITLES[3:]]
    graph, names = film_paths(titles=titles)
    found = explain(graph, 2, user=0, names=names)
    assert found.item.label == titles[2]
    assert titles[2] in found.sentence
    assert titles[0] in found.sentence
    assert {path.liked.label for path in found.paths} <= set(titles)


def test_to_dict_is_json():
    import json

    found = explain(*film_paths()[:1], 2, user=0)
    data = json.loads(json.dumps(found.to_dict()))
    path = data["paths"][0]
    assert data["item"] == {"type": "item", "row": 2, "id": "i2", "label": "i2"}
    assert [node["id"] for node in path["nodes"]] == ["u0", "i0", EX + "kurosawa", "i2"]
    assert path["relations"][2] == {
        "name": "director", "iri": EX + "director", "label": "director", "direction": "backward",
    }  # fmt: skip
    assert path["nodes"][2]["label"] == "kurosawa"  # without names, from the IRI
    assert data["sentence"] == found.sentence


def test_as_a_graph_to_draw(finder):
    graph = finder.explain(7, liked=[5, 6], k=9).to_networkx()
    layers = {node["label"]: node["layer"] for _, node in graph.nodes(data=True)}
    assert layers == {
        "you": 0, "Original": 1, "Scream": 1, "Clint Eastwood": 2, "Slasher film": 2, "Horror": 3,
        "Alien": 4,
    }  # fmt: skip
    eastwood = next(key for key, node in graph.nodes(data=True) if node["label"][:5] == "Clint")
    assert graph.has_edge(("item", 7), eastwood)  # in the direction of the relation
    assert not graph.has_edge(eastwood, ("item", 7))
    assert graph.graph["title"] == "Why Alien is recommended to you"
    neighborhood_figure(finder.explain(7, liked=[5, 6]))
    assert len(finder.explain(7, liked=[]).to_networkx()) == 2


def test_bad_input(finder):
    with pytest.raises(UnknownIdError, match=r"item row 10 is outside of 0 … 9"):
        finder.explain(10, user=0)
    with pytest.raises(UnknownIdError, match=r"user row -1 is outside of 0 … 3"):
        finder.explain(1, user=-1)
    for liked in ([3, 10], [-1]):
        with pytest.raises(UnknownIdError, match=r"liked item row (10|-1) is outside"):
            finder.explain(1, liked=liked)
    with pytest.raises(ConfigError, match=r"row of a user, or the rows of liked items"):
        finder.explain(1)
    with pytest.raises(ConfigError, match=r"k must be at least 1, found 0"):
        finder.explain(1, user=0, k=0)
    for wrong in ([1.0], [[1.0, 2.0]], [1.0, float("nan")]):
        with pytest.raises(DataError, match=r"one finite number for each of the 2 liked items"):
            finder.explain(2, user=0, similarity=lambda rows, wrong=wrong: np.array(wrong))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_edge_order_does_not_matter(seed):
    graph, names = film_paths()
    shuffled = graph.clone()
    generator = torch.Generator().manual_seed(seed)
    for kind in graph.edge_types:
        edges = graph[kind].edge_index
        shuffled[kind].edge_index = edges[:, torch.randperm(edges.shape[1], generator=generator)]
    one, two = (PathFinder(edges, names) for edges in (graph, shuffled))
    for item, liked in ((2, [0, 1, 3]), (7, [5, 6]), (4, [5, 2, 3])):
        backwards = list(reversed(liked))
        assert one.explain(item, liked=liked) == two.explain(item, liked=backwards)
    assert one.explain(9, user=3) == two.explain(9, user=3)


def test_paths_are_walks_in_the_graph(finder):
    graph, _ = film_paths()
    edges = {
        (source, a, name, target, b)
        for source, name, target in forward_types(graph)
        for a, b in graph[source, name, target].edge_index.t().tolist()
    }
    for item in range(10):
        for path in finder.explain(item, user=0, k=50).paths:
            if path.kind == "audience":
                continue
            for relation, (start, end) in zip(path.relations, pairwise(path.nodes), strict=True):
                ends = (start, end) if relation.direction == "forward" else (end, start)
                a, b = ends
                assert (a.type, a.row, relation.name, b.type, b.row) in edges


def test_what_all_items_share_is_said_and_how_many_others_chose_the_item():
    kg = KnowledgeGraph.from_triples([(x, "genre", "drama") for x in "xyz"])
    log = Interactions.read(pd.DataFrame({"user_id": list("abca"), "item_id": list("xyzy")}))
    graph = build_graph(log, kg, link(log.items, kg))
    item, user = log.items.row("x"), log.users.row("c")
    assert explain(graph, item, user=user).sentence == (
        "Nothing in particular joins x to what you liked: all 3 items have the genre drama. "
        "1 of 2 other users has chosen x."
    )
    nothing = explain(graph, item, user=user, weights={"genre": 0.0}).sentence
    assert nothing.startswith("Nothing in particular joins x to what you liked. 1 of 2 other")


def common_and_rare(by_same=2):
    """Return a graph of 40 films: all are films, 30 from the USA, the first ones by one director.

    A user likes the first twelve except the one to explain, 0; four others like 0 and 5.
    """
    triples = [(f"i{n}", "type", "film") for n in range(40)]
    triples += [(f"i{n}", "country", "USA") for n in range(30)]
    triples += [(f"i{n}", "director", "K") for n in range(by_same)]
    pairs = [("u", f"i{n}") for n in range(1, 12)] + [("v", f"i{n}") for n in range(12, 40)]
    pairs += [(f"w{n}", item) for n in range(4) for item in ("i0", "i5")]
    log = Interactions.read(pd.DataFrame(pairs, columns=["user_id", "item_id"]))
    kg = KnowledgeGraph.from_triples(triples)
    graph = build_graph(log, kg, link(log.items, kg))
    return graph, log.items.row("i0"), log.users.row("u"), log.items


@pytest.mark.parametrize("closest", [1, 5, 11])
@pytest.mark.parametrize("k", [1, 3, 5, 20])
def test_what_many_items_share_never_comes_before_what_few_share(closest, k):
    graph, item, user, items = common_and_rare()

    def similarity(liked):
        return (liked == items.row(f"i{closest}")).astype(float)

    found = explain(graph, item, user=user, similarity=similarity, k=k)
    assert [node.label for node in found.paths[0].between] == ["K"]
    assert "film" not in {node.label for path in found.paths for node in path.between}
    assert found.sentence.startswith("i0 is recommended because you liked i1, which shares the dir")
    assert "Many items" not in found.sentence


def test_where_paths_say_little_other_users_are_a_reason_too():
    graph, item, user, _ = common_and_rare(by_same=0)
    found = explain(graph, item, user=user)
    assert {node.label for path in found.paths for node in path.between} == {"USA"}
    assert found.sentence.endswith(
        "which share the country USA with it. Many items have that in common; 4 of 4 other people "
        "who liked i5 liked it as well."
    )
    german = explain(graph, item, user=user, language="de").sentence
    assert german.endswith(
        "gefällt aber auch anderen, die dasselbe mögen wie Sie: 4 von 4 Personen, denen i5 gefällt."
    )


def test_paths_over_others_speak_the_language():
    found = PathFinder(*film_paths()).explain(9, liked=[8], language="de")
    assert [path.between[0].label for path in found.paths] == ["2 andere Personen"]
    assert found.sentence.startswith("Nine wird empfohlen, weil es auch anderen gefällt")
