"""Every route that reads answers as the recommender does."""

import time
from urllib.parse import quote
from xml.etree import ElementTree

import pandas as pd
import pytest

import kgrec
from kgrec.conversation import Conversation
from kgrec.runs.serving import read_test
from kgrec.serving.loading import load_served


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [one["item"] for one in answer.json()["items"]]


@pytest.fixture(scope="module")
def rec(served):
    return served.recommender


@pytest.fixture(scope="module")
def held_out(trained_run, rec):
    def of(user):
        test = read_test(trained_run, rec.user_vocabulary, rec.item_vocabulary, user).rated()
        return rec.item_vocabulary.take(test.item)

    return of


@pytest.mark.parametrize("user", ["u00", "u15", "u29"])
def test_recommendations_are_those_of_the_run_without_what_the_user_has(
    client, rec, held_out, user
):
    expected = rec.recommend(user, 4, exclude=held_out(user))
    answer = client.get(f"/v1/users/{user}/recommendations", params={"k": 4})
    assert ids(answer) == [one.item for one in expected]
    (first, *_) = answer.json()["items"]
    assert first == pytest.approx(expected[0].to_dict())
    assert answer.json()["run"] == "run"
    body = {"user": user, "k": 4}
    assert client.post("/v1/recommendations", json=body).json() == answer.json()


def test_what_a_request_asks_for_is_what_the_recommender_gets(client, rec, held_out):
    asked = {
        "liked": ["i09", "i10"],
        "k": 3,
        "filter": "'pirates' in tags",
        "exclude": ["i12"],
        "popularity": -0.5,
    }
    expected = [one.item for one in rec.recommend(**asked)]
    assert ids(client.post("/v1/recommendations", json=asked)) == expected
    chosen = {"liked": ["i09"], "k": 2, "candidates": ["i01", "i10", "i11"]}
    expected = [one.item for one in rec.recommend(**chosen)]
    assert ids(client.post("/v1/recommendations", json=chosen)) == expected
    further = {"liked": ["i18"], "k": 3, "diversity": 0.5}
    expected = rec.recommend("u00", exclude=held_out("u00"), **further)
    answer = client.get("/v1/users/u00/recommendations", params=further)
    assert ids(answer) == [one.item for one in expected]
    retrieved = {"liked": ["i18"], "k": 3, "retrieve": 5}
    expected = rec.recommend("u00", exclude=held_out("u00"), **retrieved)
    answer = client.get("/v1/users/u00/recommendations", params=retrieved)
    assert ids(answer) == [one.item for one in expected]
    name = next(iter(rec.snapshot.towers))
    answer = client.get("/v1/users/u00/recommendations", params={**retrieved, "towers": [name]})
    config = kgrec.RetrieveConfig(n=5, towers=(name,))
    expected = rec.recommend("u00", exclude=held_out("u00"), **{**retrieved, "retrieve": config})
    assert ids(answer) == [one.item for one in expected]
    refused = client.post("/v1/recommendations", json={"user": "u00", "towers": ["nothing"]})
    assert refused.status_code == 422
    assert "no tower 'nothing'" in refused.json()["detail"]
    words = {"description": "space pirates", "k": 3}
    expected = [one.item for one in rec.recommend(**words)]
    assert ids(client.post("/v1/recommendations", json=words)) == expected


def test_reasons_stand_beside_the_items(client, rec):
    answer = client.get("/v1/users/u00/recommendations", params={"k": 2, "reasons": True})
    for one in answer.json()["items"]:
        expected = rec.explain("u00", one["item"], k=3)
        assert one["reason"]["sentence"] == expected.sentence
        assert len(one["reason"]["paths"]) == len(expected.paths)
    nobody = {"description": "space", "reasons": True}
    answer = client.post("/v1/recommendations", json=nobody)
    assert answer.status_code == 422
    assert "`reasons` needs `user` or `liked`" in answer.json()["detail"]


def test_similar_and_search(client, rec):
    assert ids(client.get("/v1/items/i01/similar?k=3")) == [
        one.item for one in rec.similar_items("i01", 3)
    ]
    answer = client.get("/v1/search", params={"q": "space pirates", "k": 3})
    assert answer.json()["items"] == [one.to_dict() for one in rec.search("space pirates", 3)]
    taste = {"q": "pirates", "user": "u00", "liked": ["i09"], "disliked": ["i18"], "k": 3}
    expected = [one.item for one in rec.search(taste["q"], 3, user="u00", liked=["i09"],
                                               disliked=["i18"])]  # fmt: skip
    assert ids(client.get("/v1/search", params=taste)) == expected


def test_a_weak_search_says_so_in_the_answer(client):
    answer = client.get("/v1/search", params={"q": "zzzz qqqq", "k": 2}).json()
    assert any("Weak matches" in one for one in answer["warnings"])


def test_a_conversation_without_state_is_one_with_state(client, rec):
    talk = Conversation(rec)
    first = talk.say("space", 2)
    second = talk.say("something with pirates", 2)
    asked = {"turns": ["space"], "k": 2}
    answer = client.post("/v1/conversation", json=asked)
    assert ids(answer) == [one.item for one in first.items]
    asked = {"turns": ["space", "something with pirates"], "shown": ids(answer), "k": 2}
    answer = client.post("/v1/conversation", json=asked)
    assert ids(answer) == [one.item for one in second.items]
    assert answer.json()["understood"]["text"] == str(second.understood)


def test_explanations_as_data_sentence_and_picture(client, rec):
    expected = rec.explain("u00", "n0", language="de")
    answer = client.get("/v1/users/u00/explanations/n0", params={"language": "de"})
    assert answer.json()["sentence"] == expected.sentence
    assert [one["kind"] for one in answer.json()["paths"]] == [one.kind for one in expected.paths]
    assert "row" not in answer.text
    for asked in ({"params": {"format": "svg"}}, {"headers": {"Accept": "image/svg+xml"}}):
        picture = client.get("/v1/users/u00/explanations/n0", **asked)
        assert picture.headers["content-type"].startswith("image/svg+xml")
        assert ElementTree.fromstring(picture.content).tag.endswith("svg")
    body = {"item": "n0", "liked": ["i01"]}
    expected = rec.explain(None, "n0", liked=["i01"])
    assert client.post("/v1/explanations", json=body).json()["sentence"] == expected.sentence


def test_items_and_users_and_their_pages(client, rec):
    found, after = [], None
    while True:
        page = client.get("/v1/items", params={"limit": 7} | ({"after": after} if after else {}))
        found += page.json()["items"]
        after = page.json()["next"]
        if after is None:
            break
    assert [one["item"] for one in found] == rec.item_vocabulary.ids
    assert page.json()["total"] == len(found)
    detail = client.get("/v1/items/i10").json()
    assert detail["title"] == rec.title("i10")
    assert detail["attributes"]["tags"] == ["pirates", "all"]
    assert detail["entity"] == "http://ex.org/film10"
    have = [user for user in rec.user_vocabulary if "i10" in rec.history(user)]
    assert detail["users"] == len(have) > 0
    user = client.get("/v1/users/u00").json()
    assert [one["item"] for one in user["history"]] == rec.history("u00")
    assert user["attributes"] == {"job": ["pilot"]}
    assert client.get("/v1/users?limit=2").json()["users"] == rec.user_vocabulary.ids[:2]
    text = client.get("/v1/users/u00/profile").json()["text"]
    assert text == rec.profile("u00").text


def test_the_graph_around_a_node_lists_no_users(client, rec):
    around = client.get("/v1/graph/item/i10").json()
    labels = {(one["relation"]["label"], one["node"]["label"]) for one in around["neighbors"]}
    assert ("director", "Director of pirates") in labels
    assert {one["node"]["type"] for one in around["neighbors"]}.isdisjoint({"user"})
    train = rec.snapshot.interactions[0]
    assert around["users"] == int(train.matrix()[:, rec.item_vocabulary.row("i10")].sum())
    iri = quote("http://ex.org/director1", safe="")
    director = client.get(f"/v1/graph/entity/{iri}").json()
    items = {one["node"]["id"] for one in director["neighbors"]}
    assert items == {"i09", "i10", "i11", "i12", "i13", "i14", "n1", "http://ex.org/Person"}
    assert len(client.get(f"/v1/graph/entity/{iri}?limit=2").json()["neighbors"]) == 2


def test_health_figures_and_the_card(client, served):
    assert client.get("/livez").json()["status"] == "alive"
    service = client.app.state.service
    assert client.get("/readyz").status_code == 503  # nobody has started it
    service.start()
    while client.get("/readyz").status_code != 200:
        time.sleep(0.01)
    assert client.get("/readyz").json() == {"status": "ready", "run": "run"}
    card = client.get("/v1/model").json()
    assert card["model"] == served.card["model"]
    assert card["metrics"]
    client.get("/v1/items/i01")
    figures = client.get("/metrics")
    assert figures.headers["content-type"].startswith("text/plain")
    assert 'route="/v1/items/{item}",status="200"' in figures.text
    assert "u00" not in figures.text


def test_batches_answer_in_order_and_a_mistake_spoils_only_itself(client, rec):
    asked = [{"liked": ["i01"], "k": 2}, {"user": "nobody"}, {"user": "u15", "k": 1}]
    answers = client.post("/v1/recommendations/batch", json={"requests": asked}).json()["answers"]
    assert [one["item"] for one in answers[0]["items"]] == [
        one.item for one in rec.recommend(liked=["i01"], k=2)
    ]
    assert answers[1]["status"] == 422
    assert "nobody" in answers[1]["detail"]
    assert len(answers[2]["items"]) == 1
    for route, asked in (
        ("similar", [{"item": "i01", "k": 2}]),
        ("search", [{"q": "space", "k": 2}]),
        ("explanations", [{"user": "u00", "item": "n0"}]),
    ):
        answer = client.post(f"/v1/{route}/batch", json={"requests": asked})
        assert len(answer.json()["answers"]) == 1
        assert "detail" not in answer.json()["answers"][0]


ODD = [
    "a/b",
    "a/similar",
    "../x",
    "x/explanations/y",
    "50%",
    "é ñ",
    "?q=1",
    "#",
    "a+b",
    "..",
    "日本",
]


def test_ids_may_hold_any_character(tmp_path, encoder_of_words):
    from fastapi.testclient import TestClient

    from kgrec.serving.app import make_app
    from kgrec.serving.service import Service

    pairs = [(user, item) for user in ODD for item in ODD if user != item]
    log = kgrec.Interactions.read(pd.DataFrame(pairs, columns=["user_id", "item_id"]))
    fitted = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(log)
    kgrec.save(fitted, tmp_path / "odd")
    client = TestClient(make_app(Service(load_served(tmp_path / "odd"))))
    for one in ODD:
        path = quote(one, safe="").replace(".", "%2E")
        assert client.get(f"/v1/items/{path}").json()["item"] == one
        assert client.get(f"/v1/users/{path}").json()["user"] == one
        answer = client.get(f"/v1/users/{path}/recommendations", params={"k": 1})
        assert ids(answer) == [one]  # the only item that this user does not have
        assert one not in ids(client.get(f"/v1/items/{path}/similar", params={"k": 3}))
        explained = client.get(f"/v1/users/{path}/explanations/{path}")
        assert explained.json()["item"]["id"] == one
