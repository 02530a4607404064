"""Scripts of letters, and which of them a language model knows."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from kgrec.errors import printable, warn

_LEAST_TOKENS: Final = 100
_LEAST_HAN: Final = 2000
_HAN: Final = "Chinese characters"
_REMEDY: Final = (
    "Set text.model to 'multilingual' (16 languages, `pip install 'kgrec[multilingual]'`) or to "
    "another multilingual model, such as "
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2."
)
_MOST_UNKNOWN: Final = 0.1  # of the letters
_NAMES: Final = {
    "CJK": _HAN,
    "HIRAGANA": "Japanese kana",
    "KATAKANA": "Japanese kana",
    "KATAKANA-HIRAGANA": "Japanese kana",
    "HANGUL": "Korean",
    "MYANMAR": "Burmese",
}
_NO_SCRIPT: Final = frozenset((
    "", "MODIFIER", "SUPERSCRIPT", "FEMININE", "MASCULINE", "MICRO", "SCRIPT", "DOUBLE-STRUCK",
    "MATHEMATICAL", "FULLWIDTH", "HALFWIDTH", "IDEOGRAPHIC", "BLACK-LETTER", "FRAKTUR",
))  # fmt: skip
"""First words of the names of letters that do not begin with a script."""


@lru_cache(maxsize=1 << 16)
def script_of(char: str) -> str:
    """Return the script of a letter, "" for what is no letter of one script.

    >>> [script_of(char) for char in "aщ中ฟ한7"]
    ['Latin', 'Cyrillic', 'Chinese characters', 'Thai', 'Korean', '']
    """
    if not char.isalpha():
        return ""
    first = unicodedata.name(char, "").split(" ")[0]
    return "" if first in _NO_SCRIPT else _NAMES.get(first, first.capitalize())


def letters_by_script(texts: Iterable[str]) -> Counter[str]:
    """Return the number of letters of each script in texts."""
    chars: Counter[str] = Counter()
    for text in texts:
        chars.update(text)
    found: Counter[str] = Counter()
    for char, count in chars.items():
        found[script_of(char)] += count
    del found[""]
    return found


def known_scripts(tokenizer: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the scripts that a tokenizer has words, or parts of words, for.

    A tokenizer that cuts a script into single letters, or has no token for it, belongs to a model
    that has hardly seen it. A script is known if 100 tokens have two or more letters of it, and
    Chinese characters if 2,000 tokens have one.

    Args:
        tokenizer: What is in `tokenizer.json`.

    Returns:
        None: tokens are of bytes, or the file has another form or is missing.
    """
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, Mapping) else None
    if not vocabulary or '"ByteLevel"' in json.dumps(
        [tokenizer.get("pre_tokenizer"), tokenizer.get("decoder")]
    ):
        return None
    count: Counter[str] = Counter()
    for entry in vocabulary:  # a mapping of tokens, or a list of tokens and their scores
        token = str(entry[0] if isinstance(entry, list) and entry else entry)
        letters = [script_of(char) for char in token.removeprefix("##").lstrip("▁")]
        for script in set(letters):
            count[script] += script == _HAN or letters.count(script) > 1
    return frozenset(
        script
        for script, number in count.items()
        if script and number >= (_LEAST_HAN if script == _HAN else _LEAST_TOKENS)
    )


def warn_of_unknown_scripts(
    texts: Sequence[str], known: Callable[[], frozenset[str] | None], what: str
) -> None:
    """Warn if more than a tenth of the letters of texts are of scripts that a model does not know.

    Args:
        texts: The texts.
        known: Returns the scripts that the model knows, None if that is unknown; called only if
            there are other letters than Latin ones.
        what: What the texts are, for the message.
    """
    letters = letters_by_script(text for text in texts if not text.isascii())
    if not set(letters) - {"Latin"}:
        return
    scripts = known()
    if scripts is None:
        return
    letters["Latin"] += sum(map(str.isalpha, "".join(text for text in texts if text.isascii())))
    unknown = {script: count for script, count in letters.items() if script not in scripts}
    share = sum(unknown.values()) / sum(letters.values())
    if share > _MOST_UNKNOWN:
        named = " and ".join(sorted(unknown, key=lambda script: -unknown[script])[:2])
        warn(
            f"{share:.0%} of the letters of {what} are of a script that the text model does not "
            f"know ({named}): their meaning is lost, and only their words are compared. {_REMEDY}"
        )


def warn_of_english_model(languages: Sequence[str]) -> None:
    """Warn if the languages of texts, best first, are not first English, for a model of English."""
    first = next((tag for tag in languages if tag), "en")
    if first.lower().split("-")[0] != "en":
        warn(
            f"text.languages begins with {printable(first, 20)!r}, but the default text model "
            f"knows English: the meaning of other languages is hardly compared. {_REMEDY}"
        )
