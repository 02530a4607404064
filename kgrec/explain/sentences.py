"""The paths of an explanation in one English sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kgrec.explain.explanation import Path, Relation

_MOST_CLAUSES = 3
_MOST_FACTS = 4
_MOST_NAMES = 3
_PREPOSITIONS = frozenset(
    ("about", "at", "by", "during", "for", "from", "in", "of", "on", "to", "with")
)
_NOUNS = {"starring": "actor", "cinematography": "cinematographer"}


@dataclass(frozen=True)
class _Fact:
    """A statement about a liked item and the recommended one.

    "noun": they share the `words` (director) `thing`; "predicate": both are `words` (about)
    `thing`; "clause": `words` and, of several liked items, `plural` continue ", which".
    """

    form: Literal["noun", "predicate", "clause"]
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
    """

    chosen: int = 0
    users: int = 0
    items: int = 0
    common: tuple[tuple[Relation, str], ...] = ()


def sentence(
    item: str, paths: Sequence[Path], has_liked: bool = True, others: Others | None = None
) -> str:
    """Return a sentence for the paths.

    It has at most three clauses and no repetitions; liked items that share the same things are
    named together. Titles are quoted if one of them has a comma or "and".

    Args:
        item: Label of the recommended item.
        paths: The paths, best first.
        has_liked: Whether the user liked anything at all.
        others: What is known of the item if there is no path.
    """
    labels = [item, *(path.liked.label for path in paths)]
    quoted = any("," in _title(label) or " and " in label for label in labels)
    marks = ("“", "”") if quoted else ("", "")
    titles = {label: _title(label).join(marks) for label in labels}
    target = titles[item]
    if not has_liked:
        known = f" {_choices(target, others)}" if others else ""
        return f"You have not liked anything yet, so no path leads from you to {target}.{known}"
    if not paths:
        return _without_path(target, others or Others())
    audiences = [path for path in paths if path.kind == "audience"]
    if audiences:
        people = [
            f"{path.num_users:,} of {_people(path.num_audience)} who liked "
            f"{titles[path.liked.label]}"
            for path in audiences[:_MOST_CLAUSES]
        ]
        return (
            f"{target} is recommended because {_enumerate(people)} liked it as well. In the "
            "graph, nothing in particular joins it to what you liked."
        )
    relative, main = _clauses(_groups(paths, titles))
    reasons = [f"{_names(liked)}, {_relative(facts, len(liked) > 1)}" for liked, facts in relative]
    because = ", and ".join([", ".join(reasons[:-1]), reasons[-1]] if reasons[1:] else reasons)
    further = [_main(liked, facts) for liked, facts in main]
    return "; ".join([f"{target} is recommended because you liked {because}", *further]) + "."


def _without_path(target: str, others: Others) -> str:
    """Return what can be said truly of an item that nothing particular joins to liked ones."""
    said = f"Nothing in particular joins {target} to what you liked"
    if others.common:
        shared = _enumerate([f"the {_noun(relation)} {label}" for relation, label in others.common])
        said += f": all {others.items:,} items have {shared}"
    return f"{said}. {_choices(target, others)}"


def _choices(target: str, others: Others) -> str:
    if not others.chosen:
        return f"No other user has chosen {target} yet."
    verb = "has" if others.chosen == 1 else "have"
    return f"{others.chosen:,} of {others.users:,} other users {verb} chosen {target}."


_Group = tuple[list[str], list["_Fact"]]


def _groups(paths: Sequence[Path], titles: Mapping[str, str]) -> list[_Group]:
    """Return (titles of liked items, the facts that they share), best first.

    A fact of several paths has the root of the sum of their squared scores.
    """
    liked_by_fact: dict[_Fact, list[str]] = {}
    total: dict[_Fact, float] = {}
    for path in paths:
        fact = _fact(path)
        total[fact] = total.get(fact, 0.0) + path.score**2
        liked = liked_by_fact.setdefault(fact, [])
        if (title := titles[path.liked.label]) not in liked:
            liked.append(title)
    groups: dict[frozenset[str], _Group] = {}
    for fact in sorted(total, key=lambda fact: -total[fact]):
        liked = liked_by_fact[fact]
        groups.setdefault(frozenset(liked), (liked, []))[1].append(fact)
    return list(groups.values())


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
    if path.kind == "shared" and both_describe and first.label == last.label:
        form: Literal["noun", "predicate"] = "predicate" if _predicate(first.label) else "noun"
        return _Fact(form, _predicate(first.label) or _noun(first), things[0])
    nouns = both_describe and not _predicate(first.label) and not _predicate(last.label)
    if path.kind == "shared":
        if nouns:
            return _clause(f"whose {_noun(first)} {things[0]} is also its {_noun(last)}")
        return _clause(f"which shares {things[0]} with it", f"which share {things[0]} with it")
    if nouns:
        mine, other = _noun(first), _noun(last)
        return _clause(f"whose {mine} {things[0]} is linked to its {other} {things[1]}")
    through = f"linked to it through {things[0]} and {things[1]}"
    return _clause(f"which is {through}", f"which are {through}")


def _direct_fact(relation: Relation) -> _Fact:
    predicate, noun = _predicate(relation.label), _noun(relation)
    if relation.direction == "forward":  # from the liked item to the recommended one
        if predicate:
            return _clause(f"which is {predicate} it", f"which are {predicate} it")
        return _clause(f"whose {noun} it is")
    if predicate:
        return _clause(f"which it is {predicate}")
    return _clause(f"which is its {noun}", f"which are its {_plural(noun)}")


def _clause(one: str, several: str = "") -> _Fact:
    return _Fact("clause", one, "", several or one)


def _relative(facts: Sequence[_Fact], several: bool) -> str:
    """Return the relative clause after "you liked A and B, "."""
    shared, predicates, clauses = _sorted(facts)
    parts = []
    if shared:
        parts.append(f"which {'share' if several else 'shares'} {shared} with it")
    if predicates:
        parts.append(f"which, like it, {'are' if several else 'is'} {predicates}")
    parts += [fact.plural if several else fact.words for fact in clauses]
    return " and ".join(parts)


def _main(liked: Sequence[str], facts: Sequence[_Fact]) -> str:
    """Return a main clause on liked items that were named before."""
    shared, predicates, _ = _sorted(facts)
    several = len(liked) > 1
    if shared:
        said = f"{_names(liked)} also {'share' if several else 'shares'} {shared} with it"
        return said + (
            f" and, like it, {'are' if several else 'is'} {predicates}" * bool(predicates)
        )
    return f"{_names(liked)}, like it, {'are' if several else 'is'} also {predicates}"


def _sorted(facts: Sequence[_Fact]) -> tuple[str, str, list[_Fact]]:
    """Return the shared nouns in words, the predicates in words, and the clauses."""
    nouns: dict[str, list[str]] = {}
    predicates: dict[str, list[str]] = {}
    for fact in facts[:_MOST_FACTS]:
        if fact.form != "clause":
            kind = nouns if fact.form == "noun" else predicates
            kind.setdefault(fact.words, []).append(fact.thing)
    shared = [
        f"the {noun if len(things) == 1 else _plural(noun)} {_enumerate(things)}"
        for noun, things in nouns.items()
    ]
    said = [f"{words} {_enumerate(things)}" for words, things in predicates.items()]
    clauses = [fact for fact in facts[:_MOST_FACTS] if fact.form == "clause"]
    return _enumerate(shared), _enumerate(said), clauses


def _predicate(label: str) -> str:
    """Return the label if it is a predicate ("is based on" → "based on"), otherwise ""."""
    words = _without_verb(label)
    return words if words.split()[-1:] and words.split()[-1] in _PREPOSITIONS else ""


def _noun(relation: Relation) -> str:
    """Return the label as a noun ("in language" → "language").

    Columns of tables with several values often have a plural as name ("genres").
    """
    words = _without_verb(relation.label)
    if words.startswith("in ") and len(words) > 3:
        words = words[3:]
    return _NOUNS.get(words, words if relation.iri else _singular(words))


def _without_verb(label: str) -> str:
    words = label.split()
    if len(words) > 1 and words[0] in ("is", "was", "are", "has"):
        words = words[1:]
    return " ".join(words)


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

    >>> [_singular(noun) for noun in ("genres", "categories", "status", "series", "class")]
    ['genre', 'category', 'status', 'series', 'class']
    """
    if noun.endswith(("ss", "us", "is", "series", "species")):
        return noun
    return noun[:-3] + "y" if noun.endswith("ies") else noun.removesuffix("s")


def _people(count: int) -> str:
    return "1 other person" if count == 1 else f"{count:,} other people"


def _names(labels: Sequence[str]) -> str:
    if len(labels) > _MOST_NAMES + 1:
        return ", ".join(labels[:_MOST_NAMES]) + f" and {len(labels) - _MOST_NAMES} others"
    return _enumerate(labels)


def _enumerate(parts: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c".

    >>> _enumerate(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _title(label: str) -> str:
    """Return a title with its article in front; catalogues put it at the end.

    >>> _title("Rock, The")
    'The Rock'
    """
    title, comma, article = label.rpartition(", ")
    return f"{article} {title}" if comma and article in ("The", "A", "An") else label
