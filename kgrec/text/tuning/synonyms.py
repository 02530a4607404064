"""Words that mean the same, from the files of WordNet.

NLTK reads them, too, but only where there is a file `lexnames`, which Debian's package leaves out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from kgrec.errors import ConfigError, RunError, printable

_KINDS: Final = ("noun", "verb", "adj", "adv")
_PLACES: Final = (
    "/usr/share/wordnet", "/usr/local/share/wordnet", "/usr/local/WordNet-3.0/dict",
    "~/nltk_data/corpora/wordnet",
)  # fmt: skip


def find_wordnet(folder: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder with WordNet's `index.noun`, `data.noun` and so on.

    Args:
        folder: Where they are; None: where `WNSEARCHDIR` or `WNHOME` say, or where systems and NLTK
            put them.
        environment: The environment variables.

    Raises:
        ConfigError: They are not there.
    """
    own = environment.get("WNSEARCHDIR"), environment.get("WNHOME")
    told = [own[0], own[1] and f"{own[1]}/dict", *_PLACES] if folder is None else [folder]
    places = [Path(place).expanduser() for place in told if place]
    for place in places:
        if (place / "index.noun").is_file():
            return place
    where = ", ".join(printable(str(place)) for place in places)
    raise ConfigError(
        f"text.tuning.augment: `synonyms` needs the files of WordNet (index.noun, data.noun and so "
        f"on), and they are not in {where}. Install them (on Debian: apt-get install "
        "wordnet-base), set `wordnet` to their folder, or leave `synonyms` out."
    )


@lru_cache(maxsize=1)
def read_synonyms(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Return the other words for a word's most frequent meaning; words without any are left out.

    Phrases are left out, and so are words of which WordNet's authors saw no meaning in texts. The
    files are those of WordNet 3 (wndb(5WN)).

    Args:
        folder: From `find_wordnet`.

    Raises:
        RunError: A file is missing or damaged.
    """
    meanings: dict[str, tuple[int, str, int]] = {}
    found: dict[str, tuple[str, ...]] = {}
    for kind in _KINDS:
        for word, seen, place in _index(folder / f"index.{kind}"):
            if seen > meanings.get(word, (0, "", 0))[0]:
                meanings[word] = seen, kind, place
    for kind in _KINDS:
        sets = _sets(folder / f"data.{kind}")
        for word, (_, of, place) in meanings.items():
            if of == kind:
                others = tuple(one for one in sets.get(place, ()) if one != word)
                if others:
                    found[word] = others
    return found


def _index(path: Path) -> list[tuple[str, int, int]]:
    """Return each word of a file with how often it was seen, and the place of its first meaning."""
    found = []
    for number, line in _lines(path):
        parts = line.split()
        try:  # word, kind, meanings, pointers, their signs, meanings, seen, places
            signs = int(parts[3])
            found.append((parts[0], int(parts[5 + signs]), int(parts[6 + signs])))
        except (ValueError, IndexError) as error:
            raise _damaged(path, number) from error
    return [one for one in found if "_" not in one[0]]


def _sets(path: Path) -> dict[int, tuple[str, ...]]:
    """Return the words of each meaning in a file, in lower case, by its place."""
    found = {}
    for number, line in _lines(path):
        parts = line.split(None, 3 + 2 * 255)
        try:  # place, file, kind, number of words (hexadecimal), each word and its number
            words = [parts[4 + 2 * turn] for turn in range(int(parts[3], 16))]
            # Adjectives can end in where they stand: "galore(ip)".
            plain = (word.partition("(")[0] for word in words if "_" not in word)
            found[int(parts[0])] = tuple(dict.fromkeys(word.lower() for word in plain))
        except (ValueError, IndexError) as error:
            raise _damaged(path, number) from error
    return found


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a file with their numbers, without the licence, whose lines begin so."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{printable(str(path))} cannot be read: {error}") from error
    return [(number, line) for number, line in enumerate(lines, 1) if line[:1] != " "]


def _damaged(path: Path, number: int) -> RunError:
    return RunError(f"{printable(str(path))}, line {number}: this is no line of WordNet's files.")
