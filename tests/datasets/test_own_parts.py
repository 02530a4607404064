"""Parts of a split as tables of their own, and how each table of a config is written."""

import json

import pytest

from kgrec.config import dump_config, make_config
from kgrec.datasets.conversion import table_to_graph
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, DataError, KgrecWarning


def data_of(folder, **data):
    return make_config({"data": {"root": str(folder), **data}}).data


@pytest.fixture
def parts(tmp_path):
    (tmp_path / "train.csv").write_text("user_id;item_id\na;x\na;y\nb;x\n")
    (tmp_path / "valid.csv").write_text("user_id;item_id\nb;y\n")
    (tmp_path / "test.csv").write_text("user_id;item_id\nb;z\n")
    return tmp_path


def test_parts_are_tables(parts):
    split = load_dataset(
        data_of(parts, train="train.csv", valid="valid.csv", test="test.csv", separator=";")
    ).split
    assert [len(split.part(name)) for name in ("train", "valid", "test")] == [3, 1, 1]
    assert split.train.items.ids == ["x", "y", "z"]
    only = load_dataset(data_of(parts, train="train.csv", valid=0, separator=";")).split
    assert [len(only.part(name)) for name in ("train", "valid", "test")] == [3, 0, 0]


def test_parts_that_overlap_or_lack_a_training_part_are_refused(parts):
    (parts / "test.csv").write_text("user_id;item_id\na;x\n")
    with pytest.raises(DataError, match=r"train\.csv, test\.csv.*train and test share 1 .*'a'"):
        load_dataset(data_of(parts, train="train.csv", valid=0, test="test.csv", separator=";"))
    with pytest.raises(ConfigError, match="`train` must name one too"):
        data_of(parts, interactions="train.csv", test="test.csv")
    with pytest.raises(ConfigError, match="leave out `interactions`"):
        data_of(parts, interactions="train.csv", train="train.csv")


def test_each_table_has_its_own_format(tmp_path):
    (tmp_path / "log.csv").write_text("a,x\nb\nb,y\n")
    (tmp_path / "items.csv").write_bytes("item_id;t\nx;é\ny;ö\n".encode("latin-1"))
    data = data_of(
        tmp_path,
        interactions={"path": "log.csv", "columns": ["user_id", "item_id"]},
        items={"path": "items.csv", "title": "t", "encoding": "latin-1", "separator": ";"},
        on_error="skip",
        rejects="bad.jsonl",
        valid=0,
        test=0,
    )
    with pytest.warns(KgrecWarning, match="1 of 3 rows cannot be read"):
        dataset = load_dataset(data)
    assert dataset.items.titles == ("é", "ö")
    bad = json.loads((tmp_path / "bad.jsonl").read_text())
    assert (bad["line"], bad["text"]) == (2, "b")
    again = make_config({"data": data.model_dump(mode="json")})
    assert again.data == data
    assert "columns:" in dump_config(again)


PRODUCTS = ',sku,title,maker,price\n0,s1,Pot,A,12\n1,s2,Cup,A,"1,234.50"\n2,s3,Jug,A,N/A\n'


def test_a_mapped_table_leads_to_links_and_to_a_data_set(tmp_path):
    (tmp_path / "products.csv").write_text(PRODUCTS)
    (tmp_path / "log.csv").write_text("user_id,sku\na,s1\nb,s2\n")
    mapping, notes = table_to_graph(tmp_path / "products.csv", out=tmp_path / "p.ttl")
    assert (mapping.id, list(mapping.literals)) == ("sku", ["price"])
    assert "it numbers the rows" in " ".join(notes)
    text = (tmp_path / "p.ttl").read_text()
    assert "1234.5 " in text
    assert "N/A" not in text
    data = {"interactions": "log.csv", "item": "sku", "graph": "p.ttl", "valid": 0, "test": 0}
    for links in ({}, {"links": "p.links.csv"}):
        dataset = load_dataset(data_of(tmp_path, **data, **links))
        assert dataset.links.report.linked == len(dataset.split.train.items)
    (tmp_path / "products.csv").write_text(PRODUCTS.replace("N/A", "call us"))
    _, notes = table_to_graph(tmp_path / "products.csv")
    assert "1 of 3 values are no numbers" in " ".join(notes)
    assert "line 4 holds 'call us'" in " ".join(notes)


@pytest.mark.parametrize("name", ["g.nt", "g.ttl", "g.ttl.gz", "g.rdf", "g.jsonld", "g.trig", "g"])
def test_the_ending_says_the_syntax(tmp_path, name):
    from kgrec.kg.graph import KnowledgeGraph

    (tmp_path / "p.csv").write_text(PRODUCTS)
    table_to_graph(tmp_path / "p.csv", out=tmp_path / name, links=tmp_path / "l.csv")
    assert (
        (tmp_path / "l.csv").read_text().startswith("item_id,iri\ns1,http://example.org/sku/s1\n")
    )
    made = tmp_path / name
    kg = KnowledgeGraph.load(made) if made.is_dir() else KnowledgeGraph.read(made)
    expected = KnowledgeGraph.from_table(tmp_path / "p.csv")
    assert kg.equals(expected)


def test_a_mapping_in_place_of_a_table_is_named(tmp_path):
    with pytest.raises(ConfigError, match="is a mapping, not a table"):
        table_to_graph(tmp_path / "products.yaml", out=tmp_path / "x.nt")
