"""Long queries on the packaged films: how often a good one is called weak, and nonsense sure."""

import warnings

import pytest

import kg_data
import kgrec
from kgrec.models.ease import EASEConfig
from kgrec.retrieval.search import WEAK

# None of them was used to choose a setting.
GOOD = """
    I would love to see a movie about a mafia boss and his sons
    show me please a film where a hobbit carries a ring to a volcano
    we want to watch something about the Second World War and a concentration camp
    is there a story about a boxer or a wrestler who makes a comeback
    what is a good film noir about insurance fraud and murder
    my wife likes films about ballet dancers
    can anybody suggest a movie about dreams inside of dreams
    I need something with dinosaurs or big monsters for my nephew
    looking for a science fiction film about time travel with a car
    please recommend a film about a poor family that moves into the house of a rich family
    I remember one with a murderer in a motel who stabs a woman in the shower
    do you know a film about a silent movie star who is forgotten
    a French film about a boy who runs away from school please
    anything about a journalist or newspaper tycoon and his secret
    we are looking for an animated film about a lion or a fish who is lost
    I want to watch a movie with a serial killer and a young FBI agent
    could you find a film about a taxi driver at night in New York
    have you got a film about slavery in America and a plantation
    something with trains and strangers who plan a murder
    I am searching for a road movie about two women on the run
"""
NONSENSE = """
    please show me a film about vrelk and zhonk in the trabbleflux
    I am looking for something like wibbleton the snarfqua
    can you recommend a movie where drxxt kklmn pppq happens
    what would you suggest about the gribnak of oolomor
    my friend likes wugs and blickets that dax
    I would like to change the password of my online bank account
    where can I buy a spare battery for this cordless drill
    please book an appointment with the dentist for next Monday morning
    how much does it cost to ship a parcel of five kilograms to Norway
    I need help with my homework about fractions and decimals
    which fertilizer is best for tomatoes in a greenhouse
    the printer is out of toner and the paper tray is jammed
    can I return these shoes if they are a size too small
    we want to compare the interest rates of two mortgages
    is it allowed to deduct the home office from my taxes
    the recipe asks for two spoons of mustard and a bit of vinegar
    please update the spreadsheet with the sales figures of August
    how do I connect wireless headphones to my tablet
    what is the boiling point of ethanol at high altitude
    my broadband is slow and the router blinks orange
"""


@pytest.fixture(scope="module")
def films():
    folder = kg_data.path("films")
    kg = kgrec.KnowledgeGraph.read(folder / "films.ttl")
    items = kgrec.AttributeTable.read(folder / "items.csv")
    log = kgrec.Interactions.read(folder / "ratings.csv", positive="rating >= 4")
    links = kgrec.link(items, kg, folder / "links.csv")
    encoder = kgrec.TextEncoder(
        max_length=64
    )  # twice as fast as with whole texts, and as good here
    model = EASEConfig().build()
    return kgrec.Recommender(kg, links, items=items, model=model, encoder=encoder).fit(log)


def weak(films, queries):
    """Return how many of the queries are called weak."""
    found = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kgrec.errors.KgrecWarning)
        for query in queries.strip().splitlines():
            found += max(hit.confidence for hit in films.search(query.strip(), 10)) < WEAK
    return found


def test_long_queries_are_judged_by_what_they_are_about(films):
    """Measured: 3 and 19 of 20; with fillers counted, and without words and meaning together, 15
    and 20. One more or less may be rounding of another processor."""
    assert weak(films, GOOD) <= 4
    assert weak(films, NONSENSE) >= 18
