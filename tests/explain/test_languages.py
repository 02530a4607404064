"""Explanations in other languages than English."""

import json
import string

import pytest
from test_relation_words import LIKED, direct, node, shared, steps

from kgrec.errors import KgrecWarning
from kgrec.explain import phrases
from kgrec.explain.explanation import Path
from kgrec.explain.phrases import chosen_language, known_languages, phrases_of
from kgrec.explain.sentences import Others, sentence

PLAIN = ("reason", "shared", "mixed", "direct", "through")


def audience(liked, count, size):
    nodes = (node("you"), node(liked), node("others", "users"), node("T"))
    return Path("audience", nodes, (LIKED, LIKED, LIKED), 0.5, count, size)


def two_hop(liked):
    nodes = (node("you"), node(liked), node("K"), node("M"), node("T"))
    return Path("two_hop", nodes, (LIKED, steps("a", "forward"), steps("b"), steps("c")), 0.1)


def fields(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("language", known_languages())
def test_every_language_has_the_same_templates(language):
    english = json.loads((phrases._FOLDER / "en.json").read_text(encoding="utf-8"))
    other = json.loads((phrases._FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    assert set(other) - set(PLAIN) == set(english)
    assert language == "en" or set(PLAIN) < set(other)
    for name, template in english.items():
        for mine, theirs in zip(
            [template] if isinstance(template, str) else template,
            [other[name]] if isinstance(template, str) else other[name],
            strict=True,
        ):
            assert fields(mine) == fields(theirs) or name == "weak", name
    assert fields(english["weak"]) <= fields(other["weak"]) <= {"item", "people"}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "de",
            "T wird empfohlen, weil Ihnen Folgendes gefällt: A und B (gemeinsam – Regie: K); "
            "A (gemeinsam – Genre: D und E).",
        ),
        (
            "fr",
            "Nous recommandons T, car vous avez aimé : A et B (en commun – Regie : K); "
            "A (en commun – Genre : D et E).",
        ),
        (
            "es",
            "Se recomienda T porque le gusta lo siguiente: A y B (en común – Regie: K); "
            "A (en común – Genre: D y E).",
        ),
    ],
)
def test_shared_things(language, expected):
    paths = [shared(liked, "Regie", "K") for liked in "AB"]
    paths += [shared("A", "Genre", thing) for thing in "DE"]
    assert sentence("T", paths, language=language) == expected


def test_other_paths_in_german():
    assert sentence("T", [direct("A", "Fortsetzung", "forward")], language="de") == (
        "T wird empfohlen, weil Ihnen Folgendes gefällt: A (A – Fortsetzung – T)."
    )
    assert sentence("T", [direct("A", "basiert auf", "backward")], language="de") == (
        "T wird empfohlen, weil Ihnen Folgendes gefällt: A (T – basiert auf – A)."
    )
    assert "A (verbunden über K und M)" in sentence("T", [two_hop("A")], language="de")
    mixed = shared("A", "Regie", "K")
    mixed = Path("shared", mixed.nodes, (LIKED, mixed.relations[1], steps("Buch")), 1.0)
    assert "A (gemeinsam – K (Regie / Buch))" in sentence("T", [mixed], language="de")
    five = [shared(liked, "Regie", "K") for liked in "ABCDE"]
    assert "gefällt: A, B, C und 2 weitere (" in sentence("T", five, language="de")
    comma = sentence("T", [shared("Paris, Texas", "Regie", "K")], language="de")
    assert comma.startswith("„T“ wird empfohlen, weil Ihnen Folgendes gefällt: „Paris, Texas“ (")


def test_without_paths_in_german():
    others = Others(1234, 5000, 20000, ((steps("Art"), "Film"),))
    assert sentence("T", [], True, others, language="de") == (
        "Nichts Besonderes verbindet T mit dem, was Ihnen gefällt; allen 20.000 Artikeln "
        "gemeinsam: Art: Film. 1.234 von 5.000 anderen Personen haben T gewählt."
    )
    assert sentence("T", [], False, language="de") == (
        "Sie haben noch nichts gewählt; deshalb führt kein Weg von Ihnen zu T."
    )
    assert sentence("T", [audience("A", 2, 3)], language="de").startswith(
        "T wird empfohlen, weil es auch anderen gefällt, die dasselbe mögen wie Sie: 2 von 3 bei A."
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            " Many items have that in common; 2 of 3 other people who liked A liked it as well.",
        ),
        ("de", " Das haben viele gemeinsam; T gefällt aber auch anderen, die"),
        (
            "fr",
            " Beaucoup ont cela en commun ; mais d’autres personnes qui partagent vos goûts ont",
        ),
        ("es", " Muchos tienen eso en común; pero T también gusta a otras personas con los mismos"),
    ],
)
def test_others_are_a_reason_where_paths_say_little(language, said):
    weak = Others(4, 9, 10, weak=True, audience=(audience("A", 2, 3),))
    paths = [shared("A", "genre", "Drama")]
    assert said in sentence("T", paths, True, weak, language=language)
    assert said not in sentence("T", paths, True, Others(4, 9, 10), language=language)


def test_how_many_chose_it_is_said_if_nobody_liked_both():
    others = Others(4, 9, 10, weak=True)
    assert sentence("T", [shared("A", "genre", "Drama")], True, others) == (
        "T is recommended because you liked A, which shares the genre Drama with it. Many items "
        "have that in common. 4 of 9 other users have chosen T."
    )
    unchosen = sentence("T", [shared("A", "genre", "Drama")], True, Others(0, 9, 10, weak=True))
    assert unchosen.endswith("which shares the genre Drama with it.")


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("de", "de"), ("de-AT", "de"), ("FR_ca", "fr"), ("en-GB", "en"), ("", "en")],
)
def test_tags_of_languages(wanted, language):
    assert chosen_language(wanted) == language


def test_other_languages_are_english_and_say_so():
    with pytest.warns(KgrecWarning, match="no explanations in 'zh', only in de, en, es, fr"):
        assert chosen_language("zh") == "en"


def test_numbers():
    written = {language: phrases_of(language).number(1234567) for language in known_languages()}
    assert written == {
        "de": "1.234.567", "en": "1,234,567", "es": "1.234.567", "fr": "1\u202f234\u202f567",
    }  # fmt: skip
