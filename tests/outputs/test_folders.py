"""A folder is replaced as a whole, and what kgrec did not write stays in it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kgrec.files import is_scratch, replacing, write_atomically
from kgrec.outputs import folders
from kgrec.outputs.folders import entries, recover, replacing_folder


def tree(folder):
    """Return the contents of all files below a folder; of a link, where it leads."""
    return {
        name: os.readlink(path) if path.is_symlink() else path.read_bytes()
        for name, path in ((name, folder / name) for name in entries(folder))
        if not name.endswith("/")
    }


@pytest.fixture
def old(tmp_path):
    """A folder with two files of kgrec, and what somebody put there."""
    folder = tmp_path / "runs" / "a"
    (folder / "data").mkdir(parents=True)
    (folder / "mine").mkdir()
    for name in ("manifest.json", "data/old", "data/notes.md", "mine/photo", "todo.txt"):
        (folder / name).write_text(f"old {name}")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("/no/where")
    return folder


def ours(_):
    return ["manifest.json", "data/old"]


def replaced(folder, **names):
    with replacing_folder(folder, ours) as new:
        (new / "data").mkdir()
        for name, text in ({"manifest.json": "new", "data/new": "new"} | names).items():
            (new / name).write_text(text)


STAYS = {
    "data/notes.md": b"old data/notes.md",
    "mine/photo": b"old mine/photo",
    "todo.txt": b"old todo.txt",
    "link": "/no/where",
}


def check_replaced(folder):
    assert tree(folder) == STAYS | {"manifest.json": b"new", "data/new": b"new"}
    assert (folder / "empty").is_dir()
    assert not [name for name in os.listdir(folder) if is_scratch(name)]
    assert os.listdir(folder.parent) == [folder.name]


def test_files_of_others_stay(old):
    inode = (old / "todo.txt").stat().st_ino
    replaced(old)
    check_replaced(old)
    assert (old / "todo.txt").stat().st_ino == inode  # the same file, not a copy


def test_a_file_of_others_with_the_name_of_a_new_one_keeps_everything_as_it_was(old):
    before = tree(old)
    with pytest.raises(FileExistsError, match=r"todo\.txt is there already"):
        replaced(old, **{"todo.txt": "new"})
    assert tree(old) == before
    assert os.listdir(old.parent) == ["a"]


def test_there_is_no_moment_without_the_folder(old, monkeypatch):
    """The two change their places in one call of the system."""
    seen = []
    exchange = folders.exchange

    def watched(one, other):
        seen.append((one.name, other.exists()))
        exchange(one, other)
        seen.append((one.name, other.exists()))

    monkeypatch.setattr(folders, "exchange", watched)
    monkeypatch.setattr(Path, "rename", None)
    replaced(old)
    assert seen == [("new", True), ("new", True)]


def test_a_system_without_exchange_renames_twice(old, monkeypatch):
    def cannot(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(folders, "exchange", cannot)
    replaced(old)
    check_replaced(old)


def test_a_folder_that_a_process_stands_in_is_replaced_by_its_entries(old, monkeypatch):
    monkeypatch.chdir(old)
    inode = old.stat().st_ino
    replaced(Path())
    check_replaced(old)
    assert old.stat().st_ino == inode
    assert Path("data/new").read_text() == "new"


def test_a_link_to_a_folder_stays_a_link(old):
    link = old.parent.parent / "latest"
    link.symlink_to(old)
    replaced(link)
    assert link.is_symlink()
    check_replaced(old)
    target = old.parent.parent / "target.txt"
    target.write_text("old")
    (old.parent.parent / "name").symlink_to(target)
    write_atomically(old.parent.parent / "name", ["new"])
    assert target.read_text() == "new"


KILLED = """
import sys, time
from pathlib import Path
from kgrec.files import replacing
from kgrec.outputs import folders
from kgrec.outputs.folders import replacing_folder
target, how = Path(sys.argv[1]), sys.argv[2]
def wait():
    print("ready", flush=True)
    time.sleep(600)
if how == "file":
    with replacing(target) as file:
        file.write(b"half")
        wait()
elif how == "gap":
    def cannot(*_):
        raise OSError(38, "Function not implemented")
    folders.exchange = cannot
    Path.rename = (lambda rename: lambda a, b: wait() if a.name == "new" else rename(a, b))(
        Path.rename)
with replacing_folder(target, lambda _: ["manifest.json", "data/old"]) as new:
    (new / "half").write_text("half")
    if how == "folder":
        wait()
"""


def killed(target, how, *, end=True):
    """Let a process work on `target`, and kill it in the middle."""
    root = Path(__file__).parents[2]
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(target), how], cwd=root, stdout=subprocess.PIPE
    )
    assert worker.stdout.readline() == b"ready\n"
    if end:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
    return worker


def test_what_a_killed_process_left_is_removed_by_the_next(old):
    mine = old.parent / ".a-mine.tmp"
    mine.write_text("not of kgrec")
    before = tree(old)
    killed(old, "folder")
    killed(old.parent / "b.csv", "file")
    assert len(os.listdir(old.parent)) == 4
    assert tree(old) == before
    replaced(old)
    with replacing(old.parent / "b.csv") as file:
        file.write(b"whole")
    assert sorted(os.listdir(old.parent)) == [".a-mine.tmp", "a", "b.csv"]
    mine.unlink()
    (old.parent / "b.csv").unlink()
    check_replaced(old)


def test_what_a_living_process_writes_is_not_removed(tmp_path):
    worker = killed(tmp_path / "b.csv", "file", end=False)
    try:
        write_atomically(tmp_path / "b.csv", ["first"])
        assert len([name for name in os.listdir(tmp_path) if is_scratch(name)]) == 1
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()
    write_atomically(tmp_path / "b.csv", ["second"])
    assert os.listdir(tmp_path) == ["b.csv"]


def test_a_folder_whose_process_was_killed_between_two_renamings_comes_back(old):
    before = tree(old)
    killed(old, "gap")
    assert not old.exists()
    recover(old)
    after = tree(old)
    assert after == before
    assert os.listdir(old.parent) == ["a"]


def test_a_private_file_stays_private(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o600)
    write_atomically(path, ["new"])
    assert path.stat().st_mode & 0o777 == 0o600
