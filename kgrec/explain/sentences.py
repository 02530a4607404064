"""The paths of an explanation in one sentence, in one of several languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from kgrec.explain.explanation import Path, Relation
from kgrec.explain.phrases import ENGLISH, Phrases, phrases_of
from kgrec.explain.relation_words import relation_words

F = TypeVar("F")
_MOST_CLAUSES: Final = 3
_MOST_FACTS: Final = 4
_MOST_NAMES: Final = 3


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


@dataclass(frozen=True)
class Others:
    """What is known of an item besides paths.

    Attributes:
        chosen: How many other users liked it.
        users: How many other users there are.
        items: How many items there are.
        common: (relation, label) of what it shares with all items.
        weak: Whether the paths say little, because many items have what they lead over.
        audience: Paths over other users, for a reason besides weak paths.
    """

    chosen: int = 0
    users: int = 0
    items: int = 0
    common: tuple[tuple[Relation, str], ...] = ()
    weak: bool = False
    audience: tuple[Path, ...] = ()


def sentence(
    item: str,
    paths: Sequence[Path],
    has_liked: bool = True,
    others: Others | None = None,
    *,
    language: str = ENGLISH,
) -> str:
    """Return a sentence for the paths.

    It has at most three clauses and no repetitions; liked items that share the same things are
    named together. Titles are quoted if one of them has a comma or "and". If the paths say
    little, a second sentence says what other users chose.

    Args:
        item: Label of the recommended item.
        paths: The paths, best first.
        has_liked: Whether the user liked anything at all.
        others: What is known of the item besides the paths.
        language: One of `kgrec.explain.phrases.known_languages`.
    """
    phrases, others = phrases_of(language), others or Others()
    audience = [path for path in paths if path.kind == "audience"] or others.audience
    labels = [item, *(path.liked.label for path in (*paths, *audience))]
    quoted = any("," in _title(label) or phrases.and_ in label for label in labels)
    marks = phrases.marks if quoted else ("", "")
    titles = {label: _title(label).join(marks) for label in labels}
    target = titles[item]
    choices = phrases.chosen(target, others.chosen, others.users)
    if not has_liked:
        said = phrases.text("no_history", item=target)
        return f"{said} {choices}" if others.users else said
    if not paths:
        return f"{_without_path(target, others, phrases)}. {choices}"
    people = phrases.enumerate(
        [
            phrases.audience(path.num_users, path.num_audience, titles[path.liked.label])
            for path in audience[:_MOST_CLAUSES]
        ]
    )
    if paths[0].kind == "audience":
        return phrases.text("audience", item=target, people=people)
    reasons = _english(paths, titles) if language == ENGLISH else _plain(paths, titles, phrases)
    said = phrases.text("because", item=target, reasons=reasons)
    if others.weak and people:
        return f"{said} {phrases.text('weak', item=target, people=people)}"
    if others.weak and others.chosen:
        return f"{said} {phrases.text('weak_chosen', chosen=choices)}"
    return said


def _without_path(target: str, others: Others, phrases: Phrases) -> str:
    """Return what can be said truly of an item that nothing particular joins to liked ones."""
    nothing = phrases.text("nothing", item=target)
    if not others.common:
        return nothing
    if phrases.language == ENGLISH:
        shared = [_with_thing(relation.label, label) for relation, label in others.common]
    else:
        shared = [f"{relation.label}: {label}" for relation, label in others.common]
    parts = {"shared": phrases.enumerate(shared), "items": phrases.number(others.items)}
    return phrases.text("common", nothing=nothing, **parts)


def _with_thing(relation: str, thing: str) -> str:
    words = relation_words(relation)
    return f"the {words.text} {thing}" if words.form == "noun" else f"{thing} ({words.text})"


def _plain(paths: Sequence[Path], titles: Mapping[str, str], phrases: Phrases) -> str:
    """Return the reasons by the templates of a language, without a grammar of relations."""

    def fact(path: Path) -> tuple[str, str]:
        """Return what is said of a path: a relation and a thing, or words alone."""
        first, last = path.relations[1], path.relations[-1]
        things = [node.label for node in path.between]
        if path.kind == "direct":
            ends = [titles[path.liked.label], titles[path.nodes[-1].label]]
            source, target = ends if first.direction == "forward" else ends[::-1]
            words = {"source": source, "relation": first.label, "target": target}
            return "", phrases.text("direct", **words)
        if path.kind == "two_hop":
            return "", phrases.text("through", first=things[0], last=things[1])
        if first.label == last.label:
            return first.label, things[0]
        ends = [first.label, last.label]
        return "", phrases.text("mixed", things=things[0], first=ends[0], last=ends[1])

    reasons = []
    for liked, facts in _groups(paths, titles, fact)[:_MOST_CLAUSES]:
        things: dict[str, list[str]] = {}
        for relation, thing in facts[:_MOST_FACTS]:
            things.setdefault(relation, []).append(thing)
        said = [
            words
            for relation, found in things.items()
            for words in (
                [phrases.text("shared", relation=relation, things=phrases.enumerate(found))]
                if relation
                else found
            )
        ]
        names = _names(liked, phrases)
        reasons.append(phrases.text("reason", liked=names, facts="; ".join(said)))
    return "; ".join(reasons)


def _english(paths: Sequence[Path], titles: Mapping[str, str]) -> str:
    """Return the reasons as clauses after "because you liked"."""
    relative, main = _clauses(_groups(paths, titles, _fact))
    reasons = [f"{_names(liked)}, {_relative(facts, len(liked) > 1)}" for liked, facts in relative]
    because = ", and ".join([", ".join(reasons[:-1]), reasons[-1]] if reasons[1:] else reasons)
    return "; ".join([because, *(_main(liked, facts) for liked, facts in main)])


def _groups(
    paths: Sequence[Path], titles: Mapping[str, str], fact_of: Callable[[Path], F]
) -> list[tuple[list[str], list[F]]]:
    """Return (titles of liked items, the facts that they share), best first.

    A fact of several paths has the root of the sum of their squared scores.
    """
    liked_by_fact: dict[F, list[str]] = {}
    total: dict[F, float] = {}
    for path in paths:
        fact = fact_of(path)
        total[fact] = total.get(fact, 0.0) + path.score**2
        liked = liked_by_fact.setdefault(fact, [])
        if (title := titles[path.liked.label]) not in liked:
            liked.append(title)
    groups: dict[frozenset[str], tuple[list[str], list[F]]] = {}
    for fact in sorted(total, key=lambda fact: -total[fact]):
        liked = liked_by_fact[fact]
        groups.setdefault(frozenset(liked), (liked, []))[1].append(fact)
    return list(groups.values())


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
    mine, other = relation_words(first.label), relation_words(last.label)
    nouns = both_describe and mine.form == other.form == "noun"
    if path.kind == "shared" and both_describe and first.label == last.label:
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
    words = relation_words(relation.label)
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
        said = f"{_names(liked)} also {'share' if several else 'shares'} {shared} with it"
        return said + f" and, like it, {alike}" * bool(alike)
    return f"{_names(liked)}, like it, {alike}"


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


def _names(labels: Sequence[str], phrases: Phrases | None = None) -> str:
    phrases = phrases or phrases_of(ENGLISH)
    if len(labels) > _MOST_NAMES + 1:
        more = phrases.text("others", count=phrases.number(len(labels) - _MOST_NAMES))
        return phrases.enumerate([", ".join(labels[:_MOST_NAMES]), more])
    return phrases.enumerate(labels)


def _enumerate(parts: Sequence[str]) -> str:
    return phrases_of(ENGLISH).enumerate(parts)


def _title(label: str) -> str:
    """Return a title with its article in front; catalogues put it at the end.

    >>> _title("Rock, The")
    'The Rock'
    """
    title, comma, article = label.rpartition(", ")
    return f"{article} {title}" if comma and article in ("The", "A", "An") else label
