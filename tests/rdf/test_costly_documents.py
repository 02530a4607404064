"""Documents that take time out of proportion to their size are read in parts, or refused."""

import bz2
import io
import json

import pyarrow as pa
import pytest

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.rdf import rdfxml
from kgrec.rdf.rdfxml import SafeXml

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x/"'
BAD = '<rdf:Description rdf:about="http://x/a"><x:p rdf:nodeID="1 bad"/></rdf:Description>'


def read(text, format):
    return KnowledgeGraph.read(io.BytesIO(text.encode()), format=format)


@pytest.mark.parametrize(
    "long",
    [
        "<!--" + "a\n" * 4_000 + "-->",
        "<?x " + "a\n" * 4_000 + "?>",
        '<rdf:Description rdf:about="http://x/b" x:p="' + "a\n" * 4_000 + '"/>',
    ],
    ids=["comment", "instruction", "attribute"],
)
def test_what_is_longer_than_a_line_is_given_in_growing_parts(monkeypatch, long):
    text = f"<rdf:RDF {RDF}>{long}\n\n{BAD}</rdf:RDF>"
    calls = []
    parse = SafeXml._parse

    def counted(self, line, **options):
        calls.append(line)
        parse(self, line, **options)

    monkeypatch.setattr(SafeXml, "_parse", counted)
    with pytest.raises(DataError, match=r"line 4003: not valid RDF/XML: 1 bad"):
        read(text, "rdf")
    assert len(calls) < 50


def test_literals_take_only_the_namespaces_that_they_use(monkeypatch):
    seen = []
    canonical = rdfxml.canonicalize
    monkeypatch.setattr(
        rdfxml, "canonicalize", lambda text, **how: seen.append(text) or canonical(text, **how)
    )
    many = " ".join(f'xmlns:n{n}="http://n/{n}/"' for n in range(900))
    content = '<n7:b n8:c="d"><x:e xmlns:x="http://y/"/></n7:b>'
    kg = read(
        f'<rdf:RDF {RDF} {many}><rdf:Description rdf:about="http://x/a">'
        f'<x:p rdf:parseType="Literal">{content}</x:p></rdf:Description></rdf:RDF>',
        "rdf",
    )
    assert kg.literals.value.to_pylist() == [
        '<n7:b xmlns:n7="http://n/7/" xmlns:n8="http://n/8/" n8:c="d">'
        '<x:e xmlns:x="http://y/"></x:e></n7:b>'
    ]
    assert len(seen[0]) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '<rdf:Description rdf:about="http://x/a" '
            + " ".join(f'x:p{n}="v"' for n in range(1_001))
            + "/>",
            "more than 1,000 attributes",
        ),
        (
            "".join(
                "<x:a " + " ".join(f'xmlns:n{level}x{n}="http://n/"' for n in range(300)) + ">"
                for level in range(4)
            ),
            "more than 1,000 namespaces",
        ),
    ],
    ids=["attributes", "namespaces"],
)
def test_thousands_of_attributes_or_namespaces_are_refused(text, message):
    with pytest.raises(DataError, match=message):
        read(f"<rdf:RDF {RDF}>{text}</rdf:RDF>", "rdf")


TERMS = {f"t{n}": f"http://t/{n}" for n in range(3_000)}
INNER = {"@context": {"z": "http://z/"}}


@pytest.mark.parametrize(
    "document",
    [
        {"@context": TERMS, "@graph": [INNER | {"@id": f"http://x/{n}"} for n in range(2_000)]},
        {
            "@context": TERMS | {"T": {"@id": "http://T"} | INNER},
            "@graph": [{"@id": f"http://x/{n}", "@type": "T"} for n in range(2_000)],
        },
        {
            "@context": {"T": {"@id": "http://T", "@context": TERMS}},
            "@graph": [{"T": {"t1": "a"}} for _ in range(2_000)],
        },
    ],
    ids=["inner", "of a type", "of a property"],
)
def test_contexts_that_multiply_are_refused(document):
    with pytest.raises(DataError, match="make the parser copy more than 4,000,000 terms"):
        read(json.dumps(document), "jsonld")
    escaped = json.dumps(document).replace("@context", "\\u0040context")
    with pytest.raises(DataError, match="make the parser copy more than 4,000,000 terms"):
        read(escaped, "jsonld")


def test_contexts_that_are_meant_are_read():
    many = [
        {"@context": {f"a{n}": f"http://a/{n}"}, "@id": f"http://x/{n}", f"a{n}": "v"}
        for n in range(500)
    ]
    assert len(read(json.dumps(many), "jsonld").literals) == 500
    typed = {
        "@context": {"T": {"@id": "http://T", "@context": {"z": "http://z/"}}},
        "@graph": [{"@id": f"http://x/{n}", "@type": "T", "z": "v"} for n in range(200)],
    }
    assert len(read(json.dumps(typed), "jsonld").literals) == 200


LINE = "<a:a> <a:b> <a:c{}> .\n"


def test_bzip2_is_read_in_all_its_parts(tmp_path):
    path = tmp_path / "g.nt.bz2"
    parts = ["".join(LINE.format(n) for n in range(low, low + 3_000)) for low in (0, 3_000)]
    path.write_bytes(b"".join(bz2.compress(part.encode()) for part in parts))
    assert len(KnowledgeGraph.read(path).triples) == 6_000


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + b"junk",
        lambda data: data + b"\0",
        lambda data: data + b"BZh",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data[:20] + b"\xff\xff" + data[22:],
    ],
)
def test_damaged_bzip2_is_an_error_and_leaves_nothing_in_arrows_memory(tmp_path, damage):
    path = tmp_path / "g.nt.bz2"
    whole = bz2.compress("".join(LINE.format(n) for n in range(3_000)).encode())
    path.write_bytes(damage(whole))
    before = pa.total_allocated_bytes()
    with pytest.raises(
        DataError, match=r"g\.nt\.bz2: the .*file (is damaged or cut off|cannot be)"
    ):
        KnowledgeGraph.read(path)
    assert pa.total_allocated_bytes() == before
