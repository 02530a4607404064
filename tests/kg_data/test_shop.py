"""The four-product example that explains the idea: its sentences, its graph, its paths."""

import pytest

import kg_data
from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.explain.paths import PathFinder
from kgrec.graph.build import build_graph
from kgrec.graph.node_names import NodeNames
from kgrec.graph.views import to_networkx
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.models.ease import AttributeEASE, AttributeEASEConfig
from kgrec.recommender import Recommender
from kgrec.text.verbalise import verbalise
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

SHOP = kg_data.path("shop")
BASE = "https://kgrec.example/shop/"
SCHEMA = "https://schema.org/"


@pytest.fixture(scope="module")
def kg():
    return KnowledgeGraph.read(SHOP / "shop.ttl")


@pytest.fixture(scope="module")
def items():
    return AttributeTable.read(SHOP / "items.csv")


@pytest.fixture(scope="module")
def log(items):
    return Interactions.read(SHOP / "ratings.csv", positive="rating >= 4").with_items(items.ids)


@pytest.fixture(scope="module")
def graph(kg, items, log):
    return build_graph(log, kg, link(log.items, kg, SHOP / "links.csv"), items=items)


@pytest.fixture(scope="module")
def names(graph, kg, items, log):
    return NodeNames.from_graph(
        graph, kg=kg, links=link(log.items, kg, SHOP / "links.csv"), items=items
    )


def test_purchases(log):
    assert log.items.ids == ["1", "2", "3", "4"]
    assert log.to_pandas().to_numpy().tolist() == [
        ["1", "1", 5.0, 1704103200],
        ["1", "3", 4.0, 1704708000],
    ]


def test_sentences(kg):
    products = kg.entities.rows([f"{BASE}product/{number}" for number in (1, 2, 3, 4)])
    chosen = [SCHEMA + "category", BASE + "priceLevel"]
    assert verbalise(kg, products, relations=chosen) == [
        "Hiking boots (Product). Sturdy boots for long walks on rough paths. "
        "Category: Outdoor. Price level: medium price.",
        "Stand mixer (Product). A mixer with three bowls for dough and cream. "
        "Category: Kitchen. Price level: medium price.",
        "Mountain tent (Product). A light tent for two that stands up to storms. "
        "Category: Outdoor. Price level: high price.",
        "Trekking backpack (Product). A backpack of fifty litres with a padded frame. "
        "Category: Outdoor. Price level: medium price.",
    ]


def test_graph(graph):
    def edges(relation):
        index = graph["item", relation, "entity"].edge_index.t().tolist()
        items, entities = graph["item"].node_id, graph["entity"].node_id
        return [(items[item], entities[entity].removeprefix(BASE)) for item, entity in index]

    assert graph["item"].node_id == ["1", "2", "3", "4"]
    assert graph["user"].node_id == ["1"]
    assert edges("category") == [
        ("1", "category/outdoor"),
        ("2", "category/kitchen"),
        ("3", "category/outdoor"),
        ("4", "category/outdoor"),
    ]
    assert edges("priceLevel") == [
        ("1", "price-level/medium"),
        ("2", "price-level/medium"),
        ("3", "price-level/high"),
        ("4", "price-level/medium"),
    ]
    assert graph["user", "interacts", "item"].edge_index.tolist() == [[0, 0], [0, 2]]
    # Products are items now: no product is left among the entities, and none was lost.
    assert not [id for id in graph["entity"].node_id if "product/" in id]
    assert graph.report["entity"]["taken_over_by_items"] == 4


def test_neighborhood(graph, names):
    backpack = graph["item"].node_id.index("4")
    view = to_networkx(
        graph, [("item", backpack)], hops=2, names=names, relations=["category", "priceLevel"]
    )
    found = sorted((node["hop"], node["label"]) for _, node in view.nodes(data=True))
    assert found == [
        (0, "Trekking backpack"),
        (1, "Outdoor"),
        (1, "medium price"),
        (2, "Hiking boots"),
        (2, "Mountain tent"),
        (2, "Stand mixer"),
    ]


def test_paths_to_the_backpack(graph, names):
    found = PathFinder(graph, names).explain(3, user=0)
    assert [str(path) for path in found.paths] == [
        "1 —liked→ Hiking boots —category→ Outdoor ←category— Trekking backpack",
        "1 —liked→ Hiking boots —price level→ medium price ←price level— Trekking backpack",
        "1 —liked→ Mountain tent —category→ Outdoor ←category— Trekking backpack",
    ]
    assert found.sentence == (
        "Trekking backpack is recommended because you liked Hiking boots and Mountain tent, which "
        "share the category Outdoor with it; Hiking boots also shares the price level medium price "
        "with it."
    )


def test_the_mixer_has_one_path_only(graph, names):
    finder = PathFinder(graph, names)
    mixer, backpack = (finder.explain(row, user=0) for row in (1, 3))
    assert [str(path) for path in mixer.paths] == [
        "1 —liked→ Hiking boots —price level→ medium price ←price level— Stand mixer"
    ]
    assert sum(path.score for path in backpack.paths) > sum(path.score for path in mixer.paths)


def recommended(kg, items, log, model):
    links = link(log.items, kg, SHOP / "links.csv")
    recommender = Recommender(kg, links, model=model, items=items, text=None).fit(log)
    return recommender, [found.item for found in recommender.recommend("1")]


@pytest.mark.parametrize("seed", range(5))
def test_the_link_predictor_puts_the_backpack_on_top(kg, items, log, seed):
    """Nobody chose 2 or 4: only what propagates through the graph tells them apart."""
    config = LinkPredictionConfig(
        new_items="propagate",
        predictor={"encoder": {"relation_weight": 1.0}},
        training={"max_epochs": 30, "seed": seed},
    )
    recommender, ranking = recommended(kg, items, log, LinkPrediction(config))
    assert ranking == ["4", "2"]
    why = recommender.explain("1", ranking[0])
    assert why.sentence.startswith("Trekking backpack is recommended because you liked ")
    assert "Outdoor" in why.sentence
    assert len(why.paths) == 3


def test_so_does_regression_on_its_attributes(kg, items, log):
    assert recommended(kg, items, log, AttributeEASE(AttributeEASEConfig(l2=1.0)))[1][0] == "4"
