"""Features of a run are checked also where its model does not use them."""

import shutil

import numpy as np
import pytest
from project import words_for_language_model
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from kgrec.config import load_config
from kgrec.errors import RunError
from kgrec.runs.manifest import write_manifest
from kgrec.runs.reading import load
from kgrec.runs.training import train_run

pytestmark = pytest.mark.usefixtures("word_encoder")


@pytest.fixture(scope="module")
def closed_form_folder(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "closed"
    with words_for_language_model():
        train_run(load_config(project, ["model=content_ease"]), folder)
    return folder


@pytest.fixture(params=["run_folder", "closed_form_folder"])
def damaged(request, tmp_path):
    """A function that changes the features of a run, of a model that uses them or not."""

    def change(how):
        folder = tmp_path / "run"
        shutil.copytree(request.getfixturevalue(request.param), folder)
        path = folder / "features.safetensors"
        with safe_open(path, framework="np") as file:
            metadata = file.metadata()
        save_file(how(load_file(path)), path, metadata=metadata)
        write_manifest(folder)  # as somebody malicious would
        return folder

    return change


def only_items(change):
    return lambda old: {k: change(v) if k == "item/text" else v for k, v in old.items()}


@pytest.mark.parametrize(
    "how",
    [
        only_items(lambda v: v[:-1].copy()),
        only_items(lambda v: v.flatten()),
        only_items(lambda v: v.astype(np.int8)),
        only_items(lambda v: v.astype(np.float64)),
        only_items(lambda v: np.full_like(v, np.nan)),
        only_items(lambda v: np.full_like(v, np.inf)),
        only_items(lambda v: v[:, None].copy()),
        lambda old: {f"x{n}/y": np.zeros((0, 1), np.float32) for n in range(20_000)},
    ],
)
def test_what_cannot_be_features_is_refused(damaged, kgrec, how):
    code, out, err = kgrec("search", damaged(how), "space")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err[:-1].isprintable()
    assert "item/text" in err or "features" in err


@pytest.mark.parametrize("name", ["z\x1b[31mRED/text", "z\x1b[31mRED", "a/b/c"])
def test_features_of_no_nodes_are_refused_by_their_name(damaged, name):
    folder = damaged(lambda old: old | {name: np.zeros((3, 4), np.float32)})
    with pytest.raises(RunError, match=r"z\\x1b\[31mRED|no kind/modality") as found:
        load(folder)
    assert str(found.value).isprintable()


def test_vectors_of_another_length_than_the_encoders(damaged, kgrec):
    code, out, err = kgrec("search", damaged(only_items(lambda v: v[:, :-1].copy())), "space")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
