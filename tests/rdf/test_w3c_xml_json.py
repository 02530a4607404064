"""RDF 1.1 XML Syntax and JSON-LD 1.1: what documents stand for, and what is refused."""

import json

import pytest
from rdf_cases import BASE, RDF, XSD, bad_cases, cases, check, check_refused

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph

E = "http://example.org/"


def xml(body, attributes=""):
    names = f'xmlns:rdf="{RDF}" xmlns:ex="{E}" {attributes}'
    return f'<?xml version="1.0"?>\n<rdf:RDF {names}>{body}</rdf:RDF>'


def about(body, attributes=""):
    return xml(f'<rdf:Description rdf:about="{E}s" {attributes}>{body}</rdf:Description>')


def says(value):
    return f"<{E}s> <{E}p> {value} ."


XML_LITERAL = f"^^<{RDF}XMLLiteral>"

RDF_XML = {
    "empty": (xml(""), ""),
    "literal": (about("<ex:p>x</ex:p>"), says('"x"')),
    "empty property element": (about("<ex:p/>"), says('""')),
    "spaces are kept": (about("<ex:p> x\n</ex:p>"), says(r'" x\n"')),
    "entities and CDATA": (
        about("<ex:p>&lt;&amp;&#233;&#x1F600;<![CDATA[<b>]]></ex:p>"),
        says('"<&é😀<b>"'),
    ),
    "resource": (about(f'<ex:p rdf:resource="{E}o"/>'), says(f"<{E}o>")),
    "typed node": (xml(f'<ex:T rdf:about="{E}s"/>'), f"<{E}s> <{RDF}type> <{E}T> ."),
    "node within": (
        about(f'<ex:p><ex:T rdf:about="{E}o"/></ex:p>'),
        f"{says(f'<{E}o>')}\n<{E}o> <{RDF}type> <{E}T> .",
    ),
    "blank node within": (
        about("<ex:p><rdf:Description><ex:q>x</ex:q></rdf:Description></ex:p>"),
        f'{says("_:a")}\n_:a <{E}q> "x" .',
    ),
    "property attributes": (about("", 'ex:p="x"'), says('"x"')),
    "property attributes of a property element": (
        about('<ex:p ex:q="x"/>'),
        f'{says("_:a")}\n_:a <{E}q> "x" .',
    ),
    "type as an attribute": (about("", f'rdf:type="{E}T"'), f"<{E}s> <{RDF}type> <{E}T> ."),
    "language": (about('<ex:p xml:lang="en-GB">x</ex:p>'), says('"x"@en-gb')),
    "language from above": (about("<ex:p>x</ex:p>", 'xml:lang="de"'), says('"x"@de')),
    "no language": (about('<ex:p xml:lang="">x</ex:p>', 'xml:lang="de"'), says('"x"')),
    "datatype": (
        about(f'<ex:p rdf:datatype="{XSD}integer">01</ex:p>'),
        says(f'"01"^^<{XSD}integer>'),
    ),
    "nodeID": (
        xml(
            '<rdf:Description rdf:nodeID="a"><ex:p rdf:nodeID="b"/></rdf:Description>'
            '<rdf:Description rdf:nodeID="b"><ex:p rdf:nodeID="a"/></rdf:Description>'
        ),
        f"_:a <{E}p> _:b .\n_:b <{E}p> _:a .",
    ),
    "parseType Resource": (
        about('<ex:p rdf:parseType="Resource"><ex:q>x</ex:q></ex:p>'),
        f'{says("_:a")}\n_:a <{E}q> "x" .',
    ),
    "parseType Collection": (
        about(
            '<ex:p rdf:parseType="Collection">'
            f'<rdf:Description rdf:about="{E}a"/><rdf:Description rdf:about="{E}b"/></ex:p>'
        ),
        f"{says('_:l')}\n_:l <{RDF}first> <{E}a> .\n_:l <{RDF}rest> _:m .\n"
        f"_:m <{RDF}first> <{E}b> .\n_:m <{RDF}rest> <{RDF}nil> .",
    ),
    "empty collection": (
        about('<ex:p rdf:parseType="Collection"></ex:p>'),
        says(f"<{RDF}nil>"),
    ),
    "XML literal": (
        about('<ex:p rdf:parseType="Literal">a <b/> &amp;</ex:p>'),
        says(f'"a <b></b> &amp;"{XML_LITERAL}'),
    ),
    "empty XML literal": (about('<ex:p rdf:parseType="Literal"/>'), says(f'""{XML_LITERAL}')),
    "namespaces of an XML literal": (
        about('<ex:p rdf:parseType="Literal"><ex:b c="1" a="2"><d xmlns="urn:d"/></ex:b></ex:p>'),
        says(
            rf'"<ex:b xmlns:ex=\"{E}\" a=\"2\" c=\"1\"><d xmlns=\"urn:d\"></d></ex:b>"{XML_LITERAL}'
        ),
    ),
    "comments of an XML literal": (
        about('<ex:p rdf:parseType="Literal">\n<!-- c --><?t i?></ex:p>'),
        says(rf'"\n<!-- c --><?t i?>"{XML_LITERAL}'),
    ),
    "another parseType is an XML literal": (
        about('<ex:p rdf:parseType="other"><b/></ex:p>'),
        says(f'"<b></b>"{XML_LITERAL}'),
    ),
    "containers": (
        xml(f'<rdf:Bag rdf:about="{E}s"><rdf:li>x</rdf:li><rdf:li>y</rdf:li></rdf:Bag>'),
        f'<{E}s> <{RDF}type> <{RDF}Bag> .\n<{E}s> <{RDF}_1> "x" .\n<{E}s> <{RDF}_2> "y" .',
    ),
    "ID": (
        xml('<rdf:Description rdf:ID="s"><ex:p>x</ex:p></rdf:Description>'),
        f'<{BASE}#s> <{E}p> "x" .',
    ),
    "ID and base": (
        xml('<rdf:Description rdf:ID="s" ex:p="x"/>', f'xml:base="{E}other#f"'),
        f'<{E}other#s> <{E}p> "x" .',
    ),
    "ID of a property element reifies": (
        about('<ex:p rdf:ID="r">x</ex:p>'),
        f"{says(chr(34) + 'x' + chr(34))}\n"
        f"<{BASE}#r> <{RDF}type> <{RDF}Statement> .\n<{BASE}#r> <{RDF}subject> <{E}s> .\n"
        f'<{BASE}#r> <{RDF}predicate> <{E}p> .\n<{BASE}#r> <{RDF}object> "x" .',
    ),
    "relative to the document": (
        xml('<rdf:Description rdf:about="" ex:p="x"/>'),
        f'<{BASE}> <{E}p> "x" .',
    ),
    "without rdf:RDF": (
        f'<ex:T xmlns:rdf="{RDF}" xmlns:ex="{E}" rdf:about="{E}s"/>',
        f"<{E}s> <{RDF}type> <{E}T> .",
    ),
    "default namespace": (
        f'<RDF xmlns="{RDF}"><Description xmlns:r="{RDF}" r:about="{E}s"><p xmlns="{E}">x</p>'
        "</Description></RDF>",
        says('"x"'),
    ),
}

BAD_RDF_XML = {
    "empty": "",
    "no XML": "@prefix : <http://example.org/> .",
    "not closed": xml("")[:-10],
    "not nested": about("<ex:p></ex:q>"),
    "an entity that is not declared": about("<ex:p>&none;</ex:p>"),
    "a prefix that is not declared": about("<no:p>x</no:p>"),
    "about and ID": xml(f'<rdf:Description rdf:about="{E}s" rdf:ID="s"/>'),
    "about and nodeID": xml(f'<rdf:Description rdf:about="{E}s" rdf:nodeID="s"/>'),
    "resource and nodeID": about(f'<ex:p rdf:resource="{E}o" rdf:nodeID="o"/>'),
    "resource and parseType": about(f'<ex:p rdf:parseType="Literal" rdf:resource="{E}o"/>'),
    "an ID that is no name": xml('<rdf:Description rdf:ID="333-555"/>'),
    "a nodeID that is no name": xml('<rdf:Description rdf:nodeID="a:b"/>'),
    "an ID twice": xml('<rdf:Description rdf:ID="s"/><rdf:Description rdf:ID="s"/>'),
    "aboutEach": xml(f'<rdf:Description rdf:aboutEach="{E}s" ex:p="x"/>'),
    "bagID": xml(f'<rdf:Description rdf:about="{E}s" rdf:bagID="b"/>'),
    "li as a node": xml("<rdf:li/>"),
    "li as an attribute": xml('<rdf:Description rdf:li="x"/>'),
    "Description as a property": about("<rdf:Description/>"),
    "RDF as a node": xml("<rdf:RDF/>"),
    "text between nodes": xml("text"),
    "text and a node": about("<ex:p>text<ex:T/></ex:p>"),
    "two nodes in a property": about("<ex:p><ex:T/><ex:T/></ex:p>"),
    "an invalid IRI": xml('<rdf:Description rdf:about="http://example.org/a b"/>'
                          '<rdf:Description rdf:about="http://example.org/a b" ex:p="x"/>'),
}  # fmt: skip

CONTEXT = {"@vocab": E}


def document(content, context=CONTEXT):
    return json.dumps({"@context": context, "@id": f"{E}s"} | content)


JSON_LD = {
    "empty object": ("{}", ""),
    "empty array": ("[]", ""),
    "no context": (json.dumps({"@id": f"{E}s", f"{E}p": "x"}), says('"x"')),
    "vocabulary": (document({"p": "x"}), says('"x"')),
    "term": (document({"q": "x"}, {"q": f"{E}p"}), says('"x"')),
    "compact IRI": (document({"e:p": {"@id": "e:o"}}, {"e": E}), says(f"<{E}o>")),
    "context behind": (json.dumps({"p": "x", "@id": f"{E}s", "@context": CONTEXT}), says('"x"')),
    "alias of a keyword": (
        json.dumps({"@context": [CONTEXT, {"id": "@id"}], "id": f"{E}s", "p": "x"}),
        says('"x"'),
    ),
    "type": (document({"@type": ["T"]}), f"<{E}s> <{RDF}type> <{E}T> ."),
    "term of IRIs": (
        document({"q": f"{E}o"}, {"q": {"@id": f"{E}p", "@type": "@id"}}),
        says(f"<{E}o>"),
    ),
    "typed term": (
        document({"q": "2010-01-01"}, {"q": {"@id": f"{E}p", "@type": f"{XSD}date"}}),
        says(f'"2010-01-01"^^<{XSD}date>'),
    ),
    "typed value": (
        document({"p": {"@value": "1", "@type": f"{XSD}byte"}}),
        says(f'"1"^^<{XSD}byte>'),
    ),
    "language": (document({"p": {"@value": "x", "@language": "en"}}), says('"x"@en')),
    "language of the context": (
        document({"p": ["x", {"@value": "y"}]}, {"@vocab": E, "@language": "de"}),
        says('"x"@de') + says('"y"').replace("<", "\n<", 1),
    ),
    "language map": (
        document(
            {"q": {"en": "x", "de": ["y", "z"]}}, {"q": {"@id": f"{E}p", "@container": "@language"}}
        ),
        "\n".join(map(says, ('"x"@en', '"y"@de', '"z"@de'))),
    ),
    "integer": (document({"p": 5}), says(f'"5"^^<{XSD}integer>')),
    "double": (document({"p": 5.25}), says(f'"5.25E0"^^<{XSD}double>')),
    "whole double": (document({"p": 5.0}), says(f'"5"^^<{XSD}integer>')),
    "boolean": (document({"p": True}), says(f'"true"^^<{XSD}boolean>')),
    "null": (document({"p": None}), ""),
    "set": (document({"p": {"@set": ["x", "y"]}}), says('"x"') + "\n" + says('"y"')),
    "list": (
        document({"p": {"@list": ["x"]}}),
        f'{says("_:l")}\n_:l <{RDF}first> "x" .\n_:l <{RDF}rest> <{RDF}nil> .',
    ),
    "list of lists": (
        document({"p": {"@list": [{"@list": []}]}}),
        f"{says('_:l')}\n_:l <{RDF}first> <{RDF}nil> .\n_:l <{RDF}rest> <{RDF}nil> .",
    ),
    "node within": (
        document({"p": {"@id": f"{E}o", "q": "x"}}),
        f'{says(f"<{E}o>")}\n<{E}o> <{E}q> "x" .',
    ),
    "blank nodes": (
        json.dumps([{"@id": "_:a", f"{E}p": {"@id": "_:b"}}, {f"{E}p": {}}]),
        f"_:a <{E}p> _:b .\n_:c <{E}p> _:d .",
    ),
    "reverse": (
        document({"@reverse": {"p": {"@id": f"{E}o"}}}),
        f"<{E}o> <{E}p> <{E}s> .",
    ),
    "reverse term": (
        document({"q": {"@id": f"{E}o"}}, {"q": {"@reverse": f"{E}p"}}),
        f"<{E}o> <{E}p> <{E}s> .",
    ),
    "graph": (
        json.dumps({"@id": f"{E}g", "@graph": [{"@id": f"{E}s", f"{E}p": "x"}]}),
        f'<{E}s> <{E}p> "x" <{E}g> .',
    ),
    "graph without a name": (
        json.dumps({"@context": CONTEXT, "@graph": [{"@id": f"{E}s", "p": "x"}]}),
        says('"x"'),
    ),
    "base": (
        json.dumps({"@context": {"@base": E}, "@id": "s", f"{E}p": {"@id": "o"}}),
        says(f"<{E}o>"),
    ),
    "relative to the document": (
        json.dumps({"@id": "", f"{E}p": "x"}),
        f'<{BASE}> <{E}p> "x" .',
    ),
    "index": (
        document({"q": {"1": "x", "2": "y"}}, {"q": {"@id": f"{E}p", "@container": "@index"}}),
        says('"x"') + "\n" + says('"y"'),
    ),
    "1.1: id map": (
        document(
            {"q": {f"{E}o": {f"{E}q": "x"}}},
            {"@version": 1.1, "q": {"@id": f"{E}p", "@container": "@id"}},
        ),
        f'{says(f"<{E}o>")}\n<{E}o> <{E}q> "x" .',
    ),
    "1.1: scoped context": (
        document({"q": {"r": "x"}}, {"q": {"@id": f"{E}p", "@context": {"r": f"{E}r"}}}),
        f'{says("_:a")}\n_:a <{E}r> "x" .',
    ),
    "1.1: context of a type": (
        document({"@type": "T", "r": "x"}, {"T": {"@id": f"{E}T", "@context": {"r": f"{E}p"}}}),
        f"{says(chr(34) + 'x' + chr(34))}\n<{E}s> <{RDF}type> <{E}T> .",
    ),
    "1.1: nest": (
        document({"n": {"p": "x"}}, {"@vocab": E, "n": "@nest"}),
        says('"x"'),
    ),
    "1.1: included": (
        json.dumps({"@context": CONTEXT, "@included": [{"@id": f"{E}s", "p": "x"}]}),
        says('"x"'),
    ),
    "1.1: JSON literal": (
        document({"p": {"@type": "@json", "@value": {"b": [1, "é"], "a": None}}}),
        says(rf'"{{\"a\":null,\"b\":[1,\"é\"]}}"^^<{RDF}JSON>'),
    ),
    "1.1: graph container": (
        document(
            {"q": {f"{E}g": {"@id": f"{E}a", f"{E}p": "x"}}},
            {"@version": 1.1, "q": {"@id": f"{E}p", "@container": ["@graph", "@id"]}},
        ),
        f'{says(f"<{E}g>")}\n<{E}a> <{E}p> "x" <{E}g> .',
    ),
}

BAD_JSON_LD = {
    "empty": "",
    "no JSON": "@prefix : <http://example.org/> .",
    "open": '{"@id": "http://example.org/s"',
    "trailing comma": '{"@id": "http://example.org/s",}',
    "apostrophes": "{'@id': 'http://example.org/s'}",
    "NaN": '{"@id": "http://example.org/s", "http://example.org/p": NaN}',
    "two documents": "{} {}",
    "a surrogate": '{"@id": "http://example.org/s", "http://example.org/p": "\\ud800"}',
    "an id that is a number": document({"p": {"@id": 5}}),
    "a type that is a number": document({"@type": 5}),
    "a value that is an object": document({"p": {"@value": {}}}),
    "a language that is a number": document({"p": {"@value": "x", "@language": 5}}),
    "a value with an id": document({"p": {"@value": "x", "@id": f"{E}o"}}),
    "type and language": document(
        {"p": {"@value": "x", "@type": f"{XSD}string", "@language": "en"}}
    ),
    "a context that is a number": document({"p": "x"}, 5),
    "a term that is a number": document({"p": "x"}, {"p": 5}),
    "terms in a circle": document({"p": "x"}, {"p": "q:a", "q": "p:a"}),
    "an unknown container": document({"p": "x"}, {"p": {"@id": f"{E}p", "@container": "@none"}}),
    "an unknown version": document({"p": "x"}, {"@version": 3}),
    "a list with an id": document({"p": {"@list": [], "@id": f"{E}o"}}),
}


@pytest.mark.parametrize(("text", "quads"), cases(RDF_XML))
def test_rdf_xml(text, quads):
    check(text, quads, "rdf")


@pytest.mark.parametrize("text", bad_cases(BAD_RDF_XML))
def test_not_rdf_xml(text):
    check_refused(text, "rdf")


@pytest.mark.parametrize(("text", "quads"), cases(JSON_LD))
def test_json_ld(text, quads):
    check(text, quads, "jsonld")


@pytest.mark.parametrize("text", bad_cases(BAD_JSON_LD))
def test_not_json_ld(tmp_path, text):
    path = tmp_path / "g.jsonld"
    path.write_text(text)
    with pytest.raises(DataError, match=r"g\.jsonld"):
        KnowledgeGraph.read(path, base_iri=BASE)
