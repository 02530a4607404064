"""What inspect prints: right sentences and tables, and no text of a graph as it is."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from kgrec.data.vocabulary import Vocabulary
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.linking.linked_files import links_from_files
from kgrec.rdf.namespaces import DBO, RDF_TYPE, RDFS, XSD
from kgrec.reporting.graph_summary import show_statistics

LABEL = RDFS + "label"
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "movielens-dbpedia"


def shown(kg, links=None, *, terminal=False, width=1000):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=width, highlight=False,
                      color_system=None)  # fmt: skip
    show_statistics(kg.statistics(links), console)
    return out.getvalue()


FILMS = KnowledgeGraph.from_triples(
    [
        (DBO + "heat", DBO + "director", DBO + "mann"),
        (DBO + "ali", DBO + "director", DBO + "mann"),
        (DBO + "heat", RDF_TYPE, DBO + "Film"),
        (DBO + "up", DBO + "director", DBO + "docter"),
    ],
    [
        (DBO + "heat", LABEL, "Heat", "", "en"),
        (DBO + "heat", LABEL, "Hitze", "", "de"),
        (DBO + "ali", DBO + "year", "2001", XSD + "gYear", ""),
        (DBO + "heat", DBO + "length", "170", XSD + "integer", ""),
        (DBO + "ali", DBO + "length", "157", XSD + "integer", ""),
    ],
)


def test_sentences_and_rows():
    text = shown(FILMS)
    assert "6 entities, 4 triples between them with 2 relations, 5 literals with 3 prop" in text
    assert "2 components: the largest holds 4 entities (66.7%), the next 2." in text
    row = next(line for line in text.splitlines() if line.startswith(" director"))
    assert row.split()[1:10] == [
        "3", "3", "100%", "1.0", "1", "2", "1.5", "2", f"{DBO}director",
    ]  # fmt: skip
    row = next(line for line in text.splitlines() if line.startswith(" length"))
    assert "157 … 163.5 … 170" in row
    assert row.split()[-2:] == ["integer", f"{DBO}length"]
    assert "languages: en 20.0%, de 20.0%" in text
    assert "2001 … 2001 … 2001" in text
    assert "Types: 16.7% of the entities have one" in text
    assert "--links or --items" in text
    assert "  5  Entities without a label, named after their IRI" in text


def test_items():
    links = link(Vocabulary([DBO + "heat", DBO + "ali", DBO + "up", "x"], "item"), FILMS)
    text = shown(FILMS, links)
    assert "3 of 4 items (75.0%) are linked, to 3 entities." in text
    assert "Share with another item within 1 hop 0%, 2 hops 66.7%, 3 hops 66.7%" in text
    assert "From 1 (33.3%) no path leads to another item" in text
    assert "They lie in 2 components; the largest holds 2 of them (66.7%)." in text
    row = next(line for line in text.splitlines() if line.startswith(" type"))
    assert "33.3%" in row


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_no_line_that_is_too_long(width):
    long = KnowledgeGraph.from_triples(
        [
            (f"http://e/{'a' * 90}/{n}", f"http://e/{'p' * 60}/r{n}", "http://e/b")
            for n in range(30)
        ],
        [("http://e/b", LABEL, "word " * 60, "", "en")],
    )
    text = shown(long, terminal=True, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "and 5 more relations; --json lists all." in text


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_is_printed_raw(terminal):
    evil = "x\x1b[31m\x07\x9b\u202e [bold]b[/bold] [/dim] \\"
    iri = f"http://e/{evil}"
    kg = KnowledgeGraph.from_triples(
        [(iri, iri + "p", iri + "o"), (iri, RDF_TYPE, iri + "T"), (iri, iri, iri),
         (iri.replace("http", "https"), "http://e/p", iri)],
        [(iri, LABEL, evil, "", ""), (iri, iri, evil, iri, ""), (iri, iri, evil, "", evil),
         (iri, "http://e/n", evil, XSD + "integer", "")],
    )  # fmt: skip
    text = shown(kg, terminal=terminal, width=200)
    # rich's own bold and dim are all that may stand there.
    for style in ("\x1b[1m", "\x1b[2m", "\x1b[0m"):
        text = text.replace(style, "")
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert "[bold]b[/bold] [/dim] \\" in text


def test_named_graphs_are_told():
    frame = FILMS.to_pandas().assign(graph=["", "e:g", "e:g", "e:[h]"])
    kg = KnowledgeGraph.from_pandas(frame)
    assert "3 graphs: e:g 2, the default graph 1, e:[h] 1." in shown(kg)
    assert kg.statistics().to_dict()["graphs"] == {"e:g": 2, "": 1, "e:[h]": 1}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the real data is not here")
def test_films_of_dbpedia(tmp_path):
    kg = KnowledgeGraph.read(SHARED / "kg.nt.gz")
    text = shown(
        kg, links_from_files(kg, SHARED / "items.csv", SHARED / "links.csv", "item_id", "iri")
    )
    assert "12,014 entities, 37,776 triples between them with 8 relations" in text
    assert "1,411 of 1,682 items (83.9%) are linked, to 1,394 entities." in text
    assert "within 1 hop 0%, 2 hops 100%" in text
    kg.write(tmp_path / "again.nt.gz")
    assert KnowledgeGraph.read(tmp_path / "again.nt.gz").equals(kg)
