"""Tables of the manual that an experiment writes are those of its result file."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("script", "file", "page", "tables"),
    [
        ("scale", "scale", "explanation/scale.md", {"scale": "table", "plan": "plan"}),
        (
            "tables_on_disk",
            "tables_on_disk",
            "how-to/large-graphs.md",
            {"tables_on_disk": "table"},
        ),
        ("bench_vocabulary", "vocabulary", "how-to/large-graphs.md", {"vocabulary": "table"}),
    ],
)
def test_a_table_is_that_of_the_result_file(script, file, page, tables, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "experiments"), *sys.path])
    made, marks = importlib.import_module(script), importlib.import_module("marks")
    result = json.loads((ROOT / "experiments" / "results" / f"{file}.json").read_text())
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    given = result["sizes"] if "sizes" in result else result["runs"]
    for name, function in tables.items():
        assert marks.between_marks(text, name, getattr(made, function)(given)) == text
    with pytest.raises(SystemExit, match="lacks the marks"):
        marks.between_marks(text, "nowhere", "")
