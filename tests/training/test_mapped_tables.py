"""Embedding tables in files that are mapped into memory: the same training, in less memory."""

import errno
import json
import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from test_minibatch import trained
from three_blocks import three_blocks

import kgrec
from kgrec.errors import ConfigError, KgrecWarning, RunError
from kgrec.training.loop import Trainer
from kgrec.training.mapped_tables import MappedTables
from kgrec.training.settings import TrainingConfig

DRAWN = {"loss": "bpr", "batch_pairs": 16, "num_neighbors": [2, 1], "weight_decay": 0.01}
ON_DISK = {**DRAWN, "tables_on_disk": True}


@pytest.fixture(scope="module")
def data():
    return three_blocks().data


@pytest.fixture
def small_too(monkeypatch):
    """Give small tables files as well, and tell how many were made."""
    monkeypatch.setattr("kgrec.training.mapped_tables.SMALLEST", 1)
    made = []
    reserve = kgrec.training.mapped_tables._reserve

    def counted(file, size):
        made.append(size)
        reserve(file, size)

    monkeypatch.setattr("kgrec.training.mapped_tables._reserve", counted)
    return made


def is_mapped(tensor):
    """Return whether a tensor lies in a mapped file, as the system tells it."""
    place = tensor.data_ptr()
    with open("/proc/self/maps") as maps:
        for line in maps:
            first, last = (int(end, 16) for end in line.split()[0].split("-"))
            if first <= place < last:
                return ".kgrec-table-" in line or "(deleted)" in line
    raise AssertionError("not in memory at all")


def same(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name


def test_training_has_the_same_bits(data, small_too):
    losses, expected, _ = trained(data, {}, DRAWN)
    assert not small_too
    found_losses, found, trainer = trained(data, {}, ON_DISK)
    assert small_too
    assert found_losses == losses
    same(found, expected)
    name = "fusion.user.embedding"
    if sys.platform == "linux":
        moments = trainer.optimizers._all["sparse_adam"].state[trainer.model.get_parameter(name)]
        kept = [trainer.model.get_parameter(name), trainer.average[name], trainer.best_state[name]]
        for one in (*kept, moments["exp_avg"], moments["exp_avg_sq"]):
            assert is_mapped(one)


BOTH = [(DRAWN, ON_DISK), (ON_DISK, DRAWN), (ON_DISK, ON_DISK)]


@pytest.mark.parametrize(("first", "then"), BOTH)
def test_a_checkpoint_of_either_goes_on_in_either(data, small_too, tmp_path, first, then):
    _, whole, _ = trained(data, {}, DRAWN, epochs=4)
    path = tmp_path / "checkpoint"
    trained(data, {}, first, path, epochs=2)
    _, _, trainer = trained(data, {}, then, epochs=1)
    trainer.checkpoint = path
    trainer.resume()
    trainer.config = trainer.config.model_copy(update={"max_epochs": 4})
    trainer.run()
    same(trainer.model.state_dict(), whole)
    assert os.listdir(tmp_path) == ["checkpoint"]  # no file of a table stays


def test_a_checkpoint_with_other_blocks_does_not_go_on(data, tmp_path):
    path = tmp_path / "checkpoint"
    trained(data, {}, {**ON_DISK, "shuffle_block": 8}, path, epochs=2)
    _, _, trainer = trained(data, {}, ON_DISK, epochs=1)
    trainer.checkpoint = path
    with pytest.raises(RunError, match="shuffle_block=8 and cannot continue with 1"):
        trainer.resume()


def test_a_model_of_mapped_tables_recommends_and_is_updated(small_too):
    config = {"predictor": {"dim": 8, "encoder": "none"}}
    log = three_blocks().data.train
    users, items = log.users.ids, log.items.ids
    lists = {}
    for name, training in (("memory", DRAWN), ("disk", ON_DISK)):
        training = {**training, "num_neighbors": [], "max_epochs": 3}
        model = kgrec.LinkPrediction(kgrec.LinkPredictionConfig(**config, training=training))
        made = kgrec.Recommender(model=model, text=None).fit(log)
        before = made.recommend(users[0], 5)
        news = pd.DataFrame({"user_id": ["new", users[0]], "item_id": [items[3], items[3]]})
        made.update(interactions=kgrec.Interactions.read(news))
        lists[name] = [list(one) for one in (before, made.recommend("new", 5))]
    assert small_too
    assert lists["disk"] == lists["memory"]


def test_tables_that_the_disk_would_slow_down_are_told(data, monkeypatch):
    monkeypatch.setattr("kgrec.training.mapped_tables.available_memory", lambda: 10_000)
    with pytest.warns(KgrecWarning, match=r"training.shuffle_block: 1024"):
        trained(data, {}, ON_DISK, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        trained(data, {}, {**ON_DISK, "shuffle_block": 8}, epochs=1)
        trained(data, {}, DRAWN, epochs=1)


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="no tmpfs is mounted at /dev/shm")
def test_a_folder_in_memory_is_told(monkeypatch, tmp_path):
    with pytest.warns(KgrecWarning, match=r"/dev/shm/a is memory and not a disk \(tmpfs\)"):
        MappedTables(Path("/dev/shm/a"))
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"disk / ext4 rw\nnone {tmp_path} tmpfs rw\ndisk {tmp_path}/a\\040b ext4 rw\n"
    )
    monkeypatch.setattr("kgrec.training.mapped_tables._MOUNTS", mounts)
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        MappedTables(tmp_path / "a b" / "run")
        monkeypatch.setattr("kgrec.training.mapped_tables._MOUNTS", tmp_path / "none")
        MappedTables(Path("/dev/shm"))
    monkeypatch.setattr("kgrec.training.mapped_tables._MOUNTS", mounts)
    with pytest.warns(KgrecWarning, match="tmpfs"):
        MappedTables(tmp_path / "a")


def test_a_full_disk_is_told(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kgrec.training.mapped_tables._reserve", full)
    told = (
        r"a table of 4,000,000 bytes \(training.tables_on_disk\) cannot be written: No space left"
    )
    with pytest.raises(RunError, match=told):
        MappedTables(tmp_path).zeros_like(torch.ones(1000, 1000))
    assert not os.listdir(tmp_path)


def test_a_system_that_cannot_reserve_writes_zeros(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    given = torch.randn(700, 1000)
    store = MappedTables(tmp_path / "new")
    assert torch.equal(store.copy(given), given)
    assert not store.zeros_like(given).any()


@pytest.mark.parametrize("change", [{"num_neighbors": None}, {"sparse_gradients": False}])
def test_it_needs_steps_that_read_a_part(change):
    with pytest.raises(ValidationError, match="tables_on_disk needs num_neighbors"):
        TrainingConfig(**{**ON_DISK, **change})


def test_it_needs_the_cpu():
    task = SimpleNamespace(graph=SimpleNamespace(device=torch.device("cuda")))
    with pytest.raises(ConfigError, match=r"tables_on_disk needs training.device 'cpu', found 'c"):
        Trainer(torch.nn.Linear(1, 1), task, TrainingConfig(**ON_DISK), None)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory without files")
@pytest.mark.parametrize("on_disk", [False, True], ids=["memory", "disk"])
def test_tables_on_disk_need_less_memory(on_disk, tmp_path):
    """A limit that five tables of 120 MB exceed is enough where they are mapped."""
    script = f"""
        import resource, torch
        from kgrec.training.mapped_tables import MappedTables, Memory
        from kgrec.training.optimizers import Optimizers
        from kgrec.training.settings import TrainingConfig

        class Model(torch.nn.Module):
            def __init__(self, rows):
                super().__init__()
                self.table = torch.nn.Parameter(torch.ones(rows, 60))
            def use_sparse_gradients(self):
                return [self.table]

        def trained(model, store, rows):
            optimizers = Optimizers(model, config, store)
            average = store.copies(model.state_dict())
            for row in rows:
                optimizers.zero_grad()
                values = torch.ones(1, 60)
                model.table.grad = torch.sparse_coo_tensor([[row]], values, model.table.shape)
                optimizers.step()
            return sorted(set((model.table != 1).any(1).nonzero().ravel().tolist()))

        torch.set_num_threads(1)
        config = TrainingConfig(loss="bpr", num_neighbors=[], tables_on_disk={on_disk})
        trained(Model(4), Memory(), [1])  # so that all is imported
        size = 500_000 * 60 * 4
        model = Model(500_000)
        with open("/proc/self/status") as file:
            now = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData"))
        # There is room for what a step makes, and for the comparison at the end.
        resource.setrlimit(resource.RLIMIT_DATA, (now + size // 2,) * 2)
        store = MappedTables(None) if {on_disk} else Memory()
        print(trained(model, store, [3, 499_999, 3]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if on_disk:
        assert done.stdout.strip() == "[3, 499999]", done.stderr
    else:
        assert "alloc" in done.stderr, done.stderr
    assert not list(tmp_path.glob(".kgrec*"))  # PyTorch has a folder there


def test_the_memory_that_is_told_is_what_was_measured():
    path = Path(__file__).parents[2] / "experiments" / "results" / "tables_on_disk.json"
    runs = [one for one in json.loads(path.read_text())["runs"] if not one.get("refused")]
    assert {one["on_disk"] for one in runs} == {False, True}
    for one in runs:
        taken = one["memory"] - one["memory_before"]
        assert 0.7 < one["told"] / taken < 1.5, one
        assert one["own_group"] > 0.5
