"""What the standards say is valid or not, and what it means.

After the examples and grammars of RDF 1.1 N-Triples, N-Quads, Turtle, TriG and XML Syntax, and of
JSON-LD 1.1 (https://www.w3.org/TR/rdf11-new/#documents). Expected statements are N-Quads, written
with all that can be left out; blank nodes are compared up to their names.
"""

import json

import pytest
from rdf_cases import BASE, RDF, XSD, bad_cases, cases, check, check_refused

S, P, O, G = (f"<http://example.org/{name}>" for name in ("s", "p", "o", "g"))  # noqa: E741
PRE = "@prefix : <http://example.org/> .\n"


def says(value):
    """S P value, as N-Triples."""
    return f"{S} {P} {value} ."


N_TRIPLES = {
    "empty": ("", ""),
    "only a comment": ("# comment", ""),
    "only line ends": ("\n\r\n\r", ""),
    "spaces and tabs": (f" \t{S}\t{P} \t{O}\t. ", f"{S} {P} {O} ."),
    "no spaces": (f"{S}{P}{O}.", f"{S} {P} {O} ."),
    "comment behind": (f"{S} {P} {O} . # comment", f"{S} {P} {O} ."),
    "no line end": (f"{S} {P} {O} .", f"{S} {P} {O} ."),
    "blank nodes": (f"_:a {P} _:b1 .\n_:b1 {P} _:a .", f"_:x {P} _:y . \n_:y {P} _:x ."),
    "blank node labels": (f"_:1a {P} _:a.b-c .\n_:_a {P} _:é·1 .", f"_:a {P} _:b .\n_:c {P} _:d ."),
    "plain literal": (says('"x"'), says(f'"x"^^<{XSD}string>')),
    "empty literal": (says('""'), says('""')),
    "typed literal": (says(f'"1"^^<{XSD}integer>'), says(f'"1"^^<{XSD}integer>')),
    "ill-typed literal": (says(f'"one"^^<{XSD}integer>'), says(f'"one"^^<{XSD}integer>')),
    "language": (says('"chat"@fr'), says('"chat"@fr')),
    "language with subtags": (says('"x"@zh-Hans-CN'), says('"x"@zh-hans-cn')),
    "escapes": (
        says(r'"\t\b\n\r\f\"\'\\"'),
        says(r'"\u0009\u0008\u000A\u000D\u000C\u0022\u0027\u005C"'),
    ),
    "four and eight digits": (says(r'"\u00E9\U0001F600"'), says('"é😀"')),
    "apostrophe": (says('"it\'s"'), says('"it\'s"')),
    "control characters": (says('"\x01\x0b\x7f"'), says(r'"\u0001\u000B\u007F"')),
    "all of unicode": (says('"\u0080߿ࠀ\uffff𐀀\U0010ffff"'), says('"\u0080߿ࠀ\uffff𐀀\U0010ffff"')),
    "escapes in an IRI": (
        rf"<http://example.org/\u00E9> {P} <http://example.org/\U000000e9> .",
        f"<http://example.org/é> {P} <http://example.org/é> .",
    ),
    "IRI of punctuation": (
        f"{S} {P} <scheme:!$%25&'()*+,-./0123456789:/@ABCz_~?#> .",
        f"{S} {P} <scheme:!$%25&'()*+,-./0123456789:/@ABCz_~?#> .",
    ),
    "IRIs are not normalised": (
        f"<http://Example.org/%7euser/../a> {P} <http://example.org:80/~user/a> .",
        f"<http://Example.org/%7euser/../a> {P} <http://example.org:80/~user/a> .",
    ),
}

BAD_N_TRIPLES = {
    "space in an IRI": f"<http://example.org/a b> {P} {O} .",
    "escaped space in an IRI": rf"<http://example.org/\u0020> {P} {O} .",
    "bad escape in an IRI": rf"<http://example.org/\u00ZZ11> {P} {O} .",
    "long escape in an IRI": rf"<http://example.org/\U00ZZ1111> {P} {O} .",
    "character escape in an IRI": rf"<http://example.org/\n> {P} {O} .",
    "brace in an IRI": f"<http://example.org/{{a}}> {P} {O} .",
    "relative subject": f"<s> {P} {O} .",
    "relative predicate": f"{S} <p> {O} .",
    "relative object": f"{S} {P} <o> .",
    "relative datatype": says('"x"^^<dt>'),
    "comma": f"{S} {P} {O}, {O} .",
    "semicolon": f"{S} {P} {O}; {P} {O} .",
    "prefix": "@prefix : <http://example.org/> .",
    "base": "@base <http://example.org/> .",
    "two on a line": f"{S} {P} {O} . {S} {P} {O} .",
    "no dot": f"{S} {P} {O}",
    "two dots": f"{S} {P} {O} ..",
    "a literal as subject": f'"x" {P} {O} .',
    "a literal as predicate": f'{S} "x" {O} .',
    "a blank node as predicate": f"{S} _:p {O} .",
    "digit first in a language": says('"x"@1'),
    "bad escape": says(r'"\z"'),
    "bad four digits": says(r'"\uWXYZ"'),
    "bad eight digits": says(r'"\U0000WXYZ"'),
    "beyond unicode": says(r'"\U00110000"'),
    "half of a surrogate pair": says(r'"\uD83D"'),
    "apostrophes": says("'x'"),
    "long string": says('"""x"""'),
    "line end in a string": says('"a\nb"'),
    "open string": says('"abc'),
    "other quotation mark": says("\"abc'"),
    "number": says("1"),
    "decimal": says("1.0"),
    "double": says("1.0e0"),
    "boolean": says("true"),
    "not UTF-8": says('"é"').encode("latin-1"),
    "a surrogate in UTF-8": says('"x"').replace("x", "\ud800").encode("utf-8", "surrogatepass"),
    "four terms": f"{S} {P} {O} {G} .",
    "langString without a language": says(f'"x"^^<{RDF}langString>'),
}

N_QUADS = {
    **N_TRIPLES,
    "graph": (f"{S} {P} {O} {G} .", f"{S} {P} {O} {G} ."),
    "literal in a graph": (f'{S} {P} "x"@en {G} .', f'{S} {P} "x"@en {G} .'),
    "blank graph": (f"{S} {P} _:g _:g .", f"{S} {P} _:g _:g ."),
    "several graphs": (
        f"{S} {P} {O} .\n{S} {P} {O} {G} .\n{S} {P} {O} _:x .",
        f"{S} {P} {O} .\n{S} {P} {O} {G} .\n{S} {P} {O} _:x .",
    ),
}

BAD_N_QUADS = {
    **{name: text for name, text in BAD_N_TRIPLES.items() if name != "four terms"},
    "a literal as graph": f'{S} {P} {O} "x" .',
    "a language as graph": f'{S} {P} {O} "x"@en .',
    "relative graph": f"{S} {P} {O} <g> .",
    "five terms": f"{S} {P} {O} {G} {G} .",
}

XS = {name: f"^^<{XSD}{name}>" for name in ("integer", "decimal", "double", "boolean")}


def listed(*items):
    """S P (items), as N-Triples."""
    if not items:
        return f"{S} {P} <{RDF}nil> ."
    lines = [f"{S} {P} _:l0 ."]
    for n, item in enumerate(items):
        rest = f"_:l{n + 1}" if n + 1 < len(items) else f"<{RDF}nil>"
        lines += [f"_:l{n} <{RDF}first> {item} .", f"_:l{n} <{RDF}rest> {rest} ."]
    return "\n".join(lines)


TURTLE = {
    **{
        name: case
        for name, case in N_TRIPLES.items()
        if name not in ("control characters", "IRIs are not normalised")
    },
    "prefixes": (
        "@prefix : <http://example.org/> .\n:s :p :o .",
        says(O),
    ),
    "PREFIX as SPARQL writes it": (
        "PREFIX : <http://example.org/> pReFiX e: <e:> :s :p :o .",
        says(O),
    ),
    "a prefix alone": (
        "@prefix e: <http://example.org/s> . e: :p :o .".replace(":p :o", f"{P} {O}"),
        says(O),
    ),
    "a prefix is given again": (
        "@prefix e: <http://other/> . @prefix e: <http://example.org/> . e:s e:p e:o .",
        says(O),
    ),
    "prefixes of unusual names": (
        "@prefix a.b: <http://example.org/> . @prefix é-1: <http://example.org/> . "
        "a.b:s é-1:p a.b:o .",
        says(O),
    ),
    "a prefix that is relative": ("@prefix e: <../> . e:s e:p e:o .", says(O)),
    "local names": (
        PRE + ":s :p :a.b , :1 , :_x , :a:b , :%41 , :a-b , :é·1 .",
        "\n".join(
            says(f"<http://example.org/{name}>")
            for name in ("a.b", "1", "_x", "a:b", "%41", "a-b", "é·1")
        ),
    ),
    "escapes in local names": (
        PRE + r":s :p :\_\~\.\-\!\$\&\'\(\)\*\+\,\;\=\/\?\#\@\%00 .",
        says("<http://example.org/_~.-!$&'()*+,;=/?#@%00>"),
    ),
    "comment behind a local name": (PRE + ":s :p :o#comment\n.", says(O)),
    "a": (PRE + ":s a :o .", f"{S} <{RDF}type> {O} ."),
    "lists of predicates and objects": (
        PRE + ":s :p :o , :g ; :q :o .",
        f"{says(O)}\n{says(G)}\n{S} <http://example.org/q> {O} .",
    ),
    "semicolons too many": (PRE + ":s :p :o ;; .", says(O)),
    "semicolons too many within": (PRE + ":s :p :o ;; :p :g ; .", f"{says(O)}\n{says(G)}"),
    "apostrophes": (PRE + ":s :p 'x' .", says('"x"')),
    "long strings": (
        PRE + ':s :p """a "quoted" ""\nline""" , \'\'\'it\'s \'\' \n"\'\'\' .',
        says(r'"a \"quoted\" \"\"\nline"') + "\n" + says(r'"it\'s \'\' \n\""'),
    ),
    "empty strings": (PRE + ":s :p '', \"\", '''''', \"\"\"\"\"\" .", says('""')),
    "long string with a backslash": (PRE + r':s :p """\\""" .', says(r'"\\"')),
    "long string with a language": (PRE + ':s :p """x"""@en-GB .', says('"x"@en-gb')),
    "integers": (
        PRE + ":s :p 1, -5, +07 .",
        "\n".join(says(f'"{n}"{XS["integer"]}') for n in ("1", "-5", "+07")),
    ),
    "decimals": (
        PRE + ":s :p 1.0, -.5, +1.50 .",
        "\n".join(says(f'"{n}"{XS["decimal"]}') for n in ("1.0", "-.5", "+1.50")),
    ),
    "doubles": (
        PRE + ":s :p 1e0, 1.E3, .5E-1, -1.5e+10 .",
        "\n".join(says(f'"{n}"{XS["double"]}') for n in ("1e0", "1.E3", ".5E-1", "-1.5e+10")),
    ),
    "integer before a full stop": (PRE + ":s :p 1.", says(f'"1"{XS["integer"]}')),
    "booleans": (
        PRE + ":s :p true, false .",
        "\n".join(says(f'"{n}"{XS["boolean"]}') for n in ("true", "false")),
    ),
    "datatype by prefix": (
        PRE + f"@prefix xsd: <{XSD}> . :s :p '1'^^xsd:integer .",
        says(f'"1"{XS["integer"]}'),
    ),
    "anonymous subject": (PRE + "[] :p :o .", f"_:a {P} {O} ."),
    "anonymous object": (PRE + ":s :p [] , [ ] .", f"{says('_:a')}\n{says('_:b')}"),
    "property list alone": (PRE + "[ :p :o ] .", f"_:a {P} {O} ."),
    "property list as subject": (PRE + "[ :p :o ] :p :g .", f"_:a {P} {O} .\n_:a {P} {G} ."),
    "property lists within": (
        PRE + ":s :p [ :p [ :p :o ] ; :p 'x' ] .",
        f'{says("_:a")}\n_:a {P} _:b .\n_:b {P} {O} .\n_:a {P} "x" .',
    ),
    "empty collection": (PRE + ":s :p () .", listed()),
    "collection": (PRE + ":s :p (1 :o 'x') .", listed(f'"1"{XS["integer"]}', O, '"x"')),
    "collection as subject": (
        PRE + "(:o) :p :g .",
        f"_:a <{RDF}first> {O} .\n_:a <{RDF}rest> <{RDF}nil> .\n_:a {P} {G} .",
    ),
    "collections within": (
        PRE + ":s :p (() [:p :o]) .",
        listed(f"<{RDF}nil>", "_:x") + f"\n_:x {P} {O} .",
    ),
    "base": ("@base <http://example.org/> . <s> <p> <o> .", says(O)),
    "BASE as SPARQL writes it": ("base <http://example.org/>\n<s> <p> <o> .", says(O)),
    "bases build on one another": (
        "@base <http://example.org/a/> . @base <b/> . <../../s> <../../p> </o> .",
        says(O),
    ),
    "relative to the document": (
        "<> <#p> <other> .",
        f"<{BASE}> <{BASE}#p> <http://example.org/doc/other> .",
    ),
    "case of keywords": (
        PRE + ":s :p :true, :a, :false, :PREFIX .",
        "\n".join(
            says(f"<http://example.org/{name}>") for name in ("true", "a", "false", "PREFIX")
        ),
    ),
    "white space everywhere": (
        "\t@prefix\n:\r\n<http://example.org/>\n.\n:s\n:p\n:o\n.\n",
        says(O),
    ),
}

# https://www.rfc-editor.org/rfc/rfc3986#section-5.4
REFERENCES = {
    "g:h": "g:h", "g": "http://a/b/c/g", "./g": "http://a/b/c/g", "g/": "http://a/b/c/g/",
    "/g": "http://a/g", "//g": "http://g", "?y": "http://a/b/c/d;p?y", "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q#s", "g#s": "http://a/b/c/g#s", "g?y#s": "http://a/b/c/g?y#s",
    ";x": "http://a/b/c/;x", "g;x": "http://a/b/c/g;x", "g;x?y#s": "http://a/b/c/g;x?y#s",
    "": "http://a/b/c/d;p?q", ".": "http://a/b/c/", "./": "http://a/b/c/", "..": "http://a/b/",
    "../": "http://a/b/", "../g": "http://a/b/g", "../..": "http://a/", "../../": "http://a/",
    "../../g": "http://a/g", "../../../g": "http://a/g", "../../../../g": "http://a/g",
    "/./g": "http://a/g", "/../g": "http://a/g", "g.": "http://a/b/c/g.", ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..", "..g": "http://a/b/c/..g", "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/", "g/./h": "http://a/b/c/g/h", "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y", "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x", "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/./x": "http://a/b/c/g#s/./x", "g#s/../x": "http://a/b/c/g#s/../x",
}  # fmt: skip

BAD_TURTLE = {
    **{
        name: text
        for name, text in BAD_N_TRIPLES.items()
        if name
        not in (
            "relative subject", "relative predicate", "relative object", "relative datatype",
            "comma", "semicolon", "prefix", "base", "two on a line", "apostrophes", "long string",
            "number", "decimal", "double", "boolean",
        )
    },
    "prefix without a name": "@prefix <http://example.org/> .",
    "prefix without an IRI": "@prefix : .",
    "prefix without a full stop": "@prefix : <http://example.org/>\n:s :p :o .",
    "PREFIX with a full stop": "PREFIX : <http://example.org/> .\n:s :p :o .",
    "@PREFIX": "@PREFIX : <http://example.org/> .\n:s :p :o .",
    "base without an IRI": "@base .",
    "BASE with a full stop": "BASE <http://example.org/> .\n<s> <p> <o> .",
    "@BASE": "@BASE <http://example.org/> .",
    "a prefix that is not declared": "e:s e:p e:o .",
    "a prefix that is declared later": ":s :p :o . @prefix : <http://example.org/> .",
    "no subject": PRE + ":p :o .",
    "no object": PRE + ":s :p .",
    "no predicate": PRE + ":s .",
    "an object list without an end": PRE + ":s :p :o , .",
    "semicolon first": PRE + ":s ; :p :o .",
    "A as a predicate": PRE + ":s A :o .",
    "a as a subject": PRE + "a :p :o .",
    "a as an object": PRE + ":s :p a .",
    "TRUE": PRE + ":s :p TRUE .",
    "true as a subject": PRE + "true :p :o .",
    "a number as a predicate": PRE + ":s 1 :o .",
    "a collection as a predicate": PRE + ":s () :o .",
    "an anonymous predicate": PRE + ":s [] :o .",
    "anonymous alone": PRE + "[] .",
    "open collection": PRE + ":s :p ( :o .",
    "open property list": PRE + ":s :p [ :p :o .",
    "language and datatype": PRE + f":s :p 'x'@en^^<{XSD}string> .",
    "space before a language": PRE + ":s :p 'x' @en-gb- .",
    "line end in a string": PRE + ":s :p 'a\nb' .",
    "long string without an end": PRE + ":s :p '''a'' .",
    "mixed quotation marks": PRE + ":s :p '''a\"\"\" .",
    "two signs": PRE + ":s :p +-1 .",
    "exponent without digits": PRE + ":s :p 1.0e .",
    "a letter in a number": PRE + ":s :p 123abc .",
    "a full stop ends a label": "_:a. <http://example.org/p> _:b.. ",
    "a hyphen begins a label": "_:-a <http://example.org/p> _:b .",
    "a prefix that ends with a full stop": "@prefix e.: <http://example.org/> . e.:s e.:p e.:o .",
    "a prefix that begins with a full stop": "@prefix .e: <http://example.org/> .",
    "a local name that begins with a hyphen": PRE + ":s :p :-o .",
    "a bad escape in a local name": PRE + r":s :p :a\u0041 .",
    "a bad percent in a local name": PRE + ":s :p :%2 .",
    "a tilde in a local name": PRE + ":s :p :a~b .",
    "N3: formula": PRE + "{ :s :p :o } :p :o .",
    "N3: equals": PRE + ":s = :o .",
    "N3: implies": PRE + ":s => :o .",
    "N3: implied": PRE + ":s <= :o .",
    "N3: keywords": "@keywords a .",
    "N3: for all": PRE + "@forAll :x .",
    "N3: for some": PRE + "@forSome :x .",
    "N3: path": PRE + ":s!:p :p :o .",
    "N3: path back": PRE + ":s^:p :p :o .",
    "N3: is of": PRE + ":s is :p of :o .",
    "N3: has": PRE + ":s has :p :o .",
    "N3: variable": PRE + "?x :p :o .",
    "graph": PRE + ":g { :s :p :o }",
    "four terms": PRE + ":s :p :o :g .",
}  # fmt: skip

TRIG = {
    **TURTLE,
    "graph": (PRE + ":g { :s :p :o }", f"{S} {P} {O} {G} ."),
    "GRAPH": (PRE + "gRaPh :g { :s :p :o . }", f"{S} {P} {O} {G} ."),
    "default graph in braces": (PRE + "{ :s :p :o . }", says(O)),
    "default graph twice": (PRE + "{ :s :p :o } :s :p :g .", f"{says(O)}\n{says(G)}"),
    "graph twice": (
        PRE + ":g { :s :p :o } :g { :s :p :g } ",
        f"{S} {P} {O} {G} .\n{S} {P} {G} {G} .",
    ),
    "empty graph": (PRE + ":g { } {}", ""),
    "blank graph": (PRE + "_:g { _:g :p :o }", f"_:g {P} {O} _:g ."),
    "anonymous graph": (PRE + "[] { :s :p :o }", f"{S} {P} {O} _:g ."),
    "graph by IRI": (PRE + "<g> { :s :p :o }", f"{S} {P} {O} <http://example.org/doc/g> ."),
    "all sorts of statements in a graph": (
        PRE + ":g { :s :p [ :p :o ] , (1) ; a :o . [] :p 'x' }",
        "\n".join(
            f"{line} {G} ."
            for line in (
                f"{S} {P} _:a",
                f"_:a {P} {O}",
                f"{S} {P} _:l",
                f'_:l <{RDF}first> "1"{XS["integer"]}',
                f"_:l <{RDF}rest> <{RDF}nil>",
                f"{S} <{RDF}type> {O}",
                f'_:e {P} "x"',
            )
        ),
    ),
    "prefixes between graphs": (
        PRE + ":g { :s :p :o }\n@prefix : <http://example.org/doc/> . :g { :s :p :o }",
        f"{S} {P} {O} {G} .\n"
        + " ".join(f"<http://example.org/doc/{name}>" for name in "spog")
        + " .",
    ),
}

BAD_TRIG = {
    **{name: text for name, text in BAD_TURTLE.items() if name not in ("graph", "N3: formula")},
    "full stop behind a graph": PRE + ":g { :s :p :o } .",
    "graph within a graph": PRE + ":g { :g { :s :p :o } }",
    "prefix within a graph": PRE + ":g { @prefix e: <e:> . :s :p :o }",
    "open graph": PRE + ":g { :s :p :o",
    "GRAPH without a name": PRE + "GRAPH { :s :p :o }",
    "a literal as graph": PRE + "'x' { :s :p :o }",
    "a collection as graph": PRE + "(1) { :s :p :o }",
    "a property list as graph": PRE + "[ :p :o ] { :s :p :o }",
    "two names": PRE + ":g :g { :s :p :o }",
    "N3: formula": PRE + "{ :s :p :o } :p :o .",
}
# A default graph in braces is followed by what is no statement.
BAD_TRIG["N3: formula"] = PRE + "{ :s :p :o } => { :s :p :o } ."


@pytest.mark.parametrize(("text", "quads"), cases(N_TRIPLES))
def test_n_triples(text, quads):
    check(text, quads, "nt")


@pytest.mark.parametrize("text", bad_cases(BAD_N_TRIPLES))
def test_not_n_triples(text):
    check_refused(text, "nt")


@pytest.mark.parametrize(("text", "quads"), cases(N_QUADS))
def test_n_quads(text, quads):
    check(text, quads, "nq")


@pytest.mark.parametrize("text", bad_cases(BAD_N_QUADS))
def test_not_n_quads(text):
    check_refused(text, "nq")


@pytest.mark.parametrize(("text", "quads"), cases(TURTLE))
def test_turtle(text, quads):
    check(text, quads, "ttl")


@pytest.mark.parametrize("text", bad_cases(BAD_TURTLE))
def test_not_turtle(text):
    check_refused(text, "ttl")


@pytest.mark.parametrize(("text", "quads"), cases(TRIG))
def test_trig(text, quads):
    check(text, quads, "trig")


@pytest.mark.parametrize("text", bad_cases(BAD_TRIG))
def test_not_trig(text):
    check_refused(text, "trig")


@pytest.mark.parametrize("reference", REFERENCES)
def test_relative_iris(reference):
    turtle = f"@base <http://a/b/c/d;p?q> . <{reference}> {P} {O} ."
    quads = f"<{REFERENCES[reference]}> {P} {O} ."
    check(turtle, quads, "ttl")
    check(turtle, quads, "trig")
    document = {"@context": {"@base": "http://a/b/c/d;p?q"}, "@id": reference}
    document[P[1:-1]] = {"@id": O[1:-1]}
    check(json.dumps(document), quads, "jsonld")
    xml = (
        f'<r:RDF xmlns:r="{RDF}" xmlns="http://example.org/" xml:base="http://a/b/c/d;p?q">'
        f'<r:Description r:about="{reference}"><p r:resource="{O[1:-1]}"/></r:Description></r:RDF>'
    )
    check(xml, quads, "rdf")
