"""Filters over the item table and the graph, and that they lose no result."""

import pandas as pd
import pytest
from project import EX, WordEncoder, write_project

import kgrec
from kgrec.config import load_config
from kgrec.datasets.loading import load_dataset
from kgrec.errors import DataError, KgrecWarning, UnknownIdError
from kgrec.models.ease import EASE
from kgrec.retrieval.filters import ItemColumns, passing
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

QUICK = LinkPredictionConfig(predictor={"dim": 12}, training={"max_epochs": 2})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filtered")
    config = write_project(folder)
    table = pd.read_csv(folder / "items.csv", dtype=str, keep_default_na=False)
    table["in stock"] = ["yes" if row % 2 else "no" for row in range(len(table))]
    table.to_csv(folder / "items.csv", index=False)
    return load_dataset(load_config(config).data, 3)


@pytest.fixture(scope="module", params=[LinkPrediction(QUICK), EASE()], ids=lambda m: m.name)
def fitted(dataset, request):
    parts = {"items": dataset.items, "encoder": WordEncoder()}
    recommender = kgrec.Recommender(dataset.kg, dataset.links, model=request.param, **parts)
    return recommender.fit(dataset.split.train, dataset.split.valid)


def passed(fitted, expression):
    now = fitted.snapshot
    return now.items.take(passing(now.item_columns, expression))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'space' in tags and price < 3.5", "i01 i02 i03 i05 i06 i07 i08 n0"),
        ("tags == 'cooking' and `in stock` == true", "i16 i18 n2"),
        ("price > 4 and price <= 5 and id != 'x0'", "i15 i16 i17 i18 i19 n2"),
        ("director == 'Director of pirates' and year >= 1992", "i13 i14 n1"),
        (f"director == '{EX}director2' and year < 1995", "i15"),
        ("`http://ex.org/theme` == 'space' and 'Title 1' in title", "i02 n0"),
        ("id in ['i09', 'n0']", "i09 n0"),
    ],
)
def test_a_filter_reads_the_item_table_and_the_graph(dataset, expression, expected):
    items = dataset.items.ids.union(dataset.links.items)
    columns = ItemColumns(items, dataset.items, dataset.kg, dataset.links.reindex(items))
    assert " ".join(items.take(passing(columns, expression))) == expected


def test_items_of_one_entity_share_its_relations_and_items_without_one_have_none(fitted):
    found = passed(fitted, "'space' in theme")
    assert {"i01", "i02"} <= set(found)
    assert "i08" not in found
    assert "i08" in passed(fitted, "'space' not in theme")


def test_k_items_come_back_where_there_are_k(fitted):
    items = fitted.item_vocabulary.ids
    expression = "'cooking' in tags and price == 5"  # the taste of other users
    left = set(passed(fitted, expression))
    for user in ("u00", "u15"):
        expected = left - set(fitted.history(user))
        found = fitted.recommend(user, len(items), filter=expression)
        assert {entry.item for entry in found} == expected
        # The order and the scores are those of the whole list.
        whole = [entry for entry in fitted.recommend(user, len(items)) if entry.item in expected]
        assert found == whole
    liked = fitted.recommend(liked=["i01"], k=4, filter=expression)
    assert len(liked) == 4
    assert {entry.item for entry in liked} <= left
    for found in (
        fitted.similar_items("i01", len(items), filter=expression),
        fitted.search("space pirates", len(items), filter=expression),
    ):
        assert {entry.item for entry in found} == left - {"i01"}


def test_filter_candidates_and_exclude_hold_together(fitted):
    choice = {"filter": "price == 4", "candidates": ["i09", "i10", "i15"], "exclude": ["i10"]}
    for found in (
        fitted.recommend("u29", 5, **choice),
        fitted.similar_items("i12", 5, **choice),
        fitted.search("pirates", 5, **choice),
    ):
        assert [entry.item for entry in found] == ["i09"]
    frame = fitted.recommend_all(5, **choice).to_pandas()
    assert set(frame["item_id"]) == {"i09"}


def test_an_update_is_filtered_at_once(fitted):
    row = pd.DataFrame({"item_id": ["new"], "title": ["New"], "tags": ["space"], "price": [99.0]})
    more = kgrec.AttributeTable.read(row, categories=["tags"], numbers=["price"])
    updated = kgrec.Recommender(model=EASE(), text=None).take(fitted.snapshot.update(items=more))
    assert [entry.item for entry in updated.recommend("u00", 3, filter="price > 50")] == ["new"]


def test_mistakes_are_named(fitted):
    with pytest.raises(DataError, match=r"names the column 'pirce'.*Did you mean 'price'"):
        fitted.recommend("u00", filter="pirce < 3")
    with pytest.raises(UnknownIdError, match="i99"):
        fitted.search("x", candidates=["i99"])
    with pytest.raises(DataError, match=r"exclude must be a list of ids"):
        fitted.similar_items("i01", exclude="i02")
    with pytest.warns(KgrecWarning) as found:
        assert fitted.recommend("u00", filter="'Space' in tags") == []
    messages = " ".join(str(warning.message) for warning in found)
    assert "Did you mean 'space'?" in messages
    assert "None of the " in messages
