"""A run folder from a stranger: the hub is not asked for the encoder that it names."""

import shutil

import pytest

from kgrec.errors import ConfigError
from kgrec.runs.manifest import write_manifest
from kgrec.runs.reading import load
from kgrec.text import model_files


@pytest.fixture
def strange(trained_run, tmp_path, monkeypatch):
    """A run folder that names a model of the hub, and the names that the hub is asked for."""
    asked = []

    def from_hub(repository, reasons, *, local_files_only):
        if not local_files_only:
            asked.append(repository)

    monkeypatch.setattr(model_files, "_from_hub", from_hub)
    folder = tmp_path / "run"
    shutil.copytree(trained_run, folder)
    path, old = folder / "config.yaml", b"sentence-transformers/all-MiniLM-L6-v2"
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, NAME.encode()))
    write_manifest(folder)
    return folder, asked


NAME = "strange-organisation/strange-mod-el-v2"


def test_nothing_is_downloaded(strange, kgrec):
    folder, asked = strange
    code, out, err = kgrec("search", folder, "space")
    assert (code, out) == (2, "")
    assert f"The run names the encoder '{NAME}', which is not on this machine" in err
    assert f"--download {NAME}" in err
    with pytest.raises(ConfigError, match="which is not on this machine"):
        load(folder).search("space")
    assert kgrec("recommend", folder, "--user", "u00")[0] == 0  # needs no encoder
    assert kgrec("search", folder, "space", "--download", "another/model")[0] == 2
    assert asked == []


def test_who_agrees_by_name_may_download_it(strange, kgrec):
    folder, asked = strange
    assert kgrec("search", folder, "space", "--download", NAME)[0] == 2  # the hub has no such model
    assert asked == [NAME]
    with pytest.raises(ConfigError, match="Found no encoder"):
        load(folder, download=NAME).search("space")
    assert asked == [NAME, NAME]
