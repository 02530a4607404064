"""The paths of an explanation in one sentence, in one of several languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kgrec.explain.clauses import in_common, reasons_in
from kgrec.explain.english import english_reasons, with_thing
from kgrec.explain.explanation import Basis, Path, Relation
from kgrec.explain.groups import names_of, titled
from kgrec.explain.phrases import ENGLISH, Phrases, phrases_of
from kgrec.explain.settings import Length, Tone

_MOST_CLAUSES: Final = 3


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
        words: Words of its text that liked items have, too.
        readers: Labels of these liked items.
        about: What the item is, as (relation, label).
        joined: Whether the graph joins it to a liked item, even if that is not told.
    """

    chosen: int = 0
    users: int = 0
    items: int = 0
    common: tuple[tuple[Relation, str], ...] = ()
    weak: bool = False
    audience: tuple[Path, ...] = ()
    words: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    about: tuple[tuple[Relation, str], ...] = ()
    joined: bool = False


def basis_of(told: Sequence[Path], others: Others) -> Basis:
    """Return what `sentence` tells."""
    if told:
        return "audience" if told[0].kind == "audience" else "graph"
    if others.words:
        return "words"
    if others.chosen:
        return "popular"
    return "about" if others.about or others.common else "none"


def sentence(
    item: str,
    paths: Sequence[Path],
    has_liked: bool = True,
    others: Others | None = None,
    *,
    language: str = ENGLISH,
    length: Length = "normal",
    tone: Tone = "polite",
    similar: bool = False,
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
        length: "short": one reason; "long": also how much of the score the first item adds.
        tone: How people are addressed where a language has two forms.
        similar: Whether the item is like a single other one, and not recommended to somebody.
    """
    phrases = phrases_of(language, tone, similar=similar)
    others = others or Others()
    paths = paths[:1] if length == "short" else paths
    audience = [path for path in paths if path.kind == "audience"] or others.audience
    titles = titles_of(item, (*paths, *audience), others.readers, phrases)
    target = titles[item]
    choices = phrases.chosen(target, others.chosen, others.users)
    if not has_liked:
        said = [phrases.text("no_history", item=target)]
        return phrases.space.join([*said, *([choices] if others.users else [])])
    if not paths and others.words:
        liked = names_of([titles[label] for label in others.readers], phrases)
        words = phrases.enumerate(others.words)
        return phrases.text("words", item=target, liked=liked, words=words)
    if not paths:
        return _without_path(target, others, phrases, choices)
    people = phrases.enumerate(
        [
            phrases.audience(path.num_users, path.num_audience, titles[path.liked.label])
            for path in audience[:_MOST_CLAUSES]
        ]
    )
    said = []
    if paths[0].kind == "audience":
        said.append(phrases.text("audience", item=target, people=people))
        if not others.joined:
            said.append(phrases.text("audience_nothing"))
    else:
        if language == ENGLISH:
            reasons = english_reasons(paths, titles)
            said.append(phrases.text("because", item=target, reasons=reasons))
        else:
            said.append(reasons_in(phrases, target, paths, titles))
        if others.weak and people and length != "short":
            said.append(phrases.text("weak", item=target, people=people))
        elif others.weak and others.chosen and length != "short":
            said.append(phrases.text("weak_chosen", chosen=choices))
    if length == "long":
        said += _share(paths, titles, phrases)
    return phrases.space.join(said)


def titles_of(
    item: str, paths: Sequence[Path], others: Sequence[str], phrases: Phrases
) -> dict[str, str]:
    """Return titles by label, all quoted if one of them has a comma or "and".

    Args:
        item: Label of the recommended item.
        paths: Paths whose liked items are named.
        others: Labels of further items.
        phrases: Those of the language.
    """
    labels = [item, *(path.liked.label for path in paths), *others]
    quoted = any("," in titled(label) or phrases.and_ in label for label in labels)
    marks = phrases.marks if quoted else ("", "")
    return {label: titled(label).join(marks) for label in labels}


def _share(paths: Sequence[Path], titles: Mapping[str, str], phrases: Phrases) -> list[str]:
    """Return a sentence on how much the liked item adds that adds most."""
    best = max(paths, key=lambda path: path.share or 0.0)
    if not best.share:
        return []
    percent = f"{100 * best.share:.0f}"
    return [phrases.text("share", liked=titles[best.liked.label], percent=percent)]


def _without_path(target: str, others: Others, phrases: Phrases, choices: str) -> str:
    """Return what can be said truly of an item that nothing particular joins to liked ones."""
    nothing = phrases.text("nothing", item=target)
    if others.common:
        parts = {"shared": _named(others.common, phrases), "items": phrases.number(others.items)}
        nothing = phrases.text("common", nothing=nothing, **parts)
    said = [nothing + phrases.stop, choices]
    if others.about and not others.chosen and not others.common:
        shared = _named(others.about, phrases)
        said.append(phrases.text("about", item=target, shared=shared))
    return phrases.space.join(said)


def _named(facts: Sequence[tuple[Relation, str]], phrases: Phrases) -> str:
    if phrases.language == ENGLISH:
        return phrases.enumerate([with_thing(relation, label) for relation, label in facts])
    return in_common(facts, phrases)
