"""The embedded data sets: the graph is complete, the tables fit it, the ratings can be remade."""

import csv
import datetime
import re
import runpy
from collections import Counter, defaultdict
from pathlib import Path

import pyoxigraph as ox
import pytest

import kg_data

FILMS = kg_data.path("films")
SHOP = kg_data.path("shop")
BASE = "https://kgrec.example/films/"
SCHEMA = "https://schema.org/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
XSD = "http://www.w3.org/2001/XMLSchema#"

# Property of a film -> least and most values, and the class of a value that is an entity.
ENTITY_PROPERTIES = {
    SCHEMA + "director": (1, 3, {SCHEMA + "Person"}),
    SCHEMA + "actor": (3, 5, {SCHEMA + "Person"}),
    SCHEMA + "genre": (1, 3, {SKOS + "Concept"}),
    SCHEMA + "about": (2, 4, {SKOS + "Concept"}),
    SCHEMA + "countryOfOrigin": (1, 5, {SCHEMA + "Country"}),
    SCHEMA + "inLanguage": (1, 3, {SCHEMA + "Language"}),
    SCHEMA + "isPartOf": (0, 1, {SCHEMA + "MovieSeries"}),
    SCHEMA + "isBasedOn": (
        0,
        1,
        {
            SCHEMA + name
            for name in ("Book", "Play", "ShortStory", "ComicStory", "CreativeWork", "Movie")
        },
    ),
}
LITERAL_PROPERTIES = {
    SCHEMA + "datePublished": XSD + "date",
    BASE + "runningTime": XSD + "integer",
    BASE + "releaseYear": XSD + "integer",
    SCHEMA + "description": RDF + "langString",
}


class Graph:
    def __init__(self, path: Path) -> None:
        self.triples = [quad.triple for quad in ox.parse(path=str(path))]
        self.values: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
        for triple in self.triples:
            self.values[triple.subject.value][triple.predicate.value].append(triple.object)

    def types(self, iri: str) -> set[str]:
        return {node.value for node in self.values[iri][RDF + "type"]}

    def of_type(self, iri: str) -> set[str]:
        return {subject for subject in list(self.values) if iri in self.types(subject)}

    def get(self, iri: str, predicate: str) -> list:
        return self.values[iri][predicate]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph(FILMS / "films.ttl")


@pytest.fixture(scope="module")
def movies(graph: Graph) -> set[str]:
    return graph.of_type(SCHEMA + "Movie")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def items() -> list[dict[str, str]]:
    return rows(FILMS / "items.csv")


@pytest.fixture(scope="module")
def links() -> list[dict[str, str]]:
    return rows(FILMS / "links.csv")


@pytest.fixture(scope="module")
def ratings() -> list[dict[str, str]]:
    return rows(FILMS / "ratings.csv")


# ------------------------------------------------------------------------------------- the graph


def test_the_graph_is_large_enough_and_has_no_repeated_triple(graph, movies):
    assert len(movies) >= 250
    assert len(graph.triples) >= 4000
    assert len(set(graph.triples)) == len(graph.triples)


def test_every_film_has_its_entities_of_the_right_class(graph, movies):
    wrong = []
    for film in movies:
        for predicate, (least, most, classes) in ENTITY_PROPERTIES.items():
            values = graph.get(film, predicate)
            if not least <= len(values) <= most:
                wrong.append((film, predicate, len(values)))
            for value in values:
                if not isinstance(value, ox.NamedNode) or not graph.types(value.value) & classes:
                    wrong.append((film, predicate, str(value)))
    assert wrong == []


def test_every_film_has_its_literals_of_the_right_datatype(graph, movies):
    wrong = []
    for film in movies:
        for predicate, datatype in LITERAL_PROPERTIES.items():
            values = graph.get(film, predicate)
            if len(values) != 1 or values[0].datatype.value != datatype:
                wrong.append((film, predicate, [str(value) for value in values]))
    assert wrong == []


def test_dates_years_and_lengths_are_plausible_and_agree(graph, movies):
    for film in movies:
        date = datetime.date.fromisoformat(graph.get(film, SCHEMA + "datePublished")[0].value)
        year = int(graph.get(film, BASE + "releaseYear")[0].value)
        minutes = int(graph.get(film, BASE + "runningTime")[0].value)
        assert date.year == year, film
        assert 1920 <= year <= 2025, film
        assert 20 <= minutes <= 260, film
        assert film.endswith(f"-{year}"), film


def test_every_description_is_two_sentences_and_its_own(graph, movies):
    texts = Counter()
    for film in movies:
        (text,) = graph.get(film, SCHEMA + "description")
        assert text.language == "en", film
        sentences = re.split(r"(?<=[.!?])\s+", text.value)
        assert len(sentences) == 2, (film, sentences)
        for sentence in sentences:
            assert sentence[0].isupper(), (film, sentence)
            assert sentence[-1] in ".!?", (film, sentence)
            assert len(sentence.split()) >= 5, (film, sentence)
        texts[text.value] += 1
    assert max(texts.values()) == 1


def test_every_entity_of_ours_that_is_pointed_at_has_a_label_and_a_type(graph):
    ours = {
        node.value
        for triple in graph.triples
        for node in (triple.subject, triple.predicate, triple.object)
        if isinstance(node, ox.NamedNode) and node.value.startswith(BASE)
    }
    assert len(ours) > 1000
    assert [iri for iri in ours if not graph.get(iri, RDFS + "label")] == []
    assert [iri for iri in ours if not graph.types(iri)] == []
    assert [iri for iri in ours if not re.fullmatch(r"[A-Za-z0-9/-]*", iri[len(BASE) :])] == []


def test_every_entity_is_reached_from_a_film(graph, movies):
    """No person, work, series, country or language lies about unused."""
    reached, new = set(movies), set(movies)
    while new:
        new = {
            value.value
            for iri in new
            for values in graph.values[iri].values()
            for value in values
            if isinstance(value, ox.NamedNode) and value.value.startswith(BASE)
        } - reached
        reached |= new
    entities = {iri for iri in list(graph.values) if "/" in iri[len(BASE) :]}
    assert entities - reached == set()


def test_the_films_are_spread_over_decades_countries_and_languages(graph, movies):
    def kinds(predicate: str) -> Counter:
        return Counter(value.value for film in movies for value in graph.get(film, predicate))

    decades = Counter(int(graph.get(film, BASE + "releaseYear")[0].value) // 10 for film in movies)
    assert set(decades) == set(range(192, 203))
    assert min(decades.values()) >= 5
    assert len(kinds(SCHEMA + "countryOfOrigin")) >= 20
    assert len(kinds(SCHEMA + "inLanguage")) >= 20
    people = kinds(SCHEMA + "director") + kinds(SCHEMA + "actor")
    assert sum(count >= 3 for count in people.values()) >= 50, "the films share too few people"


def test_titles_are_tagged_and_films_not_in_english_have_their_own(graph, movies):
    tagged = 0
    for film in movies:
        labels = graph.get(film, RDFS + "label")
        assert "en" in {label.language for label in labels}, film
        assert all(label.language for label in labels), film
        spoken = {node.value for node in graph.get(film, SCHEMA + "inLanguage")}
        if BASE + "language/english" not in spoken:
            assert len(labels) > 1, film
        tagged += len(labels) > 1
    assert tagged >= 150
    spirited = graph.get(BASE + "film/spirited-away-2001", RDFS + "label")
    assert ox.Literal("千と千尋の神隠し", language="ja") in spirited


@pytest.mark.parametrize("scheme", ["genres", "themes"])
def test_concepts_have_labels_in_four_languages_and_a_sound_hierarchy(graph, scheme):
    concepts = {
        iri
        for iri in graph.of_type(SKOS + "Concept")
        if graph.get(iri, SKOS + "inScheme") == [ox.NamedNode(BASE + scheme)]
    }
    assert len(concepts) >= 50

    def above(iri: str, seen: frozenset[str] = frozenset()) -> set[str]:
        assert iri not in seen, f"{iri} is broader than itself"
        parents = {node.value for node in graph.get(iri, SKOS + "broader")}
        assert parents <= concepts
        return parents.union(*(above(parent, seen | {iri}) for parent in parents))

    for iri in concepts:
        labels = graph.get(iri, SKOS + "prefLabel")
        assert sorted(label.language for label in labels) == ["de", "en", "es", "fr"], iri
        related = {node.value for node in graph.get(iri, SKOS + "related")}
        assert related <= concepts - {iri}, iri
        for other in related:  # SKOS: related and broader (transitively) exclude each other
            assert other not in above(iri), (iri, other)
            assert iri not in above(other), (iri, other)
        assert bool(above(iri)) != bool(graph.get(iri, SKOS + "topConceptOf")), iri


def test_known_facts(graph):
    def names(film: str, predicate: str) -> set[str]:
        return {
            node.value.rsplit("/", 1)[1]
            for node in graph.get(BASE + "film/" + film, SCHEMA + predicate)
        }

    assert names("parasite-2019", "director") == {"bong-joon-ho"}
    assert names("the-departed-2006", "isBasedOn") == {"infernal-affairs-2002"}
    assert names("the-magnificent-seven-1960", "isBasedOn") == {"seven-samurai-1954"}
    # Two people of one name are two entities.
    assert names("12-years-a-slave-2013", "director") == {"steve-mcqueen-director"}
    assert "steve-mcqueen" in names("the-magnificent-seven-1960", "actor")
    assert names("aliens-1986", "isPartOf") == names("alien-1979", "isPartOf") == {"alien"}


def test_the_data_set_states_its_licence(graph):
    licence = graph.get(BASE, "http://purl.org/dc/terms/license")
    assert licence == [ox.NamedNode("https://creativecommons.org/publicdomain/zero/1.0/")]
    assert "CC0 1.0 Universal" in (FILMS / "LICENSE").read_text(encoding="utf-8")


# ------------------------------------------------------------------------- items, links, ratings


def test_items_are_well_formed(items):
    ids = [item["item_id"] for item in items]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"F\d{4}", item_id) for item_id in ids)
    assert {item["format"] for item in items} == {"DVD", "Blu-ray", "stream"}
    assert all(1 < float(item["price"]) < 50 for item in items)
    assert all(item["title"] and item["shelf"] for item in items)


def test_links_lead_from_items_to_films_of_the_same_year_and_title(graph, movies, items, links):
    by_id = {item["item_id"]: item for item in items}
    assert len({link["item_id"] for link in links}) == len(links)
    for link in links:
        item = by_id[link["item_id"]]
        assert link["iri"] in movies
        assert graph.get(link["iri"], BASE + "releaseYear")[0].value == item["year"]
        titles = [label.value for label in graph.get(link["iri"], RDFS + "label")]
        assert any(item["title"].startswith(title) for title in titles), (item, titles)


def test_links_are_as_uneven_as_the_card_says(movies, items, links):
    per_film = Counter(link["iri"] for link in links)
    unlinked = {item["item_id"] for item in items} - {link["item_id"] for link in links}
    assert len(unlinked) == 7
    assert [iri for iri, n in per_film.items() if n > 1] == [BASE + "film/blade-runner-1982"]
    assert per_film[BASE + "film/blade-runner-1982"] == 2
    assert len(movies - set(per_film)) == 5


def test_ratings_fit_the_items_and_are_varied(items, ratings):
    ids = {item["item_id"] for item in items}
    users = {row["user_id"] for row in ratings}
    pairs = {(row["user_id"], row["item_id"]) for row in ratings}
    assert len(ratings) >= 30_000
    assert len(users) >= 800
    assert len(pairs) == len(ratings), "a user rated an item twice"
    assert {row["item_id"] for row in ratings} <= ids
    assert {row["rating"] for row in ratings} == set("12345")
    high = sum(int(row["rating"]) >= 4 for row in ratings) / len(ratings)
    assert 0.45 <= high <= 0.55
    times = [int(row["timestamp"]) for row in ratings]
    assert 3 < (max(times) - min(times)) / (365 * 86_400) <= 4.01
    assert (FILMS / "ratings.csv").stat().st_size < 1_000_000


def test_popularity_has_a_long_tail(ratings):
    counts = sorted(Counter(row["item_id"] for row in ratings).values(), reverse=True)
    top = sum(counts[: len(counts) // 10])
    assert top / len(ratings) > 0.2, "the top tenth of the items has too few of the ratings"
    assert counts[len(counts) // 2] < counts[0] / 3


def test_cold_items_are_linked_and_the_card_lists_exactly_them(items, links, ratings):
    cold = {item["item_id"] for item in items} - {row["item_id"] for row in ratings}
    assert 12 <= len(cold) <= 15
    assert cold <= {link["item_id"] for link in links}
    title = {item["item_id"]: f"{item['title']} ({item['year']})" for item in items}
    section = card().split("## Cold items")[1].split("\n## ")[0]
    listed = dict(re.findall(r"^\| (F\d{4}) \| (.+?) \|$", section, flags=re.M))
    assert listed == {item_id: title[item_id] for item_id in cold}


def test_taste_shows_in_the_ratings(graph, links, ratings):
    """Films that share a director please the same users: the signal is there to be learned."""
    director = {
        link["item_id"]: graph.get(link["iri"], SCHEMA + "director")[0].value for link in links
    }
    per_item = defaultdict(list)
    per_user = defaultdict(list)
    for row in ratings:
        per_item[row["item_id"]].append(int(row["rating"]))
        per_user[row["user_id"]].append((row["item_id"], int(row["rating"])))
    mean = {item: sum(values) / len(values) for item, values in per_item.items()}
    same, other = [], []
    for history in per_user.values():
        centred = [(item, value - mean[item]) for item, value in history]
        for k, (item, value) in enumerate(centred):
            for item_2, value_2 in centred[k + 1 : k + 40]:
                if item not in director or item_2 not in director:
                    continue
                pair = same if director[item] == director[item_2] else other
                pair.append(value * value_2)
    assert len(same) > 1000
    assert sum(same) / len(same) > sum(other) / len(other) + 0.2


def test_the_script_makes_exactly_the_ratings_that_are_here(tmp_path):
    script = runpy.run_path(str(FILMS / "make_ratings.py"))
    script["main"](tmp_path / "ratings.csv")
    assert (tmp_path / "ratings.csv").read_bytes() == (FILMS / "ratings.csv").read_bytes()


# --------------------------------------------------------------------------------------- the card


def card() -> str:
    return (FILMS / "README.md").read_text(encoding="utf-8")


def test_the_counts_of_the_card_are_right(graph, movies, items, links, ratings):
    def in_folder(name: str) -> int:
        return sum(iri.startswith(f"{BASE}{name}/") for iri in list(graph.values))

    section = card().split("## Counts")[1].split("\n## ")[0]
    stated = {name: int(n) for name, n in re.findall(r"^\| (.+?) \| (\d+) \|$", section, re.M)}
    rated = {row["item_id"] for row in ratings}
    assert stated == {
        "distinct triples": len(set(graph.triples)),
        "films": len(movies),
        "people": in_folder("person"),
        "genres": in_folder("genre"),
        "themes": in_folder("theme"),
        "countries": in_folder("country"),
        "languages": in_folder("language"),
        "original works": in_folder("work"),
        "film series": in_folder("series"),
        "items": len(items),
        "linked items": len(links),
        "simulated users": len({row["user_id"] for row in ratings}),
        "simulated ratings": len(ratings),
        "items without ratings": len(items) - len(rated),
    }
    high = sum(int(row["rating"]) >= 4 for row in ratings) / len(ratings)
    assert f"{100 * high:.1f} % of the simulated ratings are 4 or 5" in section


def test_the_card_states_the_parameters_of_the_model():
    script = runpy.run_path(str(FILMS / "make_ratings.py"))
    section = card().split("## The preference model")[1].split("\n## ")[0]
    assert f"exp({script['CHOICE_TASTE']} a + {script['CHOICE_POPULARITY']} log p(i)" in section
    assert f"bias(u) + {script['TASTE']} a" in section
    deviations = (script["BIAS_SD"], script["QUALITY_SD"], script["NOISE_SD"])
    assert "{}, {} and {}".format(*deviations) in section
    cuts = [str(cut) for cut in script["CUTS"]]
    assert f"cut at {', '.join(cuts[:-1])} and {cuts[-1]}" in section
    assert f"{script['DRIFT']:.0%}".replace("%", " %") in section
    assert f"from {script['MIN_RATINGS']} to {script['MAX_RATINGS']}" in section


# --------------------------------------------------------------------------------- shop and path


def test_in_the_shop_product_4_shares_more_with_the_bought_ones_than_product_2():
    shop = Graph(SHOP / "shop.ttl")
    iri = {row["item_id"]: row["iri"] for row in rows(SHOP / "links.csv")}
    item_rows = rows(SHOP / "items.csv")
    assert set(iri) == {row["item_id"] for row in item_rows} == set("1234")
    bought = {row["item_id"]: int(row["rating"]) for row in rows(SHOP / "ratings.csv")}
    assert bought == {"1": 5, "3": 4}

    def traits(item: str) -> set[str]:
        predicates = (SCHEMA + "category", "https://kgrec.example/shop/priceLevel")
        return {node.value for predicate in predicates for node in shop.get(iri[item], predicate)}

    for row in item_rows:
        assert ox.Literal(row["title"], language="en") in shop.get(
            iri[row["item_id"]], RDFS + "label"
        )
        assert len(traits(row["item_id"])) == 2
    shared = {item: {b: traits(item) & traits(b) for b in bought} for item in ("2", "4")}
    assert all(shared["4"].values()), "product 4 shares something with each bought product"
    assert all(shared["2"][b] <= shared["4"][b] for b in bought)
    assert sum(map(len, shared["4"].values())) > sum(map(len, shared["2"].values()))


def test_in_the_shop_everything_pointed_at_has_a_label():
    shop = Graph(SHOP / "shop.ttl")
    ours = {
        triple.object.value
        for triple in shop.triples
        if isinstance(triple.object, ox.NamedNode)
        and triple.object.value.startswith("https://kgrec.example/shop/")
    }
    assert len(ours) >= 5
    assert [iri for iri in ours if not shop.get(iri, RDFS + "label") or not shop.types(iri)] == []


def test_path_names_the_known_data_sets():
    assert (kg_data.path("films") / "films.ttl").is_file()
    with pytest.raises(ValueError, match=r"'flims'.*films, shop"):
        kg_data.path("flims")
