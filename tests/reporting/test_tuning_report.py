"""What `kgrec tune` prints."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from kgrec.reporting.tuning_report import show_tuned
from kgrec.runs.tuning import Tuned
from kgrec.tuning.study import Tried


def printed(trials, best, importance):
    console = Console(width=200, record=True, file=StringIO())
    start = {"model.l2": 300.0, "graph.max_hops": None}
    show_tuned(Tuned("ease", "ndcg@10", trials, best, importance, start, Path("out")), console)
    return console.export_text()


def test_values_settings_and_failures():
    first = Tried(0, "complete", 0.25, {"model.l2": 300.0, "graph.max_hops": None}, 1.0)
    best = Tried(1, "complete", 0.5, {"model.l2": 12.3456, "graph.max_hops": 2}, 1.0)
    bad = [Tried(n, "failed", None, {}, 1.0, error="singular [x]") for n in (2, 3)]
    pruned = Tried(4, "pruned", 0.1, {}, 1.0)
    text = printed((first, best, *bad, pruned), best, {"graph.max_hops": 0.75, "model.l2": 0.25})
    rows = [line.split() for line in text.splitlines() if "model.l2" in line or "max_hops" in line]
    assert rows == [["graph.max_hops", "null", "2", "75%"], ["model.l2", "300", "12.35", "25%"]]
    assert "best 0.5000 (trial 2), the config as it is 0.2500." in text
    assert "5 trials: 2 complete, 1 stopped early, 2 failed." in text
    assert "  2 x singular [x]" in text
    assert "kgrec train out/best.yaml" in text


def test_a_search_that_found_nothing_better_says_so():
    first = Tried(0, "complete", 0.25, {"model.l2": 300.0, "graph.max_hops": None}, 1.0)
    text = printed((first,), first, {})
    assert "No other settings were better than those of the config." in text
    assert "The importance is not known" in text
