"""What kind of words the name of a relation is in English, so that sentences can use it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from kgrec.rdf.iri_names import in_words

_LISTS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(words.split())
    for name, words in json.loads(
        Path(__file__).with_name("english_words.json").read_text(encoding="utf-8")
    ).items()
}
_PREPOSITIONS: Final = _LISTS["prepositions"]
_PEOPLE: Final = re.compile(r"^[A-Z]\w*(ish|ese|ian|rench|erman|reek|utch)$")
_NOUNS_OF_ACTIONS: Final = {"starring": "actor", "cinematography": "cinematographer"}
_PREDICATES: Final = {
    **{word: f"{word} to" for word in ("similar", "related", "equivalent", "identical", "next")},
    "same as": "the same as",
}


@dataclass(frozen=True)
class RelationWords:
    """The name of a relation as a part of a sentence.

    Attributes:
        form: "noun": they share the `text` (director) X; "predicate": both are `text` (about) X;
            "verb": each `text` (contains) X; "other": no part of a sentence, such as "also views".
        text: The words.
    """

    form: Literal["noun", "predicate", "verb", "other"]
    text: str

    @property
    def takes_object(self) -> bool:
        """Whether a name may follow: "is based on it", but not "is part of the series it"."""
        words = self.text.split(" ")
        return words[-1] in _PREPOSITIONS or (self.form == "verb" and len(words) == 1)

    @property
    def plural(self) -> str:
        """The same words for several things."""
        if self.form == "verb":
            return _base_verb(self.text)
        if self.form == "noun":
            return _plural(self.text)
        one, of, rest = re.sub("^an? ", "", self.text).partition(" ")
        return f"{_plural(one)}{of}{rest}" if re.match("an? ", self.text) else self.text


def relation_words(label: str) -> RelationWords:
    """Return the words for a relation with a name in English, in camel case or in words.

    >>> [relation_words(name).text for name in ("hasGenre", "is_part_of", "Death Place", "genres")]
    ['genre', 'part of', 'death place', 'genre']
    >>> [relation_words(name).form for name in ("director", "set in", "depicts", "also views")]
    ['noun', 'predicate', 'verb', 'other']
    """
    words = _words(label)
    text = " ".join(words)
    had = len(words) > 1 and words[0] in _LISTS["have"]
    was = len(words) > 1 and words[0] in _LISTS["be"]
    words = words[1:] if had or was else words
    said, first, second = " ".join(words), words[0], words[1] if len(words) > 1 else ""
    other = RelationWords("other", text)
    if first in _LISTS["adverbs"] or words[-1] in _LISTS["adverbs"]:
        return other
    if first == "in" and second and not was:
        return RelationWords("noun", _singular(" ".join(words[1:])))  # "in language"
    inner = next((word for word in words[1:-1] if word in _PREPOSITIONS), "")
    participle = _is_participle(first)
    if had:  # "has works in the collection" is no noun
        plain = not participle and inner in ("", "of") and words[-1] not in _PREPOSITIONS
        return RelationWords("noun", _singular(said)) if plain else other
    with_article = first in _LISTS["with_article"] and second in _PREPOSITIONS
    by_end = words[-1] in _PREPOSITIONS or (inner == "of" and first == "part") or with_article
    if not second and first in _LISTS["unclear_alone"]:
        return other
    if first in _LISTS["verbs"] and (second or first not in _LISTS["verbs_or_plurals"]):
        object_follows = not second or by_end or inner or second in _PREPOSITIONS
        return RelationWords("verb", said) if object_follows else other
    if said in _PREDICATES:
        return RelationWords("predicate", _PREDICATES[said])
    if with_article:
        return RelationWords("predicate", f"{'an' if first[0] in 'aeiou' else 'a'} {said}")
    if words[-1] == "by" and not participle:
        return RelationWords("verb", f"has {said}")  # "music by"
    if by_end or (participle and second in _PREPOSITIONS) or (was and second and participle):
        return RelationWords("predicate", said)
    if _is_participle(words[-1]):
        return other  # "viewed", "award received"
    if inner not in ("", "of") or (was and inner):
        return RelationWords("predicate", said)  # "present in work"
    return RelationWords("noun", _NOUNS_OF_ACTIONS.get(said, _singular(said)))


def _words(label: str) -> list[str]:
    """Return the words of a name, the first one small unless it is an abbreviation or a people."""
    name = re.sub(r"[_\s]+", " ", re.sub(r"^\w+:(?=\w)|\(s\)", "", label)).strip()
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = (spaced or in_words(label)).split(" ")
    titled = all(word[:1].isupper() for word in words[words[0] in _LISTS["have"] :])
    camel = spaced != name
    return [
        word.lower()
        if word[1:].islower() and (place == 0 or titled or camel) and not _PEOPLE.search(word)
        else word
        for place, word in enumerate(words)
    ]


def _is_participle(word: str) -> bool:
    regular = word.endswith("ed") and len(word) > 4 and word not in _LISTS["no_participles"]
    return regular or word in _LISTS["participles"]


def _base_verb(text: str) -> str:
    """Return the plural of a verb in the third person.

    >>> [_base_verb(verb) for verb in ("takes place in", "matches", "carries", "goes with")]
    ['take place in', 'match', 'carry', 'go with']
    """
    verb, blank, rest = text.partition(" ")
    if verb == "has":
        return f"have {rest}"
    if verb.endswith("ies"):
        verb = verb[:-3] + "y"
    elif verb.endswith(("ches", "shes", "sses", "xes", "oes")):
        verb = verb[:-2]
    else:
        verb = verb.removesuffix("s")
    return verb + blank + rest


def _plural(noun: str) -> str:
    """Return the plural of a noun.

    >>> [_plural(noun) for noun in ("country of origin", "class", "series", "price level")]
    ['countries of origin', 'classes', 'series', 'price levels']
    """
    head, of, rest = noun.partition(" of ")
    if head.endswith("y") and head[-2:-1] not in tuple("aeiou"):
        head = head[:-1] + "ies"
    elif head.endswith(("ss", "sh", "ch", "x", "z")):
        head += "es"
    elif not head.endswith("s"):
        head += "s"
    return head + of + rest


def _singular(noun: str) -> str:
    """Return the singular of a noun that may be a plural.

    >>> [_singular(noun) for noun in ("genres", "categories", "status", "series", "class", "BPS")]
    ['genre', 'category', 'status', 'series', 'class', 'BPS']
    >>> _singular("countries of origin"), _singular("boxes"), _singular("movies"), _singular("bus")
    ('country of origin', 'box', 'movie', 'bus')
    """
    head, of, rest = noun.partition(" of ")
    last = head.split(" ")[-1]
    kept = ("ss", "us", "is", "ics", "series", "species", "news", "lens", "means", "gas", "bias")
    if last.endswith(kept) or last.isupper() or len(last) < 4:
        return noun
    if head.endswith("ies") and last not in _LISTS["kept_plurals"]:
        head = head[:-3] + "y"
    elif head.endswith(("sses", "shes", "ches", "xes", "zzes")):
        head = head[:-2]
    else:
        head = head.removesuffix("s")
    return head + of + rest
