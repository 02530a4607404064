"""What a parser of JSON-LD leaves out silently is an error, or counted and written down."""

import json
from collections import Counter
from io import BytesIO

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf.jsonld_dropped import dropped

E = "http://e.org/"
GOOD = {"@id": E + "a", E + "p": {"@id": E + "b"}}
BAD = {
    "subject": ({"@id": E + "a b", E + "p": {"@id": E + "b"}}, f"'{E}a b' has a space; write %20"),
    "object": ({"@id": E + "a", E + "p": {"@id": E + "<d>"}}, "has the character '<'; write %3C"),
    "relation": ({"@id": E + "a", E + "p q": "x"}, f"'{E}p q' has a space"),
    "type": ({"@id": E + "a", "@type": E + "T T"}, f"'{E}T T' has a space"),
    "tag": ({"@id": E + "a", E + "p": {"@value": "x", "@language": "en_US"}}, "'en-US' is one"),
    "hash": ({"@id": E + "a#b#c", E + "p": "x"}, f"'{E}a#b#c' is not valid"),
    "percent": ({"@id": E + "%zz", E + "p": "x"}, f"'{E}%zz' is not valid"),
    "bracket": ({"@id": E + "?a[]=1", E + "p": "x"}, f"'{E}?a[]=1' is not valid"),
    "vocabulary": (
        {"@context": {"@vocab": E}, "@id": E + "a", "first name": "x"},
        f"'{E}first name' has a space",
    ),
    "coerced": (
        {"@context": {"p": {"@id": E + "p", "@type": "@id"}}, "@id": E + "a", "p": E + "b b"},
        f"'{E}b b' has a space",
    ),
    "prefix": ({"@context": {"e": E}, "@id": "e:a b", "e:p": "x"}, f"'{E}a b' has a space"),
    "relative": (
        {"@context": {"@base": E}, "@id": "a b", E + "p": "x"},
        f"'{E}a b' has a space",
    ),
}  # fmt: skip


def read(document, **how):
    content = BytesIO(json.dumps(document).encode())
    return KnowledgeGraph.read(content, format="jsonld", **how)


@pytest.mark.parametrize("kind", BAD)
def test_a_statement_that_a_parser_leaves_out(tmp_path, kind):
    node, reason = BAD[kind]
    assert len(list(ox.parse(json.dumps([GOOD, node]), format=ox.RdfFormat.JSON_LD))) == 1
    with pytest.raises(DataError, match=r"on_error='skip'") as raised:
        read([GOOD, node])
    assert reason in str(raised.value)
    path = tmp_path / "rejects"
    kg = read([GOOD, node], on_error="skip", rejects=path)
    assert kg.equals(read([GOOD]))
    assert kg.report.rejected == 1
    (entry,) = map(json.loads, path.read_text().splitlines())
    assert reason in entry["reason"]
    assert reason.split("'")[1] in entry["text"] or kind in ("object", "tag")


def test_what_is_valid_is_read_as_before():
    node = {
        "@context": {"full name": E + "name", "p": {"@id": E + "p", "@type": "@id"}},
        "@id": "http://[::1]/a",
        "full name": "A name with <signs> % # # [x]",
        "p": [E + "%20b", "_:c"],
        E + "json": {"@type": "@json", "@value": {"a b": "c d"}},
        E + "date": {"@value": "x y", "@language": "en-US"},
        "a key without meaning": "x",
    }
    kg = read(node)
    assert kg.report.rejected == 0
    assert kg.num_triples == 2
    assert len(kg.literals) == 3


def test_bad_nodes_and_dropped_statements_are_counted_together():
    wrong = {"@id": E + "a", E + "p": {"@value": "x", "@type": E + "D D"}}
    kg = read([GOOD, wrong, BAD["subject"][0], BAD["tag"][0]], on_error="skip")
    assert (kg.num_triples, kg.report.rejected) == (1, 3)


NAMES = st.text("ab <>#%[]é0", max_size=6)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=6))
def test_no_statement_is_lost_and_none_is_counted_twice(statements):
    nodes = [{"@id": E + s, E + "p" + p: {"@id": E + o}} for s, p, o in statements]
    text = json.dumps(nodes).encode()
    kept = Counter(map(str, ox.parse(text, format=ox.RdfFormat.JSON_LD)))
    lost = Counter(mistake.text.decode() for mistake in dropped(text, None, "x-none"))
    given_ = Counter(f"<{E}{s}> <{E}p{p}> <{E}{o}>" for s, p, o in statements)
    assert kept + lost == given_
