"""The loop: it learns, stops, resumes to the bit, and says what is wrong."""

import numpy as np
import pytest
import torch
from tiny_bert import TOPICS as WORDS_OF_TOPICS
from tiny_bert import topic_choices, topic_texts, write_tiny_bert

from kgrec.errors import DataError, RunError
from kgrec.settings import make_settings
from kgrec.text.model_files import find_model
from kgrec.text.tuning.loop import Tuner
from kgrec.text.tuning.optimizing import rate_share
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tasks.interactions import (
    Choices,
    InteractionsTask,
    left_out_cosines,
    softmax_loss,
)
from kgrec.text.tuning.tower import Tower

NUM, NEW = 75, 15
TEXTS, TOPICS = topic_texts(NUM)
CHOSEN = topic_choices(TOPICS[: NUM - NEW], per_user=6)
CHOSEN.resize(CHOSEN.shape[0], NUM)


def _right(vectors):
    """Return how often the new item nearest to a user's mean is of the user's topic."""
    scores = (CHOSEN @ vectors) @ vectors[NUM - NEW :].T
    wanted = TOPICS[NUM - NEW :][None, :] == (np.arange(len(scores)) % 3)[:, None]
    best = np.argsort(-scores, axis=1)[:, :5]
    return {"ndcg@10": float(np.take_along_axis(wanted, best, 1).mean())}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def tuner(model, tmp_path):
    def make(task=None, *, measure=_right, chosen=CHOSEN, texts=TEXTS, seed=0, file=None,
             scores=None, **more):  # fmt: skip
        settings = {
            "regime": {"name": "top_layers", "n": 2}, "precision": "float32", "epochs": 6,
            "learning_rate": 2e-3, "patience": 6, "token_budget": 128,
            "tasks": [{"name": "interactions", "batch_items": 8, "targets": "interactions",
                       "temperature": 0.1, **(task or {})}],
            **more,
        }  # fmt: skip
        made = make_settings(TextTuning, settings, "test")
        ranked = np.arange(NUM) >= NUM - NEW
        targets = made.tasks[0].targets
        taught = scores or (_scores if targets == "ease" else None)
        data = Choices(texts, chosen, ranked, measure, taught, teach_new=targets == "content")
        tower = Tower(find_model(model), made, tmp_path / "cache", seed=seed)
        path = None if file is None else tmp_path / file
        return Tuner(tower, [InteractionsTask(made.tasks[0], data)], made, seed, path)

    return make


def _scores(users):
    return np.asarray((CHOSEN @ (CHOSEN.T @ CHOSEN))[users].toarray(), dtype=np.float32)


@pytest.mark.parametrize(
    "task",
    [{"loss": "softmax"}, {"loss": "softmax", "targets": "ease"}, {"loss": "reconstruction"}],
)
def test_texts_of_new_items_are_placed_by_what_users_chose(tuner, task):
    found = tuner(task, epochs=15, regime="full", learning_rate=0.01, patience=15)
    progress = found.run()
    assert progress.curve[0]["ndcg@10"] < 0.6
    assert progress.best > 0.9
    again = _right(_vectors(found))["ndcg@10"]
    assert again == pytest.approx(progress.best)  # the best weights are in it


def test_scores_of_new_items_teach_words_that_no_known_item_has(tuner):
    """Known items have three words of a topic, new ones the other three: nothing connects them."""
    random = np.random.default_rng(0)
    halves = [(one[:3], one[3:]) for one in WORDS_OF_TOPICS]
    texts = [
        " ".join(random.choice(halves[topic][row >= NUM - NEW], 2)) + " film"
        for row, topic in enumerate(TOPICS)
    ]

    def predicted(users):
        likes = TOPICS[None, :] == (users % 3)[:, None]
        return (likes + random.normal(0, 0.1, likes.shape)).astype(np.float32)

    found = {}
    for targets in ("ease", "content"):
        more = {"epochs": 15, "regime": "full", "learning_rate": 0.01, "patience": 15}
        one = tuner({"targets": targets}, texts=texts, scores=predicted, **more)
        found[targets] = one.run().curve[-1]["ndcg@10"]
    assert found["ease"] < 0.6
    assert found["content"] > 0.9


def test_a_step_uses_the_projection_of_now_for_all_items(tuner):
    one = tuner(regime="frozen", projection=16)
    task, tower = one.tasks[0], one.tower
    task.prepare(tower)
    with torch.no_grad():
        for value in tower.trained.values():
            value += 0.3 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0))
    batch = task.batches(np.random.default_rng(0))[0]
    assert len(batch.others)
    columns = np.concatenate([batch.items, batch.others])
    chosen = CHOSEN[batch.users][:, columns].toarray().astype(np.float32)
    x = torch.from_numpy(chosen[chosen.sum(axis=1) > 1])
    vectors = torch.from_numpy(_vectors(one)[columns])
    expected = softmax_loss(left_out_cosines(vectors, x), x / x.sum(1, keepdim=True), 0.1)
    np.testing.assert_allclose(float(task.loss(tower, batch)), float(expected), rtol=1e-5)


def test_known_and_new_items_have_a_softmax_of_their_own(tuner):
    """Scores of new items lie lower as a whole; each group alone must give what it has to."""
    random = np.random.default_rng(3)
    planted = random.normal(size=(CHOSEN.shape[0], NUM)).astype(np.float32)
    planted[:, NUM - NEW :] = planted[:, NUM - NEW :] / 10 - 50
    task = {"targets": "content", "target_temperature": 0.5, "batch_items": 64}
    one = tuner(task, scores=lambda users: planted[users], regime="frozen", projection=16)
    task, tower = one.tasks[0], one.tower
    task.prepare(tower)
    batch = task.batches(np.random.default_rng(0))[0]
    columns = np.concatenate([batch.items, batch.others])
    assert sorted(columns) == list(range(NUM))
    chosen = CHOSEN[batch.users][:, columns].toarray()
    users = np.flatnonzero(chosen.sum(axis=1) > 1)
    vectors = _vectors(one).astype(np.float64)[columns]
    total = 0.0
    known = np.asarray(CHOSEN.sum(axis=0)).ravel()[columns] > 0
    for user in users:
        sums = chosen[user] @ vectors - chosen[user][:, None] * vectors
        cosines = (sums * vectors).sum(axis=1) / np.linalg.norm(sums, axis=1)
        scores = planted[batch.users[user]][columns].astype(np.float64)
        for group in (known, ~known):
            wanted = (scores[group] - scores[group].mean()) / scores[group].std(ddof=1) / 0.5
            wanted = np.exp(wanted) / np.exp(wanted).sum()
            found = cosines[group] / 0.1
            total -= wanted @ (found - np.log(np.exp(found).sum()))
    assert float(task.loss(tower, batch)) == pytest.approx(total / len(users), rel=1e-4)


def test_without_sense_in_the_interactions_nothing_is_learnt(tuner):
    mixed = CHOSEN[:, np.concatenate([np.random.default_rng(2).permutation(NUM - NEW),
                                      np.arange(NUM - NEW, NUM)])]  # fmt: skip
    assert (
        tuner(chosen=mixed, epochs=15, regime="full", learning_rate=0.01, patience=15).run().best
        < 0.75
    )


def _vectors(tuner):
    corpus = tuner.tower.corpus(TEXTS)
    return tuner.tower.vectors(corpus)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"regime": "full", "accumulate": 2, "schedule": "cosine"},
        {"regime": {"name": "lora", "r": 4}, "projection": 16},
        {"regime": "frozen", "projection": 16, "projection_rate": 0.01},
        {"regime": {"name": "adalora", "r": 1, "init_r": 3, "every": 3, "final": 0.2}},
        {"regime": {"name": "adapter", "dim": 4}},
        {"regime": {"name": "prefix", "length": 3}},
        {"regime": "full", "r_drop": 1.0, "adversarial": 0.5, "augment": {"tokens": 0.2}},
    ],
)
def test_a_resumed_training_gives_the_same_bits(tuner, more):
    whole = tuner(file="whole", **more)
    progress = whole.run()
    assert progress.epoch == 6

    stopped = tuner(file="stopped", **more)

    def stop(done, total):
        if done > total * 0.55:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.run(steps=stop)
    resumed = tuner(file="stopped", **more)
    resumed.resume()
    assert resumed.progress.epoch == 3
    found = resumed.run()
    for one, other in zip(found.curve, progress.curve, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    for name, value in whole.tower.state().items():
        assert torch.equal(resumed.tower.state()[name], value), name


def test_the_same_seed_gives_the_same_bits_and_another_one_others(tuner):
    state = torch.get_rng_state()
    first, second, other = tuner(epochs=1), tuner(epochs=1), tuner(epochs=1, seed=4)
    curves = [[{**one, "seconds": 0} for one in each.run().curve] for each in (first, second)]
    assert curves[0] == curves[1]
    assert other.run().curve[1]["loss"] != curves[0][1]["loss"]
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's numbers are drawn


def test_training_stops_when_the_metric_gets_no_better(tuner):
    values = iter([0.1, 0.3, 0.2, 0.25, 0.9])
    found = tuner(measure=lambda _: {"ndcg@10": next(values)}, epochs=50, patience=2)
    progress = found.run()
    assert (progress.epoch, progress.best_epoch, progress.best) == (3, 1, 0.3)


def test_a_model_that_gets_worse_stays_as_it_was(tuner):
    values = iter([0.5, 0.3, 0.2])
    found = tuner(measure=lambda _: {"ndcg@10": next(values)}, patience=2)
    before = found.tower.state()
    assert found.run().best_epoch == 0
    for name, value in found.tower.state().items():
        assert torch.equal(value, before[name])


def test_without_a_validation_part_all_epochs_are_trained(tuner):
    progress = tuner(measure=None, epochs=2, eval_every=2).run()
    assert (progress.epoch, progress.best) == (2, None)
    assert [one["epoch"] for one in progress.curve] == [0, 2]


def test_a_checkpoint_of_another_training_is_refused(tuner, tmp_path):
    tuner(file="state", epochs=1).run()
    with pytest.raises(RunError, match=r"with other settings \(learning_rate\)"):
        tuner(file="state", epochs=1, learning_rate=0.5).resume()
    with pytest.raises(RunError, match="with other seed"):
        tuner(file="state", epochs=1, seed=3).resume()
    with pytest.raises(RunError, match="with other data"):
        tuner(file="state", epochs=1, texts=["space", *TEXTS[1:]]).resume()
    data = bytearray((tmp_path / "state").read_bytes())
    data[-9] ^= 1
    (tmp_path / "state").write_bytes(bytes(data))
    with pytest.raises(RunError, match="damaged"):
        tuner(file="state", epochs=1).resume()
    with pytest.raises(RunError, match="does not exist"):
        tuner(file="none", epochs=1).resume()


def test_a_loss_that_is_no_number_ends_the_training(tuner):
    found = tuner(learning_rate=0.9, clip=None, regime="full")
    with torch.no_grad():
        next(iter(found.tower.trained.values())).fill_(float("nan"))
    with pytest.raises(DataError, match="not a number after epoch 1"):
        found.run()


def test_no_user_with_two_items_is_an_error(tuner):
    one_each = topic_choices(TOPICS, per_user=1)
    with pytest.raises(DataError, match="two items with text"):
        tuner(chosen=one_each)
    with pytest.raises(DataError, match="two items with text"):
        tuner(texts=[""] * NUM)


def test_items_without_text_have_zero_vectors_and_are_not_trained(tuner):
    texts = ["" if place % 5 == 0 else text for place, text in enumerate(TEXTS)]
    seen = []
    tuner(texts=texts, measure=lambda v: seen.append(v) or {"ndcg@10": 0.0}, epochs=1).run()
    lengths = np.linalg.norm(seen[0], axis=1)
    chosen = np.asarray(CHOSEN.sum(axis=0)).ravel() > 0
    chosen[NUM - NEW :] = True
    expected = [bool(text) and chosen[place] for place, text in enumerate(texts)]
    np.testing.assert_allclose(lengths, np.array(expected, dtype=float), atol=1e-5)


def test_gradients_are_added_up_over_batches(tuner):
    counts = []
    found = tuner(epochs=1, accumulate=3)
    found.run(steps=lambda done, total: counts.append((done, total)))
    assert counts == [(1, 3), (2, 3), (3, 3)]  # 60 items, 8 batches


def test_the_step_size_falls_as_a_cosine():
    shares = [rate_share(step, 12, 1 / 6, "cosine") for step in range(12)]
    np.testing.assert_allclose(shares[:3], [0.5, 1, 1])
    np.testing.assert_allclose(shares[7], 0.5)
    assert all(np.diff(shares[2:]) < 0)
    assert rate_share(11, 12, 0, "constant") == rate_share(0, 12, 0, "constant") == 1
