"""KGAT's files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kgrec
from kgrec.data.formats.kgat import KGATDataConfig
from kgrec.errors import ConfigError, DataError

# Items 0 to 3 (3 without any interaction), entities 0 to 5, of which 4 is no item's.
FILES = {
    "train.txt": "0 0 1\n1 1 2 1\n2\n",
    "test.txt": "0 2\n1 0\n",
    "kg_final.txt": "0 0 4\n1 0 4\n1 1 5\n1 0 4\n",
    "user_list.txt": "org_id remap_id\nann 0\nben 1\ncleo 2\ndan 3\n",
    "item_list.txt": "org_id remap_id freebase_id\nB01 0 m.a\nB02 1 m.b\nB03 2 m.c\nB04 3 m.d\n",
    "entity_list.txt": "org_id remap_id\nm.a 0\nm.b 1\nm.c 2\nm.d 3\nNew York 4\nm.f 5\n",
    "relation_list.txt": "org_id remap_id\nhttp://e.org/in 0\nby 1\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def pairs(part):
    return set(zip(part.users.take(part.user), part.items.take(part.item), strict=True))


def test_original_ids(folder):
    dataset = kgrec.read_dataset(folder, valid=0)
    assert dataset.split.train.users.ids == ["ann", "ben", "cleo", "dan"]
    assert dataset.split.train.items.ids == ["B01", "B02", "B03", "B04"]
    assert pairs(dataset.split.train) == {
        ("ann", "B01"), ("ann", "B02"), ("ben", "B02"), ("ben", "B03"),
    }  # fmt: skip
    assert pairs(dataset.split.test) == {("ann", "B03"), ("ben", "B01")}
    assert set(map(tuple, dataset.kg.to_pandas().to_numpy())) == {
        ("m.a", "http://e.org/in", "New York"),
        ("m.b", "http://e.org/in", "New York"),
        ("m.b", "by", "m.f"),
    }
    report = dataset.links.report
    assert (report.linked, report.unlinked) == (2, ("B03", "B04"))
    assert report.unknown_entities == (("B03", "m.c"), ("B04", "m.d"))
    notes = "\n".join(dataset.notes)
    assert "train.txt: 1 users have no item." in notes
    assert "train.txt: 5 rows: 4 kept, 0 not positive, 1 repeated." in notes
    assert "3 triples, 0 literals, 1 repeated" in notes


def test_without_lists_numbers_are_ids(folder):
    for name in FILES:
        if name.endswith("_list.txt"):
            (folder / name).unlink()
    dataset = kgrec.read_dataset(folder, valid=0)
    assert dataset.split.train.users.ids == ["0", "1", "2"]
    assert dataset.kg.entities.ids == ["0", "1", "4", "5"]
    assert dataset.kg.relations.ids == ["0", "1"]
    assert dataset.links.report.linked == 2


def test_without_a_graph(folder):
    (folder / "kg_final.txt").unlink()
    dataset = kgrec.read_dataset(folder)
    assert dataset.kg is None
    assert "there is no graph" in "\n".join(dataset.notes)
    (folder / "kg_final.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"kg_final\.txt does not exist; unpack kg_final\.zip"):
        kgrec.read_dataset(folder)


def test_validation_is_read_or_drawn(folder):
    assert len(kgrec.read_dataset(folder, valid=0.5).split.valid) == 2  # one of each user's two
    (folder / "valid.txt").write_text("2 3\n")
    assert pairs(kgrec.read_dataset(folder, valid=0.5).split.valid) == {("cleo", "B04")}
    with pytest.raises(ConfigError, match="setting 'test' where format is 'kgat'"):
        kgrec.read_dataset(folder, test=0.3)


def test_numbers_that_a_list_lacks_and_ids_that_repeat(folder):
    (folder / "item_list.txt").write_text(
        "org_id remap_id freebase_id\nB01 0 m.a\nB01 1 m.b\n#x 3 m.d\nB9 0 m.z\n"
    )
    dataset = kgrec.read_dataset(folder, valid=0)
    assert dataset.split.train.items.ids == ["##2", "#x", "B01#0", "B01#1"]
    assert ("ann", "##2") in pairs(dataset.split.test)
    notes = "\n".join(dataset.notes)
    assert "item_list.txt: 1 lines repeat a remap_id; the first counts." in notes
    assert "2 numbers share their original id with another" in notes
    assert "item_list.txt: 1 numbers of the data are not in it, and are called ##2." in notes


def test_an_id_that_looks_like_one_of_ours(folder):
    (folder / "item_list.txt").write_text("org_id remap_id\na 0\na 1\na#0 2\nb 3\n")
    assert kgrec.read_dataset(folder, valid=0).split.train.items.ids == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.txt", "", r"train\.txt is empty"),
        ("train.txt", "0 1\n1 x\n", r"train\.txt, line 2: expected a whole number from 0"),
        ("train.txt", "0 -1\n", r"line 1: expected a whole number from 0"),
        ("train.txt", "0 1\n\n0 99999999999999999999\n", "line 3"),
        ("train.txt", "0\n1\n", "no line has an item"),
        ("train.txt", b"0 1\n\xff\n", r"train\.txt is not in the encoding utf-8: line 2"),
        ("test.txt", FILES["train.txt"], "train and test share 4 interactions"),
        ("kg_final.txt", "0 0 4\n1 0\n", r"kg_final\.txt, line 2: expected 3 fields \(head"),
        ("kg_final.txt", "0 0 4\n1 a 4\n", r"line 2: expected a whole number from 0 as relation"),
        ("kg_final.txt", "\n \n", "is empty"),
        ("item_list.txt", "org_id remap_id\nB01\n", r"item_list\.txt, line 2: expected 'org_id"),
        ("item_list.txt", "remap_id org_id\n0 B01\n", "line 1: expected the header"),
        ("item_list.txt", "org_id remap_id\n", "a header and nothing else"),
        ("entity_list.txt", "m.a zero\n", r"entity_list\.txt, line 1: .* as remap_id"),
        ("train.txt", "0 \x1b[2J\n", "line 1"),
    ],
)  # fmt: skip
def test_damaged_files(folder, name, content, message):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        kgrec.read_dataset(folder)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["train.txt", "test.txt"])
def test_missing_files(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} does not exist"):
        KGATDataConfig(folder=str(folder)).read()


logs = st.dictionaries(st.integers(0, 5), st.lists(st.integers(0, 9), max_size=4), min_size=1)


@given(logs, logs)
def test_against_a_naive_reading(tmp_path_factory, train, test):
    folder = tmp_path_factory.mktemp("kgat")
    expected = {
        name: {(str(user), str(item)) for user, items in log.items() for item in items}
        for name, log in (("train", train), ("test", test))
    }
    for name, log in (("train", train), ("test", test)):
        lines = [" ".join(map(str, [user, *items])) for user, items in log.items()]
        (folder / f"{name}.txt").write_text("\r\n".join(lines))
    if not all(expected.values()) or expected["train"] & expected["test"]:
        with pytest.raises(DataError):
            KGATDataConfig(folder=str(folder)).read()
        return
    split = KGATDataConfig(folder=str(folder), valid=0).read().split
    assert {name: pairs(split.part(name)) for name in expected} == expected
