"""How well-known relations read in several languages."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from kgrec.explain.explanation import Relation
from kgrec.explain.relation_words import relation_words
from kgrec.rdf.iri_names import in_words

_FILE: Final = Path(__file__).with_name("relations.json")
_FRENCH_VOWEL: Final = re.compile(r"^[\s«“]*[aeiouyàâéèêëîïôöûüAEIOUYÀÂÉÈÊËÎÏÔÖÛÜ]")


@dataclass(frozen=True)
class RelationPhrase:
    """How a relation reads in a language.

    Attributes:
        name: Its name, "" for a relation that reads as a verb.
        one: What is in common over it, with {x} for one thing: "das Genre {x}".
        several: The same for several things.
        both: A clause on all items over what they share, with {x}; "" for a name.
        direct: A clause on a relation from {a} to {b}; "" for a name.
    """

    name: str = ""
    one: str = ""
    several: str = ""
    both: str = ""
    direct: str = ""


@cache
def _known() -> dict[str, dict[str, Any]]:
    """Return the relations by every name that they have, in words and small letters."""
    found: dict[str, dict[str, Any]] = {}
    for key, entry in json.loads(_FILE.read_text(encoding="utf-8")).items():
        for name in (key, *entry["aliases"]):
            found[name.casefold()] = {"key": key, **entry}
    return found


def known_relations() -> list[str]:
    """Return the names of the relations that read well in every language, in English.

    >>> "genre" in known_relations()
    True
    """
    return sorted({entry["key"] for entry in _known().values()})


def _entry(relation: Relation) -> dict[str, Any] | None:
    for name in (relation.label, relation.iri):
        if not name:
            continue
        local = re.split(r"[/#:]", name)[-1]
        words = _words(local if name == relation.iri else name)
        for form in (words, words.removeprefix("has "), _singular(words)):
            if form in _known():
                return _known()[form]
    return None


def _words(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\s]+", " ", re.sub(r"^\w+:(?=\w)|\(s\)", "", name))
    return (spaced if " " in spaced.strip() else in_words(name)).strip().casefold()


def _singular(words: str) -> str:
    if words.endswith("ies"):
        return words[:-3] + "y"
    return words.removesuffix("s")


def english_label(relation: Relation) -> str:
    """Return a name of a relation that sentences in English can use: its own, if it is one.

    >>> english_label(Relation("P161", "http://www.wikidata.org/prop/direct/P161", "P161", "forward"))
    'actor'
    >>> english_label(Relation("alsoViews", "", "also views", "forward"))
    'viewed together with'
    """  # noqa: E501
    entry = _entry(relation)
    if entry is not None and "en" in entry and _words(relation.label) == entry["key"]:
        return str(entry["en"])
    usable = relation_words(relation.label).form != "other"
    if entry is None or (usable and not re.fullmatch(r"P\d+", relation.label)):
        return relation.label
    return str(entry.get("en", entry["key"]))


def relation_phrase(relation: Relation, language: str) -> RelationPhrase | None:
    """Return how a relation reads in a language other than English; None: it is not known."""
    entry = _entry(relation)
    if entry is None:
        return None
    found = entry[language]
    if isinstance(found, dict):
        return RelationPhrase(both=found["both"], direct=found["one"])
    return RelationPhrase(found[0], found[1], found[-1])


def filled(template: str, language: str, **parts: str) -> str:
    """Return a template with its parts; French "de" and a vowel become one word.

    >>> filled("la musique de {x}", "fr", x="Ennio Morricone")
    'la musique d’Ennio Morricone'
    """
    if language == "fr":
        for name, part in parts.items():
            if _FRENCH_VOWEL.match(part):
                template = template.replace(f" de {{{name}}}", f" d’{{{name}}}")
    return template.format(**parts)


def starts_plural(things: Sequence[tuple[RelationPhrase, int]]) -> bool:
    """Return whether what is in common is more than one thing: (phrase, number of its things)."""
    return len(things) > 1 or any(count > 1 and p.one != p.several for p, count in things)
