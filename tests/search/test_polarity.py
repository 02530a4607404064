"""What is said of the words of a text: wanted or not, by hand for each kind of denial."""

import pytest

from kgrec.search.polarity import polarities
from kgrec.search.tokens import tokens_of, words_of


def said(text, *names):
    """Return what is said of each word; `names` are words that belong to a name."""
    tokens = tokens_of(text)
    found = polarities(tokens, [token.word in names for token in tokens])
    return {token.word: one for token, one in zip(tokens, found, strict=True) if token.word}


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("a comedy, but not another musical", "musical", "unwanted"),
        ("a comedy, but not another musical", "comedy", "neutral"),
        ("anything but Sandler", "sandler", "unwanted"),
        ("nothing with Sandler please", "sandler", "unwanted"),
        ("I don't like horror", "horror", "disliked"),
        ("I do not like horror. A western", "western", "neutral"),
        ("I hated Titanic but loved Heat", "titanic", "disliked"),
        ("I hated Titanic but loved Heat", "heat", "liked"),
        ("I am tired of westerns", "westerns", "unwanted"),
        ("no musicals, I want comedy", "comedy", "neutral"),
        ("I've seen Heat", "heat", "seen"),
        ("not only comedy", "comedy", "neutral"),
        ("why not a thriller", "thriller", "neutral"),
        ("no idea, a thriller", "thriller", "neutral"),
        ("I haven't seen Heat", "heat", "neutral"),
        ("ein Krimi ohne Musik", "musik", "unwanted"),
        ("une comédie sans Depardieu", "depardieu", "unwanted"),
        ("una comedia sin Banderas", "banderas", "unwanted"),
        ("like Heat", "heat", "liked"),
    ],
)
def test_what_is_said_of_a_word(text, word, expected):
    assert said(text)[word] == expected


def test_a_denial_holds_for_a_list_of_names():
    found = said("no horror, western or musical, please a comedy", "horror", "western", "musical")
    assert [found[word] for word in ("horror", "western", "musical")] == ["unwanted"] * 3
    assert found["comedy"] == "neutral"


def test_a_cue_inside_of_a_title_is_none():
    found = said("No Country for Old Men with Bardem", "no", "country", "for", "old", "men")
    assert set(found.values()) == {"neutral"}


def test_words_are_folded_with_their_places():
    text = "Café — E.T. & l'été!"
    tokens = tokens_of(text)
    assert [token.word for token in tokens] == ["cafe", "", "et", "and", "lete", ""]
    assert [text[token.start : token.end].strip() for token in tokens][:3] == ["Café", "—", "E.T."]
    assert words_of("三体 II") == ("三", "体", "ii")


@pytest.mark.parametrize("text", ["O'Hara's 2nd film: Don't!", "'quoted' R. Scott", "A & B", "x_y"])
def test_the_fast_way_for_names_is_the_same(text):
    assert words_of(text) == tuple(token.word for token in tokens_of(text) if token.word)
