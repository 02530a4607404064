"""Searches of settings: a known optimum, going on, pruning, failures."""

import math

import pytest

from kgrec.errors import ConfigError, RunError
from kgrec.tuning.outcome import Outcome
from kgrec.tuning.settings import Choice, Range
from kgrec.tuning.study import Study

pytest.importorskip("optuna")

SPACE = {
    "x": Range(low=-4.0, high=4.0),
    "n": Range(low=1, high=64, log=True),
    "kind": Choice(values=("low", "high")),
}
START = {"x": -3.0, "n": 2, "kind": "low"}


def hill(settings, report=None):
    """The best is 1.0, at x = 1 and kind = high; n changes next to nothing."""
    value = 1.0 - (settings["x"] - 1.0) ** 2 - 1e-6 * settings["n"]
    return Outcome(value - 2.0 * (settings["kind"] == "low"))


def searched(trials=30, objective=hill, space=SPACE, start=START, **options):
    study = Study(space, start, **options)
    study.run(objective, trials)
    return study


def test_the_top_of_a_hill_is_found_and_the_first_trial_has_the_start():
    study = searched(40)
    first, best = study.trials()[0], study.best()
    assert first.settings == START
    assert first.value == pytest.approx(1 - 16 - 2 - 2e-6)
    assert best.settings["kind"] == "high"
    assert abs(best.settings["x"] - 1.0) < 0.3
    assert best.value == max(one.value for one in study.trials())
    assert len(study.trials()) == 40
    for one in study.trials():
        assert -4 <= one.settings["x"] <= 4
        assert one.settings["n"] in range(1, 65)
        assert one.settings["x"] == float(f"{one.settings['x']:.4g}")
    importance = study.importance()
    assert set(importance) == set(SPACE)
    assert next(iter(importance)) == "x"  # the largest first
    assert sum(importance.values()) == pytest.approx(1)


def test_the_same_seed_makes_the_same_trials_and_another_others():
    one, same, other = searched(15), searched(15), searched(15, seed=1)
    assert [t.settings for t in one.trials()] == [t.settings for t in same.trials()]
    assert [t.settings for t in one.trials()][1:] != [t.settings for t in other.trials()][1:]


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    whole = [one.settings for one in searched(20).trials()]
    journal = tmp_path / "journal.log"
    searched(6, journal=journal, identity="a")
    calls = []

    def stopped(settings, report):
        calls.append(settings)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return hill(settings)

    with pytest.raises(KeyboardInterrupt):
        searched(20, stopped, journal=journal, identity="a")
    assert len(Study(SPACE, START, journal=journal, identity="a").trials()) == 14
    told = []
    study = Study(SPACE, START, journal=journal, identity="a")
    study.run(hill, 20, told.append)
    assert [one.settings for one in study.trials()] == whole
    assert [one.number for one in told] == list(range(14, 20))
    study.run(hill, 20)  # nothing is left to do
    assert len(study.trials()) == 20


def test_a_trial_of_a_killed_process_is_made_again(tmp_path):
    whole = [one.settings for one in searched(8).trials()]
    journal = tmp_path / "journal.log"
    searched(4, journal=journal)
    Study(SPACE, START, journal=journal)._study.ask()  # what a killed process leaves
    study = searched(8, journal=journal)
    assert [one.settings for one in study.trials()] == whole


@pytest.mark.parametrize("torn", [b'{"op_co', b"{"])
def test_a_line_that_was_not_written_to_its_end_is_left_out(tmp_path, torn):
    whole = [one.settings for one in searched(8).trials()]
    journal = tmp_path / "journal.log"
    searched(4, journal=journal)
    with journal.open("ab") as file:
        file.write(torn)
    for trials in (6, 8):
        found = searched(trials, journal=journal).trials()
    assert [one.settings for one in found] == whole


def test_trials_that_are_behind_are_pruned_and_never_the_best():
    def slow(settings, report):
        value = hill(settings).value
        for epoch in range(1, 6):
            report(epoch, value * epoch / 5 if value > 0 else value - 1 / epoch)
        return Outcome(value, epoch=5)

    study = searched(30, slow)
    pruned = [one for one in study.trials() if one.state == "pruned"]
    assert len(pruned) > 5
    assert all(one.value is not None and one.error == "" for one in pruned)
    assert study.best().state == "complete"
    assert study.best().epoch == 5
    assert study.best().value == max(one.value for one in study.trials())


def test_failures_are_kept_with_their_reasons_and_the_search_goes_on():
    def failing(settings, report):
        if settings["kind"] == "low":
            raise ConfigError("no \x1b low")
        if settings["x"] < -2:
            return Outcome(math.nan)
        return hill(settings)

    study = searched(30, failing)
    failed = [one for one in study.trials() if one.state == "failed"]
    assert study.trials()[0].state == "failed"
    assert {one.error for one in failed} >= {"no \\x1b low"}
    assert all(one.value is None for one in failed)
    assert len(study.trials()) == 30
    assert study.best().settings["kind"] == "high"


def test_a_mistake_in_the_code_is_not_taken_for_a_failed_trial():
    def wrong(settings, report):
        raise KeyError("x")

    with pytest.raises(KeyError):
        searched(3, wrong)


def test_a_start_outside_of_the_space_is_tried_and_can_win():
    space = {"x": Range(low=-4, high=-2)}
    seen = []

    def near(settings, report):
        seen.append(settings["x"])
        return Outcome(-abs(settings["x"]))

    study = searched(12, near, space, {"x": 0.5})
    assert seen[0] == 0.5
    assert study.best().settings == {"x": 0.5}
    assert all(-4 <= x <= -2 for x in seen[1:])
    # Whole ends of a setting that is a fraction: fractions between them.
    assert any(x != int(x) for x in seen[1:])


def test_nothing_is_important_with_few_trials_or_without_differences():
    assert searched(4).importance() == {}
    assert searched(8, lambda settings, report: Outcome(0.5)).importance() == {}


def test_a_journal_of_another_search_or_of_something_else(tmp_path):
    journal = tmp_path / "journal.log"
    searched(2, journal=journal, identity="a")
    before = journal.read_bytes()
    with pytest.raises(RunError, match="has the trials of another search"):
        Study(SPACE, START, journal=journal, identity="b")
    assert journal.read_bytes() == before
    journal.write_text("to be or not to be\n" * 3)
    with pytest.raises(RunError, match=r"journal\.log is damaged, or is no journal of a search"):
        Study(SPACE, START, journal=journal, identity="a")
    with pytest.raises(RunError, match="cannot be used: No such file or directory"):
        Study(SPACE, START, journal=tmp_path / "no" / "journal.log")


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("kgrec.tuning.study.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs Optuna.*pip install 'kgrec\[tune\]'"):
        Study(SPACE, START)


def test_trials_at_once_are_those_of_a_search_that_was_stopped_within_a_round(tmp_path):
    def study(name):
        return Study(SPACE, START, journal=tmp_path / name, identity="a")

    whole = study("whole")
    whole.run(hill, 11, at_once=4)
    calls = []

    def stopped(settings, report):
        calls.append(settings)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return hill(settings)

    with pytest.raises(KeyboardInterrupt):
        study("parts").run(stopped, 11, at_once=4)
    again = study("parts")
    assert len(again.trials()) == 6
    again.run(hill, 11, at_once=4)
    assert [one.settings for one in again.trials()] == [one.settings for one in whole.trials()]
    assert [one.value for one in again.trials()] == [one.value for one in whole.trials()]
    assert len({str(one.settings) for one in whole.trials()}) > 8


def test_a_trial_of_a_round_is_pruned_by_the_rounds_before_it():
    def climbing(settings, report):
        for epoch in range(1, 6):
            report(epoch, settings["x"] * epoch)
        return Outcome(settings["x"] * 5, epoch=5)

    study = Study({"x": Range(low=0.0, high=1.0)}, {"x": 0.5})
    study.run(climbing, 24, at_once=6)
    states = [one.state for one in study.trials()]
    assert set(states[:6]) == {"complete"}
    assert "pruned" in states[6:]
    for one in study.trials():
        if one.state == "pruned":
            assert one.value == pytest.approx(one.settings["x"])  # at the first epoch
