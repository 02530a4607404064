"""Entities and table rows in words, as a language model reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.errors import ConfigError, DataError, did_you_mean
from kgrec.kg.namespaces import DESCRIPTION_RELATIONS, LABEL_RELATIONS, RDF_TYPE

if TYPE_CHECKING:
    import pandas as pd

    from kgrec.kg.graph import KnowledgeGraph

RowArray = npt.NDArray[np.int64]

_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_MAX_CHARS = 1000  # of one attribute's value: a label or a number, not another description


def verbalise(
    kg: KnowledgeGraph,
    rows: npt.ArrayLike | None = None,
    *,
    languages: Sequence[str] = ("en", ""),
    relations: Sequence[str] | None = None,
    max_values: int = 8,
    description: bool = True,
) -> list[str]:
    """Write entities as text: "Heat (Film). A crime drama. Director: Michael Mann. Year: 1995."

    Label, types, description, then each relation with its values' labels. Relations stand in the
    order of `relations`, or else of their IRIs; values in the order of their text. What a relation
    is called comes from the graph, or else from its IRI. Control characters, direction marks and
    runs of white space become one blank.

    Args:
        kg: The graph.
        rows: Entity rows, int array of shape (k,); None is all.
        languages: Language tags, best first; "" is a literal without one. A literal in another
            language is left out, unless it is the only label or description.
        relations: IRIs of the relations to put in words. None takes all of them but labels,
            descriptions and `rdf:type`, which have a place of their own.
        max_values: Values of one relation at most; further ones are left out, since a language
            model reads only the beginning.
        description: Whether the description is part of the text.

    Returns:
        k texts, none of them empty.

    Raises:
        ConfigError: `relations` names one that the graph does not have, or `max_values` is
            negative.

    >>> from kgrec.kg.graph import KnowledgeGraph
    >>> kg = KnowledgeGraph.from_triples(
    ...     [("ex:Heat", "ex:leadActor", f"ex:{name}") for name in ("De_Niro", "Al_Pacino")],
    ...     literals=[("ex:Heat", "ex:year", "1995", "", "")],
    ... )
    >>> verbalise(kg, kg.entities.rows(["ex:Heat"]))
    ['Heat. Lead actor: Al Pacino, De Niro. Year: 1995.']
    """
    if max_values < 0:
        raise ConfigError(f"max_values: expected 0 or more, found {max_values}.")
    wanted = np.arange(kg.num_entities) if rows is None else np.asarray(rows, dtype=np.int64)
    chosen, place = np.unique(wanted, return_inverse=True)
    labels = _clean_all(kg.labels(chosen, languages))
    texts = [
        _head(label, kind)
        for label, kind in zip(labels, _type_words(kg, chosen, languages), strict=True)
    ]
    if description:
        for number, found in enumerate(_clean_all(kg.descriptions(chosen, languages))):
            if found:
                texts[number] += f" {_sentence(found)}"
    order = _relation_rows(kg, relations)
    statements = _statements(kg, chosen, order, languages) if max_values else _NO_STATEMENTS
    _append_attributes(texts, statements, _relation_names(kg, languages), max_values)
    return [texts[number] for number in place.tolist()]


def verbalise_table(
    frame: pd.DataFrame, id: str, columns: Sequence[str] | None = None, *, separator: str = "|"
) -> list[str]:
    """Write the rows of a table as text: "Toy Story (1995). Genres: Animation, Comedy."

    The first column that holds text is the row's name and stands without the column's; where
    it has none, the row's id takes its place.

    Args:
        frame: One item per row.
        id: Name of the column of ids.
        columns: The columns to put in words, the name first; None is all but `id`.
        separator: What separates several values in one cell.

    Returns:
        One text per row, none of them empty.

    Raises:
        DataError: A column is not there.

    >>> import pandas as pd
    >>> items = {"id": [7], "title": ["Heat (1995)"], "genres": ["Action|Crime"], "minutes": [170]}
    >>> verbalise_table(pd.DataFrame(items), "id")
    ['Heat (1995). Genres: Action, Crime. Minutes: 170.']
    """
    known = [str(name) for name in frame.columns]
    used = [name for name in known if name != id] if columns is None else list(columns)
    for name in (id, *used):
        if name not in known:
            raise DataError(f"The table has no column {name!r}." + did_you_mean(name, known))
    cells = {name: _cells(frame[name], separator) for name in used}
    ids = _clean_all(str(value) for value in frame[id])
    first = next((name for name in used if _is_text(frame[name])), None)
    texts = []
    for row, identity in enumerate(ids):
        name = cells[first][row] if first is not None else ""
        parts = [_sentence(name or identity or "?")]
        parts += [
            f"{_capital(words_of(column))}: {_sentence(cells[column][row])}"
            for column in used
            if column != first and cells[column][row]
        ]
        texts.append(" ".join(parts))
    return texts


def words_of(name: str) -> str:
    """Return the words of an identifier, in lower case but for abbreviations.

    >>> words_of("originalWork"), words_of("release_year"), words_of("IMDbID"), words_of("isbn-13")
    ('original work', 'release year', 'IMDb ID', 'isbn 13')
    """
    spaced = re.sub(r"[_\-\s]+", " ", name)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", " ", spaced)
    words = (w if len(w) > 1 and w[1:] != w[1:].lower() else w.lower() for w in spaced.split())
    return " ".join(words)


def clean(text: str) -> str:
    r"""Return `text` with control characters and runs of white space as one blank each.

    >>> clean("two\n\n lines\x1b[2J\u200b ")
    'two lines [2J'
    """
    return _BLANK.sub(" ", text).strip()


def _clean_all(texts: Any) -> list[str]:
    return [clean(text) for text in texts]


def _head(label: str, kind: str) -> str:
    return _sentence(f"{label} ({kind})" if kind else label or "?")


def _sentence(text: str) -> str:
    return text if text.endswith(_SENTENCE_ENDS) else text + "."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _relation_names(kg: KnowledgeGraph, languages: Sequence[str]) -> list[str]:
    return [_capital(clean(label)) for label in kg.relation_labels(languages)]


def _relation_rows(kg: KnowledgeGraph, relations: Sequence[str] | None) -> RowArray:
    """Return the relations to put in words, in order."""
    if relations is None:
        own = kg.relations.rows([RDF_TYPE, *LABEL_RELATIONS, *DESCRIPTION_RELATIONS], missing="-1")
        by_iri = np.asarray(pc.sort_indices(kg.relations.array), dtype=np.int64)
        return by_iri[~np.isin(by_iri, own)]
    rows = kg.relations.rows(relations, missing="-1")
    for relation, row in zip(relations, rows, strict=True):
        if row < 0:
            raise ConfigError(
                f"relations: the graph has no relation {relation!r}."
                + did_you_mean(relation, kg.relations.ids)
            )
    return rows


def _type_words(kg: KnowledgeGraph, chosen: RowArray, languages: Sequence[str]) -> list[str]:
    """Return the types of each chosen entity in words, "" for none."""
    subject, kind = kg.types()
    number = _places(kg, chosen)[subject]
    number, kind = number[number >= 0], kind[number >= 0]
    names: list[set[str]] = [set() for _ in range(len(chosen))]
    kinds, place = np.unique(kind, return_inverse=True)
    words = [
        words_of(text) if text.isascii() and " " not in text else text
        for text in _clean_all(kg.labels(kinds, languages))
    ]
    for entity, which in zip(number.tolist(), place.tolist(), strict=True):
        names[entity].add(_capital(words[which]))
    return [", ".join(sorted(found)) for found in names]


_Statements = tuple[RowArray, RowArray, RowArray, list[str]]
_NO_STATEMENTS: _Statements = (
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    [],
)


def _statements(
    kg: KnowledgeGraph, chosen: RowArray, order: RowArray, languages: Sequence[str]
) -> _Statements:
    """Return number of the entity, rank and row of the relation, and value, of each statement."""
    rank = np.full(kg.num_relations, -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    places = _places(kg, chosen)
    triples = kg.triples[(places[kg.triples[:, 0]] >= 0) & (rank[kg.triples[:, 1]] >= 0)]
    objects, which = np.unique(triples[:, 2], return_inverse=True)
    names = np.array([*_clean_all(kg.labels(objects, languages)), ""], dtype=object)[which]
    literals = kg.literals
    kept = np.flatnonzero(
        (places[literals.subject] >= 0)
        & (rank[literals.relation] >= 0)
        & _spoken(literals.language, languages)
    )
    values = literals.value.take(pa.array(kept)).to_pylist()
    entity = np.concatenate([places[triples[:, 0]], places[literals.subject[kept]]])
    relation = np.concatenate([triples[:, 1], literals.relation[kept]]).astype(np.int64)
    return entity, rank[relation], relation, [*names, *(clean(v[:_MAX_CHARS]) for v in values)]


def _append_attributes(
    texts: list[str], statements: _Statements, names: list[str], max_values: int
) -> None:
    """Append "Relation: value, value." to the texts, statement by statement in order."""
    entity, rank, relation, values = statements
    order = sorted(range(len(values)), key=lambda n: (entity[n], rank[n], values[n]))
    at, found = (-1, -1), list[str]()
    relation_at = 0

    def close() -> None:
        if found:
            texts[at[0]] += f" {names[relation_at]}: {_sentence(', '.join(found))}"

    for number in order:
        here = (int(entity[number]), int(rank[number]))
        if here != at:
            close()
            at, relation_at, found = here, int(relation[number]), []
        value = values[number]
        if value and len(found) < max_values and (not found or found[-1] != value):
            found.append(value)
    close()


def _places(kg: KnowledgeGraph, chosen: RowArray) -> RowArray:
    places = np.full(kg.num_entities, -1, dtype=np.int64)
    places[chosen] = np.arange(len(chosen))
    return places


def _spoken(tags: Any, languages: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which language tags are wanted; a literal without a tag always is."""
    wanted = {language.lower() for language in languages}
    good = [
        tag == "" or tag in wanted or tag.split("-")[0] in wanted
        for tag in tags.dictionary.to_pylist()
    ]
    spoken: npt.NDArray[np.bool_] = np.array([*good, False], dtype=bool)[np.asarray(tags.indices)]
    return spoken


def _cells(column: pd.Series[Any], separator: str) -> list[str]:
    """Return each cell in words, "" for a missing one; 1995.0 is 1995."""
    texts = []
    for value in column.tolist():
        if value is None or value != value or str(value) in ("<NA>", "NaT"):
            texts.append("")
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = str(value)
        parts = text.split(separator) if separator else [text]
        texts.append(", ".join(part for part in map(clean, parts) if part))
    return texts


def _is_text(column: pd.Series[Any]) -> bool:
    return any(isinstance(value, str) for value in column.head(100))
