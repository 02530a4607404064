"""Explanations in other languages than English."""

import json
import string
from dataclasses import replace

import pytest
from test_relation_words import LIKED, direct, node, shared, steps

from kgrec.errors import KgrecWarning
from kgrec.explain import phrases
from kgrec.explain.explanation import Path
from kgrec.explain.phrases import chosen_language, known_languages, phrases_of
from kgrec.explain.sentences import Others, basis_of, sentence

OWN = {"reasons", "also", "again", "in_common", "linked", "direct", "through"}
MARKS = {
    "familiar",
    "similar",
    "capital",
    "and_before_i",
    "comma",
    "join",
    "semicolon",
    "space",
    "stop",
}


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
    assert language == "en" or set(other) - OWN - MARKS == set(english) - {"because", "similar"}
    assert language == "en" or set(other) > OWN
    assert set(other.get("familiar", {})) <= set(other)
    for kind in ("familiar", "similar"):
        for name, template in other.get(kind, {}).items():
            assert fields(str(template)) == fields(str(other[name])), name
    for name, template in english.items():
        if name in ("because", "similar"):
            continue
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
            "T wird empfohlen, weil Ihnen A und B gefallen: Gemeinsam ist ihnen die Regie von K. "
            "Und bei A: Gemeinsam sind ihnen die Genres D und E.",
        ),
        (
            "fr",
            "Nous vous recommandons T, car vous avez aimé A et B\u00a0: ils ont en commun la "
            "réalisation de K. Et pour A\u00a0: ils ont en commun les genres D et E.",
        ),
        (
            "es",
            "Le recomendamos T porque le gustaron A y B: tienen en común la dirección de K. "
            "Y en el caso de A: tienen en común los géneros D y E.",
        ),
        (
            "zh",
            "推荐T,因为您喜欢A和B:它们的导演都是K。A方面:它们的类型都有D和E。",
        ),
    ],
)
def test_shared_things(language, expected):
    paths = [shared(liked, "director", "K") for liked in "AB"]
    paths += [shared("A", "genres", thing) for thing in "DE"]
    assert sentence("T", paths, language=language) == expected


def test_a_relation_without_a_phrase_is_named_as_it_is():
    said = sentence("T", [shared("A", "Kragenweite", "K")], language="de")
    assert said == "T wird empfohlen, weil Ihnen A gefällt: Sie sind mit K verknüpft (Kragenweite)."


def test_other_paths_in_german():
    assert sentence("T", [direct("A", "Zubehör", "forward")], language="de") == (
        "T wird empfohlen, weil Ihnen A gefällt: A ist mit T verknüpft (Zubehör)."
    )
    assert sentence("T", [direct("A", "basedOn", "backward")], language="de") == (
        "T wird empfohlen, weil Ihnen A gefällt: T beruht auf A."
    )
    assert "Sie sind über K und M verbunden." in sentence("T", [two_hop("A")], language="de")
    mixed = shared("A", "director", "K")
    mixed = Path("shared", mixed.nodes, (LIKED, mixed.relations[1], steps("starring")), 1.0)
    said = sentence("T", [mixed], language="de")
    assert said.endswith("Sie sind mit K verknüpft (Regie / Besetzung).")
    five = [shared(liked, "director", "K") for liked in "ABCDE"]
    assert "weil Ihnen A, B, C und 2 weitere gefallen: " in sentence("T", five, language="de")
    comma = sentence("T", [shared("Paris, Texas", "director", "K")], language="de")
    assert comma.startswith("„T“ wird empfohlen, weil Ihnen „Paris, Texas“ gefällt: ")


def test_a_second_item_is_a_second_sentence():
    paths = [shared("A", "director", "K"), shared("B", "basedOn", "L")]
    assert sentence("T", paths, language="de") == (
        "T wird empfohlen, weil Ihnen A gefällt: Gemeinsam ist ihnen die Regie von K. Außerdem "
        "gefällt Ihnen B: Sie beruhen auf L."
    )
    assert sentence("T", paths, language="de", tone="familiar").startswith(
        "T wird empfohlen, weil dir A gefällt: "
    )


def test_elision_in_french_and_the_spanish_and():
    said = sentence("T", [shared("A", "director", "Ozu")], language="fr")
    assert said.endswith("ils ont en commun la réalisation d’Ozu.")
    genres = [shared("A", "genre", thing) for thing in ("Drama", "Intriga")]
    said = sentence("T", genres, language="es")
    assert said.endswith("tienen en común los géneros Drama e Intriga.")


def test_length():
    paths = [replace(shared("A", "director", "K"), share=0.4), shared("B", "genre", "L")]
    assert sentence("T", paths, length="short") == (
        "T is recommended because you liked A, which shares the director K with it."
    )
    assert sentence("T", paths, length="long").endswith(
        "Of what you liked, A counts most: 40% of all that your likes add to the score."
    )


def test_words_and_what_an_item_is():
    others = Others(0, 9, 10, words=("heist", "casino"), readers=("A",))
    assert sentence("T", [], True, others) == (
        "T is recommended because its description has words in common with A: heist and casino."
    )
    assert basis_of([], others) == "words"
    about = Others(0, 9, 10, about=((steps("genre"), "Drama"),))
    assert sentence("T", [], True, about) == (
        "Nothing in particular joins T to what you liked. No other user has chosen T yet. T has "
        "the genre Drama."
    )
    assert sentence("T", [], True, about, language="zh").endswith("关于T,已知:类型为Drama。")
    assert basis_of([], about) == "about"


def test_without_paths_in_german():
    others = Others(1234, 5000, 20000, ((steps("Machart"), "Film"),))
    assert sentence("T", [], True, others, language="de") == (
        "Nichts Besonderes verbindet T mit dem, was Ihnen gefällt; alle 20.000 Artikel "
        "haben gemeinsam: Film (Machart). 1.234 von 5.000 anderen Personen haben T gewählt."
    )
    assert sentence("T", [], False, language="de") == (
        "Sie haben noch nichts gewählt; deshalb führt kein Weg von Ihnen zu T."
    )
    assert sentence("T", [audience("A", 2, 3)], language="de").startswith(
        "T wird empfohlen, weil es auch anderen gefällt, die dasselbe mögen wie Sie: 2 von 3 "
        "Personen, denen A gefällt."
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
            " Beaucoup ont cela en commun\u00a0; mais d’autres personnes qui partagent vos goûts",
        ),
        ("zh", "许多内容都有这些共同点;不过与您喜好相同的人也喜欢T:喜欢A的3人中有2人。"),
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
    with pytest.warns(KgrecWarning, match="no explanations in 'ja', only in de, en, es, fr, zh"):
        assert chosen_language("ja") == "en"


def test_numbers():
    written = {language: phrases_of(language).number(1234567) for language in known_languages()}
    assert written == {
        "de": "1.234.567", "en": "1,234,567", "es": "1.234.567", "fr": "1\u202f234\u202f567",
        "zh": "1,234,567",
    }  # fmt: skip
