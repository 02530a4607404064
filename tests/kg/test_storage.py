"""Saving and loading: the same graph, whole or not at all, and what damage gets."""

import json
import os
import shutil
import zlib

import numpy as np
import pyarrow as pa
import pytest

from kgrec.errors import RunError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.outputs import folders
from kgrec.outputs.checked import with_checksum

KG = KnowledgeGraph.from_triples(
    [("b", "p", "c"), ("a", "q", "b"), ("_:x", "p", "a")],
    [("a", "label", "Ä\0\n", "", "de"), ("a", "year", "1995", "xsd:integer", "")],
)
OTHER = KnowledgeGraph.from_triples([("x", "y", "z")])


@pytest.fixture
def folder(tmp_path):
    KG.save(tmp_path / "kg")
    return tmp_path / "kg"


def test_load_gives_back_what_was_saved(folder):
    loaded = KnowledgeGraph.load(folder)
    assert loaded.equals(KG)
    assert loaded.report == KG.report
    assert loaded.triples.dtype == np.int32
    assert loaded.labels() == KG.labels()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["kg"]


def test_a_graph_without_literals_or_without_triples(tmp_path):
    for kg in (OTHER, KnowledgeGraph.from_triples([], [("a", "p", "1", "", "")])):
        kg.save(tmp_path / "kg")
        assert KnowledgeGraph.load(tmp_path / "kg").equals(kg)


def test_save_replaces_the_whole_folder(folder):
    OTHER.save(folder)
    assert KnowledgeGraph.load(folder).equals(OTHER)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["kg"]


def test_a_folder_with_anything_else_in_it_is_not_replaced(folder):
    """A manifest alone proves nothing: programs of others have one too."""
    (folder / "notes.md").write_text("my own")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(RunError, match="has other files in it"):
        OTHER.save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder.parent / "app").mkdir()
    (folder.parent / "app" / "manifest.json").write_text('{"format": "web", "files": {}}')
    with pytest.raises(RunError, match="is no saved graph"):
        OTHER.save(folder.parent / "app")


def test_a_flipped_bit_of_the_manifest_is_found_wherever_it_is(folder):
    path = folder / "manifest.json"
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 7
        path.write_bytes(bytes(changed))
        try:
            loaded = KnowledgeGraph.load(folder)
        except RunError:
            continue
        assert json.loads(bytes(changed)) == json.loads(content)  # a blank between two values
        assert loaded.report == KG.report


def test_save_does_not_overwrite_other_things(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text.md").write_text("years of work")
    with pytest.raises(RunError, match="is no saved graph"):
        KG.save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "text.md").read_text() == "years of work"


@pytest.mark.parametrize("moment", ["write", "rename"])
def test_a_full_disk_leaves_the_old_graph(folder, monkeypatch, moment):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    if moment == "write":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(folders, "exchange", full)
    with pytest.raises(RunError, match="No space left on device"):
        OTHER.save(folder)
    monkeypatch.undo()
    assert KnowledgeGraph.load(folder).equals(KG)
    assert os.listdir(folder.parent) == ["kg"]


NAMES = ("entities.arrow", "relations.arrow", "triples.arrow", "literals.arrow")


@pytest.mark.parametrize("name", [*NAMES, "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage"])
def test_damage_names_the_file(folder, name, damage):
    path = folder / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        changed = {"empty": b"", "cut": content[: len(content) // 2], "garbage": b"\xff" * 99}
        path.write_bytes(changed[damage])
    with pytest.raises(RunError, match=name):
        KnowledgeGraph.load(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_bit_is_found_wherever_it_is(folder, name):
    path = folder / name
    content = path.read_bytes()
    for place in range(0, len(content), 97):
        changed = bytearray(content)
        changed[place] ^= 0x10
        path.write_bytes(bytes(changed))
        with pytest.raises(RunError, match=f"{name}: the checksum"):
            KnowledgeGraph.load(folder)


def _replace(folder, name, **columns):
    """Put other values into a file, with a checksum that fits: what somebody malicious would do."""
    with pa.OSFile(str(folder / name), "rb") as file:
        table = pa.ipc.open_file(file).read_all()
    for column, values in columns.items():
        place = table.column_names.index(column)
        field = table.schema.field(column)
        table = table.set_column(place, field, pa.array(values, type=field.type))
    _write(folder, name, table)


def _write(folder, name, table):
    with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    _recount(folder, name, len(table))


def _recount(folder, name, rows):
    manifest = json.loads((folder / "manifest.json").read_text())
    about = {"rows": rows, "crc32": zlib.crc32((folder / name).read_bytes())}
    manifest["files"][name.partition(".")[0]] = about
    _sign(folder, manifest)


def _sign(folder, manifest):
    """Write a manifest with a checksum that fits."""
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    (folder / "manifest.json").write_text(json.dumps(with_checksum(rest)))


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        (
            "triples.arrow",
            {"triple": [[0, 0, 0], [0, 0, 1], [0, 0, 99]]},
            "object has rows outside 0 … 3",
        ),
        (
            "triples.arrow",
            {"triple": [[0, 0, 0], [0, -1, 1], [0, 0, 1]]},
            "relation has rows outside 0 … 3",
        ),
        ("literals.arrow", {"subject": [4, 0]}, "subject has rows outside"),
        ("entities.arrow", {"id": ["b", "a", "c", "d"]}, "not sorted"),
        ("entities.arrow", {"id": ["a", "a", "c", "d"]}, "not sorted"),
        ("literals.arrow", {"value": ["x", None]}, "values are missing"),
    ],
)
def test_files_that_do_not_fit_together(folder, name, columns, message):
    _replace(folder, name, **columns)
    with pytest.raises(RunError, match=message):
        KnowledgeGraph.load(folder)


def test_appended_ids_need_not_be_sorted_but_distinct(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sorted"]["entities"] = 3
    _sign(folder, manifest)
    _replace(folder, "entities.arrow", id=["_:x", "b", "c", "a"])
    loaded = KnowledgeGraph.load(folder)
    assert loaded.entities.ids == ["_:x", "b", "c", "a"]
    assert loaded.entities.num_sorted == 3
    loaded.save(folder.parent / "again")
    assert KnowledgeGraph.load(folder.parent / "again").entities.num_sorted == 3
    for ids, message in (
        (["_:x", "b", "c", "b"], "an id is repeated"),
        (["_:x", "c", "b", "a"], "not sorted"),
    ):
        _replace(folder, "entities.arrow", id=ids)
        with pytest.raises(RunError, match=message):
            KnowledgeGraph.load(folder)


def test_other_versions_and_counts(folder):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for change, message in (
        ({"format_version": 99}, "format version 99"),
        ({"format": "x"}, "not the manifest"),
        (
            {"files": manifest["files"] | {"triples": manifest["files"]["triples"] | {"rows": 4}}},
            "3 rows, but manifest.json says 4",
        ),
        ({"files": {}}, "entities.arrow is not listed"),
        ({"files": []}, "list of files is missing"),
        ({"report": {}}, "report is damaged"),
        ({"sorted": {"entities": 5}}, "sorted entities is damaged: expected 0 … 4, found 5"),
        ({"sorted": {"relations": True}}, "sorted relations is damaged"),
        ({"sorted": "all"}, "sorted entities is damaged"),
    ):
        _sign(folder, manifest | change)
        with pytest.raises(RunError, match=message):
            KnowledgeGraph.load(folder)
    shutil.rmtree(folder)
    with pytest.raises(RunError, match="holds no saved graph"):
        KnowledgeGraph.load(folder)


def test_texts_that_point_outside_of_their_file_are_found(folder):
    path = folder / "entities.arrow"
    with pa.OSFile(str(path), "rb") as file:
        ids = pa.ipc.open_file(file).read_all()["id"].combine_chunks()
    content = path.read_bytes()
    offsets = np.frombuffer(ids.buffers()[1], dtype=np.int64)[: len(ids) + 1]
    at = content.index(offsets.tobytes())
    for place, value in ((1, 1 << 40), (1, -5), (len(ids), 1 << 30)):
        changed = offsets.copy()
        changed[place] = value
        path.write_bytes(content.replace(offsets.tobytes(), changed.tobytes(), 1))
        assert path.read_bytes()[at : at + 8] == content[at : at + 8]
        _recount(folder, "entities.arrow", len(ids))
        with pytest.raises(RunError, match=r"entities\.arrow: the file is damaged"):
            KnowledgeGraph.load(folder)


def test_a_loaded_graph_is_mapped_and_cannot_be_changed(folder):
    loaded = KnowledgeGraph.load(folder)
    with pytest.raises(ValueError, match="read-only"):
        loaded.triples[0, 0] = 1
    # The files can be replaced while a graph lies on them.
    OTHER.save(folder)
    assert loaded.equals(KG)
