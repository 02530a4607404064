"""What is imported when: the command must answer at once."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

HEAVY = {
    "torch", "torch_geometric", "transformers", "rdflib", "pandas", "pyarrow", "numpy", "scipy",
    "pydantic", "networkx", "matplotlib", "pyoxigraph", "safetensors", "yaml", "ranx", "pytest",
    "ray",
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
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
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


def test_the_service_begins_without_torch():
    found = imported("import kgrec.serving.starting")
    assert not found & {"torch", "torch_geometric", "transformers", "rdflib", "matplotlib"}


def test_the_process_that_starts_workers_loads_no_models():
    """With several workers it only watches them, and its start comes before theirs."""
    found = imported(
        "import kgrec.commands.serve, kgrec.runs.manifest\n"
        "import kgrec.serving.reading, kgrec.serving.running"
    )
    assert not found & {"torch", "scipy", "pandas", "pyarrow", "fastapi"}


def test_the_recommender_loads_no_language_model_and_no_rdflib():
    found = imported("import kgrec; kgrec.Recommender; kgrec.evaluate; kgrec.TextEncoder")
    assert not found & {"transformers", "rdflib", "matplotlib", "ranx"}


KGREC = [sys.executable, "-m", "kgrec.cli"]
NOT_FOR_SERVING = {
    "torch", "torch_geometric", "transformers", "huggingface_hub", "rdflib", "networkx",
    "matplotlib", "sklearn", "numba", "ranx", "pytest",
    "ray",
}  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return run folders of a link predictor and of a model in closed form."""
    import kgrec
    from kgrec.testing import planted

    folder = tmp_path_factory.mktemp("saved")
    log = planted().data.train
    ids = log.items.ids
    table = kgrec.AttributeTable.read(
        pd.DataFrame({"item_id": ids, "title": [f"Title {id}" for id in ids], "price": 3.0})
    )
    config = kgrec.LinkPredictionConfig(predictor={"dim": 8}, training={"max_epochs": 1})
    for model in (kgrec.LinkPrediction(config), kgrec.EASE()):
        text = kgrec.TextConfig(cache=str(folder / "cache"))
        parts = {"text": text, "encoder": kgrec.TextEncoder()}  # that of a new process
        recommender = kgrec.Recommender(model=model, items=table, **parts)
        kgrec.save(recommender.fit(log), folder / model.name)
    return folder, log.users.ids[0], ids[0]


@pytest.mark.parametrize("model", ["link_prediction", "ease"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["recommend", "RUN", "--user", "USER"],
        ["recommend", "RUN", "--liked", "ITEM", "--filter", "price < 4"],
        ["recommend", "RUN", "--all", "--out", "OUT"],
        ["similar", "RUN", "ITEM"],
        ["search", "RUN", "title"],
        ["explain", "RUN", "--user", "USER", "--item", "ITEM"],
        ["explain", "RUN", "--liked", "ITEM", "--item", "ITEM"],
        ["inspect", "RUN"],
    ],
    ids=lambda given: " ".join(given),
)
def test_a_command_on_a_saved_run_loads_no_framework(saved, tmp_path, arguments, model):
    if arguments[0] == "search" and model == "ease":
        subprocess.run([*KGREC, "search", saved[0] / model, "x"], check=True)  # makes vectors
    folder, user, item = saved
    words = {"RUN": folder / model, "USER": user, "ITEM": item, "OUT": tmp_path / "all.csv"}
    given = [str(words.get(argument, argument)) for argument in arguments]
    code = (
        f"import sys; sys.argv = {['kgrec', *given]!r}\n"
        "from kgrec.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code"
    )
    assert not imported(code) & NOT_FOR_SERVING


def test_every_name_of_the_package_is_there():
    import kgrec

    for name in kgrec.__all__:
        assert getattr(kgrec, name) is not None
    assert sorted(kgrec.__all__) == sorted(dir(kgrec))
    with pytest.raises(AttributeError, match="no attribute 'Recomender'"):
        kgrec.Recomender  # noqa: B018
