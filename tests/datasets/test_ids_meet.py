"""Ids that are written differently in two files stop the training, with the setting that mends."""

import warnings

import pytest

from kgrec.config import make_config
from kgrec.datasets.loading import load_dataset
from kgrec.errors import DataError, KgrecWarning

GRAPH = "<http://e.org/d> <http://e.org/by> <http://e.org/h> .\n" * 1 + (
    "<http://e.org/m> <http://e.org/by> <http://e.org/h> .\n"
    "<http://e.org/o> <http://e.org/by> <http://e.org/t> .\n"
)


def write(folder, ours, theirs):
    one, two, three = ours
    (folder / "g.nt").write_text(GRAPH)
    (folder / "ratings.csv").write_text(
        f"user_id,item_id\nann,{one}\nann,{two}\nben,{one}\nben,{three}\n"
    )
    pairs = list(zip(theirs, "dmo", strict=True))
    links = "".join(f"{id},http://e.org/{name}\n" for id, name in pairs)
    (folder / "links.csv").write_text("item_id,iri\n" + links)
    (folder / "items.csv").write_text(
        "item_id,title\n" + "".join(f"{id},Title {name}\n" for id, name in pairs)
    )


def load(folder, **settings):
    data = {"root": str(folder), "interactions": "ratings.csv", "graph": "g.nt",
            "links": "links.csv", "valid": 0, "test": 0, **settings}  # fmt: skip
    return load_dataset(make_config({"data": data}).data)


CASES = [
    (("1.0", "2.0", "3.0"), ("1", "2", "3"), "number"),
    (("001", "002", "003"), ("1", "2", "3"), "number"),
    (("b1 ", "b2 ", "b3 "), ("b1", "b2", "b3"), "strip"),
    (("b1", "b2", "b3"), ("B1", "B2", "B3"), "casefold"),
]


@pytest.mark.parametrize(("ours", "theirs", "how"), CASES)
@pytest.mark.parametrize("items", [None, {"path": "items.csv"}])
def test_the_message_names_pairs_and_the_setting_that_works(tmp_path, ours, theirs, how, items):
    write(tmp_path, ours, theirs)
    where = "links.csv" if items is None else "items.csv"
    message = rf"None of 3 .* in {where}, but 3 .*{ours[0]!r} and {theirs[0]!r}.*ids: {how}"
    with pytest.raises(DataError, match=message):
        load(tmp_path, items=items)
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        found = load(tmp_path, items=items, normalise_ids=how)
    assert found.split.train.num_items == 3
    assert found.links.report.linked == 3


def test_users_that_nobody_knows(tmp_path):
    write(tmp_path, ("1", "2", "3"), ("1", "2", "3"))
    (tmp_path / "users.csv").write_text("user_id,age\nx,3\ny,4\n")
    message = r"None of 2 user ids .*'?ann.* here and .*x, y.* there. Is data.users.id"
    with pytest.raises(DataError, match=message):
        load(tmp_path, users={"path": "users.csv", "numbers": ["age"]})


def test_k_core_and_time_unit_are_settings(tmp_path):
    write(tmp_path, ("1", "2", "3"), ("1", "2", "3"))
    (tmp_path / "ratings.csv").write_text(
        "user_id,item_id,timestamp\n"
        + "".join(f"{u},{i},{n}\n" for n, (u, i) in enumerate(["a1", "a2", "b1", "b2", "c3"], 2001))
    )
    found = load(tmp_path, k_core=2, time_unit="YYYY")
    assert found.split.train.users.ids == ["a", "b"]
    assert found.split.train.timestamp.min() == 978307200
    assert any("k-core of 2: 4 of 5 interactions" in note for note in found.notes)
