"""`kgrec tune-text` on an engine: who trains, and that stops and losses change nothing."""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import yaml
from peers_in_threads import ThreadEngine
from ray_work import Lent
from topic_films import write_topic_films

from kgrec.config import make_config
from kgrec.engine import RayEngineConfig
from kgrec.errors import ConfigError, KgrecWarning, RunError
from kgrec.runs.distributing import encoder_workers
from kgrec.runs.encoder_files import CHECKPOINT
from kgrec.runs.log import RunLog
from kgrec.runs.text_tuning import tune_text
from kgrec.text import TextEncoder
from kgrec.text.tuning.loop import Tuner


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    # Without dropout, as the threads of a process draw from one state.
    folder = tmp_path_factory.mktemp("topics")
    return write_topic_films(folder, epochs=3, accumulate=2, dropout=0.0)


@pytest.fixture(autouse=True)
def _one_at_a_time(monkeypatch):
    """Let no two threads seed at once: the state that torch draws from is the process's."""
    lock, gradients = threading.Lock(), Tuner._gradients

    def one(self, *given):
        with lock:
            return gradients(self, *given)

    monkeypatch.setattr(Tuner, "_gradients", one)


@pytest.fixture
def engine(monkeypatch):
    """Let `engine: ray` mean some threads of this process, or another engine."""

    def use(made):
        monkeypatch.setattr(RayEngineConfig, "build", lambda _: made)
        return made

    return use


def _changed(tree, engine="local", **tuning):
    text = {**tree["text"], "tuning": {**tree["text"]["tuning"], **tuning}}
    return make_config({**tree, "text": text, "engine": engine})


@pytest.fixture(scope="module")
def alone(tree, tmp_path_factory):
    """Return the folder that one process writes."""
    out = tmp_path_factory.mktemp("alone") / "encoder"
    tune_text(make_config(tree), out)
    return out


def _curve(out):
    found = json.loads((out / "tuning/curve.json").read_text())
    return [{k: v for k, v in one.items() if k != "seconds"} for one in found]


def _check_near(out, expected):
    for one, other in zip(_curve(out), _curve(expected), strict=True):
        assert one == pytest.approx(other, abs=1e-3)
    texts = ["space rocket story", "love in paris", "a heist"]
    vectors = [
        TextEncoder(one, precision="float32", device="cpu").encode(texts) for one in (out, expected)
    ]
    np.testing.assert_allclose(*vectors, atol=1e-3)


def _check_same(out, expected):
    assert (out / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()
    assert _curve(out) == _curve(expected)


def test_two_workers_write_the_encoder_of_one_process(tree, engine, alone, tmp_path):
    used, log = engine(ThreadEngine(2)), RunLog()
    tune_text(_changed(tree, "ray"), tmp_path / "out", log=log)
    assert used.teams == [2]
    _check_near(tmp_path / "out", alone)
    assert any("in 2 workers together, which share the 2 batches" in one for one in log.lines)
    epochs = [one.split(":")[0] for one in log.lines if one.startswith("epoch ")]
    assert epochs == ["epoch 0", "epoch 1", "epoch 2", "epoch 3"]
    assert not (tmp_path / "out" / CHECKPOINT).exists()


def test_one_worker_writes_the_same_bits(tree, engine, alone, tmp_path):
    used = engine(ThreadEngine(1))
    tune_text(_changed(tree, "ray"), tmp_path / "out")
    assert used.teams == [1]
    _check_same(tmp_path / "out", alone)


@pytest.mark.parametrize("training", [0, 2])
def test_where_workers_have_nothing_to_do_this_process_trains(tree, engine, tmp_path, training):
    used, log = engine(ThreadEngine(training)), RunLog()
    more = {"accumulate": 1} if training else {}
    tune_text(_changed(tree, "ray", epochs=1, **more), tmp_path / "ray", log=log)
    tune_text(_changed(tree, epochs=1, **more), tmp_path / "local")
    assert not used.teams
    _check_same(tmp_path / "ray", tmp_path / "local")
    said = "text.tuning.accumulate=2" if training else "engine.training_workers is 0"
    assert any(said in one for one in log.lines)


@pytest.mark.parametrize(
    ("given", "number", "told"),
    [
        ((0, 4, 4), 0, r"engine\.training_workers is 0"),
        ((1, 1, 1), 1, "in one worker"),
        ((3, 1, 1), 0, r"With text\.tuning\.accumulate=3, each of the 3 workers has one"),
        ((3, 4, 1), 0, "an epoch has one batch"),
        ((3, 2, 2), 2, "in 2 workers together, which share the 2 batches"),
        ((3, 8, 8), 3, "in 3 workers together, which share the 8 batches"),
    ],
)
def test_no_more_workers_train_than_there_are_batches_in_a_step(given, number, told):
    found, words = encoder_workers(*given)
    assert found == number
    assert re.search(told, words)


class Stopping(RunLog):
    """Interrupts a training after the validation of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    @contextmanager
    def tuning(self, metric):
        def callback(figures):
            if figures["epoch"] == self.epoch:
                raise KeyboardInterrupt

        yield callback, lambda *_: None


def _stop(config, out, epoch=1):
    with pytest.raises(KeyboardInterrupt):
        tune_text(config, out, log=Stopping(epoch))
    assert (out / CHECKPOINT).exists()


def test_an_interrupted_training_goes_on_with_as_many_workers(tree, engine, tmp_path):
    used, config = engine(ThreadEngine(2)), _changed(tree, "ray")
    tune_text(config, tmp_path / "whole")
    out = tmp_path / "out"
    _stop(config, out)
    with pytest.raises(RunError, match="by 2 workers, and cannot go on with one process"):
        tune_text(_changed(tree), out, resume=True)
    used.training = 1
    with pytest.raises(RunError, match="by 2 workers, and cannot go on with one process"):
        tune_text(config, out, resume=True)
    used.training = 3  # there are two batches in a step
    tune_text(config, out, resume=True)
    _check_same(out, tmp_path / "whole")
    assert used.teams == [2, 2, 1, 2]
    with pytest.raises(RunError, match="no checkpoint"):
        tune_text(config, out, resume=True)


def test_two_do_not_go_on_from_a_checkpoint_of_one_process(tree, engine, tmp_path):
    engine(ThreadEngine(2))
    _stop(_changed(tree), tmp_path / "out")
    with pytest.raises(RunError, match="by one process, and cannot go on with 2 workers"):
        tune_text(_changed(tree, "ray"), tmp_path / "out", resume=True)


def test_a_training_that_was_done_is_resumed_without_a_step(tree, engine, tmp_path, monkeypatch):
    config = _changed(tree, "ray")
    engine(ThreadEngine(2))
    tune_text(config, tmp_path / "whole")
    _stop(config, tmp_path / "out", epoch=3)
    monkeypatch.setattr(Tuner, "_epoch", lambda *_: pytest.fail("there is nothing to train"))
    tune_text(config, tmp_path / "out", resume=True)
    _check_same(tmp_path / "out", tmp_path / "whole")


def test_a_worker_with_another_model_says_so(tree, engine, tmp_path, monkeypatch):
    used = engine(ThreadEngine(2))
    model = shutil.copytree(tree["text"]["model"], tmp_path / "model")
    together = used.together

    def changed_on_the_way(*given):
        (model / "tokenizer_config.json").write_text("{}")
        return together(*given)

    monkeypatch.setattr(used, "together", changed_on_the_way)
    config = _changed({**tree, "text": {**tree["text"], "model": str(model)}}, "ray")
    with pytest.raises(ConfigError, match=r"of a worker is not that of this process.*model"):
        tune_text(config, tmp_path / "out")


def test_the_command_has_the_option(tree, engine, kgrec, tmp_path):
    used, path = engine(ThreadEngine(2)), tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    given = [path, "text.tuning.epochs=1", "--out", tmp_path / "out", "--engine", "ray"]
    code, _, err = kgrec("tune-text", *given)
    assert code == 0, err
    assert used.teams == [2]
    assert "in 2 workers together" in " ".join(err.split())


def test_a_killed_worker_changes_nothing(tree, ray_started, engine, tmp_path):
    """On a real cluster, with dropout."""
    more = {"dropout": 0.2, "epochs": 4}
    tune_text(_changed(tree, **more), tmp_path / "local")
    flag = tmp_path / "killed"
    engine(Lent(ray_started, flag))
    with pytest.warns(KgrecWarning, match="goes on from its last"):
        tune_text(_changed(tree, "ray", **more), tmp_path / "ray")
    assert flag.exists()
    _check_near(tmp_path / "ray", tmp_path / "local")
    assert [one["epoch"] for one in _curve(tmp_path / "ray")] == [0, 1, 2, 3, 4]


SCRIPT = """
import json, os, signal, sys
from contextlib import contextmanager

from kgrec.config import make_config
from kgrec.runs.log import RunLog
from kgrec.runs.text_tuning import tune_text

class Killed(RunLog):
    @contextmanager
    def tuning(self, metric):
        def callback(figures):
            if figures["epoch"] == 2:  # its checkpoint is written
                os.kill(os.getpid(), signal.SIGKILL)

        yield callback, lambda *_: None

tune_text(make_config(json.loads(sys.argv[1])), sys.argv[2], log=Killed())
"""


def test_a_killed_command_is_resumed_with_the_same_result(
    tree, ray_address, ray_started, engine, tmp_path
):
    tune_text(_changed(tree), tmp_path / "local")
    out = tmp_path / "out"
    ray = {"name": "ray", "address": ray_address, "workers": 2, "patience": 400}
    given = _changed(tree, ray).model_dump_json()
    command = [sys.executable, "-c", SCRIPT, given, str(out)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (out / CHECKPOINT).exists()
    assert not (out / "model.safetensors").exists()
    engine(Lent(ray_started))
    log = RunLog()
    tune_text(_changed(tree, "ray"), out, resume=True, log=log)
    assert [one.split(":")[0] for one in log.lines if one.startswith("epoch ")] == ["epoch 3"]
    _check_near(out, tmp_path / "local")
