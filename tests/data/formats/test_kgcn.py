"""The files of KGCN, RippleNet and MKR."""

import pytest

import kgrec
from kgrec.errors import DataError

INDEX = "10\te_a\n20\te_b\n30\te_c\n40\te_d\n"
KG = "e_a\tfilm.film.director\tMichael Mann\ne_b\tfilm.film.director\tMichael Mann\n" \
     "e_d\tfilm.genre\tdrama\ne_d\tfilm.genre\tdrama\n"  # fmt: skip
# User, item, rating; item 50 has no entity.
ROWS = [(1, 10, 5), (1, 20, 4), (1, 50, 5), (2, 10, 3.5), (2, 30, 4), (2, 20, 5), (3, 10, 1)]


def rating_file(separator, header="", quote="", extra=""):
    rows = [separator.join(f"{quote}{field}{quote}" for field in row) + extra for row in ROWS]
    return "\n".join([header, *rows] if header else rows) + "\n"


def made(folder, **files):
    for name, content in {"kg.txt": KG, "item_index2entity_id.txt": INDEX, **files}.items():
        if content is not None:
            (folder / name).write_text(content)
    return folder


def pairs(dataset):
    whole = dataset.split.whole()
    return set(zip(whole.users.take(whole.user), whole.items.take(whole.item), strict=True))


POSITIVE = {(str(user), str(item)) for user, item, rating in ROWS if rating >= 4}
EVERY = {(str(user), str(item)) for user, item, _ in ROWS}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("ratings.csv", rating_file(",", "userId,movieId,rating,timestamp", extra=",9"), POSITIVE),
        ("ratings.dat", rating_file("::", extra="::978300760"), POSITIVE),
        ("ratings.txt", rating_file("\t"), EVERY),
        ("BX-Book-Ratings.csv", rating_file(";", '"User-ID";"ISBN";"Book-Rating"', '"'), EVERY),
        ("user_artists.dat", rating_file("\t", "userID\tartistID\tweight"), EVERY),
    ],
)
def test_ratings_as_they_were_published(tmp_path, name, content, expected):
    dataset = kgrec.read_dataset(made(tmp_path, **{name: content}))
    assert pairs(dataset) == expected
    # Items without an entity, and those that nobody chose, stay.
    assert dataset.split.train.items.ids == ["10", "20", "30", "40", "50"]
    report = dataset.links.report
    assert report.unlinked == ("30", "50")
    assert report.unknown_entities == (("30", "e_c"),)
    assert set(map(tuple, dataset.kg.to_pandas().to_numpy())) == {
        tuple(line.split("\t")) for line in KG.splitlines()
    }
    notes = "\n".join(dataset.notes)
    assert f"{name}: 7 rows: {len(expected)} kept" in notes
    assert "1 repeated" in notes
    assert ("the first line is a header" in notes) == (
        not content[0].isdigit() and content[1] != "1"
    )


def test_a_time_is_read(tmp_path):
    for extra, times in (("::978300760", [978300760] * len(POSITIVE)), ("", None)):
        files = {"ratings.dat": rating_file("::", extra=extra)}
        train = kgrec.read_dataset(made(tmp_path, **files), valid=0, test=0).split.train
        assert (None if train.timestamp is None else train.timestamp.tolist()) == times


def test_settings_beat_the_papers(tmp_path):
    folder = made(tmp_path, **{"my.log": rating_file(" / ")})
    options = {"format": "kgcn", "ratings": "my.log", "separator": " / "}
    assert pairs(kgrec.read_dataset(folder, **options)) == EVERY
    assert pairs(kgrec.read_dataset(folder, positive="rating >= 4", **options)) == POSITIVE
    with pytest.raises(DataError, match=r"has no file of ratings: expected ratings\.csv"):
        kgrec.read_dataset(folder, format="kgcn")


def test_final_files_number_items_and_entities_alike(tmp_path):
    final = "0\t0\t1\n0\t1\t0\n1\t1\t1\n1\t2\t1\n"
    folder = made(
        tmp_path,
        **{"ratings_final.txt": final, "kg_final.txt": "0\t0\t4\n1\t0\t4\n", "ratings.txt": "x"},
    )
    dataset = kgrec.read_dataset(folder)
    assert pairs(dataset) == {("0", "0"), ("1", "1"), ("1", "2")}  # a drawn negative is none
    assert dataset.kg.entities.ids == ["0", "1", "4"]
    assert dataset.links.report.unlinked == ("2",)
    assert "4 rows: 3 kept, 1 not positive" in "\n".join(dataset.notes)


@pytest.mark.parametrize("final", [True, False])
def test_one_of_both_numbered(tmp_path, final):
    """Numbers are the places of lines in the index."""
    if final:
        files = {"ratings_final.txt": "7\t1\t1\n7\t3\t1\n"}
        expected = {("1", "e_b"), ("3", "e_d")}
    else:
        files = {"ratings.txt": "7\t20\t1\n7\t40\t1\n", "kg.txt": None,
                 "kg_final.txt": "1\t0\t9\n3\t1\t8\n"}  # fmt: skip
        expected = {("20", "1"), ("40", "3")}
    dataset = kgrec.read_dataset(made(tmp_path, **files))
    links = dataset.links
    found = set(
        zip(links.items.take(links.item), dataset.kg.entities.take(links.entity), strict=True)
    )
    assert expected <= found


def test_a_graph_in_two_parts(tmp_path):
    first, second = KG.splitlines(keepends=True)[:2], KG.splitlines(keepends=True)[2:]
    files = {
        "ratings.txt": rating_file("\t"),
        "kg.txt": None,
        "item_index2entity_id.txt": None,
        "item_index2entity_id_rehashed.txt": INDEX,
        "kg_part1_rehashed.txt": "".join(first),
        "kg_part2_rehashed.txt": "".join(second),
    }
    dataset = kgrec.read_dataset(made(tmp_path, **files))
    assert (dataset.kg.num_triples, dataset.links.report.linked) == (3, 3)
    (tmp_path / "kg_part2_rehashed.txt").unlink()
    with pytest.raises(DataError, match=r"kg_part2_rehashed\.txt does not exist, but the other"):
        kgrec.read_dataset(tmp_path)


def test_without_a_graph(tmp_path):
    files = {"ratings.txt": rating_file("\t"), "kg.txt": None, "item_index2entity_id.txt": None}
    dataset = kgrec.read_dataset(made(tmp_path, **files))
    assert dataset.kg is None
    assert "no graph" in "\n".join(dataset.notes)


def test_an_item_that_stands_twice_in_the_index(tmp_path):
    index = INDEX + "20\te_d\n20\te_b\n"
    files = {"ratings.txt": rating_file("\t"), "item_index2entity_id.txt": index}
    dataset = kgrec.read_dataset(made(tmp_path, **files))
    assert dataset.links.report.ambiguous_items == {"20": ("e_b", "e_d")}
    assert "2 lines repeat an item, such as '20'" in "\n".join(dataset.notes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ratings.txt", "", r"ratings\.txt is empty"),
        ("ratings.txt", "1\t2\n", r"ratings\.txt, line 1: expected 3 fields \(user_id, item_id"),
        ("ratings.txt", "u\ti\tr\n1\t2\tgood\n", "line 2: expected a number as the third field"),
        ("ratings.txt", "1\t\t3\n", "line 1"),
        ("ratings.txt", "1\t2\tnan\n", "line 1: expected a number"),
        (
            "ratings.txt",
            b"1\t2\t3\n\xff\n",
            r"ratings\.txt is not in the encoding utf-8: line 2, column 1",
        ),
        ("kg.txt", "a\tb\n", r"kg\.txt, line 1: expected 3 fields \(head, relation, tail\)"),
        ("kg.txt", "a\tb\tc\td\n", r"kg\.txt, line 1: expected 3 fields"),
        ("kg.txt", "", r"kg\.txt is empty"),
        ("item_index2entity_id.txt", "1 a\n", r"entity_id\.txt, line 1: expected 2 fields"),
        ("item_index2entity_id.txt", "99\tz\n", "None of 1 links is valid"),
    ],
)
def test_damaged_files(tmp_path, name, content, message):
    folder = made(tmp_path, **{"ratings.txt": rating_file("\t")})
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        kgrec.read_dataset(folder)


def test_a_missing_index_is_named(tmp_path):
    files = {"ratings.txt": rating_file("\t"), "item_index2entity_id.txt": None}
    with pytest.raises(DataError, match=r"item_index2entity_id\.txt does not exist"):
        kgrec.read_dataset(made(tmp_path, **files))
