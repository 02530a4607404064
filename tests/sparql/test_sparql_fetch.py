"""The fetched graph is the neighborhood, whole, whatever the server does on the way."""

import pyoxigraph as ox
import pytest
from sparql_films import EX, IMDB, LABEL, NUM_FILMS, NUM_PEOPLE, films, neighborhood, node, rows
from sparql_server import JSON, answer

import kgrec
from kgrec.errors import ConfigError, DataError, EndpointError, RunError
from kgrec.rdf.namespaces import XSD
from kgrec.sparql.fetch import fetch_graph

IDS = [f"tt{number:07}" for number in range(NUM_FILMS)]
SOME = IDS[3:8]
STARTS = [f"film{number:02}" for number in range(3, 8)]


@pytest.fixture
def fetch(server, quick):
    def run(ids=SOME, **options):
        options = {"property": IMDB} | quick | options
        return fetch_graph(server.address, ids, **options)

    return run


@pytest.mark.parametrize("hops", [0, 1, 2, 3, 9])
def test_equals_the_neighborhood(fetch, server, hops):
    fetched = fetch(hops=hops)
    expected = neighborhood(server.store, STARTS, hops)
    if hops == 0:
        expected += [
            (EX + film, IMDB, id, XSD + "string", "") for film, id in zip(STARTS, SOME, strict=True)
        ]
    assert rows(fetched.kg) == sorted(expected, key=str)
    # Films, then all people, countries, earth.
    assert fetched.report.entities == (5, 7, 2, 1)[:hops]
    assert fetched.report.problems() == []


def test_by_iri_and_by_identifier_are_the_same(fetch):
    starts = [EX + start for start in STARTS]
    by_iri = fetch(starts, property=None)
    assert by_iri.kg.equals(fetch().kg)
    assert by_iri.links["item_id"].tolist() == by_iri.links["iri"].tolist() == starts


def test_links_say_which_id_is_which_entity(fetch):
    ids = ["tt0000005", "nobody", "tt0000003", "tt0000005"]
    fetched = fetch(ids)
    pairs = fetched.links[["item_id", "iri"]].values.tolist()
    assert pairs == [["tt0000005", EX + "film05"], ["tt0000003", EX + "film03"]]
    assert fetched.report.not_found == ("nobody",)
    assert (fetched.report.ids, fetched.report.found) == (3, 2)
    assert "1 ids not found: nobody" in str(fetched.report)
    catalogue = kgrec.Vocabulary.from_ids(sorted(set(ids)), "item")
    links = kgrec.link(catalogue, fetched.kg, fetched.links)
    assert links.report.unlinked == ("nobody",)


def test_an_ambiguous_id_has_all_its_entities(fetch, server):
    server.store.add(ox.Quad(node("other"), node(IMDB), ox.Literal("tt0000003")))
    fetched = fetch(["tt0000003", "tt0000004"])
    assert fetched.report.ambiguous == {"tt0000003": (EX + "film03", EX + "other")}
    assert fetched.links["confidence"].tolist() == [0.5, 0.5, 1.0]
    assert EX + "other" in fetched.kg.entities


@pytest.mark.parametrize(("batch_size", "most"), [(1, 3), (4, 10), (100, 5000)])
def test_batches_change_nothing(fetch, server, batch_size, most):
    fetched = fetch(IDS, hops=3, batch_size=batch_size, rows=most)
    starts = [f"film{number:02}" for number in range(NUM_FILMS)]
    assert rows(fetched.kg) == neighborhood(server.store, starts, 3)


@pytest.mark.parametrize("limit", [1, 2, 7, 23, 100])
def test_a_silent_limit_of_rows_changes_nothing(fetch, server, limit):
    server.row_limit = limit
    fetched = fetch(IDS, hops=2)
    starts = [f"film{number:02}" for number in range(NUM_FILMS)]
    assert rows(fetched.kg) == neighborhood(server.store, starts, 2)


def test_relations_and_exclude(fetch, server):
    only = fetch(relations=[EX + "by"], hops=2)
    expected = neighborhood(server.store, STARTS, 2, lambda iri: iri == EX + "by")
    identifiers = {(EX + f, IMDB, id) for f, id in zip(STARTS, SOME, strict=True)}
    assert {row[:3] for row in rows(only.kg)} == {row[:3] for row in expected} | identifiers
    without = fetch(exclude=[EX + "by", EX + "plain"], hops=2)
    unwanted = (EX + "by", EX + "plain")
    assert rows(without.kg) == neighborhood(
        server.store, STARTS, 2, lambda iri: iri not in unwanted
    )
    assert rows(fetch(namespaces=(EX,)).kg) == rows(fetch().kg)
    assert "year" not in str(fetch(namespaces=(EX + "by",)).kg.relations.ids)


@pytest.mark.parametrize("languages", [None, ("de",), ("en", "de"), ()])
def test_languages(fetch, server, languages):
    fetched = fetch(languages=languages, hops=2)
    assert rows(fetched.kg) == neighborhood(server.store, STARTS, 2, languages=languages)


def test_incoming_statements(fetch, server):
    fetched = fetch([EX + "country0"], property=None, direction="in", hops=2)
    found = {row[:3] for row in rows(fetched.kg) if row[3] is None}
    people = [f"person{number}" for number in range(0, NUM_PEOPLE, 2)]
    expected = {
        (quad.subject.value, quad.predicate.value, quad.object.value)
        for end in ["country0", *people]
        for quad in server.store.quads_for_pattern(None, None, node(end))
    }
    assert found == expected
    labels = {row[0] for row in rows(fetched.kg) if row[1] == LABEL}
    assert {EX + "country0", EX + "film00", EX + "person0", EX + "person1"} <= labels
    both = fetch([EX + "person0"], property=None, direction="both")
    into = {row for row in expected if row[2] == EX + "person0"}
    assert both.kg.degree()[both.kg.entities.row(EX + "person0")] == 2 + len(into)


def test_a_hub_is_cut_and_counted(fetch):
    fetched = fetch([EX + "country0"], property=None, direction="in", max_edges=3)
    assert fetched.report.beyond == ((EX + "country0", "in", 1),)
    assert fetched.kg.num_triples == 3
    assert any("cut at max_edges, 1 statements left out" in x for x in fetched.report.problems())


def test_books_by_isbn_however_it_is_written(fetch, server):
    for book, isbn in (("a", "978-0-306-40615-7"), ("b", "0-8044-2957-X"), ("c", "9783161484100")):
        server.store.add(ox.Quad(node(book), node("isbn"), ox.Literal(isbn)))
    ids = ["0306406152", "9780804429573", "978-3-16-148410-0", "9780306406158"]
    fetched = fetch(ids, property=[EX + "isbn"], identifier_forms="isbn")
    assert fetched.links["iri"].tolist() == [EX + "a", EX + "b", EX + "c"]
    assert fetched.report.not_found == ("9780306406158",)  # a wrong check digit is no other book


def test_ids_that_are_written_differently_there(fetch):
    numbers = [id.removeprefix("tt") for id in SOME]
    fetched = fetch([*numbers, "1"], id_template="tt{}")
    assert fetched.kg.equals(fetch(SOME).kg)
    assert fetched.links["item_id"].tolist() == numbers
    assert fetched.report.not_found == ("1",)
    by_iri = fetch([*STARTS, "x y"], property=None, id_template=EX + "{}")
    assert by_iri.kg.equals(fetched.kg)
    assert by_iri.links[["item_id", "iri"]].values.tolist() == [[one, EX + one] for one in STARTS]
    assert set(by_iri.report.invalid) == {"x y"}
    with pytest.raises(ConfigError, match="once, in place of the id"):
        fetch(id_template="tt")


def test_named_graphs(fetch, server, tmp_path):
    graph = node("graph")
    server.store.add(ox.Quad(node("film03"), node("in"), node("there"), graph))
    server.store.add(ox.Quad(node("film03"), node(IMDB), ox.Literal("tt0000003"), graph))
    default = fetch(["tt0000003"], cache=tmp_path)
    named = fetch(["tt0000003"], cache=tmp_path, default_graph=[EX + "graph"])
    assert EX + "there" not in default.kg.entities
    assert named.kg.num_triples == 1
    assert EX + "there" in named.kg.entities


def test_a_datatype_of_identifiers(fetch, server):
    number = ox.Literal("7", datatype=node(XSD + "integer"))
    server.store.add(ox.Quad(node("film03"), node("number"), number))
    with pytest.raises(DataError, match="none of 1 ids"):
        fetch(["7"], property=EX + "number")
    fetched = fetch(["7"], property=EX + "number", identifier_datatype=XSD + "integer")
    assert fetched.links["iri"].tolist() == [EX + "film03"]
    assert fetched.kg.equals(fetch(["tt0000003"]).kg)


def test_a_second_run_asks_for_nothing(fetch, server, tmp_path):
    server.row_limit = 9
    first = fetch(IDS, hops=2, cache=tmp_path)
    assert first.report.requests == len(server.queries) > 10
    asked = len(server.queries)
    again = fetch(IDS, hops=2, cache=tmp_path)
    assert len(server.queries) == asked
    assert (again.report.requests, again.report.cached > 10) == (0, True)
    assert again.kg.equals(first.kg)
    # Whoever asks another endpoint, or something else, is not answered from there.
    fetch(IDS, hops=2, cache=tmp_path, exclude=[EX + "by"])
    assert len(server.queries) > asked


@pytest.mark.parametrize("broken_at", [1, 4, 9, 14])
def test_a_broken_run_goes_on_where_it_was(server, fetch, tmp_path, broken_at):
    options = {"batch_size": 3, "hops": 2, "retries": 0}
    undisturbed = fetch(**options)
    needed = list(server.queries)
    server.queries.clear()
    server.faults = [None] * broken_at + [503]
    with pytest.raises(EndpointError, match="503"):
        fetch(cache=tmp_path, **options)
    assert server.queries == needed[: broken_at + 1]
    resumed = fetch(cache=tmp_path, **options)
    assert server.queries[broken_at + 1 :] == needed[broken_at:]
    assert resumed.kg.equals(undisturbed.kg)


def test_an_interrupted_run_goes_on_where_it_was(server, fetch, tmp_path):
    options = {"batch_size": 3, "hops": 2}

    def interrupt(what, done, total):
        if what == "Hop 1, out":
            raise KeyboardInterrupt

    undisturbed = fetch(**options)
    needed = len(server.queries)
    with pytest.raises(KeyboardInterrupt):
        fetch(cache=tmp_path, progress=interrupt, **options)
    assert fetch(cache=tmp_path, **options).kg.equals(undisturbed.kg)
    assert len(server.queries) == 2 * needed  # each once, in both parts together


FAULTS = [
    ("status", 429, {"Retry-After": "0"}),
    429,
    500,
    502,
    503,
    504,
    "cut",
    "reset",
    "truncated",
    ("body", b"", JSON),
    ("body", b'{"head":{}}', JSON),
    ("body", b"[" * 100_000, JSON),
    ("slow", 0.4),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_passing_fault_changes_nothing(fetch, server, fault):
    undisturbed = fetch(hops=2)
    server.faults = [None, fault, None, None, fault, fault, None, fault]
    told = []
    fetched = fetch(hops=2, timeout=0.2, notice=told.append)
    assert fetched.kg.equals(undisturbed.kg)
    assert fetched.report.repeated == len(told) > 0
    assert "Trying again in" in told[0]
    assert "\x1b" not in "".join(told)


@pytest.mark.parametrize(
    "fault", [500, 504, "truncated", ("status", 206, {}), ("slow", 0.5)], ids=str
)
def test_what_is_too_much_at_once_is_asked_in_parts(fetch, server, fault, tmp_path):
    """Queries about more than two entities fail, always."""
    undisturbed = fetch(hops=2)
    server.always = lambda query: fault if query.count("> <") > 1 else None
    timeout = 0.25 if fault == ("slow", 0.5) else 5.0
    fetched = fetch(hops=2, timeout=timeout, retries=3, cache=tmp_path)
    assert fetched.kg.equals(undisturbed.kg)
    server.always = 500
    assert fetch(hops=2, retries=0, cache=tmp_path).kg.equals(undisturbed.kg)


def test_an_answer_that_is_too_large_is_asked_in_parts(fetch, server):
    undisturbed = fetch(IDS)
    asked = len(server.queries)
    assert fetch(IDS, max_bytes=5000).kg.equals(undisturbed.kg)
    assert len(server.queries) > asked + 10
    with pytest.raises(EndpointError, match="larger than 60 bytes"):
        fetch(IDS, max_bytes=60)


def test_a_server_that_gives_less_than_it_counts_is_found_out(fetch, server):
    few = b'{"head":{"vars":["s"]},"results":{"bindings":[]}}'
    server.always = lambda query: ("body", few, JSON) if "SELECT ?s ?p ?o" in query else None
    with pytest.raises(
        EndpointError, match=r"counts \d+ statements of http://ex.org/film03 and returns only 0"
    ):
        fetch()
    server.always = lambda query: ("body", few, JSON) if "COUNT" in query else None
    with pytest.raises(EndpointError, match="no complete answer"):
        fetch()


def test_an_iri_that_the_server_writes_anew_is_left_out_and_named(fetch, server):
    def rewrite(query):
        if "COUNT" not in query:
            return None
        return ("body", answer(server, query).replace(b"/person3", b"/person%33"), JSON)

    server.always = rewrite
    fetched = fetch(hops=2)
    assert fetched.report.unanswered == (EX + "person3",)
    assert "1 entities without an answer" in str(fetched.report)
    lost = {row for row in neighborhood(server.store, STARTS, 2) if row[0] == EX + "person3"}
    assert set(rows(fetched.kg)) == set(neighborhood(server.store, STARTS, 2)) - lost
    server.always = lambda query: (
        ("body", answer(server, query).replace(b"/person", b"/Person"), JSON)
        if "COUNT" in query
        else None
    )
    with pytest.raises(
        EndpointError, match=r"no complete answer about .* alone, nor about 3 others"
    ):
        fetch(hops=2)


def test_a_graph_that_shrinks_meanwhile(fetch, server, tmp_path):
    """The counts of a broken run are old when it goes on."""
    server.faults = [None, None, 404]
    with pytest.raises(EndpointError):
        fetch(cache=tmp_path, property=None, ids=[EX + "film03"])
    gone = ox.Quad(
        node("film03"), node("year"), ox.Literal("01993", datatype=node(XSD + "integer"))
    )
    assert gone in server.store
    server.store.remove(gone)
    fetched = fetch(cache=tmp_path, property=None, ids=[EX + "film03"])
    assert rows(fetched.kg) == neighborhood(server.store, ["film03"], 1)


def test_what_no_graph_can_hold_is_counted(fetch, server):
    store = server.store
    store.add(ox.Quad(node("film03"), node("odd"), ox.BlankNode("b")))
    store.add(ox.Quad(ox.BlankNode("c"), node("odd"), node("film03")))
    fetched = fetch(direction="both")
    assert fetched.report.blank_nodes == 2
    assert not any(id.startswith("_:") for id in fetched.kg.entities.ids)
    assert "2 statements with a blank node left out" in fetched.report.problems()


def test_hostile_terms_of_an_answer(fetch, server):
    """An IRI that would end its brackets gets into no query; what it stood in is counted."""
    evil = b"http://ex.org/x> } ; DROP ALL #"

    def poison(query):
        if "SELECT ?s ?p ?o" not in query or "film03" not in query:
            return None
        return ("body", answer(server, query).replace(b"http://ex.org/person3", evil), JSON)

    server.always = poison
    fetched = fetch(hops=2)
    assert fetched.report.bad_terms == {"an IRI that is not valid (RFC 3987)": 2}
    assert not any("DROP" in query for query in server.queries)


def test_hostile_ids_are_told_apart_from_unknown_ones(fetch, server):
    ids = ["tt0000003", 'x" } ; DROP ALL #', "a\\u0022 }", "nul\x00", "\ud800", "", "\\"]
    fetched = fetch(ids)
    assert set(fetched.report.invalid) == {"a\\u0022 }", "nul\x00", "\ud800"}
    assert fetched.report.not_found == ('x" } ; DROP ALL #', "", "\\")
    assert "\x00" not in str(fetched.report)
    fetched = fetch([EX + "film03", EX + "x> }", "film04"], property=None)
    assert set(fetched.report.invalid) == {EX + "x> }", "film04"}


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"ids": []}, DataError, "no ids"),
        ({"ids": [7]}, DataError, "The id 7 is int"),
        ({"ids": ["film03"], "property": None}, DataError, "as an IRI.*name the property"),
        ({"ids": ["nobody"]}, DataError, "none of 1 ids as a value of http://ex.org/imdb"),
        ({"property": "imdb"}, DataError, "'imdb' is no IRI"),
        ({"relations": []}, DataError, "relations is empty"),
        ({"exclude": ["a b"]}, DataError, "'a b' is no IRI"),
        ({"hops": -1}, DataError, "hops is -1"),
        ({"hops": 2, "max_entities": 9}, DataError, "Hop 2 queries 7 entities"),
        ({"retrys": 1}, ConfigError, "Did you mean 'retries'"),
        ({"rate": 0}, ConfigError, "rate.*greater than 0"),
        ({"contact": "me\r\nHost: x"}, ConfigError, "printable ASCII"),
        ({"languages": ['en") || true']}, ConfigError, "no language tag"),
    ],
)  # fmt: skip
def test_mistakes(fetch, options, error, match):
    with pytest.raises(error, match=match):
        fetch(**options)


@pytest.mark.parametrize(
    ("endpoint", "match"),
    [
        ("wikidat", "Did you mean 'wikidata'"),
        ("ftp://ex.org/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("http://me:secret@ex.org/", "without a user's name"),
        ("http://ex.org/\x1b[2J", "printable"),
    ],
)
def test_wrong_endpoints(endpoint, match):
    with pytest.raises(ConfigError, match=match):
        fetch_graph(endpoint, ["x"])


def test_the_cache_is_checked(fetch, server, tmp_path):
    undisturbed = fetch(cache=tmp_path)
    files = sorted(tmp_path.rglob("*.json.gz"))
    files[0].write_bytes(files[0].read_bytes()[:-20])
    files[1].write_bytes(files[2].read_bytes())
    files[3].write_bytes(b"")
    asked = len(server.queries)
    with pytest.warns(UserWarning, match="damaged and requested again"):
        assert fetch(cache=tmp_path).kg.equals(undisturbed.kg)
    assert len(server.queries) == asked + 3
    assert not list(tmp_path.rglob(".*"))
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        fetch(cache=blocked)


def test_the_films_are_as_the_tests_say():
    assert len(films()) == NUM_FILMS * 7 + NUM_PEOPLE * 3 + 4 + 2
