"""The task `pairs`: what is compared with what, and that taste in words is learnt."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from tiny_bert import topic_choices, topic_texts, write_tiny_bert
from torch.nn import functional as F

from kgrec.errors import DataError
from kgrec.settings import make_settings
from kgrec.text.model_files import find_model
from kgrec.text.tuning.loop import Tuner
from kgrec.text.tuning.settings import TextTuning
from kgrec.text.tuning.tasks.pairs import (
    HardNegatives,
    PairBatch,
    PairData,
    PairsTask,
    info_nce,
)
from kgrec.text.tuning.tower import Tower
from kgrec.text.tuning.user_texts import UserTexts

NUM, NEW, USERS = 75, 15, 21
TEXTS, TOPICS = topic_texts(NUM)
CHOSEN = topic_choices(TOPICS[: NUM - NEW], num_users=USERS, per_user=6)
CHOSEN.resize(USERS, NUM)
ATTRIBUTES = csr_matrix(np.eye(3, dtype=np.float32)[TOPICS])


def _right(users, items):
    """Return how often the five best new items are of the user's topic."""
    wanted = TOPICS[NUM - NEW :][None, :] == (np.arange(USERS) % 3)[:, None]
    best = np.argsort(-(users @ items[NUM - NEW :].T), axis=1)[:, :5]
    return {"ndcg@10": float(np.take_along_axis(wanted, best, 1).mean())}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def tuner(model, tmp_path):
    def make(*, texts=TEXTS, chosen=CHOSEN, users=None, file=None, attributes=None, **more):
        task = {"name": "pairs", "batch_size": 16, "titles": 2, "temperature": 0.1,
                **more.pop("task", {})}  # fmt: skip
        settings = {
            "regime": "full", "precision": "float32", "epochs": 8, "learning_rate": 5e-3,
            "patience": 8, "tasks": [task], **more,
        }  # fmt: skip
        made = make_settings(TextTuning, settings, "test")
        data = PairData(
            texts, UserTexts(texts, chosen) if users is None else users, chosen, attributes,
            np.arange(NUM) >= NUM - NEW, np.arange(chosen.shape[0]), _right,
        )  # fmt: skip
        tower = Tower(find_model(model), made, tmp_path / "cache")
        path = None if file is None else tmp_path / file
        return Tuner(tower, [PairsTask(made.tasks[0], data)], made, 0, path)

    return make


def test_taste_in_words_finds_new_items(tuner):
    progress = tuner(task={"hard": 0}).run()
    assert progress.curve[0]["ndcg@10"] < 0.6
    assert progress.best > 0.9


def test_with_choices_of_nobody_nothing_is_learnt(tuner):
    random = np.random.default_rng(0)
    mixed = csr_matrix(CHOSEN[:, np.r_[random.permutation(NUM - NEW), NUM - NEW : NUM]])
    assert tuner(chosen=mixed, task={"hard": 0}, epochs=4).run().best < 0.75


@pytest.mark.parametrize(
    "regime",
    [{"name": "top_layers", "n": 1}, "frozen"],
)
def test_a_resumed_training_gives_the_same_bits(tuner, regime):
    more = {"regime": regime, "projection": 8, "epochs": 3, "attributes": ATTRIBUTES}
    whole = tuner(file="whole", **more)
    progress = whole.run()

    def stop(done, total):
        if done > total * 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuner(file="stopped", **more).run(steps=stop)
    resumed = tuner(file="stopped", **more)
    resumed.resume()
    found = resumed.run()
    assert [{**one, "seconds": 0} for one in found.curve] == [
        {**one, "seconds": 0} for one in progress.curve
    ]
    for name, value in whole.tower.state().items():
        assert torch.equal(resumed.tower.state()[name], value), name


def test_the_loss_is_the_cross_entropy_among_candidates():
    random = torch.Generator().manual_seed(0)
    queries = F.normalize(torch.randn(3, 4, generator=random), dim=1)
    items = F.normalize(torch.randn(5, 4, generator=random), dim=1)
    right, candidates = torch.tensor([0, 3, 3]), torch.ones(3, 5, dtype=torch.bool)
    candidates[0, 1] = candidates[2, 0] = candidates[2, 4] = False
    expected = 0.0
    for row in range(3):
        shown = [c for c in range(5) if candidates[row, c]]
        scores = np.array([float(queries[row] @ items[c]) / 0.2 for c in shown])
        own = scores[shown.index(int(right[row]))]
        expected += float(np.log(np.exp(scores).sum()) - own) / 3
    assert float(info_nce(queries, items, right, candidates, 0.2)) == pytest.approx(expected, 1e-5)


def test_a_step_compares_pairs_as_it_says(tuner, monkeypatch):
    """No user's own items are wrong answers, and no text has the item that it has to find."""
    made = tuner(attributes=ATTRIBUTES, task={"hard": 2, "titles": 64})
    task, tower = made.tasks[0], made.tower
    task.prepare(tower)
    seen, told = [], []
    read = tower.read
    monkeypatch.setattr(
        tower, "read", lambda texts, query: told.append(texts) or read(texts, query=query)
    )
    monkeypatch.setattr(
        "kgrec.text.tuning.tasks.pairs.info_nce",
        lambda q, i, right, candidates, t: (
            seen.append((right, candidates)) or info_nce(q, i, right, candidates, t)
        ),
    )
    (user, other) = 0, 4
    own, others = CHOSEN[user].indices, CHOSEN[other].indices
    batch = PairBatch(np.array([user, user, other]), np.array([own[0], own[1], others[0]]), seed=3)
    task.loss(tower, batch)
    ((right, candidates),), (texts,) = seen, told
    assert TEXTS[own[0]] not in texts[0]
    assert TEXTS[own[1]] in texts[0]
    assert texts[0].count(",") == 4  # the five others
    assert candidates[torch.arange(3), right].all()
    assert int(candidates[0, right[1]]) == 0  # it is the user's as well
    assert int(candidates[0, right[2]]) == 1
    hard = candidates.shape[1] - len({int(one) for one in right})
    assert hard > 0
    again = [(r.tolist(), c.tolist()) for r, c in seen]
    seen.clear()
    task.loss(tower, batch)
    assert [(r.tolist(), c.tolist()) for r, c in seen] == again


def test_hard_negatives_share_attributes_and_are_not_the_users():
    #            rare  common  none
    attributes = csr_matrix(np.array([[1, 1], [1, 0], [0, 1], [0, 1], [0, 1], [0, 0], [1, 1]]))
    found = HardNegatives(attributes, np.array([0, 1, 2, 3, 5, 6]))
    random = np.random.default_rng(0)
    drawn = [found.of(0, np.array([0, 6]), 1, random)[0] for _ in range(400)]
    assert set(drawn) == {1, 2, 3}  # not 4, which is no candidate, nor 5, 6, 0
    counts = np.bincount(drawn, minlength=4)
    rare, common = np.log(6 / 3), np.log(6 / 4)  # of six candidates
    assert counts[1] / 400 == pytest.approx(rare / (rare + 2 * common), abs=0.08)
    assert found.of(0, np.array([0]), 9, random).tolist() == [1, 2, 3, 6]
    assert found.of(5, np.array([], dtype=np.int64), 3, random).tolist() == []


def test_titles_are_drawn_for_training_and_the_rarest_for_validation(tuner):
    made = tuner(task={"titles": 2})
    task = made.tasks[0]
    shown = {str(task._user(0, -1, np.random.default_rng(seed))) for seed in range(9)}
    assert len(shown) > 3
    liked = task.data.users.of(0).liked
    assert task._user(0).liked == liked[:2]


def test_an_epoch_has_each_pair_once_or_as_many_as_asked(tuner):
    task = tuner().tasks[0]
    batches = task.batches(np.random.default_rng(1))
    pairs = [(u, i) for one in batches for u, i in zip(one.users, one.items, strict=True)]
    assert sorted(pairs) == sorted(zip(*CHOSEN.nonzero(), strict=True))
    few = tuner(task={"pairs_per_epoch": 20}).tasks[0]
    assert sum(len(one.users) for one in few.batches(np.random.default_rng(1))) == 20


def test_pairs_without_words_are_left_out_and_nothing_is_an_error(tuner):
    one_each = topic_choices(TOPICS, num_users=USERS, per_user=1)
    with pytest.raises(DataError, match="needs users of whom something is known"):
        tuner(chosen=one_each)
    profile = UserTexts(TEXTS, one_each, profiles=["Job: writer."] * USERS)
    assert len(tuner(chosen=one_each, users=profile).tasks[0]._pairs) == USERS
    texts = ["" if place in CHOSEN[0].indices[:2] else text for place, text in enumerate(TEXTS)]
    pairs = tuner(texts=texts, users=UserTexts(TEXTS, CHOSEN)).tasks[0]._pairs
    assert set(pairs[pairs[:, 0] == 0][:, 1]) == set(CHOSEN[0].indices[2:])
