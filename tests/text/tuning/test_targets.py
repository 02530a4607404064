"""What heads answer: metrics against naive ones, losses by hand, and first answers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgrec.errors import ConfigError
from kgrec.text.tuning.head import Head
from kgrec.text.tuning.targets import (
    ClassTarget,
    NumberTarget,
    ValuesTarget,
    YesTarget,
    class_target,
    number_target,
    yes_target,
)


def _auc(right, scores):
    good, bad = scores[right], scores[~right]
    wins = (good[:, None] > bad).sum() + 0.5 * (good[:, None] == bad).sum()
    return wins / (len(good) * len(bad))


def _f1(right, said):
    hits = (right & said).sum()
    return 0.0 if not (right.sum() + said.sum()) else 2 * hits / (right.sum() + said.sum())


def test_a_number_has_rmse_and_mae_within_the_range():
    target = number_target(np.array([1, 2, 5], dtype=np.float32))
    assert (target.low, target.high) == (1, 5)
    assert target.begin()[0] == pytest.approx(8 / 3)
    outputs = np.array([[7.0], [2.5], [0.0]], dtype=np.float32)
    labels = np.array([5, 2, 3], dtype=np.float32)
    found = target.metrics(outputs, labels)
    assert found["rmse"] == pytest.approx(np.sqrt((0 + 0.25 + 4) / 3))
    assert found["mae"] == pytest.approx(2.5 / 3)
    assert target.loss(torch.from_numpy(outputs), torch.from_numpy(labels)).item() == (
        pytest.approx((4 + 0.25 + 9) / 3)
    )


def test_stars_have_auc_accuracy_and_f1():
    random = np.random.default_rng(0)
    labels = random.choice([1.0, 2.5, 4.0], 40).astype(np.float32)
    target = class_target(labels)
    assert target.values == (1.0, 2.5, 4.0)
    assert sum(target.shares) == pytest.approx(1)
    outputs = random.normal(size=(40, 3)).astype(np.float32)
    found = target.metrics(outputs, labels)
    shares = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    said = np.array(target.values)[outputs.argmax(1)]
    values = target.values
    assert found["auc"] == pytest.approx(
        np.mean([_auc(labels == v, shares[:, n]) for n, v in enumerate(values)])
    )
    assert found["accuracy"] == pytest.approx((said == labels).mean())
    assert found["macro_f1"] == pytest.approx(np.mean([_f1(labels == v, said == v)
                                                       for v in values]))  # fmt: skip
    loss = target.loss(torch.from_numpy(outputs), torch.from_numpy(labels)).item()
    place = np.searchsorted(values, labels)
    assert loss == pytest.approx(-np.log(shares[np.arange(40), place]).mean(), rel=1e-5)
    assert target.answers(outputs) == pytest.approx(shares @ np.array(values), rel=1e-5)
    # The first answer is how often each value is there.
    first = np.tile(target.begin(), (2, 1))
    assert target.answers(first)[0] == pytest.approx(labels.mean(), rel=1e-5)


def test_one_class_alone_has_no_auc_and_a_missing_one_is_left_out_of_the_mean():
    target = ClassTarget(values=(1, 2, 3), shares=(0.2, 0.3, 0.5))
    outputs = np.array([[3, 1, 0], [0, 2, 9], [2, 3, 1]], dtype=np.float32)
    assert target.metrics(outputs, np.array([1, 1, 1], np.float32))["auc"] == 0.5
    assert target.metrics(outputs, np.array([1, 3, 1], np.float32))["auc"] == 1.0


def test_clicks_have_auc_and_log_loss():
    random = np.random.default_rng(1)
    labels = (random.random(50) < 0.3).astype(np.float32)
    target = yes_target(labels)
    logits = random.normal(size=(50, 1)).round(1).astype(np.float32)
    found = target.metrics(logits, labels)
    shares = 1 / (1 + np.exp(-logits[:, 0].astype(float)))
    right = np.where(labels == 1, shares, 1 - shares)
    assert found["auc"] == pytest.approx(_auc(labels == 1, logits[:, 0]))
    assert found["log_loss"] == pytest.approx(-np.log(right).mean())
    assert target.loss(torch.from_numpy(logits), torch.from_numpy(labels)).item() == (
        pytest.approx(found["log_loss"], rel=1e-5)
    )
    assert target.answers(target.begin()[:, None])[0] == pytest.approx(labels.mean(), rel=1e-5)
    sure = np.array([[900.0], [-900.0]], dtype=np.float32)
    assert target.metrics(sure, np.array([1, 0], np.float32)) == {"auc": 1.0, "log_loss": 0.0}


def test_what_cannot_be_learnt_is_refused():
    for labels in (np.ones(4, np.float32), np.zeros(4, np.float32)):
        with pytest.raises(ConfigError, match=r"both yes and no.*all 4 are (yes|no)"):
            yes_target(labels)
        with pytest.raises(ConfigError, match="2 to 100 different ratings, found 1"):
            class_target(labels)


@given(st.integers(0, 2**32), st.booleans())
def test_values_have_f1_and_the_threshold_is_the_best_one(seed, single):
    random = np.random.default_rng(seed)
    labels = (random.random((12, 3)) < 0.4).astype(np.float32)
    if single:
        labels = np.eye(3, dtype=np.float32)[random.integers(0, 3, 12)]
    outputs = (random.normal(size=(12, 3)) + 2 * labels).astype(np.float32)
    target = ValuesTarget(values=("a", "b", "c"), shares=(0.4,) * 3, single=single)
    threshold = target.best_threshold(outputs, labels)
    said = 1 / (1 + np.exp(-outputs)) >= threshold
    if single:
        said = outputs == outputs.max(1, keepdims=True)
    found = target.metrics(outputs, labels, threshold)
    assert found["micro_f1"] == pytest.approx(_f1(labels == 1, said))
    each = [_f1(labels[:, n] == 1, said[:, n]) for n in range(3)]
    assert found["macro_f1"] == pytest.approx(np.mean(each))
    others = [target.metrics(outputs, labels, step)["macro_f1"] for step in (0.1, 0.3, 0.5, 0.8)]
    assert found["macro_f1"] >= max(others) - 1e-12


def test_a_head_begins_with_the_answer_that_knows_no_text_and_scales_its_input():
    head = Head(4, np.array([0.5, -1], dtype=np.float32))
    vectors = np.eye(4, dtype=np.float32)[:3]
    np.testing.assert_array_equal(head.of_arrays(vectors), [[0.5, -1]] * 3)
    with torch.no_grad():
        head.weight[1, 2] = 3
    assert head.of_arrays(vectors)[2].tolist() == [0.5, -1 + 3 * 2]  # the root of 4 is 2


def test_saved_targets_are_checked():
    wrong = [
        (NumberTarget, {"mean": float("nan"), "low": 1, "high": 5}),
        (YesTarget, {"share": 1.0}),
        (ClassTarget, {"values": [1], "shares": [1]}),
    ]
    for kind, bad in wrong:
        with pytest.raises(ValueError, match=r"mean|share|values"):
            kind.model_validate(bad)


def test_sure_answers_become_labels_and_items_without_any_wait():
    target = ValuesTarget(values=("a", "b", "c"), shares=(0.5, 0.3, 0.2))
    chances = np.array([[0.95, 0.04, 0.5], [0.03, 0.02, 0.01], [0.9, 0.92, 0.1], [0.6, 0.5, 0.4]])
    labels, known = target.sure(np.log(chances / (1 - chances)).astype(np.float32), 0.899)
    assert labels.dtype == np.float32
    assert labels.tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]]
    # The second has nothing but what is not there, and would teach that nothing is.
    assert known.tolist() == [[True, True, False], [False] * 3, [True] * 3, [False] * 3]
    single = ValuesTarget(values=("a", "b", "c"), shares=(0.5, 0.3, 0.2), single=True)
    shares = np.array([[0.9, 0.06, 0.04], [0.5, 0.3, 0.2], [0.05, 0.05, 0.9]])
    labels, known = single.sure(np.log(shares).astype(np.float32), 0.85)
    assert labels[[0, 2]].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert known.tolist() == [[True] * 3, [False] * 3, [True] * 3]


def test_labels_that_are_not_known_have_no_part_in_the_loss():
    target = ValuesTarget(values=("a", "b"), shares=(0.5, 0.5))
    outputs = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    known = torch.tensor([[True, True], [True, False]])
    right = torch.tensor([1.0, 2.0, 0.5])  # how far each is on the right side
    expected = torch.log1p(torch.exp(-right)).mean()
    assert target.loss(outputs, labels, known).item() == pytest.approx(expected.item(), rel=1e-6)
    assert target.loss(outputs, labels, torch.ones_like(known)).item() == pytest.approx(
        target.loss(outputs, labels).item()
    )
