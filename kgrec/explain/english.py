"""The reasons of an explanation as clauses in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kgrec.explain.explanation import Path, Relation
from kgrec.explain.groups import grouped, names_of
from kgrec.explain.phrases import ENGLISH, phrases_of
from kgrec.explain.relation_phrases import english_label
from kgrec.explain.relation_words import relation_words

_MOST_CLAUSES: Final = 3
_MOST_FACTS: Final = 4


@dataclass(frozen=True)
class _Fact:
    """A statement about a liked item and the recommended one.

    "noun": they share the `words` (director) `thing`; "predicate": both are `words` (about)
    `thing`; "verb": both `words` (depict) `thing`; "other": both are linked to `thing` (`words`);
    "clause": `words` continue ", which". Of several liked items, `plural` replaces `words`.
    """

    form: Literal["noun", "predicate", "verb", "other", "clause"]
    words: str
    thing: str = ""
    plural: str = ""


def english_reasons(paths: Sequence[Path], titles: Mapping[str, str]) -> str:
    """Return the reasons as clauses after "because you liked"."""
    relative, main = _clauses(grouped(paths, titles, _fact))
    reasons = [f"{_named(liked)}, {_relative(facts, len(liked) > 1)}" for liked, facts in relative]
    because = ", and ".join([", ".join(reasons[:-1]), reasons[-1]] if reasons[1:] else reasons)
    return "; ".join([because, *(_main(liked, facts) for liked, facts in main)])


def noun_facts(
    paths: Sequence[Path], titles: Mapping[str, str]
) -> list[tuple[list[str], dict[tuple[str, str], list[str]]]] | None:
    """Return what groups of liked items share with the recommended one, as names of relations.

    Args:
        paths: The paths, best first.
        titles: Titles by label.

    Returns:
        Of each group the titles, and the things by the relation's name for one and for several;
        None: something is shared that is no noun, such as "based on".
    """
    found = []
    for liked, facts in grouped(paths, titles, _fact)[:_MOST_CLAUSES]:
        things: dict[tuple[str, str], list[str]] = {}
        for fact in facts[:_MOST_FACTS]:
            if fact.form != "noun":
                return None
            things.setdefault((fact.words, fact.plural), []).append(fact.thing)
        found.append((liked, things))
    return found


def noun_of(relation: Relation) -> tuple[str, str] | None:
    """Return a relation's name for one thing and for several; None: it is no noun."""
    words = relation_words(english_label(relation))
    return (words.text, words.plural) if words.form == "noun" else None


_Group = tuple[list[str], list[_Fact]]


def _clauses(groups: Sequence[_Group]) -> tuple[list[_Group], list[_Group]]:
    """Return the groups for relative clauses, and for main clauses on items named before."""
    relative: list[_Group] = []
    main: list[_Group] = []
    named: set[str] = set()
    for liked, facts in groups:
        new = [title for title in liked if title not in named]
        same = [said for names, said in relative if set(names) == set(liked)]
        room = len(relative) + len(main) < _MOST_CLAUSES
        if new and room:
            relative.append((new, list(facts)))
            named.update(new)
        elif same:
            same[0].extend(facts)
        elif not new and room and any(fact.form != "clause" for fact in facts):
            main.append((liked, facts))
    return relative, main


def _fact(path: Path) -> _Fact:
    if path.kind == "direct":
        return _direct_fact(path.relations[1])
    first, last = path.relations[1], path.relations[-1]
    both_describe = first.direction == "forward" and last.direction == "backward"
    things = [node.label for node in path.between]
    mine, other = relation_words(english_label(first)), relation_words(english_label(last))
    nouns = both_describe and mine.form == other.form == "noun"
    if path.kind == "shared" and both_describe and english_label(first) == english_label(last):
        return _Fact(mine.form, mine.text, things[0], mine.plural)
    if path.kind == "shared":
        if nouns:
            return _clause(f"whose {mine.text} {things[0]} is also its {other.text}")
        return _clause(f"which shares {things[0]} with it", f"which share {things[0]} with it")
    if nouns:
        return _clause(f"whose {mine.text} {things[0]} is linked to its {other.text} {things[1]}")
    through = f"linked to it through {things[0]} and {things[1]}"
    return _clause(f"which is {through}", f"which are {through}")


def _direct_fact(relation: Relation) -> _Fact:
    words = relation_words(english_label(relation))
    if words.form == "other" or (words.form != "noun" and not words.takes_object):
        linked = f"linked to it ({words.text})"
        return _clause(f"which is {linked}", f"which are {linked}")
    if relation.direction == "forward":  # from the liked item to the recommended one
        if words.form == "predicate":
            return _clause(f"which is {words.text} it", f"which are {words.plural} it")
        if words.form == "verb":
            return _clause(f"which {words.text} it", f"which {words.plural} it")
        return _clause(f"whose {words.text} it is")
    if words.form == "predicate":
        return _clause(f"which it is {words.text}")
    if words.form == "verb":
        return _clause(f"which it {words.text}")
    return _clause(f"which is its {words.text}", f"which are its {words.plural}")


def _clause(one: str, several: str = "") -> _Fact:
    return _Fact("clause", one, "", several or one)


def _relative(facts: Sequence[_Fact], several: bool) -> str:
    """Return the relative clause after "you liked A and B, "."""
    shared, alike, clauses = _sorted(facts, several)
    parts = []
    if shared:
        parts.append(f"which {'share' if several else 'shares'} {shared} with it")
    if alike:
        parts.append(f"which, like it, {alike}")
    parts += [fact.plural if several else fact.words for fact in clauses]
    return " and ".join(parts)


def _main(liked: Sequence[str], facts: Sequence[_Fact]) -> str:
    """Return a main clause on liked items that were named before."""
    several = len(liked) > 1
    shared, alike, _ = _sorted(facts, several, "" if _shares(facts) else "also ")
    if shared:
        said = f"{_named(liked)} also {'share' if several else 'shares'} {shared} with it"
        return said + f" and, like it, {alike}" * bool(alike)
    return f"{_named(liked)}, like it, {alike}"


def _shares(facts: Sequence[_Fact]) -> bool:
    return any(fact.form == "noun" for fact in facts[:_MOST_FACTS])


def _sorted(facts: Sequence[_Fact], several: bool, also: str = "") -> tuple[str, str, list[_Fact]]:
    """Return the shared nouns in words, predicates and verbs in words, and the clauses."""
    nouns: dict[tuple[str, str], list[str]] = {}
    predicates: dict[str, list[str]] = {}
    verbs: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for fact in facts[:_MOST_FACTS]:
        if fact.form == "noun":
            nouns.setdefault((fact.words, fact.plural), []).append(fact.thing)
        elif fact.form == "predicate":
            predicates.setdefault(fact.plural if several else fact.words, []).append(fact.thing)
        elif fact.form == "verb":
            verb = fact.plural if several else fact.words
            verbs.setdefault(verb, []).append(fact.thing)
        elif fact.form == "other":
            others.setdefault(fact.words, []).append(fact.thing)
    shared = [
        f"the {one if len(things) == 1 else several_of} {_enumerate(things)}"
        for (one, several_of), things in nouns.items()
    ]
    said = [f"{words} {_enumerate(things)}" for words, things in predicates.items()]
    alike = [f"{'are' if several else 'is'} {also}{_enumerate(said)}"] if said else []
    alike += [f"{also}{verb} {_enumerate(things)}" for verb, things in verbs.items()]
    alike += [
        f"{'are' if several else 'is'} {also}linked to {_enumerate(things)} ({words})"
        for words, things in others.items()
    ]
    clauses = [fact for fact in facts[:_MOST_FACTS] if fact.form == "clause"]
    return _enumerate(shared), _enumerate(alike), clauses


def _named(labels: Sequence[str]) -> str:
    return names_of(labels, phrases_of(ENGLISH))


def _enumerate(parts: Sequence[str]) -> str:
    return phrases_of(ENGLISH).enumerate(parts)


def with_thing(relation: Relation, thing: str) -> str:
    """Return a relation and what it leads to, such as "the genre Drama"."""
    words = relation_words(english_label(relation))
    if words.form == "noun":
        return f"the {words.text} {thing}"
    return f"{thing} ({relation_words(relation.label).text})"
