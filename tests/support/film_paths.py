"""A graph of ten films whose paths are known."""

import numpy as np
import pandas as pd

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.interactions import Interactions
from kgrec.data.vocabulary import Vocabulary
from kgrec.graph.build import GraphConfig, build_graph
from kgrec.graph.node_names import NodeNames
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link

EX = "http://ex.org/"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
# Items are named by number, entities by word. 0 to 7 are films; 8 and 9 have no entity.
TRIPLES = [
    (0, "director", "kurosawa"),
    (1, "director", "kurosawa"),
    (2, "director", "kurosawa"),
    (0, "genre", "drama"),
    (1, "genre", "drama"),
    (2, "genre", "drama"),
    (3, "genre", "drama"),
    (4, "genre", "drama"),
    (2, "about", "honour"),
    (3, "about", "honour"),
    (4, "isBasedOn", 5),
    (6, "genre", "slasher"),
    (7, "genre", "horror"),
    ("slasher", "broader", "horror"),
    (5, "director", "eastwood"),
    (7, "actor", "eastwood"),
    *((n, "type", "film") for n in range(10)),
]
TITLES = [
    "Seven Samurai", "Ran", "High and Low", "Heat", "Remake", "Original", "Scream", "Alien",
    "Eight", "Nine",
]  # fmt: skip
NAMES = {"kurosawa": "Akira Kurosawa", "drama": "Drama", "honour": "honour", "horror": "Horror",
         "slasher": "Slasher film", "eastwood": "Clint Eastwood", "film": "Film"}  # fmt: skip
# user 0 likes the two by Kurosawa; 1 and 2 like 8 and 9 together; 3 likes 8 alone.
LIKES = [(0, 0), (0, 1), (1, 8), (1, 9), (2, 8), (2, 9), (3, 8)]


def iri(thing):
    """Return the IRI of a film by its number, or of another entity by its name."""
    return f"{EX}film{thing}" if isinstance(thing, int) else EX + thing


def film_paths(triples=TRIPLES, num_items=10, titles=TITLES, likes=LIKES):
    """Return the training graph of the films, and the names of its nodes."""
    users = Vocabulary([f"u{n}" for n in range(4)], "user")
    items = Vocabulary([f"i{n}" for n in range(num_items)], "item")
    log = Interactions(users, items, *np.array(likes, dtype=np.int64).T)
    kg = KnowledgeGraph.from_triples(
        [tuple(map(iri, triple)) for triple in triples],
        [(iri(key), LABEL, name, "", "en") for key, name in NAMES.items()],
    )
    linked = [n for n in range(num_items) if iri(n) in kg.entities]
    table = pd.DataFrame({"item_id": [f"i{n}" for n in linked], "iri": list(map(iri, linked))})
    links = link(items, kg, table)
    attributes = AttributeTable.read(pd.DataFrame({"item_id": items.ids, "title": titles}))
    graph = build_graph(log, kg, links, config=GraphConfig(min_degree=1))
    return graph, NodeNames.from_graph(graph, kg=kg, links=links, items=attributes)
