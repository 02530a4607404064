"""The training loop: what is kept, what stops it, and going on after an interruption."""

import numpy as np
import pytest
import torch
from parts_by_name import loss as loss_of
from three_blocks import three_blocks

from kgrec.errors import DataError, RunError
from kgrec.graph.modalities import node_features
from kgrec.graph.propagation import Propagation
from kgrec.models.link_predictor import LinkPredictor, LinkPredictorConfig, trained_nodes
from kgrec.outputs.tensors import load_tensors
from kgrec.testing import log_from_pairs
from kgrec.training.loop import Trainer
from kgrec.training.losses import softmax
from kgrec.training.objective import Task
from kgrec.training.settings import TrainingConfig


class Validation:
    """Values that are planned in advance, and the weights that were seen at each of them."""

    def __init__(self, values):
        self.values, self.seen, self.model = list(values), [], None

    def __call__(self):
        state = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.seen.append(state)
        return {"ndcg@10": self.values[len(self.seen) - 1]}


def trainer(values=None, checkpoint=None, model=None, train=None, **settings):
    data = three_blocks().data
    propagation = Propagation(data.graph)
    features = node_features(data.graph)
    config = LinkPredictorConfig(**{"dim": 5, **(model or {})})
    predictor = LinkPredictor(config, propagation, {"item": 7}, torch.Generator().manual_seed(0))
    validate = None if values is None else Validation(values)
    if validate is not None:
        validate.model = predictor
    task = Task(data.train if train is None else train, propagation, features,
                trained_nodes(propagation, 2), validate)  # fmt: skip
    settings = {"max_epochs": 12, "eval_every": 2, "patience": 2, "batch_users": 7, **settings}
    return Trainer(predictor, task, TrainingConfig(**settings), checkpoint)


def same(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


def test_the_best_weights_are_kept_and_waiting_ends():
    values = [0.3, 0.5, 0.4, 0.45, 0.6, 0.7]
    made = trainer(values)
    progress = made.run()
    # Best at the second validation; two validations without a better one end it.
    assert progress.epoch == 8
    assert (progress.best, progress.best_epoch) == (0.5, 4)
    assert [entry["epoch"] for entry in progress.curve] == [2, 4, 6, 8]
    assert [entry["ndcg@10"] for entry in progress.curve] == values[:4]
    seen = made.task.validate.seen
    assert same(made.model.state_dict(), seen[1])
    assert not same(made.model.state_dict(), seen[3])


def test_the_first_of_equal_values_is_kept():
    made = trainer([0.5, 0.5, 0.5])
    assert made.run().best_epoch == 2
    assert same(made.model.state_dict(), made.task.validate.seen[0])


def test_max_epochs_ends_it():
    made = trainer(np.arange(9) / 10, max_epochs=7)
    progress = made.run()
    assert (progress.epoch, progress.best_epoch) == (7, 7)
    assert [entry["epoch"] for entry in progress.curve] == [2, 4, 6, 7]  # the last one counts too
    assert same(made.model.state_dict(), made.task.validate.seen[3])


def test_without_validation_the_last_weights_stay():
    made = trainer(None, max_epochs=5)
    start = {name: value.clone() for name, value in made.model.state_dict().items()}
    figures = []
    progress = made.run(lambda found: figures.append(dict(found)))
    assert (progress.epoch, progress.best_epoch) == (5, 0)
    assert [entry["epoch"] for entry in figures] == [2, 4, 5]
    assert "ndcg@10" not in figures[0]
    assert not same(start, made.model.state_dict())
    assert figures[1]["loss"] < figures[0]["loss"]


def test_the_callback_gets_the_figures():
    figures = []
    trainer([0.2, 0.1, 0.3], max_epochs=6).run(lambda found: figures.append(dict(found)))
    assert [entry["ndcg@10"] for entry in figures] == [0.2, 0.1, 0.3]
    assert [entry["best"] for entry in figures] == [0.2, 0.2, 0.3]
    assert all(np.isfinite(entry["loss"]) and entry["seconds"] > 0 for entry in figures)


@pytest.mark.parametrize("loss", ["softmax", "sampled_softmax", "bpr"])
def test_a_seed_gives_the_same_bits(loss):
    settings = {"loss": loss_of(loss, num_negatives=9), "max_epochs": 4}
    one, other = trainer(None, **settings), trainer(None, **settings)
    one.run()
    torch.rand(3)  # the library draws from no global generator
    np.random.seed(5)  # noqa: NPY002
    other.run()
    assert same(one.model.state_dict(), other.model.state_dict())
    another = trainer(None, seed=1, **settings)
    another.run()
    assert not same(one.model.state_dict(), another.model.state_dict())


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    trainer(None, max_epochs=2).run()
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_are_given_back(monkeypatch):
    def threads_seen(**settings):
        seen = []
        made = trainer([0.1, 0.2], max_epochs=2, **settings)
        end_epoch = type(made)._end_epoch

        def noted(self, *given):
            seen.append(torch.get_num_threads())
            end_epoch(self, *given)

        monkeypatch.setattr(type(made), "_end_epoch", noted)
        torch.set_num_threads(2)
        try:
            made.run()
            assert torch.get_num_threads() == 2
        finally:
            torch.set_num_threads(1)
            monkeypatch.undo()
        return seen

    assert threads_seen() == [1, 1]  # a small problem
    assert threads_seen(threads=2) == [2, 2]


VALUES = [0.1, 0.3, 0.2, 0.4, 0.35, 0.45]


def uninterrupted():
    made = trainer(VALUES, max_epochs=12, patience=9)
    made.run()
    return made


def check_same_training(resumed, whole):
    assert same(resumed.model.state_dict(), whole.model.state_dict())
    assert same(resumed.best_state, whole.best_state)
    assert torch.equal(resumed.generator.get_state(), whole.generator.get_state())
    for name in ("epoch", "best", "best_epoch"):
        assert getattr(resumed.progress, name) == getattr(whole.progress, name)
    for one, other in zip(resumed.progress.curve, whole.progress.curve, strict=True):
        assert one["loss"] == other["loss"]
        assert one["ndcg@10"] == other["ndcg@10"]


def stop_at(number):
    """Return a function that is interrupted when it is called for the `number`th time."""
    count = iter(range(1, 10_000))

    def stop(*_, **__):
        if next(count) == number:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("where", ["callback", "validation", "step"])
def test_going_on_after_an_interruption_is_as_if_there_had_been_none(tmp_path, monkeypatch, where):
    path = tmp_path / "checkpoint.safetensors"
    first = trainer(VALUES, path, max_epochs=12, patience=9)
    callback = None
    if where == "callback":
        callback = stop_at(3)
    elif where == "validation":
        stop, validate = stop_at(3), first.task.validate
        monkeypatch.setattr(Validation, "__call__", lambda _: stop() or Validation_call(validate))
    else:  # in the middle of an epoch: five steps make one
        stop, loss = stop_at(28), softmax.inner_product_softmax
        monkeypatch.setattr(
            softmax, "inner_product_softmax", lambda *a, **k: stop() or loss(*a, **k)
        )
    with pytest.raises(KeyboardInterrupt):
        first.run(callback)
    monkeypatch.undo()
    done = load_tensors(path)[1]["progress"]["epoch"]
    assert done == 5  # the last whole epoch
    second = trainer(VALUES, path, max_epochs=12, patience=9)
    second.resume()
    assert second.progress.epoch == 5
    second.task.validate.seen = [None] * len(second.progress.curve)
    second.run()
    check_same_training(second, uninterrupted())


Validation_call = Validation.__call__


def test_resuming_what_is_finished_changes_nothing(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    first = trainer([0.3, 0.2, 0.1, 0.0], path)
    first.run()
    second = trainer([], path)
    second.resume()
    progress = second.run()
    assert progress.epoch == first.progress.epoch == 6
    assert same(second.model.state_dict(), first.model.state_dict())


def test_a_longer_training_goes_on_from_a_shorter_one(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    trainer(VALUES, path, max_epochs=6, patience=9).run()
    second = trainer(VALUES, path, max_epochs=12, patience=9)
    second.resume()
    second.task.validate.seen = [None] * 3
    second.run()
    check_same_training(second, uninterrupted())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.5}, "learning_rate"),
        ({"loss": "bpr"}, "loss"),
        ({"seed": 3}, "seed"),
        ({"model": {"dim": 6}}, "dim"),
        ({"model": {"head": "dot"}}, "head"),
        ({"model": {"id_dropout": 0.7}}, "id_dropout"),
        ({"train": log_from_pairs([(0, 0), (1, 3)], 32, 22)}, "interactions"),
    ],
)
def test_another_training_does_not_go_on(tmp_path, change, named):
    path = tmp_path / "checkpoint.safetensors"
    trainer(VALUES, path, max_epochs=2).run()
    with pytest.raises(RunError, match=named) as caught:
        trainer(VALUES, path, max_epochs=2, **change).resume()
    assert "--resume" in str(caught.value)


def test_a_missing_or_foreign_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(RunError, match="no checkpoint"):
        trainer(VALUES).resume()
    with pytest.raises(RunError, match="does not exist"):
        trainer(VALUES, path).resume()
    made = trainer(VALUES, path, max_epochs=2)
    made.run()
    from kgrec.outputs.tensors import save_tensors

    tensors, about = load_tensors(path)
    for name in ("model.fusion.item.embedding", "best.fusion.item.embedding", "generator"):
        save_tensors(path, {key: v for key, v in tensors.items() if key != name}, about)
        with pytest.raises(RunError, match="damaged"):
            trainer(VALUES, path, max_epochs=2).resume()
    save_tensors(path, tensors, {**about, "progress": {"epoch": 1, "wings": 2}})
    with pytest.raises(RunError, match="damaged"):
        trainer(VALUES, path, max_epochs=2).resume()


def test_checkpoints_are_written_while_training(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    found = []

    def callback(figures):
        if path.exists():
            found.append((figures["epoch"], load_tensors(path)[1]["progress"]["epoch"]))

    trainer(VALUES, path, checkpoint_every=0, max_epochs=8, patience=9).run(callback)
    assert found == [(2, 1), (4, 3), (6, 5), (8, 7)]
    seldom = tmp_path / "seldom.safetensors"
    trainer(VALUES, seldom, max_epochs=4).run(lambda _: found.append(seldom.exists()))
    assert found[4:] == [False, False]
    assert load_tensors(seldom)[1]["progress"]["epoch"] == 4  # the end is always kept


def test_a_full_disk_while_training_is_an_error_that_keeps_the_last_checkpoint(
    tmp_path, monkeypatch
):
    import os

    path = tmp_path / "checkpoint.safetensors"

    def callback(figures):
        if figures["epoch"] == 4:
            monkeypatch.setattr(os, "fsync", full)

    def full(*_):
        raise OSError(28, "No space left on device")

    made = trainer(VALUES, path, checkpoint_every=0, max_epochs=8, patience=9)
    with pytest.raises(RunError, match=r"No space left on device\. The previous one is kept"):
        made.run(callback)
    monkeypatch.undo()
    second = trainer(VALUES, path, max_epochs=12, patience=9)
    second.resume()
    assert second.progress.epoch == 3
    second.task.validate.seen = [None]
    second.run()
    check_same_training(second, uninterrupted())


def test_an_empty_log_and_a_loss_that_is_no_number():
    with pytest.raises(DataError, match="no interactions"):
        trainer(None, train=log_from_pairs([], 32, 22)).run()
    made = trainer(None)
    with torch.no_grad():
        made.model.fusion["user"].embedding.fill_(float("nan"))
    with pytest.raises(DataError, match="not a number"):
        made.run()
