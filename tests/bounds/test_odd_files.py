"""What is no plain file is refused by every reader at once: none waits, none reads without end."""

import shutil

import numpy as np
import pytest

from kgrec.config import load_config
from kgrec.data.formats.lines import read_lines
from kgrec.data.id_files import read_ids
from kgrec.data.tables import read_table
from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import ConfigError, DataError, RunError
from kgrec.evaluation.stored import read_evaluation
from kgrec.files import check_plain, open_plain, read_plain
from kgrec.kg.graph import KnowledgeGraph
from kgrec.sparql.cache import AnswerCache, Stored
from kgrec.text.cache import EmbeddingCache


def test_a_plain_file_and_a_link_to_one_are_read(tmp_path):
    (tmp_path / "a").write_bytes(b"octets")
    (tmp_path / "b").symlink_to("a")
    for name in ("a", "b"):
        check_plain(tmp_path / name)
        assert read_plain(tmp_path / name, 6) == b"octets"
        with open_plain(tmp_path / name) as file:
            assert file.read(3) == b"oct"
    with pytest.raises(OSError, match="it has more than 5 bytes"):
        read_plain(tmp_path / "a", 5)
    with pytest.raises(FileNotFoundError):
        open_plain(tmp_path / "c")


@pytest.mark.parametrize(
    ("name", "read", "error"),
    [
        ("t.txt", lambda path: read_lines(path), DataError),
        ("evaluation.json", lambda path: read_evaluation(path), RunError),
        ("map.yaml", lambda path: load_config(path), ConfigError),
    ],
)
def test_a_reader_of_one_file(tmp_path, odd_kind, put_odd, name, read, error):
    with pytest.raises(error, match=rf"is a {odd_kind}"):
        read(put_odd(tmp_path / name))


@pytest.mark.parametrize("name", ["g.nt", "g.ttl", "g.rdf", "g.jsonld", "g.nt.gz", "g.ttl.bz2"])
def test_a_graph(tmp_path, odd_kind, put_odd, name):
    path = put_odd(tmp_path / name)
    expected = "has no RDF file" if odd_kind == "folder" else f"it is a {odd_kind}"
    with pytest.raises(DataError, match=expected):
        KnowledgeGraph.read(path)


@pytest.mark.parametrize("name", ["manifest.json", "entities.arrow", "literals.arrow"])
def test_a_saved_graph(tmp_path, odd_kind, put_odd, name):
    source = tmp_path / "g.nt"
    source.write_text('<a:a> <a:b> <a:c> .\n<a:a> <a:b> "d" .\n')
    KnowledgeGraph.read(source).save(tmp_path / "graph")
    put_odd(tmp_path / "graph" / name)
    with pytest.raises(RunError, match=rf"{name}: .*it is a {odd_kind}"):
        KnowledgeGraph.load(tmp_path / "graph")


def test_a_cache_of_vectors_takes_it_for_damage(tmp_path, odd_kind, put_odd):
    vectors = np.ones((1, 2), np.float32)
    EmbeddingCache(tmp_path).put("print", ["a"], vectors)
    (path,) = (tmp_path / "print").iterdir()
    put_odd(path)
    with pytest.warns(UserWarning, match=f"damaged.*it is a {odd_kind}"):
        _, found = EmbeddingCache(tmp_path).get("print", ["a"], 2)
    assert not found.any()


def test_a_cache_of_answers_takes_it_for_damage(tmp_path, odd_kind, put_odd):
    cache = AnswerCache(tmp_path, 1000)
    cache.put("http://e/", "query", Stored([{}]))
    (path,) = tmp_path.rglob("*.json.gz")
    put_odd(path)
    with pytest.warns(UserWarning, match=f"damaged.*it is a {odd_kind}"):
        assert cache.get("http://e/", "query") is None


FILES = (
    "config.yaml",
    "about.json",
    "numbers.json",
    "weights.safetensors",
    "features.safetensors",
    "words.safetensors",
    "data/users.parquet",
    "data/histories.parquet",
    "data/interactions.parquet",
    "data/names.parquet",
    "data/item_table_categories.parquet",
    "data/graph/manifest.json",
    "data/graph/triples.arrow",
)


@pytest.mark.parametrize("name", FILES)
def test_a_run_folder(run_folder, tmp_path, odd_kind, put_odd, kgrec, name):
    shutil.copytree(run_folder, tmp_path / "run")
    path = tmp_path / "run" / name
    assert path.is_file()
    put_odd(path)
    for command in (["evaluate"], ["recommend", "--user", "u00"]):  # one that reads it, or not
        code, out, err = kgrec(command[0], tmp_path / "run", *command[1:])
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert path.name in err


@pytest.mark.parametrize(
    "name", ["t.csv", "t.csv.gz", "t.inter", "t.jsonl", "t.json.gz", "t.parquet"]
)
def test_a_table(tmp_path, odd_kind, put_odd, name):
    with pytest.raises(DataError, match=rf"is a {odd_kind}"):
        read_table(put_odd(tmp_path / name))


def test_a_file_of_ids(tmp_path, odd_kind, put_odd):
    with pytest.raises(DataError, match=rf"is a {odd_kind}"):
        read_ids(put_odd(tmp_path / "ids.txt"), Vocabulary(["a"], "item"))
