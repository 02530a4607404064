r"""Writing a graph as canonical N-Triples or N-Quads, without a Python object per term.

The form is that of RDF 1.2 (https://www.w3.org/TR/rdf12-n-triples/#canonical-ntriples): one
statement per line, single spaces, no comments, `xsd:string` left out, and only the characters
escaped that must be. It is also valid N-Triples 1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyoxigraph

from kgrec.errors import DataError, printable
from kgrec.files import replacing, writing
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.namespaces import RDF_DIR_LANG_STRING, RDF_LANG_STRING, XSD_STRING
from kgrec.rdf.sources import PathLike
from kgrec.types import IntArray

_EXTENSIONS: Final = (".nt", ".nq", ".nt.gz", ".nq.gz")
_BATCH: Final = 1 << 16  # statements
_BLANK: Final = "_:"

_HEX: Final = "%[0-9A-Fa-f]{2}"
_CHAR: Final = rf"(?:[A-Za-z0-9._~!$&'()*+,;=@:\x{{A0}}-\x{{D7FF}}-]|{_HEX})"
_PLAIN_IRI: Final = (
    rf"\A[A-Za-z][A-Za-z0-9+.-]*:(?://[A-Za-z0-9.-]*(?:/(?:{_CHAR}|/)*)?|/?(?:{_CHAR}(?:{_CHAR}|/)*)?)"
    rf"(?:\?(?:{_CHAR}|[/?])*)?(?:#(?:{_CHAR}|[/?])*)?\z"
)
_PLAIN_BLANK: Final = r"\A_:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?\z"
_ESCAPED: Final = r'["\\\x00-\x1F\x7F\x{FFFE}\x{FFFF}]'
_NAMED_ESCAPES: Final = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r"}
_CODED: Final = tuple(
    chr(code) for code in (*range(0x20), 0x7F, 0xFFFE, 0xFFFF) if chr(code) not in _NAMED_ESCAPES
)
_ESCAPED_BY_CODE: Final = r"[\x00-\x1F\x7F\x{FFFE}\x{FFFF}]"


def write(kg: GraphColumns, path: PathLike) -> None:
    """Write `kg` as canonical N-Triples; see `KnowledgeGraph.write`."""
    target = Path(path)
    extension = _checked_extension(target)
    compressed = extension.endswith(".gz")
    if kg.graphs is not None and extension.startswith(".nt"):
        raise DataError(
            f"{printable(str(target))}: the graph has named graphs, which N-Triples cannot hold. "
            "Write a file that ends in .nq or .nq.gz, or leave the names out with "
            "without_graphs()."
        )
    check_terms(kg)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            if not compressed:
                _write_lines(kg, file)
                return
            from isal import igzip

            # Without time and name, the same graph gives the same file.
            made = igzip.IGzipFile(filename="", mode="wb", fileobj=file, mtime=0)
            with made as packed:
                _write_lines(kg, packed)


def lines(kg: GraphColumns) -> Iterator[Any]:
    """Yield the statements as lines of N-Triples, in Arrow `large_string` arrays.

    They are ordered by subject, then relation, then object, entities before literals.
    """
    subject = np.concatenate([kg.triples[:, 0], kg.literals.subject]).astype(np.int64)
    relation = np.concatenate([kg.triples[:, 1], kg.literals.relation]).astype(np.int64)
    order = _order(kg, subject, relation)
    graph, ends = np.zeros(len(order), dtype=np.int64), _texts([""])
    if kg.graphs is not None:
        order, graph = _with_graphs(kg.graphs, order, kg.num_triples)
        ends = _texts([_graph_term(name) for name in kg.graphs.names.ids])
    entities, relations = _terms(kg.entities.array), _terms(kg.relations.array)
    for begin in range(0, len(order), _BATCH):
        chosen = order[begin : begin + _BATCH]
        yield _joined(
            entities.take(pa.array(subject[chosen])),
            " ",
            relations.take(pa.array(relation[chosen])),
            " ",
            _objects(kg, entities, chosen),
            ends.take(pa.array(graph[begin : begin + _BATCH])),
            " .\n",
        )


def _order(kg: GraphColumns, subject: IntArray, relation: IntArray) -> IntArray:
    """Return the order of the statements by their ids, triples before literals."""
    if _is_sorted(kg.entities.array) and _is_sorted(kg.relations.array):
        # Both parts are in order already, so that a stable sort merges them.
        return np.argsort(subject * kg.num_relations + relation, kind="stable")
    # An update keeps the old rows, so that ids are not in order any more.
    entity, predicate = _ranks(kg.entities.array), _ranks(kg.relations.array)
    last = np.concatenate(
        # Literals of one subject and relation are in order, and come after entities.
        [entity[kg.triples[:, 2]], kg.num_entities + np.arange(len(kg.literals))]
    )
    return np.lexsort((last, predicate[relation], entity[subject]))


def _with_graphs(
    graphs: NamedGraphs, order: IntArray, num_triples: int
) -> tuple[IntArray, IntArray]:
    """Return the order of the statements, once for each of their graphs, and those graphs."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    row = np.concatenate([graphs.triple[:, 0], num_triples + graphs.literal[:, 0].astype(np.int64)])
    graph = np.concatenate([graphs.triple[:, 1], graphs.literal[:, 1]]).astype(np.int64)
    sorted_ = np.lexsort((_ranks(graphs.names.array)[graph], place[row]))
    return row[sorted_], graph[sorted_]


def _graph_term(name: str) -> str:
    if not name:
        return ""
    return f" {name}" if name.startswith(_BLANK) else f" <{name}>"


def _is_sorted(ids: Any) -> bool:
    return bool(pc.all(pc.less(ids[:-1], ids[1:]), min_count=0).as_py())


def _ranks(ids: Any) -> IntArray:
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[np.asarray(pc.sort_indices(ids), dtype=np.int64)] = np.arange(len(ids))
    return ranks


def escaped(values: Any) -> Any:
    r"""Return texts as they stand between the quotation marks of canonical N-Triples.

    >>> escaped(pa.array(['say "no"\n']))[0].as_py()
    'say \\"no\\"\\n'
    """
    values = values.cast(pa.large_string())
    odd = pc.match_substring_regex(values, _ESCAPED)
    if not pc.any(odd, min_count=0).as_py():
        return values
    texts = values.filter(odd)
    for char, written in (("\\", r"\\"), ('"', r"\""), *_NAMED_ESCAPES.items()):
        texts = pc.replace_substring(texts, char, written)
    if pc.any(pc.match_substring_regex(texts, _ESCAPED_BY_CODE)).as_py():
        for char in _CODED:
            texts = pc.replace_substring(texts, char, f"\\u{ord(char):04X}")
    return pc.replace_with_mask(values, odd, texts)


def _objects(kg: GraphColumns, entities: Any, chosen: IntArray) -> Any:
    """Return the objects of statements as terms; literals are numbered from `num_triples`."""
    is_literal = chosen >= kg.num_triples
    edges = kg.triples[chosen[~is_literal], 2]
    literals = kg.literals.take(chosen[is_literal] - kg.num_triples)
    datatypes = _texts([_datatype(iri) for iri in literals.datatype.dictionary.to_pylist()])
    languages = _texts([tag and f"@{tag}" for tag in literals.language.dictionary.to_pylist()])
    written = _joined(
        '"',
        escaped(literals.value),
        '"',
        datatypes.take(literals.datatype.indices),
        languages.take(literals.language.indices),
    )
    place = np.empty(len(chosen), dtype=np.int64)
    place[~is_literal] = np.arange(len(edges))
    place[is_literal] = len(edges) + np.arange(len(literals))
    terms = pa.concat_arrays([entities.take(pa.array(edges)), written])
    return terms.take(pa.array(place))


def _datatype(iri: str) -> str:
    return "" if iri in (XSD_STRING, RDF_LANG_STRING, RDF_DIR_LANG_STRING) else f"^^<{iri}>"


def _texts(texts: list[str]) -> Any:
    return pa.array(texts, type=pa.large_string())


def _joined(*parts: Any) -> Any:
    """Join arrays of texts, and single texts between them, row by row."""
    parts = tuple(pa.scalar(p, pa.large_string()) if isinstance(p, str) else p for p in parts)
    return pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))


def _terms(ids: Any) -> Any:
    """Return IRIs in their brackets, and blank nodes as they are."""
    return pc.if_else(pc.starts_with(ids, _BLANK), ids, _joined("<", ids, ">"))


def check_terms(kg: GraphColumns) -> None:
    """Make sure that every term is valid, as readers of a file will check it.

    Raises:
        DataError: An id is no absolute IRI, or a language is no tag.
    """
    literals = kg.literals
    used = pc.unique(literals.datatype).cast(pa.large_string())
    for name, iris, blank_allowed in (
        ("entity", kg.entities.array.filter(pa.array(kg.mentioned())), True),
        ("relation", kg.relations.array.filter(pa.array(kg.relation_counts().any(axis=1))), False),
        ("datatype", used, False),
        ("graph", _texts([]) if kg.graphs is None else _texts(_named(kg.graphs)), True),
    ):
        wrong = _unwritable(iris, blank_allowed)
        if wrong:
            nodes = " and blank nodes" if blank_allowed else ""
            raise DataError(
                f"The graph cannot be written as RDF: {len(wrong)} of {len(iris)} {name} ids "
                f"(the first is {printable(wrong[0])!r}) are not absolute IRIs (RFC 3987), and "
                f"only such IRIs{nodes} are valid there. Give the ids a prefix such as 'http://…/' "
                "or 'urn:…:' before you make the graph."
            )
    for tag in pc.unique(literals.language).to_pylist():
        if tag and not _is_read(f'<a:a> <a:a> "a"@{tag} .'):
            raise DataError(
                f"The graph cannot be written as RDF: {printable(tag)!r} is not a language "
                "tag (BCP 47)."
            )


def _named(graphs: NamedGraphs) -> list[str]:
    return [name for name in graphs.names.ids if name]


def _unwritable(ids: Any, blank_allowed: bool) -> list[str]:
    """Return the ids that a parser of N-Triples would refuse."""
    plain = pc.match_substring_regex(ids, _PLAIN_IRI)
    if blank_allowed:
        plain = pc.or_(plain, pc.match_substring_regex(ids, _PLAIN_BLANK))
    unusual = ids.filter(pc.invert(plain)).to_pylist()
    return [id for id in unusual if not _is_written(id, blank_allowed)]


def _is_written(id: str, blank_allowed: bool) -> bool:
    if not id.startswith(_BLANK):
        return _is_read(f"<a:a> <{id}> <a:a> .")
    return blank_allowed and _is_read(f"{id} <a:a> <a:a> .")


def _is_read(line: str) -> bool:
    """Return whether a parser reads a line as one statement and writes it as the same line."""
    try:
        read = list(pyoxigraph.parse(line.encode(), format=pyoxigraph.RdfFormat.N_TRIPLES))
    except SyntaxError:
        return False
    return len(read) == 1 and f"{read[0].triple} ." == line


def _write_lines(kg: GraphColumns, file: Any) -> None:
    for batch in lines(kg):
        # The array's memory holds the text of all lines in one piece.
        _, offsets, text = batch.buffers()
        first, last = np.frombuffer(offsets, dtype=np.int64)[
            [batch.offset, batch.offset + len(batch)]
        ]
        file.write(memoryview(text)[first:last])


def _checked_extension(target: Path) -> str:
    name = target.name.lower()
    for extension in _EXTENSIONS:
        if name.endswith(extension):
            return extension
    raise DataError(
        f"{printable(str(target))}: a graph is written to a file that ends in "
        f"{', '.join(_EXTENSIONS[:-1])} or {_EXTENSIONS[-1]}."
    )
