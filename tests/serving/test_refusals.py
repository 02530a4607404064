"""What the service refuses, and how it says so."""

import asyncio

import httpx
import pytest

from kgrec.errors import ConfigError
from kgrec.serving.app import make_app
from kgrec.serving.gate import POLICY
from kgrec.serving.service import Service
from kgrec.serving.settings import LimitConfig, ServeConfig, check_address

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("path", "status", "kind", "told"),
    [
        ("/v1/items/zz", 404, "unknown-id", "No item has the id 'zz'"),
        ("/v1/items/zz/similar", 404, "unknown-id", "No item has the id 'zz'"),
        ("/v1/users/zz/recommendations", 404, "unknown-id", "No user has the id 'zz'"),
        ("/v1/graph/itm/i01", 404, "unknown-id", "Did you mean 'item'?"),
        ("/v1/graph/entity/zz", 404, "unknown-id", "no entity 'zz'"),
        ("/v1/search?q=", 422, "not-as-expected", "query.q"),
        ("/v1/search?q=%20", 422, "not-as-expected", "The query is empty"),
        ("/v1/search?q=a&kk=1", 422, "not-as-expected", "Did you mean 'k'?"),
        ("/v1/items/i01/similar?k=0", 422, "not-as-expected", "query.k"),
        ("/v1/items/i01/similar?k=100", 422, "not-as-expected", "k must lie between 1 and"),
        ("/v1/items/i01/similar?k=999", 422, "not-as-expected", "`k` may be at most 200"),
        ("/v1/items/i01/similar?filter=price%20<", 422, "not-as-expected", "filter"),
        ("/v1/items/%FF", 422, "not-as-expected", "not UTF-8"),
        ("/v1/items/a%00b", 422, "not-as-expected", "NUL"),
        ("/nowhere", 404, "no-such-route", "nothing at /nowhere"),
        ("/v1/recommendations", 405, "method-not-allowed", "GET is not possible"),
    ],
)
def test_a_mistake_is_a_problem_in_words(client, path, status, kind, told):
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:kgrec:problem:{kind}"
    assert problem["status"] == status
    assert told in problem["detail"]
    assert problem["instance"].endswith(answer.headers["x-request-id"])


def test_a_body_that_is_no_json_or_has_unknown_keys(client):
    answer = client.post("/v1/recommendations", content="{", headers=JSON)
    assert (answer.status_code, answer.json()["type"][-8:]) == (400, "not-json")
    answer = client.post("/v1/recommendations", json={"likes": ["i01"]})
    assert "Did you mean 'liked'?" in answer.json()["detail"]
    answer = client.post("/v1/recommendations", json={})
    assert answer.status_code == 422
    assert "Give `user`" in answer.json()["detail"]
    answer = client.post("/v1/recommendations", json={"liked": ["zz"]})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:kgrec:problem:unknown-id")


@pytest.mark.parametrize(
    ("route", "body", "where"),
    [
        ("POST /v1/interactions", {"user": "u01", "item": "i01", "liked": "f"}, "liked"),
        ("POST /v1/interactions", {"user": "u01", "item": "i01", "rating": "4"}, "rating"),
        ("POST /v1/interactions", {"interactions": [{"user": 1, "item": 2, "liked": 1}]}, "liked"),
        ("PUT /v1/users/u01", {"consent": "no"}, "consent"),
        ("POST /v1/recommendations", {"liked": ["i01"], "k": "5"}, "k"),
        ("POST /v1/recommendations", {"liked": ["i01"], "reasons": "on"}, "reasons"),
        ("POST /v1/recommendations/batch", {"requests": [{"liked": ["i01"], "k": True}]}, "k"),
        ("POST /v1/similar/batch", {"requests": [{"item": "i01", "k": "5"}]}, "k"),
        ("POST /v1/search/batch", {"requests": [{"q": "sea", "k": "5"}]}, "k"),
        ("POST /v1/conversation", {"turns": ["sea"], "k": "5"}, "k"),
        ("POST /v1/explanations", {"item": "i01", "liked": ["i02"], "k": "5"}, "k"),
    ],
)
def test_a_body_says_numbers_and_truth_values_as_json_does(client, route, body, where):
    method, path = route.split()
    answer = client.request(method, path, json=body)
    assert answer.status_code == 422, answer.text
    assert where in answer.json()["detail"]
    assert "valid" in answer.json()["detail"]


def test_an_internal_error_tells_nothing_but_its_number(client, monkeypatch):
    monkeypatch.setattr("kgrec.serving.served.Served.item", lambda *_: 1 / 0)
    answer = client.get("/v1/items/i01")
    assert answer.status_code == 500
    assert "division" not in answer.text
    assert answer.json()["instance"].endswith(answer.headers["x-request-id"])


def test_every_answer_has_the_headers_that_keep_a_page_safe(client):
    for path in ("/livez", "/nowhere", "/v1/items/i01"):
        headers = client.get(path, headers={"Origin": "https://elsewhere.example"}).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    assert "unsafe" not in POLICY


def test_other_origins_are_let_in_by_name_alone(client_of):
    client = client_of(origins=("https://shop.example",))
    own = client.get("/v1/items/i01", headers={"Origin": "https://shop.example"})
    assert own.headers["access-control-allow-origin"] == "https://shop.example"
    other = client.get("/v1/items/i01", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in other.headers


def test_a_body_may_not_be_too_large_be_its_size_told_or_not(client_of):
    client = client_of(limits={"body": 2000})
    big = b'{"liked": ["' + b"x" * 3000 + b'"]}'
    for content in (big, iter([big[:1500], big[1500:]])):
        answer = client.post("/v1/recommendations", content=content, headers=JSON)
        assert (answer.status_code, answer.json()["type"][-9:]) == (413, "too-large")


def test_a_batch_and_a_text_have_a_limit(client_of):
    client = client_of(limits={"batch": 2, "text": 10})
    answer = client.post("/v1/search/batch", json={"requests": [{"q": "a"}] * 3})
    assert "`requests` may have 2 questions" in answer.json()["detail"]
    answer = client.get("/v1/search", params={"q": "space pirates"})
    assert "`q` may have 10 characters here, found 13" in answer.json()["detail"]


def slow_app(served, monkeypatch, seconds, **limits):
    import time

    def wait(*_):
        time.sleep(seconds)
        return {}

    monkeypatch.setattr("kgrec.serving.served.Served.item", wait)
    return make_app(Service(served, ServeConfig(limits=LimitConfig(**limits))))


def ask_together(app, *numbers):
    """Return the answers to so many requests at one time, for each number."""

    async def ask():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [
                await asyncio.gather(*(client.get("/v1/items/i01") for _ in range(number)))
                for number in numbers
            ]

    return asyncio.run(ask())


def test_what_cannot_wait_is_refused_with_a_time_to_come_back(served, monkeypatch):
    app = slow_app(served, monkeypatch, 0.1, in_flight=1, waiting=2)
    answers, later = ask_together(app, 8, 3)
    statuses = sorted(one.status_code for one in answers)
    assert statuses == [200] * 3 + [429] * 5
    refused = next(one for one in answers if one.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert [one.status_code for one in later] == [200] * 3


def test_an_answer_that_takes_too_long_is_given_up(served, monkeypatch):
    app = slow_app(served, monkeypatch, 0.3, timeout=0.05)
    ((answer,),) = ask_together(app, 1)
    assert (answer.status_code, answer.json()["type"][-7:]) == (503, "timeout")


def test_without_keys_only_this_machine_is_served():
    check_address(ServeConfig(host="127.0.0.1"))
    check_address(ServeConfig(host="::1"))
    check_address(ServeConfig(host="0.0.0.0", keys="keys.json"))
    for host in ("0.0.0.0", "::", "192.168.0.7", "example.org"):
        with pytest.raises(ConfigError, match="Without API keys"):
            check_address(ServeConfig(host=host))


def test_short_requests_come_one_after_the_other_and_wait_for_no_long_one(served, monkeypatch):
    import threading
    import time

    lock, short_are_done = threading.Lock(), threading.Event()
    inside, most = {"short": 0, "long": 0}, {"short": 0, "long": 0}

    def counted(kind, wait, answer):
        def run(*_, **__):
            with lock:
                inside[kind] += 1
                most[kind] = max(most[kind], inside[kind])
            wait()
            with lock:
                inside[kind] -= 1
            return answer

        return run

    similar = counted("short", lambda: time.sleep(0.02), [])
    item = counted("long", lambda: short_are_done.wait(20), {})
    monkeypatch.setattr("kgrec.serving.served.Served.similar", similar)
    monkeypatch.setattr("kgrec.serving.served.Served.item", item)
    app = make_app(Service(served, ServeConfig(limits=LimitConfig(in_flight=4))))

    async def ask():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            long = [asyncio.create_task(client.get("/v1/items/i01")) for _ in range(4)]
            while inside["long"] < 4:
                await asyncio.sleep(0.01)
            short = await asyncio.gather(*(client.get("/v1/items/i01/similar") for _ in range(5)))
            short_are_done.set()
            return [*short, *await asyncio.gather(*long)]

    assert [one.status_code for one in asyncio.run(ask())] == [200] * 9
    assert most == {"short": 1, "long": 4}
