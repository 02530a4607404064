"""A conversation refines one state; each answer says what it understood."""

import numpy as np
import pandas as pd
import pytest
from project import WordEncoder
from search_films import EX, FILMS, log, recommender, table

from kgrec import EASE, Conversation, GraphConfig, KnowledgeGraph, Recommender, link
from kgrec.errors import ConfigError, DataError, KgrecWarning, UnknownIdError

GENRE = {film[0]: film[3] for film in FILMS}
PEOPLE = {film[0]: film[4:6] for film in FILMS}


@pytest.fixture(scope="module")
def films():
    return recommender()


def ids(answer):
    return [item.item for item in getattr(answer, "items", answer)]


def test_what_is_not_wanted_never_comes(films):
    found = films.search("something funny but not another musical", 13)
    assert found
    assert "musical" not in {GENRE[item] for item in ids(found)}
    found = films.search("comedy, anything but Adam Sandler", 13)
    assert ids(found)[0] == "f09"
    assert not any("Adam Sandler" in PEOPLE[item] for item in ids(found))


def test_a_named_person_comes_first_also_misspelt(films):
    assert set(ids(films.search("Adam Sandler", 2))) == {"f07", "f08"}
    assert ids(films.search("a film by Quintin Tarentino", 1)) == ["f13"]


def test_a_title_finds_its_film(films):
    assert ids(films.search("Titanic (1997)", 1)) == ["f06"]
    assert set(ids(films.search("Titanic", 2))) == {"f05", "f06"}


def test_taste_moves_a_search(films):
    plain = ids(films.search("crime", 13))
    thrilled = ids(films.search("crime", 11, liked=["f12", "f02"]))
    assert not {"f12", "f02"} & set(thrilled)
    assert thrilled.index("f06") < thrilled.index("f08")  # those who like f12 like f06
    assert len(plain) == 13
    with_user = ids(films.search("crime", 5, user="u00"))
    assert not set(films.history("u00")) & set(with_user)
    hated = ids(films.search("crime", 12, disliked=["f07"]))
    assert "f07" not in hated
    assert hated[-1] in ("f08", "f09", "f03")


def test_a_filter_and_candidates_hold(films):
    found = films.search("a film", 5, liked=["f01"], filter='"comedy" in genre')
    assert set(ids(found)) == {"f07", "f08", "f09"}
    assert ids(films.search("comedy", 3, candidates=["f11", "f02"], exclude=["f02"])) == ["f11"]


def test_turns_refine_one_state(films):
    talk = Conversation(films)
    first = talk.say("a comedy please", 2)
    assert {GENRE[item] for item in ids(first)} == {"comedy"}
    assert first.understood.wanted == ("comedy",)
    second = talk.say("I hated Happy Gilmore (1996), and nothing with Adam Sandler", 5)
    assert second.understood.wanted == ("comedy",)
    assert second.understood.unwanted == ("Adam Sandler",)
    assert second.understood.disliked == (("f08", "Happy Gilmore"),)
    assert not {"f07", "f08"} & set(ids(second))
    assert not set(ids(first)) & set(ids(second))  # no item comes twice
    assert "Adam Sandler" in str(second.understood)
    third = talk.say("ok, Adam Sandler is fine", 13)
    assert third.understood.unwanted == ()
    assert "f08" not in ids(third)


def test_likes_and_dislikes_by_id(films):
    talk = Conversation(films)
    talk.like(["f01"])
    answer = talk.more(3)
    assert "f01" not in ids(answer)
    assert answer.understood.liked == (("f01", "Heat"),)
    talk.dislike(ids(answer)[:1])
    assert not set(ids(answer)) & set(ids(talk.more(3)))
    talk.reset()
    with pytest.raises(DataError, match="Nothing was said"):
        talk.more()


def test_a_known_user_talks(films):
    talk = Conversation(films, user="u00")
    answer = talk.say("anything good", 4)
    assert not set(films.history("u00")) & set(ids(answer))
    assert answer.understood.liked == ()
    with pytest.raises(UnknownIdError):
        Conversation(films, user="nobody")


def test_it_says_what_it_corrected(films):
    answer = Conversation(films).say("a commedy")
    assert answer.understood.corrected == (("commedy", "comedy"),)
    assert answer.to_dict()["understood"]["corrected"] == [{"said": "commedy", "read": "comedy"}]
    assert str(Conversation(films).say("zzz").understood) == "No name was recognised."


@pytest.mark.parametrize("text", ["", "  \n", None, 7])
def test_no_words_are_an_error(films, text):
    with pytest.raises(DataError):
        Conversation(films).say(text)
    with pytest.raises(DataError):
        films.search(text)


def test_wrong_ids_and_numbers(films):
    with pytest.raises(UnknownIdError):
        films.search("comedy", liked=["f99"])
    with pytest.raises(UnknownIdError):
        films.search("comedy", disliked=["f99"])
    with pytest.raises(UnknownIdError):
        films.search("comedy", user="nobody")
    with pytest.raises(DataError, match="liked"):
        films.search("comedy", liked="f01")
    talk = Conversation(films)
    with pytest.raises(ConfigError, match="k must"):
        talk.say("comedy", 99)
    assert ids(talk.say("a musical", 1))[0] in ("f10", "f11")  # the turn above is forgotten
    with pytest.raises(UnknownIdError):
        talk.like(["f99"])


def test_a_hundred_kilobytes(films):
    text = "a thriller with banks and robbers. " * 3000
    with pytest.warns(KgrecWarning, match="characters"):
        found = films.search(text, 3)
    assert GENRE[found[0].item] == "thriller"


def test_everything_ruled_out_gives_an_empty_list(films):
    found = films.search("no comedy, no drama, no musical, no thriller, no animation", 5)
    assert found == []


def test_an_updated_recommender_finds_new_films(films):
    import pandas as pd

    from kgrec import AttributeTable

    new = recommender()
    row = pd.DataFrame(
        [("f14", "Big Daddy", 1999, "comedy")], columns=["item_id", "title", "year", "genre"]
    )
    new.update(items=AttributeTable.read(row, categories=["genre"], numbers=["year"]))
    assert ids(new.search("Big Daddy (1999)", 1)) == ["f14"]
    assert "f14" in ids(new.search("comedy", 4))


def test_scores_are_those_of_plain_search_where_nothing_is_recognised(films):
    query = "a golf player on a sinking ship"
    vector = films.encoder.encode_query(query)
    expected = films.snapshot.semantic_search.scores(query, vector)[0]
    found = {item.item: item.score for item in films.search(query, 13)}
    order = films.item_vocabulary.ids
    np.testing.assert_allclose([found[id] for id in order], expected, atol=1e-4)


def test_earlier_turns_are_not_encoded_again(films, monkeypatch):
    calls = []
    encode = type(films.encoder).encode_query
    monkeypatch.setattr(
        type(films.encoder),
        "encode_query",
        lambda self, text: calls.append(text) or encode(self, text),
    )
    talk, texts = Conversation(films), ["a sad film", "with a ship", "by the sea"]
    for text in texts:
        last = talk.say(text, 2)
    talk.more(2)
    assert sorted(calls) == sorted(texts)
    again = Conversation(films)
    assert [ids(again.say(text, 2)) for text in texts][-1] == ids(last)
    talk.reset()
    talk.say("a sad film")
    assert calls.count("a sad film") == 3


def test_names_are_of_the_relations_that_the_settings_name():
    called = EX + "called"
    pairs = [(f"{EX}p{row}", called, name, "", "") for row, name in enumerate(["Zed", "Quy"])]
    kg = KnowledgeGraph.from_triples(
        [(EX + "f01", EX + "maker", EX + "p0"), (EX + "f02", EX + "maker", EX + "p1")], pairs
    )
    items = table()
    links = pd.DataFrame({"item_id": ["f01", "f02"], "iri": [EX + "f01", EX + "f02"]})
    made = Recommender(
        kg, link(items.ids, kg, links), model=EASE(), items=items, encoder=WordEncoder(),
        graph=GraphConfig(label_relations=(called,), min_degree=1),
    ).fit(log())  # fmt: skip
    assert {"Zed", "Quy"} <= set(made.snapshot.item_facts.names)
