"""`kgrec chat`, and the options of `kgrec search` that know taste."""

import io
import json

import pytest
from project import HOSTILE


@pytest.fixture
def talk(kgrec, run_folder, monkeypatch):
    """Return a function that says lines to `kgrec chat` and returns what it prints."""

    def say(*lines, options=()):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code, out, err = kgrec("chat", run_folder, *options)
        assert code == 0, err
        assert "Traceback" not in err
        return out

    return say


def test_a_pipe_gets_an_answer_for_each_line(talk):
    lines = talk("space", "no space, pirates", options=("--json", "-k", "3")).splitlines()
    first, second = map(json.loads, lines)
    assert first["understood"]["wanted"] == ["space"]
    assert len(first["items"]) == 3
    assert second["understood"]["unwanted"] == ["space"]
    assert second["understood"]["wanted"] == ["pirates"]
    shown = [item["item"] for answer in (first, second) for item in answer["items"]]
    assert len(set(shown)) == len(shown)
    assert all(f"i{number:02}" not in shown[3:] for number in range(1, 9))  # those of space


def test_orders(talk):
    out = talk("space", ":more", ":like 1", ":no i10", ":filter", ":reset", ":help", ":quit", "x")
    assert out.count("You look for: space") == 4
    assert ":reset" in out
    assert "There is no :mroe. :help" in talk(":mroe")
    assert "Nothing was said yet" in talk(":more")
    assert "item id 'zz'" in talk("space", ":like zz") or "zz" in talk("space", ":like zz")
    assert "Which items?" in talk(":like")
    assert "prise" in talk(":filter prise < 3")


def test_empty_lines_and_the_end_of_the_input(talk):
    assert talk("", "   ") == ""
    assert talk() == ""


def test_what_acts_on_a_terminal_is_escaped(talk):
    assert "\x1b" not in talk("cooking", ":more", ":more", HOSTILE, options=("-k", "9"))


def test_problems_are_answers_in_json_too(talk):
    assert "error" in json.loads(talk(":more", options=("--json",)))


def test_unknown_users_and_filters(kgrec, run_folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("space\n"))
    code, _, err = kgrec("chat", run_folder, "--user", "nobody")
    assert code == 2
    assert "nobody" in err
    code, _, err = kgrec("chat", run_folder, "-k", "999")
    assert code == 2
    assert "k must" in err or "-k" in err


def test_search_with_taste(ok, kgrec, run_folder):
    found = json.loads(
        ok("search", run_folder, "all", "--liked", "i10", "--disliked", "i01", "-k", 4, "--json")
    )
    ids = [item["item"] for item in found]
    assert not {"i10", "i01"} & set(ids)
    pirates = {f"i{number:02}" for number in range(9, 15)} | {"n1"}
    assert ids[0] in pirates
    code, _, err = kgrec("search", run_folder, "all", "--liked", "zz")
    assert code == 2
    assert "zz" in err
