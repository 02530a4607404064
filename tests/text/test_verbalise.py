import time

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.errors import ConfigError, DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.text import verbalise, verbalise_table
from kgrec.text.verbalise import clean, other_languages, words_of

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
COMMENT = "http://www.w3.org/2000/01/rdf-schema#comment"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
E = "http://e.org/"


@pytest.fixture(scope="module")
def films():
    return KnowledgeGraph.from_triples(
        [
            (E + "m1", TYPE, E + "Film"),
            (E + "m1", TYPE, E + "TelevisionShow"),
            (E + "m1", E + "starring", E + "Val_Kilmer"),
            (E + "m1", E + "starring", E + "p2"),
            (E + "m1", E + "starring", E + "p1"),
            (E + "m1", E + "originalWork", E + "L.A._Takedown"),
            (E + "m1", E + "p57", E + "p3"),
            (E + "m2", E + "starring", E + "p1"),
            (E + "p1", TYPE, E + "person"),
        ],
        [
            (E + "m1", LABEL, "Heat", "", "en"),
            (E + "m1", LABEL, "Hitze", "", "de"),
            (E + "m1", COMMENT, "A thief\n\tand a\x00 detective", "", "en"),
            (E + "m1", COMMENT, "Ein Dieb", "", "de"),
            (E + "m1", E + "year", "1995", "http://www.w3.org/2001/XMLSchema#gYear", ""),
            (E + "m1", E + "tagline", "A Los Angeles crime saga!", "", "en"),
            (E + "m1", E + "tagline", "Ein Epos", "", "de"),
            (E + "p1", LABEL, "Al Pacino", "", "en"),
            (E + "p2", LABEL, "Robert De Niro", "", ""),
            (E + "p3", LABEL, "Michael Mann", "", "en"),
            (E + "p57", LABEL, "director", "", "en"),
            (E + "p57", LABEL, "Regie", "", "de"),
        ],
    )


def say(kg, name, **options):
    return verbalise(kg, kg.entities.rows([E + name]), **options)[0]


def test_an_entity_in_words(films):
    assert say(films, "m1") == (
        "Heat (Film, Television show). A thief and a detective. "
        "Original work: L.A. Takedown. Director: Michael Mann. "
        "Starring: Al Pacino, Robert De Niro, Val Kilmer. "
        "Tagline: A Los Angeles crime saga! Year: 1995."
    )
    assert say(films, "m2") == "m2. Starring: Al Pacino."
    assert say(films, "p1") == "Al Pacino (Person)."
    assert say(films, "Val_Kilmer") == "Val Kilmer."


def test_another_language(films):
    assert say(films, "m1", languages=("de", "")) == (
        "Hitze (Film, Television show). Ein Dieb. "
        "Original work: L.A. Takedown. Regie: Michael Mann. "
        "Starring: Al Pacino, Robert De Niro, Val Kilmer. "
        "Tagline: Ein Epos. Year: 1995."
    )


def test_chosen_relations_in_the_order_asked_for(films):
    found = say(films, "m1", relations=[E + "year", E + "p57"], description=False)
    assert found == "Heat (Film, Television show). Year: 1995. Director: Michael Mann."
    assert say(films, "m1", relations=[], description=False) == "Heat (Film, Television show)."


def test_values_are_limited(films):
    assert "Starring: Al Pacino, Robert De Niro." in say(films, "m1", max_values=2)
    assert say(films, "m1", max_values=0) == (
        "Heat (Film, Television show). A thief and a detective."
    )


def test_rows_come_in_the_order_asked_for(films):
    rows = films.entities.rows([E + "p1", E + "m2", E + "p1"])
    assert verbalise(films, rows) == [
        "Al Pacino (Person).", "m2. Starring: Al Pacino.", "Al Pacino (Person).",
    ]  # fmt: skip
    assert verbalise(films, []) == []
    everything = verbalise(films)
    assert len(everything) == films.num_entities
    assert [everything[row] for row in rows] == verbalise(films, rows)


def test_the_order_of_statements_changes_nothing(films):
    frame = films.to_pandas(literals=True)
    for seed in range(3):
        mixed = KnowledgeGraph.from_pandas(frame.sample(frac=1, random_state=seed))
        assert verbalise(mixed) == verbalise(films)


def test_an_unknown_relation_names_the_nearest(films):
    with pytest.raises(ConfigError, match=r"Did you mean 'http://e\.org/starring'"):
        verbalise(films, relations=[E + "staring"])
    with pytest.raises(ConfigError, match="max_values"):
        verbalise(films, max_values=-1)


def test_a_graph_of_literals_alone():
    kg = KnowledgeGraph.from_triples([], [("x", "p", "1", "", "")])
    assert verbalise(kg) == ["x. P: 1."]


@given(st.text())
def test_no_text_brings_control_characters_or_becomes_empty(text):
    kg = KnowledgeGraph.from_triples(
        [], [("x", LABEL, text, "", ""), ("x", COMMENT, text, "", ""), ("x", "p", text, "", "")]
    )
    (found,) = verbalise(kg)
    assert found
    assert found == " ".join(found.split())
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in found)


def test_a_hundred_thousand_entities_take_seconds():
    kg = KnowledgeGraph.from_triples(
        [(f"e{n}", f"r{n % 7}", f"e{n * 7919 % 50_000}") for n in range(100_000)],
        [(f"e{n}", LABEL, f"Entity {n}", "", "en") for n in range(100_000)],
    )
    start = time.process_time()
    texts = verbalise(kg)
    assert time.process_time() - start < 10
    assert texts[kg.entities.row("e8")] == "Entity 8. R1: Entity 13352."


def test_a_table_in_words():
    frame = pd.DataFrame(
        {
            "item_id": ["1", "2", "3"],
            "release_year": [1995.0, None, 1996.0],
            "title": ["Toy Story (1995)", "What?", None],
            "genres": ["Animation|Comedy", "", "Drama"],
        }
    )
    assert verbalise_table(frame, "item_id", ["title", "genres"]) == [
        "Toy Story (1995). Genres: Animation, Comedy.", "What?", "3. Genres: Drama.",
    ]  # fmt: skip
    assert verbalise_table(frame, "item_id") == [
        "Toy Story (1995). Release year: 1995. Genres: Animation, Comedy.",
        "What?",
        "3. Release year: 1996. Genres: Drama.",
    ]


def test_a_table_without_text_or_rows():
    assert verbalise_table(pd.DataFrame({"id": [7]}), "id") == ["7."]
    assert verbalise_table(pd.DataFrame({"id": [], "name": []}), "id") == []
    assert verbalise_table(pd.DataFrame({"id": ["a"], "n": [1.5]}), "id") == ["a. N: 1.5."]


def test_a_column_that_is_not_there_names_the_nearest():
    frame = pd.DataFrame({"id": [1], "title": ["x"]})
    with pytest.raises(DataError, match="Did you mean 'title'"):
        verbalise_table(frame, "id", ["titel"])
    with pytest.raises(DataError, match="'item'"):
        verbalise_table(frame, "item")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("originalWork", "original work"),
        ("release_year", "release year"),
        ("IMDbID", "IMDb ID"),
        ("runningTime", "running time"),
        ("HTMLPage", "HTML page"),
        ("director", "director"),
        ("", ""),
    ],
)
def test_identifiers_in_words(name, words):
    assert words_of(name) == words


def test_clean_keeps_what_is_read():
    assert clean("  東京\u3000物語\r\n– 1953 ") == "東京 物語 – 1953"
    assert clean("\u202e\u200babc\ufeff") == "abc"


def test_texts_in_no_wanted_language_are_used_where_there_are_no_others():
    kg = KnowledgeGraph.from_triples(
        [("e:1", "e:p", "e:2")],
        literals=[
            ("e:1", "e:motto", "Komponist aus Linz", "", "de"),
            ("e:1", "e:motto", "compositeur", "", "fr"),
            ("e:2", "e:motto", "He wrote.", "", "en"),
            ("e:2", "e:motto", "Er schrieb.", "", "de"),
        ],
    )
    rows = kg.entities.rows(["e:1", "e:2"])
    assert verbalise(kg, rows) == ["1. Motto: Komponist aus Linz. P: 2.", "2. Motto: He wrote."]
    assert other_languages(kg, rows, ("en", "")) == {"de": 1, "fr": 1}
    assert other_languages(kg, rows[1:], ("en", "")) == {"de": 1}
    assert other_languages(kg, rows, ("en", "de", "fr")) == {}


def test_single_names_in_other_languages_are_no_loss():
    english = [(f"e:{row}", "e:name", f"Film {row}", "", "en") for row in range(20)]
    others = [(f"e:{row}", "e:name", f"Film {row} fr", "", "fr") for row in range(4)]
    others += [(f"e:{row}", "e:name", f"Film {row} de", "", "de") for row in range(5)]
    kg = KnowledgeGraph.from_triples([], literals=english + others)
    rows = kg.entities.rows([f"e:{row}" for row in range(20)])
    assert other_languages(kg, rows, ("en", "")) == {"de": 5}
