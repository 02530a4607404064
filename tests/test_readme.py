"""The README does what it says: its examples run as written, and its figures are those measured."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pyoxigraph
import pytest
import yaml
from published import recbole
from sparql_server import Server, serve
from sparql_wikidata import put_in_place, wikidata
from typer.main import get_command

import kg_data
import kgrec
from kgrec import cli
from kgrec.config import MODELS, load_config, make_config
from kgrec.datasets.own_files import FilesDataConfig, TableConfig
from kgrec.evaluation.protocols import PROTOCOLS
from kgrec.kg.tables.mapping import TableMapping

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
EXAMPLE_USER, EXAMPLE_ITEM = "u0016", "F0290"


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Path:
    """A folder with the five files that the README has its reader write, entered."""
    found = write_files(section("### Turtle and CSV"), tmp_path)
    assert sorted(found) == ["books.ttl", "books.yaml", "items.csv", "links.csv", "ratings.csv"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def server(shop, monkeypatch) -> Iterator[Server]:
    """What the README's commands get from outside: a RecBole folder, IMDb ids, and Wikidata."""
    (shop / "ml-tiny").mkdir()
    recbole(shop / "ml-tiny")
    (shop / "movies.csv").write_text("movieId,imdbId\n6,0113277\n8228,0122690\n")
    with serve(wikidata()) as server:
        put_in_place(monkeypatch, server.address)
        yield server


@pytest.fixture
def films(tmp_path, monkeypatch) -> None:
    """A small part of the embedded films where the README's example looks for them, entered."""
    source, folder = kg_data.path("films"), tmp_path / "kg_data" / "films"
    folder.mkdir(parents=True)
    ratings = pd.read_csv(source / "ratings.csv")
    mine = ratings[ratings["user_id"] == EXAMPLE_USER]
    kept = {EXAMPLE_ITEM, *mine["item_id"]}
    ratings = ratings[ratings["item_id"].isin(kept)]
    ratings[ratings["user_id"] < "u0300"].to_csv(folder / "ratings.csv", index=False)
    for name in ("items.csv", "links.csv"):
        table = pd.read_csv(source / name)
        table[table["item_id"].isin(kept)].to_csv(folder / name, index=False)
    entities = set(pd.read_csv(folder / "links.csv")["iri"])
    triples = list(pyoxigraph.parse(path=source / "films.ttl"))
    near = {t.object.value for t in triples if t.subject.value in entities}
    chosen = [t for t in triples if t.subject.value in entities | near]
    pyoxigraph.serialize(chosen, str(folder / "films.ttl"), format=pyoxigraph.RdfFormat.TURTLE)
    monkeypatch.chdir(tmp_path)


def section(heading: str) -> str:
    """Return the text from a heading to the next one of its level or above."""
    _, there, after = README.partition(f"\n{heading}\n")
    assert there, heading
    level = len(heading.split()[0])
    return re.split(rf"^#{{1,{level}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def write_files(text: str, folder: Path) -> list[str]:
    """Write the files that a text shows: each is named in the paragraph just before its block."""
    files = re.findall(
        r"`(\w+\.(?:ttl|csv|yaml))`(?:.|\n(?!\n))*:\n\n```\w+\n((?:.*\n)*?)```\n", text
    )
    for name, content in files:
        (folder / name).write_text(content, encoding="utf-8")
    return [name for name, _ in files]


def follow(text: str, capsys) -> str:
    """Write the files of a text, run its commands and its Python in order; return what they say."""
    write_files(text, Path())
    said, names = "", {"__name__": "readme"}
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(block, str(ROOT / "README.md"), "exec"), names)
            said += capsys.readouterr().out
        elif language == "bash":
            said += "".join(run(line, capsys) for line in block.splitlines())
    return said


def run(line: str, capsys, code: int = 0) -> str:
    """Run a command as the shell would, and return what it prints on stdout."""
    line, _, target = line.partition(" > ")
    if target:
        printed = run(line, capsys)
        Path(target).write_text(printed, encoding="utf-8")
        return printed
    program, *arguments = shlex.split(line, comments=True)
    assert program == "kgrec"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["kgrec", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    printed = capsys.readouterr()
    assert (ended.value.code or 0) == code, f"{line}: {printed.err}"
    return printed.out


def execute(block: str) -> None:
    exec(compile(block, str(ROOT / "README.md"), "exec"), {"__name__": "readme"})


def table_commands() -> list[str]:
    return re.findall(r"^\| .* \| `(kgrec .*)` \|$", section("## Commands"), re.MULTILINE)


def test_the_example_in_python_explains_the_film_that_it_names(films, capsys):
    example = PYTHON[0]
    assert f'"{EXAMPLE_USER}", "{EXAMPLE_ITEM}"' in example
    assert len([line for line in example.splitlines() if line]) <= 10
    execute(example)
    out = capsys.readouterr().out
    assert "The Big Sleep is recommended because you liked" in out
    assert "'ndcg@10': " in out


def test_own_data_by_command_and_from_python(shop, server, capsys):
    block = next(
        text for language, text in BLOCKS if language == "bash" and "kgrec inspect" in text
    )
    printed = {}
    for line in block.splitlines():
        printed[line.split()[1]] = run(line, capsys)
    assert "The Dispossessed" in printed["inspect"]
    assert "5 users" in printed["evaluate"]
    assert printed["recommend"].count("\n") >= 4
    assert "Death on the Nile" in printed["search"].splitlines()[1]  # the one on a river
    reason = printed["explain"].splitlines()[0]
    assert reason.startswith("The Lathe of Heaven is recommended because you liked")
    assert "Ursula K. Le Guin" in reason
    assert (shop / "why.png").read_bytes().startswith(b"\x89PNG")

    for heading in ("### The same from pandas and rdflib", "## Contents of a run folder"):
        for block in re.findall(r"^```python\n(.*?)^```$", section(heading), re.M | re.S):
            execute(block)
    out = capsys.readouterr().out
    assert "9 of 9 items linked" in out
    assert "pie is recommended because you liked soup, which" in out
    assert "leek" in out
    listed = {entry.name for entry in (shop / "runs" / "books").iterdir()}
    table = section("## Contents of a run folder")
    named = {name.rstrip("/") for name in re.findall(r"`([\w.]+/?)`", table)}
    assert listed <= named, "a file of the run folder is not in the README"

    for line in table_commands():
        if not line.startswith("kgrec demo"):
            run(line, capsys)
    assert {"books.run"} <= {entry.name for entry in shop.iterdir()}


def test_a_table_of_products_only(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    said = follow(section("### A table of products only"), capsys)
    assert TableMapping.read("products.yaml").id == "sku"
    assert "Clay mug is recommended because you liked Clay teapot, which shares the tags" in said
    assert kgrec.KnowledgeGraph.read("products.nt.gz").num_triples == 18  # 6 makers, 12 tags


def test_wikidata_and_files_of_recbole(shop, server, capsys):
    said = follow(section("### Wikidata, from IMDb ids"), capsys)
    assert "2 of 2" in said
    asked = len(server.headers)
    follow(section("### Wikidata, from IMDb ids"), capsys)
    assert len(server.headers) == asked  # all answers were in the cache
    links = pd.read_csv("links.csv", dtype=str)
    assert links["item_id"].tolist() == ["6", "8228"]
    kg = kgrec.KnowledgeGraph.read("films.nt.gz")
    assert kg.labels(kg.entities.rows(links["iri"].tolist())) == ["Heat", "Ronin"]

    said = follow(section("### Files of RecBole, KGAT or KGCN"), capsys)
    assert "'ndcg@10': " in said
    assert (shop / "runs" / "ml-tiny" / "metrics.json").exists()


def test_graphs(shop, films, capsys):
    said = follow(section("## Graphs"), capsys)
    assert "1 {'urn:monday': 1, 'urn:tuesday': 1}" in said
    assert len((shop / "rejects.jsonl").read_text().splitlines()) == 1
    found = pd.read_csv("film_links.csv").set_index("item_id")["iri"]
    given = pd.read_csv("kg_data/films/links.csv").set_index("item_id")["iri"]
    assert found.sort_index().equals(given.sort_index())
    assert (shop / "books.png").read_bytes().startswith(b"\x89PNG")
    shapes = (shop / "shapes.ttl").read_text(encoding="utf-8")
    (shop / "strict.ttl").write_text(shapes.replace("minCount 1", "minCount 2"), encoding="utf-8")
    run("kgrec inspect books.ttl --shapes strict.ttl", capsys, code=1)
    kg = kgrec.KnowledgeGraph.read("books.ttl")
    assert kgrec.KnowledgeGraph.read("books.nt.gz").num_triples == kg.num_triples == 18


def test_models(shop, capsys):
    said = follow(section("## Models"), capsys)
    assert "torch.Size([2, " in said
    assert (shop / "runs" / "kgat" / "weights.safetensors").exists()
    assert set(MODELS) <= set(re.findall(r"`(\w+)`", section("## Models")))
    for block in re.findall(r"^```yaml\n(.*?)^```$", section("## Models"), re.M | re.S):
        assert make_config({"data": {}, **yaml.safe_load(block)}).model.name in MODELS


def test_evaluation_protocols(films, capsys):
    said = follow(section("## Evaluation protocols"), capsys)
    assert "'sampled_ndcg@10'" in said
    assert "'auc'" in said
    assert "'kgat_ndcg@20'" in said
    assert "'bias_rmse'" in said
    told = re.findall(r"^\| `([\w-]+)` \|", section("## Evaluation protocols"), re.M)
    assert set(told) == set(PROTOCOLS)


def test_linking_figures_are_those_measured():
    results = (ROOT / "experiments" / "results" / "link_titles.json").read_text(encoding="utf-8")
    measured = json.loads(results)["movielens_dbpedia"]
    assert measured["precision"] == 1.0
    assert f"{measured['recall']:.2%}".replace("%", " %") in section("### Linking")


def test_the_config_shows_defaults_where_it_says_so(shop):
    data = load_config("books.yaml").data
    for name in ("root", "user", "item", "rating", "timestamp", "iri", "split"):
        assert getattr(data, name) == FilesDataConfig.model_fields[name].default, name
    assert data.items is not None
    assert (data.items.id, data.items.title) == ("item_id", "title")  # what None stands for
    assert TableConfig.model_fields["list_separator"].default is None  # then "|" is tried
    assert set(re.findall(r"`data\.(\w+)", README)) <= set(FilesDataConfig.model_fields)


def test_every_command_is_there_and_has_an_example():
    known = set(get_command(cli.app).commands)  # type: ignore[attr-defined]
    code = [text for language, text in BLOCKS if language == "bash"]
    code += re.findall(r"`([^`\n]+)`", README)
    named = {name for text in code for name in re.findall(r"\bkgrec ([a-z]+)\b", text)}
    assert named == known
    assert {line.split()[1] for line in table_commands()} == known


def test_make_targets_files_and_links_exist():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = {a or b for a, b in re.findall(r"^make (\w+)|`make (\w+)`", README, re.MULTILINE)}
    assert {"demo", "test"} <= named <= set(targets)
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for path in re.findall(r"`(kgrec/[\w/.]+|experiments/[\w/.]+|tests/[\w/.]+)`", README):
        assert (ROOT / path).exists(), path


def test_results_are_those_of_the_files():
    tables = load_tables()
    results = tables.read_results()
    wanted = tables.written(README, tables.section(results))
    assert README == wanted, "run experiments/tables.py"
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page == tables.page(results), "run experiments/tables.py"
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert (ROOT / "docs" / target).exists(), target


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
    assert "| HetRec Last.FM, test Recall@10 | at least 0.2900 | 0.2000 |" in tables.section(
        results
    )
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
