"""Names of relations from many graphs, as parts of English sentences."""

import pytest

from kgrec.explain.explanation import Node, Path, Relation
from kgrec.explain.relation_words import relation_words
from kgrec.explain.sentences import Others, sentence

NAMES = {
    "also views": "is viewed together with X",
    "alsoBought": "is bought together with X",
    "frequently_bought_together": "is bought together with X",
    "award received": "the award X",
    "likes": "is linked to X (likes)",
    "viewed": "is linked to X (viewed)",
    "has works in the collection": "is linked to X (has works in the collection)",
    "death place": "the death place X",
    "deathPlace": "the death place X",
    "Death Place": "the death place X",
    "Director": "the director X",
    "hasGenre": "the genre X",
    "has Genre": "the genre X",
    "dct:subject": "the subject X",
    "has part(s)": "the part X",
    "genres": "the genre X",
    "categories": "the category X",
    "characters": "the character X",
    "series": "the series X",
    "starring": "the actor X",
    "features": "the feature X",
    "productionCompany": "the production company X",
    "Country of origin": "the country of origin X",
    "place of birth": "the place of birth X",
    "French title": "the French title X",
    "MPA film rating": "the MPA film rating X",
    "IBU": "the IBU X",
    "inLanguage": "the language X",
    "first appearance": "the first appearance X",
    "is_part_of": "is part of X",
    "isBasedOn": "is based on X",
    "part of the series": "is part of the series X",
    "directed by": "is directed by X",
    "wasInfluencedBy": "is influenced by X",
    "set in period": "is set in period X",
    "present in work": "is present in work X",
    "named after": "is named after X",
    "nominated for": "is nominated for X",
    "sameAs": "is the same as X",
    "relatedTo": "is related to X",
    "similar": "is similar to X",
    "memberOf": "is a member of X",
    "participant in": "is a participant in X",
    "depicts": "depicts X",
    "contains": "contains X",
    "follows": "follows X",
    "knows": "knows X",
    "worksFor": "works for X",
    "takes place in fictional universe": "takes place in fictional universe X",
    "shares border with": "shares border with X",
    "musicBy": "has music by X",
    "导演": "the 导演 X",
}
MANY = {
    "also views": "are viewed together with X and Y",
    "deathPlace": "the death places X and Y",
    "categories": "the categories X and Y",
    "country of origin": "the countries of origin X and Y",
    "memberOf": "are members of X and Y",
    "is_part_of": "are part of X and Y",
    "depicts": "depict X and Y",
    "teaches": "teach X and Y",
    "musicBy": "have music by X and Y",
    "shares border with": "share border with X and Y",
}
DIRECT = {
    ("sequel", "forward"): "whose sequel it is",
    ("sequels", "backward"): "which is its sequel",
    ("also views", "forward"): "which is viewed together with it",
    ("alsoViews", "backward"): "which it is viewed together with",
    ("part of the series", "forward"): "which is linked to it (part of the series)",
    ("isBasedOn", "backward"): "which it is based on",
    ("follows", "forward"): "which follows it",
    ("follows", "backward"): "which it follows",
    ("followed by", "forward"): "which is followed by it",
    ("similar", "backward"): "which it is similar to",
}


def node(label, kind="item"):
    return Node(kind, 0, label, label)


def steps(label, direction="backward"):
    return Relation(label, "http://e.org/x", label, direction)


LIKED = Relation("interacts", "", "liked", "forward")


def shared(liked, label, thing):
    nodes = (node("you"), node(liked), node(thing), node("T"))
    return Path("shared", nodes, (LIKED, steps(label, "forward"), steps(label)), 1.0)


def direct(liked, label, direction):
    return Path(
        "direct", (node("you"), node(liked), node("T")), (LIKED, steps(label, direction)), 1
    )


@pytest.mark.parametrize("name", NAMES)
def test_one_thing_that_is_shared(name):
    words = NAMES[name]
    how = f"which shares {words} with it" if words[:4] == "the " else f"which, like it, {words}"
    expected = f"T is recommended because you liked A, {how}."
    assert sentence("T", [shared("A", name, "X")]) == expected


@pytest.mark.parametrize("name", MANY)
def test_several_items_and_things(name):
    words = MANY[name]
    how = f"which share {words} with it" if words[:4] == "the " else f"which, like it, {words}"
    expected = f"T is recommended because you liked A and B, {how}."
    paths = [shared(liked, name, thing) for liked in "AB" for thing in "XY"]
    assert sentence("T", paths) == expected


@pytest.mark.parametrize(("name", "direction"), DIRECT)
def test_relations_between_items(name, direction):
    expected = f"T is recommended because you liked A, {DIRECT[name, direction]}."
    assert sentence("T", [direct("A", name, direction)]) == expected


def test_forms_in_one_sentence():
    paths = [shared("A", name, "X") for name in ("director", "about", "depicts", "also views")]
    assert sentence("T", paths) == (
        "T is recommended because you liked A, which shares the director X with it and which, like "
        "it, is about X and viewed together with X and depicts X."
    )


def test_what_all_items_share_has_no_nonsense():
    common = ((steps("also views"), "X"), (steps("genres"), "Y"))
    assert sentence("T", [], True, Others(0, 3, 7, common)) == (
        "Nothing in particular joins T to what you liked: all 7 items have X (also views) and the "
        "genre Y. No other user has chosen T yet."
    )


@pytest.mark.parametrize(
    "name", ["", " ", "_", "7", "is", "has", "in", "of", "S", "x" * 300, "s s"]
)
def test_odd_names_make_a_sentence(name):
    assert sentence("T", [shared("A", name, "X"), direct("B", name, "backward")]).endswith(".")
    assert relation_words(name).plural is not None
