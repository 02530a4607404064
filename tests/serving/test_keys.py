"""Who may do what, and how often."""

import json

import pytest
from fastapi.testclient import TestClient

from kgrec.errors import ConfigError, RunError
from kgrec.serving.app import make_app
from kgrec.serving.keys import Keys, add_key, read_keys, remove_key
from kgrec.serving.log import open_log
from kgrec.serving.rates import Rates
from kgrec.serving.service import Service
from kgrec.serving.settings import LimitConfig, ServeConfig


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.json"


def asked_with(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_key_is_nowhere_but_in_the_hands_of_who_got_it(file):
    key = add_key(file, "shop", "read")
    content = file.read_text()
    assert key not in content
    assert key.split("_")[2] not in content
    assert file.stat().st_mode & 0o077 == 0
    (stored,) = read_keys(file)
    assert (stored.name, stored.scope) == ("shop", "read")
    keys = Keys(file)
    assert keys.find(key) == stored
    number, secret = key.split("_")[1:]
    wrong = ["", "x", f"kgrec_{number}_{secret[:-1]}0z", f"kgrec_000000000000_{secret}", "kgrec__"]
    assert [keys.find(one) for one in wrong] == [None] * 5


def test_scopes_include_those_before_them(file, served, tmp_path):
    keys = {scope: add_key(file, scope, scope) for scope in ("read", "write", "admin")}
    log = open_log(str(tmp_path / "log"))
    client = TestClient(make_app(Service(served, log=log, keys=Keys(file))))
    requests = [
        ("GET", "/v1/items/i01", None, "read"),
        ("GET", "/metrics", None, "read"),
        ("POST", "/v1/similar/batch", {"requests": [{"item": "i01"}]}, "read"),
        ("PUT", "/v1/users/u00", {}, "write"),
        ("DELETE", "/v1/users/nobody", None, "admin"),
        ("GET", "/v1/users/u00/export", None, "admin"),
    ]
    order = ["read", "write", "admin"]
    for method, path, body, least in requests:
        none = client.request(method, path, json=body)
        assert none.status_code == 401
        assert none.headers["www-authenticate"] == "Bearer"
        for scope in order:
            answer = client.request(method, path, json=body, headers=asked_with(keys[scope]))
            allowed = order.index(scope) >= order.index(least)
            assert (answer.status_code == 403) != allowed, (path, scope, answer.text)
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code in (200, 503)


def test_a_removed_key_is_refused_by_a_service_that_runs(file, monkeypatch):
    monkeypatch.setattr("kgrec.serving.keys._LOOK", 0.0)
    first, second = add_key(file, "one", "read"), add_key(file, "two", "read")
    keys = Keys(file)
    assert keys.find(first)
    remove_key(file, "one")
    assert keys.find(first) is None
    assert keys.find(second)
    file.rename(file.with_name("away"))
    assert keys.find(second) is None
    file.with_name("away").rename(file)
    assert keys.find(second)
    file.unlink()
    assert keys.find(second) is None


def test_mistakes_in_keys_are_told(file):
    add_key(file, "shop", "read")
    with pytest.raises(ConfigError, match="already"):
        add_key(file, "shop", "read")
    with pytest.raises(ConfigError, match="Did you mean 'admin'"):
        add_key(file, "other", "admn")
    with pytest.raises(ConfigError, match=r"no key 'shp'.*'shop'"):
        remove_key(file, "shp")
    for content in ("", "{}", '{"keys": []}', json.dumps({"keys": [{"name": "a"}]})):
        file.write_text(content)
        with pytest.raises(RunError):
            Keys(file)
    with pytest.raises(RunError):
        Keys(file.with_name("nowhere"))


def test_the_command_makes_and_removes_keys(ok, file):
    key = ok("api-key", file, "shop", "--scope", "write").strip()
    assert Keys(file).find(key).scope == "write"
    ok("api-key", file, "other")
    assert "Removed: shop" in ok("api-key", file, "shop", "--remove")
    assert Keys(file).find(key) is None


def test_a_bucket_fills_at_its_rate():
    rates = Rates(per_minute=60, burst=3)
    assert [rates.wait("a", now=0.0) for _ in range(4)] == [0, 0, 0, 1]
    assert rates.wait("b", now=0.0) == 0
    assert [rates.wait("a", now=2.0) for _ in range(3)] == [0, 0, 1]
    slow = Rates(per_minute=2, burst=1)
    assert [slow.wait("a", now=0.0), slow.wait("a", now=0.0)] == [0, 30]
    assert not any(Rates(0, 1).wait("a", now=0.0) for _ in range(1000))


def test_each_key_has_its_own_rate(file, served):
    one, two = add_key(file, "one", "read"), add_key(file, "two", "read")
    config = ServeConfig(limits=LimitConfig(requests=1, burst=2))
    client = TestClient(make_app(Service(served, config, keys=Keys(file))))
    answers = [client.get("/v1/items/i01", headers=asked_with(one)) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert client.get("/v1/items/i01", headers=asked_with(two)).status_code == 200
    assert 'reason="rate"} 1.0' in client.get("/metrics", headers=asked_with(two)).text
