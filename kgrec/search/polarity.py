"""What words say of what they name: wanted, unwanted, liked, disliked, seen or turned down.

The rules are of English, German, French and Spanish words of denial and dislike. A word holds up to
the end of its clause: a mark such as a full stop or comma, or a word such as "but".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from kgrec.search.tokens import Token

Polarity = Literal["neutral", "liked", "unwanted", "disliked", "seen"]

_DISLIKED: Final = (
    "hate", "hated", "hates", "dislike", "disliked", "detest", "detested", "loathe", "loathed",
    "cant stand", "couldnt stand", "cannot stand", "didnt like", "did not like", "dont like",
    "do not like", "doesnt like", "didnt enjoy", "did not enjoy", "dont enjoy", "do not enjoy",
    "didnt care for", "dont care for", "not a fan of", "not a big fan of", "not a huge fan of",
    "not into", "never liked", "wasnt a fan of", "bored by", "disappointed by",
    "hasse", "hasste", "mag keine", "mag keinen", "mag nicht", "mochte nicht",
    "deteste", "je naime pas", "naime pas", "jai deteste", "odio", "odie", "no me gusta",
    "no me gusto", "no me gustan",
)  # fmt: skip
_UNWANTED: Final = (
    "no more", "not another", "not a", "not an", "not any", "nothing with", "nothing like",
    "nothing by", "nothing from", "anything but", "everything but", "all but", "anything except",
    "no", "not", "without", "except", "except for", "other than", "apart from", "besides", "avoid",
    "instead of", "rather than", "tired of", "sick of", "bored of", "enough of", "dont want",
    "do not want", "didnt want", "dont need", "dont show me", "dont recommend", "isnt", "arent",
    "hopefully not", "minus", "ohne", "kein", "keine", "keinen", "nicht", "ausser", "alles ausser",
    "sans", "pas de", "pas un", "pas une", "plus de", "sauf", "tout sauf", "sin", "nada de",
    "menos", "excepto", "ningun", "ninguna",
)  # fmt: skip
_LIKED: Final = (
    "love", "loved", "loves", "like", "liked", "likes", "enjoy", "enjoyed", "adore", "adored",
    "favorite", "favourite", "fan of", "liebe", "liebte", "mag", "mochte", "adore", "jaime",
    "jai aime", "me gusta", "me gustan", "me gusto", "me encanta",
)  # fmt: skip
_SEEN: Final = (
    "already seen", "already saw", "already watched", "already read", "already own",
    "already have", "ive seen", "i have seen", "weve seen", "i saw", "ive watched",
    "ive read", "have already", "schon gesehen", "deja vu", "ya vi", "ya he visto",
)  # fmt: skip
_NO_DENIAL: Final = (
    "not only", "not just", "why not", "not sure", "not bad", "no idea", "no problem", "no doubt",
    "no matter", "not too", "no worries", "not necessarily", "havent seen", "have not seen",
    "not seen", "never seen", "not yet", "no thanks", "not familiar", "or not", "not heard",
    "no i", "no but", "no preference", "not picky",
)  # fmt: skip
_TURNS: Final = frozenset(
    {"but", "however", "though", "although", "instead", "aber", "sondern", "jedoch", "mais", "pero",
     "sino", "aunque"}
)  # fmt: skip
_JOINING: Final = frozenset({"or", "and", "nor", "oder", "und", "ou", "o", "y", "et", "noch", "ni"})
_AND_WISH: Final = (
    "and i like", "and i love", "and i want", "i want", "i love", "i prefer", "please show",
    "i loved", "i liked", "and i loved", "something", "show me",
)  # fmt: skip


def _phrases(given: Sequence[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in given:
        words = tuple(phrase.split())
        found.setdefault(words[0], []).append(words)
    return {first: tuple(sorted(all_, key=len, reverse=True)) for first, all_ in found.items()}


_CUES: Final = (
    (None, _phrases(_NO_DENIAL)),
    ("disliked", _phrases(_DISLIKED)),
    ("unwanted", _phrases(_UNWANTED)),
    ("seen", _phrases(_SEEN)),
    ("liked", _phrases(_LIKED)),
    ("neutral", _phrases(_AND_WISH)),
)


def polarities(tokens: Sequence[Token], named: Sequence[bool]) -> list[Polarity]:
    """Return what is said of each token, by the last cue before it in its clause.

    Args:
        tokens: The tokens of a text.
        named: Which tokens belong to a name, in which no cue is looked for, such as in the title
            "No Country for Old Men".
    """
    found: list[Polarity] = []
    now: Polarity = "neutral"
    listing = False  # whether the clause so far ends in a list of names: "not A, B or C"
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if named[place]:
            found.append(now)
            listing = True
            place += 1
            continue
        if not token.word:
            if not (listing and _goes_on(tokens, named, place)):
                now = "neutral"
            found.append(now)
            place += 1
            continue
        if token.word not in _JOINING:
            listing = False
        cue, length = _cue_at(tokens, named, place)
        if length:
            now = now if cue is None else cue
            found += [now] * length
            place += length
            continue
        if token.word in _TURNS:
            now = "neutral"
        found.append(now)
        place += 1
    return found


def _goes_on(tokens: Sequence[Token], named: Sequence[bool], place: int) -> bool:
    """Return whether a comma goes on with a list: names follow, the last one after "or"."""
    names = False
    for at in range(place, len(tokens)):
        if named[at]:
            names = True
        elif tokens[at].word:
            return names and tokens[at].word in _JOINING
        elif tokens[at].end - tokens[at].start > 1 or (names and not named[at - 1]):
            return False
    return False


def _cue_at(
    tokens: Sequence[Token], named: Sequence[bool], place: int
) -> tuple[Polarity | None, int]:
    """Return the longest cue that begins at a token, and its number of words; 0: there is none."""
    best: tuple[Polarity | None, int] = (None, 0)
    for polarity, phrases in _CUES:
        for words in phrases.get(tokens[place].word, ()):
            end = place + len(words)
            if len(words) <= best[1] or end > len(tokens) or any(named[place:end]):
                continue
            if all(tokens[place + step].word == word for step, word in enumerate(words)):
                best = (polarity, len(words))  # type: ignore[assignment]
    return best


CUES: Final = frozenset(
    word for _, phrases in _CUES for same in phrases.values() for words in same for word in words
)
"""All words of cues: none of them alone is a name."""
