"""`kgrec fetch`: files, exit codes, and that an interrupted run continues."""

import gzip
import json
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from sparql_films import EX, IMDB, films, neighborhood, rows
from sparql_server import serve

import kgrec
from kgrec.cli import main


@pytest.fixture
def server():
    with serve(films()) as running:
        yield running


@pytest.fixture
def command(monkeypatch, capsys, server, tmp_path):
    """Run the command in this process; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, endpoint=server.address):
        monkeypatch.setattr(
            sys, "argv", ["kgrec", "fetch", endpoint, *map(str, arguments), "--cache", "cache"]
        )
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        return done.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def items(tmp_path):
    frame = pd.DataFrame(
        {"item_id": [7, 8, 9, 10], "imdb": ["tt0000003", "tt0000004", None, "nobody"]}
    )
    frame.to_csv(tmp_path / "items.csv", index=False)
    return tmp_path / "items.csv"


QUICK = ("rate=1000", "backoff=0.01")


def test_graph_and_links(command, server, items, tmp_path):
    arguments = ["items.csv", *QUICK, "--property", IMDB, "--column", "imdb", "--hops", 2]
    code, out, err = command(*arguments, "--out", "g.nt.gz", "--links", "links.csv")
    assert code == 0, err
    assert "2 of 3 ids found" in out
    assert "1 ids not found: nobody" in out
    assert "1 items without an id" in out
    kg = kgrec.KnowledgeGraph.read("g.nt.gz")
    assert rows(kg) == neighborhood(server.store, ["film03", "film04"], 2)
    with gzip.open("g.nt.gz", "rt") as file:
        assert f"<{EX}film03>" in file.read()
    links = kgrec.link(kgrec.AttributeTable.read(items), kg, "links.csv")
    assert links.items.take(links.item) == ["7", "8"]
    assert kg.entities.take(links.entity) == [EX + "film03", EX + "film04"]
    asked = len(server.queries)
    code, out, err = command(*arguments, "--out", "again.nt", "--json")
    assert code == 0, err
    assert json.loads(out)["requests"] == 0
    assert len(server.queries) == asked
    assert kgrec.KnowledgeGraph.read("again.nt").equals(kg)


def test_ids_that_are_iris(command, server, tmp_path):
    (tmp_path / "items.csv").write_text(f"item_id\n{EX}film05\n")
    code, _, err = command("items.csv", *QUICK, "--relation", EX + "by", "--exclude", EX + "with")
    assert code == 0, err
    assert kgrec.KnowledgeGraph.read("graph.nt.gz").num_triples == 1


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["none.csv"], "none.csv does not exist"),
        (["items.csv", "--column", "imbd"], "Did you mean 'imdb'"),
        (["items.csv", "--out", "graph.ttl"], ".nt or .nt.gz"),
        (["items.csv", "rat=1"], "unknown setting 'rat'. Did you mean 'rate'"),
        (["items.csv", "rate"], "expected key=value"),
        (["items.csv", "rate=[1"], "not valid YAML"),
        (["items.csv", "rate=x"], "rate"),
        (["items.csv"], "has none of 4 ids as an IRI"),
        (["items.csv", "--property", "P345"], "'P345' is no IRI"),
    ],
)
def test_mistakes(command, items, arguments, match):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert match in err
    assert "Traceback" not in err


def test_an_endpoint_that_fails(command, server, items):
    server.always = ("status", 429, {"Retry-After": "1000"})
    code, _, err = command("items.csv", "--property", IMDB, "--column", "imdb")
    assert code == 2
    assert "asks for a wait of 1000 s" in err
    assert "\x1b" not in err


def test_ctrl_c_and_again(server, items, tmp_path):
    command = [
        *(sys.executable, "-m", "kgrec.cli", "fetch", server.address, "items.csv", *QUICK),
        *("--property", IMDB, "--column", "imdb", "--hops", "2", "--cache", "cache"),
    ]
    server.faults = [None, None, None, ("slow", 30)]
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so does all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 60
    while len(server.queries) < 4 and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert err == "kgrec: Interrupted. The same command continues with what was fetched: cache\n"
    assert not (tmp_path / "graph.nt.gz").exists()
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert len(set(server.queries)) == len(server.queries) - 1  # the one that was broken off
    kg = kgrec.KnowledgeGraph.read(tmp_path / "graph.nt.gz")
    assert rows(kg) == neighborhood(server.store, ["film03", "film04"], 2)
