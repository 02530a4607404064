"""An encoder that several train: it learns what one process learns."""

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from peers_in_threads import run_together
from scipy.sparse import csr_matrix
from tiny_bert import topic_choices, topic_texts, write_tiny_bert

from kgrec.errors import DataError
from kgrec.settings import make_settings
from kgrec.testing import planted
from kgrec.text.model_files import find_model
from kgrec.text.tuning.loop import Tuner
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.targets import ValuesTarget
from kgrec.text.tuning.tasks.attributes import AttributesTask
from kgrec.text.tuning.tasks.interactions import Choices, InteractionsTask
from kgrec.text.tuning.tasks.masked import masked_task
from kgrec.text.tuning.tasks.pairs import PairData, PairsTask
from kgrec.text.tuning.tower import Tower
from kgrec.text.tuning.user_texts import UserTexts
from kgrec.training.end_to_end import EndToEndTask
from kgrec.training.link_prediction import LinkPredictionConfig

NUM, NEW, USERS = 60, 12, 21
TEXTS, TOPICS = topic_texts(NUM)
CHOSEN = topic_choices(TOPICS[: NUM - NEW], num_users=USERS, per_user=6)
CHOSEN.resize(USERS, NUM)
CASE = planted(text=False)
LINKED = replace(CASE.data, valid=CASE.held_out)
STILL = {"id_dropout": 0, "user_dropout": 0, "feature_dropout": 0}


def _right(users, items):
    wanted = TOPICS[NUM - NEW :][None, :] == (np.arange(USERS) % 3)[:, None]
    best = np.argsort(-(users @ items[NUM - NEW :].T), axis=1)[:, :5]
    return {"ndcg@10": float(np.take_along_axis(wanted, best, 1).mean())}


def _task(config, tower):
    new = np.arange(NUM) >= NUM - NEW
    if config.name == "interactions":
        data = Choices(TEXTS, CHOSEN, new, lambda items: _right(CHOSEN @ items, items), None)
        return InteractionsTask(config, data)
    if config.name == "pairs":
        attributes = csr_matrix(np.eye(3, dtype=np.float32)[TOPICS])
        users, rows = UserTexts(TEXTS, CHOSEN), np.arange(USERS)
        return PairsTask(config, PairData(TEXTS, users, CHOSEN, attributes, new, rows, _right))
    if config.name == "attributes":
        labels = np.eye(3, dtype=np.float32)[TOPICS]
        target = ValuesTarget(values=("a", "b", "c"), shares=(0.3, 0.3, 0.3))
        valid, more = np.arange(NUM) % 4 == 0, topic_texts(20, seed=3)[0]
        return AttributesTask(config, TEXTS, labels, valid, target, tower, more)
    if config.name == "end_to_end":
        parts = {"predictor": {"dim": 8, **STILL}, "training": {"metric": "ndcg@10"}}
        texts = topic_texts(LINKED.train.num_items)[0]
        link = LinkPredictionConfig.model_validate(parts)
        return EndToEndTask(config, link, LINKED, ["", *texts[1:]], tower)
    return masked_task(config, TEXTS, tower, 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def trained(model, tmp_path, monkeypatch):
    """Train by some threads; return their tuners."""
    # The state that torch draws from is the process's: no two threads draw at once.
    lock, gradients = threading.Lock(), Tuner._gradients

    def alone(self, *given):
        with lock:
            return gradients(self, *given)

    monkeypatch.setattr(Tuner, "_gradients", alone)

    def train(size, *tasks, **more):
        settings = {
            "regime": "full", "precision": "float32", "epochs": 2, "learning_rate": 1e-3,
            "accumulate": 3, "token_budget": 128, "tasks": tasks, **more,
        }  # fmt: skip
        made = make_settings(TextTuning, settings, "test")

        def work(peers):
            with lock:
                tower = Tower(find_model(model), made, tmp_path / "cache")
                tasks = [_task(one, tower) for one in made.tasks]
                for task in tasks:
                    task.prepare = _one_at_a_time(lock, task.prepare)
                tuner = Tuner(tower, tasks, made, 0, None, peers)
            tuner.run()
            return tuner

        return run_together(size, work)

    return train


def _one_at_a_time(lock, work):
    def alone(*given):
        with lock:
            return work(*given)

    return alone


INTERACTIONS = {"name": "interactions", "targets": "interactions", "batch_items": 6,
                "temperature": 0.1}  # fmt: skip
PAIRS = {"name": "pairs", "batch_size": 16, "pairs_per_epoch": 64, "titles": 2, "hard": 1}


def _figures(tuner):
    return [{k: v for k, v in one.items() if k != "seconds"} for one in tuner.progress.curve]


def _check_alike(tuners):
    """Check that all have the same weights, heads and states of tasks, to the bit."""
    first, *others = tuners
    for other in others:
        assert _figures(other) == _figures(first)
        pairs = [(first.tower.state(), other.tower.state()), (first.heads(), other.heads())]
        pairs += [
            (one.state(), its.state()) for one, its in zip(first.tasks, other.tasks, strict=True)
        ]
        for ours, theirs in pairs:
            assert ours.keys() == theirs.keys()
            for name, value in ours.items():
                assert torch.equal(theirs[name], value), name


def _check_near(found, expected):
    """Check that two trainings came to the same, up to rounding."""
    for one, other in zip(_figures(found), _figures(expected), strict=True):
        assert one == pytest.approx(other, abs=1e-3)
    for one, other in zip(found.tasks, expected.tasks, strict=True):
        for name, value in other.state().items():
            np.testing.assert_allclose(one.state()[name], value, atol=1e-3, err_msg=name)
    # Not all weights: the bias of attention's keys changes nothing, so rounding alone moves it.
    vectors = [one.tower.vectors(one.tower.corpus(TEXTS)) for one in (found, expected)]
    np.testing.assert_allclose(*vectors, atol=1e-3)


@pytest.mark.parametrize(
    ("tasks", "more"),
    [
        ([INTERACTIONS], {}),  # 8 batches: steps of 3, 3 and 2
        ([INTERACTIONS], {"size": 3, "regime": {"name": "top_layers", "n": 1}, "projection": 16}),
        # All items in each batch: what is kept comes several times in a step.
        ([{**INTERACTIONS, "batch_items": 64, "batch_users": 4}], {}),
        ([PAIRS], {"regime": {"name": "lora", "r": 4}}),
        ([{"name": "masked", "batch_size": 8}], {}),
        ([{"name": "attributes", "of": ["x"], "batch_size": 8, "pseudo_labels": 0.5}], {}),
        ([{"name": "end_to_end", "alone": 3, "batch_items": 5, "batch_users": 20}], {}),
        (
            [PAIRS, INTERACTIONS],
            {"r_drop": 1.0, "adversarial": 0.1, "augment": {"tokens": 0.2}, "epochs": 1},
        ),
        (
            [INTERACTIONS],
            {"regime": {"name": "adalora", "r": 1, "init_r": 3, "every": 2}},
        ),
    ],
    ids=str,
)
def test_several_learn_what_one_process_learns(trained, tasks, more):
    size, more = more.get("size", 2), {k: v for k, v in more.items() if k != "size"}
    (expected,) = trained(1, *tasks, **more)
    found = trained(size, *tasks, **more)
    _check_alike(found)
    _check_near(found[0], expected)
    before, after = _figures(expected)[0], _figures(expected)[-1]
    assert before != after  # there was something to learn


def test_who_has_no_batch_takes_the_same_steps(trained):
    (expected,) = trained(1, INTERACTIONS, accumulate=1, epochs=1)
    found = trained(2, INTERACTIONS, accumulate=1, epochs=1)
    _check_alike([expected, *found])


def test_several_stop_together_before_the_last_epoch(trained):
    for one in trained(2, INTERACTIONS, epochs=40, patience=1, learning_rate=1e-8):
        assert one.progress.epoch == one.progress.best_epoch + 1 < 40


def test_several_say_together_that_the_loss_is_no_number(trained, monkeypatch):
    ended, loss, together = [], InteractionsTask.loss, Tuner._epoch

    def wrong_in_one(self, tower, batch):
        return loss(self, tower, batch) * (float("nan") if self.place == 1 else 1.0)

    def epoch(self, steps):
        try:
            return together(self, steps)
        except DataError as error:
            ended.append((self.peers.rank, str(error)[:43]))
            self.progress.epoch = self.settings.epochs - 1
            return 0.0

    monkeypatch.setattr(InteractionsTask, "loss", wrong_in_one)
    monkeypatch.setattr(Tuner, "_epoch", epoch)
    trained(2, INTERACTIONS)
    told = "The loss is not a number after epoch 1. A l"
    assert sorted(ended) == [(0, told), (1, told)]


def test_all_batches_of_a_step_read_what_was_kept_before_it(trained, monkeypatch):
    """Otherwise it would matter who has which batch, and so how many share them."""
    seen, loss = [], InteractionsTask.loss

    def watched(self, tower, batch):
        seen.append(self.state()["bank"])
        return loss(self, tower, batch)

    monkeypatch.setattr(InteractionsTask, "loss", watched)
    (one,) = trained(1, INTERACTIONS, epochs=1)
    assert one.step_batches == 3
    assert len(seen) == 8
    changed = [not torch.equal(a, b) for a, b in itertools.pairwise(seen)]
    assert changed == [False, False, True, False, False, True, False]
