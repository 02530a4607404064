"""A run from which a user was erased: no byte names them, and the model never knew them."""

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from project import words_for_language_model, write_project

from kgrec.config import load_config
from kgrec.errors import DataError, UnknownIdError
from kgrec.models.ease import EASE, EASEConfig
from kgrec.models.ials import IALS, IALSConfig
from kgrec.models.training_data import TrainingData
from kgrec.models.user_ease import UserEASE, UserEASEConfig
from kgrec.runs.erasing import erase_users
from kgrec.runs.reading import load_run
from kgrec.runs.serving import load_for_serving
from kgrec.runs.training import train_run

USER = "erase-me-please"


@pytest.fixture(scope="module")
def encoder():
    with words_for_language_model() as made:
        yield made


@pytest.fixture(scope="module", params=["ease", "{name: bpr_mf, training: {max_epochs: 1}}"])
def run(request, encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("erasing")
    config = write_project(folder / "project")
    for path in (folder / "project").glob("*.csv"):
        path.write_text(path.read_text().replace("u07", USER))
    train_run(load_config(config, [f"model={request.param}"]), folder / "run")
    # What reading said may name users.
    log = folder / "run" / "log.txt"
    log.write_text(log.read_text() + f"the first of them is '{USER}', user {USER}.\n")
    return folder / "run"


def texts_of(path):
    """Return all strings of a Parquet file, which compression hides from a search for bytes."""
    table = pq.read_table(path)
    return " ".join(str(column.to_pylist()) for column in table.columns)


def mentions(folder):
    """Return the files that hold the id, as bytes or as a value."""
    found = [path.name for path in folder.rglob("*") if path.is_file()
             and USER.encode() in path.read_bytes()]  # fmt: skip
    return found + [path.name for path in folder.rglob("*.parquet") if USER in texts_of(path)]


def test_no_byte_of_the_folder_names_the_user(run, tmp_path):
    assert {"users.parquet", "log.txt"} <= set(mentions(run))
    out = tmp_path / "out"
    drift = erase_users(run, [USER], out)
    assert not mentions(out)
    assert drift.users_deleted == 1
    assert mentions(run)  # the other folder is as it was
    rec = load_run(out)[0]
    assert USER not in rec.user_vocabulary
    with pytest.raises(UnknownIdError):
        rec.recommend(USER)
    light = load_for_serving(out)
    assert [one.item for one in light.recommend("u00", 3)] == [
        one.item for one in rec.recommend("u00", 3)
    ]
    closed = rec.model.name == "ease"
    assert bool(drift.users_remembered) != closed
    assert any("deleted" in reason for reason in drift.reasons()) != closed


def test_the_folder_itself_can_change(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    before = {path.name for path in copy.iterdir()}
    erase_users(copy, [USER])
    assert not mentions(copy)
    left = before - {path.name for path in copy.iterdir()}
    assert left <= {"checkpoint.safetensors"}
    with pytest.raises(UnknownIdError):
        erase_users(copy, [USER])
    with pytest.raises(DataError, match="Name the users"):
        erase_users(copy, [])


def test_the_rest_of_the_run_is_what_a_training_without_the_user_finds(run, tmp_path):
    rec = load_run(run)[0]
    if rec.model.name != "ease":
        pytest.skip("what was trained is trained anew")
    erase_users(run, [USER], tmp_path / "out")
    erased = load_run(tmp_path / "out")[0].snapshot
    train = rec.snapshot.interactions[0]
    kept = train.select(train.user != train.users.row(USER))
    again = EASE(rec.model.config).fit(TrainingData(kept))
    users = np.delete(np.arange(len(train.users)), train.users.row(USER))
    users = users[kept.matrix()[users].getnnz(axis=1) > 0]
    np.testing.assert_allclose(erased.model.weights, again.weights, atol=1e-6)
    np.testing.assert_allclose(erased.model.score(users), again.score(users), atol=1e-6)


def test_the_command_erases_also_from_the_log(run, tmp_path, ok, kgrec):
    from kgrec.serving.log import Event, open_log
    from kgrec.serving.places import folder_of, log_of

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    log = open_log(str(log_of(copy)))
    log.append([Event("interaction", USER, "i01", {"liked": True})] * 100)
    log.append([Event("interaction", "u01", "i01", {"liked": True})])
    assert "Erased: 1" in ok("erase", copy, "--user", USER)
    assert not mentions(copy)
    assert not mentions(folder_of(copy))
    (other, gone) = open_log(str(log_of(copy))).read(0)
    assert (other.user, gone.kind) == ("u01", "user_erased")
    code, _, err = kgrec("erase", copy, "--user", USER)
    assert code == 2
    assert USER in err


def planted(num_users=120, num_items=40, seed=0):
    from kgrec.data.interactions import Interactions

    rng = np.random.default_rng(seed)
    pairs = np.argwhere(rng.random((num_users, num_items)) < rng.random((num_users, 1)) * 0.4)
    frame = pd.DataFrame(pairs, columns=["user_id", "item_id"]).astype(str)
    return Interactions.read(frame)


@pytest.mark.parametrize(
    "model",
    [
        EASE(EASEConfig(l2=5.0)),
        EASE(EASEConfig(l2=5.0, dropout=0.3)),
        UserEASE(UserEASEConfig(l2=5.0)),
        IALS(IALSConfig(dim=8, l2=2.0, iterations=10)),
    ],
    ids=lambda model: f"{model.name}-{getattr(model.config, 'dropout', '')}",
)
def test_a_model_that_forgets_is_the_one_that_never_knew(model):
    log = planted()
    fitted = model.fit(TrainingData(log))
    gone = np.array([3, 50, 51])
    data = TrainingData(log.select(~np.isin(log.user, gone)))
    before = fitted.score(np.arange(log.num_users))
    forgotten = fitted.forgotten(data)
    never = type(model)(model.config).fit(data)
    others = np.setdiff1d(np.arange(log.num_users), gone)
    others = others[data.train.matrix()[others].getnnz(axis=1) > 0]
    np.testing.assert_allclose(forgotten.score(others), never.score(others), atol=1e-6)
    assert np.abs(forgotten.score(others) - before[others]).max() > 1e-4  # they had counted
    np.testing.assert_array_equal(before, fitted.score(np.arange(log.num_users)))
    assert forgotten.forgets
