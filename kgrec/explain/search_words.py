"""Why a search finds an item, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from kgrec.explain.clauses import in_common
from kgrec.explain.english import with_thing
from kgrec.explain.explanation import Relation
from kgrec.explain.groups import titled
from kgrec.explain.phrases import ENGLISH, Phrases


def search_sentence(
    item: str,
    words: Sequence[str],
    values: Sequence[tuple[str, str]],
    liked: Sequence[str],
    phrases: Phrases,
    *,
    near: bool = False,
) -> str:
    """Return why a search finds an item.

    Args:
        item: Its title.
        words: Words of the query that its text has.
        values: (kind, name) of what was asked for by name and it has.
        liked: Titles of liked items that it is like.
        phrases: Those of the language.
        near: Whether the meaning of its text is near that of the query.
    """
    facts = []
    if values:
        named = [(Relation(kind, "", kind, "forward"), name) for kind, name in values]
        if phrases.language == ENGLISH:
            said = phrases.enumerate([with_thing(*one) for one in named])
        else:
            said = in_common(named, phrases)
        facts.append(phrases.text("search_values", values=said))
    if words:
        quoted = [word.join(phrases.marks) for word in words]
        facts.append(phrases.text("search_words", words=phrases.enumerate(quoted)))
    if liked:
        titles = phrases.enumerate([titled(one) for one in liked])
        facts.append(phrases.text("search_liked", liked=titles))
    if not facts and not near:
        return phrases.text("search_nothing", item=titled(item))
    if not facts:
        facts.append(phrases.text("search_meaning"))
    return phrases.text("search", item=titled(item), facts=phrases.semicolon.join(facts))
