"""Titles as keys: titles that differ only in spelling conventions have the same key.

All functions work on whole Arrow columns, so that a million labels take seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.rdf.literals import replaced

_LONGEST = 400  # characters of a title; the rest is ignored
_YEAR = r"(?:1[5-9]\d\d|20\d\d)"
_ARTICLES = (
    "the|a|an|le|la|les|l'|un|une|des|der|die|das|ein|eine|el|los|las|una|il|lo|gli|i|uno|o|os|as|"
    "um|uma|de|het|een|den|det|en|et|ett"
)
_MOVED = rf"(?i)^(.+?),\s+({_ARTICLES})$"
_LEADING = r"^(?P<article>the|a|an|le|la|les|un|une|der|die|das|el|los|las|il|lo|gli) (?P<rest>.+)$"
_LETTERS = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i",
}  # fmt: skip
_UNITS = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ROMAN = [
    "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv",
    "xvi", "xvii", "xviii", "xix", "xx",
]  # fmt: skip
_ORDINALS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth",
]  # fmt: skip
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_SHORT = {
    "blvd": "boulevard", "dr": "doctor", "mr": "mister", "mt": "mount", "pt": "part",
    "st": "saint", "vol": "volume", "vs": "versus",
}  # fmt: skip
_WORDS = {
    **{word: str(place) for place, word in enumerate(_UNITS, 1)},
    **{word: str(10 * place) for place, word in enumerate(_TENS, 2)},
    **{word: str(place) for place, word in enumerate(_ROMAN, 2)},
    **{word: f"{place}{_ENDINGS.get(place, 'th')}" for place, word in enumerate(_ORDINALS, 1)},
    **_SHORT,
}
# Letters of Chinese and Japanese, which have no blanks, may stand before or after a word: 三体II.
_UNSPACED = r"\u3005\u3041-\u30ff\u3400-\u9fff"
_KNOWN = re.compile(
    rf"(?<![^\W{_UNSPACED}])"
    rf"(?:({'|'.join(_TENS)}) ({'|'.join(_UNITS[:9])})|({'|'.join(_WORDS)})|(i))"
    rf"(?![^\W{_UNSPACED}])"
)
_SOME_KNOWN = rf"\b(?:i|{'|'.join(_WORDS)})\b"
_BEFORE_ONE = ("part ", "pt ", "episode ", "chapter ", "volume ", "vol ")


def clean(texts: Any) -> Any:
    """Return titles in lower case, without accents, punctuation and doubled blanks.

    Args:
        texts: Arrow string array of shape (n,).

    Returns:
        Arrow `large_string` of shape (n,).

    >>> clean(pa.array(["Amélie & Co.: L'Été", "E.T. the Extra-Terrestrial"])).to_pylist()
    ['amelie and co lete', 'et the extra terrestrial']
    """
    texts = pc.utf8_slice_codeunits(texts.cast(pa.large_string()), 0, _LONGEST)
    texts = _where(texts, pc.invert(pc.string_is_ascii(texts)), _plain_letters)
    texts = pc.utf8_lower(texts)
    texts = pc.replace_substring(texts, "&", " and ")
    texts = pc.replace_substring_regex(texts, r"['’‘`´ʼ]", "")
    texts = pc.replace_substring_regex(texts, r"\b(\pL)[.*]", r"\1")
    texts = pc.replace_substring_regex(texts, r"[^\pL\pN\pM]+", " ")
    return pc.utf8_trim_whitespace(texts)


def loosen(cleaned: Any) -> Any:
    """Return cleaned titles without leading article and blanks, with numerals as digits.

    >>> loosen(pa.array(["the twelve monkeys", "rocky iv", "thirty two films"])).to_pylist()
    ['12monkeys', 'rocky4', '32films']
    """
    texts = pc.replace_substring_regex(digits(cleaned), _LEADING, r"\2")
    return pc.replace_substring(texts, " ", "")


def article_of(cleaned: Any) -> Any:
    """Return the article in front of cleaned titles, null where there is none."""
    return pc.struct_field(pc.extract_regex(cleaned.cast(pa.large_string()), _LEADING), 0)


def digits(cleaned: Any) -> Any:
    """Return cleaned titles with Roman numerals and number words as digits, abbreviations in full.

    Single letters are Roman numerals. "i" is one only after "part" and similar words.

    >>> digits(pa.array(["the godfather part i", "i robot", "malcolm x"])).to_pylist()
    ['the godfather part 1', 'i robot', 'malcolm 10']
    """
    cleaned = cleaned.cast(pa.large_string())
    return _where(
        cleaned,
        pc.match_substring_regex(cleaned, _SOME_KNOWN),
        lambda part: pa.array(
            [_KNOWN.sub(_as_digits, text) for text in part.to_pylist()], type=pa.large_string()
        ),
    )


def years_in(texts: Any) -> Any:
    """Return the first year from 1500 to 2099 in each text, Arrow int64 of shape (n,), or null.

    >>> years_in(pa.array(["Heat (1995 film)", "the 1990s", "no. 19955"])).to_pylist()
    [1995, None, None]
    """
    texts = texts.cast(pa.large_string())
    found = pc.struct_field(
        pc.extract_regex(texts, rf"(?:^|[^\pL\pN])(?P<y>{_YEAR})(?:[^\pL\pN]|$)"), 0
    )
    return found.cast(pa.int64())


def main_titles(texts: Any) -> Any:
    """Return cleaned titles without brackets at the end, with the article in front.

    >>> main_titles(pa.array(["Net, The (1995 film)"])).to_pylist()
    ['the net']
    """
    return clean(_moved(_split_brackets(_short(texts), np.arange(len(texts)))[0]))


def title_keys(texts: Any, *, common: int = 2, wanted: Any = None) -> pd.DataFrame:
    """Return all keys of titles.

    A title is split into the text before brackets at its end ("main"), the text in them
    ("alternative"), and the parts around a colon or dash ("part"). Text in brackets is no title if
    it begins with a small letter, has a year or follows `common` or more titles: then it
    distinguishes items of the same title. An article at the end moves to the front.

    Args:
        texts: Arrow string array of shape (n,).
        common: Number of titles from which on the same text in brackets is no title.
        wanted: The only keys to return, Arrow string array; None: all.

    Returns:
        The columns row (int64), kind (main, alternative or part), clean and key (text); no key is
        empty, and no row has a key twice.
    """
    texts = _short(texts)
    rows = np.arange(len(texts))
    main, brackets = _split_brackets(texts, rows)
    whole = np.unique(brackets["row"])
    parts = [
        ("main", rows, main),
        ("main", whole, texts.take(pa.array(whole))),
        ("alternative", *_alternatives(brackets, common)),
        *(("part", *found) for found in _around_colon(main, rows)),
    ]
    table = pd.concat([_keyed(*part, wanted) for part in parts], ignore_index=True)
    # "main" comes before the others, and the first of equal keys stays.
    return table.drop_duplicates(["row", "key"]).sort_values("row", kind="stable")


def last_brackets(texts: Any) -> Any:
    """Return the text in brackets at the end of each text, null for none."""
    pattern = r"[\(\[](?P<inside>[^()\[\]]*)[\)\]]\s*$"
    return pc.struct_field(pc.extract_regex(texts, pattern), 0)


def _split_brackets(texts: Any, rows: Any) -> tuple[Any, pd.DataFrame]:
    """Return texts without up to three brackets at their end, and the brackets (row, text)."""
    found = []
    main = texts
    for _ in range(3):
        ends = pc.or_(pc.ends_with(main, ")"), pc.ends_with(main, "]"))
        closed = np.flatnonzero(np.asarray(ends, dtype=bool))
        pattern = r"^(?P<main>.*\S)\s*[\(\[](?P<inside>[^()\[\]]*)[\)\]]$"
        parts = pc.extract_regex(main.take(pa.array(closed)), pattern)
        has = np.asarray(pc.is_valid(parts), dtype=bool)
        if not has.any():
            break
        chosen, closed = parts.filter(pa.array(has)), closed[has]
        before, inside = pc.struct_field(chosen, 0), pc.struct_field(chosen, 1)
        found.append(pd.DataFrame({"row": rows[closed], "text": inside.to_pylist()}, dtype=object))
        main = replaced(main, closed, before.cast(main.type))
    columns = pd.DataFrame({"row": [], "text": []}, dtype=object)
    brackets = pd.concat([columns, *found], ignore_index=True)
    return main, brackets.astype({"row": np.int64})


def _alternatives(brackets: pd.DataFrame, common: int) -> tuple[Any, Any]:
    text = brackets["text"].astype(str)
    text = text.str.replace(r"(?i)^(?:a\.?\s?k\.?\s?a\.?|also known as|or)[\s:]+", "", regex=True)
    keep = ~text.str.contains(rf"\b{_YEAR}\b", regex=True).to_numpy(bool)
    keep &= (text.str.len() >= 3).to_numpy() & ~text.str[:1].str.islower().to_numpy(bool)
    keep &= text.groupby(text).transform("size").to_numpy(np.int64) < common
    return brackets["row"].to_numpy(np.int64)[keep], pa.array(
        text[keep].tolist(), type=pa.large_string()
    )


def _around_colon(main: Any, rows: Any) -> list[tuple[Any, Any]]:
    rows = rows[np.asarray(pc.match_substring_regex(main, r"[:–—-]\s"), dtype=bool)]
    moved = _moved(main.take(pa.array(rows)))
    parts = pc.extract_regex(moved, r"^(?P<a>.{3,}?)(?:\s*:\s+|\s+[-–—]\s+)(?P<b>.{4,})$")
    has = np.asarray(pc.is_valid(parts))
    chosen = parts.filter(pa.array(has))
    return [(rows[has], pc.struct_field(chosen, side)) for side in (0, 1)]


def _keyed(kind: str, rows: Any, texts: Any, wanted: Any) -> pd.DataFrame:
    """Return the wanted keys that are not empty; only these become Python strings."""
    cleaned = clean(_moved(texts))
    key = loosen(cleaned)
    keep = pc.not_equal(key, "") if wanted is None else pc.is_in(key, wanted)
    return pd.DataFrame(
        {
            "row": np.asarray(rows, dtype=np.int64)[np.asarray(keep, dtype=bool)],
            "kind": kind,
            "clean": cleaned.filter(keep).to_pandas(),
            "key": key.filter(keep).to_pandas(),
        }
    )


def _short(texts: Any) -> Any:
    texts = pc.utf8_slice_codeunits(texts.cast(pa.large_string()), 0, _LONGEST)
    return pc.utf8_trim_whitespace(texts)


def _moved(texts: Any) -> Any:
    """Return titles with an article at their end in front: "L'Enfer" for "Enfer, L'"."""
    has = pc.match_substring(texts, ",")
    return _where(
        texts,
        has,
        lambda part: pc.replace_substring_regex(
            pc.replace_substring_regex(part, _MOVED, r"\2 \1"), r"(?i)^l' ", "l'"
        ),
    )


def _as_digits(match: re.Match[str]) -> str:
    tens, unit, word, _ = match.groups()
    if tens:
        return str(int(_WORDS[tens]) + int(_WORDS[unit]))
    if word:
        return _WORDS[word]
    return "1" if match.string[: match.start()].endswith(_BEFORE_ONE) else "i"


def _plain_letters(texts: Any) -> Any:
    # Twice: some capitals are decomposed only in lower case.
    for _ in range(2):
        texts = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKD"))
    texts = pc.replace_substring_regex(texts, r"[\x{0300}-\x{036f}]", "")
    for letter, plain in _LETTERS.items():
        texts = pc.replace_substring(texts, letter, plain)
    return texts


def _where(texts: Any, mask: Any, function: Callable[[Any], Any]) -> Any:
    """Return texts with `function` applied to those of `mask`; it may be slow, and few need it."""
    if not pc.any(mask).as_py():
        return texts
    return pc.replace_with_mask(texts, mask, function(texts.filter(mask)).cast(texts.type))
