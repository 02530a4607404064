"""What is posted counts at once, is kept, and survives."""

import sqlite3
import time

import pytest
from fastapi.testclient import TestClient

from kgrec.errors import RunError
from kgrec.serving.app import make_app
from kgrec.serving.loading import load_served
from kgrec.serving.log import Event, KeyReusedError, open_log
from kgrec.serving.pseudonyms import Pseudonyms, read_key
from kgrec.serving.service import Service
from kgrec.serving.settings import ServeConfig

KEY = b"k" * 32


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "log.sqlite3"


@pytest.fixture
def start(trained_run, encoder_of_words, path):
    """Return a function that starts a service with the log of this test."""
    running = []

    def make(**settings):
        service = Service(
            load_served(trained_run, hidden=settings.get("hidden_columns", ())),
            ServeConfig(poll=0.02, **settings),
            log=open_log(str(path)),
            pseudonyms=Pseudonyms(KEY),
        )
        client = TestClient(make_app(service), raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        client.service = service
        until(lambda: client.get("/readyz").status_code == 200)
        return client

    yield make
    for client in running:
        client.__exit__(None, None, None)


def until(holds, seconds=20.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


def test_many_new_interactions_say_that_a_training_is_due(start):
    one = start()
    many = [{"user": f"new{n}", "item": "i01", "liked": True} for n in range(9)]
    assert "kgrec_training_due 0.0" in one.get("/metrics").text
    answer = one.post("/v1/interactions", json={"interactions": many}, params={"wait": True})
    assert answer.json()["applied"]
    # 9 of 40 users came after training: more than 20 %.
    assert "kgrec_training_due 1.0" in one.get("/metrics").text
    told = one.get("/v1/model/drift").json()["figures"]
    assert (told["users_new"], told["training_is_due"]) == (9, True)


def listed(client, user, k=3):
    answer = client.get(f"/v1/users/{user}/recommendations", params={"k": k})
    assert answer.status_code == 200, answer.text
    return [one["item"] for one in answer.json()["items"]]


def history(client, user):
    answer = client.get(f"/v1/users/{user}")
    return [one["item"] for one in answer.json()["history"]] if answer.status_code == 200 else None


def post(client, user, item, wait=True, **more):
    body = {"user": user, "item": item, **more}
    answer = client.post("/v1/interactions", params={"wait": wait}, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_an_interaction_changes_the_list_and_a_dislike_takes_it_back(start):
    client = start()
    (best, *_) = listed(client, "u00")
    told = post(client, "u00", best)
    assert told == {
        "accepted": 1, "ignored": 0, "sequence": 1, "repeated": False, "applied": True
    }  # fmt: skip
    assert best not in listed(client, "u00")
    assert best in history(client, "u00")
    post(client, "u00", best, liked=False)
    assert best not in history(client, "u00")
    assert best not in listed(client, "u00")
    assert [one["item"] for one in client.get("/v1/users/u00").json()["disliked"]].count(best) == 1


def test_a_posted_interaction_changes_the_list_within_a_second(start):
    client = start()
    post(client, "u15", listed(client, "u15")[0])  # the first one loads the rest of the run
    (best, *_) = listed(client, "u15")
    began = time.monotonic()
    post(client, "u15", best, wait=False)
    until(lambda: best not in listed(client, "u15"))
    assert time.monotonic() - began < 1.0


def test_a_rating_is_judged_by_the_rule_of_the_run(start):
    client = start()
    first, second, third = listed(client, "u00")
    post(client, "u00", first, rating=5)
    post(client, "u00", second, rating=2)
    assert first in history(client, "u00")
    assert second not in history(client, "u00")
    assert second not in listed(client, "u00")  # it is disliked
    assert third in listed(client, "u00")


def test_a_user_and_an_item_that_nobody_knew(start):
    client = start()
    for item in ("i09", "i10", "i11"):
        post(client, "new one/2", item)
    assert set(listed(client, "new%20one%2F2", 5)) & {"i12", "i13", "i14"}
    about = {"title": "Pirates again", "attributes": {"tags": ["pirates", "all"], "price": 4}}
    put = client.put("/v1/items/p%2F1", params={"wait": True}, json=about)
    assert put.status_code == 200, put.text
    detail = client.get("/v1/items/p%2F1").json()
    assert detail["title"] == "Pirates again"
    assert sorted(detail["attributes"]["tags"]) == ["all", "pirates"]
    assert detail["attributes"]["price"] == 4
    found = client.get("/v1/search", params={"q": "Pirates again", "k": 3}).json()["items"]
    assert "p/1" in [one["item"] for one in found]
    assert client.get("/v1/items/p%2F1/similar?k=2").status_code == 200


def test_a_withdrawn_item_is_in_no_answer_until_it_is_put_again(start):
    client = start()
    (best, *_) = listed(client, "u00")
    gone = client.delete(f"/v1/items/{best}", params={"wait": True})
    assert gone.status_code == 200, gone.text
    assert best not in listed(client, "u00", 10)
    assert client.get(f"/v1/items/{best}").json()["withdrawn"]
    assert client.delete(f"/v1/items/{best}").status_code == 404
    refused = client.post("/v1/interactions", json={"user": "u00", "item": best})
    assert (refused.status_code, "withdrawn" in refused.json()["detail"]) == (422, True)
    client.put(f"/v1/items/{best}", params={"wait": True}, json={})
    assert best in listed(client, "u00", 10)


def test_many_at_a_time_and_the_last_one_counts(start):
    client = start()
    a, b, _ = listed(client, "u29")
    many = [
        {"user": "u29", "item": a, "liked": True},
        {"user": "u29", "item": b, "liked": True},
        {"user": "u29", "item": a, "liked": False},
    ]
    answer = client.post("/v1/interactions", params={"wait": True}, json={"interactions": many})
    assert answer.json()["accepted"] == 3
    assert b in history(client, "u29")
    assert a not in history(client, "u29")


def test_a_key_makes_a_request_count_once(start):
    client = start()
    body = {"user": "u00", "item": listed(client, "u00")[0]}
    key = {"Idempotency-Key": "order-17"}
    first = client.post("/v1/interactions", json=body, headers=key).json()
    again = client.post("/v1/interactions", json=body, headers=key).json()
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert again["sequence"] == first["sequence"]
    assert client.service.log.last() == first["sequence"]
    other = client.post("/v1/interactions", json={**body, "liked": False}, headers=key)
    assert (other.status_code, other.json()["type"][-10:]) == (409, "key-reused")


def test_what_was_posted_is_there_after_a_restart(start):
    first = start()
    item = listed(first, "u00")[0]
    post(first, "u00", item)
    post(first, "newcomer", "i01")
    second = start()
    assert item in history(second, "u00")
    assert history(second, "newcomer") == ["i01"]


def test_a_worker_sees_what_another_one_has_written(start):
    one, other = start(), start()
    post(one, "u00", "n0")
    until(lambda: "n0" in history(other, "u00"))
    post(other, "u00", "n1")
    until(lambda: "n1" in history(one, "u00"))


def test_many_updates_are_put_together(start, monkeypatch):
    monkeypatch.setattr("kgrec.serving.applying.MOST_PENDING", 3)
    client = start()
    items = [f"i{number:02}" for number in range(1, 9)]
    for item in items:
        post(client, "busy", item)
    assert sorted(history(client, "busy")) == items
    assert len(client.service.current.now.pending) <= 4


def test_a_refused_event_does_not_stop_the_others(start, path):
    client = start()
    log = open_log(str(path))
    log.append([Event("item", None, "odd", {"attributes": {"price": ["no", "number"]},
                                            "entity": "no IRI"})])  # fmt: skip
    log.append([Event("interaction", "u00", "n0", {"liked": True})])
    until(lambda: "n0" in history(client, "u00"))


def test_a_service_without_a_log_only_reads(client):
    answer = client.post("/v1/interactions", json={"user": "u00", "item": "i01"})
    assert (answer.status_code, answer.json()["type"][-9:]) == (403, "read-only")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"user": "u00"}, "item"),
        ({"user": "", "item": "i01"}, "user"),
        ({"user": "u00", "item": "i01", "rating": "NaN"}, "rating"),
        ({"user": "a\x00b", "item": "i01"}, "NUL"),
        ({"interactions": []}, "interactions"),
        ({"user": "u00", "item": "i01", "like": True}, "Did you mean 'liked'?"),
    ],
)
def test_an_interaction_that_is_none_is_refused(start, body, told):
    client = start()
    answer = client.post("/v1/interactions", json=body)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert client.service.log.last() == 0


def test_items_must_be_put_first_where_the_settings_say_so(start):
    client = start(new_items=False)
    answer = client.post("/v1/interactions", json={"user": "u00", "item": "i0l"})
    assert answer.status_code == 422
    assert "No item has the id 'i0l'" in answer.json()["detail"]


def test_no_id_of_a_user_is_in_figures_or_in_the_access_log(start, caplog):
    caplog.set_level("INFO", logger="kgrec.access")
    client = start()
    post(client, "secret-person", "i01")
    client.get("/v1/users/secret-person/recommendations")
    client.get("/v1/users/secret-person/explanations/i02")
    assert "secret-person" not in caplog.text
    assert f"~{Pseudonyms(KEY).of('secret-person')}" in caplog.text
    assert "secret-person" not in client.get("/metrics").text


def test_pseudonyms_need_the_key(tmp_path):
    one, other = Pseudonyms(KEY), Pseudonyms(b"o" * 32)
    assert one.of("ann") == Pseudonyms(KEY).of("ann") != other.of("ann")
    key = read_key(tmp_path / "new" / "secret.key")
    assert read_key(tmp_path / "new" / "secret.key") == key
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o077 == 0
    (tmp_path / "short").write_bytes(b"x")
    with pytest.raises(RunError, match="has 1 bytes"):
        read_key(tmp_path / "short")


def test_a_log_is_no_other_database(tmp_path):
    other = sqlite3.connect(tmp_path / "other.sqlite3")
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    with pytest.raises(RunError, match="a database of something else"):
        open_log(str(tmp_path / "other.sqlite3"))
    (tmp_path / "text").write_text("no database" * 100)
    with pytest.raises(RunError, match="cannot be used"):
        open_log(str(tmp_path / "text"))
    with pytest.raises(RunError):
        open_log(str(tmp_path))


def test_events_of_a_log_come_back_as_they_were(tmp_path):
    log = open_log(str(tmp_path / "log"))
    odd = Event("interaction", "ü\u2028ser", "it'em; DROP TABLE entries", {"liked": True})
    assert log.append([odd, odd], key="a", digest="1").last == 2
    assert log.append([odd], key="a", digest="1").repeated
    with pytest.raises(KeyReusedError):
        log.append([odd], key="a", digest="2")
    (first, second) = log.read(0)
    assert (first.user, first.item, dict(first.body)) == (odd.user, odd.item, {"liked": True})
    assert log.read(1) == [second]
    assert log.of_user(odd.user) == [first, second]


def test_an_erased_user_is_gone_everywhere(start, path):
    one, other = start(), start()
    post(one, "somebody-new", "i01")
    post(one, "u07", listed(one, "u07")[0])
    until(lambda: history(other, "somebody-new"))
    for user in ("somebody-new", "u07"):
        gone = one.delete(f"/v1/users/{user}")
        assert gone.json()["applied"], gone.text
        assert history(one, user) is None
        assert one.delete(f"/v1/users/{user}").status_code == 404
        until(lambda: history(other, user) is None)  # noqa: B023
    for file in path.parent.iterdir():
        assert b"somebody-new" not in file.read_bytes()
        assert b"u07" not in file.read_bytes()
    # The model is told, and nothing of before is kept in memory.
    until(lambda: one.service.current.now.base is None and not one.service.current.now.pending)
    figures = one.get("/metrics").text
    assert "kgrec_training_due 1.0" in figures  # it was trained: only a training forgets
    assert history(start(), "u07") is None  # the run on disk still has them
    assert "somebody-new" not in one.get("/v1/users?limit=100").json()["users"]
    post(one, "u07", "i01")  # who comes back is somebody new
    assert history(one, "u07") == ["i01"]


def test_an_export_tells_all_that_is_known(start):
    client = start()
    (best, *_) = listed(client, "u00")
    post(client, "u00", best, rating=5.0)
    told = client.get("/v1/users/u00/export").json()
    assert best in [one["item"] for one in told["run"]["history"]]
    assert told["run"]["attributes"] == {"job": ["pilot"]}
    (event,) = told["log"]
    assert (event["item"], event["rating"], event["liked"]) == (best, 5.0, True)
    assert told["pseudonym"] == Pseudonyms(KEY).of("u00")
    assert client.get("/v1/users/nobody/export").status_code == 404


def test_nothing_is_kept_of_who_opts_out(start):
    client = start()
    before = history(client, "u00")
    client.put("/v1/users/u00", json={"consent": False})
    (best, *_) = listed(client, "u00")
    told = post(client, "u00", best)
    assert (told["accepted"], told["ignored"]) == (0, 1)
    assert history(client, "u00") == before
    assert client.get("/v1/users/u00/export").json()["opted_out"]
    client.put("/v1/users/u00", json={"consent": True})
    assert post(client, "u00", best)["accepted"] == 1


def test_hidden_columns_are_in_no_answer_but_the_export(start):
    client = start(hidden_columns=("job", "price"))
    assert "price" not in client.get("/v1/items/i10").json()["attributes"]
    assert client.get("/v1/users/u00").json()["attributes"] == {}
    assert client.get("/v1/users/u00/export").json()["run"]["attributes"] == {"job": ["pilot"]}
