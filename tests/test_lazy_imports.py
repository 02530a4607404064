"""What is imported when: the command must answer at once."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "torch", "torch_geometric", "transformers", "rdflib", "pandas", "pyarrow", "numpy", "scipy",
    "pydantic", "networkx", "matplotlib", "pyoxigraph", "safetensors", "yaml", "ranx", "pytest",
}  # fmt: skip
COMMANDS = [
    path
    for path in (Path(__file__).parents[1] / "kgrec" / "commands").glob("*.py")
    if path.stem != "demonstration"  # what `demo` loads when it runs
]


def imported(code):
    """Return the top-level modules that are loaded after running `code` in a fresh interpreter."""
    report = "import sys; sys.stderr.write(' '.join({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_importing_kgrec_loads_nothing_heavy():
    assert not imported("import kgrec; kgrec.__version__; dir(kgrec)") & HEAVY


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_a_command_loads_nothing_heavy_before_it_runs(path):
    # typer itself takes pydantic to read options.
    assert not imported(f"import kgrec.commands.{path.stem}") & (HEAVY - {"pydantic"})


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_asking_for_help_loads_nothing_heavy(arguments):
    code = (
        f"import sys; sys.argv = ['kgrec', *{arguments!r}]\n"
        "from kgrec.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code"
    )
    # typer itself takes pydantic to read options.
    assert not imported(code) & (HEAVY - {"pydantic"})


@pytest.mark.parametrize("name", ["KnowledgeGraph", "Interactions", "Vocabulary", "link"])
def test_reading_data_loads_no_torch(name):
    found = imported(f"import kgrec; kgrec.{name}")
    assert not found & {"torch", "torch_geometric", "transformers", "rdflib", "matplotlib"}


def test_the_recommender_loads_no_language_model_and_no_rdflib():
    found = imported("import kgrec; kgrec.Recommender; kgrec.evaluate; kgrec.TextEncoder")
    assert not found & {"transformers", "rdflib", "matplotlib", "ranx"}


def test_every_name_of_the_package_is_there():
    import kgrec

    for name in kgrec.__all__:
        assert getattr(kgrec, name) is not None
    assert sorted(kgrec.__all__) == sorted(dir(kgrec))
    with pytest.raises(AttributeError, match="no attribute 'Recomender'"):
        kgrec.Recomender  # noqa: B018
