"""The names that IRIs end in."""

import pyarrow as pa
import pytest

from kgrec.rdf.iri_names import in_words, last_part, local_name, names_from_iris


@pytest.mark.parametrize(
    ("iri", "name"),
    [
        ("http://e.org/The_Matrix", "The Matrix"),
        ("http://e.org/ns#runningTime", "runningTime"),
        ("http://e.org/a/", "a"),
        ("http://e.org/", "e.org"),
        ("urn:isbn:0451", "0451"),
        ("m.04xyz", "m.04xyz"),
        ("http://e.org/100%25_%zz", "100% %zz"),
        ("_:file0_b1", "_:file0_b1"),
        ("http://e.org/AC%2FDC", "AC/DC"),
        ("___", "___"),
    ],
)
def test_names_from_iris(iri, name):
    assert names_from_iris(pa.array([iri])).to_pylist() == [name]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://www.w3.org/1999/02/22-rdf-syntax-ns#type", "type"),
        ("inLanguage", "in language"),
        ("http://e.org/", "e.org"),
        ("a:b_c", "b c"),
        ("Hersteller", "Hersteller"),
        ("http://e.org/Preis_Klasse", "Preis Klasse"),
        ("BookAuthor", "book author"),
        ("BOOK_AUTHOR", "book author"),
        ("///", "///"),
    ],
)
def test_in_words(text, words):
    assert in_words(text) == words


def test_last_part():
    assert last_part("https://e.org/a#Am%C3%A9lie_1/") == "Amélie 1"
    assert last_part("tt0113277") == "tt0113277"
    assert last_part("Face/Off") == "Face/Off"


@pytest.mark.parametrize(
    ("iri", "name"),
    [("http://e.org/a:b", "b"), ("http://e.org/a/", "a"), ("e:", "e:"), ("/#/", "/#/"), ("", "")],
)
def test_local_name(iri, name):
    assert local_name(iri) == name
