"""What somebody likes, in words; the words work as a user."""

import numpy as np
import pytest
from search_films import FILMS, ROWS, recommender

from kgrec.errors import ConfigError, DataError, UnknownIdError
from kgrec.search.profiles import profile_of

GENRE = {film[0]: film[3] for film in FILMS}


@pytest.fixture(scope="module")
def films():
    return recommender()


def test_it_names_what_a_history_has_more_than_others(films):
    found = films.profile(liked=["f07", "f08", "f09"])
    names = {name: (kind, count) for name, kind, count in found.entities}
    assert names["comedy"] == ("genre", 3)
    assert names["Adam Sandler"] == ("actor", 2)
    assert "drama" not in names
    assert "comedy" in found.text
    assert "Adam Sandler" in found.text
    assert found.to_dict()["text"] == found.text


def test_topics_are_clusters_of_the_history():
    places = np.array([[1, 0]] * 5 + [[0, 1]] * 3 + [[1, 1]] * 5, dtype=np.float32)
    places[:8] += np.random.default_rng(0).normal(0, 0.01, (8, 2)).astype(np.float32)
    facts = recommender().taste().facts
    words = recommender().taste().signals.words
    rows = np.arange(8)
    found = profile_of(rows, rows[:0], facts, places, (words.words, words.counts))
    assert [topic.share for topic in found.topics] == [5 / 8, 3 / 8]
    assert set(found.topics[0].items) <= set(range(5))
    assert set(found.topics[1].items) <= {5, 6, 7}
    assert found.topics[1].names[0] in facts.names


def test_its_text_works_as_a_user(films):
    text = films.profile(liked=["f01", "f12"]).text
    found = films.recommend(description=text, k=3)
    ids = [item.item for item in found]
    assert ids[0] == "f13"  # the other thriller
    assert not {"f01", "f12"} & set(ids)  # the text names them
    first = text.split("\n")[0]
    assert first == "I like thriller."
    edited = f"{first.replace('thriller', 'musical')}\nNo thriller."
    assert GENRE[films.recommend(description=edited, k=1)[0].item] == "musical"


def test_a_description_beside_a_user_and_a_filter(films):
    found = films.recommend("u00", 3, description="comedy", filter='"comedy" in genre')
    assert {GENRE[item.item] for item in found} == {"comedy"}
    assert not set(films.history("u00")) & {item.item for item in found}
    with pytest.raises(ConfigError, match="diversity"):
        films.recommend(description="comedy", diversity=0.5)
    with pytest.raises(DataError, match="empty"):
        films.recommend(description=" ")


def test_a_known_user_has_a_profile(films):
    found = films.profile("u00")
    has = set(films.history("u00"))
    assert has
    for topic in found.topics:
        assert {list(ROWS)[row] for row in topic.items} <= has
    assert sum(topic.share for topic in found.topics) == pytest.approx(1)


def test_nobody_has_no_profile(films):
    with pytest.raises(DataError):
        films.profile()
    with pytest.raises(UnknownIdError):
        films.profile("nobody")
    with pytest.raises(UnknownIdError):
        films.profile(liked=["f99"])
