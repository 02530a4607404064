"""A graph of films to fetch, and the neighborhood worked out without queries."""

import pyoxigraph as ox

from kgrec.rdf.namespaces import RDFS, XSD

EX = "http://ex.org/"
LABEL = RDFS + "label"
IMDB = EX + "imdb"
NUM_FILMS = 23
NUM_PEOPLE = 7


def node(name):
    """Return a node by its IRI, or by its name in `EX`."""
    return ox.NamedNode(name if "://" in name else EX + name)


def films():
    """Films, people and countries: three hops, texts in three languages, odd literals."""
    store = ox.Store()

    def add(subject, predicate, object):
        store.add(ox.Quad(node(subject), node(predicate), object))

    for number in range(NUM_FILMS):
        film = f"film{number:02}"
        add(film, IMDB, ox.Literal(f"tt{number:07}"))
        add(film, LABEL, ox.Literal(f"Film {number}", language="en"))
        add(film, LABEL, ox.Literal(f"Film Nr. {number}", language="de"))
        add(film, "year", ox.Literal(f"0{1990 + number}", datatype=node(XSD + "integer")))
        add(film, "plain", ox.Literal(f'say "no" \\ {number}\nñ😀'))
        for step in (0, 3):
            add(film, "by" if step else "with", node(f"person{(number + step) % NUM_PEOPLE}"))
    for number in range(NUM_PEOPLE):
        person = f"person{number}"
        add(person, LABEL, ox.Literal(f"Person {number}", language="en-gb"))
        add(person, "from", node(f"country{number % 2}"))
        add(person, "knows", node(f"person{(number + 1) % NUM_PEOPLE}"))
    for number in range(2):
        add(f"country{number}", LABEL, ox.Literal(f"Country {number}"))
        add(f"country{number}", "on", node("earth"))
    for name in ("by", "with"):
        add(name, LABEL, ox.Literal(f"made {name}", language="en"))
    return store


def neighborhood(store, starts, hops, keep=lambda predicate: True, languages=("en",)):
    """Return the statements that fetching has to find, as rows of text, sorted."""

    def spoken(term):
        if not isinstance(term, ox.Literal) or not term.language or languages is None:
            return True
        return any(term.language == tag or term.language.startswith(tag + "-") for tag in languages)

    def row(quad):
        subject, predicate, object = quad.subject.value, quad.predicate.value, quad.object
        if isinstance(object, ox.Literal):
            return (subject, predicate, object.value, object.datatype.value, object.language or "")
        return (subject, predicate, object.value, None, None)

    found = set()
    frontier = reached = {EX + start for start in starts}
    for _ in range(hops):
        quads = [
            quad
            for start in frontier
            for quad in store.quads_for_pattern(ox.NamedNode(start), None, None)
            if keep(quad.predicate.value) or quad.predicate.value == LABEL
            if spoken(quad.object)
        ]
        found |= {row(quad) for quad in quads}
        ends = {quad.object.value for quad in quads if isinstance(quad.object, ox.NamedNode)}
        frontier = ends - reached
        reached = reached | ends
    for named in reached | {entry[1] for entry in found}:
        for quad in store.quads_for_pattern(ox.NamedNode(named), ox.NamedNode(LABEL), None):
            if spoken(quad.object):
                found.add(row(quad))
    return sorted(found, key=str)


def rows(kg):
    """Return the statements of a graph as rows of text, sorted."""
    frame = kg.to_pandas(literals=True).astype(object)
    table = frame.where(frame.notna(), None).values.tolist()
    return sorted((tuple(row) for row in table), key=str)
