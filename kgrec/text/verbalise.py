"""Entities and table rows as text for a language model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kgrec.errors import ConfigError, DataError, did_you_mean
from kgrec.kg.labels import language_rank, own_relations
from kgrec.rdf.namespaces import DESCRIPTION_RELATIONS, LABEL_RELATIONS, RDF_TYPE
from kgrec.types import BoolArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

    from kgrec.kg.graph import KnowledgeGraph
    from kgrec.rdf.literals import Literals


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
    label_relations: Sequence[str] = LABEL_RELATIONS,
    description_relations: Sequence[str] = DESCRIPTION_RELATIONS,
) -> list[str]:
    """Write entities as text: "Heat (Film). A crime drama. Director: Michael Mann. Year: 1995."

    First the label, the types and the description, then each relation with the labels of its
    values. Relations are in the order of `relations` or else of their IRIs; values in the order of
    their text. A relation's name is its label in the graph or else from its IRI. Control
    characters, direction marks and runs of white space become one blank.

    Args:
        kg: The graph.
        rows: Entity rows, int array of shape (k,); None is all.
        languages: Language tags, best first; "" is a literal without one. If a relation has texts
            in several languages, only those in the best one and those without a tag are used.
            Texts in another language are used only where there are no others.
        relations: IRIs of the relations to include. None is all except labels, descriptions and
            `rdf:type`, which have their own place.
        max_values: Most values of one relation; the others are left out, as a language model reads
            only the beginning.
        description: Whether the description is part of the text.
        label_relations: IRIs of the properties that give names, best first.
        description_relations: IRIs of the properties that give descriptions, best first.

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
    names = _Names(kg, tuple(languages), tuple(label_relations), tuple(description_relations))
    texts = [
        _head(label, kind)
        for label, kind in zip(names.labels(chosen), _type_words(names, chosen), strict=True)
    ]
    if description:
        for number, found in enumerate(names.descriptions(chosen)):
            if found:
                texts[number] += f" {_sentence(found)}"
    order = _relation_rows(names, relations)
    statements = _statements(names, chosen, order) if max_values else _NO_STATEMENTS
    _append_attributes(texts, statements, names.relations(), max_values)
    return [texts[number] for number in place.tolist()]


def verbalise_table(
    frame: pd.DataFrame, id: str, columns: Sequence[str] | None = None, *, separator: str = "|"
) -> list[str]:
    """Write the rows of a table as text: "Toy Story (1995). Genres: Animation, Comedy."

    The first column of text is the row's name, written without the name of the column; if it is
    empty, the row's id is used instead.

    Args:
        frame: One item per row.
        id: Name of the column of ids.
        columns: The columns to include, the name first; None is all except `id`.
        separator: What separates several values in one cell.

    Returns:
        One text per row, none of them empty.

    Raises:
        DataError: A column is missing.

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
    """Return the words of an identifier, in lower case except abbreviations.

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


@dataclass(frozen=True, eq=False)
class _Names:
    """Names of a graph's parts, by the settings of one call."""

    kg: KnowledgeGraph
    languages: tuple[str, ...]
    label_relations: tuple[str, ...]
    description_relations: tuple[str, ...]

    def labels(self, rows: npt.NDArray[Any]) -> list[str]:
        return _clean_all(self.kg.labels(rows, self.languages, self.label_relations))

    def descriptions(self, rows: npt.NDArray[Any]) -> list[str]:
        return _clean_all(self.kg.descriptions(rows, self.languages, self.description_relations))

    def relations(self) -> list[str]:
        labels = self.kg.relation_labels(self.languages, self.label_relations)
        return [_capital(clean(label)) for label in labels]


def _relation_rows(names: _Names, relations: Sequence[str] | None) -> IntArray:
    """Return the rows of the relations to include, in order."""
    kg = names.kg
    if relations is None:
        of_names = own_relations(names.label_relations + names.description_relations)
        own = [RDF_TYPE, *of_names]
        by_iri = np.asarray(pc.sort_indices(kg.relations.array), dtype=np.int64)
        return by_iri[~np.isin(by_iri, kg.relations.rows(own, missing="-1"))]
    rows = kg.relations.rows(relations, missing="-1")
    for relation, row in zip(relations, rows, strict=True):
        if row < 0:
            raise ConfigError(
                f"relations: the graph has no relation {relation!r}."
                + did_you_mean(relation, kg.relations.ids)
            )
    return rows


def _type_words(names: _Names, chosen: IntArray) -> list[str]:
    """Return the types of each chosen entity as text, "" for none."""
    subject, kind = names.kg.types()
    number = _places(names.kg, chosen)[subject]
    number, kind = number[number >= 0], kind[number >= 0]
    of_entity: list[set[str]] = [set() for _ in range(len(chosen))]
    kinds, place = np.unique(kind, return_inverse=True)
    words = [
        words_of(text) if text.isascii() and " " not in text else text
        for text in names.labels(kinds)
    ]
    for entity, which in zip(number.tolist(), place.tolist(), strict=True):
        of_entity[entity].add(_capital(words[which]))
    return [", ".join(sorted(found)) for found in of_entity]


_Statements = tuple[IntArray, IntArray, IntArray, list[str]]
_NO_STATEMENTS: _Statements = (
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    [],
)


def _statements(names: _Names, chosen: IntArray, order: IntArray) -> _Statements:
    """Return each statement's entity, the rank and row of its relation, and its value."""
    kg = names.kg
    rank = np.full(kg.num_relations, -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    places = _places(kg, chosen)
    triples = kg.triples[(places[kg.triples[:, 0]] >= 0) & (rank[kg.triples[:, 1]] >= 0)]
    objects, which = np.unique(triples[:, 2], return_inverse=True)
    labels = np.array([*names.labels(objects), ""], dtype=object)[which]
    literals = kg.literals
    kept = np.flatnonzero((places[literals.subject] >= 0) & (rank[literals.relation] >= 0))
    kept = kept[_spoken(literals, kept, names.languages)]
    values = literals.value.take(pa.array(kept)).to_pylist()
    entity = np.concatenate([places[triples[:, 0]], places[literals.subject[kept]]])
    relation = np.concatenate([triples[:, 1], literals.relation[kept]]).astype(np.int64)
    return entity, rank[relation], relation, [*labels, *(clean(v[:_MAX_CHARS]) for v in values)]


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


def _places(kg: KnowledgeGraph, chosen: IntArray) -> IntArray:
    places = np.full(kg.num_entities, -1, dtype=np.int64)
    places[chosen] = np.arange(len(chosen))
    return places


def _spoken(literals: Literals, rows: IntArray, languages: Sequence[str]) -> BoolArray:
    """Return which of the literals at `rows` are included, bool of shape (len(rows),).

    These are all literals without a tag, and those in the best language that the subject has for
    the relation: a wanted one, or, if there is no literal without a tag either, the one that most
    literals of the graph have.
    """
    tags = literals.language.dictionary.to_pylist()
    unwanted = 2 * len(languages)
    used = np.bincount(np.asarray(literals.language.indices), minlength=len(tags))
    common = np.argsort(np.argsort(-used, kind="stable"), kind="stable")
    ranks = [language_rank(tag, languages) if tag else -1 for tag in tags]
    place = np.array([rank + (rank == unwanted) * common[n] for n, rank in enumerate(ranks)])
    of_row = place[np.asarray(literals.language.indices)[rows]]
    pair = literals.subject[rows].astype(np.int64) << 32 | literals.relation[rows]
    which = np.unique(pair, return_inverse=True)[1]
    best = np.full(len(rows), unwanted + len(tags))
    untagged = of_row < 0
    np.minimum.at(best, which, np.where(untagged, unwanted - 1, of_row))
    spoken: BoolArray = untagged | (of_row == best[which])
    return spoken


def other_languages(
    kg: KnowledgeGraph, rows: npt.ArrayLike, languages: Sequence[str]
) -> dict[str, int]:
    """Count the texts of entities that are not used because of their language.

    Args:
        kg: The graph.
        rows: Entity rows, int array of shape (k,).
        languages: The wanted languages.

    Returns:
        The number of texts by language, most first. A text that is used, because there is none in
        a wanted language, is not counted, nor is a language with fewer texts than a quarter of
        those in use: names of single things in their own language are no loss.
    """
    literals = kg.literals
    chosen = np.zeros(kg.num_entities, dtype=bool)
    chosen[np.asarray(rows, dtype=np.int64)] = True
    kept = np.flatnonzero(chosen[literals.subject])
    used = _spoken(literals, kept, languages)
    tags = literals.language.dictionary.to_pylist()
    tag = np.asarray(literals.language.indices)[kept]
    counts = np.bincount(tag[~used], minlength=len(tags))
    tagged = np.array([bool(name) for name in tags])
    least = max(1.0, float(tagged[tag[used]].sum()) / 4)
    unwanted = [n for n in np.argsort(-counts, kind="stable").tolist() if counts[n] >= least]
    last = 2 * len(languages)
    return {tags[n]: int(counts[n]) for n in unwanted if language_rank(tags[n], languages) == last}


def _cells(column: pd.Series[Any], separator: str) -> list[str]:
    """Return each cell as text, "" for a missing one; 1995.0 is 1995."""
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
