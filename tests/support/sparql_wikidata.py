"""A few statements shaped like Wikidata's, to put a loopback server in its place.

Properties are described by other entities, truthy statements stand in a namespace of their own,
and there is much besides that nobody wants.
"""

import pyoxigraph as ox

from kgrec.rdf.namespaces import RDFS
from kgrec.sparql.settings import DBPEDIA, WIKIDATA

DIRECT = "http://www.wikidata.org/prop/direct/"
WD = "http://www.wikidata.org/entity/"
LABEL = RDFS + "label"


def wikidata():
    """Return a store with two films, their directors, and what surrounds them."""
    store = ox.Store()

    def add(subject, predicate, object):
        if isinstance(object, str):
            object = ox.NamedNode(object)
        store.add(ox.Quad(ox.NamedNode(subject), ox.NamedNode(predicate), object))

    for film, imdb, title, director in (
        ("Q42198", "tt0113277", "Heat", "Q25104"),
        ("Q178966", "tt0122690", "Ronin", "Q55392"),
    ):
        add(WD + film, DIRECT + "P345", ox.Literal(imdb))
        add(WD + film, DIRECT + "P57", WD + director)
        add(WD + film, DIRECT + "P31", WD + "Q11424")
        add(WD + film, "http://www.wikidata.org/prop/P57", WD + f"statement/{film}-1")
        add(WD + film, LABEL, ox.Literal(title, language="en"))
        add(WD + film, LABEL, ox.Literal(f"{title} (DE)", language="de"))
        add(WD + film, "http://schema.org/description", ox.Literal("a film", language="en"))
    add(WD + "Q25104", LABEL, ox.Literal("Michael Mann", language="en"))
    add(WD + "Q55392", LABEL, ox.Literal("John Frankenheimer", language="en"))
    add(WD + "Q11424", LABEL, ox.Literal("film", language="en"))
    add(WD + "Q11424", DIRECT + "P279", WD + "Q2431196")
    for property, name in (("P57", "director"), ("P31", "instance of"), ("P345", "IMDb ID")):
        add(WD + property, "http://wikiba.se/ontology#directClaim", DIRECT + property)
        add(WD + property, LABEL, ox.Literal(name, language="en"))
    return store


def put_in_place(monkeypatch, address):
    """Let the names "wikidata" and "dbpedia" stand for a server on loopback, asked at once."""
    presets = {
        name: config.model_copy(update={"endpoint": address, "rate": 1000.0})
        for name, config in (("wikidata", WIKIDATA), ("dbpedia", DBPEDIA))
    }
    monkeypatch.setattr("kgrec.sparql.settings.PRESETS", presets)
