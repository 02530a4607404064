"""Names in words: titles with and without years, people, genres, and other spellings of them."""

import numpy as np
import pytest
from search_films import FILMS, ROWS, graph, table

from kgrec import link
from kgrec.search.facts import item_facts
from kgrec.search.recognise import Recogniser
from kgrec.text.words import count_words


@pytest.fixture(scope="module")
def facts():
    import pandas as pd
    from search_films import EX

    kg, items = graph(), table()
    pairs = pd.DataFrame({"item_id": list(ROWS), "iri": [EX + id for id in ROWS]})
    return item_facts(items.ids, items.titles, items, kg, link(items.ids, kg, pairs))


@pytest.fixture(scope="module")
def recogniser(facts):
    plots = count_words([" ".join(map(str, film)) for film in FILMS] + ["heat up", "up up"] * 3)
    return Recogniser(facts, plots.words, ["heat", "up", "grease"])


def found(recogniser, facts, text):
    ids = list(ROWS)
    return [
        tuple(ids[row] for row in one.rows)
        if one.kind == "item"
        else tuple(facts.names[row] for row in one.rows)
        for one in recogniser.find(text)
    ]


def test_facts_are_those_of_table_and_graph(facts):
    assert facts.years.tolist() == [film[2] for film in FILMS]
    for row, film in enumerate(FILMS):
        names = {facts.names[value] for value in facts.values_of(row)}
        assert names == {film[3], film[4], film[5]}
    shared = {facts.names[value] for value in np.flatnonzero(facts.shared)}
    assert shared == {film[3] for film in FILMS}
    kinds = dict(zip(facts.names, facts.kinds, strict=True))
    assert (kinds["Al Pacino"], kinds["Pete Docter"], kinds["musical"]) == (
        "actor", "director", "genre",
    )  # fmt: skip
    assert facts.described.all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("like Heat (1995) please", [("f01",)]),
        ("Titanic (1997) and Up (2009)", [("f06",), ("f03",)]),
        ("I loved Titanic", [("f05", "f06")]),
        ('have you seen "Up"?', [("f03",)]),
        ("turn up the heat", []),
        ("I liked Heat a lot", [("f01",)]),
        ("Heat makes me thirsty", []),  # the first word of a sentence has a capital letter anyway
        ("mission impossible was fun", [("f12",)]),
        ("Mission: Impossible (1996)", [("f12",)]),
        ("the insider", [("f02",)]),
        ("comedies with Adam Sandler", [("comedy",), ("Adam Sandler",)]),
        ("something by al pacino", [("Al Pacino",)]),
        ("Quintin Tarentino films", [("Quentin Tarantino",)]),
        ("a commedy or a muscial", [("comedy",), ("musical",)]),
        ("Hapy Gilmore", [("f08",)]),
        ("Pulp Fiktion (1994)", [("f13",)]),
        ("Mission: Impossible 2", [("f12",)]),
        ("Titanik (1996)", [("f06",)]),  # a year that is one off, and another spelling
        ("", []),
        ("?!…", []),
    ],
)
def test_names_in_words(recogniser, facts, text, expected):
    assert found(recogniser, facts, text) == expected


def test_places_are_those_of_the_text(recogniser):
    text = "I want: Inside Out (2015)! Or Amy Poehler."
    film, person = recogniser.find(text)
    assert text[film.start : film.end] == "Inside Out (2015)"
    assert film.text == "Inside Out"
    assert text[person.start : person.end] == "Amy Poehler"
    assert film.exact


def test_what_is_denied(recogniser, facts):
    text = "not another musical, anything but Adam Sandler; I hated Grease (1978)"
    said = {one.text: one.polarity for one in recogniser.find(text)}
    assert said == {"musical": "unwanted", "Adam Sandler": "unwanted", "Grease": "disliked"}
    spans = recogniser.unwanted_spans(text, recogniser.find(text))
    assert all("want" not in text[start:end] for start, end in spans)


def test_a_long_text_is_read_in_time(recogniser, facts):
    import time

    text = "some words of nothing, and Heat (1995) again. " * 2500  # 115 kB
    started = time.process_time()
    rows = {row for one in recogniser.find(text) for row in one.rows}
    assert rows == {ROWS["f01"]}
    assert time.process_time() - started < 20
