"""The knowledge graph: entities, relations, triples and literals as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError, UnknownIdError
from kgrec.kg import exchange, networks, storage
from kgrec.kg import labels as names
from kgrec.kg import updates as changes
from kgrec.rdf import reading, writing
from kgrec.rdf.jsonld import Loader
from kgrec.rdf.literals import Literals
from kgrec.rdf.named_graphs import NamedGraphs
from kgrec.rdf.namespaces import DESCRIPTION_RELATIONS, LABEL_RELATIONS, RDF_TYPE
from kgrec.rdf.reading import FileReport, PathLike, ReadReport
from kgrec.rdf.settings import ReadConfig, ReadSettings, make_read_config
from kgrec.rdf.statements import LiteralTable, Statements, assemble, statements
from kgrec.types import BoolArray, IntArray, RowArray

if TYPE_CHECKING:
    import networkx
    import pandas as pd
    import pyoxigraph
    import rdflib

    from kgrec.kg.profile.statistics import GraphStatistics
    from kgrec.kg.tables.mapping import MappedTable, TableMapping
    from kgrec.linking import Links
    from kgrec.sparql.settings import SparqlConfig

Triple = tuple[str, str, str]
LiteralStatement = tuple[str, str, str, str | None, str | None]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class KnowledgeGraph:
    """An RDF graph with its terms numbered. Equality is `equals`.

    Attributes:
        entities: Every IRI and blank node that is a subject or an object. Blank nodes are named
            "_:file0_b0" and so on: numbered by their first appearance in their file.
        relations: Every predicate, of statements between entities and of literals.
        triples: Distinct statements between entities, int32 of shape (n, 3): subject, relation
            and object rows, sorted by these columns.
        literals: Distinct statements whose object is a literal.
        report: What was read, and what was left out.
        graphs: Which named graphs hold which statements; None: all are in the default graph.

    >>> kg = KnowledgeGraph.from_triples(
    ...     [("ex:Heat", "ex:director", "ex:Mann")],
    ...     literals=[("ex:Heat", "ex:year", "1995", "", "")],
    ... )
    >>> kg.num_entities, kg.num_relations, kg.num_triples, len(kg.literals)
    (2, 2, 1, 1)
    >>> kg.labels()
    ['Heat', 'Mann']
    """

    entities: Vocabulary
    relations: Vocabulary
    triples: RowArray
    literals: Literals
    report: ReadReport = field(default_factory=ReadReport)
    graphs: NamedGraphs | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def num_entities(self) -> int:
        """Number of entities."""
        return len(self.entities)

    @property
    def num_relations(self) -> int:
        """Number of relations, of triples and of literals together."""
        return len(self.relations)

    @property
    def num_triples(self) -> int:
        """Number of distinct statements between entities; `len(literals)` counts the others."""
        return len(self.triples)

    # ------------------------------------------------------------------ in

    @classmethod
    def read(
        cls,
        source: Any,
        *,
        config: ReadConfig | None = None,
        loader: Loader | None = None,
        **settings: Unpack[ReadSettings],
    ) -> Self:
        """Read RDF into one graph: N-Triples, N-Quads, Turtle, TriG, RDF/XML and JSON-LD.

        Blank nodes of different files are different nodes. Nothing is loaded from a network, and
        nothing in a file names another that is read.

        Args:
            source: A file (`.nt .nq .ttl .trig .rdf .owl .xml .jsonld .json`, each also with `.gz`,
                `.bz2` or `.zst`), a folder of such files, a pattern such as `dump/*.nt.gz`, a
                binary or text file object, an `rdflib.Graph` or `Dataset`, a `pyoxigraph.Store` or
                `Dataset`, or a list of them.
            config: Settings.
            loader: Returns the document of a remote context's IRI, for JSON-LD; without it, remote
                contexts are refused.
            **settings: Single settings in place of those of `config`, such as `format="ttl"`,
                `base_iri=…`, `graphs=[…]` or `on_error="skip"`; see `ReadConfig`.

        Returns:
            The graph. That of valid files without a statement is empty, and its report says so.

        Raises:
            DataError: A file is missing, damaged, too large or not valid (the message names file,
                line, column and reason), or its format is unknown.
            ConfigError: A setting is unknown, or has a value that it cannot have.
        """
        read = reading.read_all(source, make_read_config(config, settings), loader)
        made = cls._assembled(read.batches, read.files, read.skipped, may_be_empty=True)
        report = replace(
            made.report, rejected=read.rejected, rejects=read.rejects, notes=read.notes
        )
        return replace(made, report=report)

    @classmethod
    def from_triples(
        cls, triples: Iterable[Triple] = (), literals: Iterable[LiteralStatement] = ()
    ) -> Self:
        """Return the graph of statements given as strings.

        Args:
            triples: (subject, predicate, object) of the statements between entities. Ids need
                not be IRIs; those that start with "_:" are blank nodes.
            literals: (subject, predicate, value, datatype, language). An empty or missing datatype
                means `xsd:string`, or `rdf:langString` if there is a language.

        Raises:
            DataError: An id is missing or empty, something is not a string, or there is no
                statement.
        """
        return cls._collected(triples, literals, "from_triples")

    @classmethod
    def from_pandas(
        cls, frame: pd.DataFrame, head: str = "head", relation: str = "relation", tail: str = "tail"
    ) -> Self:
        """Return the graph of a table with one statement per row, as `to_pandas` gives it.

        Args:
            frame: The table. If it has the columns `datatype` and `language`, a row with either of
                them holds a literal. The column `graph`, if there is one, names the graph of a
                row; missing or "" is the default graph.
            head: Name of the column of subjects.
            relation: Name of the column of predicates.
            tail: Name of the column of objects.

        Raises:
            DataError: A column is missing, a value is missing, or there is no row.
        """
        batch = exchange.frame_statements(frame, head, relation, tail)
        return cls._assembled([batch], [FileReport("from_pandas", "table", len(batch))])

    @classmethod
    def from_table(
        cls,
        table: str | Path | pd.DataFrame | pa.Table | MappedTable,
        mapping: TableMapping | Mapping[str, Any] | str | Path | None = None,
    ) -> Self:
        """Return the graph of a table with an entity per row, by a mapping of its columns.

        Args:
            table: A CSV, TSV, Parquet or JSON Lines file, a frame, an Arrow table, or what
                `kgrec.map_table` made of one.
            mapping: Which column is the id, and which become relations or literals; an object,
                plain values, or a YAML file. None: chosen by `kgrec.suggest_mapping`. What was
                chosen, and what became of each column, stands in `report.notes`.

        Raises:
            DataError: The table cannot be read, or lacks a column or an id.
            ConfigError: The mapping is wrong.
        """
        from kgrec.kg.tables.mapping import MappedTable, map_table

        mapped = table if isinstance(table, MappedTable) else map_table(table, mapping)
        files = [FileReport(mapped.name, "table", len(mapped.statements))]
        made = cls._assembled([mapped.statements], files)
        return replace(made, report=replace(made.report, notes=mapped.notes))

    @classmethod
    def from_rdflib(cls, graph: rdflib.Graph, graphs: Sequence[str] | None = None) -> Self:
        """Return the graph that an `rdflib.Graph` or `Dataset` holds, literals as they are written.

        Args:
            graph: The graph.
            graphs: IRIs of the named graphs to take, "" for the default graph; None is all.

        Raises:
            DataError: The graph holds terms that RDF does not allow.
        """
        return cls.read(graph, graphs=None if graphs is None else list(graphs))

    @classmethod
    def from_store(
        cls,
        store: pyoxigraph.Store | pyoxigraph.Dataset,
        graphs: Sequence[str] | None = None,
    ) -> Self:
        """Return the graph that a `pyoxigraph.Store` or `Dataset` holds.

        Args:
            store: The store.
            graphs: IRIs of the named graphs to take, "" for the default graph; None is all.

        Raises:
            DataError: The store holds triple terms (RDF 1.2).
        """
        return cls.read(store, graphs=None if graphs is None else list(graphs))

    @staticmethod
    def from_sparql(
        endpoint: str | SparqlConfig,
        ids: Iterable[str],
        *,
        property: str | Sequence[str] | None = None,
        hops: int = 1,
        relations: Sequence[str] | None = None,
        **options: Any,
    ) -> KnowledgeGraph:
        """Fetch the graph around items from a SPARQL endpoint, such as Wikidata's.

        `kgrec.fetch_graph` takes the same, is documented in full, and also returns which id is
        which entity and a report. Here, what was left out is a warning.
        """
        from kgrec.sparql.fetch import fetch_with_warning

        options |= {"property": property, "hops": hops, "relations": relations}
        return fetch_with_warning(endpoint, ids, **options).kg

    @classmethod
    def from_networkx(cls, graph: networkx.MultiDiGraph[Any]) -> Self:
        """Return the graph of what `to_networkx` gives: edge keys are relations.

        A node without edges and without the attribute `literals` states nothing, and is no entity.

        Raises:
            DataError: The graph is empty, undirected or without keys, or its parts are no text.
        """
        batch = networks.networkx_statements(graph)
        return cls._assembled([batch], [FileReport("from_networkx", "memory", len(batch))])

    @classmethod
    def _collected(cls, triples: Iterable[Any], literals: Iterable[Any], name: str) -> Self:
        edges = exchange.tuple_columns(triples, 3, "triples")
        values = exchange.tuple_columns(literals, 5, "literals")
        batch = statements((edges[0], edges[1], edges[2]), tuple(values))
        return cls._assembled([batch], [FileReport(name, "memory", len(batch))])

    @classmethod
    def _assembled(
        cls,
        batches: Sequence[Statements],
        files: Sequence[FileReport],
        skipped: Sequence[str] = (),
        *,
        may_be_empty: bool = False,
    ) -> Self:
        if not may_be_empty and not any(len(batch) for batch in batches):
            shown = ", ".join(file.path for file in files[:3])
            raise DataError(f"The graph is empty: no statement was found in {shown}.")
        parts = assemble(batches)
        report = ReadReport(
            files=tuple(files),
            statements=sum(len(batch) for batch in batches),
            triples=len(parts.triples),
            literals=len(parts.literal_subject),
            duplicates=parts.duplicates,
            skipped=tuple(skipped),
        )
        table: LiteralTable = parts.literals
        literals = Literals(
            parts.literal_subject,
            parts.literal_relation,
            table.value,
            table.datatype,
            table.language,
        )
        return cls(parts.entities, parts.relations, parts.triples, literals, report, parts.graphs)

    # ------------------------------------------------------------------ changed

    def update(
        self,
        added: KnowledgeGraph | Iterable[Triple | LiteralStatement] = (),
        removed: KnowledgeGraph | Iterable[Triple | LiteralStatement] = (),
        *,
        missing: changes.Missing = "ignore",
    ) -> Self:
        """Return this graph without the statements `removed`, and with those `added`.

        Rows of entities and relations stay: new ones come behind, and an entity of which no
        statement is left keeps its row. So links to the old graph hold in the new one, which
        shares all columns that do not change. `report.updates[-1]` counts what changed.

        Args:
            added: A graph, whose blank nodes are new ones (they get another name where this graph
                has it too), or statements as `from_triples` takes them: three strings, or five
                for a literal. Blank nodes in these are this graph's own.
            removed: Likewise, but blank nodes always are this graph's own. A statement that is
                to be added as well stays.
            missing: What becomes of a statement to remove that is not there: "ignore" counts it.

        Raises:
            DataError: A statement is malformed, or one to remove is not there and `missing` is
                "raise".
            ConfigError: `missing` is something else.

        >>> kg = KnowledgeGraph.from_triples([("ex:Heat", "ex:director", "ex:Mann")])
        >>> new = kg.update(added=[("ex:Ali", "ex:director", "ex:Mann")])
        >>> new.entities.ids, new.report.updates[-1].added
        (['ex:Heat', 'ex:Mann', 'ex:Ali'], 1)
        """
        given = [
            part if isinstance(part, KnowledgeGraph) else self._stated(part, name)
            for part, name in ((added, "added"), (removed, "removed"))
        ]
        own = not isinstance(added, KnowledgeGraph)
        parts = changes.updated(self, given[0], given[1], missing=missing, own_blank_nodes=own)
        report = replace(self.report, updates=(*self.report.updates, parts.report))
        return replace(
            self,
            entities=parts.entities,
            relations=parts.relations,
            triples=parts.triples,
            literals=parts.literals,
            report=report,
        )

    @classmethod
    def _stated(
        cls, statements: Iterable[Triple | LiteralStatement], name: str
    ) -> KnowledgeGraph | None:
        triples, literals = exchange.split_statements(statements, name)
        return cls.from_triples(triples, literals) if triples or literals else None

    # ------------------------------------------------------------------ part

    def select_graphs(self, names: str | Iterable[str]) -> Self:
        """Return the graph of the statements that stand in some of the named graphs.

        Args:
            names: IRIs of graphs, "" for the default graph.

        Raises:
            UnknownIdError: There is no graph of a name.
        """
        wanted = [names] if isinstance(names, str) else list(names)
        if self.graphs is None:
            if wanted == [""]:
                return self
            raise UnknownIdError(
                "The graph has no named graphs: all of its statements are in the default graph, "
                "whose name is ''."
            )
        masks = self.graphs.statements_in(wanted, self.num_triples, len(self.literals))
        return self._restricted(*masks)

    def without_graphs(self) -> Self:
        """Return the same statements without the names of graphs, as of one default graph."""
        return replace(self, graphs=None)

    def _restricted(self, triples: BoolArray, literals: BoolArray) -> Self:
        """Return the graph of some of the statements, and of the terms in them."""
        edges, values = self.triples[triples], self.literals.take(np.flatnonzero(literals))
        used = np.union1d(edges[:, [0, 2]].ravel(), values.subject)
        relations = np.union1d(edges[:, 1], values.relation)
        entity = np.zeros(self.num_entities, dtype=np.int32)
        entity[used] = np.arange(len(used))
        relation = np.zeros(self.num_relations, dtype=np.int32)
        relation[relations] = np.arange(len(relations))
        # Rows keep their order, so that sorted triples and literals stay sorted.
        rows = np.column_stack([entity[edges[:, 0]], relation[edges[:, 1]], entity[edges[:, 2]]])
        return replace(
            self,
            entities=self.entities.restricted(used),
            relations=self.relations.restricted(relations),
            triples=rows,
            literals=replace(
                values, subject=entity[values.subject], relation=relation[values.relation]
            ),
            graphs=None if self.graphs is None else self.graphs.restricted(triples, literals),
        )

    # ------------------------------------------------------------------ out

    def to_rdflib(self) -> rdflib.Graph:
        """Return the graph as an `rdflib.Graph`, literals exactly in their lexical form.

        A graph with named graphs becomes an `rdflib.Dataset`.

        Raises:
            DataError: A literal has a base direction (RDF 1.2), which rdflib does not know.
        """
        return exchange.to_rdflib(self)

    def to_pandas(self, literals: bool = False) -> pd.DataFrame:
        """Return the statements as text.

        Args:
            literals: Whether to append the statements with literals, with the columns `datatype`
                and `language`, which are missing for entities. `from_pandas` takes both back.

        Returns:
            A table with the columns head, relation, tail, and graph if there are named graphs:
            a statement has a row for each graph that it stands in.
        """
        return exchange.to_pandas(self, literals)

    def to_networkx(
        self,
        entities: Iterable[str | int] | None = None,
        hops: int = 1,
        max_nodes: int | None = None,
    ) -> networkx.MultiDiGraph[str]:
        """Return the graph, or the neighborhood of some entities, for networkx.

        Args:
            entities: Ids or rows of the entities to start from; None is the whole graph.
            hops: How many edges, in either direction, the neighborhood reaches.
            max_nodes: Stop when this many nodes are reached, nearest first.

        Returns:
            Nodes are entity ids with `label`, `row`, `hop` (None for the whole graph) and
            `literals`, a list of (relation, value, datatype, language). Edges are keyed by
            relation id and have `label`. `graph["left_out"]` is the number of entities in reach
            that `max_nodes` left out.

        Raises:
            UnknownIdError: An entity is not in the graph.
        """
        return networks.to_networkx(self, entities, hops, max_nodes)

    def write(self, path: PathLike) -> None:
        """Write the graph as canonical N-Triples or N-Quads, by the extension.

        The file ends in `.nt`, or in `.nq`, which has a place for named graphs; behind either,
        `.gz` compresses it.

        The same graph always gives the same bytes: statements are ordered by subject, relation
        and object, entities before literals. The file appears when it is whole.

        Raises:
            DataError: The name ends otherwise, an id is no IRI and cannot be written, or the graph
                has named graphs and the file is to be N-Triples.
            RunError: The file cannot be written.
        """
        writing.write(self, path)

    def save(self, folder: PathLike) -> None:
        """Write the graph to a folder of Arrow files and a JSON manifest, replacing it whole.

        Raises:
            RunError: The folder cannot be written.
        """
        storage.save(self, folder)

    @classmethod
    def load(cls, folder: PathLike) -> Self:
        """Load what `save` wrote: its files are mapped into memory, not read.

        Raises:
            RunError: A file is missing, damaged or of another format version.
        """
        parts = storage.load(folder)
        return cls(
            parts.entities,
            parts.relations,
            parts.triples,
            Literals(*parts.literals),
            parts.report,
            parts.graphs,
        )

    def equals(self, other: KnowledgeGraph) -> bool:
        """Return whether both graphs hold the same statements, whatever their terms' rows are."""
        return changes.same_statements(self, other)

    # ------------------------------------------------------------------ views

    def labels(
        self,
        rows: npt.ArrayLike | None = None,
        languages: Sequence[str] = ("en", ""),
        relations: Sequence[str] = LABEL_RELATIONS,
    ) -> list[str]:
        """Return a name for each entity.

        The first of `relations` that the entity has, there the first of `languages` (a regional
        variant counts just behind its language), then any language. An entity without a label gets
        the last part of its IRI, percent-decoded, with blanks for underscores.

        Args:
            rows: Entity rows, int array of shape (k,); None is all.
            languages: Language tags, best first; "" is a literal without one.
            relations: IRIs of the properties that give names, best first.
        """
        key = ("labels", tuple(languages), tuple(relations))
        return _taken(
            self.cached(key, lambda: names.entity_labels(self, languages, relations)), rows
        )

    def descriptions(
        self,
        rows: npt.ArrayLike | None = None,
        languages: Sequence[str] = ("en", ""),
        relations: Sequence[str] = DESCRIPTION_RELATIONS,
    ) -> list[str]:
        """Return a description for each entity, "" where it has none; otherwise as `labels`."""
        key = ("descriptions", tuple(languages), tuple(relations))
        return _taken(
            self.cached(key, lambda: names.entity_descriptions(self, languages, relations)), rows
        )

    def relation_labels(
        self,
        languages: Sequence[str] = ("en", ""),
        relations: Sequence[str] = LABEL_RELATIONS,
    ) -> list[str]:
        """Return a name for each relation: its label in the graph, or from its IRI in words."""
        key = ("relations", tuple(languages), tuple(relations))
        return _taken(
            self.cached(key, lambda: names.relation_labels(self, languages, relations)), None
        )

    def types(self) -> tuple[IntArray, IntArray]:
        """Return entity rows and type rows (entities too) of every `rdf:type` statement."""
        found = self.relation_triples(RDF_TYPE)
        return found[:, 0].astype(np.int64), found[:, 2].astype(np.int64)

    def relation_triples(self, relation: str) -> RowArray:
        """Return the triples of a relation, int32 of shape (k, 3); none if it is unknown."""
        row = int(self.relations.rows([relation], missing="-1")[0])
        found: RowArray = self.triples[self.triples[:, 1] == row]
        return found

    def literal_values(self, relation: str) -> Literals:
        """Return the literals of a relation; none if the graph does not know it."""
        row = int(self.relations.rows([relation], missing="-1")[0])
        return self.literals.take(np.flatnonzero(self.literals.relation == row))

    def neighbors(self, row: int) -> RowArray:
        """Return the triples that touch an entity, int32 of shape (k, 3), outgoing ones first.

        Raises:
            UnknownIdError: `row` is outside of 0 … num_entities - 1.
        """
        if not 0 <= row < self.num_entities:
            raise UnknownIdError(f"Entity row {row} is outside of 0 … {self.num_entities - 1}.")
        subject = self.triples[:, 0]
        first, last = np.searchsorted(subject, [row, row + 1])
        order, objects = self.cached("by_object", self._by_object)
        begin, end = np.searchsorted(objects, [row, row + 1])
        incoming = self.triples[order[begin:end]]
        loops = incoming[:, 0] == row  # already among the outgoing ones
        return np.concatenate([self.triples[first:last], incoming[~loops]])

    def degree(self) -> IntArray:
        """Return the number of triples that start or end at each entity, int64 (num_entities,)."""
        ends = (self.triples[:, 0], self.triples[:, 2])
        out, into = (np.bincount(column, minlength=self.num_entities) for column in ends)
        return (out + into).astype(np.int64)

    def relation_counts(self) -> IntArray:
        """Return the number of triples and of literals per relation, int64 (num_relations, 2)."""
        columns = (self.triples[:, 1], self.literals.relation)
        counts = [np.bincount(column, minlength=self.num_relations) for column in columns]
        return np.column_stack(counts).astype(np.int64)

    def check_not_empty(self) -> None:
        """Raise a DataError if there is no statement, for what needs some."""
        if not self.num_triples and not len(self.literals):
            raise DataError(" ".join(self.report.notes) or "The graph is empty.")

    def statistics(self, links: Links | None = None) -> GraphStatistics:
        """Return what `kgrec inspect` shows: counts, relations, literals, degree, problems.

        Args:
            links: Which entities are items; where given, how well the graph covers and connects
                them is looked at too.

        Raises:
            DataError: The graph is empty, or the links are of another one.
        """
        from kgrec.kg.profile.statistics import graph_statistics

        return graph_statistics(self, links)

    def cached(self, key: Any, make: Callable[[], T]) -> T:
        """Return `make()`, computed once per `key`: the graph never changes."""
        if key not in self._cache:
            self._cache[key] = make()
        found: T = self._cache[key]
        return found

    def _by_object(self) -> tuple[IntArray, RowArray]:
        order = np.argsort(self.triples[:, 2], kind="stable")
        return order, self.triples[order, 2]

    def __repr__(self) -> str:
        return (
            f"KnowledgeGraph({self.num_entities} entities, {self.num_relations} relations, "
            f"{self.num_triples} triples, {len(self.literals)} literals)"
        )


def _taken(texts: Any, rows: npt.ArrayLike | None) -> list[str]:
    if rows is not None:
        texts = texts.take(pa.array(np.asarray(rows, dtype=np.int64)))
    return list(texts.to_pylist())
