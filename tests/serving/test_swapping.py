"""A run that takes the place of another while requests come, and two runs that share the users."""

import os
import threading

import pandas as pd
import pytest
from fastapi.testclient import TestClient

import kgrec
from kgrec.models.popular import MostPopular
from kgrec.serving.app import make_app
from kgrec.serving.experiment import Counts, Experiment
from kgrec.serving.live import Live, Updater
from kgrec.serving.loading import load_served
from kgrec.serving.log import Event, open_log
from kgrec.serving.pseudonyms import Pseudonyms
from kgrec.serving.service import Service
from kgrec.serving.settings import Plan, ServeConfig
from kgrec.serving.starting import check_start, make_service


def train(folder, model, last="i9"):
    pairs = [(f"u{user}", f"i{item}") for user in range(12) for item in range(9)
             if (user + item) % 3]  # fmt: skip
    frame = pd.DataFrame([*pairs, ("u0", last)], columns=["user_id", "item_id"])
    kgrec.save(
        kgrec.Recommender(model=model, text=None).fit(kgrec.Interactions.read(frame)), folder
    )
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swapping")
    return train(folder / "a", kgrec.EASE(), "i9"), train(folder / "b", MostPopular(), "extra")


@pytest.fixture
def link(runs, tmp_path):
    """Return a link that leads to the first run."""
    (tmp_path / "current").symlink_to(runs[0])
    return tmp_path / "current"


def ready(client):
    while client.get("/readyz").status_code != 200:
        threading.Event().wait(0.01)


def lead(link, run):
    scratch = link.with_name("next")
    scratch.symlink_to(run)
    os.replace(scratch, link)


def test_a_swap_fails_no_request_and_keeps_what_came_in(link, runs):
    service = make_service(Plan(link, ServeConfig()))
    failed, asked, stop = [], [], threading.Event()
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        ready(client)
        client.post("/v1/interactions?wait=true", json={"user": "zoe", "item": "i1"})
        assert client.post("/v1/reload").json() == {"changed": False, "run": "a"}

        def ask():
            while not stop.is_set():
                answer = client.get("/v1/users/u1/recommendations?k=2")
                asked.append(answer.json().get("run"))
                if answer.status_code != 200:
                    failed.append(answer.text)

        thread = threading.Thread(target=ask)
        thread.start()
        for run in (runs[1], runs[0], runs[1]):
            lead(link, run)
            assert client.post("/v1/reload").json() == {"changed": True, "run": run.name}
            assert client.get("/v1/users/zoe").json()["history"][0]["item"] == "i1"
        stop.set()
        thread.join()
        assert not failed
        assert {"a", "b"} <= set(asked)
        assert client.get("/v1/items/extra").status_code == 200
        assert "kgrec_swaps_total 3.0" in client.get("/metrics").text


def test_a_run_that_cannot_be_loaded_takes_no_place(link, runs, tmp_path):
    service = make_service(Plan(link, ServeConfig(read_only=True)))
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        (tmp_path / "broken").mkdir()
        lead(link, tmp_path / "broken")
        assert client.post("/v1/reload").status_code == 503
        assert client.get("/v1/users/u1/recommendations?k=2").json()["run"] == "a"
        lead(link, runs[1])
        assert client.post("/v1/reload").json()["run"] == "b"


def test_a_service_that_watches_swaps_by_itself(link, runs):
    service = make_service(Plan(link, ServeConfig(watch=0.05)))
    with TestClient(make_app(service)) as client:
        ready(client)
        assert client.get("/v1/model").json()["run"] == "a"
        lead(link, runs[1])
        for _ in range(400):
            if client.get("/v1/model").json()["run"] == "b":
                break
            threading.Event().wait(0.02)
        assert client.get("/v1/model").json()["run"] == "b"


def test_two_runs_share_the_users_by_a_hash(runs, tmp_path):
    service = Service(
        load_served(runs[0]),
        ServeConfig(variant_share=0.5),
        log=open_log(str(tmp_path / "log")),
        pseudonyms=Pseudonyms(b"k" * 32),
        variant=load_served(runs[1]),
    )
    with TestClient(make_app(service)) as client:
        ready(client)
        users = [f"u{number}" for number in range(12)]
        by = {}
        for user in users:
            answers = [client.get(f"/v1/users/{user}/recommendations?k=2").json() for _ in "ab"]
            by[user] = {one["run"] for one in answers}
            (first, second) = answers[0]["items"]
            client.post("/v1/interactions", json={"user": user, "item": first["item"]})
            client.post(
                "/v1/interactions?wait=true",
                json={"user": user, "item": second["item"], "liked": False},
            )
        assert all(len(runs) == 1 for runs in by.values())  # the same one at each request
        assert {name for runs in by.values() for name in runs} == {"a", "b"}
        figures = client.get("/v1/experiment").json()
        told = [figures["main"], figures["variant"]]
        assert sum(one["lists"] for one in told) == 24
        assert all(one["likes"] == one["hits"] == one["lists"] / 2 for one in told)
        assert figures["difference"] == {"rate": 0.0, "low": 0.0, "high": 0.0}
        assert 'kgrec_hits{role="variant"}' in client.get("/metrics").text
        # Both have what came in.
        assert all(live.served.now.users.row("u3") >= 0 for live in service.runs.values())


def test_the_share_of_the_variant_is_that_of_the_settings():
    chosen = Experiment(Pseudonyms(b"x" * 32), share=0.2)
    roles = [chosen.role(f"user {number}") for number in range(5000)]
    assert 0.17 < roles.count("variant") / 5000 < 0.23
    assert Experiment(Pseudonyms(b"x" * 32)).role("u") == "main"


def test_figures_of_an_experiment_have_an_interval():
    compared = Experiment(Pseudonyms(b"x" * 32), share=0.5)
    compared.counts = {"main": Counts(100, 100, 20), "variant": Counts(100, 100, 30)}
    found = compared.figures()["difference"]
    assert found["rate"] == pytest.approx(0.1)
    assert found["high"] - found["rate"] == pytest.approx(
        1.96 * (0.2 * 0.8 / 100 + 0.21 / 100) ** 0.5
    )
    assert Experiment(Pseudonyms(b"x" * 32), share=0.5).figures()["difference"] is None


def test_a_check_says_what_would_be_served(runs, tmp_path):
    copy = tmp_path / "run"
    copy.symlink_to(runs[0])
    said = check_start(Plan(copy, ServeConfig(port=9000, root_path="/films")))
    assert said.startswith("a is ready: 12 users, 10 items.")
    assert said.endswith("http://127.0.0.1:9000/films.")


def updating(runs, tmp_path):
    """Return what brings a log to the first run, without its thread."""
    log, names = open_log(str(tmp_path / "log")), Pseudonyms(b"k" * 32)
    return Updater(log, {"main": Live.of(load_served(runs[0]), names)}, names)


def test_what_counted_before_a_swap_counts_after_it(runs, tmp_path):
    updater = updating(runs, tmp_path)
    old, log = updater._runs["main"], updater.log
    read, late = log.read, [Event("interaction", "zoe", "i1", {"liked": True})]

    def read_and_write(after, limit=10_000):
        found = read(after, limit)
        if not found and late:  # the new run has all: now something comes, and the old one has it
            log.append([late.pop()])
            old.catch_up(log)
        return found

    log.read = read_and_write
    made = updater.replace("main", lambda: load_served(runs[1]))
    assert old.applied == 1
    assert "zoe" in made.now.users


def test_who_waits_for_a_write_is_told_by_a_swap(runs, tmp_path):
    updater = updating(runs, tmp_path)
    place = updater.log.append([Event("interaction", "zoe", "i1", {"liked": True})]).last
    told = threading.Event()

    def wait():
        if updater.wait_for(place, 60):
            told.set()

    threading.Thread(target=wait, daemon=True).start()
    threading.Event().wait(0.1)
    updater.replace("main", lambda: load_served(runs[1]))
    assert told.wait(10)
