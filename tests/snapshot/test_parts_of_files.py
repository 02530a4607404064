"""An interrupted writing for many users goes on, and never mixes two requests."""

import json

import pandas as pd
import pytest

import kgrec
from kgrec.errors import RunError
from kgrec.models.ease import EASE, EASEConfig
from kgrec.testing import planted


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr("kgrec.snapshot.parts.USERS", 7)


@pytest.fixture(scope="module")
def fitted():
    return kgrec.Recommender(model=EASE(), text=None).fit(planted().data.train)


def stopped_after(found, path, number, **options):
    """Write until `number` users are done, and stop there as Ctrl-C does."""

    def stop(done, total):
        if done >= number:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        found.write(path, progress=stop, resume=True, **options)


def rows(path):
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    return pd.read_csv(path)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_it_goes_on_where_it_was_stopped(fitted, tmp_path, ending, monkeypatch):
    path, whole = tmp_path / f"all.{ending}", tmp_path / f"whole.{ending}"
    found = fitted.recommend_all(3)
    found.write(whole)
    stopped_after(found, path, 14)
    assert not path.exists()
    assert {one.name for one in (tmp_path / f"all.{ending}.parts").iterdir()} == {
        "journal.json", "000000.parquet", "000001.parquet",
    }  # fmt: skip
    asked = []
    best = type(fitted.snapshot).best

    def seen(self, users, *rest, **more):
        asked.extend(users.tolist())
        return best(self, users, *rest, **more)

    monkeypatch.setattr(type(fitted.snapshot), "best", seen)
    found.write(path, resume=True)
    tried = asked[:7]
    assert tried == list(range(7))  # the model is looked at again by the first part
    assert asked[7:] == list(range(14, len(found)))
    pd.testing.assert_frame_equal(rows(path), rows(whole))
    assert {one.name for one in tmp_path.iterdir()} == {path.name, whole.name}


def test_without_an_interruption_the_file_is_the_same(fitted, tmp_path):
    found = fitted.recommend_all(2, users=[])
    found.write(tmp_path / "none.csv", resume=True)
    assert rows(tmp_path / "none.csv").empty
    fitted.recommend_all(2).write(tmp_path / "all.csv", resume=True)
    fitted.recommend_all(2).write(tmp_path / "plain.csv")
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()


def test_parts_of_another_request_or_model_are_refused(fitted, tmp_path):
    path = tmp_path / "all.csv"
    stopped_after(fitted.recommend_all(3), path, 7)
    items = fitted.item_vocabulary.ids
    for other in (
        fitted.recommend_all(2),
        fitted.recommend_all(3, users=fitted.user_vocabulary.ids[1:]),
        fitted.recommend_all(3, exclude=items[:1]),
        fitted.recommend_all(3, popularity=0.2),
    ):
        with pytest.raises(RunError, match="of another request"):
            other.write(path, resume=True)
    model = EASE(EASEConfig(l2=3.0))
    again = kgrec.Recommender(model=model, text=None).fit(planted().data.train)
    with pytest.raises(RunError, match="of another model"):
        again.recommend_all(3).write(path, resume=True)
    fitted.recommend_all(3).write(path, resume=True)
    assert path.exists()


def test_damaged_parts_and_folders_of_others_are_refused(fitted, tmp_path):
    path, folder = tmp_path / "all.csv", tmp_path / "all.csv.parts"
    found = fitted.recommend_all(3)
    stopped_after(found, path, 14)
    part = folder / "000001.parquet"
    good = part.read_bytes()
    part.write_bytes(good[:-1] + b"x")
    with pytest.raises(RunError, match=r"000001\.parquet"):
        found.write(path, resume=True)
    part.write_bytes(good)
    journal = (folder / "journal.json").read_text()
    (folder / "journal.json").write_text(journal.replace("000001", "000009"))
    with pytest.raises(RunError, match=r"journal\.json is damaged"):
        found.write(path, resume=True)
    (folder / "journal.json").write_text(journal)
    (folder / "notes.txt").write_text("mine")
    found.write(path, resume=True)
    assert [one.name for one in folder.iterdir()] == ["notes.txt"]
    with pytest.raises(RunError, match="no folder of an interrupted writing"):
        found.write(path, resume=True, force=True)
    (tmp_path / "b.csv.parts").write_text("a file")
    with pytest.raises(RunError, match="needed as a folder"):
        found.write(tmp_path / "b.csv", resume=True)


def test_a_file_that_is_there_stays(fitted, tmp_path):
    path = tmp_path / "all.csv"
    path.write_text("old")
    with pytest.raises(RunError, match="exists already"):
        fitted.recommend_all(2).write(path, resume=True)
    stopped_after(fitted.recommend_all(2), path, 7, force=True)
    assert path.read_text() == "old"
    fitted.recommend_all(2).write(path, resume=True, force=True)
    assert len(rows(path)) == 2 * len(fitted.user_vocabulary)
