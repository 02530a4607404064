"""Linking by meaning: judged by links that are sure, below a limit, and never without them."""

import numpy as np
import pandas as pd
import pytest
from project import WordEncoder

from kgrec.errors import ConfigError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
ABOUT = "http://www.w3.org/2000/01/rdf-schema#comment"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
YEAR = "ex:year"


class Counting(WordEncoder):
    """Remembers how many texts were encoded."""

    def __init__(self):
        self.calls = []


def planted(count):
    """Return films that titles find, and one that only its description does."""
    rng = np.random.default_rng(0)
    syllables = ["ka", "lo", "mi", "ru", "te", "vo", "zi", "sha", "pre", "dun"]
    words = ["".join(rng.choice(syllables, 3)) + str(n) for n in range(3 * count)]
    names = [" ".join(words[3 * n : 3 * n + 3]) for n in range(count)]
    rows = [(f"i{n}", name, 1950 + n % 50) for n, name in enumerate(names)]
    films = [(f"ex:{n}", name, f"{name} is a film.", 1950 + n % 50) for n, name in enumerate(names)]
    films.append(
        ("ex:p", "Piratas del cielo", "Sky Pirates Rise Again: sky pirates rise again.", 1990)
    )
    rows += [("pirates", "Sky Pirates Rise Again", 1990), ("none", "Utterly unheard of", 1990)]
    literals = []
    for entity, name, about, year in films:
        literals += [(entity, LABEL, name, "", "en"), (entity, ABOUT, about, "", "en")]
        literals.append((entity, YEAR, str(year), "", ""))
    kg = KnowledgeGraph.from_triples([(film[0], TYPE, "ex:Film") for film in films], literals)
    return kg, pd.DataFrame(rows, columns=["item_id", "title", "year"])


@pytest.mark.parametrize(("limit", "linked"), [(0.8, False), (0.97, True)])
def test_meaning_links_only_where_its_limit_lets_it(limit, linked):
    kg, items = planted(400)
    settings = {"threshold": 0.85, "meaning_limit": limit}
    links = link(items, kg, title="title", year="year", encoder=Counting(), **settings)
    by_meaning = [
        (links.items.id(int(item)), kg.entities.id(int(entity)))
        for item, entity, method in zip(links.item, links.entity, links.method, strict=True)
        if method == "meaning"
    ]
    assert by_meaning == ([("pirates", "ex:p")] if linked else [])
    assert (links.confidence < 1).all()
    assert links.report.methods["title"] == 400
    if not linked:
        first = next(c for c in links.review if c.item_id == "pirates")
        assert first.iri == "ex:p"
        assert 0.7 < first.confidence < 0.8
        assert "by meaning alone" in first.reason
    assert "none" in links.report.unlinked


def test_a_far_year_is_no_candidate():
    kg, items = planted(100)
    items.loc[items["item_id"] == "pirates", "year"] = 1950
    links = link(items, kg, title="title", year="year", encoder=Counting(), meaning_limit=0.97)
    assert "pirates" in links.report.unlinked
    assert not [c for c in links.review if c.item_id == "pirates" and c.iri == "ex:p"]


def test_too_few_sure_links_are_no_measure():
    kg, items = planted(20)
    encoder = Counting()
    links = link(items, kg, title="title", year="year", encoder=encoder)
    assert encoder.calls == []
    assert links.report.notes == (
        "by meaning: 20 sure links are too few to calibrate similarities; 50 are needed",
    )


def test_without_meaning_nothing_is_encoded():
    kg, items = planted(60)
    encoder = Counting()
    link(items, kg, title="title", year="year", encoder=encoder, methods=("title",))
    assert encoder.calls == []
    with pytest.raises(ConfigError, match=r"meaning_limit.*less than 1"):
        link(items, kg, title="title", meaning_limit=1)
