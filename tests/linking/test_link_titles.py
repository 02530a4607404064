"""Titles as keys: each rule of normalisation, and that it changes nothing twice."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.linking.identifiers import identifier_keys
from kgrec.linking.titles import clean, digits, loosen, title_keys, years_in


def keys(title, kinds=("main", "alternative")):
    table = title_keys(pa.array([title]))
    return set(table["key"][table["kind"].isin(kinds)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Usual Suspects, The", "The Usual Suspects"),
        ("Postino, Il", "Il postino"),
        ("Enfer, L'", "L’Enfer"),
        ("Net, The", "Net (film)"),
        ("Heat", "Heat (1995 film)"),
        ("Heat (1995)", "Heat"),
        ("Heat [1995]", "Heat (film) (1995)"),
        ("Cérémonie, La", "la ceremonie"),
        ("Smørrebrød", "smorrebrod"),
        ("Straße", "STRASSE"),
        ("Angels and Insects", "Angels & Insects"),
        ("Mrs. Dalloway", "Mrs Dalloway"),
        ("E.T. the Extra-Terrestrial", "ET: the extra terrestrial"),
        ("M*A*S*H", "MASH"),
        ("B*A*P*S", "Baps"),
        ("Faster Pussycat! Kill! Kill!", "Faster, Pussycat! Kill! Kill!"),
        ("Twelve Monkeys", "12 Monkeys"),
        ("Thirty-Two Short Films", "32 Short Films"),
        ("Sixth Man, The", "The 6th Man"),
        ("Star Trek VI: The Country", "Star Trek 6: The Country"),
        ("Godfather: Part II, The", "The Godfather Part 2"),
        ("Henry, Part I", "Henry Part One"),
        ("MatchMaker, The", "The Match Maker"),
        ("Sunset Blvd.", "Sunset Boulevard"),
        ("Seven (Se7en) (1995)", "Se7en"),
        ("Seven (Se7en)", "Seven (1995 film)"),
        ("Horseman on the Roof, The (Hussard sur le toit, Le)", "Le hussard sur le toit"),
        ("Contempt (a.k.a. Mépris, Le)", "Le Mépris"),
        ("Ａｌｉｅｎ", "Alien"),
        ("  Alien\t", "Alien"),
        ("Время", "время"),
    ],
)
def test_titles_that_are_the_same(one, other):
    assert keys(one) & keys(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Rocky II", "Rocky III"),
        ("Alien", "Aliens"),
        ("I, Robot", "1 Robot"),
        ("Heat (1995)", "1995"),
        ("Heat (film)", "Dust (film)"),
        ("Dead Man", "Dead Man Walking"),
        ("Время", "Место"),
    ],
)
def test_titles_that_are_not(one, other):
    first, second = keys(one), keys(other)
    assert first
    assert not first & second


def test_a_bracket_behind_several_titles_is_no_title():
    table = title_keys(pa.array(["Heat (film)", "Dust (film)", "Seven (Se7en)", "Up (2009 film)"]))
    alternative = table[table["kind"] == "alternative"]
    assert alternative[["row", "key"]].to_numpy().tolist() == [[2, "se7en"]]


def test_parts_around_a_colon():
    assert keys("Léon: The Professional", ["part"]) == {"leon", "professional"}
    assert keys("Alien – Resurrection", ["part"]) == {"alien", "resurrection"}
    assert keys("12:30", ["part"]) == set()


@pytest.mark.parametrize(
    "title", ["", " ", "()", "(1995)", "...", "\x00", "x" * 100_000, "(" * 999]
)
def test_titles_without_sense_do_no_harm(title):
    table = title_keys(pa.array([title, "Heat"]))
    assert "heat" in set(table["key"])
    assert (table["key"] != "").all()


def test_first_years():
    texts = pa.array(["born 1949, died 2001", "1990s", "x1995", "19955", "2100", "in 1931.", ""])
    assert years_in(texts).to_pylist() == [1949, None, None, None, None, 1931, None]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_cleaning_twice_is_cleaning_once(titles):
    once = clean(pa.array(titles, pa.large_string()))
    assert clean(once).to_pylist() == once.to_pylist()
    for text in once.to_pylist():
        assert text == text.strip()
        assert "  " not in text


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(["the", "i", "part", "vi", "twenty", "one", "sixth", "dr", "a", "7"]))
)
def test_digits_twice_are_digits_once(words):
    once = digits(pa.array([" ".join(words)]))
    assert digits(once).to_pylist() == once.to_pylist()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=20), min_size=2, max_size=6))
def test_a_title_alone_has_the_keys_that_it_has_among_others(titles):
    texts = pa.array(titles, pa.large_string())
    many = loosen(clean(texts)).to_pylist()
    assert many == [loosen(clean(texts.slice(row, 1))).to_pylist()[0] for row in range(len(titles))]
    table = title_keys(texts)
    assert not table.duplicated(["row", "key"]).any()
    assert set(table["row"]) <= set(np.arange(len(titles)))


def test_identifiers():
    values = pa.array(
        ["080442957X", "0-8044-2957-X", "978-0-8044-2957-3", "0804429571", None, "９"]
    )
    assert identifier_keys(values, "isbn").to_pylist() == ["9780804429573"] * 3 + ["", "", ""]
    assert identifier_keys(pa.array([" tt 01-2 "]), "exact").to_pylist() == ["tt 01-2"]
    assert identifier_keys(pa.array(["TT-01 2"]), "plain").to_pylist() == ["tt012"]
