"""An example that shows a language model what is asked for, of the same form as its own text."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kgrec.explain.phrases import ENGLISH, phrases_of
from kgrec.explain.writing.statement import STAND_INS, Kind, Statement, Values
from kgrec.text.causal import Message

_TASKS: Final[dict[Kind, str]] = {
    "reason": "Rewrite the sentence in other words. Keep all names. Add nothing.",
    "title": "Rewrite the heading in other words. Keep all names. Add nothing.",
    "summary": "Rewrite the description in other words. Keep all names. Add nothing.",
    "profile": "Rewrite the sentence in other words. Keep all names. Add nothing.",
}
_NOUNS: Final = (
    ("author", "authors"),
    ("label", "labels"),
    ("topic", "topics"),
    ("style", "styles"),
)
"""Of examples; a text with one of these is refused unless its facts have it too."""

# {item}, {liked}: names; {values}: "the author Paris and the topics Rome"; {same}: "the same author
# Paris and the same topics Rome"; {parts}: "items with the author Paris and items with …".
_STYLES: Final[dict[Kind, tuple[str, ...]]] = {
    "reason": (
        "You liked {liked}, so we recommend {item}: {both} {values}.",
        "{item} is suggested, as you enjoyed {liked}: it has {same}.",
        "{item} may be for you, as it shares {values} with {liked}, which you liked.",
        "As you enjoyed {liked}, we suggest {item}: it has {values}, too.",
    ),
    "title": (
        "You liked {liked}: {item}",
        "{item}, since you enjoyed {liked}",
        "For you, as you liked {liked}: {item}",
    ),
    "summary": (
        "{of_each}.",
        "{item} has {first}. {its_rest}.",
    ),
    "profile": (
        "You enjoyed {parts}.",
        "You have liked {that_have}.",
        "You liked {first_part}. You also liked {rest_parts}.",
    ),
}


def styles(kind: Kind) -> int:
    """Return how many styles the examples of a kind of text have."""
    return len(_STYLES[kind])


def conversation(masked: Statement, draft: int) -> list[Message]:
    """Return the turns that ask a language model for a draft.

    Args:
        masked: A statement with stand-ins for its names.
        draft: The number of the draft, from 0; it decides which style the example has.
    """
    example = _like(masked)
    answer = styled(example, draft % styles(masked.kind))
    return [
        {"role": "system", "content": _TASKS[masked.kind]},
        {"role": "user", "content": example.template},
        {"role": "assistant", "content": answer},
        {"role": "user", "content": masked.template},
    ]


def _like(masked: Statement) -> Statement:
    """Return a statement of the same form about other relations."""
    taken = {one.word for one in masked.values}
    nouns = [pair for pair in _NOUNS if not taken & set(pair)] or [*_NOUNS]
    nouns = [nouns[place % len(nouns)] for place in range(len(masked.values))]
    names = STAND_INS[-1:2:-1]
    values = tuple(
        Values(one, many, (name,), was.several)
        for (one, many), name, was in zip(nouns, names, masked.values, strict=False)
    )
    return replace(masked, values=values)


def styled(statement: Statement, style: int) -> str:
    """Return a statement in the words of a style."""
    many = len(statement.liked) > 1
    list_of = phrases_of(ENGLISH).enumerate
    values = [str(one) for one in statement.values]
    parts = [f"items with {one}" for one in values]
    clauses = [
        f"the {one.word} of {statement.item} {'are' if one.several else 'is'} {one.text}"
        for one in statement.values
    ]
    its = [
        f"its {one.word} {'are' if one.several else 'is'} {one.text}"
        for one in statement.values[1:] or statement.values
    ]
    template = _STYLES[statement.kind][style]
    if len(statement.values) < 2 and ("rest" in template or "its" in template):
        template = _STYLES[statement.kind][0]
    made = template.format(
        item=statement.item,
        liked=statement.liked_text,
        both="they share" if many else "both have",
        values=list_of(values),
        same=list_of([f"the same {one.word} {one.text}" for one in statement.values]),
        of_each=list_of(clauses),
        first=values[0] if values else "",
        its_rest=_begun(list_of(its)),
        parts=list_of(parts),
        that_have=list_of([f"items that have {one}" for one in values]),
        first_part=parts[0] if parts else "",
        rest_parts=list_of(parts[1:]),
    )
    return _begun(made)


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
