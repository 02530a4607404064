"""A few films whose titles, people and genres are known, for tests of search."""

from __future__ import annotations

import numpy as np
import pandas as pd
from project import WordEncoder

from kgrec import EASE, AttributeTable, Interactions, KnowledgeGraph, Recommender, link

EX = "http://ex.org/"
FILMS = (
    # id, title, year, genre, director, actor, plot
    ("f01", "Heat", 1995, "thriller", "Michael Mann", "Al Pacino", "bank robbers and a detective"),
    ("f02", "The Insider", 1999, "drama", "Michael Mann", "Al Pacino", "tobacco and the press"),
    ("f03", "Up", 2009, "animation", "Pete Docter", "Edward Asner", "a house with balloons"),
    ("f04", "Inside Out", 2015, "animation", "Pete Docter", "Amy Poehler", "feelings of a girl"),
    ("f05", "Titanic", 1953, "drama", "Jean Negulesco", "Clifton Webb", "a ship and an iceberg"),
    ("f06", "Titanic", 1997, "drama", "James Cameron", "Kate Winslet", "love on a sinking ship"),
    ("f07", "Billy Madison", 1995, "comedy", "Tamra Davis", "Adam Sandler", "back at school"),
    ("f08", "Happy Gilmore", 1996, "comedy", "Dennis Dugan", "Adam Sandler", "a golf player"),
    ("f09", "Airplane!", 1980, "comedy", "Jim Abrahams", "Robert Hays", "a flight with bad fish"),
    ("f10", "Chicago", 2002, "musical", "Rob Marshall", "Amy Poehler", "jazz and murder"),
    ("f11", "Grease", 1978, "musical", "Randal Kleiser", "John Travolta", "summer and cars"),
    ("f12", "Mission: Impossible", 1996, "thriller", "Brian De Palma", "Tom Cruise", "spies"),
    ("f13", "Pulp Fiction", 1994, "thriller", "Quentin Tarantino", "John Travolta", "crime, talk"),
)
ROWS = {film[0]: row for row, film in enumerate(FILMS)}


def graph() -> KnowledgeGraph:
    """Return titles, people and plots as a graph."""
    triples, literals = [], []
    for id, title, year, _, director, actor, plot in FILMS:
        film = EX + id
        literals += [
            (film, "http://www.w3.org/2000/01/rdf-schema#label", title, "", "en"),
            (film, "https://schema.org/abstract", plot, "", "en"),
            (film, EX + "date", str(year), "http://www.w3.org/2001/XMLSchema#gYear", ""),
        ]
        for relation, person in (("director", director), ("actor", actor)):
            iri = EX + person.replace(" ", "_")
            triples.append((film, EX + relation, iri))
            literals.append((iri, "http://www.w3.org/2000/01/rdf-schema#label", person, "", ""))
    return KnowledgeGraph.from_triples(triples, sorted(set(literals)))


def table() -> AttributeTable:
    """Return titles, years and genres as an item table."""
    frame = pd.DataFrame(
        [film[:4] for film in FILMS], columns=["item_id", "title", "year", "genre"]
    )
    return AttributeTable.read(frame, categories=["genre"], numbers=["year"])


def log() -> Interactions:
    """Return who likes what: some like thrillers and dramas, the others what is funny."""
    groups = (("f01", "f02", "f12", "f13", "f06"), ("f07", "f08", "f09", "f03"))
    rng = np.random.default_rng(3)
    rows = [
        (f"u{user:02}", item)
        for user in range(24)
        for item in groups[user % 2]
        if rng.random() < 0.8
    ]
    return Interactions.read(pd.DataFrame(rows, columns=["user_id", "item_id"]))


def recommender() -> Recommender:
    """Return a fitted recommender of the films, with the encoder of words."""
    kg = graph()
    pairs = pd.DataFrame({"item_id": list(ROWS), "iri": [EX + id for id in ROWS]})
    items = table()
    return Recommender(
        kg, link(items.ids, kg, pairs), model=EASE(), items=items, encoder=WordEncoder()
    ).fit(log())
