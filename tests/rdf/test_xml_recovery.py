"""Reading RDF/XML with mistakes: what is wrong is left out and listed, all else is read."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf import readers, xml_recovery
from kgrec.rdf.namespaces import RDF

HEAD = (
    '<?xml version="1.0"?>\n<!DOCTYPE r:RDF [<!ENTITY e "http://e.org/">]>\n'
    f'<r:RDF xmlns:r="{RDF}" xmlns:e="http://e.org/">\n'
)
GOOD = [
    '<r:Description r:about="http://e.org/a"><e:p r:resource="&e;b"/></r:Description>',
    '<e:T r:about="http://e.org/b">\n <e:p xml:lang="en">x &amp; y</e:p>\n <e:q>1</e:q>\n</e:T>',
    '<!-- a comment -->\n<e:T r:nodeID="n"><e:p><e:T r:about="urn:x:y"/></e:p></e:T>',
    '<e:T><e:p r:parseType="Literal"><b>x</b></e:p></e:T>',
    '<e:T r:about="http://e.org/c" e:p="y"/>',
    '<r:Description r:nodeID="n"><e:q r:parseType="Collection"><e:T/></e:q></r:Description>',
]
# What is wrong, a part of the reason, and the line within it.
BAD = {
    '<e:T r:about="http://e.org/w x"/>': ("the IRI 'http://e.org/w x' has a space; write %20", 0),
    '<r:Description r:about="http://e.org/w">\n<e:p r:resource="http://e.org/b "/></r:Description>':
        ("has a space", 1),
    '<r:Description r:about="http://e.org/w"><e:p xml:lang="en_US">x</e:p></r:Description>':
        ("'en_US' is not a language tag; 'en-US' is one", 0),
    '<r:Description r:about="http://e.org/w"><e:p r:datatype="{x}">x</e:p></r:Description>':
        ("'{'", 0),
    '<r:Description r:about="w"><e:p>x</e:p></r:Description>': ("is relative", 0),
    '<r:Description r:about="http://e:port/"><e:p>x</e:p></r:Description>': ("not valid", 0),
    '<r:Description r:about="http://e.org/w"><none:p>x</none:p></r:Description>': ("prefix", 0),
    '<r:Description r:about="http://e.org/w" r:ID="w"/>': ("", 0),
}  # fmt: skip


def read(content, **settings):
    return KnowledgeGraph.read(io.BytesIO(content.encode()), format="rdf", **settings)


def entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from(GOOD) | st.sampled_from(list(BAD)), max_size=10),
    st.sampled_from([1 << 20, 1]),
)
def test_just_what_is_wrong_is_left_out(tmp_path_factory, parts, group):
    out = tmp_path_factory.mktemp("recovery") / "out"

    def document(parts):
        return HEAD + "\n".join(parts) + "\n</r:RDF>"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml_recovery, "_GROUP", group)
        kg = read(document(parts), on_error="skip", rejects=out)
    assert kg.equals(read(document([part for part in parts if part not in BAD])))
    found = entries(out)
    expected, line = [], HEAD.count("\n") + 1
    for part in parts:
        if part in BAD:
            reason, down = BAD[part]
            expected.append((line + down, reason))
        line += part.count("\n") + 1
    found.sort(key=lambda entry: entry["line"])
    assert [entry["line"] for entry in found] == [at for at, _ in expected]
    assert all(
        reason in entry["reason"] for entry, (_, reason) in zip(found, expected, strict=True)
    )
    assert kg.report.rejected == len(expected)


@pytest.mark.parametrize("large", [False, True])
def test_only_the_statements_with_the_wrong_term_are_left_out(monkeypatch, large):
    if large:
        monkeypatch.setattr(readers, "LARGE", 1)
    text = (
        HEAD + '<r:Description r:about="http://e.org/a"><e:p r:resource="http://e.org/b c"/>'
        '<e:q xml:lang="en_US">x</e:q><e:r r:resource="http://e.org/d"/></r:Description></r:RDF>'
    )
    kg = read(text, on_error="skip")
    assert kg.entities.ids == ["http://e.org/a", "http://e.org/d"]
    assert len(kg.literals) == 0
    assert kg.report.rejected == 2
    with pytest.raises(DataError, match=r"language tag|Invalid IRI code point"):
        read(text)


def test_a_base_makes_relative_iris_valid():
    text = HEAD + '<r:Description r:about="w"><e:p r:resource="#x"/></r:Description></r:RDF>'
    assert read(text, on_error="skip").report.rejected == 2
    kg = read(text, on_error="skip", base_iri="http://e.org/f")
    assert kg.entities.ids == ["http://e.org/f#x", "http://e.org/w"]
    based = text.replace("<r:RDF ", '<r:RDF xml:base="http://e.org/f" ')
    assert read(based, on_error="skip").equals(kg)


def test_a_document_of_one_node():
    text = f'<e:T xmlns:r="{RDF}" xmlns:e="http://e.org/" r:about="http://e.org/a"><e:p r:resource='
    kg = read(
        text + '"http://e.org/b"/><e:p r:resource="http://e.org/b c"/></e:T>', on_error="skip"
    )
    assert (kg.num_triples, kg.report.rejected) == (2, 1)


def test_xml_that_is_not_well_formed_is_an_error_with_its_place():
    with pytest.raises(DataError, match=r"line 4.*Reading cannot continue after this"):
        read(HEAD + "<e:T>\n</r:RDF>"[:5], on_error="skip")
