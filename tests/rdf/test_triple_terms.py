"""Statements about statements (RDF 1.2) are left out and counted; all plain triples are read."""

import io
import json

import pyoxigraph as ox
import pytest

from kgrec.errors import KgrecWarning
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf import readers
from kgrec.rdf.namespaces import RDF

REIFIES = f"<{RDF}reifies>"
TERM = "<<( <a:s> <a:p> <a:o> )>>"
PLAIN = [("a:x", "a:p", "a:y")]
BASE = ("a:s", "a:p", "a:o")

# Syntax, what it says besides the plain triple, how many statements are left out, what is read.
CASES = {
    "term": ("nt", f"<a:s> <a:q> {TERM} .", 1, []),
    "literal in a term": ("nt", '<a:s> <a:q> <<( <a:s> <a:p> "x ) >> . y"@en )>> .', 1, []),
    "quad": ("nq", f"<a:s> <a:q> {TERM} <a:g> .", 1, []),
    "reifier": ("nt", f"_:r {REIFIES} {TERM} .\n_:r <a:source> <a:c> .\n<a:d> <a:r> _:r .", 3, []),
    "its literal": ("nq", f'_:r {REIFIES} {TERM} <a:g> .\n_:r <a:source> "c" <a:g> .', 2, []),
    "term in Turtle": ("ttl", f"<a:s> <a:q> {TERM} .", 1, []),
    "subject": ("ttl", "<< <a:s> <a:p> <a:o> >> <a:source> <a:c>, <a:d> .", 3, []),
    "object": ("ttl", "<a:bob> <a:says> << <a:s> <a:p> <a:o> >> .", 2, []),
    "annotation": ("ttl", "<a:s> <a:p> <a:o> {| <a:source> <a:c> ; <a:year> 1 |} .", 3, [BASE]),
    "named": ("ttl", "<a:s> <a:p> <a:o> ~ <a:r> {| <a:source> <a:c> |} .", 2, [BASE]),
    "only named": ("ttl", "<a:s> <a:p> <a:o> ~ .", 1, [BASE]),
    "two": ("ttl", "<a:s> <a:p> <a:o> {| <a:q> 1 |} {| <a:q> 2 |}, <a:o2> .", 4,
            [BASE, ("a:s", "a:p", "a:o2")]),
    "of an annotation": ("ttl", "<a:s> <a:p> <a:o> {| <a:q> <a:c> {| <a:q> 2 |} |} .", 4, [BASE]),
    "behind it": ("ttl", "<a:s> <a:p> <a:o> {| <a:q> [ <a:q> [ <a:n> 1 ] ] |} .", 4, [BASE]),
    "in a graph": ("trig", "<a:g> { <a:s> <a:p> <a:o> {| <a:source> <a:c> |} }", 2, [BASE]),
    "XML": (
        "rdf",
        f'<r:RDF xmlns:r="{RDF}" xmlns:e="a:" r:version="1.2"><r:Description r:about="a:x">'
        '<e:p r:resource="a:y"/><e:q r:parseType="Triple"><r:Description r:about="a:s">'
        '<e:p r:resource="a:o"/></r:Description></e:q></r:Description></r:RDF>',
        1,
        [],
    ),
}  # fmt: skip


def read(content, format, **settings):
    with pytest.warns(KgrecWarning, match="statements about statements were left out"):
        return KnowledgeGraph.read(io.BytesIO(content.encode()), format=format, **settings)


def triples(kg):
    return sorted(kg.to_pandas()[["head", "relation", "tail"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("case", CASES)
def test_plain_triples_are_read_and_the_others_counted(monkeypatch, case, on_error, large):
    format, content, count, expected = CASES[case]
    if large:
        monkeypatch.setattr(readers, "LARGE", 1)
    if format != "rdf":
        content = "<a:x> <a:p> <a:y> .\n" + content
    kg = read(content, format, on_error=on_error)
    assert triples(kg) == sorted(PLAIN + expected)
    assert len(kg.literals) == 0
    used = {term for head, _, tail in triples(kg) for term in (head, tail)}
    assert set(kg.entities.ids) == used
    assert kg.report.files[0].about_statements == count
    assert kg.report.rejected == 0
    assert any(remark.endswith(f"left out: {count}.") for remark in kg.report.remarks())
    assert type(kg.report).from_dict(kg.report.to_dict()) == kg.report


def test_a_literal_that_only_looks_like_a_triple_term_is_read():
    text = '<a:s> <a:p> "<<( <a:s> <a:p> <a:o> )>> ." .\n' + f"<a:s> <a:q> {TERM} .\n"
    for format in ("nt", "ttl"):
        kg = read(text, format)
        assert kg.literals.value.to_pylist() == ["<<( <a:s> <a:p> <a:o> )>> ."]


def test_lines_with_triple_terms_are_listed_with_their_place(tmp_path):
    out = tmp_path / "rejects"
    kg = read(f"<a:x> <a:p> <a:y> .\n<a:s> <a:q> {TERM} .\nbad\n", "nt", on_error="skip",
              rejects=out)  # fmt: skip
    entries = [json.loads(line) for line in out.read_text().splitlines()]
    assert [entry["line"] for entry in entries] == [2, 3]
    assert "triple term" in entries[0]["reason"]
    assert (kg.report.rejected, kg.report.files[0].about_statements) == (1, 1)


def test_a_store_with_triple_terms():
    store = ox.Store()
    store.load(b"<a:s> <a:p> <a:o> {| <a:q> <a:c> |} .", format=ox.RdfFormat.TURTLE)
    with pytest.warns(KgrecWarning, match="2 in all"):
        kg = KnowledgeGraph.from_store(store)
    assert triples(kg) == [BASE]
