"""The page of relation names says what explanations say."""

from pathlib import Path as File

import pytest

from kgrec.explain.explanation import Node, Path, Relation
from kgrec.explain.relation_phrases import known_relations
from kgrec.explain.sentences import sentence

PAGE = File(__file__).parents[2] / "docs" / "reference" / "relation-names.md"


def said(relation, language):
    nodes = [Node("item", 0, label, label) for label in ("you", "A", "X", "T")]
    liked = Relation("interacts", "", "liked", "forward")
    steps = [Relation(relation, "", relation, way) for way in ("forward", "backward")]
    path = Path("shared", tuple(nodes), (liked, *steps), 1.0)
    return sentence("T", [path], language=language)


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "zh"])
def test_the_page_has_the_sentence_of_every_relation(language):
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    column = 2 + ["en", "de", "fr", "es", "zh"].index(language)
    found = {row[0].removeprefix("| "): row[column].removesuffix(" |") for row in rows if row[6:]}
    expected = {relation: said(relation, language) for relation in known_relations()}
    assert len(expected) >= 60
    assert {name: found.get(name) for name in expected} == expected


def test_no_relation_is_named_as_it_is_where_a_phrase_is_known():
    for relation in known_relations():
        for language in ("de", "fr", "es", "zh"):
            assert f"({relation})" not in said(relation, language)
