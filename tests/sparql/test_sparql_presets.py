"""Wikidata's and DBpedia's shapes, the embedded films, and a real part of DBpedia."""

import csv
import gzip
import sys
from pathlib import Path

import pandas as pd
import pyoxigraph as ox
import pytest
import sparql_films
from sparql_films import neighborhood, rows
from sparql_server import serve
from sparql_wikidata import DIRECT, LABEL, WD, put_in_place, wikidata

import kg_data
import kgrec
from kgrec.cli import main
from kgrec.sparql.fetch import fetch_graph

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "movielens-dbpedia"
IMDB = ["tt0113277", "tt0122690"]


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A server that stands for Wikidata and DBpedia, and an empty folder."""
    monkeypatch.chdir(tmp_path)
    with serve(wikidata()) as server:
        put_in_place(monkeypatch, server.address)
        yield server


def test_wikidata(here):
    kg = fetch_graph("wikidata", IMDB[:1], property="P345").kg
    assert [row[:3] for row in rows(kg)] == sorted([
        (WD + "Q42198", DIRECT + "P345", "tt0113277"),
        (WD + "Q42198", DIRECT + "P57", WD + "Q25104"),
        (WD + "Q42198", DIRECT + "P31", WD + "Q11424"),
        (WD + "Q42198", LABEL, "Heat"),
        (WD + "Q42198", "http://schema.org/description", "a film"),
        (WD + "Q25104", LABEL, "Michael Mann"),
        (WD + "Q11424", LABEL, "film"),
        (DIRECT + "P57", LABEL, "director"),
        (DIRECT + "P31", LABEL, "instance of"),
        (DIRECT + "P345", LABEL, "IMDb ID"),
    ])  # fmt: skip
    labels = dict(zip(kg.relations.ids, kg.relation_labels(), strict=True))
    assert labels[DIRECT + "P57"] == "director"
    assert kg.report.files[0].path == here.address
    # Named relations bring names and nothing else along.
    named = fetch_graph(
        "wikidata", IMDB[:1], property="wdt:P345", relations=["P57", DIRECT + "P31"]
    ).kg
    assert named.equals(kg)


def test_the_example_for_the_documentation(here):
    fetched = kgrec.fetch_graph(
        "wikidata",
        ["tt0113277", "tt0122690"],
        property="P345",
        hops=1,
        cache="wikidata-cache",
        contact="me@example.org",
    )
    kg, links = fetched.kg, kgrec.link(pd.DataFrame({"item_id": IMDB}), fetched.kg, fetched.links)
    assert kg.labels(links.entity_of()) == ["Heat", "Ronin"]
    assert here.headers[0]["User-Agent"].endswith("me@example.org")


def test_the_graph_itself_can_be_linked(here):
    """The identifiers stand in the graph, so that the links need not be kept."""
    kg = fetch_graph("wikidata", IMDB, property="P345", relations=["P57"]).kg
    items = pd.DataFrame({"item_id": ["a", "b"], "imdb": IMDB[::-1]})
    links = kgrec.link(items, kg, column="imdb", property=DIRECT + "P345")
    assert kg.labels(links.entity_of()) == ["Ronin", "Heat"]


def test_the_command_for_the_documentation(here, monkeypatch, capsys):
    Path("movies.csv").write_text("movieId,imdbId\n6,0113277\n8228,0122690\n")
    command = (
        "kgrec fetch wikidata movies.csv id_template=tt{} contact=me@example.org --property P345 "
        "--column imdbId --item movieId --out films.nt.gz --links links.csv --cache wikidata-cache"
    )
    monkeypatch.setattr(sys, "argv", command.split())
    with pytest.raises(SystemExit) as done:
        main()
    assert not done.value.code, capsys.readouterr().err
    links = pd.read_csv("links.csv", dtype=str)
    assert links["item_id"].tolist() == ["6", "8228"]
    assert links["iri"].tolist() == [WD + "Q42198", WD + "Q178966"]
    kg = kgrec.KnowledgeGraph.read("films.nt.gz")
    kg = kg.labels(kg.entities.rows(links["iri"].tolist()))
    assert kg == ["Heat", "Ronin"]


def test_dbpedia(here):
    """Its graph has a name, and other graphs of the endpoint are not looked at."""
    dbr, dbo = "http://dbpedia.org/resource/", "http://dbpedia.org/ontology/"
    graph = ox.NamedNode("http://dbpedia.org")
    for subject, predicate, object in (
        (dbr + "Heat", dbo + "director", ox.NamedNode(dbr + "Michael_Mann")),
        (dbr + "Heat", dbo + "runtime", ox.Literal("10200.0", datatype=ox.NamedNode("urn:s"))),
        (dbr + "Heat", dbo + "wikiPageID", ox.Literal("1")),
        (dbr + "Heat", "http://dbpedia.org/property/noise", ox.Literal("1")),
        (dbr + "Michael_Mann", LABEL, ox.Literal("Michael Mann", language="en")),
    ):
        here.store.add(ox.Quad(ox.NamedNode(subject), ox.NamedNode(predicate), object, graph))
    kg = fetch_graph("dbpedia", ["Heat"], id_template=dbr + "{}", exclude=["wikiPageID"]).kg
    assert rows(kg) == sorted([
        (dbr + "Heat", dbo + "director", dbr + "Michael_Mann", None, None),
        (dbr + "Heat", dbo + "runtime", "10200.0", "urn:s", ""),
        (dbr + "Michael_Mann", LABEL, "Michael Mann",
         "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString", "en"),
    ], key=str)  # fmt: skip


def test_the_embedded_films(monkeypatch):
    monkeypatch.setattr(sparql_films, "EX", "")
    store = ox.Store()
    store.load(path=kg_data.path("films") / "films.ttl")
    ids = pd.read_csv(kg_data.path("films") / "links.csv")["iri"].tolist()[:40]
    with serve(store) as server:
        server.row_limit = 150
        fetched = fetch_graph(server.address, ids, hops=2, rate=1000, languages=None)
    assert fetched.report.found == 40
    assert rows(fetched.kg) == neighborhood(store, ids, 2, languages=None)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the data is not there")
def test_a_real_part_of_dbpedia(monkeypatch):
    monkeypatch.setattr(sparql_films, "EX", "")
    store = ox.Store()
    with gzip.open(SHARED / "kg.nt.gz") as file:
        store.bulk_load(file.read(), ox.RdfFormat.N_TRIPLES)
    with (SHARED / "links.csv").open(encoding="utf-8") as file:
        ids = sorted({row["iri"] for row in csv.DictReader(file)})[::20]
    with serve(store) as server:
        server.row_limit = 1000
        fetched = fetch_graph(server.address, ids, hops=2, rate=1000, languages=None)
    assert fetched.report.problems() == []
    assert rows(fetched.kg) == neighborhood(store, ids, 2, languages=None)
