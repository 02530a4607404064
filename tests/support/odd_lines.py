"""Lines of N-Triples and N-Quads: usual ones, odd ones, and ones that are not valid."""

from hypothesis import strategies as st

CHARACTERS = st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass"))
PIECES = st.sampled_from(
    [
        *(b"a", b"Z", b"0", b"/", b"?", b"#", b"%41", b"%4", b"%zz", b":", b"@", b"[", b"]"),
        *(b"//", b"h", b".", b"-", b"_", b"~", b"!", b"'", b"(", b"*", b",", b";", b"=", b"&"),
        *(b" ", b"<", b">", b'"', b"\\u0041", b"\\U0001F600", b"\\", b"^", b"`", b"{", b"|"),
        *("é", "\u200e", "\ue000", "\ufdd0", "\ufffe", "豈", "😀", "\U000e0001", "\u0085"),
        *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\x7f", b"\t", b"\r"),
    ]
).map(lambda one: one.encode() if isinstance(one, str) else one)
IRI = st.one_of(
    st.sampled_from(
        [b"http://ex.org/a", b"urn:x:y", b"http://ex.org/b#c", b"a:", b"http://ex.org/a"]
    ),
    st.builds(
        lambda scheme, rest: scheme + b"".join(rest),
        st.sampled_from([b"http://ex.org/", b"a:", b"http://", b"a+b-c.1:", b"1:", b"", b"a_b:"]),
        st.lists(PIECES, max_size=6),
    ),
).map(lambda iri: b"<" + iri + b">")
BLANK = st.builds(
    lambda begin, rest: b"_:" + begin + rest,
    st.sampled_from([b"a", b"0", b"_", b"-", b".", "é".encode(), b":", b""]),
    st.sampled_from([b"", b"b", b"-", b".", b".c", b"_d", "ü".encode(), b":e", b"b0"]),
)
TAIL = st.one_of(
    st.sampled_from(
        [
            *(b"", b"@en", b"@EN", b"@en-GB", b"@de-latn-DE", b"@x-a", b"@a", b"@en-", b"@1"),
            *(b"@en--ltr", b"@en--xyz", b"@abcdefghi", b"@zh-cmn", b"@e", b" @en", b"@"),
            b"^^<http://www.w3.org/2001/XMLSchema#integer>",
            b"^^<http://www.w3.org/2001/XMLSchema#string>",
            b"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#langString>",
            b"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#HTML>",
            *(b"^^", b"^", b"^^<>", b"^^ <a:b>", b"^^_:b"),
        ]
    ),
    IRI.map(lambda iri: b"^^" + iri),
)
ESCAPE = st.sampled_from(
    [
        *(b"\\t", b"\\n", b'\\"', b"\\\\", b"\\'", b"\\x", b"\\u00e9", b"\\uD800", b"\\U0001F600"),
        *(b"\\U00110000", b"\\u00", b"\\", b'"', b"\\b\\f\\r", b"\\u00E9x", b"\\U0001F60"),
    ]
)
LITERAL = st.builds(
    lambda parts, tail: b'"' + b"".join(parts) + b'"' + tail,
    st.lists(st.one_of(CHARACTERS, ESCAPE, PIECES), max_size=5),
    TAIL,
)
SPACE = st.sampled_from([b" ", b" ", b" ", b"  ", b"\t", b"", b"\x0c", "\xa0".encode()])
STOP = st.sampled_from([b".", b".", b".", b". # comment", b"", b"..", b".x", b". <a:b>", b";"])
END = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r", b" \n", b"\t\r\n"])
NODE = st.one_of(IRI, IRI, BLANK)


def line(quads):
    """A line with its end, valid or not."""
    graph = st.one_of(st.just(b""), IRI, BLANK, LITERAL) if quads else st.just(b"")
    statement = st.builds(
        lambda *parts: b"".join(parts),
        *(SPACE, st.one_of(NODE, LITERAL), SPACE, st.one_of(IRI, IRI, BLANK), SPACE),
        *(st.one_of(NODE, LITERAL, LITERAL), SPACE, graph, SPACE, STOP, END),
    )
    other = st.sampled_from(
        [b"\n", b"# comment\n", b"#\xff\n", b"  \t\n", b"\r\n", b"x\n", b"<<\n"]
    )
    return st.one_of(statement, statement, statement, statement, other)


VALID = b"""\
<http://ex.org/a> <http://ex.org/p> <http://ex.org/b> .
<http://ex.org/a> <http://ex.org/p> "x"@en .
_:x <http://ex.org/p> _:y .
<http://ex.org/b> <http://ex.org/q> "7"^^<http://www.w3.org/2001/XMLSchema#integer> .
<http://ex.org/\xc3\xa9> <http://ex.org/p> "tab\\t \\u00e9 \\U0001F600 \xc3\xa9" .
"""
