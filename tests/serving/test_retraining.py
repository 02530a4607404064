"""A run that is trained again with what came in, and promoted only if it is no worse."""

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.config import load_config
from kgrec.errors import ConfigError, DataError, RunError
from kgrec.runs.reading import load_run
from kgrec.runs.training import train_run
from kgrec.serving.log import Event, open_log
from kgrec.serving.places import log_of, secret_of
from kgrec.serving.pseudonyms import Pseudonyms, read_key
from kgrec.serving.retraining import lead, retrain
from kgrec.serving.settings import Plan, ServeConfig
from kgrec.serving.starting import make_service


@pytest.fixture
def link(tmp_path):
    """Return a link to a run that likes blocks of items, trained on a part of the users."""
    rng = np.random.default_rng(0)
    rows = [(f"u{user}", f"i{item}", 1) for user in range(30) for item in range(20)
            if (user % 2 == item % 2 and rng.random() < 0.7) or rng.random() < 0.05]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    frame.to_csv(tmp_path / "log.csv", index=False)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"data: {{root: {tmp_path}, interactions: log.csv, valid: 0.2, test: 0.0}}\n"
        "text: null\nmodel: {name: ease, l2: 5}\n"
    )
    train_run(load_config(config), tmp_path / "first")
    (tmp_path / "current").symlink_to("first")
    return tmp_path / "current"


def opened(link):
    return open_log(str(log_of(link))), Pseudonyms(read_key(secret_of(link)))


def test_what_came_in_is_learnt_and_what_was_erased_is_not(link, tmp_path):
    log, names = opened(link)
    log.append([Event("interaction", "new", f"i{item}", {"liked": True}) for item in (0, 2, 4)])
    log.append([Event("interaction", "gone", "i0", {"liked": True})])
    log.erase("gone", names.of("gone"))
    log.erase("u3", names.of("u3"))
    found = retrain(link, log, names, tmp_path / "second")
    rec, _, split = load_run(tmp_path / "second")
    assert {"i0", "i2", "i4"} == set(rec.history("new"))
    assert not {"u3", "gone"} & set(rec.user_vocabulary)
    again = kgrec.EASE(rec.model.config).fit(kgrec.models.training_data.TrainingData(split.train))
    np.testing.assert_allclose(rec.model.weights, again.weights, atol=1e-6)
    assert found.events == log.last() == log.mark(str((tmp_path / "second").resolve()))
    assert found.better
    assert 0 < found.before == pytest.approx(found.after)  # EASE had learnt it by the update


def test_the_command_promotes_what_is_no_worse(link, tmp_path, kgrec, monkeypatch):
    log, _ = opened(link)
    log.append([Event("interaction", "new", "i0", {"liked": True})])
    code, out, _ = kgrec("retrain", link, "--out", tmp_path / "second", "--promote")
    assert code == 0
    assert "leads to" in out
    assert link.resolve() == (tmp_path / "second").resolve()
    worse = lambda *given: type(  # noqa: E731
        "Found", (), {"before": 0.5, "after": 0.4, "better": False}
    )()
    monkeypatch.setattr("kgrec.serving.retraining.retrain", worse)
    code, out, _ = kgrec("retrain", link, "--out", tmp_path / "third", "--promote")
    assert code == 1
    assert "It has fallen" in out
    assert link.resolve() == (tmp_path / "second").resolve()


def test_a_service_trains_in_another_process_and_serves_the_result(link):
    service = make_service(Plan(link, ServeConfig(retrain_on_drift=True)))
    service.updater.start()
    assert service.updater.ready.wait(20)
    before = service.current.folder
    service.write([Event("interaction", "new", "i0", {"liked": True})], wait=True)
    assert not service.training_due()
    assert service.scheduler.train()
    assert service.current.folder == link.resolve() != before
    assert "new" in service.current.now.users
    assert service.current.now.drift is None  # it was trained on all of the log
    service.stop()


def test_what_cannot_be_trained_again_is_told(link, tmp_path):
    with pytest.raises(RunError, match="is no link"):
        lead(tmp_path / "first", tmp_path / "first")
    with pytest.raises(ConfigError, match="is no link"):
        make_service(Plan(tmp_path / "first", ServeConfig(retrain_hours=24)))
    log, names = opened(link)
    none = kgrec.load(link)
    kgrec.save(none, tmp_path / "copy")
    train_run(load_config(tmp_path / "config.yaml", ["data.valid=0"]), tmp_path / "whole")
    with pytest.raises(DataError, match="no validation part"):
        retrain(tmp_path / "whole", log, names, tmp_path / "other")
