"""The reasons of an explanation as sentences in languages other than English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kgrec.explain.explanation import Path, Relation
from kgrec.explain.groups import grouped, names_of
from kgrec.explain.phrases import Phrases
from kgrec.explain.relation_phrases import (
    RelationPhrase,
    filled,
    relation_phrase,
    starts_plural,
)

_MOST_GROUPS: Final = 3
_MOST_FACTS: Final = 4

_Fact = tuple[Relation | None, str]
"""A relation and the thing that is shared over it, or no relation and a clause."""


def reasons_in(
    phrases: Phrases, item: str, paths: Sequence[Path], titles: Mapping[str, str]
) -> str:
    """Return a sentence for each group of liked items that share the same with an item.

    Args:
        phrases: Those of the language.
        item: Title of the item.
        paths: The paths, best first.
        titles: Titles by label.
    """
    said: list[str] = []
    named: set[str] = set()
    for liked, facts in grouped(paths, titles, lambda path: _fact(path, titles, phrases)):
        if len(said) == _MOST_GROUPS:
            break
        words = phrases.semicolon.join(_clauses(facts[:_MOST_FACTS], phrases))
        if phrases.capital:
            words = words[:1].upper() + words[1:]
        new = [title for title in liked if title not in named]
        parts = {"item": item, "liked": names_of(new or liked, phrases), "facts": words}
        named.update(liked)
        if not new:
            said.append(phrases.text("again", **parts))
        else:
            template = phrases.counted["also" if said else "reasons"][len(new) > 1]
            said.append(template.format(**parts))
    return phrases.space.join(said)


def in_common(facts: Sequence[tuple[Relation, str]], phrases: Phrases) -> str:
    """Return what one thing is, such as "das Genre Drama und die Sprache Polnisch"."""
    if phrases.join:
        return phrases.join.join(
            f"{_name(relation, phrases)}为{thing}" for relation, thing in facts
        )
    return _things({relation: [thing] for relation, thing in facts}, phrases)[0]


def _fact(path: Path, titles: Mapping[str, str], phrases: Phrases) -> _Fact:
    first, last = path.relations[1], path.relations[-1]
    things = [node.label for node in path.between]
    if path.kind == "direct":
        ends = [titles[path.liked.label], titles[path.nodes[-1].label]]
        source, target = ends if first.direction == "forward" else ends[::-1]
        phrase = relation_phrase(first, phrases.language)
        if phrase is not None and phrase.direct:
            return None, filled(phrase.direct, phrases.language, a=source, b=target)
        name = phrase.name if phrase is not None else first.label
        return None, phrases.text("direct", source=source, relation=name, target=target)
    if path.kind == "two_hop":
        return None, phrases.text("through", first=things[0], last=things[1])
    if first.name == last.name and first.direction == "forward":
        return Relation(first.name, first.iri, first.label, "forward"), things[0]
    names = dict.fromkeys(_name(relation, phrases) for relation in (first, last))
    return None, phrases.text("linked", things=things[0], relation=" / ".join(names))


def _name(relation: Relation, phrases: Phrases) -> str:
    phrase = relation_phrase(relation, phrases.language)
    return phrase.name if phrase is not None and phrase.name else relation.label


def _clauses(facts: Sequence[_Fact], phrases: Phrases) -> list[str]:
    """Return what items have in common as clauses, in the order of the facts."""
    named: dict[Relation, list[str]] = {}
    verbs: dict[Relation, list[str]] = {}
    alone = []
    for relation, thing in facts:
        phrase = None if relation is None else relation_phrase(relation, phrases.language)
        if relation is None:
            alone.append(thing)
        elif phrase is not None and phrase.one:
            named.setdefault(relation, []).append(thing)
        else:
            verbs.setdefault(relation, []).append(thing)
    said = []
    if named:
        things, several = _things(named, phrases)
        said.append(phrases.counted["in_common"][several].format(things=things))
    for relation, found in verbs.items():
        phrase, things = relation_phrase(relation, phrases.language), phrases.enumerate(found)
        if phrase is not None and phrase.both:
            said.append(filled(phrase.both, phrases.language, x=things))
        else:
            said.append(phrases.text("linked", things=things, relation=relation.label))
    return said + alone


def _things(named: Mapping[Relation, Sequence[str]], phrases: Phrases) -> tuple[str, bool]:
    """Return things with their relations as a list in words, and whether these are several."""
    said, counted = [], list[tuple[RelationPhrase, int]]()
    for relation, found in named.items():
        phrase = relation_phrase(relation, phrases.language)
        things = phrases.enumerate(found)
        if phrase is None or not phrase.one:
            said.append(f"{things} ({_name(relation, phrases)})")
            counted.append((RelationPhrase(), 1))
            continue
        template = phrase.several if len(found) > 1 else phrase.one
        said.append(filled(template, phrases.language, x=things))
        counted.append((phrase, len(found)))
    joined = phrases.join.join(said) if phrases.join else phrases.enumerate(said)
    return joined, starts_plural(counted)
