"""Every reader on damaged documents, for a while: `make fuzz`.

A document of the tests is damaged at random and read. Reading may only end in a graph or in a
`DataError`; where pyoxigraph reads the same bytes, it must be the same graph. hypothesis makes what
it finds small. Each format has a process of its own, as native code that fails takes the process
along; the document that it was reading then is left in a file.

What this finds becomes a test in tests/rdf/test_safe_reading.py.
"""

from __future__ import annotations

import bz2
import gzip
import io
import random
import sys
import time
from pathlib import Path

from driver import answer, damaged, drive

FORMATS = ("nt", "nq", "ttl", "trig", "rdf", "jsonld", "gz", "bz2", "zst", "skip")
TOKENS = {
    "text": [
        b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\n", b"\x1b[2J", b"\\", b"\\u",
        b"\\U", b'"', b"'", b'"""', b"'''", b"<", b">", b"<<(", b")>>", b"<<", b"{|", b"|}", b"~",
        b"@", b"@en--ltr", b"^^", b"_:", b"_:a", b"#", b".", b";", b",", b"[", b"]", b"(", b")",
        b"{", b"}", b"a", b":", b"%", b"@prefix", b"@base", b"PREFIX", b"BASE", b"GRAPH",
        b"VERSION", b"1e", b"true", b"<a:b>",
    ],
    "rdf": [
        b"<!DOCTYPE x [", b"]>", b'<!ENTITY a "&b;">', b"&a;", b"<![CDATA[", b"]]>", b"<!--",
        b"-->", b"<?x ?>", b' rdf:parseType="Literal"', b' rdf:ID="x"', b' xml:lang=""',
        b' xmlns=""', b"<ex:p>", b"</ex:p>", b"/>",
    ],
    "jsonld": [
        b'"@context"', b'"@id"', b'"@value"', b'"@list"', b'"@graph"', b'"@type"', b'"@none"',
        b'"@json"', b'"@import"', b'"@reverse"', b'"@container"', b"null", b"1e999", b"-0", b'""',
        b"[", b"]", b"{", b"}", b":", b",",
    ],
}  # fmt: skip


def documents(format: str) -> list[bytes]:
    """The documents of the tests in a syntax, valid and not."""
    import test_w3c_syntax as syntax
    import test_w3c_xml_json as markup

    good, bad = {
        "nt": (syntax.N_TRIPLES, syntax.BAD_N_TRIPLES),
        "nq": (syntax.N_QUADS, syntax.BAD_N_QUADS),
        "ttl": (syntax.TURTLE, syntax.BAD_TURTLE),
        "trig": (syntax.TRIG, syntax.BAD_TRIG),
        "rdf": (markup.RDF_XML, markup.BAD_RDF_XML),
        "jsonld": (markup.JSON_LD, markup.BAD_JSON_LD),
    }[format]
    texts = [text for text, _ in good.values()] + list(bad.values())
    return [
        text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in texts
    ]


def check(kind: str, content: bytes) -> None:
    """Read a document, and compare with pyoxigraph where it can read the same."""
    from kgrec.kg.graph import KnowledgeGraph

    format = {"gz": "nt", "bz2": "nt", "zst": "nt", "skip": "nq"}.get(kind, kind)
    on_error = "skip" if kind == "skip" else "raise"
    base = None if format in ("nt", "nq") else "http://example.org/doc/file"
    kg = answer(
        lambda: KnowledgeGraph.read(
            io.BytesIO(content), format=format, base_iri=base, on_error=on_error
        )
    )
    if kind in ("nt", "nq", "ttl", "trig") and content[:2] not in (b"\x1f\x8b", b"BZ", b"\x28\xb5"):
        compare(kg, content.removeprefix(b"\xef\xbb\xbf"), format, base)


def compare(kg: object, content: bytes, format: str, base: str | None) -> None:
    """The same graph, or none for both; triple terms are refused here alone."""
    import pyoxigraph as ox
    from rdf_cases import dataset

    from kgrec.rdf.syntaxes import FORMATS as KNOWN

    if content.count(b"<<") > 200:
        return
    try:
        quads = list(ox.parse(content, format=KNOWN[format].parser, base_iri=base))
    except SyntaxError:
        assert kg is None, "pyoxigraph refuses it"
        return
    if any(isinstance(quad.object, ox.Triple) for quad in quads):
        assert kg is None, "a triple term"
        return
    assert kg is not None, "pyoxigraph reads it"
    if any(isinstance(quad.object, ox.Literal) and quad.object.direction for quad in quads):
        return
    theirs = ox.Dataset(quads)
    theirs.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    assert dataset(kg) == set(theirs), "another graph"


def work(kind: str, seconds: float, seed: int, found: Path) -> int:
    """Fuzz one format; return the number of documents read."""
    import pyarrow as pa
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st

    format = {"gz": "nt", "bz2": "nt", "zst": "nt", "skip": "nq"}.get(kind, kind)
    corpus = documents(format)
    tokens = TOKENS.get(format, []) + TOKENS["text"]
    pack = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "zst": lambda text: pa.compress(text, codec="zstd", asbytes=True),
    }.get(kind)
    if pack is not None:
        corpus = [pack(text) for text in corpus]
    current = found / f"current.{kind}"
    count = 0

    def run(content: bytes, chance: random.Random, times: int) -> None:
        nonlocal count
        for _ in range(times):
            content = damaged(content, tokens, chance, corpus)
        content = content[: 1 << 16]
        current.write_bytes(content)
        count += 1
        check(kind, content)

    once = settings(
        max_examples=200,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    given_all = given(st.sampled_from(corpus), st.randoms(use_true_random=False), st.integers(1, 6))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seed += 1

        def fresh(content: bytes, chance: random.Random, times: int) -> None:
            run(content, chance, times)

        seeded(seed)(once(given_all(fresh)))()
    current.unlink(missing_ok=True)
    return count


if __name__ == "__main__":
    sys.exit(drive(__doc__, FORMATS, work))
