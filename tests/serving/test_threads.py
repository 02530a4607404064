"""The threads of the service go on after an error."""

import threading
import time
from types import SimpleNamespace

import pytest

from kgrec.errors import RunError
from kgrec.serving import scheduling, watching
from kgrec.serving.live import Updater
from kgrec.serving.log import open_log
from kgrec.serving.pseudonyms import Pseudonyms


class Twice:
    """Fails at its first call, and notes the second one."""

    def __init__(self, answer=None):
        self.calls, self.again, self.answer = 0, threading.Event(), answer

    def __call__(self, *given):
        self.calls += 1
        if self.calls == 1:
            raise ValueError("odd")
        self.again.set()
        return self.answer


def test_a_run_that_cannot_be_read_is_looked_at_again(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "stamp_of", lambda folder: ("new", 0, 0))
    swap = Twice(SimpleNamespace(name="new"))
    watcher = watching.Watcher(tmp_path, lambda: SimpleNamespace(stamp=("old", 0, 0)), swap, 0.01)
    watcher.start()
    assert swap.again.wait(10)
    watcher.stop()


def test_a_training_that_cannot_begin_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(scheduling, "_LOOK", 0.01)
    due = Twice(False)
    scheduler = scheduling.Scheduler(tmp_path / "run", "log", [], 0.0, due, lambda: None)
    scheduler._last = time.monotonic() - 7200
    scheduler.start()
    assert due.again.wait(10)
    scheduler.stop()


def test_a_log_that_cannot_be_understood_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr("kgrec.serving.live._AGAIN", 0.01)
    updater = Updater(open_log(str(tmp_path / "log")), {}, Pseudonyms(b"k" * 32), poll=0.01)
    updater._bring = Twice()
    updater.start()
    assert updater.ready.wait(10)
    updater.stop()


def test_an_event_of_a_newer_kgrec_is_told(tmp_path):
    log = open_log(str(tmp_path / "log"))
    with log._transaction(writes=True) as cursor:
        cursor.execute("INSERT INTO entries (kind, body, at) VALUES ('odd', '{}', 0)")
    with pytest.raises(RunError, match="newer one"):
        log.read(0)
