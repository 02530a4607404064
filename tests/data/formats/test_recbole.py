"""RecBole's atomic files."""

from pathlib import Path

import pytest

import kgrec
from kgrec.config import make_config
from kgrec.data.formats.recbole import RecBoleDataConfig
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, DataError

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "lastfm"

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


def read(stem, **settings):
    return RecBoleDataConfig(root=str(stem.parent), folder=stem.name, **settings).read()


def test_reading(stem):
    files = read(stem)
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
    dataset = load_dataset(RecBoleDataConfig(root=str(stem.parent), folder="tiny"))
    # An item of the links that nobody chose is of the catalogue; no item is lost.
    assert dataset.split.train.items.ids == ["10", "20", "30", "40", "50"]
    assert dataset.links.items == dataset.split.train.items
    report = dataset.links.report
    assert (report.linked, report.unlinked) == (3, ("30", "50"))
    assert report.unknown_entities == (("50", "m.77"),)
    assert dataset.kg.num_triples == 3
    assert "3 of 5 items linked" in "\n".join(dataset.notes)
    # One call without a config gives the same.
    for path in (stem, stem.parent):
        again = kgrec.read_dataset(path)
        assert again.notes == dataset.notes
        assert again.kg.equals(dataset.kg)


@pytest.mark.parametrize("suffix", ["train.inter", "test.inter", "kg"])
def test_a_missing_file_is_named(stem, suffix):
    path = stem.with_name(f"tiny.{suffix}")
    path.unlink()
    with pytest.raises(DataError, match=rf"{suffix} does not exist"):
        read(stem)


def test_interactions_alone(stem):
    for suffix in FILES:
        stem.with_name(f"tiny.{suffix}").unlink()
    stem.with_name("tiny.inter").write_text(
        "user_id:token\tartist_id:token\tweight:float\n"
        + "".join(f"{user}\ta{n}\t{n}\n" for user in "xyz" for n in range(10))
        + "x\ta3\t3\n"
    )
    dataset = kgrec.read_dataset(
        stem.parent, item="artist_id", rating="weight", positive="weight >= 2", test=0.25
    )
    assert dataset.kg is None
    assert dataset.links is None
    assert [len(dataset.split.part(name)) for name in ("train", "valid", "test")] == [15, 3, 6]
    assert dataset.split.train.num_items == 10
    assert dataset.notes == ("tiny.inter: 31 rows: 24 kept, 6 not positive, 1 repeated.",)
    with pytest.raises(DataError, match="item_id:token"):
        kgrec.read_dataset(stem.parent)


def test_without_validation_one_is_drawn_from_training(stem):
    stem.with_name("tiny.valid.inter").unlink()
    header = FILES["train.inter"].splitlines()[0]
    rows = [f"{user}\ti{n}\t1" for user in ("u", "v") for n in range(10)]
    stem.with_name("tiny.train.inter").write_text("\n".join([header, *rows]) + "\n")
    dataset = kgrec.read_dataset(stem, valid=0.2)
    assert [len(dataset.split.part(name)) for name in ("train", "valid", "test")] == [16, 4, 1]
    assert "4 training interactions were drawn" in "\n".join(dataset.notes)
    assert len(kgrec.read_dataset(stem, valid=0.0).split.valid) == 0


def test_parts_of_any_name(stem):
    for part, name in (("train", "part1"), ("valid", "part2"), ("test", "part3")):
        stem.with_name(f"tiny.{part}.inter").rename(stem.with_name(f"tiny.{name}.inter"))
    with pytest.raises(DataError, match="part1, part2, part3; name them as parts"):
        read(stem)
    split = read(stem, parts=["part1", "part2", "part3"]).split
    assert [len(split.part(name)) for name in ("train", "valid", "test")] == [3, 1, 1]
    split = read(stem, parts=["part1", "part3"], valid=0).split
    assert [len(split.part(name)) for name in ("train", "valid", "test")] == [3, 0, 1]
    with pytest.raises(ConfigError, match="parts: expected 2 or more entries"):
        kgrec.read_dataset(stem, "recbole", parts=["part1"])
    stem.with_name("tiny.part2.inter").rename(stem.with_name("tiny.validation.inter"))
    with pytest.raises(DataError, match=r"no_such\.inter does not exist"):
        read(stem, parts=["no_such", "part3"])


def test_items_without_links_are_linked_by_their_ids(stem):
    stem.with_name("tiny.link").unlink()
    with pytest.raises(DataError, match="No item id is the IRI"):
        kgrec.read_dataset(stem)
    stem.with_name("tiny.kg").write_text(FILES["kg"].replace("m.1", "10"))
    assert kgrec.read_dataset(stem).links.report.linked == 1


ITEMS = (
    "item_id:token\tmovie_title:token_seq\tclass:token_seq\tyear:token\tprice:float\tv:float_seq\n"
    "10\tToy Story\tDrama War\t1995\t2.5\t1 2\n"
    "20\tHeat\tDrama\t\tcheap\t3 x 5\n"
    "60\t\t\ta|b\t\t\n"
    "10\tToy Story 2\tWar\t1999\t1\t\n"
)


def test_item_and_user_files(stem):
    stem.with_name("tiny.item").write_text(ITEMS)
    stem.with_name("tiny.user").write_text("user_id:token\tage:float\n1\t30\n3\t\n")
    dataset = kgrec.read_dataset(stem)
    items = dataset.items
    assert items.ids.ids == ["10", "20", "60"]
    assert items.titles == ("Toy Story", "Heat", "")
    assert items.words() == [
        {"class": ["Drama", "War"], "year": ["1995"]},
        {"class": ["Drama"], "year": []},
        {"class": [], "year": ["a|b"]},
    ]
    columns = {name: values.tolist() for name, values in items.numbers.items()}
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert columns == {
        "price": [2.5, nan, nan],
        "v[0]": [1, 3, nan],
        "v[1]": [2, nan, nan],
        "v[2]": [nan, 5, nan],
    }
    assert dataset.users.numbers["age"].tolist() == [30, nan]
    assert "60" in dataset.split.train.items  # nobody chose it, nothing links it
    assert "3" in dataset.split.train.users
    notes = "\n".join(dataset.notes)
    assert "tiny.item: 1 rows repeat an id" in notes
    assert "1 values of v are not numbers" in notes
    assert "1 values of price are not numbers" in notes


def test_quotation_marks(stem):
    stem.with_name("tiny.item").write_text(
        '"item_id:token"\ttitle:token_seq\tkind:token\n'
        '10\t"Crocodile" Dundee\t"\n'
        '20\t"He said ""no"""\t""\n'
        '30\tA 12" single\t"x"\n'
    )
    items = read(stem).items
    assert items.titles == ('"Crocodile" Dundee', 'He said "no"', 'A 12" single')
    assert [words["kind"] for words in items.words()] == [['"'], [], ["x"]]


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        ("item", "item_id:token\tx:tokn\n1\t2\n", "type of 'x' is 'tokn'. Did you mean 'token'"),
        ("item", "item_id\tx:token\n1\t2\n", "type of 'item_id' is ''"),
        ("item", "", "tiny.item is empty"),
        ("kg", "head_id:token\trelation_id:token\ttail_id:token\nm.1\n", "line 2: 3 columns are"),
        ("link", b"item_id:token\tentity_id:token\n\xff\tm.1\n", "tiny.link is not in .* utf-8"),
        ("train.inter", FILES["train.inter"] + "1\t\t3\n", r"train.inter: .*line 5"),
        ("train.inter", FILES["train.inter"] + "1\t5\tx\n", r"train.inter: .*must hold numbers"),
        ("train.inter", FILES["train.inter"].split("\n")[0], "train.inter: .*has no rows"),
    ],
)
def test_damaged_files(stem, suffix, content, message):
    path = stem.with_name(f"tiny.{suffix}")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        kgrec.read_dataset(stem)


def test_which_data_set_is_meant(stem):
    stem.with_name("other.inter").write_text("user_id:token\n")
    with pytest.raises(DataError, match="of one data set; found other, tiny"):
        kgrec.read_dataset(stem.parent)
    with pytest.raises(DataError, match="holds no data set of a known format"):
        kgrec.read_dataset(stem.parent / "nothing")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the real data is not here")
def test_the_real_files():
    dataset = kgrec.read_dataset(SHARED)
    split = dataset.split
    assert [len(split.part(name)) for name in ("train", "valid", "test")] == [17350, 1907, 1916]
    assert dataset.kg.num_triples == 15_518
    assert dataset.links.report.linked == dataset.links.report.num_items == 3846


@pytest.mark.parametrize(
    ("suffix", "column"),
    [("train.inter", "item_id"), ("kg", "relation_id"), ("link", "entity_id")],
)
def test_a_missing_column_is_named(stem, suffix, column):
    path = stem.with_name(f"tiny.{suffix}")
    path.write_text(FILES[suffix].replace(column, "wrong"))
    with pytest.raises(DataError, match=rf"{suffix} has no column '{column}'") as caught:
        read(stem)
    assert f"{column}:token" in str(caught.value)


def test_a_leak_is_caught(stem):
    stem.with_name("tiny.test.inter").write_text(FILES["train.inter"])
    with pytest.raises(DataError, match="train and test share 3 interactions"):
        read(stem)


def test_the_config_must_name_the_files():
    with pytest.raises(ConfigError, match=r"the key 'data\.folder' is missing"):
        make_config({"data": {"format": "recbole"}})
