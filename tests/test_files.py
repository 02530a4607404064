"""What is written is there as a whole, or not at all."""

import json
import os
import resource
import signal

import pytest

from kgrec.config import load_config
from kgrec.errors import ConfigError, DataError, RunError
from kgrec.files import (
    nearest_file,
    replacing,
    replacing_text,
    write_atomically,
    write_json,
    writing,
)
from kgrec.outputs.folders import replacing_folder


@pytest.fixture
def small_disk():
    """A system that lets no file grow beyond 20 kB."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_octets_and_text_arrive_as_they_were_given(tmp_path):
    with replacing(tmp_path / "octets") as file:
        file.write(b"\x00\r\n\xff")
        assert not (tmp_path / "octets").exists()
    assert (tmp_path / "octets").read_bytes() == b"\x00\r\n\xff"
    with replacing_text(tmp_path / "text") as file:
        file.write("Amélie\r\n\n")
    assert (tmp_path / "text").read_bytes() == "Amélie\r\n\n".encode()
    write_atomically(tmp_path / "text", ["a", "b\n"])
    assert (tmp_path / "text").read_bytes() == b"ab\n"
    write_json(tmp_path / "value.json", {"é": [1, 2.5, None]})
    assert json.loads((tmp_path / "value.json").read_text()) == {"é": [1, 2.5, None]}
    assert "é" in (tmp_path / "value.json").read_text()
    assert names(tmp_path) == ["octets", "text", "value.json"]


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    write_atomically(tmp_path / "new", [""])
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("old", ["old", None])
def test_a_full_disk_leaves_what_was_there(tmp_path, small_disk, old):
    path = tmp_path / "x.txt"
    if old:
        path.write_text(old)
    with pytest.raises(RunError, match=r"x\.txt cannot be written: File too large\.$"):
        write_atomically(path, ["line\n"] * 10_000)
    with pytest.raises(OSError, match="File too large"), replacing(path) as file:
        file.write(bytes(30_000))
    assert names(tmp_path) == (["x.txt"] if old else [])
    assert not old or path.read_text() == old


def test_a_full_disk_leaves_the_folder_that_was_there(tmp_path, small_disk):
    folder = tmp_path / "graph"
    folder.mkdir()
    (folder / "old").write_text("old")

    def write(size):
        with writing(f"{folder}: the graph"), replacing_folder(folder, lambda _: ["old"]) as new:
            (new / "small").write_text("written")
            (new / "large").write_bytes(bytes(size))

    with pytest.raises(RunError, match=r"graph: the graph cannot be written: File too large\.$"):
        write(30_000)
    assert names(tmp_path) == ["graph"]
    assert names(folder) == ["old"]
    write(10_000)
    assert names(folder) == ["large", "small"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError, DataError])
def test_whatever_ends_the_writing_leaves_no_litter(tmp_path, stop):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()

    def write_file():
        with writing("x"), replacing(tmp_path / "file") as file:
            file.write(b"half")
            raise stop

    def write_folder():
        with writing("x"), replacing_folder(tmp_path / "folder") as new:
            (new / "half").write_text("half")
            raise stop

    for write in (write_file, write_folder):
        with pytest.raises(stop):
            write()
    assert names(tmp_path) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path / "folder") == []


def test_all_files_are_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_ino))
    with replacing_folder(tmp_path / "made" / "folder") as new:
        (new / "inner").mkdir()
        for path in (new / "a", new / "inner" / "b"):
            path.write_text("x")
    found = [path.stat().st_ino for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(found) == sorted(flushed)
    assert names(tmp_path) == ["made"]
    assert names(tmp_path / "made") == ["folder"]
    write_atomically(tmp_path / "file", ["x"])
    assert (tmp_path / "file").stat().st_ino == flushed[-1]


def test_messages_say_what_and_why(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(RunError, match=r"/taken cannot be written: Is a directory\.$"):
        write_atomically(tmp_path / "taken", ["x"])
    with pytest.raises(RunError, match=r"/no/such cannot be written: No such file or directory\."):
        write_atomically(tmp_path / "no" / "such", ["x"])
    with pytest.raises(RunError, match=r"cannot be written: .*surrogates not allowed"):
        write_atomically(tmp_path / "text", ["\ud800"])
    message = r"^a\\x1bb: the list cannot be written: Disk quota exceeded\.$"
    with pytest.raises(DataError, match=message), writing("a\x1bb: the list", DataError):
        raise OSError(122, "Disk quota exceeded")
    assert names(tmp_path) == ["taken"]


def test_the_nearest_file(tmp_path):
    (tmp_path / "ratings.csv").write_text("")
    (tmp_path / "config.yaml").write_text("")
    assert nearest_file(tmp_path / "raitngs.csv") == " Did you mean 'ratings.csv'?"
    assert nearest_file(tmp_path / "raitngs.csv", "*.yaml") == " Known: config.yaml."
    assert nearest_file(tmp_path / "none" / "x") == ""
    assert nearest_file(tmp_path / "config.yaml" / "x") == ""
    with pytest.raises(ConfigError, match=r"/confg\.yaml does not exist\. Did you mean 'config"):
        load_config(tmp_path / "confg.yaml")
