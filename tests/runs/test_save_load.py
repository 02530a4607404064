"""A fitted recommender, whatever its model, survives a folder."""

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.errors import RunError

MODELS = [kgrec.EASE(kgrec.EASEConfig(l2=3.0)), kgrec.MostPopular(), kgrec.ItemKNN()]
MODELS += [
    kgrec.UserEASE(kgrec.UserEASEConfig(l2=3.0)),
    kgrec.ContentEASE(kgrec.ContentEASEConfig(l2=3.0)),
    kgrec.Trending(kgrec.TrendingConfig(half_life=None)),
    kgrec.Ensemble([kgrec.EASE(kgrec.EASEConfig(l2=3.0)), kgrec.MostPopular()]),
]


@pytest.fixture
def log():
    pairs = [(f"u{row}", f"i{row % 3 + step}") for row in range(9) for step in (0, 1, 3)]
    return kgrec.Interactions.read(pd.DataFrame(pairs, columns=["user_id", "item_id"]))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_scores_and_settings_come_back(model, log, tmp_path):
    split = log.split("random", valid=0.2, test=0.2, seed=1)
    made = kgrec.Recommender(model=model, text=None).fit(split.train, split.valid)
    kgrec.save(made, tmp_path)
    back = kgrec.load(tmp_path)
    users = np.arange(9)
    np.testing.assert_array_equal(back.score(users), made.score(users))
    assert back.model.config == made.model.config
    if isinstance(model, kgrec.Ensemble):
        assert back.model.members[0].config.l2 == 3.0
        np.testing.assert_array_equal(back.model.weights, made.model.weights)
    assert [one.item for one in back.recommend("u3", k=2)] == [
        one.item for one in made.recommend("u3", k=2)
    ]


def test_what_was_not_fitted_cannot_be_saved(tmp_path):
    with pytest.raises(RunError, match=r"not fitted.*fit\(\)"):
        kgrec.save(kgrec.Recommender(text=None), tmp_path)
