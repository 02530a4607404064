"""Texts that are a little different in each step, so that they are not learnt by heart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from pydantic import Field

from kgrec.settings import Settings
from kgrec.types import IntArray

_SENTENCE: Final = re.compile(r"(?<=[.!?]) +")
_WORD: Final = re.compile(r"(?<![\w'-])[a-z]{3,}(?![\w'-])")
_NO_WORDS: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})
_ATTRIBUTE: Final = re.compile(r"(?P<name>[^:.]{1,60}): (?P<values>[^:]+?)(?P<end>[.!?]?)$")


class AugmentConfig(Settings):
    """What is changed in texts while the encoder is trained; validation has them as they are.

    All layers are computed for such texts, also with `frozen` and `top_layers`.
    """

    attributes: float = Field(
        default=0.0, ge=0, lt=1, description="Share of sentences like `Genres: Drama.` left out."
    )
    shuffle: bool = Field(
        default=False,
        description="Whether these sentences, and the values in each, come in random order.",
    )
    sentences: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the other sentences left out, but not the first, which is the title.",
    )
    tokens: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the tokens left out, but no special ones."
    )
    synonyms: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the English words of the other sentences that become another word "
        "for their most frequent meaning, where WordNet has one; names and the title stay.",
    )
    wordnet: str | None = Field(
        default=None,
        description="The folder with WordNet's index.noun, data.noun and so on. None: where "
        "WNSEARCHDIR or WNHOME say, or where Debian's wordnet-base or NLTK put them.",
    )

    @property
    def of_texts(self) -> bool:
        """Whether words are changed before they become tokens."""
        return self.shuffle or max(self.attributes, self.sentences, self.synonyms) > 0


def augmented_text(
    text: str,
    config: AugmentConfig,
    random: np.random.Generator,
    synonyms: Mapping[str, Sequence[str]] = _NO_WORDS,
) -> str:
    """Return a text with fewer sentences, in another order, in other words.

    Args:
        text: The text.
        config: The settings.
        random: What draws.
        synonyms: Other words for words; see `kgrec.text.tuning.synonyms`.

    >>> config = AugmentConfig(shuffle=True)
    >>> text = "Heat. Genres: Action, Crime, Drama. Year: 1995. A thief retires."
    >>> augmented_text(text, config, np.random.default_rng(3))
    'Heat. Year: 1995. Genres: Action, Drama, Crime. A thief retires.'
    """
    first, *rest = _SENTENCE.split(text)
    places = [place for place, one in enumerate(rest) if _ATTRIBUTE.match(one)]
    order = random.permutation(places).tolist() if config.shuffle else places
    told = list(rest)
    for place, source in zip(places, order, strict=True):
        told[place] = _shuffled(rest[source], random) if config.shuffle else rest[source]
    attributes = set(places)
    shares = [config.attributes if n in attributes else config.sentences for n in range(len(told))]
    stays = random.random(len(told)) >= np.array(shares)
    if config.synonyms:
        told = [
            one if place in attributes or not stays[place]
            else _in_other_words(one, config.synonyms, synonyms, random)
            for place, one in enumerate(told)
        ]  # fmt: skip
    return " ".join([first, *(one for one, stay in zip(told, stays, strict=True) if stay)])


def augmented_tokens(
    ids: IntArray, config: AugmentConfig, special: IntArray, random: np.random.Generator
) -> IntArray:
    """Return the tokens of a text without some; one that is not special is left.

    Args:
        ids: Token ids, int64 of shape (length,).
        config: The settings.
        special: Ids of special tokens.
        random: What draws.
    """
    plain = np.flatnonzero(~np.isin(ids, special))
    gone = random.random(len(plain)) < config.tokens
    if gone.all() and len(plain):
        gone[random.integers(len(plain))] = False
    kept: IntArray = np.delete(ids, plain[gone])
    return kept


def _in_other_words(
    sentence: str,
    share: float,
    synonyms: Mapping[str, Sequence[str]],
    random: np.random.Generator,
) -> str:
    def other(found: re.Match[str]) -> str:
        words = synonyms.get(found[0], ())
        if not words or random.random() >= share:
            return found[0]
        return words[int(random.integers(len(words)))]

    return _WORD.sub(other, sentence)


def _shuffled(sentence: str, random: np.random.Generator) -> str:
    found = _ATTRIBUTE.match(sentence)
    assert found is not None
    values = found["values"].split(", ")
    mixed = [values[place] for place in random.permutation(len(values)).tolist()]
    return f"{found['name']}: {', '.join(mixed)}{found['end']}"
