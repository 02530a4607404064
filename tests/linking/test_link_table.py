"""Links from items to entities: what holds, and the report of what does not."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kgrec.data.vocabulary import Vocabulary
from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "movielens-dbpedia"
KG = KnowledgeGraph.from_triples(
    [("ex:heat", "ex:by", "ex:mann"), ("ex:alien", "ex:by", "ex:scott"), ("ex:up", "ex:by", "ex:d")]
)
ITEMS = Vocabulary(["10", "11", "12", "13", "9"], "item")
ROWS = [
    ("10", "ex:heat"),
    ("11", "ex:heat"),
    ("12", "ex:gone"),
    ("99", "ex:up"),
    ("9", "ex:up"),
    ("9", "ex:alien"),
    ("9", "ex:up"),
]


def table(rows=ROWS, columns=("item_id", "iri")):
    return pd.DataFrame(rows, columns=list(columns))


def test_every_case_is_linked_or_reported():
    # The log knows other items than the catalogue does, in another order.
    log = SimpleNamespace(items=Vocabulary(["12", "9", "zz"], "item"), item=np.array([0, 1, 1, 2]))
    links = link(ITEMS, KG, table(), interactions=log)
    pairs = list(zip(ITEMS.take(links.item), KG.entities.take(links.entity), strict=True))
    assert pairs == [("10", "ex:heat"), ("11", "ex:heat"), ("9", "ex:alien"), ("9", "ex:up")]
    report = links.report
    assert (report.num_items, report.linked) == (5, 3)
    assert report.unlinked == ("12", "13")
    assert report.shared_entities == {"ex:heat": ("10", "11")}
    assert report.ambiguous_items == {"9": ("ex:alien", "ex:up")}
    assert report.unknown_entities == (("12", "ex:gone"),)
    assert report.unknown_items == (("99", "ex:up"),)
    assert report.duplicates == 1
    assert report.linked_without_interactions == ("10", "11")
    assert links.method == ("file",) * 4
    assert links.confidence.tolist() == [1.0] * 4
    entity = links.entity_of()
    assert entity.tolist() == [
        *KG.entities.rows(["ex:heat", "ex:heat"]),
        -1,
        -1,
        KG.entities.row("ex:alien"),
    ]
    json.dumps(report.to_dict())
    text = str(report)
    for part in ("3 of 5 items linked (60.0%)", "12 → ex:gone", "99 → ex:up", "1 repeated link"):
        assert part in text


def test_the_surest_link_of_an_item_counts(tmp_path):
    path = tmp_path / "links.csv"
    path.write_text(
        "item_id,iri,confidence\n9,ex:alien,0.4\n9,ex:up,0.9\n10,<ex:heat>,0.2\n9,ex:up,0.1\n"
    )
    links = link(pd.DataFrame({"item_id": [9, 10]}), KG, path)
    assert links.items.ids == ["10", "9"]
    assert KG.entities.take(links.entity_of()) == ["ex:heat", "ex:up"]
    np.testing.assert_allclose(links.confidence, np.float32([0.2, 0.4, 0.9]))


def test_iri_equality_without_a_file():
    links = link(pd.DataFrame({"id": ["ex:up", "ex:none"]}), KG, item="id")
    assert KG.entities.take(links.entity) == ["ex:up"]
    assert links.report.unlinked == ("ex:none",)
    assert links.method == ("iri",)
    assert links.report.unknown_entities == ()


def test_column_names_can_be_given():
    frame = table([("10", "ex:up")], ("film", "wiki"))
    assert len(link(ITEMS, KG, frame, item="film", iri="wiki")) == 1


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (table(columns=("item_id", "irri")), "no column 'iri'.*Did you mean 'irri'"),
        (table(columns=("itemid", "iri")), "no column 'item_id'.*Did you mean 'itemid'"),
        (table([("10", "ex:none")]), "'10' → 'ex:none'.*an item is '10', an entity is 'ex:alien'"),
        (table([("77", "ex:up")]), "'77' → 'ex:up'"),
        (table([]), "links are empty"),
        (table([("10", "")]), "the link table: 1 of 1 rows have no iri; the first is data row 1"),
        (table([("10", None)]), "the link table: 1 of 1 rows have no iri"),
        (None, "No item id is the IRI.*'10'.*'ex:alien'"),
        (
            table([("10", "ex:up", "x")], ("item_id", "iri", "confidence")),
            "the confidence 'x' in data row 1",
        ),
        (
            table([("10", "ex:up", 1.5)], ("item_id", "iri", "confidence")),
            "'1.5' in data row 1 is no number",
        ),
    ],
)
def test_bad_links_get_a_message(links, message):
    with pytest.raises(DataError, match=message):
        link(ITEMS, KG, links)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty: expected a header"),
        (b"item_id,iri\n10,ex:up,1,2\n10,ex:up\n1,2,3,4,5\n", r"links\.csv"),
        (b"item_id,iri\n10,\xff\n", "is not in the encoding utf-8: line 2, column 4"),
        (
            b"item_id,iri,confidence\n10,ex:up,0.5\n11,ex:up,high\n",
            "the confidence 'high' in line 3",
        ),
    ],
)
def test_bad_link_files_name_the_file(tmp_path, text, message):
    path = tmp_path / "links.csv"
    path.write_bytes(text)
    with pytest.raises(DataError, match=message) as caught:
        link(ITEMS, KG, path)
    assert "links.csv" in str(caught.value)


def test_missing_file_and_missing_item_column(tmp_path):
    with pytest.raises(DataError, match=r"link file .*none\.csv does not exist"):
        link(ITEMS, KG, tmp_path / "none.csv")
    with pytest.raises(DataError, match=r"item table has no column 'item_id'.*'itemid'"):
        link(pd.DataFrame({"itemid": ["1"]}), KG, table())


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the real data is not here")
def test_real_links():
    kg = KnowledgeGraph.read(SHARED / "kg.nt.gz")
    items = pd.read_csv(SHARED / "items.csv", dtype=str)
    log = pd.read_csv(SHARED / "interactions.csv", dtype=str)
    liked = log[log["rating"].astype(int) >= 4]["item_id"]
    positive = Vocabulary.from_ids(liked, "item")
    interactions = SimpleNamespace(items=positive, item=positive.rows(liked))
    links = link(items, kg, SHARED / "links.csv", interactions=interactions)
    stated = pd.read_csv(SHARED / "links.csv", dtype=str)
    holds = stated[stated["iri"].isin(set(kg.entities.ids))]
    assert len(links) == len(holds)
    expected = dict(zip(holds["item_id"], holds["iri"], strict=True))
    entity = links.entity_of()
    for item, row in zip(links.items.ids, entity.tolist(), strict=True):
        assert (kg.entities.id(row) if row >= 0 else None) == expected.get(item)
    report = links.report
    assert report.linked == 1411
    assert len(report.unlinked) == 1682 - 1411
    assert report.shared_entities["http://dbpedia.org/resource/Chasing_Amy"] == ("246", "268")
    lonely = set(holds["item_id"]) - set(liked)
    assert lonely
    assert set(report.linked_without_interactions) == lonely
