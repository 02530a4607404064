"""RecBole's atomic files."""

import pytest

from kgrec.config import DataConfig
from kgrec.data.recbole import read_atomic_files
from kgrec.datasets import load_dataset
from kgrec.errors import DataError

FILES = {
    "train.inter": "user_id:token\titem_id:token\trating:float\n1\t10\t3\n1\t20\t1\n02\t10\t7\n",
    "valid.inter": "user_id:token\titem_id:token\trating:float\n1\t30\t2\n",
    "test.inter": "user_id:token\titem_id:token\trating:float\n02\t20\t5\n",
    "kg": "head_id:token\trelation_id:token\ttail_id:token\n"
    "m.1\tfilm.by\tm.9\nm.2\tfilm.by\tm.9\nm.4\tfilm.by\tm.9\n",
    "link": "item_id:token\tentity_id:token\n10\tm.1\n20\tm.2\n40\tm.4\n50\tm.77\n",
}


@pytest.fixture
def stem(tmp_path):
    for suffix, content in FILES.items():
        (tmp_path / f"tiny.{suffix}").write_text(content)
    return tmp_path / "tiny"


def test_reading(stem):
    files = read_atomic_files(stem)
    assert files.split.train.users.ids == ["02", "1"]  # ids are text: 02 is not 2
    assert files.split.train.items.ids == ["10", "20", "30"]
    pairs = [
        (part.users.take(part.user), part.items.take(part.item))
        for part in (files.split.train, files.split.valid, files.split.test)
    ]
    assert pairs == [
        (["1", "1", "02"], ["10", "20", "10"]),
        (["1"], ["30"]),
        (["02"], ["20"]),
    ]
    assert files.split.train.rating.tolist() == [3, 1, 7]  # whatever it means, it is kept
    assert files.triples.to_numpy().tolist()[0] == ["m.1", "film.by", "m.9"]
    assert files.links.columns.tolist() == ["item_id", "entity_id"]


def test_as_a_dataset(stem):
    config = DataConfig(root=str(stem.parent), format="recbole", recbole="tiny")
    dataset = load_dataset(config)
    # An item of the links that nobody chose is of the catalogue; no item is lost.
    assert dataset.split.train.items.ids == ["10", "20", "30", "40", "50"]
    assert dataset.links.items == dataset.split.train.items
    report = dataset.links.report
    assert (report.linked, report.unlinked) == (3, ("30", "50"))
    assert report.unknown_entities == (("50", "m.77"),)
    assert dataset.kg.num_triples == 3
    assert "3 of 5 items linked" in dataset.notes[0]


@pytest.mark.parametrize("suffix", list(FILES))
def test_a_missing_file_is_named(stem, suffix):
    path = stem.with_name(f"tiny.{suffix}")
    path.unlink()
    with pytest.raises(DataError, match=rf"{suffix} does not exist"):
        read_atomic_files(stem)


@pytest.mark.parametrize(
    ("suffix", "column"),
    [("train.inter", "item_id"), ("kg", "relation_id"), ("link", "entity_id")],
)
def test_a_missing_column_is_named(stem, suffix, column):
    path = stem.with_name(f"tiny.{suffix}")
    path.write_text(FILES[suffix].replace(column, "wrong"))
    with pytest.raises(DataError, match=rf"{suffix} has no column '{column}'") as caught:
        read_atomic_files(stem)
    assert f"{column}:token" in str(caught.value)


def test_a_leak_is_caught(stem):
    stem.with_name("tiny.test.inter").write_text(FILES["train.inter"])
    with pytest.raises(DataError, match="train and test share 3 interactions"):
        read_atomic_files(stem)


def test_the_config_must_name_the_files():
    from kgrec.errors import ConfigError

    with pytest.raises(ConfigError, match=r"data\.recbole"):
        load_dataset(DataConfig(format="recbole"))
