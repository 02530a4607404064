"""README and manual do what they say: their files, commands and examples work as written."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pages import ROOT, Block, PageError, agree, follow, followed, forget, read_page, run
from typer.main import get_command

import kgrec
from kgrec import cli
from kgrec.config import MODELS, make_config
from kgrec.datasets.own_files import FilesDataConfig, TableConfig
from kgrec.evaluation.protocols import PROTOCOLS
from kgrec.kg.tables.mapping import TableMapping

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
TO_RUN = [path for path in PAGES if read_page(path).runs]
NOT_RUN = 14
"""Blocks that may say why they are not run; each needs a reason."""


@pytest.fixture(scope="module", autouse=True)
def _tidy():
    yield
    forget()


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", TO_RUN, ids=name_of)
def test_a_page_does_what_it_says(path):
    followed(path)


def test_few_blocks_are_not_run_and_each_says_why():
    blocks = [block for path in PAGES for block in read_page(path).blocks if block.reason]
    assert all(len(block.reason.split()) >= 2 for block in blocks)
    assert len(blocks) <= NOT_RUN
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    assert text.count("<!-- not run") == len(blocks)


def test_every_block_has_a_language_that_the_manual_knows():
    known = {"bash", "python", "text", "yaml", "turtle", "sparql", "json", "toml"}
    for path in PAGES:
        shown = {block.language for block in read_page(path).blocks}
        assert shown - {""} <= known, path  # directives have none


def test_every_config_of_the_manual_is_valid():
    count = 0
    for path in PAGES:
        for block in read_page(path).blocks:
            if block.language != "yaml" or block.reason or "/how-to/" not in path.as_posix():
                continue
            tree = yaml.safe_load(block.text)
            if not {"data", "model", "text", "graph"} & set(tree):
                continue
            config = make_config({"data": {}, **tree}, f"{path.name}, line {block.line}")
            assert config.model.name in MODELS
            count += 1
    assert count >= 3


def test_the_tutorial_on_own_data_explains_a_book_by_its_author():
    folder = followed(DOCS / "tutorials" / "own-data.md")
    assert (folder / "why.png").read_bytes().startswith(b"\x89PNG")
    listed = {entry.name for entry in (folder / "runs" / "books").iterdir()}
    page = (DOCS / "reference" / "run-folder.md").read_text(encoding="utf-8")
    named = {name.rstrip("/") for name in re.findall(r"`([\w.]+/?)`", page)}
    assert listed <= named, "a file of the run folder is not in the reference"


def test_the_config_of_the_tutorial_shows_defaults_where_it_says_so():
    block = next(
        block
        for block in read_page(DOCS / "tutorials" / "own-data.md").blocks
        if block.file == "books.yaml"
    )
    data = make_config(yaml.safe_load(block.text)).data
    for name in ("root", "user", "item", "rating", "timestamp", "iri", "split"):
        assert getattr(data, name) == FilesDataConfig.model_fields[name].default, name
    assert data.items is not None
    assert (data.items.id, data.items.title) == ("item_id", "title")  # what null stands for
    assert TableConfig.model_fields["list_separator"].default is None  # then "|" is tried


def test_the_tutorial_on_tables_writes_a_mapping_and_a_graph():
    folder = followed(DOCS / "tutorials" / "table.md")
    assert TableMapping.read(folder / "products.yaml").id == "sku"
    graph = kgrec.KnowledgeGraph.read(folder / "products.nt.gz")
    assert graph.num_triples == 18  # 6 makers, 12 tags


def test_graphs_are_read_linked_checked_and_written():
    folder = followed(DOCS / "how-to" / "graphs.md")
    assert len((folder / "rejects.jsonl").read_text().splitlines()) == 1
    found = pd.read_csv(folder / "film_links.csv").set_index("item_id")["iri"]
    given = pd.read_csv(folder / "kg_data/films/links.csv").set_index("item_id")["iri"]
    both = found.index.intersection(given.index)
    assert len(both) > 380
    assert found[both].equals(given[both])
    assert (folder / "books.png").read_bytes().startswith(b"\x89PNG")
    shapes = (folder / "shapes.ttl").read_text(encoding="utf-8")
    (folder / "strict.ttl").write_text(shapes.replace("minCount 1", "minCount 2"))
    run(f"kgrec inspect {folder}/books.ttl --shapes {folder}/strict.ttl", code=1)
    kg = kgrec.KnowledgeGraph.read(folder / "books.ttl")
    assert kgrec.KnowledgeGraph.read(folder / "books.nt.gz").num_triples == kg.num_triples == 18


def test_wikidata_fills_a_graph_and_links():
    folder = followed(DOCS / "how-to" / "wikidata.md")
    links = pd.read_csv(folder / "links.csv", dtype=str)
    assert links["item_id"].tolist() == ["6", "8228"]
    kg = kgrec.KnowledgeGraph.read(folder / "films.nt.gz")
    assert kg.labels(kg.entities.rows(links["iri"].tolist())) == ["Heat", "Ronin"]


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("how-to/choose-a-model.md", MODELS),
        ("explanation/models.md", MODELS),
        ("how-to/evaluate.md", PROTOCOLS),
        ("explanation/protocols.md", PROTOCOLS),
    ],
)
def test_a_page_names_all_of_a_kind(page, names):
    text = (DOCS / page).read_text(encoding="utf-8")
    assert set(names) <= set(re.findall(r"`([\w-]+)`", text))


def test_every_command_has_an_example_that_is_run():
    known = set(get_command(cli.app).commands)  # type: ignore[attr-defined]
    blocks = [block for path in PAGES for block in read_page(path).blocks]
    code = "\n".join(
        block.text for block in blocks if block.language == "bash" and not block.reason
    )
    named = set(re.findall(r"(?:^|\| )kgrec ([a-z-]+)\b", code, re.MULTILINE))
    assert named == known - {"demo", "chat"}  # chat reads a pipe, which pages cannot give
    demo = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
    assert "kgrec demo" in demo


def test_outputs_are_compared():
    assert agree("a 0.50 b\n", "a 0.51 b")
    assert agree("item='F0290', score=0.50", "item='F0290', score=0.49")
    assert not agree("item='F0290'", "item='F0291'")
    assert not agree("a 0.50 b", "a 0.60 b")
    assert not agree("a 0.50", "a 0.50 c")
    assert agree("first\n…\nlast 7", "first\nx 1\ny\nlast 7")
    assert not agree("first\n…\nlast", "first\nx\nlost")


def page(tmp_path, monkeypatch, text) -> Path:
    monkeypatch.setattr("pages.ROOT", tmp_path)
    (tmp_path / "kg_data").mkdir()
    path = tmp_path / "page.md"
    path.write_text(text)
    return path


def test_a_page_that_says_something_else_is_found_and_can_be_corrected(tmp_path, monkeypatch):
    text = (
        "The file, `in.csv`:\n\n```text\na,b\n```\n\n"
        "```python\nfrom pathlib import Path\nprint(Path('in.csv').read_text() * 2)\n```\n\n"
        "<!-- output -->\n```text\nwrong\n```\n\n<!-- not run: it never ends -->\n"
        "```bash\nfalse\n```\n"
    )
    path = page(tmp_path, monkeypatch, text)
    made = read_page(path)
    assert [block.file for block in made.blocks] == ["in.csv", "", ""]
    assert made.blocks[2] == Block("bash", "false\n", 19, reason="it never ends")
    with pytest.raises(PageError, match=r"page\.md, line 8 prints"):
        follow(made)
    follow(made, write=True)
    assert path.read_text() == text.replace("wrong", "a,b\na,b")
    follow(read_page(path))


def test_a_command_that_fails_is_found(tmp_path, monkeypatch):
    path = page(tmp_path, monkeypatch, "```bash\ntrue\nkgrec inspect nothing.ttl\n```\n")
    with pytest.raises(PageError, match=r"line 2: `kgrec inspect nothing.ttl` .* exit code 2"):
        follow(read_page(path))
