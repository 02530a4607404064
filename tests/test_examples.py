"""The examples run, and print what their docstrings say."""

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
SAID = {
    "cluster": ["workers: 2", "the same: True"],
    "compare_models": ["attribute_ease  0.37", "most_popular"],
    "ensemble": ["ensemble        ndcg@10 0.3", "weight of most_popular: 0.00"],
    "explain": ["Rope is recommended because you liked", "picture: explanation.png"],
    "link_titles": ["386 of 393 items linked", "the same as in links.csv: 1.0"],
    "networkx_neighborhood": ["Shared: Action, Honour and duty", "Mary Poppins"],
    "new_user": ["Rope and Rear Window -> Strangers on a Train", "The Matrix"],
    "own_model": ["Rope", "passed"],
    "protocols": ["sampled_ndcg@10", "auc 0.8", "bias_rmse"],
    "recommend": [" 1. Rope"],
    "save_load": ["weights.safetensors", "the same: True"],
    "search": ["samurai defend a village -> ", "Seven Samurai"],
    "table_graph": ["maker is a relation", "http://example.org/maker/Anmut"],
    "train_link_predictor": ["{'epoch': 12, ", "test: 0.2"],
    "turtle_graph": ["For Ann: Leek pie", "you liked Leek soup"],
    "update_recommender": ["u0016: ['Rope', ", "users: 900 -> 901"],
    "update_graph": ["added=2", "triples: 29 -> 30", "mixer: 14 -> 14"],
}


def test_every_example_is_listed_and_has_one_idea():
    found = {path.stem: path for path in FOLDER.glob("*.py")}
    assert set(found) == set(SAID)
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[(\w+)\.py\]", readme, re.MULTILINE)) == set(SAID)
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert (FOLDER / target).exists(), target
    for path in found.values():
        text = path.read_text(encoding="utf-8")
        assert "Expect" in ast.get_docstring(ast.parse(text))
        assert len(text.splitlines()) <= 80, path


@pytest.mark.parametrize("name", sorted(set(SAID) - {"cluster", "own_model"}))
def test_an_example_prints_what_it_says(name, tmp_path, monkeypatch, capsys, word_encoder):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    out = capsys.readouterr().out
    for words in SAID[name]:
        assert words in out


@pytest.mark.parametrize("name", ["cluster", "own_model"])
def test_an_example_prints_what_it_says_in_a_process_of_its_own(name, tmp_path):
    if name == "cluster":
        pytest.importorskip("ray", reason="the extra `ray` is not installed")
    # Ray would make a token for this user in the home folder.
    environment = os.environ | {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")}
    (tmp_path / "token").write_text("0" * 64)
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py")],
        env=environment,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    for words in SAID[name]:
        assert words in done.stdout
