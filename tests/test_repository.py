"""The files around the code agree with each other: versions, hooks, links, forms."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "examples/README.md")


def test_the_newest_version_of_the_changelog_is_that_of_the_package():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\S+)\] - (?:\d{4}-\d\d-\d\d|Unreleased)$", text, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert versions[0] == project["version"]
    assert versions == sorted(versions, reverse=True)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


def test_new_names_and_modules_of_the_changelog_are_there():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("## [0.1.0]")[0]
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "kgrec").rglob("*.py"))
    new = [row[1] for row in re.findall(r"^\| (`.*?) \| (.*?) \|$", text, re.MULTILINE)]
    assert len(new) > 40
    for name in (name for cell in new for name in re.findall(r"`([^`]+)`", cell)):
        if not name.startswith("kgrec."):
            for word in re.findall(r"[A-Za-z_]\w+", name):
                assert re.search(rf"\b{word}\b", code), name
            continue
        first, _, last = name.partition("{")
        for part in last.rstrip("}").split(","):
            path = ROOT / (first + part).replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").exists(), name


def test_hooks_check_what_make_test_checks_before_its_tests():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}  # nothing is downloaded
    commands = {" ".join(hook["entry"].split()[:2]) for hook in hooks}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ntest:")[2].partition("\n\n")[0]
    checks = re.findall(r"^\t\$\(BIN\)/(.*)$", recipe, re.MULTILINE)
    wanted = {" ".join(check.split()[:2]).removesuffix(" --check") for check in checks}
    assert commands == {f".venv/bin/{check}" for check in wanted}


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_of_a_page_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), target
    if page == "CHANGELOG.md":  # it names what is gone
        return
    for path in re.findall(r"`((?:kgrec|tests|experiments|fuzz|docs)/[\w/.]+)`", text):
        assert ".venv" in path or "NAME" in path or (ROOT / path).exists(), path


def test_the_architecture_names_every_folder_and_file_in_the_order_of_the_layers():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("## The folders")[2].partition("## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    place = {
        name: number
        for number, row in enumerate(rows)
        for name in re.findall(r"`(\w+)(?:/|\.py)`", row)
    }
    parts = {path.stem for path in (ROOT / "kgrec").iterdir() if path.suffix == ".py"}
    parts |= {path.parent.name for path in (ROOT / "kgrec").glob("*/__init__.py")}
    assert set(place) == parts - {"__init__"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    names = [layer.split(" : ") for layer in reversed(layers)]
    for lower, higher in pairwise(names):
        for one in lower:
            assert all(place[one] <= place[other] for other in higher), (one, higher)


def test_forms_of_issues_ask_for_something():
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert [path.stem for path in forms] == ["bug_report", "feature_request"]
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert form["name"]
        assert form["description"]
        fields = [field for field in form["body"] if field["type"] != "markdown"]
        assert len({field["id"] for field in fields}) == len(fields)
        assert any(field.get("validations", {}).get("required") for field in fields)
