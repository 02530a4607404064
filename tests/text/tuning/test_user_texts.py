"""Texts of users, and how two segments share the tokens of a model."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from tiny_bert import WORDS, write_tiny_bert

from kgrec.data.attribute_table import AttributeTable
from kgrec.errors import ConfigError, DataError
from kgrec.text.module import TextModule
from kgrec.text.tuning.user_texts import PairReader, UserText, fair_lengths, user_texts

TITLES = ["space ship", "bank heist", "last train", "planet"]
LIKED = csr_matrix(np.array([[1, 0, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=np.float32))
DISLIKED = csr_matrix(np.array([[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]], dtype=np.float32))


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    return TextModule.load(write_tiny_bert(tmp_path_factory.mktemp("tiny") / "model"))


def _words(ids):
    return [WORDS[one] for one in ids]


def test_a_history_begins_with_what_the_fewest_have_and_leaves_the_item_in_question_out():
    users = user_texts(TITLES, LIKED, DISLIKED, None)
    assert users.of(0).liked == ("last train", "planet", "space ship")
    assert users.of(0).disliked == ("bank heist",)
    assert users.of(0, without=2).liked == ("planet", "space ship")
    assert users.of(0, without=1).disliked == ()
    assert str(users.of(0, without=1)) == "liked: last train, planet, space ship"
    assert str(users.of(2)) == "liked: space ship; disliked: last train, planet"


def test_profiles_and_free_text_come_from_the_user_table():
    frame = pd.DataFrame(
        {"user_id": ["a", "b", "c"], "job_title": ["writer", None, "cook"], "age": [24, 31.5, None],
         "about": ["I  love\ntrains", None, "x"]}
    )  # fmt: skip
    table = AttributeTable.read(
        frame, id="user_id", categories=["job_title"], numbers=["age"], name="user"
    )
    users = user_texts(TITLES, LIKED, DISLIKED, table, user_text="about")
    assert users.of(0).profile == "Job title: writer. Age: 24."
    assert users.of(1).profile == "Age: 31.5."
    assert users.of(0).own == "I love trains"
    assert users.of(1).own == ""
    alone = user_texts(TITLES, LIKED, DISLIKED, table, history=False, profile=False,
                       user_text="about")  # fmt: skip
    assert alone.of(0) == UserText(own="I love trains")
    with pytest.raises(ConfigError, match=r"no further column 'abuot'.*Did you mean"):
        user_texts(TITLES, LIKED, DISLIKED, table, user_text="abuot")
    with pytest.raises(DataError, match="no text on any user"):
        user_texts(TITLES, LIKED, DISLIKED, table, history=False, profile=False)
    with pytest.raises(DataError, match="no text on any user"):
        user_texts(TITLES, LIKED, DISLIKED, None, history=False)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.integers(0, 90))
def test_shares_are_max_min_fair(lengths, room):
    found = fair_lengths(lengths, room)
    assert sum(found) == min(room, sum(lengths))
    for one, need in zip(found, lengths, strict=True):
        assert 0 <= one <= need
        if one < need:  # nobody has more than a token above what an unsatisfied part has
            assert max(found) <= one + 1


def test_a_pair_is_two_segments_and_a_short_one_leaves_its_room(module):
    reader = PairReader(module, 0.5)
    assert module.pair_room == 20 - 3
    short = reader.tokens(UserText(own="space"), "one last heist")
    assert _words(short) == ["[CLS]", "space", "[SEP]", "one", "last", "heist", "[SEP]"]
    long = " ".join(["story"] * 30)
    both = _words(reader.tokens(UserText(own=" ".join(["film"] * 30)), long))
    assert (both.count("film"), both.count("story"), len(both)) == (8, 9, 20)
    user_long = _words(reader.tokens(UserText(own=" ".join(["film"] * 30)), "heist plan"))
    assert (user_long.count("film"), len(user_long)) == (15, 20)
    item_long = _words(reader.tokens(UserText(own="film"), long))
    assert (item_long.count("film"), item_long.count("story")) == (1, 16)
    wide = _words(PairReader(module, 0.8).tokens(UserText(own=" ".join(["film"] * 30)), long))
    assert (wide.count("film"), wide.count("story")) == (13, 4)


def test_lists_share_the_room_and_are_cut_between_titles(module):
    user = UserText(liked=("space ship",) * 5, disliked=("bank heist",) * 5)
    tokens = _words(PairReader(module, 0.9).tokens(user, "a"))
    # Of 16 tokens each list has 8: its name and colon (two unknown words), and two titles.
    assert tokens.count("space") == tokens.count("ship") == 2
    assert tokens.count("bank") == tokens.count("heist") == 2
    assert tokens[-2] == "a"
    alone = _words(PairReader(module, 0.9).tokens(UserText(liked=("space ship",) * 9), "a"))
    assert alone.count("ship") == 5  # in all 16: 2 + 2 + 4 · 3


def test_pieces_of_a_pair_are_those_of_the_tokenizer(module):
    single = module.tokenize(["one last heist"])[0]
    (piece,) = module.pieces(["one last heist"])
    np.testing.assert_array_equal(single[1:-1], piece)
    np.testing.assert_array_equal(module.joined(piece[:1], piece[1:]),
                                  [2, piece[0], 3, *piece[1:], 3])  # fmt: skip
