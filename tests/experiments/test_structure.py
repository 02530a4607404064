"""No two modules import each other, whether straight or by way of others."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "experiments" / "structure.py"
FILES = {
    "a": "import planted_circles.b",
    "b": "def run():\n    from planted_circles import c",
    "c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import name",
    "d": "from planted_circles import c",
    "e": "import planted_circles.f",
    "f": "from .g.h import name",
    "g/__init__": "",
    "g/h": "from .. import e",
}


@pytest.fixture(scope="module")
def structure():
    spec = importlib.util.spec_from_file_location("structure", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_modules_of_kgrec_import_each_other(structure):
    assert structure.circles() == []


def test_imports_in_functions_and_for_type_checking_make_circles_too(
    structure, tmp_path, monkeypatch
):
    for name, text in {**FILES, "__init__": ""}.items():
        path = tmp_path / "planted_circles" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    found = structure.circles("planted_circles")
    assert [[name.partition(".")[2] for name in one] for one in found] == [
        ["a", "b", "c"],
        ["e", "f", "g.h"],
    ]
