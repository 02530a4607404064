"""Trackers: what TensorBoard, MLflow and Weights & Biases have of a run afterwards."""

import json
import socket
from importlib.util import find_spec

import pytest

from kgrec.errors import ConfigError, KgrecWarning, RunError
from kgrec.settings import make_settings
from kgrec.tracking import (
    MLflow,
    MLflowConfig,
    TensorBoard,
    TensorBoardConfig,
    TrackerConfig,
    Trackers,
    Wandb,
    WandbConfig,
)
from kgrec.tracking.base import Tracker, environment, flat

CONFIG = {"model": {"name": "lightgcn", "training": {"learning_rate": 0.03}}, "seed": 3}
EPOCHS = [
    {"epoch": 5, "loss": 2.5, "ndcg@10": 0.25, "best": 0.25, "seconds": 1.5},
    {"epoch": 10, "loss": 1.25, "ndcg@10": 0.5, "best": 0.5, "seconds": 3.0},
]


class Kept(Tracker):
    """A tracker that keeps what it gets, and fails where it is told to."""

    what = "kept"

    def __init__(self, fails=""):
        super().__init__()
        self.fails, self.got = fails, []

    def _needs(self):
        return ("json", "kept") if self.fails != "check" else ("no_such_library", "kept")

    def _keep(self, what, *values):
        if self.fails == what:
            raise OSError("no \x1b connection\nand more")
        self.got.append((what, *values))

    def _start(self, name, config, about):
        self._keep("start", name, dict(config), dict(about))

    def _log(self, values, epoch):
        self._keep("log", epoch, dict(values))

    def _finish(self, final, failed):
        self._keep("finish", dict(final), failed)


@pytest.fixture
def no_network(monkeypatch):
    """Refuse connections to anything but this machine."""
    usual = socket.socket.connect

    def connect(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a connection to {address}")
        return usual(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


def tracked(tracker, name="run", failed=False):
    tracker.start(name, CONFIG, "runs/a")
    for figures in EPOCHS:
        tracker(figures)
    tracker.finish({"ndcg@10": 0.5, "seconds": 4.0}, failed=failed)
    return tracker


def test_a_run_has_a_beginning_figures_and_an_end():
    tracker = tracked(Kept())
    start, first, second, end = tracker.got
    about = {"folder": "runs/a"}
    assert start == (
        "start",
        "run",
        {"model.name": "lightgcn", "model.training.learning_rate": 0.03, "seed": 3},
        about,
    )
    assert first == ("log", 5, {"loss": 2.5, "ndcg@10": 0.25, "best": 0.25, "seconds": 1.5})
    assert second[1] == 10
    assert end == ("finish", {"final/ndcg@10": 0.5, "final/seconds": 4.0}, False)
    tracker.finish()  # it has ended already
    assert len(tracker.got) == 4


def test_figures_of_a_second_training_in_a_run_are_told_apart():
    tracker = Kept()
    for epoch in (5, 10, 5, 10, 5):
        tracker({"epoch": epoch, "loss": 1.0})
    assert tracker.got[0] == ("start", "fit", {}, {})
    keys = [next(iter(values)) for _, _, values in tracker.got[1:]]
    assert keys == ["loss", "loss", "training 2/loss", "training 2/loss", "training 3/loss"]


def test_an_error_in_the_body_ends_the_run_as_failed():
    tracker = Kept()
    with pytest.raises(KeyError), tracker.start("a"):
        raise KeyError
    assert tracker.got[-1] == ("finish", {}, True)
    with Kept() as unused:
        pass
    assert unused.got == []
    several = Trackers([Kept(), Kept()])
    with pytest.raises(KeyError), several.run("a", CONFIG):
        raise KeyError
    assert [one.got[-1] for one in several.trackers] == [("finish", {}, True)] * 2
    with several.run("b") as run:
        run(EPOCHS[0])
        run.finish({"x": 1})
    assert [one[0] for one in several.trackers[1].got] == ["start", "finish", "start", "log",
                                                           "finish"]  # fmt: skip


def test_a_tracker_that_cannot_start_is_an_error_and_no_other_stays_open():
    with pytest.raises(RunError, match=r"kept cannot start: no \\x1b connection\."):
        Kept("start").start("a")
    with pytest.raises(ConfigError, match=r"needs the library no_such_library.*'kgrec\[kept\]'"):
        Kept("check").check()
    with pytest.raises(RunError, match="has a run already"):
        Kept().start("a").start("b")
    first = Kept()
    with pytest.raises(RunError), Trackers([first, Kept("start")]).run("a"):
        pass
    assert [one[0] for one in first.got] == ["start", "finish"]


@pytest.mark.parametrize("fails", ["log", "finish"])
def test_a_tracker_that_fails_later_does_not_end_the_training(fails):
    tracker = Kept(fails)
    with pytest.warns(
        KgrecWarning, match=r"kept failed, and gets no more .*: no \\x1b connec"
    ) as w:
        tracked(tracker)
    assert len(w) == 1
    assert fails not in [one[0] for one in tracker.got]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_library_is_told_with_what_installs_it(monkeypatch, name):
    monkeypatch.setattr("kgrec.tracking.base.find_spec", lambda _: None)
    tracker = make_settings(TrackerConfig, name, "x").build()
    with pytest.raises(
        ConfigError, match=rf"{name} needs the library.*pip install 'kgrec\[{name}\]"
    ):
        tracker.start("a")


def test_settings_hold_no_secrets_and_nothing_is_sent_by_default():
    assert WandbConfig().mode == "offline"
    assert MLflowConfig().uri.startswith("sqlite:///")
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_PASSWORD") as caught:
        make_settings(TrackerConfig, {"name": "mlflow", "uri": "https://me:hush@host/x"}, "c")
    assert "hush" not in str(caught.value)
    with pytest.raises(ConfigError, match="unknown setting 'api_key'") as caught:
        make_settings(TrackerConfig, {"name": "wandb", "api_key": "hush"}, "c")
    assert "hush" not in str(caught.value)
    assert MLflowConfig(uri="https://me@host/x").uri


def test_trees_become_dotted_keys():
    assert flat({"a": {"b": {}, "c": [1]}, "d": None}) == {"a.b": {}, "a.c": [1], "d": None}


def test_the_environment_is_as_before(monkeypatch):
    import os

    monkeypatch.setenv("KGREC_A", "1")
    with environment(KGREC_A="2", KGREC_B="3"):
        assert (os.environ["KGREC_A"], os.environ["KGREC_B"]) == ("2", "3")
    assert os.environ["KGREC_A"] == "1"
    assert "KGREC_B" not in os.environ


@pytest.mark.skipif(not find_spec("tensorboard"), reason="needs tensorboard")
def test_tensorboard_shows_what_was_sent(tmp_path, no_network):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracker = TensorBoard(TensorBoardConfig(folder=str(tmp_path / "logs")))
    first = tracked(tracker).folder
    second = tracked(tracker).folder
    assert (first, second) == (tmp_path / "logs/run", tmp_path / "logs/run-2")
    events = EventAccumulator(str(first)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("ndcg@10")] == [(5, 0.25), (10, 0.5)]
    assert [e.value for e in events.Scalars("loss")] == [2.5, 1.25]
    assert [(e.step, e.value) for e in events.Scalars("final/ndcg@10")] == [(10, 0.5)]
    texts = {
        tag: events.Tensors(tag)[0].tensor_proto.string_val[0] for tag in events.Tags()["tensors"]
    }
    assert b"| model.training.learning_rate | `0.03` |" in texts["config/text_summary"]
    assert texts["folder/text_summary"] == b"runs/a"
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="tensorboard cannot start"):
        TensorBoard(TensorBoardConfig(folder=str(tmp_path / "file"))).start("a")


def test_mlflow_has_what_was_sent(tmp_path, no_network, capfd):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/runs.db"
    tracker = MLflow(MLflowConfig(uri=uri))
    good, bad = tracked(tracker).run_id, tracked(tracker, "other", failed=True).run_id
    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(good)
    assert run.info.run_name == "run"
    assert (run.info.status, client.get_run(bad).info.status) == ("FINISHED", "FAILED")
    assert run.data.params["model.training.learning_rate"] == "0.03"
    assert run.data.tags["folder"] == "runs/a"
    history = client.get_metric_history(good, "ndcg_at_10")
    assert [(one.step, one.value) for one in history] == [(5, 0.25), (10, 0.5)]
    assert run.data.metrics["final/seconds"] == 4.0
    assert run.info.artifact_uri.startswith((tmp_path / "mlruns").as_uri())
    with pytest.raises(RunError, match="mlflow cannot start"):
        MLflow(MLflowConfig(uri=f"sqlite:///{tmp_path}/runs.db/a.db")).start("a")
    assert capfd.readouterr().err == ""


def records_of(log):
    """Yield the records of a file in LevelDB's log format, whose header has seven bytes."""
    place, whole = 7, b""
    while place + 7 <= len(log):
        left = 32768 - place % 32768
        if left < 7:  # the rest of a block is empty
            place += left
            continue
        size, kind = int.from_bytes(log[place + 4 : place + 6], "little"), log[place + 6]
        whole += log[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # it is whole, or the last part
            yield whole
            whole = b""


@pytest.mark.skipif(not find_spec("wandb"), reason="needs wandb")
def test_wandb_writes_a_run_that_can_be_sent_later(tmp_path, no_network, capfd, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789012345678901234567890123456789")
    tracker = tracked(Wandb(WandbConfig(folder=str(tmp_path))))
    import wandb

    wandb.teardown()  # its process writes the last of the files
    (file,) = tracker.folder.glob("run-*.wandb")
    assert tracker.folder.parent == tmp_path / "wandb"
    from wandb.proto import wandb_internal_pb2

    records = []
    for data in records_of(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        records.append(record)
    config = {
        item.key: json.loads(item.value_json)
        for record in records
        for item in record.run.config.update
    }
    assert config["model.training.learning_rate"] == 0.03
    assert config["folder"] == "runs/a"
    rows = [
        {
            item.key or item.nested_key[0]: json.loads(item.value_json)
            for item in record.history.item
        }
        for record in records
        if record.HasField("history")
    ]
    assert [(row["epoch"], row["loss"], row["ndcg@10"]) for row in rows] == [
        (5, 2.5, 0.25), (10, 1.25, 0.5),
    ]  # fmt: skip
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"0123456789012345678901234567890123456789" not in written
    assert "".join(capfd.readouterr()) == ""
