"""From files to one catalogue: nothing is dropped, everything is said, nothing leaks."""

import csv
from pathlib import Path

import numpy as np
import pytest
from project import items as project_items
from project import write_project

from kgrec.config import load_config, make_config
from kgrec.datasets.loading import load_dataset
from kgrec.datasets.own_files import FilesDataConfig
from kgrec.errors import ConfigError, DataError, KgrecWarning
from kgrec.linking import LinkConfig
from kgrec.models.popular import MostPopular
from kgrec.recommender import Recommender


@pytest.fixture(scope="module")
def dataset(project):
    return load_dataset(load_config(project).data, 3)


def rows(project, name):
    with (Path(project).parent / name).open() as file:
        return list(csv.DictReader(file))


def test_the_catalogue_is_everything(dataset, project):
    known = {row["item_id"] for row in rows(project, "ratings.csv")}
    listed = {row["item_id"] for row in rows(project, "items.csv")}
    assert set(dataset.split.train.items.ids) == known | listed
    users = {row["user_id"] for row in rows(project, "ratings.csv")} | {"u99"}
    assert set(dataset.split.train.users.ids) == users
    assert dataset.links.items == dataset.split.train.items


def test_every_positive_rating_is_in_one_part(dataset, project):
    expected = {
        (row["user_id"], row["item_id"])
        for row in rows(project, "ratings.csv")
        if int(row["rating"]) >= 4
    }
    found = []
    for part in (dataset.split.train, dataset.split.valid, dataset.split.test):
        assert len(part)
        found += zip(part.users.take(part.user), part.items.take(part.item), strict=True)
    assert len(found) == len(expected)
    assert set(found) == expected


def test_links_are_reported(dataset):
    report = dataset.links.report
    assert (report.num_items, report.linked) == (23, 21)
    assert report.unlinked == ("i08", "x0")
    assert report.shared_entities == {"http://ex.org/film1": ("i01", "i02")}
    assert report.unknown_entities == (("i03", "http://ex.org/unheard-of"),)
    assert report.linked_without_interactions == ("n0", "n1", "n2")


def test_the_notes_say_what_became_of_the_input(dataset, project):
    notes = "\n".join(dataset.notes)
    ratings = rows(project, "ratings.csv")
    negative = sum(int(row["rating"]) < 4 for row in ratings)
    assert f"{len(ratings)} rows: {len(ratings) - negative} kept, {negative} not positive" in notes
    assert "1 values of price are not numbers" in notes
    assert "21 of 23 items linked" in notes


def test_tables(dataset):
    assert list(dataset.items.categories) == ["tags", "nothing"]
    assert dataset.items.words()[dataset.items.ids.row("i09")]["tags"] == ["pirates", "all"]
    assert np.isnan(dataset.items.numbers["price"][dataset.items.ids.row("i04")])
    assert dataset.users.words()[dataset.users.ids.row("u01")] == {"job": ["cook"]}


def test_a_seed_gives_the_same_split(project, dataset):
    data = load_config(project).data
    again, other = load_dataset(data, 3).split, load_dataset(data, 4).split
    assert np.array_equal(again.train.item, dataset.split.train.item)
    assert not np.array_equal(other.train.item, dataset.split.train.item)


@pytest.mark.parametrize("kind", ["random", "temporal", "cold_items"])
def test_nothing_held_out_is_an_edge_of_the_graph_that_is_trained_on(project, kind):
    """From the files to the graph in the model's hands, in both directions of every edge."""
    config = load_config(project, [f"data.split={kind}"])
    dataset = load_dataset(config.data, 0)
    split = dataset.split
    recommender = Recommender(
        dataset.kg, dataset.links, model=MostPopular(), items=dataset.items, users=dataset.users,
        text=None,
    )  # fmt: skip
    prepared = recommender.prepare(split.train, split.valid)
    graph = prepared.data.graph
    joined = set()
    for source, _, target in graph.edge_types:
        if {source, target} == {"user", "item"}:
            one, other = (
                [graph[kind].node_id[row] for row in index]
                for kind, index in zip(
                    (source, target), graph[source, _, target].edge_index.tolist(), strict=True
                )
            )
            joined |= set(zip(one, other, strict=True) if source == "user"
                          else zip(other, one, strict=True))  # fmt: skip
    pairs = {
        name: set(
            zip(
                split.part(name).users.take(split.part(name).user),
                split.part(name).items.take(split.part(name).item),
                strict=True,
            )
        )
        for name in ("train", "valid", "test")
    }
    assert len(pairs["valid"]) > 5
    assert len(pairs["test"]) > 5
    assert joined == pairs["train"]
    assert not joined & (pairs["valid"] | pairs["test"])
    if kind == "cold_items":
        degree = prepared.data.train.matrix().sum(0)
        held_out = {item for part in ("valid", "test") for _, item in pairs[part]}
        assert held_out
        for item in held_out:
            assert degree[0, prepared.data.train.items.row(item)] == 0


def splits(folder, **changed):
    """Write a folder of one split, and return a config that reads it."""
    parts = {"train": "u1,a\nu1,b\nu2,a\n", "valid": "u2,b\n", "test": "u1,c\n"}
    (folder / "splits" / "random").mkdir(parents=True)
    for name, content in (parts | changed).items():
        path = folder / "splits" / "random" / f"{name}.csv"
        path.write_text("user_id,item_id\n" + content)
    return FilesDataConfig(root=str(folder), splits="splits")


def test_splits_from_files(tmp_path):
    split = load_dataset(splits(tmp_path)).split
    assert [len(part) for part in (split.train, split.valid, split.test)] == [3, 1, 1]
    assert split.train.items.ids == ["a", "b", "c"]


@pytest.mark.parametrize("part", ["valid", "test"])
def test_a_planted_leak_is_caught(tmp_path, part):
    config = splits(tmp_path, **{part: "u1,c\nu1,b\n" if part == "test" else "u2,a\n"})
    with pytest.raises(DataError, match=f"train and {part} share 1 interactions"):
        load_dataset(config)


def test_a_split_that_is_not_there_gets_the_nearest(tmp_path):
    splits(tmp_path)
    config = FilesDataConfig(root=str(tmp_path), splits="splits", split="temporal")
    with pytest.raises(DataError, match="random"):
        load_dataset(config)


def test_there_must_be_something_to_learn_from(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.interactions nor data\.splits"):
        load_dataset(FilesDataConfig(root=str(tmp_path)))


def test_items_that_are_iris_need_no_links(tmp_path):
    config = load_config(write_project(tmp_path)).data
    text = (tmp_path / "ratings.csv").read_text()
    for item, _, entity in project_items():
        text = text.replace(f",{item},", f",http://ex.org/{entity or item},")
    (tmp_path / "ratings.csv").write_text(text)
    dataset = load_dataset(config.model_copy(update={"links": None, "items": None}))
    assert dataset.links.report.linked == 17  # 19 rated, two on one entity, one without
    assert dataset.links.report.unlinked == ("http://ex.org/i08",)


def test_without_graph_and_tables(project):
    config = load_config(project).data
    bare = config.model_copy(update={"graph": None, "links": None, "items": None, "users": None})
    dataset = load_dataset(bare)
    assert dataset.kg is None
    assert dataset.links is None
    assert dataset.split.train.num_items == 19  # the items of no positive rating are among them


def test_the_config_says_how_rdf_is_read(tmp_path):
    (tmp_path / "ratings.csv").write_text("user_id,item_id\nu,http://e.org/a\nv,http://e.org/b\n")
    (tmp_path / "kg.data").write_text(
        '<http://e.org/a> <http://e.org/p> "1" .\nbad\n<http://e.org/b> <http://e.org/p> "2" .\n'
    )
    reading = {"format": "nt", "on_error": "skip", "rejects": "rejects.jsonl"}
    tree = {
        "root": str(tmp_path),
        "graph": "kg.data",
        "interactions": "ratings.csv",
        "rating": None,
        "timestamp": None,
        "reading": reading,
    }
    found = load_dataset(FilesDataConfig.model_validate(tree), 0)
    assert len(found.kg.literals) == 2
    assert any("1 statement is not valid and was left out" in note for note in found.notes)
    assert (tmp_path / "rejects.jsonl").read_text().count("\n") == 1
    with pytest.raises(DataError, match="no RDF format is known"):
        load_dataset(FilesDataConfig.model_validate(tree | {"reading": {}}), 0)
    (tmp_path / "kg.data").write_text("# nothing\n")
    with pytest.raises(DataError, match="The graph is empty: no statement was read from"):
        load_dataset(FilesDataConfig.model_validate(tree), 0)


def test_items_can_be_linked_by_title_without_a_table_of_links(tmp_path):
    config = load_config(write_project(tmp_path)).data
    names = "\n".join(
        f'<http://ex.org/film{n}> <http://www.w3.org/2004/02/skos/core#altLabel> "Title {n - 1}" .'
        for n in (3, 4, 20)
    )
    (tmp_path / "graph.ttl").write_text((tmp_path / "graph.ttl").read_text() + names)
    link = LinkConfig(title="title")
    dataset = load_dataset(config.model_copy(update={"links": None, "link": link}))
    entity = dataset.links.entity_of()
    found = {
        item: dataset.kg.entities.id(row)
        for item, row in zip(dataset.links.items.ids, entity.tolist(), strict=True)
        if row >= 0
    }
    assert found == {
        "i03": "http://ex.org/film3",
        "i04": "http://ex.org/film4",
        "n0": "http://ex.org/film20",
    }
    assert dataset.links.items == dataset.split.train.items
    assert any("3 by title" in note for note in dataset.notes)


def test_items_are_linked_by_title_whatever_their_id_column_is_called(tmp_path):
    (tmp_path / "ratings.csv").write_text("userId,movieId\n1,7\n1,9\n2,7\n3,9\n")
    (tmp_path / "movies.csv").write_text('movieId,title\n7,Heat (1995)\n9,"Kid, The (1921)"\n')
    names = ((1, "Heat"), (2, "The Kid"))
    label = "http://www.w3.org/2000/01/rdf-schema#label"
    (tmp_path / "films.nt").write_text(
        "".join(f'<http://ex.org/{n}> <{label}> "{name}" .\n' for n, name in names)
    )
    config = FilesDataConfig.model_validate(
        {
            "root": str(tmp_path),
            "interactions": "ratings.csv",
            "user": "userId",
            "item": "movieId",
            "items": {"path": "movies.csv", "id": "movieId"},
            "graph": "films.nt",
            "link": {"title": "title"},
            "valid": 0,
            "test": 0,
        }
    )
    dataset = load_dataset(config)
    entity = dataset.links.entity_of()[dataset.links.items.rows(["7", "9"])]
    assert dataset.kg.entities.take(entity) == ["http://ex.org/1", "http://ex.org/2"]


def test_items_that_repeat_an_id_are_linked_by_their_first_row(tmp_path):
    (tmp_path / "ratings.csv").write_text("user_id,item_id\n1,7\n1,9\n2,7\n")
    (tmp_path / "items.csv").write_text("item_id,title\n7,Heat\n9,Dust\n7,Alien\n")
    label = "http://www.w3.org/2000/01/rdf-schema#label"
    names = ("Heat", "Dust", "Alien")
    (tmp_path / "films.nt").write_text(
        "".join(f'<http://ex.org/{name}> <{label}> "{name}" .\n' for name in names)
    )
    config = FilesDataConfig.model_validate(
        {
            "root": str(tmp_path),
            "interactions": "ratings.csv",
            "items": {"path": "items.csv"},
            "graph": "films.nt",
            "link": {"title": "title"},
            "valid": 0,
            "test": 0,
        }
    )
    with pytest.warns(KgrecWarning, match="1 rows repeat an id of an earlier row.*line 4"):
        dataset = load_dataset(config)
    entity = dataset.links.entity_of()[dataset.links.items.rows(["7", "9"])]
    assert dataset.kg.entities.take(entity) == ["http://ex.org/Heat", "http://ex.org/Dust"]


def test_items_without_an_id_are_left_out_of_linking_too(tmp_path):
    (tmp_path / "ratings.csv").write_text("user_id,item_id\n1,7\n2,7\n")
    (tmp_path / "items.csv").write_text("item_id,title\n,Dust\n7,Heat\n")
    label = "http://www.w3.org/2000/01/rdf-schema#label"
    (tmp_path / "films.nt").write_text(f'<http://ex.org/heat> <{label}> "Heat" .\n')
    tree = {"root": str(tmp_path), "interactions": "ratings.csv", "items": {"path": "items.csv"},
            "graph": "films.nt", "link": {"title": "title"}, "on_error": "skip",
            "valid": 0, "test": 0}  # fmt: skip
    with pytest.warns(KgrecWarning, match="1 of 2 rows cannot be read"):
        dataset = load_dataset(FilesDataConfig.model_validate(tree))
    entity = dataset.links.entity_of()[dataset.links.items.rows(["7"])]
    assert dataset.kg.entities.take(entity) == ["http://ex.org/heat"]


def test_linking_goes_on_where_a_table_of_links_ends(tmp_path):
    config = load_config(write_project(tmp_path)).data
    with (tmp_path / "graph.ttl").open("a") as file:
        file.write('ex:extra a ex:Film ; rdfs:label "Title 7"@en .\n')
    dataset = load_dataset(config.model_copy(update={"link": LinkConfig(title="title")}))
    assert dataset.links.report.methods == {"file": 21, "title": 1}
    row = dataset.links.entity_of()[dataset.links.items.row("i08")]
    assert dataset.kg.entities.id(int(row)) == "http://ex.org/extra"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"link": {"title": "title"}}, "link is given without a graph"),
        ({"graph": "g.nt", "link": {"title": "title"}}, "no item table"),
        ({"graph": "g.nt", "link": {"titel": "title"}}, "unknown key 'data.link.titel'.*'title'"),
        ({"graph": "g.nt", "link": {"threshold": 2}}, "data.link.threshold"),
    ],
)
def test_mistakes_in_the_config_of_linking_are_told(data, message):
    with pytest.raises(ConfigError, match=message):
        make_config({"data": data})
