"""Published data sets as kgrec's own files: what is written reads as what was read."""

import sys

import numpy as np
import pytest
import yaml
from published import kgat, kgcn, recbole

import kgrec
from kgrec.cli import main
from kgrec.config import load_config
from kgrec.data.interactions import PARTS
from kgrec.datasets.conversion import convert, table_to_graph, write_dataset
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, DataError, RunError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.tables.mapping import TableMapping
from kgrec.runs.reading import load_run


@pytest.fixture(params=[recbole, kgat, kgcn], ids=lambda made: made.__name__)
def folder(request, tmp_path):
    made = tmp_path / "given"
    made.mkdir()
    request.param(made)
    return made


def content(log):
    columns = {name: getattr(log, name) for name in ("rating", "timestamp")}
    rows = zip(
        log.users.take(log.user),
        log.items.take(log.item),
        *(column.tolist() for column in columns.values() if column is not None),
        strict=True,
    )
    return sorted(rows)


def same_table(one, other, ids):
    one, other = one.reindex(ids), other.reindex(ids)
    assert one.words() == other.words()
    assert (one.titles or ("",) * len(ids)) == (other.titles or ("",) * len(ids))
    assert list(one.numbers) == list(other.numbers)
    for column, values in one.numbers.items():
        assert np.array_equal(values, other.numbers[column], equal_nan=True)


def test_what_is_written_reads_as_what_was_read(folder, tmp_path):
    dataset, config = convert(folder, tmp_path / "out", seed=3)
    assert config == tmp_path / "out" / "config.yaml"
    again = load_dataset(load_config(config).data)
    split = dataset.split
    assert again.split.kind == split.kind
    assert again.split.train.items == split.train.items
    assert again.split.train.users == split.train.users
    for name in PARTS:
        assert content(again.split.part(name)) == content(split.part(name))
        assert len(split.part(name))
    assert again.kg.equals(dataset.kg)
    assert again.links.item.tolist() == dataset.links.item.tolist()
    assert again.links.entity.tolist() == dataset.links.entity.tolist()
    for name, ids in (("items", split.train.items), ("users", split.train.users)):
        if getattr(dataset, name) is not None:
            same_table(getattr(dataset, name), getattr(again, name), ids)
    assert (tmp_path / "out" / "notes.txt").read_text().splitlines() == "\n".join(
        dataset.notes
    ).splitlines()


def test_settings_reach_the_reader(tmp_path):
    recbole(tmp_path)
    settings = {"positive": "rating >= 3", "valid": 0.0, "test": 0.5, "split": "temporal"}
    dataset, config = convert(tmp_path, tmp_path / "out", "recbole", settings)
    assert not len(dataset.split.valid)
    assert min(dataset.split.train.rating) >= 3
    # A validation part without a row is written and read like the others.
    again = load_dataset(load_config(config).data)
    assert not len(again.split.valid)
    assert content(again.split.test) == content(dataset.split.test)
    assert again.split.kind == "temporal"


def test_without_a_graph(tmp_path):
    kgat(tmp_path)
    (tmp_path / "kg_final.txt").unlink()
    _, config = convert(tmp_path, tmp_path / "out")
    assert load_dataset(load_config(config).data).kg is None
    assert not (tmp_path / "out" / "graph").exists()


def test_nothing_is_overwritten(tmp_path):
    kgcn(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    convert(tmp_path, out)  # an empty folder may be there
    with pytest.raises(RunError, match="it is not overwritten"):
        convert(tmp_path, out)
    with pytest.raises(RunError, match="is a file; the folder needs another name"):
        write_dataset(kgrec.read_dataset(tmp_path), tmp_path / "ratings.txt")
    before = sorted(entry.name for entry in tmp_path.iterdir())
    with pytest.raises(ConfigError, match="Did you mean 'valid'"):
        convert(tmp_path, tmp_path / "other", settings={"vlid": 0.1})
    with pytest.raises(DataError, match="known format"):
        convert(out, tmp_path / "other")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == before


# ---------------------------------------------------------------- the commands


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["kgrec", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        return done.value.code or 0, captured.out, captured.err

    return run


def test_convert_then_train(folder, tmp_path, command):
    out, run = tmp_path / "out", tmp_path / "run"
    code, printed, said = command("convert", folder, "valid=0.2", "--out", out)
    assert (code, printed) == (0, "")
    assert f"Config: {out / 'config.yaml'}" in said
    assert "items linked" in said
    code, _, said = command(
        "train", out / "config.yaml", "model.name=attribute_ease", "text=null", "--out", run
    )
    assert code == 0, said
    recommender, _, _ = load_run(run)
    user = recommender.user_vocabulary.id(0)
    assert len(recommender.recommend(user, 3)) == 3


def test_train_reads_the_formats_themselves(folder, tmp_path, command):
    format = {"tiny.inter": "recbole", "train.txt": "kgat", "ratings.txt": "kgcn"}
    name = next(format[entry.name] for entry in folder.iterdir() if entry.name in format)
    data = {"root": str(tmp_path), "format": name, "folder": "given", "valid": 0.2}
    tree = {"data": data, "text": None, "model": {"name": "ease"}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tree))
    code, _, said = command("train", tmp_path / "c.yaml", "--out", tmp_path / "run")
    assert code == 0, said


def test_convert_says_what_is_wrong(tmp_path, command):
    (tmp_path / "train.txt").write_text("0 1\n1 \x1b[2J\n")
    (tmp_path / "test.txt").write_text("0 2\n")
    code, out, err = command("convert", tmp_path, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "train.txt, line 2" in err
    assert "\x1b" not in err
    code, _, err = command("convert", tmp_path, "--out", tmp_path / "out", "--format", "kgatt")
    assert code == 2
    assert "'kgat'" in err
    code, _, err = command("convert", tmp_path, "--out", tmp_path / "out", "format=kgcn")
    assert code == 2
    assert "no file of ratings" in err


def test_map(tmp_path, command):
    table, mapping, out = (tmp_path / name for name in ("p.csv", "m.yaml", "p.nt"))
    table.write_text("sku,title,brand\na,One,Acme\nb,Two,Acme\n\x1b[2J,Three,\x1b[2J\n")
    code, printed, said = command("map", table, "--id", "sku", "--out", out)
    assert code == 0
    assert "\x1b" not in printed + said
    assert "Chosen: sku is the id" in said
    mapping.write_text(printed)
    assert TableMapping.read(mapping).id == "sku"
    assert KnowledgeGraph.read(out).equals(KnowledgeGraph.from_table(table, mapping))
    assert command("map", table, "--mapping", mapping, "--out", tmp_path / "saved")[0] == 0
    assert KnowledgeGraph.load(tmp_path / "saved").equals(KnowledgeGraph.read(out))
    code, printed, err = command("map", table, "--id", "skuu")
    assert (code, printed) == (2, "")
    assert "Did you mean 'sku'" in err
    with pytest.raises(ConfigError, match=r"names .sku. as the id column already. Leave out id="):
        table_to_graph(table, mapping, "title")


@pytest.mark.parametrize("ending", ["nt", "nq.gz", "ttl", "trig", "rdf", "jsonld"])
def test_a_mapping_whose_values_are_no_iris_is_told_in_every_syntax(tmp_path, kgrec, ending):
    (tmp_path / "t.csv").write_text("sku,maker\ns1,A\n")
    (tmp_path / "m.yaml").write_text('relations: {maker: {iri: "{+value}"}}')
    out = tmp_path / f"g.{ending}"
    code, _, err = kgrec("map", tmp_path / "t.csv", "--mapping", tmp_path / "m.yaml", "--out", out)
    assert code == 2
    assert "cannot be written as RDF: 1 of 2 entity ids (the first is 'A')" in err
    assert not out.exists()


def test_an_id_may_be_named_beside_a_mapping_without_one(tmp_path, kgrec):
    (tmp_path / "t.csv").write_text("sku,code,title\ns1,c1,Pot\ns2,c2,Cup\n")
    (tmp_path / "m.yaml").write_text("label: title")
    given = ("map", tmp_path / "t.csv", "--mapping", tmp_path / "m.yaml")
    assert kgrec(*given)[1] == "id: sku\nlabel: title\n"
    assert kgrec(*given, "--id", "code")[1] == "id: code\nlabel: title\n"
    (tmp_path / "m.yaml").write_text("id: sku")
    code, _, err = kgrec(*given, "--id", "code")
    assert code == 2
    assert "the mapping names 'sku' as the id column already. Leave out --id." in err
