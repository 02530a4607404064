"""The log in PostgreSQL does what the one in SQLite does, against a real server."""

import threading
import time

import pytest

pytest.importorskip("psycopg", reason="the log in PostgreSQL needs the extra `postgres`")

from fastapi.testclient import TestClient
from postgres_server import NoServerError, postgres

from kgrec.errors import RunError
from kgrec.serving.app import make_app
from kgrec.serving.loading import load_served
from kgrec.serving.log import Event, KeyReusedError, open_log
from kgrec.serving.pseudonyms import Pseudonyms
from kgrec.serving.service import Service


@pytest.fixture(scope="module")
def url():
    try:
        with postgres() as made:
            yield made
    except NoServerError as error:
        pytest.skip(f"there is no PostgreSQL server: {error}")


def test_events_keys_and_erasure(url):
    log = open_log(url)
    first = log.last()
    odd = Event("interaction", "ü\u2028ser", "it'em; DROP TABLE entries", {"liked": True})
    assert log.append([odd, odd], key="a", digest="1").last == first + 2
    assert log.append([odd], key="a", digest="1").repeated
    with pytest.raises(KeyReusedError):
        log.append([odd], key="a", digest="2")
    assert [one.user for one in log.read(first)] == [odd.user] * 2
    log.opt_out("p", True)
    assert log.opted_out(["p", "q"]) == {"p"}
    place = log.erase(odd.user, "p")
    assert log.of_user(odd.user) == []
    assert log.opted_out(["p"]) == set()
    assert log.read(place - 1)[0].body == {"pseudonym": "p"}
    log.close()


def test_no_event_appears_behind_a_later_one(url):
    """Writers at the same time: who reads on from the last place misses nothing."""
    logs = [open_log(url) for _ in range(4)]
    reader = open_log(url)
    start = after = reader.last()
    seen, stop = [], threading.Event()

    def write(log, number):
        for place in range(25):
            log.append([Event("interaction", f"w{number}", f"i{place}", {"liked": True})] * 2)

    def read():
        nonlocal after
        while not stop.is_set() or reader.last() > after:
            for event in reader.read(after):
                seen.append(event.sequence)
                after = event.sequence

    threads = [threading.Thread(target=write, args=(log, n)) for n, log in enumerate(logs)]
    reading = threading.Thread(target=read)
    for thread in (reading, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    reading.join()
    assert len(seen) == 200
    assert seen == [event.sequence for event in reader.read(start)]


def test_two_workers_share_a_log(url, trained_run, encoder_of_words):
    clients = []
    for _ in "ab":
        service = Service(
            load_served(trained_run), log=open_log(url), pseudonyms=Pseudonyms(b"k" * 32)
        )
        clients.append(TestClient(make_app(service)).__enter__())
    one, other = clients
    for client in clients:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.01)
    one.post("/v1/interactions", params={"wait": True}, json={"user": "u00", "item": "n2"})
    end = time.monotonic() + 10
    while "n2" not in other.get("/v1/users/u00").text:
        assert time.monotonic() < end
    for client in clients:
        client.__exit__(None, None, None)


def test_a_server_that_is_not_there_is_told_without_the_password():
    with pytest.raises(RunError, match="cannot be used") as error:
        open_log("postgresql://kgrec:hunter2@127.0.0.1:1/kgrec")
    assert "hunter2" not in str(error.value)
