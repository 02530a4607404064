"""The same split and graph for RecBole: nothing is lost on the way but what it cannot take."""

import csv
import sys
from pathlib import Path

import pytest

from kgrec.config import load_config
from kgrec.datasets.loading import load_dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "experiments" / "peers"))
from recbole_files import write_recbole_files

EX = "http://ex.org/"


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    return header, [tuple(row) for row in rows]


@pytest.fixture(scope="module")
def written(project, tmp_path_factory):
    dataset = load_dataset(load_config(project).data, 3)
    folder = tmp_path_factory.mktemp("recbole")
    counts = write_recbole_files(dataset, folder, "films")
    return dataset, folder / "films", counts


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_the_parts_are_those_of_the_split(written, part):
    dataset, folder, _ = written
    header, rows = table(folder / f"films.{part}.inter")
    assert header == ["user_id:token", "item_id:token"]
    log = dataset.split.part(part)
    pairs = list(zip(log.users.take(log.user), log.items.take(log.item), strict=True))
    assert rows == pairs
    assert len(rows) > 5


def test_the_graph_is_the_triples_and_the_categories_of_linked_items(written):
    dataset, folder, counts = written
    header, rows = table(folder / "films.kg")
    assert header == ["head_id:token", "relation_id:token", "tail_id:token"]
    assert counts["triples"] == len(rows)
    assert counts["triples_of_tables"] == len(rows) - dataset.kg.num_triples
    assert (f"{EX}film9", f"{EX}director", f"{EX}director1") in rows
    assert (f"{EX}film9", "tags", "tags:pirates") in rows
    assert not any(tail == "tags:space" and head == f"{EX}film9" for head, _, tail in rows)


def test_links_that_recbole_cannot_take_are_left_out_and_counted(written):
    dataset, folder, counts = written
    _, rows = table(folder / "films.link")
    linked = dict(rows)
    whole = dataset.split.whole()
    in_a_part = set(whole.items.take(whole.item))
    assert set(linked) <= in_a_part
    assert len(set(linked.values())) == len(linked)
    assert linked["i01"] == f"{EX}film1"
    assert "i02" not in linked  # the same film
    assert "n0" not in linked  # nobody chose it
    assert counts["links_left_out_entity_of_another_item"] == 1
    assert counts["links_left_out_item_in_no_part"] == 3
    assert counts["links"] == len(linked) == len(dataset.links) - 4


def test_ids_that_would_break_a_line_are_refused(written, tmp_path):
    from recbole_files import _write

    with pytest.raises(csv.Error):
        _write(tmp_path / "broken.inter", ("user_id",), [("a\tb",)])
