"""Whether a text says what its facts hold, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kgrec.errors import printable
from kgrec.explain.writing.statement import Kind, Statement

_MOST_CHARS: Final = 4000
_MOST_SENTENCES: Final = 2
_STOP: Final = "."
_END: Final = "END"
_START: Final = "START"
_ITEM, _LIKED, _NOUN, _VALUE = "ITEM", "LIKED", "NOUN", "VALUE"
_NAMES: Final = (_ITEM, _LIKED, _VALUE)
_LIKE: Final = ("liked", "enjoyed")
_RECOMMEND: Final = ("recommend", "suggest", "recommended", "suggested")
_ITEM_VERBS: Final = ("is", "may", "might", "could", "has", "shares", "also")
_BREAKS: Final = (",", ";", ":")
_BETWEEN: Final = (",", ":", "of", "is", "are")
_CAUSES: Final = ("because", "since", "as")
_ONE_HAS: Final = ("has", "shares")
_MANY_HAVE: Final = ("have", "share")


@dataclass(frozen=True)
class _Token:
    """A word, a mark, or one of the names.

    `kind` is the word itself in small letters, or `ITEM`, `LIKED`, `NOUN` (the name of a relation)
    or `VALUE`; `place` is the number of the relation; `several` is the grammatical number of a
    noun.
    """

    kind: str
    place: int = -1
    several: bool = False


def _table(rows: str) -> dict[str, frozenset[str]]:
    """Return what may follow each token: a row is a token, a colon, and the others."""
    found = {}
    for row in rows.strip().splitlines():
        token, _, after = row.strip().partition(" : ")
        found[token] = frozenset(after.split())
    return found


# What may follow what. A word that is in no row is a claim of its own: it is refused. That a verb
# has a subject of which it is true is in these rows too: "you" may have liked, and nothing else;
# no value has, shares or is anything.
_FOLLOWS: Final[dict[Kind, dict[str, frozenset[str]]]] = {
    "reason": _table("""
        START : ITEM LIKED you we both as since because it they
        ITEM : is may might could has shares also and because as since for to too , : ; .
        LIKED : has have share shares also and so because as since , : ; .
        NOUN : VALUE , : of
        VALUE : and with as so because since too , : ; .
        you : liked enjoyed have also may might could because as since , : ; .
        we : recommend suggest also
        it : is may might could has shares also and because as since so , : ; .
        they : have share both also
        both : have share ITEM LIKED
        which : has have share shares you also
        is : recommended suggested also for
        may : be like enjoy also
        might : be like enjoy also
        could : be like enjoy also
        be : for
        also : recommended suggested has have share shares liked enjoyed recommend suggest like enjoy be for
        liked : LIKED , : ; .
        enjoyed : LIKED , : ; .
        like : ITEM
        enjoy : ITEM
        recommend : ITEM
        suggest : ITEM
        recommended : for to because as since , : ; .
        suggested : for to because as since , : ; .
        for : you
        to : you
        has : the NOUN
        have : the NOUN liked enjoyed also
        shares : the NOUN
        share : the NOUN
        with : it ITEM LIKED
        the : same NOUN
        same : NOUN
        of : VALUE
        as : you it they both LIKED ITEM well
        well : because as since , : ; .
        so : we you it ITEM
        because : you it they both LIKED ITEM
        since : you it they both LIKED ITEM
        too : because as since , : ; .
        and : the NOUN it they both we ITEM LIKED so
        , : so because since as we it which and both they ITEM VALUE the too
        : : both it they we you ITEM VALUE
        ; : both it they we you ITEM
        . : END START
    """),  # noqa: E501
    "title": _table("""
        START : ITEM you because since as for
        ITEM : for because since as , : END
        LIKED : , : END
        you : liked enjoyed , : END
        liked : LIKED
        enjoyed : LIKED
        because : you
        since : you
        as : you
        for : you
        , : because since as for ITEM
        : : ITEM because since as
    """),
    "summary": _table("""
        START : ITEM the its it
        ITEM : has is are
        NOUN : VALUE of is are , :
        VALUE : and , ; .
        has : the NOUN
        is : VALUE
        are : VALUE
        the : NOUN
        its : NOUN
        it : has also
        also : has
        of : ITEM VALUE
        and : the its NOUN
        , : the its and VALUE
        ; : the its it
        : : VALUE
        . : END START
    """),
    "profile": _table("""
        START : you
        VALUE : and , .
        NOUN : VALUE
        you : liked enjoyed have also
        liked : items
        enjoyed : items
        have : liked enjoyed also the NOUN
        also : liked enjoyed
        items : with that
        that : have
        with : the NOUN
        the : NOUN
        and : items you
        , : items and you
        . : END START
    """),
}


def refusal(text: str, statement: Statement) -> str:
    """Return why a text must not stand for a statement; "" if it may.

    A text may stand if each of its sentences is one of those that are true whenever the statement
    is: it has the names of the statement, whole and in their roles; besides these only words of a
    short list, each after words after which it claims nothing new; no number, no negation, no other
    name; each relation is followed by its own values; what is said to be a reason is one. All names
    must be there, so that nothing is left out, and none may be repeated without end. What cannot be
    understood in this way is refused, even if it is true.

    Args:
        text: The text.
        statement: The facts.
    """
    if not text.strip():
        return "it is empty"
    if len(text) > _MOST_CHARS:
        return f"it is longer than {_MOST_CHARS:,} characters"
    tokens = _tokens(text.strip(), statement)
    if isinstance(tokens, str):
        return tokens
    found = _order(tokens, _FOLLOWS[statement.kind]) or _bound(tokens, statement)
    found = found or _complete(tokens, statement)
    if not found and statement.kind in ("reason", "title"):
        found = _likes(tokens) or _subjects(tokens, len(statement.liked) > 1)
    if not found and statement.kind == "profile":
        found = _owners([token.kind for token in tokens])
    if not found and statement.kind == "reason":
        kinds = [token.kind for token in tokens]
        found = _clauses(kinds) or _causes(kinds)
    return found


def _tokens(text: str, statement: Statement) -> list[_Token] | str:
    """Return the tokens of a text; a reason to refuse it if it has something else."""
    names = {statement.item: _Token(_ITEM), statement.liked_text: _Token(_LIKED)}
    for place, one in enumerate(statement.values):
        names[one.text] = _Token(_VALUE, place)
    names.pop("", None)
    if len({name.casefold() for name in names}) < len(statement.names):
        return "two of its names are the same"
    nouns: dict[str, _Token] = {}
    for place, one in enumerate(statement.values):
        nouns.setdefault(one.noun, _Token(_NOUN, place, several=False))
        nouns.setdefault(one.plural, _Token(_NOUN, place, several=True))
        nouns[one.word] = _Token(_NOUN, place, one.several)
    longest = sorted((*names, *nouns), key=len, reverse=True)
    pattern = re.compile(
        r"(?P<name>(?<!\w)(?:"
        + "|".join(map(re.escape, longest))
        + r")(?!\w))|(?P<word>[^\W\d_]+)|(?P<number>\d[\d.,]*)|(?P<mark>[,;:.])|(?P<blank> +)"
        r"|(?P<other>.)",
        re.DOTALL,
    )
    known = _FOLLOWS[statement.kind]
    found: list[_Token] = []
    for match in pattern.finditer(text):
        said, kind = match.group(), match.lastgroup
        begins = not found or found[-1].kind == _STOP
        if kind == "blank":
            continue
        if kind == "name":
            found.append(names.get(said) or nouns[said])
        elif kind == "mark":
            found.append(_Token(said))
        elif kind == "number":
            return f"a number that the facts do not hold: {printable(said, 40)}"
        elif kind == "other":
            return f"a sign that no sentence of facts needs: {printable(said)!r}"
        elif said != said.lower() and not (begins and said[1:] == said[1:].lower()):
            return f"a name that the facts do not hold: {printable(said, 40)}"
        elif begins and said == said.lower():
            return "a sentence that begins with a small letter"
        elif said.lower() not in known:
            return f"a word that the facts do not hold: {printable(said, 40)}"
        else:
            found.append(_Token(said.lower()))
    if text.endswith(".") and found[-1].kind in _NAMES and statement.kind != "title":
        found.append(_Token(_STOP))  # the full stop of the name is that of the sentence
    return found


def _order(tokens: Sequence[_Token], follows: dict[str, frozenset[str]]) -> str:
    """Return why the order of the tokens is none that is known to be true."""
    before, sentences = _START, 1
    for token in (*(one.kind for one in tokens), _END):
        if before == _STOP and token != _END:
            before, sentences = _START, sentences + 1
        if sentences > _MOST_SENTENCES:
            return f"it has more than {_MOST_SENTENCES} sentences"
        if token not in follows.get(before, ()):
            return f"{_shown(token)} after {_shown(before)}"
        before = token
    return ""


def _shown(kind: str) -> str:
    names = {_ITEM: "the item", _LIKED: "the liked items", _NOUN: "a relation", _VALUE: "a value",
             _END: "the end", _START: "the beginning"}  # fmt: skip
    return names.get(kind, f"{kind!r}")


def _bound(tokens: Sequence[_Token], statement: Statement) -> str:
    """Return why relations and values do not belong together as the text says."""
    for place, token in enumerate(tokens):
        if token.kind == _NOUN:
            if token.several != statement.values[token.place].several:
                return "a relation in the wrong number"
            value = _next_value(tokens, place + 1)
            if value is None or value.place != token.place:
                return "a relation without its own values"
            if any(
                one.kind in ("is", "are") and (one.kind == "are") != token.several
                for one in tokens[place : tokens.index(value)]
            ):
                return "a verb in the wrong number"
        if token.kind == _VALUE:
            before = [one for one in tokens[:place] if one.kind not in (*_BETWEEN, _ITEM)][-1:]
            if not before or before[0].kind != _NOUN or before[0].place != token.place:
                return "a value without its relation"
    return ""


def _next_value(tokens: Sequence[_Token], start: int) -> _Token | None:
    for place in range(start, len(tokens)):
        kind = tokens[place].kind
        if kind == _VALUE:
            return tokens[place]
        if kind not in _BETWEEN and not (kind == _ITEM and tokens[place - 1].kind == "of"):
            return None
    return None


def _complete(tokens: Sequence[_Token], statement: Statement) -> str:
    """Return what is missing, or said too often."""
    kinds = [token.kind for token in tokens]
    for kind, name in ((_ITEM, statement.item), (_LIKED, statement.liked_text)):
        if name and not 1 <= kinds.count(kind) <= 2:
            return f"{_shown(kind)} {kinds.count(kind)} times"
    if statement.kind != "title":
        said = sorted(token.place for token in tokens if token.kind == _VALUE)
        if said != list(range(len(statement.values))):
            return "not each value once"
    return ""


def _likes(tokens: Sequence[_Token]) -> str:
    """Return why it is not said of the liked items, and of these alone, that they are liked."""
    kinds = [token.kind for token in tokens]
    told = False
    for place, kind in enumerate(kinds):
        if kind in _LIKE:
            after = kinds[place + 1 : place + 2]
            chain = _before(kinds, place, ("also", "have"))
            if chain < 0 or kinds[chain] != "you":
                return "somebody else likes something"
            relative = kinds[max(chain - 3, 0) : chain] == [_LIKED, ",", "which"]
            if after != [_LIKED] and not relative:
                return "something else is liked"
            if after == [_LIKED] and kinds[chain - 1 : chain] == ["which"]:
                return "a clause that cannot be understood"
            told = True
        if kind == "you":
            by = kinds[place - 1] if place else _START
            after_you = kinds[place + 1] if place + 1 < len(kinds) else _END
            addressed = by in ("for", "to")
            acts = after_you in (*_LIKE, "have", "also", "may", "might", "could")
            if addressed == acts:
                return "a clause on you that cannot be understood"
            if acts and after_you in ("have", "also") and not _then_likes(kinds, place + 1):
                return "you do something else than like"
        if kind in ("like", "enjoy"):
            chain = _before(kinds, place, ("also",))
            if kinds[chain] not in ("may", "might", "could") or kinds[chain - 1] != "you":
                return "somebody else likes something"
        modal = kind in ("may", "might", "could") and place > 0 and kinds[place - 1] == "you"
        if modal and not {"like", "enjoy"} & set(kinds[place + 1 : place + 3]):
            return "you do something else than like"
    return "" if told else "it does not say what is liked"


def _owners(kinds: Sequence[str]) -> str:
    """Return why it is not you who likes in a profile, or not what you like that has values."""
    for place, kind in enumerate(kinds):
        if kind in _LIKE and kinds[_before(kinds, place, ("also", "have"))] != "you":
            return "somebody else likes something"
        if kind == "have" and (kinds[place - 1] == "that") != (kinds[place + 1] in ("the", _NOUN)):
            return "it cannot be understood what has a value"
    return ""


def _before(kinds: Sequence[str], place: int, skipped: Sequence[str]) -> int:
    """Return the place of the last token before a place that is none of some; -1: there is none."""
    return next((at for at in range(place - 1, -1, -1) if kinds[at] not in skipped), -1)


def _then_likes(kinds: Sequence[str], place: int) -> bool:
    after = next((one for one in kinds[place:] if one not in ("also", "have")), _END)
    return after in _LIKE


def _clauses(kinds: Sequence[str]) -> str:
    """Return why names and values do not stand where a clause needs them."""
    for place, kind in enumerate(kinds):
        by = kinds[place - 1] if place else _START
        after = kinds[place + 1] if place + 1 < len(kinds) else _END
        if kind == _NOUN:
            owner = _before(kinds, place, ("the", "same"))
            follows = kinds[owner] if owner >= 0 else _START
            if follows in ("and", ",") and kinds[_before(kinds, owner, (",",))] != _VALUE:
                return "it cannot be understood what has a value"
            if follows not in (*_ONE_HAS, *_MANY_HAVE, "and", ","):
                return "it cannot be understood what has a value"
        if kind == "it" and by != "with" and after not in _ITEM_VERBS:
            return "a clause without a verb"
        if kind == _ITEM:
            asked = by in (*_RECOMMEND, "like", "enjoy")
            if asked and after in (*_ITEM_VERBS, "and"):
                return "a list or clause that cannot be understood"
            if (
                not asked
                and by not in ("with", "and", "both")
                and after not in (*_ITEM_VERBS, "and")
            ):
                return "a clause without a verb"
        if kind == _LIKED and by not in (*_LIKE, "with", "and", "both"):
            verbs = (*_ONE_HAS, *_MANY_HAVE, "also", "and")
            relative = kinds[place + 1 : place + 4] == [",", "which", "you"]
            compared = by == "as" and place > 1 and kinds[place - 2] == _VALUE
            if after not in verbs and not compared and not (relative and by == _START):
                return "a clause without a verb"
        if kind == _LIKED and by in _LIKE and after in (*_ONE_HAS, *_MANY_HAVE, "also", "and"):
            return "a list or clause that cannot be understood"
    return ""


def _subjects(tokens: Sequence[_Token], several: bool) -> str:
    """Return why a verb is not true of its subject, or does not agree with it."""
    kinds = [token.kind for token in tokens]
    for place, kind in enumerate(kinds):
        by, after = _before(kinds, place, ("also",)), kinds[place + 1 : place + 2]
        subject = kinds[by] if by >= 0 else _START
        if kind in (*_ONE_HAS, *_MANY_HAVE) and not (subject == "you" and kind == "have"):
            if subject == "which":
                named = [one for one in kinds[:by] if one in _NAMES][-1:]
                if named not in ([_ITEM], [_LIKED]):
                    return "it cannot be understood what has a value"
                subject = named[0]
            many = {_ITEM: False, "it": False, _LIKED: several, "they": True, "both": True}
            if subject not in many:
                return "it cannot be understood what has a value"
            pair = kinds[max(by - 2, 0) : by + 1] in (
                [_ITEM, "and", _LIKED],
                [_LIKED, "and", _ITEM],
            )
            if (kind in _MANY_HAVE) != (many[subject] or pair):
                return "a verb in the wrong number"
        if kind == "both" and several:
            return "more than two are called both"
        if kind == "both" and after[0] in (_ITEM, _LIKED):
            rest = kinds[place + 1 : place + 5]
            if rest[1:2] != ["and"] or rest[3:4] not in (["have"], ["share"]):
                return "it cannot be understood what both are"
        if kind == "and" and after[0] in (_ITEM, _LIKED):
            pair = {kinds[place - 1], after[0]} == {_ITEM, _LIKED}
            verb = kinds[place + 2 : place + 3]
            ahead = kinds[place - 2] if place > 1 else _START
            if not pair or verb not in (["have"], ["share"], ["both"]):
                return "a list that cannot be understood"
            if ahead not in (_START, "both", "as", *_BREAKS, _STOP):
                return "a list that cannot be understood"
    return ""


def _causes(kinds: Sequence[str]) -> str:
    """Return why something is said to be a reason that is none, or nothing is recommended."""
    for place, kind in enumerate(kinds):
        if kind in (*_RECOMMEND, "for", "to") and not _recommends(kinds, place):
            return "it cannot be understood what is recommended"
    said = [_recommends(kinds, place) for place in range(len(kinds))]
    if not any(said):
        return "nothing is recommended"
    start = 0
    for stop in [place for place, kind in enumerate(kinds) if kind == _STOP]:
        found = _causes_in(kinds[start : stop + 1], said[start : stop + 1])
        if found:
            return found
        start = stop + 1
    return ""


def _causes_in(kinds: Sequence[str], said: Sequence[bool]) -> str:
    """Return the same for one sentence, with what recommends in it."""
    begins = kinds[0] in _CAUSES
    for place, kind in enumerate(kinds[:-1]):
        by, after = kinds[place - 1] if place else _START, kinds[place + 1]
        if kind == "so" and (begins or by == "and" or any(said[:place]) or not any(said[place:])):
            return "a reason that is none"
        if kind == "we" and by == "," and not begins:
            return "two sentences without a stop"
        if kind == "as" and (after == "well" or (after == _LIKED and by == _VALUE)):
            continue  # a comparison
        if kind not in _CAUSES:
            continue
        if place == 0:
            if after != "you" or not any(said):
                return "a reason that is none"
            continue
        recommended = max((at for at in range(place) if said[at]), default=-1)
        liking = max((at for at in range(place) if kinds[at] in _LIKE), default=-1)
        if recommended < 0 or recommended < liking:  # it would be why you like something
            return "a reason that is none"
    return ""


def _recommends(kinds: Sequence[str], place: int) -> bool:
    """Return whether the token at a place says that the item is recommended."""
    kind = kinds[place]
    by = _before(kinds, place, ("also",))
    subject = kinds[by - 1] if by > 0 else _START
    if kind in ("recommend", "suggest"):
        return by >= 0 and kinds[by] == "we"
    if kind in ("recommended", "suggested"):
        return by >= 0 and kinds[by] == "is" and subject in (_ITEM, "it")
    if kind in ("like", "enjoy"):
        return by >= 0 and kinds[by] in ("may", "might", "could")
    if kind in ("for", "to"):
        if by >= 0 and kinds[by] in ("recommended", "suggested"):
            return _recommends(kinds, by)
        if by > 0 and kinds[by] == _ITEM:
            return kinds[by - 1] in ("recommend", "suggest")
        if by > 0 and kinds[by] == "be":
            modal = _before(kinds, by, ("also",))
            by, subject = modal, kinds[modal - 1] if modal > 0 else _START
            return (
                kind == "for"
                and kinds[by] in ("may", "might", "could")
                and subject in (_ITEM, "it")
            )
        return kind == "for" and by > 0 and kinds[by] == "is" and subject in (_ITEM, "it")
    return False
