"""A link predictor that several train: it learns what one process learns, also if one is killed."""

import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from parts_by_name import loss as loss_of
from peers_in_threads import run_together
from ray_work import Lent
from three_blocks import three_blocks

import kgrec
from kgrec.errors import DataError, KgrecWarning, RunError
from kgrec.outputs.tensors import load_checkpoint
from kgrec.testing import planted
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig, _begun
from kgrec.training.loop import Trainer
from kgrec.training.sampling import Batch, Sampler

CASE = planted()
STARS = np.random.default_rng(0).integers(1, 6, len(CASE.data.train)).astype(np.float32)
RATED = replace(CASE.data.train, rating=STARS)
VALID = replace(CASE.data, train=RATED, valid=CASE.held_out)
STILL = {"id_dropout": 0, "user_dropout": 0, "feature_dropout": 0}
DRAWN = {"loss": loss_of("bpr", negatives_per_positive=3)}


def model(predictor=None, checkpoint=None, resume=False, **training):
    settings = {"max_epochs": 6, "eval_every": 2, "batch_users": 20, "checkpoint_every": 0}
    config = LinkPredictionConfig.model_validate(
        {"predictor": {"dim": 8, **(predictor or {})}, "training": {**settings, **training}}
    )
    return LinkPrediction(config, checkpoint=checkpoint, resume=resume)


def figures(made):
    return [{k: v for k, v in one.items() if k != "seconds"} for one in made.progress.curve]


def same(one, other):
    left, right = one.state(), other.state()
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_array_equal(value, right[name], err_msg=name)
    assert figures(one) == figures(other)


def near(one, other):
    for name, value in one.state().items():
        np.testing.assert_allclose(other.state()[name], value, atol=2e-5, err_msg=name)


@pytest.fixture
def alone(ray_started):
    """Have one worker of the cluster train."""
    with Lent(ray_started, training=1) as lent:
        yield lent


@pytest.mark.parametrize("training", [{}, DRAWN], ids=str)
def test_one_worker_gives_the_same_bits(training, alone):
    with kgrec.engine.LocalEngine():
        expected = model(**training).fit(VALID)
    same(model(**training).fit(VALID), expected)
    assert alone.trainings == 1


def in_threads(size, made):
    """Train a model by some threads; return their trainers."""

    def work(peers):
        predictor, task = _begun((made.config, VALID))
        if peers.rank:
            task = replace(task, validate=dict)
        trainer = Trainer(predictor, task, made.config.training, None, peers)
        trainer.run()
        return trainer

    return run_together(size, work)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    ("predictor", "training"),
    [
        ({}, {}),
        ({}, {"batch_pairs": 41}),
        ({}, {"batch_users": 1, "max_epochs": 2}),  # but one worker has nothing to do
        ({"encoder": "rgcn"}, {}),
        ({"encoder": {"name": "kgat", "dropout": 0}}, {"ego_l2": 0.01}),
        ({}, {"loss": {"name": "softmax", "rating_power": 1.0}}),
    ],
    ids=str,
)
def test_several_learn_what_one_process_learns(predictor, training, size):
    # With all items as negatives and no dropout, nothing is drawn but batches: gradients are equal.
    made = model({**STILL, **predictor}, **training)
    (expected,) = in_threads(1, made)
    found = in_threads(size, made)
    for name, value in expected.model.state_dict().items():
        left, *others = (one.model.state_dict()[name] for one in found)
        np.testing.assert_allclose(left, value, atol=2e-5, err_msg=name)
        assert all(torch.equal(left, other) for other in others)  # to the bit
    for one, other in zip(expected.progress.curve, found[0].progress.curve, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-5)
        assert [other[name] for name in one if "@" in name] == pytest.approx(
            [one[name] for name in one if "@" in name]
        )


@pytest.mark.parametrize(
    ("predictor", "training"),
    [
        ({}, DRAWN),
        ({}, {"loss": loss_of("sampled_softmax", num_negatives=9), "batch_pairs": 60}),
        ({}, {"contrast": "layer"}),
        ({"knowledge": {}}, DRAWN),
        ({"encoder": {"num_layers": 2}}, {**DRAWN, "num_neighbors": [4, 4]}),
    ],
    ids=str,
)
def test_several_have_the_same_weights_whatever_each_draws(predictor, training):
    made = model(predictor, **training)
    found, again = in_threads(2, made), in_threads(2, made)
    for name, value in found[0].model.state_dict().items():
        for other in (found[1], *again):
            assert torch.equal(value, other.model.state_dict()[name]), name
    assert not torch.equal(found[0].own.get_state(), found[1].own.get_state())


def test_several_with_tables_on_disk_learn_the_same(monkeypatch):
    monkeypatch.setattr("kgrec.training.mapped_tables.SMALLEST", 1)
    drawn = {**DRAWN, "num_neighbors": [4, 4]}
    expected = in_threads(2, model({"encoder": {"num_layers": 2}}, **drawn))
    on_disk = model({"encoder": {"num_layers": 2}}, **drawn, tables_on_disk=True)
    for one in in_threads(2, on_disk):
        for name, value in expected[0].model.state_dict().items():
            assert torch.equal(one.model.state_dict()[name], value), name


def test_two_workers_learn_what_one_process_learns(on_ray):
    with kgrec.engine.LocalEngine():
        expected = model(STILL).fit(VALID)
    found = model(STILL).fit(VALID)
    near(expected, found)
    for one, other in zip(figures(expected), figures(found), strict=True):
        assert other == pytest.approx(one, abs=1e-4)
    assert on_ray.trainings == 1


def test_two_workers_find_what_is_planted(on_ray):
    found = model(**{**DRAWN, "max_epochs": 20, "eval_every": 5}).fit(VALID)
    assert CASE.found(found.score(CASE.known_users)) > 0.9


def test_several_stop_together_before_the_last_epoch():
    for one in in_threads(2, model(max_epochs=400, eval_every=1, patience=2)):
        assert one.progress.epoch == one.progress.best_epoch + 2 < 400


def test_several_say_together_that_the_loss_is_no_number():
    with pytest.raises(DataError, match=r"not a number after epoch"):
        in_threads(2, model(learning_rate=1e30, weight_decay=1e30))


def test_a_killed_worker_changes_nothing(on_ray, ray_started, tmp_path):
    expected = model(**DRAWN).fit(VALID)
    told = []
    flag = tmp_path / "killed"
    with Lent(ray_started, flag), pytest.warns(KgrecWarning, match="goes on from its last"):
        found = model(**DRAWN).fit(VALID, callback=lambda one: told.append(one["epoch"]))
    assert flag.exists()
    same(found, expected)
    assert told == [2, 4, 6]


SCRIPT = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
import test_together as this
from kgrec.engine import RayEngineConfig

def told(found):
    if found["epoch"] >= 4:
        os.kill(os.getpid(), signal.SIGKILL)
with RayEngineConfig(address=sys.argv[1], workers=2, patience=400).build():
    this.model(checkpoint=Path(sys.argv[2]), **this.DRAWN).fit(this.VALID, callback=told)
"""


def test_a_killed_process_is_resumed_with_the_same_result(on_ray, ray_address, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    command = [sys.executable, "-c", SCRIPT, ray_address, str(path), *sys.path]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < load_checkpoint(path)[1]["progress"]["epoch"] < 6
    expected = model(**DRAWN).fit(VALID)
    same(model(checkpoint=path, resume=True, **DRAWN).fit(VALID), expected)


def test_an_interruption_keeps_the_last_whole_epoch(on_ray, tmp_path):
    expected = model(**DRAWN).fit(VALID)
    path = tmp_path / "checkpoint.safetensors"

    def interrupt(found):
        if found["epoch"] == 4:
            raise KeyboardInterrupt

    settings = {**DRAWN, "checkpoint_every": 1e9}
    with pytest.raises(KeyboardInterrupt):
        model(checkpoint=path, **settings).fit(VALID, callback=interrupt)
    assert load_checkpoint(path)[1]["progress"]["epoch"] == 4
    same(model(checkpoint=path, resume=True, **settings).fit(VALID), expected)
    assert load_checkpoint(path)[1]["progress"]["epoch"] == 6
    with kgrec.engine.LocalEngine(), pytest.raises(RunError, match="with training_workers=2"):
        model(checkpoint=path, resume=True, **settings).fit(VALID)
    on_ray.training = 1
    with pytest.raises(RunError, match=f"{path} was trained with training_workers=2"):
        model(checkpoint=path, resume=True, **settings).fit(VALID)


def test_a_training_begins_with_the_weights_of_another_model(on_ray):
    data = three_blocks().data  # and without a validation part
    with kgrec.engine.LocalEngine():
        before = model().fit(data)
        expected = model(STILL, max_epochs=2)
        expected.start_from(before)
        expected.fit(data)
    found = model(STILL, max_epochs=2)
    found.start_from(before)
    near(expected, found.fit(data))
    assert found.progress.epoch == 2


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("pairs", [False, True])
def test_the_parts_of_a_batch_are_the_batch(workers, pairs):
    sampler = Sampler(RATED, torch.Generator().manual_seed(1), 1.0)
    for batch in sampler.pair_batches(7) if pairs else sampler.batches(4):
        parts = [batch.part(number, workers) for number in range(workers)]
        assert max(len(one.users) for one in parts) - min(len(one.users) for one in parts) <= 1
        assert torch.equal(torch.cat([one.users for one in parts]), batch.users)
        for name in ("item", "weight"):
            assert torch.equal(torch.cat([getattr(p, name) for p in parts]), getattr(batch, name))
        users = torch.cat([one.users[one.row] for one in parts])
        assert torch.equal(users, batch.users[batch.row])
    assert isinstance(batch, Batch)
