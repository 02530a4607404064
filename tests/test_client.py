"""A client of a service answers as the recommender does."""

import socket

import pandas as pd
import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `serve`")

from project import words_for_language_model
from running_service import running

import kgrec
from kgrec.errors import ConfigError, DataError, ServiceError, UnknownIdError
from kgrec.runs.reading import load_run
from kgrec.serving.app import make_app
from kgrec.serving.keys import Keys, add_key
from kgrec.serving.loading import load_served
from kgrec.serving.log import open_log
from kgrec.serving.service import Service
from kgrec.serving.settings import LimitConfig, ServeConfig


@pytest.fixture(scope="module")
def both(trained_run, tmp_path_factory):
    """Return a client, and the recommender of the same run."""
    folder = tmp_path_factory.mktemp("state")
    key = add_key(folder / "keys.json", "test", "admin")
    with words_for_language_model():
        # It has no test part, which the recommender does not know either.
        whole = load_run(trained_run)[0]
        kgrec.save(whole, folder / "run")
        service = Service(
            load_served(folder / "run"),
            log=open_log(str(folder / "log")),
            keys=Keys(folder / "keys.json"),
        )
        with running(make_app(service)) as url:
            yield kgrec.Client(url, key), whole, url


def test_every_answer_is_that_of_the_recommender(both):
    client, rec, _ = both
    for asked in (
        {"user": "u00", "k": 3},
        {"liked": ["i09"], "k": 4, "filter": "price < 5", "exclude": ["i10"]},
        {"user": "u15", "k": 2, "diversity": 0.4},
        {"user": "u15", "k": 3, "retrieve": 4},
        {"description": "space pirates", "k": 2},
    ):
        found, expected = client.recommend(**asked), rec.recommend(**asked)
        assert [one.item for one in found] == [one.item for one in expected]
        assert [one.score for one in found] == pytest.approx([one.score for one in expected])
    assert [one.item for one in client.similar_items("i01", 3)] == [
        one.item for one in rec.similar_items("i01", 3)
    ]
    found, expected = client.search("space", 2), rec.search("space", 2)
    assert [(one.item, one.confidence) for one in found] == [
        (one.item, one.confidence) for one in expected
    ]
    assert client.profile("u00").text == rec.profile("u00").text
    assert client.title("i03") == rec.title("i03")
    assert client.users() == rec.user_vocabulary.ids
    assert client.items() == rec.item_vocabulary.ids
    many = client.recommend_all(2, users=["u00", "u29"])
    assert [one.item for one in many["u29"]] == [one.item for one in rec.recommend("u29", 2)]
    turn = client.converse(["something in space"], k=2)
    assert [one.item for one in turn["items"]] == [
        one.item for one in kgrec.Conversation(rec).say("something in space", 2).items
    ]


def test_an_explanation_comes_as_an_object(both):
    client, rec, _ = both
    found, expected = client.explain("u00", "n0"), rec.explain("u00", "n0")
    assert found.sentence == expected.sentence
    assert [str(path) for path in found.paths] == [str(path) for path in expected.paths]
    assert [one.item.id for one in found.contributions] == [
        one.item.id for one in expected.contributions
    ]
    assert found.to_networkx().number_of_nodes() > 2


def test_an_update_counts_when_it_returns(both):
    client = both[0]
    frame = pd.DataFrame({"user_id": ["fay"] * 3, "item_id": ["i09", "i10", "i11"],
                          "rating": [5, 5, 1]})  # fmt: skip
    log = kgrec.Interactions.read(frame, positive="rating >= 4")
    client.update(interactions=log, items={"a/b": {"title": "Odd"}}, users=["..", "greta"])
    assert client.history("fay") == ["i09", "i10"]
    assert client.title("a/b") == "Odd"
    assert {"..", "greta"} <= set(client.users())
    client.update(interactions=[{"user": "greta", "item": "a/b"}])
    assert client.history("greta") == ["a/b"]
    client.update(remove_items=["a/b"], remove_users=["greta", ".."])
    assert "a/b" not in client.items()
    with pytest.raises(UnknownIdError, match="greta"):
        client.history("greta")


def test_mistakes_are_the_errors_of_kgrec(both):
    client, _, url = both
    with pytest.raises(UnknownIdError, match="nobody"):
        client.recommend("nobody")
    with pytest.raises(UnknownIdError, match="'zz'"):
        client.similar_items("zz")
    with pytest.raises(DataError, match="k must lie between"):
        client.recommend("u00", 150)
    with pytest.raises(DataError, match="begin with http"):
        kgrec.Client("127.0.0.1")
    with pytest.raises(ConfigError, match="valid API key"):
        kgrec.Client(url).recommend("u00")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ServiceError, match="cannot be reached"):
        kgrec.Client(nobody, timeout=1).recommend("u00")


def test_a_client_comes_again_when_it_is_told_to(served_slowly):
    client, calls = served_slowly
    assert client.title("i01") == "Title 0"
    assert calls.count(429) >= 1


@pytest.fixture
def served_slowly(trained_run):
    """Return a client of a service that lets one request pass per second, and its answers."""
    calls = []
    with words_for_language_model():
        config = ServeConfig(limits=LimitConfig(requests=60, burst=1))
        app = make_app(Service(load_served(trained_run), config))

        async def counted(scope, receive, send):
            async def told(message):
                if message["type"] == "http.response.start":
                    calls.append(message["status"])
                await send(message)

            await app(scope, receive, told)

        with running(counted) as url:
            client = kgrec.Client(url)
            client.title("i01")
            yield client, calls
