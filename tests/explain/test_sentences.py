"""One sentence: grammatical for one and for several, whatever a relation is called."""

import pytest

from kgrec.explain.explanation import Node, Path, Relation
from kgrec.explain.sentences import sentence


def node(label, kind="item"):
    return Node(kind, 0, label, label)


def path(liked, relation, thing, score=1.0, last=None, iri="http://e.org/x"):
    steps = (
        Relation("interacts", "", "liked", "forward"),
        Relation(relation, iri, relation, "forward"),
        Relation(last or relation, iri, last or relation, "backward"),
    )
    return Path("shared", (node("you"), node(liked), node(thing), node("T")), steps, score)


def direct(liked, relation, direction):
    steps = (
        Relation("interacts", "", "liked", "forward"),
        Relation(relation, "", relation, direction),
    )
    return Path("direct", (node("you"), node(liked), node("T")), steps, 1.0)


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("director", "which shares the director X with it"),
        ("has author", "which shares the author X with it"),
        ("in language", "which shares the language X with it"),
        ("starring", "which shares the actor X with it"),
        ("about", "which, like it, is about X"),
        ("is based on", "which, like it, is based on X"),
        ("is part of", "which, like it, is part of X"),
        ("directed by", "which, like it, is directed by X"),
        ("set in", "which, like it, is set in X"),
    ],
)
def test_relation_words(relation, words):
    expected = f"T is recommended because you liked A, {words}."
    assert sentence("T", [path("A", relation, "X")]) == expected


def test_one_and_several():
    assert sentence("T", [path(name, "about", "X") for name in "AB"]) == (
        "T is recommended because you liked A and B, which, like it, are about X."
    )
    assert sentence("T", [path(name, "director", "X") for name in "ABC"]) == (
        "T is recommended because you liked A, B and C, which share the director X with it."
    )
    assert sentence("T", [path(name, "director", "X") for name in "ABCDEF"]) == (
        "T is recommended because you liked A, B, C and 3 others, which share the director X "
        "with it."
    )
    assert sentence("T", [path("A", "country of origin", thing) for thing in "XY"]) == (
        "T is recommended because you liked A, which shares the countries of origin X and Y "
        "with it."
    )
    column = [path("A", "genres", "X", iri="")]
    assert "shares the genre X with it" in sentence("T", column)


def test_clauses():
    paths = [
        path("A", "director", "K", 0.9),
        path("B", "director", "K", 0.8),
        path("A", "genre", "D", 0.5),
        path("C", "about", "H", 0.4),
        path("B", "actor", "M", 0.3),
    ]
    assert sentence("T", paths) == (
        "T is recommended because you liked A and B, which share the director K with it, and C, "
        "which, like it, is about H; A also shares the genre D with it."
    )
    assert sentence("T", [paths[0], path("A", "about", "H"), path("B", "genre", "D", 0.5)]) == (
        "T is recommended because you liked A, which shares the director K with it and which, "
        "like it, is about H, and B, which shares the genre D with it."
    )


@pytest.mark.parametrize(
    ("relation", "direction", "words"),
    [
        ("sequel", "forward", "whose sequel it is"),
        ("sequel", "backward", "which is its sequel"),
        ("is based on", "forward", "which is based on it"),
        ("is based on", "backward", "which it is based on"),
    ],
)
def test_direct_relations(relation, direction, words):
    expected = f"T is recommended because you liked A, {words}."
    assert sentence("T", [direct("A", relation, direction)]) == expected


def test_several_direct_relations():
    found = sentence("T", [direct(name, "sequel", "backward") for name in "AB"])
    assert found == "T is recommended because you liked A and B, which are its sequels."


def test_without_nouns():
    mixed = path("A", "about", "X", last="set in")
    assert sentence("T", [mixed]) == "T is recommended because you liked A, which shares X with it."


def test_titles():
    assert sentence("Rock, The", [path("Piano, The", "genre", "X")]) == (
        "The Rock is recommended because you liked The Piano, which shares the genre X with it."
    )
    assert "because you liked “Paris, Texas” and “B”" in sentence(
        "T", [path("Paris, Texas", "genre", "X"), path("B", "genre", "X")]
    )
    long = sentence("T" * 500, [path("A" * 500, "genre", "X" * 500)])
    assert all(letter * 500 in long for letter in "TAX")  # only a terminal cuts
