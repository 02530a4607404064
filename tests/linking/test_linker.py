"""Linking by title, year and identifier, on planted data with known answers."""

import csv
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kg_data
import kgrec
from kgrec.errors import ConfigError, DataError, KgrecWarning, RunError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import LinkConfig, link, write_links, write_review

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "movielens-dbpedia"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
ALT = "http://www.w3.org/2004/02/skos/core#altLabel"
ABOUT = "http://www.w3.org/2000/01/rdf-schema#comment"
YEAR, ISBN = "ex:year", "ex:isbn"
GYEAR = "http://www.w3.org/2001/XMLSchema#gYear"


def graph(labels, *, types=None, years=None, more=(), triples=()):
    """Return a graph of entity → label, with types and years where given."""
    edges = [(entity, TYPE, kind) for entity, kind in (types or {}).items()]
    literals = [(entity, LABEL, label, "", "en") for entity, label in labels.items()]
    literals += [(entity, YEAR, str(year), GYEAR, "") for entity, year in (years or {}).items()]
    return KnowledgeGraph.from_triples([*edges, *triples], [*literals, *more])


def catalogue(rows):
    return pd.DataFrame(rows, columns=["item_id", "title", "year"])


def found(links, kg):
    """Return item id → IRI of its entity."""
    return dict(zip(links.items.take(links.item), kg.entities.take(links.entity), strict=True))


def films(count=12):
    """Return films that are found without doubt, of type ex:Film, from which much is learnt."""
    names = ["Amber", "Birch", "Cedar", "Dahlia", "Elder", "Fern", "Ginger", "Hazel", "Iris",
             "Jasmine", "Kale", "Lotus"][:count]  # fmt: skip
    labels = {f"ex:{name}": name for name in names}
    rows = [(name, name, 1950 + place) for place, name in enumerate(names)]
    years = {f"ex:{name}": 1950 + place for place, name in enumerate(names)}
    return labels, dict.fromkeys(labels, "ex:Film"), years, rows


def test_a_path_where_a_graph_or_table_belongs_is_told_what_does():
    items, kg = pd.DataFrame({"item_id": ["1"], "title": ["Heat"]}), graph({"ex:h": "Heat"})
    with pytest.raises(DataError, match=r"kg must be .*KnowledgeGraph\.read.*'g\.ttl' \("):
        link(items, Path("g.ttl"), title="title")
    with pytest.raises(DataError, match=r"items must be .*AttributeTable\.read.*'i\.csv' \(str"):
        link("i.csv", kg, title="title")


def test_title_and_year_find_the_entity():
    kg = graph({"ex:a": "The Net (1995 film)", "ex:b": "Net (2003 film)", "ex:c": "Heat"})
    items = catalogue([("1", "Net, The", 1995), ("2", "Heat", None), ("3", "Gone", 1990)])
    links = link(items, kg, title="title", year="year")
    assert found(links, kg) == {"1": "ex:a", "2": "ex:c"}
    assert links.method == ("title", "title")
    assert links.report.methods == {"title": 2}
    assert links.report.unlinked == ("3",)
    assert "no entity has this title" in links.report.reasons["3"]
    assert (links.confidence >= 0.9).all()
    assert (links.confidence < 1).all()


def test_a_year_in_the_title_counts_without_a_column():
    kg = graph({"ex:a": "Heat (1995 film)", "ex:b": "Heat (1986 film)"})
    links = link(catalogue([("1", "Heat (1986)", None)]), kg, title="title")
    assert found(links, kg) == {"1": "ex:b"}


@pytest.mark.parametrize(
    ("label", "literals", "triples"),
    [
        ("Heat (1995 film)", [], []),
        ("Heat", [("ex:new", YEAR, "1995", GYEAR, "")], []),
        ("Heat", [("ex:new", "ex:seen", "1995-12-15", GYEAR.replace("gYear", "date"), "")], []),
        ("Heat", [("ex:new", ABOUT, "Heat is a 1995 American film. Not of 1986.", "", "en")], []),
    ],
)
def test_years_are_found_wherever_they_stand(label, literals, triples):
    kg = graph({"ex:old": "Heat (1986 film)", "ex:new": label}, more=literals, triples=triples)
    links = link(catalogue([("1", "Heat", 1995)]), kg, title="title", year="year")
    assert found(links, kg) == {"1": "ex:new"}


def test_years_in_the_names_of_categories_count_once_they_have_proved_right():
    labels, types, years, rows = films()
    tens = [1950 + place for place in range(12)]
    categories = {f"ex:c{year}": f"{year} films" for year in [*tens, 1995, 1986]}
    places = {f"ex:s{year}": f"Films set in {year}" for year in range(1930, 1990)}
    triples = [(entity, "ex:in", f"ex:c{year}") for entity, year in years.items()]
    triples += [(entity, "ex:in", f"ex:s{year - 15}") for entity, year in years.items()]
    triples += [("ex:new", "ex:in", "ex:c1995"), ("ex:new", "ex:in", "ex:s1986")]
    triples += [("ex:old", "ex:in", "ex:c1986")]
    kg = graph(
        {**labels, **categories, **places, "ex:new": "Heat", "ex:old": "Heat"},
        types={**types, "ex:new": "ex:Film", "ex:old": "ex:Film"},
        triples=triples,
    )
    links = link(catalogue([*rows, ("1", "Heat", 1986)]), kg, title="title", year="year")
    assert found(links, kg)["1"] == "ex:old"
    assert len(links) == 13


@pytest.mark.parametrize(("year", "linked"), [(1995, True), (1996, True), (1998, False)])
def test_a_year_may_differ_by_the_tolerance(year, linked):
    kg = graph({"ex:a": "Heat (1995 film)"})
    links = link(catalogue([("1", "Heat", year)]), kg, title="title", year="year")
    assert found(links, kg) == ({"1": "ex:a"} if linked else {})
    if not linked:
        assert [(c.iri, c.candidate_year) for c in links.review] == [("ex:a", 1995)]
        assert "the years differ: 1998 and 1995" in links.review[0].reason


def test_two_that_fit_equally_are_for_review():
    kg = graph({"ex:a": "Heat (1995 film)", "ex:b": "Heat (1995 film)"})
    links = link(catalogue([("1", "Heat", 1995)]), kg, title="title", year="year")
    assert len(links) == 0
    assert [c.iri for c in links.review] == ["ex:a", "ex:b"]
    assert all(c.confidence < 0.5 for c in links.review)
    assert "another entity fits as well" in links.review[0].reason
    assert links.report.uncertain == 1
    assert links.report.reasons["1"].startswith("uncertain: ex:a")


def test_a_film_is_no_person_and_no_novel_of_its_name():
    labels, types, years, rows = films()
    kg = graph(
        {**labels, "ex:person": "Maple", "ex:novel": "Nettle", "ex:film": "Nettle"},
        types={**types, "ex:novel": "ex:Novel", "ex:film": "ex:Film", "ex:person": "ex:Person"},
        years={**years, "ex:novel": 1990},
    )
    items = catalogue([*rows, ("m", "Maple", 1990), ("n", "Nettle", 1990)])
    links = link(items, kg, title="title", year="year")
    entity = found(links, kg)
    assert "m" not in entity
    assert entity["n"] == "ex:film"
    # Told to link to people, it does.
    people = link(items, kg, title="title", year="year", types=("ex:Person",))
    assert found(people, kg) == {"m": "ex:person"}


def test_without_types_the_relations_tell_films_from_people():
    labels, _, years, rows = films()
    people = {f"ex:p{place}": f"Person {place}" for place in range(20)}
    triples = [(film, "ex:director", f"ex:p{place}") for place, film in enumerate(labels)]
    kg = graph({**labels, **people, "ex:x": "Maple"}, years=years, triples=triples)
    links = link(catalogue([*rows, ("m", "Maple", 1990)]), kg, title="title", year="year")
    assert len(links) == 12
    assert "of another kind" in links.review[0].reason


def test_alternative_labels_and_labels_in_other_languages():
    more = [("ex:a", ALT, "Dead Tired", "", "en"), ("ex:b", LABEL, "Hass", "", "de")]
    kg = graph({"ex:a": "Grosse fatigue", "ex:b": "Hate"}, more=more)
    items = catalogue([("1", "Dead tired", None), ("2", "Hass", None)])
    links = link(items, kg, title="title")
    assert found(links, kg) == {"1": "ex:a", "2": "ex:b"}


def test_an_entity_without_a_label_goes_by_its_iri():
    kg = KnowledgeGraph.from_triples(
        [("http://e.org/The_Net_(1995_film)", "ex:by", "ex:x"), ("_:b", "ex:by", "ex:x")]
    )
    links = link(catalogue([("1", "Net, The", 1995)]), kg, title="title", year="year")
    assert found(links, kg) == {"1": "http://e.org/The_Net_(1995_film)"}


def test_spelling_is_tried_after_titles():
    labels, types, years, rows = films()
    kg = graph(
        {**labels, "ex:a": "The Garden of the Finzi-Continis", "ex:r": "Rockyhorror 2 Returns"},
        types={**types, "ex:a": "ex:Film", "ex:r": "ex:Film"},
        years={**years, "ex:a": 1970, "ex:r": 1982},
    )
    items = catalogue(
        [
            *rows,
            ("g", "Garden of the Finzi-Contini, The", 1970),
            ("r", "Rockyhorror 3 Returns", 1982),
        ]
    )
    links = link(items, kg, title="title", year="year")
    assert found(links, kg)["g"] == "ex:a"
    assert "r" not in found(links, kg)
    assert dict(zip(links.items.take(links.item), links.method, strict=True))["g"] == "spelling"
    without = link(items, kg, title="title", year="year", methods=("title",))
    assert "g" not in found(without, kg)


def test_another_spelling_needs_a_year_that_agrees():
    labels, types, years, rows = films()
    kg = graph(
        {**labels, "ex:a": "Innocence Lost"}, types={**types, "ex:a": "ex:Film"}, years=years
    )
    links = link(catalogue([*rows, ("1", "Innocense Lost", 1990)]), kg, title="title", year="year")
    assert "1" not in found(links, kg)
    assert [(c.item_id, c.iri) for c in links.review] == [("1", "ex:a")]
    assert "the spelling differs" in links.review[0].reason


def test_an_item_whose_entity_is_not_in_the_graph_gets_no_other_one():
    kg = KnowledgeGraph.read(kg_data.path("films") / "films.ttl")
    items = pd.read_csv(kg_data.path("films") / "items.csv", dtype=str)
    stated = pd.read_csv(kg_data.path("films") / "links.csv", dtype=str)
    gone = set(stated["iri"].sample(frac=0.5, random_state=0))
    frame = kg.to_pandas(literals=True)
    half = KnowledgeGraph.from_pandas(frame[~frame["head"].isin(gone)])
    left = {
        item: iri for item, iri in zip(stated["item_id"], stated["iri"], strict=True)
        if iri not in gone
    }  # fmt: skip
    assert found(link(items, half, title="title", year="year"), half) == left


def test_thresholds():
    kg = graph({"ex:a": "Heat"})
    items = catalogue([("1", "Heat", 1995)])
    sure = link(items, kg, title="title", year="year").confidence[0]
    above = link(items, kg, title="title", year="year", threshold=float(sure) + 0.001)
    assert len(above) == 0
    assert above.review[0].confidence == pytest.approx(sure, abs=1e-4)
    with pytest.raises(DataError, match="No item was found"):  # and nothing to look at either
        link(items, kg, title="title", year="year", threshold=0.99, review=0.99)


def test_one_to_one_gives_an_entity_to_the_surest_item():
    kg = graph({"ex:a": "Heat (1995 film)", "ex:b": "Dust (1990 film)"})
    items = catalogue(
        [("1", "Heat", 1995), ("2", "Heat", 1996), ("3", "Dust", 1990), ("4", "Dust", 1990)]
    )
    many = link(items, kg, title="title", year="year")
    assert found(many, kg) == {"1": "ex:a", "2": "ex:a", "3": "ex:b", "4": "ex:b"}
    one = link(items, kg, title="title", year="year", one_to_one=True)
    assert found(one, kg) == {"1": "ex:a"}  # of two that are equally sure neither
    reasons = {c.item_id: c.reason for c in one.review}
    assert set(reasons) == {"2", "3", "4"}
    assert all("another item" in reason for reason in reasons.values())


def test_one_to_one_leaves_the_second_best_to_the_loser():
    kg = graph({"ex:a": "Heat (1995 film)", "ex:b": "Heat (1997 film)"})
    items = catalogue([("1", "Heat", 1995), ("2", "Heat", 1996)])
    links = link(items, kg, title="title", year="year", one_to_one=True)
    assert found(links, kg) == {"1": "ex:a", "2": "ex:b"}


RIVALS = "items of other years fit its entity as well"


def test_items_of_different_years_cannot_all_be_an_entity_without_a_year():
    kg = graph({"ex:psycho": "Psycho", "ex:heat": "Heat", "ex:dust": "Dust"})
    titles = ["Psycho"] * 3 + ["Dust"] + ["Heat"] * 3
    years = [1960, 1998, 2012, 1990, 1995, 1996, None]
    items = catalogue(zip("1234567", titles, years, strict=True))
    settings = {"title": "title", "year": "year", "threshold": 0.8}
    with pytest.warns(KgrecWarning, match=r"^Items not linked.*: 3 \(entities: 1\).*links="):
        links = link(items, kg, **settings)
    # Years that differ by the tolerance, and an item without a year, may be one thing twice.
    one_thing = {"4": "ex:dust", "5": "ex:heat", "6": "ex:heat", "7": "ex:heat"}
    assert found(links, kg) == one_thing
    assert [c.item_id for c in links.review] == ["1", "2", "3"]
    assert all(0.3 < c.confidence < 1 / 3 for c in links.review)
    assert all(RIVALS in c.reason for c in links.review)
    assert all(RIVALS in links.report.reasons[id] for id in ("1", "2", "3"))
    with pytest.warns(KgrecWarning, match=r"^Items not linked.*: 5 \(entities: 2\)"):
        links = link(items, kg, year_tolerance=0, **settings)
    assert found(links, kg) == {"4": "ex:dust", "7": "ex:heat"}


def test_an_item_with_an_entity_of_its_own_year_is_no_rival():
    kg = graph({"ex:psycho": "Psycho", "ex:remake": "Psycho (1998 film)"})
    items = catalogue([("1", "Psycho", 1960), ("2", "Psycho", 1998)])
    with warnings.catch_warnings(action="error"):
        links = link(items, kg, title="title", year="year", threshold=0.8)
    assert found(links, kg) == {"1": "ex:psycho", "2": "ex:remake"}
    kg = graph({"ex:psycho": "Psycho"}, years={"ex:psycho": 1960})
    with warnings.catch_warnings(action="error"):
        links = link(items, kg, title="title", year="year", threshold=0.8)
    assert found(links, kg) == {"1": "ex:psycho"}


def test_a_link_that_is_given_is_a_rival_of_other_years():
    kg = graph({"ex:psycho": "Psycho"}, more=[("ex:psycho", ISBN, "9", "", "")])
    items = catalogue([("1", "Psycho", 1960), ("2", "Psycho", 1998)])
    given = pd.DataFrame({"item_id": ["2"], "iri": ["ex:psycho"]})
    with pytest.warns(KgrecWarning, match=r"^Items not linked.*: 1 \(entities: 1\)"):
        links = link(items, kg, given, title="title", year="year", threshold=0.8, review=0)
    assert found(links, kg) == {"2": "ex:psycho"}
    assert links.review[0].confidence < 0.001
    by_identifier = items.assign(isbn=["9", "9"])  # one identifier is no doubt about the years
    with warnings.catch_warnings(action="error"):
        links = link(by_identifier, kg, title="title", year="year", property=ISBN, column="isbn")
    assert found(links, kg) == {"1": "ex:psycho", "2": "ex:psycho"}


def test_the_order_of_the_items_does_not_matter():
    labels, types, years, rows = films()
    kg = graph(labels, types=types, years=years)
    items = catalogue([*rows, ("z", "Ambre", 1950), ("y", "Birch", 1990), ("x", "", None)])
    one = link(items, kg, title="title", year="year")
    other = link(items.iloc[::-1], kg, title="title", year="year")
    assert found(one, kg) == found(other, kg)
    np.testing.assert_array_equal(one.confidence, other.confidence)
    assert one.review == other.review
    assert one.report == other.report
    assert one.report.reasons["x"] == "the item has no title"


def books():
    literals = [
        ("ex:a", ISBN, "978-0-306-40615-7", "", ""),
        ("ex:b", ISBN, "080442957X", "", ""),
        ("ex:c", ISBN, "twice", "", ""),
        ("ex:d", ISBN, "twice", "", ""),
    ]
    return KnowledgeGraph.from_triples([("ex:e", ISBN, "http://isbn.org/IS-1")], literals)


def test_identifiers_in_three_forms():
    kg = books()
    items = pd.DataFrame(
        {
            "item_id": ["1", "2", "3", "4", "5"],
            "isbn": ["0306406152", "0-8044-2957-X", "is1", "", "twice"],
        }
    )
    settings = {"property": ISBN, "column": "isbn"}
    isbn = link(items, kg, identifier="isbn", **settings)
    assert found(isbn, kg) == {"1": "ex:a", "2": "ex:b"}
    assert isbn.method == ("identifier",) * 2
    plain = link(items, kg, identifier="plain", **settings)
    assert found(plain, kg) == {"2": "ex:b", "3": "ex:e"}
    assert [(c.item_id, c.iri) for c in plain.review] == [("5", "ex:c"), ("5", "ex:d")]
    assert "another entity fits as well" in plain.review[0].reason
    exact = link(pd.DataFrame({"item_id": [" 080442957X "]}), kg, property=ISBN)
    assert found(exact, kg) == {" 080442957X ": "ex:b"}


def test_methods_follow_each_other():
    kg = graph(
        {"ex:a": "Amber", "ex:b": "Birch", "ex:c": "Cedar", "ex:d": "Dahlia"},
        more=[("ex:c", "ex:imdb", "tt1", "", "")],
    )
    items = pd.DataFrame(
        {
            "item_id": ["ex:a", "2", "3", "4"],
            "title": ["Dahlia", "Amber", "Amber", "Dahlia"],
            "imdb": ["", "", "tt1", ""],
        }
    )
    stated = pd.DataFrame({"item_id": ["2"], "iri": ["ex:b"]})
    links = link(items, kg, stated, title="title", property="ex:imdb", column="imdb")
    assert found(links, kg) == {"2": "ex:b", "3": "ex:c", "4": "ex:d", "ex:a": "ex:a"}
    assert links.report.methods == {"file": 1, "iri": 1, "identifier": 1, "title": 1}
    assert "1 by file, 1 by iri, 1 by identifier, 1 by title" in str(links.report)


def test_a_name_of_very_many_is_no_clue():
    kg = graph({f"ex:{row}": "Heat" for row in range(1001)} | {"ex:b": "Dust"})
    links = link(catalogue([("1", "Heat", None), ("2", "Dust", None)]), kg, title="title")
    assert found(links, kg) == {"2": "ex:b"}
    assert links.report.reasons["1"] == "too many entities have this title"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"titel": "title"}, ConfigError, "Linking: unknown setting 'titel'.*'title'"),
        ({"title": "titel"}, ConfigError, "title: the items have no column 'titel'.*'title'"),
        ({"title": "title", "year": "yaer"}, ConfigError, "year: the items have no column 'yaer'"),
        ({"title": "title", "threshold": 0}, ConfigError, "threshold.*greater than 0"),
        ({"title": "title", "threshold": 1.5}, ConfigError, "threshold"),
        ({"title": "title", "methods": ("guess",)}, ConfigError, "methods"),
        ({"title": "title", "types": ("ex:Flim",)}, DataError, "type 'ex:Flim'.*'ex:Film'"),
        ({"property": "ex:yaer"}, DataError, "no property 'ex:yaer'.*'ex:year'"),
        ({"property": YEAR, "column": "x"}, ConfigError, "column: the items have no column 'x'"),
        ({"column": "x"}, ConfigError, "no property has those"),
        ({"year": "year"}, ConfigError, "year is given without a title"),
        ({"property": YEAR}, DataError, "No item was found in the graph by"),
    ],
)
def test_mistakes_get_a_message(settings, error, message):
    kg = graph({"ex:a": "Heat"}, types={"ex:a": "ex:Film"}, years={"ex:a": 1995})
    with pytest.raises(error, match=message):
        link(catalogue([("1", "Heat", 1995)]), kg, **settings)


def test_years_that_are_none_are_counted():
    kg = graph({"ex:a": "Heat", "ex:b": "Dust"})
    items = catalogue([("1", "Heat", "MCM"), ("2", "Dust", "1990-05-01")])
    links = link(items, kg, title="title", year="year")
    assert links.report.notes == ("1 values of year hold no year from 1500 to 2099",)


def test_files_are_written_exactly_and_whole(tmp_path):
    kg = graph({"ex:a": "=1+1", "ex:b": '"Heat", \n\x1b[2J', "ex:c": "x"})
    items = catalogue([("=1", "=1+1", None), ("2", "Heat \n\x1b[2J", 1990)])
    links = link(items, kg, title="title", year="year", threshold=0.95)
    write_links(links, kg.entities.take(links.entity), tmp_path / "new" / "links.csv")
    write_review(links.review, tmp_path / "review.csv")
    with (tmp_path / "new" / "links.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["item_id"] for row in rows] == links.items.take(links.item)
    again = link(items, kg, tmp_path / "new" / "links.csv")
    np.testing.assert_array_equal(again.entity, links.entity)
    np.testing.assert_allclose(again.confidence, links.confidence, atol=1e-4)
    with (tmp_path / "review.csv").open(newline="") as file:
        assert next(csv.reader(file)) == [
            "item_id", "title", "year", "iri", "label", "candidate_year", "confidence", "reason",
        ]  # fmt: skip
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="cannot be written"):
        write_review(links.review, tmp_path / "folder")


def test_the_films_are_found_by_title_and_year():
    kg = KnowledgeGraph.read(kg_data.path("films") / "films.ttl")
    items = pd.read_csv(kg_data.path("films") / "items.csv", dtype=str)
    stated = pd.read_csv(kg_data.path("films") / "links.csv", dtype=str)
    true = dict(zip(stated["item_id"], stated["iri"], strict=True))
    config = LinkConfig(title="title", year="year")
    assert found(kgrec.link(items, kg, config=config), kg) == true
    # The titles alone, of which two are of one film, give no wrong link either.
    alone = found(kgrec.link(items, kg, title="title"), kg)
    assert {item: true.get(item) for item in alone} == alone
    assert len(alone) >= 0.99 * len(true)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the real data is not here")
def test_movielens_is_linked_to_dbpedia_by_title_and_year():
    kg = KnowledgeGraph.read(SHARED / "kg.nt.gz")
    items = pd.read_csv(SHARED / "items.csv", dtype=str, keep_default_na=False)
    stated = pd.read_csv(SHARED / "links.csv", dtype=str)
    true = dict(zip(stated["item_id"], stated["iri"], strict=True))
    entity = found(link(items, kg, title="title", year="release_year"), kg)
    both = [item for item in entity if item in true]
    right = sum(entity[item] == true[item] for item in both)
    assert right / len(both) >= 0.99
    assert right / len(true) >= 0.95
    assert len(entity) - len(both) <= 3  # links that links.csv does not have
