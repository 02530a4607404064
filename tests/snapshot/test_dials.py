"""Dials of recommend: what is popular goes up or down, and lists become different."""

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.errors import ConfigError
from kgrec.testing import planted
from kgrec.training.link_prediction import LinkPrediction, LinkPredictionConfig

QUICK = LinkPredictionConfig(predictor={"dim": 8}, training={"max_epochs": 2})


@pytest.fixture(scope="module", params=[LinkPrediction(QUICK), kgrec.EASE()], ids=lambda m: m.name)
def fitted(request):
    return kgrec.Recommender(model=request.param, text=None).fit(planted().data.train)


def counts(recommender):
    known = recommender.snapshot.histories
    return np.bincount(known.indices, minlength=known.shape[1])


def known(now):
    """Return the items that do not come last because nothing is known of them."""
    return np.setdiff1d(np.arange(len(now.items)), getattr(now.model, "unknown_items", []))


def test_scores_are_those_of_the_formula(fitted):
    now = fitted.snapshot
    popular = np.log1p(counts(fitted))
    popular = (popular - popular.mean()) / popular.std()
    for user in fitted.user_vocabulary.ids[:4]:
        scores = now.score(np.array([now.users.row(user)]))[0].astype(np.float64)
        z = (scores - scores[known(now)].mean()) / scores[known(now)].std()
        for p in (-0.7, 0.2, 1.0):
            expected = (1 - abs(p)) * z + p * popular
            found = fitted.recommend(user, 5, popularity=p)
            rows = [now.items.row(one.item) for one in found]
            np.testing.assert_allclose([one.score for one in found], expected[rows], atol=1e-4)
            open_ = np.setdiff1d(known(now), now.histories[now.users.row(user)].indices)
            np.testing.assert_allclose(
                [one.score for one in found], -np.sort(-expected[open_])[:5], atol=1e-4
            )


def test_the_ends_of_the_dial_are_the_most_and_the_least_popular_items(fitted):
    number, items = counts(fitted), fitted.item_vocabulary
    user = fitted.user_vocabulary.ids[0]
    has = [items.row(one) for one in fitted.history(user)]
    open_ = number[np.setdiff1d(known(fitted.snapshot), has)]
    most = [number[items.row(one.item)] for one in fitted.recommend(user, 4, popularity=1)]
    least = [number[items.row(one.item)] for one in fitted.recommend(user, 4, popularity=-1)]
    assert most == np.sort(open_)[::-1][:4].tolist()
    assert least == np.sort(open_)[:4].tolist()


@pytest.mark.parametrize(
    "dials", [{"popularity": -0.5}, {"diversity": 0.6}, {"popularity": 0.3, "diversity": 1.0}]
)
def test_many_users_at_once_are_as_one_by_one(fitted, dials):
    if fitted.model.name == "ease" and "diversity" in dials:
        with pytest.raises(ConfigError, match="says which items are alike"):
            fitted.recommend_all(3, **dials).to_pandas()
        return
    frame = fitted.recommend_all(3, **dials).to_pandas()
    for user in fitted.user_vocabulary.ids[:6]:
        expected = [one.item for one in fitted.recommend(user, 3, **dials)]
        assert frame.loc[frame["user_id"] == user, "item_id"].tolist() == expected


def test_a_diverse_list_has_items_of_other_genres():
    """Planted: users of one genre, whose best items are all of it; genres are the attributes."""
    rows = [(f"u{u}", f"i{i}") for u in range(20) for i in range(20) if (u + i) % 2 and (u + i) % 5]
    log = kgrec.Interactions.read(pd.DataFrame(rows, columns=["user_id", "item_id"]))
    table = kgrec.AttributeTable.read(
        pd.DataFrame({"item_id": [f"i{i}" for i in range(20)], "genre": ["even", "odd"] * 10}),
        categories=["genre"],
    )
    rec = kgrec.Recommender(model=kgrec.EASE(), items=table, text=None).fit(log)

    def genres(**dials):
        found = rec.recommend("u1", 2, liked=(), exclude=[], **dials)
        return [int(one.item[1:]) % 2 for one in found]

    plain = genres()
    assert plain[0] == plain[1]  # the same kind twice
    diverse = genres(diversity=0.9)
    assert diverse[0] == plain[0]
    assert diverse[1] != plain[0]
