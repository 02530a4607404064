"""What may be written is said before the work."""

import os

import pytest

from kgrec.errors import RunError
from kgrec.outputs.checks import check_files, check_new_folder


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "items.csv").write_text("mine")
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "g.nt").write_text("mine")
    return tmp_path


def refused(folder, output, *inputs, force=True):
    before = sorted(str(path) for path in folder.rglob("*"))
    with pytest.raises(RunError) as caught:
        check_files([folder / output], [folder / one for one in inputs], force=force)
    assert sorted(str(path) for path in folder.rglob("*")) == before
    return str(caught.value)


def test_an_input_is_no_output_by_any_name(folder):
    os.link(folder / "items.csv", folder / "hard")
    (folder / "soft").symlink_to("items.csv")
    (folder / "way").symlink_to(".")
    for name in ("items.csv", "hard", "soft", "way/items.csv", "graphs/../items.csv", "ITEMS.csv"):
        assert "is read by the same command" in refused(folder, name, "items.csv")
    for given in ("graphs", "graphs/*.nt", "**/*.nt"):
        assert "is read by the same command" in refused(folder, "graphs/g.nt", given)
    check_files([folder / "graphs" / "new.nt"], [folder / "graphs"])


def test_what_is_there_is_replaced_only_if_asked(folder):
    message = refused(folder, "items.csv", force=False)
    assert message.endswith(
        "items.csv exists already. Choose another name, or replace it with force=True."
    )
    check_files([folder / "items.csv", None], [None], force=True)
    check_files([folder / "items.csv"], ours=lambda path: path.read_text() == "mine")
    (folder / "nowhere").symlink_to("gone")
    assert "exists already" in refused(folder, "nowhere", force=False)


def test_two_outputs_have_two_names(folder):
    for other in ("new.csv", "New.csv", "graphs/../new.csv"):
        with pytest.raises(RunError, match="would be written twice"):
            check_files([folder / "new.csv", folder / other])


def test_what_is_no_file_is_not_replaced(folder):
    os.mkfifo(folder / "pipe")
    assert "is no plain file" in refused(folder, "pipe")
    assert "is a folder" in refused(folder, "graphs")
    with pytest.raises(RunError, match="is no plain file"):
        check_files(["/dev/null"], force=True)


def test_what_cannot_be_written_is_said_at_once(folder):
    assert "cannot be written: Not a directory" in refused(folder, "items.csv/x")
    assert "cannot be written: File name too long" in refused(folder, "x" * 300)
    assert "cannot be written" in refused(folder, "a/b/" + "x" * 300)
    with pytest.raises(RunError, match="cannot be written"):
        check_files(["/proc/links.csv"])
    check_files([folder / "a" / "b" / "new.csv"])
    assert not (folder / "a").exists()


def test_a_folder_is_made_where_nothing_is(folder):
    (folder / "empty").mkdir()
    for name in ("empty", "new", "a/b"):
        check_new_folder(folder / name)
    with pytest.raises(RunError, match="is not empty"):
        check_new_folder(folder / "graphs")
    with pytest.raises(RunError, match="is a file"):
        check_new_folder(folder / "items.csv")
    with pytest.raises(RunError, match=r"would be replaced, but .*g\.nt in it is read"):
        check_new_folder(folder / "graphs", [folder / "graphs" / "g.nt"], ours=True)
    with pytest.raises(RunError, match="is read by the same command"):
        check_new_folder(folder / "empty", [folder / "empty"])
