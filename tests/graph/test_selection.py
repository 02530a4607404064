"""Settings of the graph on a planted one, with answers worked out by hand."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

import kgrec
from kgrec.config import dump_config, load_config, make_config
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, RunError, collecting
from kgrec.graph.build import INTERACTS, build_graph, describe, forward_types
from kgrec.graph.selection import GraphConfig, choose, type_of
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.models.link_predictor import LinkPredictorConfig
from kgrec.models.popular import MostPopular
from kgrec.rdf.namespaces import OWL_SAME_AS, RDF_TYPE, RDFS, XSD
from kgrec.recommender import Recommender
from kgrec.runs.manifest import write_manifest
from kgrec.snapshot.deriving import texts_of_items
from kgrec.text.encoder import TextEncoder
from kgrec.text.node_texts import node_texts
from kgrec.text.settings import TextConfig
from kgrec.text.verbalise import verbalise
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig
from kgrec.training.loop import TrainingConfig

EX = "http://ex.org/"
OTHER = "http://other.org/"
# film1 and film2 are items. mann is twin of film1's other director mann2; chicago is two hops and
# usa three hops away. Types: Film (2), Person (3: mann, mann2, pacino), Actor (1: pacino),
# Place (2: chicago, usa); the genre has none.
TRIPLES = [
    ("film1", "by", "mann"),
    ("film2", "by", "mann2"),
    ("film1", "stars", "pacino"),
    ("film2", "stars", "pacino"),
    ("film1", "genre", "crime"),
    ("film2", "genre", "crime"),
    ("mann", "born", "chicago"),
    ("chicago", "country", "usa"),
]
TYPES = {
    "film1": ["Film"], "film2": ["Film"], "mann": ["Person"], "mann2": ["Person"],
    "pacino": ["Person", "Actor"], "chicago": ["Place"], "usa": ["Place"],
}  # fmt: skip
ALL = {"by", "stars", "genre", "born", "country", "type"}


@pytest.fixture(scope="module")
def kg():
    triples = [tuple(EX + part for part in triple) for triple in TRIPLES]
    triples += [(EX + s, RDF_TYPE, EX + kind) for s, kinds in TYPES.items() for kind in kinds]
    triples += [(EX + "mann2", OWL_SAME_AS, EX + "mann")]
    literals = [
        (EX + "film1", EX + "year", "1995", XSD + "gYear", ""),
        (EX + "film2", EX + "year", "2001", XSD + "gYear", ""),
        (EX + "film1", EX + "code", "17", XSD + "int", ""),
        (EX + "film1", RDFS + "label", "Heat", "", "en"),
        (EX + "film1", EX + "title", "Die Hitze", "", "de"),
        (EX + "film1", EX + "plot", "A heist.", "", "en"),
        (EX + "mann2", RDFS + "label", "Michael Mann", "", "en"),
    ]
    return KnowledgeGraph.from_triples(triples, literals)


@pytest.fixture(scope="module")
def log():
    items = Vocabulary(["i1", "i2", "i3"], "item")
    users = Vocabulary(["u1", "u2"], "user")
    return Interactions(users, items, np.array([0, 0, 1]), np.array([0, 2, 1]))


@pytest.fixture(scope="module")
def links(kg, log):
    table = pd.DataFrame({"item_id": ["i1", "i2"], "iri": [EX + "film1", EX + "film2"]})
    return link(log.items, kg, table)


@pytest.fixture
def build(kg, log, links):
    def build(**options):
        return build_graph(log, kg, links, config=GraphConfig(**{"min_degree": 1} | options))

    return build


def relations(graph):
    return {kind[1] for kind in forward_types(graph)} - {"interacts", "sameAs"}


def entities(graph):
    return {
        id.removeprefix(EX)
        for kind in graph.node_types
        if kind.startswith("entity")
        for id in graph[kind].node_id
    }


def test_relations_to_keep_and_drop(build):
    assert relations(build()) == ALL
    kept = build(keep_relations=("by", EX + "year"))
    assert relations(kept) == {"by", "type"}  # types have a setting of their own
    assert kept["item"].numeric_names == [EX + "year"]
    assert kept.choices["relations"] == {
        "left_out_relations": 7, "left_out_triples": 6, "left_out_literals": 3,
    }  # fmt: skip  # stars, genre, born, country, and of literals code, title and plot
    dropped = build(drop_relations=("by", "code", "type"))
    assert relations(dropped) == ALL - {"by", "type"}
    assert dropped["item"].numeric_names == [EX + "year"]
    assert build()["item"].numeric_names == [EX + "code", EX + "year"]
    both = build(keep_relations=("by", "stars"), drop_relations=(EX + "stars",), types="ignore")
    assert relations(both) == {"by"}


def test_inverse_relations(build):
    graph = build(inverse_relations=False)
    inverse = [kind for kind in graph.edge_types if kind[1].startswith("rev_")]
    assert inverse == [("item", "rev_interacts", "user")]
    assert set(forward_types(graph)) == set(forward_types(build()))
    assert INTERACTS in graph.edge_types


def test_same_as(build, kg):
    graph = build(same_as=True)
    assert "sameAs" not in {kind[1] for kind in graph.edge_types}
    assert entities(graph) == entities(build()) - {"mann2"}
    by = graph["item", "by", "entity"].edge_index.tolist()
    assert by[0] == [0, 1]
    assert [graph["entity"].node_id[row] for row in by[1]] == [EX + "mann"] * 2
    assert graph.choices["same_as"]["merged_entities"] == 1
    assert kg.entities.take(graph["entity"].kg_row.numpy()) == graph["entity"].node_id


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        (0, set()),
        (1, {"mann", "mann2", "pacino", "crime", "Film"}),
        (2, {"mann", "mann2", "pacino", "crime", "Film", "chicago", "Person", "Actor"}),
        (3, {"mann", "mann2", "pacino", "crime", "Film", "chicago", "Person", "Actor", "usa",
             "Place"}),
    ],
)  # fmt: skip
def test_hops(build, hops, expected):
    assert entities(build(max_hops=hops)) & EVERY == expected
    of_types = {"Film", "Person", "Actor", "Place"}
    graph = build(max_hops=hops, types="ignore")
    # Without edges to types, places of one type are no neighbors of each other.
    touched = {id for id in entities(graph) if id not in of_types}
    assert touched == expected - of_types


EVERY = {part for s, _, o in TRIPLES for part in (s, o)} | {k for v in TYPES.values() for k in v}


def test_minimum_degree(build):
    # Distinct neighbors: crime and pacino 2 items; mann an item, chicago and mann2, which is said
    # to be the same; mann2 an item and mann; chicago mann and usa; usa chicago.
    assert entities(build(min_degree=2, types="ignore")) == {"mann", "mann2", "pacino", "crime",
                                                             "chicago"}  # fmt: skip
    assert entities(build(min_degree=3, types="ignore")) == {"mann"}
    assert entities(build(min_degree=3, types="ignore", same_as=True)) == {"mann"}
    assert entities(build(min_degree=4, types="ignore")) == set()


def test_types_as_nodes(build, kg):
    graph = build(types="nodes", min_type_size=1)
    assert "type" not in relations(graph)
    found = {kind: {id.removeprefix(EX) for id in graph[kind].node_id} for kind in graph.node_types}
    assert found["entity_Person"] == {"mann", "mann2"}
    assert found["entity_Actor"] == {"pacino"}  # the rarer of its two types
    assert found["entity_Place"] == {"chicago", "usa"}
    assert found["entity"] == {"crime"}
    assert "entity_Film" not in found  # both are items
    assert graph.report["entity_Film"] == {
        "kept": 0, "left_out_below_min_degree": 0, "taken_over_by_items": 2,
    }  # fmt: skip
    assert sum(sum(part.values()) for part in graph.report.values()) == kg.num_entities
    assert graph["entity_Person", "born", "entity_Place"].edge_index.shape == (2, 1)
    assert graph["item", "stars", "entity_Actor"].edge_index.tolist() == [[0, 1], [0, 0]]
    for kind in found:
        if kind.startswith("entity"):
            assert kg.entities.take(graph[kind].kg_row.numpy()) == graph[kind].node_id
    graph.validate()
    # A type of fewer than three entities gets no nodes of its own: pacino is a person again.
    large = build(types="nodes", min_type_size=3)
    kinds = [kind for kind in large.node_types if kind.startswith("entity")]
    assert kinds == ["entity", "entity_Person"]
    assert {id.removeprefix(EX) for id in large["entity_Person"].node_id} == {
        "mann", "mann2", "pacino",
    }  # fmt: skip


def test_types_of_one_name_and_of_one_size():
    kg = KnowledgeGraph.from_triples(
        [
            ("a", RDF_TYPE, EX + "T.x"),
            ("a", RDF_TYPE, OTHER + "T.x"),
            ("b", RDF_TYPE, OTHER + "T.x"),
            ("c", RDF_TYPE, EX + "T.x"),
            ("d", RDF_TYPE, "urn:U"),
        ]
    )
    kind, names = type_of(kg, 1)
    of = {id: names.get(row) for id, row in zip(kg.entities.ids, kind.tolist(), strict=True)}
    assert of["a"] == of["c"] == "entity_http://ex_org/T_x"  # as many of both: the first IRI
    assert of["b"] == "entity_http://other_org/T_x"
    assert of["d"] == "entity_U"
    assert of["urn:U"] is None


def test_types_to_keep_and_drop(build):
    assert entities(build(keep_types=("Person",), types="ignore")) == {"mann", "mann2", "pacino"}
    assert entities(build(drop_types=("Person", EX + "Film"), types="ignore")) == {
        "crime", "chicago", "usa",
    }  # fmt: skip  # films are items and stay
    graph = build(keep_types=("Person", "Place"), drop_types=("Actor",), types="ignore")
    assert entities(graph) == {"mann", "mann2", "chicago", "usa"}
    # stars twice, genre twice and pacino's types go; and with them the genre, pacino and Actor.
    assert graph.choices["types"] == {"left_out_entities": 3, "left_out_triples": 6}


def test_types_of_what_is_left_out_are_counted(build):
    graph = build(drop_types=("Actor",), types="ignore")
    # stars twice, and what pacino's two types are.
    assert graph.choices["types"] == {"left_out_entities": 2, "left_out_triples": 4}


def test_properties_that_give_names(kg, log, links, build):
    config = {"label_relations": (EX + "title",), "description_relations": (EX + "plot",)}
    graph = build(**config)
    texts = node_texts(graph, kg, links, None, **config)
    assert texts["item"][0] == (
        "Die Hitze (Film). A heist. By: mann. Code: 17. Genre: crime. Stars: pacino. "
        "Year: 1995. Label: Heat."
    )
    usual = node_texts(graph, kg, links, None)
    assert usual["item"][0].startswith("Heat (Film). By: mann.")
    recommender = Recommender(
        kg, links, model=MostPopular(), text=None, graph=GraphConfig(**config)
    ).fit(log)
    assert recommender.title("i1") == "Die Hitze"
    assert recommender.title("i2") == "film2"


def test_texts_follow_the_choices(kg, links, log):
    config = GraphConfig(same_as=True, drop_relations=("genre", "code"), min_degree=1)
    read = []

    class Reader(TextEncoder):
        fingerprint = "none"

        def encode(self, texts, *, progress=False):
            read.extend(texts)
            return np.ones((len(texts), 2), dtype=np.float32)

    text = TextConfig(languages=("de", "en"))
    with collecting() as warnings:
        Recommender(kg, links, graph=config, text=text, encoder=Reader()).prepare(log)
    assert warnings == []  # what languages an encoder of one's own knows is not known
    assert read[0] == (
        "Heat (Film). By: Michael Mann. Plot: A heist. Stars: pacino. Title: Die Hitze. Year: 1995."
    )
    assert "Michael Mann (Person). Born: chicago." in read


def test_texts_have_the_wanted_relations_in_their_order(kg, links, log):
    inputs = Recommender(kg, links, text=None).prepare(log).inputs
    items = log.items
    plain = TextConfig(languages=("en", ""))
    whole = texts_of_items(inputs, items, plain)[0]
    assert whole.startswith("Heat (Film). By: mann. Code: 17.")
    config = plain.model_copy(update={"relations": ("year", "by"), "description": False})
    assert texts_of_items(inputs, items, config)[0] == ("Heat (Film). Year: 1995. By: mann.")
    wrong = plain.model_copy(update={"relations": ("byy",)})
    with pytest.raises(ConfigError, match=r"text.relations names 'byy'.*Did you mean 'by'"):
        texts_of_items(inputs, items, wrong)


def test_descriptions_are_left_out_of_texts(kg, links, log):
    named = GraphConfig(description_relations=(EX + "plot",))
    inputs = Recommender(kg, links, text=None, graph=named).prepare(log).inputs
    assert "A heist." in texts_of_items(inputs, log.items, TextConfig())[0]
    without = TextConfig(description=False)
    assert "A heist." not in texts_of_items(inputs, log.items, without)[0]


def test_other_texts_in_the_best_language():
    kg = KnowledgeGraph.from_triples(
        literals=[
            ("x", "alias", text, "", tag)
            for text, tag in [("Ä", "de"), ("Ö", "de"), ("A", "en-gb"), ("B", "fr"), ("0", "")]
        ]
        + [("y", "alias", "C", "", "fr")]
    )
    rows = kg.entities.rows(["x", "y"])
    assert verbalise(kg, rows, languages=("de", "en")) == ["x. Alias: 0, Ä, Ö.", "y. Alias: C."]
    assert verbalise(kg, rows, languages=("en", "de")) == ["x. Alias: 0, A.", "y. Alias: C."]
    for languages in (("it",), ("it", ""), ()):
        assert verbalise(kg, rows, languages=languages) == ["x. Alias: 0.", "y. Alias: C."]
    assert verbalise(kg, rows, languages=("it", "fr")) == ["x. Alias: 0, B.", "y. Alias: C."]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_relations": ("byy",)}, "keep_relations names 'byy'.* no relation .*mean 'by'"),
        ({"drop_relations": (EX + "bye",)}, f"Did you mean '{EX}by'"),
        ({"keep_types": ("Persn",)}, "keep_types names 'Persn'.* no type .*Did you mean 'Person'"),
        ({"drop_types": ("chicago",)}, "drop_types names 'chicago', which is no type"),
        ({"drop_types": (EX + "chicago",)}, "which is no type"),
        ({"label_relations": (EX + "titel",)}, f"label_relations .*Did you mean '{EX}title'"),
        ({"description_relations": ("plot",)}, "description_relations names 'plot'"),
        ({"keep_relations": ("\x1b[2J",)}, r"names '\\+x1b"),
    ],
)
def test_what_the_graph_does_not_have(build, options, message):
    with pytest.raises(ConfigError, match=message):
        build(**options)


def test_a_short_name_of_two_relations(log):
    kg = KnowledgeGraph.from_triples(
        [(EX + "film1", EX + "by", EX + "a"), (EX + "film1", OTHER + "by", EX + "a")]
    )
    links = link(log.items, kg, pd.DataFrame({"item_id": ["i1"], "iri": [EX + "film1"]}))
    with pytest.raises(ConfigError, match=f"may be {EX}by, {OTHER}by: give one"):
        build_graph(log, kg, links, config=GraphConfig(drop_relations=("by",)))
    config = GraphConfig(drop_relations=(OTHER + "by",), min_degree=1)
    graph = build_graph(log, kg, links, config=config)
    assert [graph[kind].iri for kind in forward_types(graph)] == [EX + "by", ""]


def test_bad_values():
    for options in (
        {"max_hops": -1}, {"types": "node"}, {"min_number_share": 0}, {"keep_relation": ("a",)},
        {"keep_types": ("a",), "drop_types": ("a",)},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            GraphConfig(**options)
    with pytest.raises(ConfigError, match=r"keep_relations and drop_relations both name 'a'"):
        make_config({"data": {}, "graph": {"keep_relations": ["a"], "drop_relations": ["a"]}})


def test_nothing_chosen_is_the_graph_itself(kg, links):
    chosen = choose(kg, links, GraphConfig())
    assert chosen.kg is kg
    assert chosen.links is links
    assert chosen.report == {}
    again = choose(kg, links, GraphConfig(same_as=True, max_hops=2))
    assert choose(kg, links, GraphConfig(same_as=True, max_hops=2)).kg is again.kg
    assert set(again.report) == {"same_as", "max_hops"}
    assert kg.num_triples == 8 + 8 + 1  # the whole graph stays what it is


def test_in_yaml(project):
    overrides = ["graph.types=nodes", "graph.keep_relations=[director, theme]", "graph.max_hops=2"]
    config = load_config(project, overrides)
    assert config.graph.keep_relations == ("director", "theme")
    again = make_config(yaml.safe_load(dump_config(config)))
    assert again == config
    assert all(field.description for field in GraphConfig.model_fields.values())


def test_a_saved_model_has_the_same_graph_and_numbers(kg, links, log, tmp_path):
    config = GraphConfig(min_degree=1, same_as=True, types="nodes", min_type_size=1, max_hops=2)
    model = LinkPrediction(
        LinkPredictionConfig(
            predictor=LinkPredictorConfig(dim=4), training=TrainingConfig(max_epochs=2)
        )
    )
    fitted = Recommender(kg, links, model=model, text=None, graph=config).fit(log)
    kgrec.save(fitted, tmp_path / "run")
    # What is stored decides, not what the data would say now.
    path = tmp_path / "run" / "numbers.json"
    stored = json.loads(path.read_text())
    assert {entry["property"] for entry in stored} == {EX + "year", EX + "code"}
    loaded = kgrec.load(tmp_path / "run")
    assert loaded.graph.node_types == fitted.graph.node_types
    assert loaded.graph.edge_types == fitted.graph.edge_types
    assert loaded.graph["item"].numeric.tolist() == fitted.graph["item"].numeric.tolist()
    users = np.array([0, 1])
    np.testing.assert_allclose(loaded.score(users), fitted.score(users), rtol=1e-6)
    assert loaded.explain("u1", "i2").sentence == fitted.explain("u1", "i2").sentence
    for entry in stored:
        entry["centre"] = 0.0
    path.write_text(json.dumps(stored))
    write_manifest(tmp_path / "run")
    moved = kgrec.load(tmp_path / "run").graph["item"].numeric
    assert moved.tolist() != fitted.graph["item"].numeric.tolist()
    stored[0]["scale"] = 0.0
    path.write_text(json.dumps(stored))
    write_manifest(tmp_path / "run")
    with pytest.raises(RunError, match=r"numbers.json is damaged: .*above 0"):
        kgrec.load(tmp_path / "run")


def test_the_log_says_what_was_left_out(build):
    words = describe(build(same_as=True, drop_relations=("genre",)))
    assert "; same_as: 1 classes, 1 merged entities, 2 merged triples, " in words
    assert words.endswith(
        "; relations: 1 left out relations, 2 left out triples, 0 left out literals"
    )
    assert describe(build()).endswith("left out")  # nothing but the minimum degree


CHOICES = [
    {"types": "nodes", "min_type_size": 1},
    {"types": "ignore"},
    {"same_as": True},
    {"inverse_relations": False},
    {"max_hops": 1},
    {"keep_relations": ("by", "stars")},
    {"drop_types": ("Place",)},
    {"numbers": False},
]


@pytest.mark.parametrize(
    "options", [one | two for one, two in itertools.combinations(CHOICES, 2)], ids=str
)
def test_any_two_choices_train(kg, links, log, options):
    """Every pair of settings, with an encoder that tells relations apart."""
    encoder = "rgcn" if options.get("types") == "nodes" or "max_hops" in options else "lightgcn"
    model = LinkPrediction(
        LinkPredictionConfig(
            predictor={"dim": 4, "encoder": encoder},
            training=TrainingConfig(max_epochs=2),
        )
    )
    config = GraphConfig(**{"min_degree": 1} | options)
    fitted = Recommender(kg, links, model=model, text=None, graph=config).fit(log)
    scores = fitted.score(np.array([0, 1]))
    assert scores.shape == (2, 3)
    assert np.isfinite(scores).all()
    assert len(fitted.recommend("u2", k=2)) == 2
    assert fitted.explain("u1", "i2").sentence
