"""The README is short, names what exists, and its figures are those measured."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

from kgrec.datasets.own_files import FilesDataConfig

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MANUAL = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))}
PAGES = [README, *MANUAL.values()]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 200
    example = re.search(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert example is not None
    lines = [line for line in example[1].splitlines() if line and not line.startswith("import")]
    assert len(lines) <= 9


def test_linking_figures_are_those_measured():
    results = (ROOT / "experiments" / "results" / "link_titles.json").read_text(encoding="utf-8")
    measured = json.loads(results)["movielens_dbpedia"]
    assert measured["precision"] == 1.0
    page = MANUAL[ROOT / "docs" / "how-to" / "graphs.md"]
    assert f"{measured['recall']:.2%}".replace("%", " %") in page


def test_what_pip_is_told_to_install_is_a_project():
    for text in PAGES:
        for target in re.findall(r"pip install .*\"(\.[^\"[]*)\[", text):
            assert (ROOT / target / "pyproject.toml").is_file()


def test_make_targets_and_paths_exist():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for text in PAGES:
        named = {a or b for a, b in re.findall(r"^make (\w+)|`make (\w+)`", text, re.MULTILINE)}
        assert named <= set(targets)
        for path in re.findall(r"`((?:kgrec|experiments|tests)/[\w/.]+)`", text):
            assert (ROOT / path).exists(), path
    assert all(f"make {name}" in README for name in ("demo", "test", "docs"))


def test_keys_of_data_exist():
    for text in PAGES:
        named = set(re.findall(r"`data\.(\w+)", text))
        assert named <= set(FilesDataConfig.model_fields) | {"root"}


def test_results_are_those_of_the_files():
    tables = load_tables()
    results = tables.read_results()
    wanted = tables.between_marks(README, "results", tables.section(results))
    assert README == wanted, "run experiments/tables.py"
    page = MANUAL[ROOT / "docs" / "results.md"]
    assert page == tables.page(results), "run experiments/tables.py"


def test_tables_say_what_is_missing_and_what_was_not_reached():
    tables = load_tables()
    assert tables.page({}).count("not measured yet") == len(tables.BARS)
    assert f"{len(tables.BARS)} are not measured yet" in tables.section({})
    below = {"metrics": {"ndcg@10": 0.1, "recall@10": 0.2}, "tried": "A deeper model."}
    above = {"metrics": {"ndcg@10": 0.9}, "seconds_to_best": 240.4}
    results = {"lastfm": below, "movielens_random": above}
    section = tables.page(results)
    assert "| at least 0.2900 | 0.2000 | **no** (1) | [lastfm]" in section
    assert "\n1. A deeper model.\n" in section
    assert "and 1 are missed" in tables.section({"lastfm": below})
    assert "| at least 0.2345 | 0.9000 | yes |" in section
    assert "| at most 240 | 240 | **no** |" in section  # judged before it is rounded
    assert "| link predictor alone |  | 0.9000 |  |  |  |  |" in section


def load_tables() -> ModuleType:
    sys.path.insert(0, str(ROOT / "experiments"))  # where its parts are, as for a script
    spec = importlib.util.spec_from_file_location("tables", ROOT / "experiments" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "experiments"))
    return module


def test_result_files_name_no_folder_of_the_machine_that_measured():
    def texts(value):
        if isinstance(value, dict):
            value = [*value, *value.values()]
        if isinstance(value, list):
            return [text for one in value for text in texts(one)]
        return [value] if isinstance(value, str) else []

    files = sorted((ROOT / "experiments" / "results").glob("*.json"))
    assert files
    for path in files:
        found = [text for text in texts(json.loads(path.read_text())) if text.startswith("/")]
        assert not found, f"{path.name}: {found[:3]}"
