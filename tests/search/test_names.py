"""Names as columns: those of a naive loop, in their order, and more of them at any time."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.linking.titles import title_keys
from kgrec.search.names import Name, Names, joined_words
from kgrec.search.tokens import words_of

TITLES = (
    "The Heat (2013)", "Heat", "Mission: Impossible", "Net, The", "", "Crouching Tiger (Wo hu)",
    "The", "a " * 14, "Amélie & I", "L.A. Story", "heat wave",
)  # fmt: skip
VALUES = ("Al Pacino", "Heat", "up", "AB-C", "…", "O'Neil", "heat")
texts = st.lists(st.text(st.sampled_from("ab'’.&é ßThe:()-1"), max_size=12), max_size=6)


def naive(titles, values):
    """Return all names, one by one."""
    found = []
    keys = title_keys(pa.array(list(titles), pa.large_string()))
    for row, kind, clean in zip(keys["row"], keys["kind"], keys["clean"], strict=True):
        words = words_of(clean)
        found.append(Name(words, "item", row, kind == "part"))
        if words and words[0] in ("the", "a", "la"):
            found.append(Name(words[1:], "item", row, kind == "part"))
    for row, name in enumerate(values):
        if len("".join(words_of(name))) > 2:
            found.append(Name(words_of(name), "value", row))
    found = [name for name in found if 0 < len(name.words) <= 12]
    return sorted(
        found, key=lambda one: (one.words[0], -len(one.words), one.part, one.kind == "item")
    )


def every(names):
    return names.take(np.arange(len(names)))


def test_they_are_those_of_a_loop():
    names = Names.of(TITLES, VALUES)
    assert every(names) == naive(TITLES, VALUES)
    assert names.fits(len(TITLES), len(VALUES))
    assert not names.fits(len(TITLES) - 1, len(VALUES))
    assert not names.fits(len(TITLES), len(VALUES) - 1)
    heat = names.starting_with("heat")
    assert [(one.kind, one.row) for one in heat] == [
        ("item", 0), ("item", 10), ("value", 1), ("value", 6), ("item", 0), ("item", 1),
    ]  # fmt: skip
    assert names.starting_with("pacino") == []
    assert [one.words for one in names.alike("ap")] == [("al", "pacino")]
    assert [one.words for one in names.alike("hw")] == [("heat", "wave")]
    assert names.alike("h") == []


@given(texts, texts)
def test_each_first_word_finds_its_names(titles, values):
    names = Names.of(titles, values)
    expected = naive(titles, values)
    assert every(names) == expected
    for first in {one.words[0] for one in expected}:
        assert names.starting_with(first) == [one for one in expected if one.words[0] == first]
    whole = [one for one in expected if len(one.words) > 1 and not one.part]
    for initials in {"".join(word[0] for word in one.words) for one in whole}:
        assert names.alike(initials) == [
            one for one in whole if "".join(word[0] for word in one.words) == initials
        ]


@given(texts)
def test_words_are_those_of_each_text(given):
    assert joined_words(given).to_pylist() == [" ".join(words_of(text)) for text in given]


@pytest.mark.parametrize("first", [0, 1, 5, 11])
@pytest.mark.parametrize("known", [0, 3, 7])
def test_more_names_are_as_if_all_had_come_at_once(first, known):
    before = Names.of(TITLES[:first], VALUES[:known])
    assert every(before.extended(TITLES[first:], VALUES[known:], first, known)) == naive(
        TITLES, VALUES
    )
