"""Linking titles in Chinese, Japanese, Thai and Korean, with and without blanks and dots."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking import link
from kgrec.linking.spelling import near_pairs

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
LABELS = {
    "potter": "哈利波特", "chamber": "哈利·波特与密室", "fire": "哈利波特与火焰杯",
    "three": "三体", "three2": "三体II", "three3": "三体III",
    "west": "西游记", "west_after": "后西游记", "dream": "红楼梦",
    "war1": "世界大战的历史第一部", "war2": "世界大战的历史第二部",
    "away": "千と千尋の神隠し", "totoro": "となりのトトロ",
    "thai": "แฮร์รี่ พอตเตอร์", "korean": "해리 포터",
}  # fmt: skip


@pytest.fixture(scope="module")
def kg():
    labels = [(entity, LABEL, label, "", "") for entity, label in LABELS.items()]
    return KnowledgeGraph.from_triples([(entity, "type", "work") for entity in LABELS], labels)


def linked(kg, title):
    items = pd.DataFrame({"item_id": ["i", "always found"], "title": [title, "红楼梦"]})
    links = link(items, kg, title="title")
    return kg.entities.take(links.entity[links.item == links.items.row("i")])


@pytest.mark.parametrize(
    ("title", "entity"),
    [
        ("哈利·波特", "potter"), ("哈利・波特", "potter"), ("哈利 波特", "potter"),
        ("哈利波特与密室", "chamber"), ("三体", "three"), ("三体2", "three2"), ("三体Ⅲ", "three3"),
        ("西游记", "west"), ("「千と千尋の神隠し」", "away"), ("แฮร์รี่พอตเตอร์", "thai"),
        ("해리포터", "korean"),
    ],
)  # fmt: skip
def test_the_same_title_in_another_way_is_found(kg, title, entity):
    assert linked(kg, title) == [entity]


@pytest.mark.parametrize(
    "title",
    [
        "红楼",
        "北游记",
        "东游记",
        "三体4",
        "哈利波特与混血王子",
        "哈利波特与密室2",
        "トトロ",
        "哈利",
    ],
)
def test_another_title_is_not_linked(kg, title):
    assert linked(kg, title) == []


def near(kg, title):
    every = np.ones(kg.num_entities, dtype=bool)
    found = near_pairs(pa.array([title]), kg, every)
    return kg.entities.take(found["entity"].to_numpy(np.int64))


def test_nearly_the_same_titles_are_only_those_that_miss_a_sign(kg):
    assert near(kg, "千と千尋の神隠") == ["away"]
    # Another sign is another word, and another number another work.
    for title in ("千と千尋の神様し", "世界大战的历史第三部", "哈利波特与火焰山", "哈利波特与密屋"):
        assert near(kg, title) == []
