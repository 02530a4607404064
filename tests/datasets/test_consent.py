"""Consent as a column of the user table: nothing of other users is read."""

import pandas as pd
import pytest

from kgrec.config import make_config
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, DataError

ANSWERS = {"ann": "Yes", "bob": "no", "cid": "1", "dan": "", "eva": " TRUE ", "fay": "0"}
AGREED = ["ann", "cid", "eva"]


@pytest.fixture
def folder(tmp_path):
    rows = [(user, f"i{n}", 5 if n else 1) for user in [*ANSWERS, "zoe"] for n in range(4)]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    log.to_csv(tmp_path / "log.csv", index=False)
    for name, part in (("train", log.iloc[::2]), ("valid", log.iloc[1::4]), ("test", log[3::4])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    users = pd.DataFrame({"user_id": list(ANSWERS), "agrees": list(ANSWERS.values()),
                          "town": "Ulm"})  # fmt: skip
    users.to_csv(tmp_path / "users.csv", index=False)
    return tmp_path


def read(folder, **data):
    users = {"path": "users.csv", "categories": ["town"]}
    tree = {"root": str(folder), "users": users, "consent": "agrees", **data}
    return load_dataset(make_config({"data": tree}).data)


def test_users_who_did_not_agree_leave_nothing(folder):
    found = read(folder, interactions="log.csv", positive="rating >= 3", test=0.2)
    split = found.split
    assert split.train.users.ids == AGREED
    assert found.users.ids.ids == AGREED
    assert "agrees" not in found.users.categories
    assert sum(len(split.part(name)) for name in ("train", "valid", "test")) == 9
    assert split.train.dislikes.users.ids == AGREED
    (note,) = (note for note in found.notes if note.startswith("Consent"))
    assert note == (
        "Consent: 3 of 7 users agreed; 9 of 21 interactions are theirs, the others are left out."
    )


def test_parts_of_ones_own_are_read_without_them_too(folder):
    found = read(folder, train="train.csv", valid="valid.csv", test="test.csv")
    assert found.split.train.users.ids == AGREED
    sizes = [len(found.split.part(name)) for name in ("train", "valid", "test")]
    assert sizes == [6, 3, 3]


@pytest.mark.parametrize(
    ("value", "message"),
    [("maybe", r"'maybe' in the column 'agrees'.*neither yes"), ("yes|no", "yes and no for 1")],
)
def test_nobodys_consent_is_guessed(folder, value, message):
    table = pd.read_csv(folder / "users.csv")
    table.loc[1, "agrees"] = value
    table.to_csv(folder / "users.csv", index=False)
    with pytest.raises(DataError, match=message):
        read(folder, interactions="log.csv")


def test_the_column_has_to_be_there(folder):
    with pytest.raises(DataError, match="agreed"):
        read(folder, interactions="log.csv", consent="agreed")
    with pytest.raises(ConfigError, match="there is none"):
        make_config({"data": {"root": str(folder), "interactions": "log.csv", "consent": "agrees"}})
