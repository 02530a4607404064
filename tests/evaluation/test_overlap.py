"""Measuring what was learnt is said or refused, and never a silent 0."""

import warnings

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.errors import DataError, KgrecWarning

TRAIN = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "z"), ("c", "y"), ("c", "z")]
CLEAN = [("a", "z"), ("b", "y")]


def log(rows):
    return kgrec.Interactions.read(pd.DataFrame(rows, columns=["user_id", "item_id"]))


@pytest.fixture
def recommender():
    return kgrec.Recommender(model=kgrec.EASE(), text=None).fit(log(TRAIN))


def recall(recommender, rows, **options):
    return recommender.evaluate(log(rows), k=[2], **options).metrics["recall@2"]


def test_a_clean_test_part_is_measured_in_silence(recommender):
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        assert recall(recommender, CLEAN) == 1.0


def test_test_rows_of_training_are_counted(recommender):
    with pytest.warns(KgrecWarning, match=r"1 of 3 interactions .* training .*'a' with item 'x'"):
        assert recall(recommender, [*CLEAN, ("a", "x")]) == 0.75


def test_training_itself_is_refused_unless_nothing_is_excluded(recommender):
    with pytest.raises(DataError, match=r"All 2 interactions .*training.*exclude=\[\]"):
        recall(recommender, [("a", "x"), ("b", "z")])
    assert recall(recommender, [("a", "x"), ("b", "z")], exclude=[]) > 0


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    rows = [(f"u{u}", f"i{(u % 3) * 8 + n}") for u in range(30) for n in rng.permutation(8)[:6]]
    return log(rows).split("random", valid=0.2, test=0.2)


def test_the_validation_part_is_measured_without_itself(parts):
    fitted = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(parts.train, parts.valid)
    expected = fitted.evaluate(parts.valid, exclude=[parts.train]).metrics
    with pytest.warns(KgrecWarning, match=r"All 30 interactions .* of the validation part"):
        found = fitted.evaluate(parts.valid).metrics
    assert found == expected
    assert found["ndcg@10"] > 0
    with pytest.raises(DataError, match=r"validation interactions\), which are not ranked"):
        fitted.evaluate(parts.valid, exclude=[parts.train, parts.valid])


def test_items_that_are_no_candidates_are_said(recommender):
    with pytest.warns(KgrecWarning, match=r"None of the 2 interactions .* no candidates"):
        assert recall(recommender, CLEAN, candidates=["x"]) == 0


def test_users_without_history_are_said(parts):
    known = parts.train.select(parts.train.user % 2 == 0)
    fitted = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(known)
    with pytest.warns(KgrecWarning, match=r"15 of 30 users of the test part \(50%\) have no"):
        fitted.evaluate(parts.test)
