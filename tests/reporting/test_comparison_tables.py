"""What `kgrec compare` prints: no digit is lost on a narrow terminal, and nothing is a command."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from kgrec.drawing.results import draw_comparison
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.comparison import compare_models
from kgrec.reporting.comparison_tables import show_comparison


def evaluation(shift):
    rng = np.random.default_rng(0)
    values = rng.random(60) + rng.normal(shift, 0.1, 60)
    return Evaluation({}, {"ndcg@5": values}, [f"u{n}" for n in range(60)], (5,), 300, 99)


def shown(models, width, terminal=True):
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, color_system=None)
    found = compare_models(models)
    show_comparison(found, console)
    return stream.getvalue(), found.tests["ndcg@5"]


@pytest.mark.parametrize("width", [80, 112, 200])
def test_figures_are_whole_at_any_width(width):
    long = "a model with a name of many words that does not fit into one line of a table"
    text, tests = shown(
        {"base": evaluation(0), long: evaluation(0.1), "c": evaluation(-0.2)}, width
    )
    for found in tests.values():
        assert f" {found.mean:.4f} " in text
        assert f" {found.gain:+.4f} " in text
        assert (f"{found.low:+.4f} … {found.high:+.4f}" in text) == (width > 80)
    assert text.index(f"{tests[long].mean:.4f}") < text.index("reference")
    assert text.index("reference") < text.index(f"{tests['c'].mean:.4f}")
    assert ("A wider terminal" in text) == (width == 80)
    assert "corrected for the number of models (Holm)" in text
    assert max(len(line) for line in text.splitlines()[:8]) <= width


@pytest.mark.parametrize(
    ("protocol", "changes", "says"),
    [
        ("ctr", {}, "60 users, 300 pairs, 99 of them chosen."),
        ("ratings", {}, "60 users, 99 ratings."),
        ("candidates", {"sampled": True}, "Sampled metrics cannot be compared"),
        ("kgat-ndcg", {"non_standard": True}, "kgat_ndcg is not the standard NDCG"),
        ("full", {"num_unreachable": 7}, "7 of them could not be found"),
    ],
)
def test_what_was_measured_is_told_of_every_protocol(protocol, changes, says):
    models = {
        name: replace(evaluation(shift), protocol=protocol, **changes)
        for name, shift in (("a", 0), ("b", 0.1))
    }
    text, _ = shown(models, 2000)
    assert says in text
    assert ("ranked items" in text) == (protocol not in ("ctr", "ratings"))


def test_hostile_names_of_metrics_reach_neither_terminal_nor_picture(tmp_path):
    hostile = "\x1b[2J[bold red]ndcg@5"
    models = {
        name: replace(evaluation(shift), per_user={hostile: evaluation(shift).per_user["ndcg@5"]})
        for name, shift in (("a", 0), ("b", 0.1))
    }
    stream = io.StringIO()
    found = compare_models(models)
    show_comparison(found, Console(file=stream, width=200, color_system=None))
    assert "\x1b" not in stream.getvalue()
    assert "[bold red]ndcg@5" in stream.getvalue()
    ET.parse(draw_comparison(found, tmp_path / "compared.svg"))  # no XML may hold an escape


def test_two_models_need_no_correction_and_names_are_escaped():
    text, _ = shown({"[bold]a\x1b[2J": evaluation(0), "b": evaluation(0.1)}, 120)
    assert "\x1b[2J" not in text
    assert "[bold]a" in text
    assert "Holm" not in text
    assert "60 users, 300 ranked items, 99 interactions to be found." in text
