"""IRI templates."""

from urllib.parse import quote

import pyarrow as pa
import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.errors import ConfigError
from kgrec.kg.tables.templates import check_template, expand, variables


def one(template, **values):
    arrays = {name: pa.array([text], pa.large_string()) for name, text in values.items()}
    return expand(template, arrays).to_pylist()[0]


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("{var}", {"var": "value"}, "value"),
        ("http://e.org/{hello}", {"hello": "Hello World!"}, "http://e.org/Hello%20World%21"),
        ("{+path}/here", {"path": "/foo/bar"}, "/foo/bar/here"),
        ("{+x}", {"x": "http://e.org/Amélie (film)?a=b%20c#d"}, "http://e.org/Amélie%20(film)?a=b%20c#d"),
        ("{x}", {"x": "é/%"}, "%C3%A9%2F%25"),
        ("{a}-{b}-{a}", {"a": "1", "b": "2"}, "1-2-1"),
    ],
)  # fmt: skip
def test_expansion(template, values, expected):
    assert one(template, **values) == expected


@pytest.mark.parametrize(
    "wrong", ["", "http://e.org/", "a{", "a}{b}", "{}", "{{a}}", "<{a}>", "a {b}"]
)
def test_what_is_no_template(wrong):
    with pytest.raises(ValueError, match="IRI"):
        check_template(wrong)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'sku'"):
        one("http://e.org/{skuu}", sku="1")


def test_variables():
    assert variables("x/{a}/{+b c}/{a}") == ["a", "b c", "a"]


@pytest.mark.parametrize("chars", ["% /é", "".join(map(chr, range(33, 400)))])
def test_few_and_many_characters_are_encoded_alike(chars):
    texts = [*chars, chars, "plain", "%25", "plain"]
    found = expand("{x}", {"x": pa.array(texts, pa.large_string())}).to_pylist()
    assert found == [quote(text, safe="") for text in texts]


@given(st.lists(st.text(min_size=1), min_size=1, unique=True))
def test_different_values_give_different_valid_iris(texts):
    texts = [text for text in texts if text.isprintable() or "\n" in text]
    found = expand("http://e.org/{x}", {"x": pa.array(texts, pa.large_string())}).to_pylist()
    assert len(set(found)) == len(texts)
    for iri in found:
        ox.NamedNode(iri)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_iris_as_they_are_are_valid_and_stable(text):
    iri = one("http://e.org/{+x}", x=text)
    assert one("{+x}", x=iri) == iri
    assert not set(iri) & set('<>"{}|\\^` \n\x00')
