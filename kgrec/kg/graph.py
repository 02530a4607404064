"""The knowledge graph: entities, relations, triples and literals as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy.typing as npt
import pyarrow as pa

from kgrec.kg import exchange, networks, storage
from kgrec.kg import labels as names
from kgrec.kg import updates as changes
from kgrec.kg.exchange import LiteralStatement, Triple
from kgrec.kg.profile.connectivity import LinkedItems
from kgrec.kg.profile.statistics import GraphStatistics, graph_statistics
from kgrec.rdf import reading, writing
from kgrec.rdf.assembly import assemble
from kgrec.rdf.columns import GraphColumns
from kgrec.rdf.jsonld import Loader
from kgrec.rdf.namespaces import DESCRIPTION_RELATIONS, LABEL_RELATIONS
from kgrec.rdf.read_report import FileReport, ReadReport
from kgrec.rdf.settings import ReadConfig, ReadSettings, make_read_config
from kgrec.rdf.sources import PathLike
from kgrec.rdf.statements import Statements

if TYPE_CHECKING:
    import networkx
    import pandas as pd
    import pyoxigraph
    import rdflib

    from kgrec.kg.tables.mapped_table import MappedTable
    from kgrec.kg.tables.mapping import TableMapping


@dataclass(frozen=True, eq=False, repr=False)
class KnowledgeGraph(GraphColumns):
    """An RDF graph with its terms numbered. Equality is `equals`.

    Its columns are `entities`, `relations`, `triples`, `literals` and `graphs`; its `report` says
    what was read. `GraphColumns` describes them and has the methods to look things up.

    >>> kg = KnowledgeGraph.from_triples(
    ...     [("ex:Heat", "ex:director", "ex:Mann")],
    ...     literals=[("ex:Heat", "ex:year", "1995", "", "")],
    ... )
    >>> kg.num_entities, kg.num_relations, kg.num_triples, len(kg.literals)
    (2, 2, 1, 1)
    >>> kg.labels()
    ['Heat', 'Mann']
    """

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
        no file can make another file be read.

        Args:
            source: A file (`.nt .nq .ttl .trig .rdf .owl .xml .jsonld .json`, each also with `.gz`,
                `.bz2` or `.zst`), a folder of such files, a pattern such as `dump/*.nt.gz`, a
                binary or text file object, an `rdflib.Graph` or `Dataset`, a `pyoxigraph.Store` or
                `Dataset`, or a list of them.
            config: Settings.
            loader: Returns the document at the IRI of a remote JSON-LD context; without it, remote
                contexts are refused.
            **settings: Fields of `ReadConfig` that replace those of `config`, such as
                `format="ttl"`, `base_iri=…`, `graphs=[…]` or `on_error="skip"`.

        Returns:
            The graph. It is empty if valid files have no statement, and its report says so.

        Raises:
            DataError: A file is missing, damaged, too large or not valid (the message names file,
                line, column and reason), or its format is unknown.
            ConfigError: A setting is unknown, or its value is not allowed.
        """
        settled = make_read_config(config, settings)
        return cls.from_columns(reading.read_all(source, settled, loader))

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
        batch = exchange.tuple_statements(triples, literals)
        return cls._from_statements(batch, FileReport("from_triples", "memory", len(batch)))

    @classmethod
    def from_pandas(
        cls, frame: pd.DataFrame, head: str = "head", relation: str = "relation", tail: str = "tail"
    ) -> Self:
        """Return the graph of a table with one statement per row, such as that of `to_pandas`.

        Args:
            frame: The table. A row with a value in the column `datatype` or `language`, if there
                is one, has a literal. The column `graph`, if there is one, names the graph of a
                row; missing or "" is the default graph.
            head: Name of the column of subjects.
            relation: Name of the column of predicates.
            tail: Name of the column of objects.

        Raises:
            DataError: A column is missing, a value is missing, or there is no row.
        """
        batch = exchange.frame_statements(frame, head, relation, tail)
        return cls._from_statements(batch, FileReport("from_pandas", "table", len(batch)))

    @classmethod
    def from_table(
        cls,
        table: str | Path | pd.DataFrame | pa.Table | MappedTable,
        mapping: TableMapping | Mapping[str, Any] | str | Path | None = None,
    ) -> Self:
        """Return the graph of a table with an entity per row, by a mapping of its columns.

        Args:
            table: A CSV, TSV, Parquet or JSON Lines file, a frame, an Arrow table, or a result of
                `kgrec.map_table`.
            mapping: Which column is the id, and which become relations or literals; an object,
                plain values, or a YAML file. None: chosen by `kgrec.suggest_mapping`.
                `report.notes` says what was chosen, and how each column was used.

        Raises:
            DataError: The table cannot be read, or lacks a column or an id.
            ConfigError: The mapping is wrong.
        """
        from kgrec.kg.tables.mapped_table import MappedTable, map_table

        mapped = table if isinstance(table, MappedTable) else map_table(table, mapping)
        file = FileReport(mapped.name, "table", len(mapped.statements))
        return cls._from_statements(mapped.statements, file, mapped.notes)

    @classmethod
    def from_rdflib(cls, graph: rdflib.Graph, graphs: Sequence[str] | None = None) -> Self:
        """Return the graph of an `rdflib.Graph` or `Dataset`; literals keep their lexical form.

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
        """Return the graph that a `pyoxigraph.Store` or `Dataset` holds, without triple terms.

        Args:
            store: The store.
            graphs: IRIs of the named graphs to take, "" for the default graph; None is all.
        """
        return cls.read(store, graphs=None if graphs is None else list(graphs))

    @classmethod
    def from_networkx(cls, graph: networkx.MultiDiGraph[Any]) -> Self:
        """Return the graph of a networkx graph as `to_networkx` makes it: edge keys are relations.

        A node without edges and without the attribute `literals` does not become an entity.

        Raises:
            DataError: The graph is empty, undirected or without keys, or its parts are no text.
        """
        batch = networks.networkx_statements(graph)
        return cls._from_statements(batch, FileReport("from_networkx", "memory", len(batch)))

    @classmethod
    def _from_statements(
        cls, batch: Statements, file: FileReport, notes: tuple[str, ...] = ()
    ) -> Self:
        return cls.from_columns(assemble([batch], ReadReport(files=(file,), notes=notes)))

    # ------------------------------------------------------------------ changed

    def update(
        self,
        added: GraphColumns | Iterable[Triple | LiteralStatement] = (),
        removed: GraphColumns | Iterable[Triple | LiteralStatement] = (),
        *,
        missing: changes.Missing = "ignore",
    ) -> Self:
        """Return this graph without the statements `removed`, and with those `added`.

        Entities and relations keep their rows: new ones are appended, and an entity without any
        statement left keeps its row. So links to the old graph are valid in the new one, which
        shares all columns that do not change. `report.updates[-1]` counts what changed.

        Args:
            added: A graph, or statements as for `from_triples`: three strings, or five for a
                literal. Blank nodes in such statements are this graph's own. Blank nodes of a
                graph are new nodes, and get a new name if this graph has the same name.
            removed: Likewise, but blank nodes are always this graph's own. A statement that is
                also in `added` stays.
            missing: What to do about a statement to remove that is not there: "ignore" counts it.

        Raises:
            DataError: A statement is malformed, or one to remove is not there and `missing` is
                "raise".
            ConfigError: `missing` is something else.

        >>> kg = KnowledgeGraph.from_triples([("ex:Heat", "ex:director", "ex:Mann")])
        >>> new = kg.update(added=[("ex:Ali", "ex:director", "ex:Mann")])
        >>> new.entities.ids, new.report.updates[-1].added
        (['ex:Heat', 'ex:Mann', 'ex:Ali'], 1)
        """
        return changes.updated(self, added, removed, missing=missing)

    # ------------------------------------------------------------------ out

    def to_rdflib(self) -> rdflib.Graph:
        """Return an `rdflib.Graph`, or a `Dataset` if there are named graphs.

        Literals keep their lexical form.

        Raises:
            DataError: A literal has a base direction (RDF 1.2), which rdflib does not know.
        """
        return exchange.to_rdflib(self)

    def to_pandas(self, literals: bool = False) -> pd.DataFrame:
        """Return the statements as text.

        Args:
            literals: Whether to append the statements with literals. The columns `datatype` and
                `language` are missing for entities. `from_pandas` reads both kinds.

        Returns:
            A table with the columns head, relation, tail, and graph if there are named graphs:
            a statement has a row for each of its graphs.
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
            hops: Largest distance from these entities, in edges of either direction.
            max_nodes: Stop when this many nodes are reached, nearest first.

        Returns:
            Nodes are entity ids with `label`, `row`, `hop` (None for the whole graph) and
            `literals`, a list of (relation, value, datatype, language). Edges are keyed by
            relation id and have `label`. `graph["left_out"]` is the number of entities that
            `max_nodes` left out.

        Raises:
            UnknownIdError: An entity is not in the graph.
        """
        return networks.to_networkx(self, entities, hops, max_nodes)

    def write(self, path: PathLike) -> None:
        """Write the graph as canonical N-Triples or N-Quads, by the extension.

        The name of the file ends in `.nt`, or in `.nq` for named graphs; a further `.gz`
        compresses it.

        The same graph always gives the same bytes: statements are ordered by subject, relation
        and object, entities before literals. The file appears only when it is complete.

        Raises:
            DataError: The name has another ending, an id is no IRI and cannot be written, or the
                file is N-Triples and the graph has named graphs.
            RunError: The file cannot be written.
        """
        writing.write(self, path)

    def save(self, folder: PathLike) -> None:
        """Write the graph to a folder of Arrow files and a JSON manifest; replace an old one.

        Raises:
            RunError: The folder cannot be written.
        """
        storage.save(self, folder)

    @classmethod
    def load(cls, folder: PathLike) -> Self:
        """Load what `save` wrote. The files are mapped into memory, not read.

        Raises:
            RunError: A file is missing, damaged or of another format version.
        """
        return cls.from_columns(storage.load(folder))

    def equals(self, other: GraphColumns) -> bool:
        """Return whether both graphs hold the same statements; the rows of terms may differ."""
        return changes.same_statements(self, other)

    # ------------------------------------------------------------------ views

    def labels(
        self,
        rows: npt.ArrayLike | None = None,
        languages: Sequence[str] = names.LANGUAGES,
        relations: Sequence[str] = LABEL_RELATIONS,
    ) -> list[str]:
        """Return a name for each entity.

        It is the text of the first of `relations` that the entity has, in the first of `languages`
        (a regional variant comes after its language), else in any language. An entity without a
        label gets the last part of its IRI, percent-decoded, with blanks for underscores.

        Args:
            rows: Entity rows, int array of shape (k,); None is all.
            languages: Language tags, best first; "" is a literal without one.
            relations: IRIs of the properties of names, best first. Two with a space between them
                lead over a node: `LABEL_RELATIONS` has those of SKOS-XL and BIBFRAME.
        """
        return names.entity_labels(self, rows, languages, relations)

    def descriptions(
        self,
        rows: npt.ArrayLike | None = None,
        languages: Sequence[str] = names.LANGUAGES,
        relations: Sequence[str] = DESCRIPTION_RELATIONS,
    ) -> list[str]:
        """Return a description for each entity, "" where it has none; otherwise as `labels`."""
        return names.entity_descriptions(self, rows, languages, relations)

    def relation_labels(
        self,
        languages: Sequence[str] = names.LANGUAGES,
        relations: Sequence[str] = LABEL_RELATIONS,
    ) -> list[str]:
        """Return a name for each relation: its label in the graph, or words from its IRI."""
        return names.relation_labels(self, languages, relations)

    def statistics(self, links: LinkedItems | None = None) -> GraphStatistics:
        """Return what `kgrec inspect` shows: counts, relations, literals, degree, problems.

        Args:
            links: Which entities are items; if given, the statistics say how well the graph
                covers and connects them.

        Raises:
            DataError: The graph is empty, or the links are of another one.
        """
        return graph_statistics(self, links)
