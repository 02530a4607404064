"""A fitted recommender, whatever its model, survives a folder."""

import json

import numpy as np
import pandas as pd
import pytest

import kgrec
from kgrec.errors import KgrecWarning, RunError, warn
from kgrec.runs import given_data

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


class Doubtful(kgrec.MostPopular):
    """A model that warns when it is fitted."""

    def fit(self, data, *, callback=None):
        warn("All users like \x1b[31mthe same.")
        return super().fit(data, callback=callback)


def test_warnings_of_a_training_come_back_and_are_inspected(log, tmp_path, ok):
    made = kgrec.Recommender(model=Doubtful(), text=None)
    with pytest.warns(KgrecWarning, match="the same") as shown:
        made.fit(log)
    assert len(shown) == 1
    kgrec.save(made, tmp_path)
    assert kgrec.load(tmp_path).snapshot.warnings == ("All users like \x1b[31mthe same.",)
    found = json.loads(ok("inspect", tmp_path, "--json"))
    assert found["model"]["name"] == "most_popular"
    assert found["warnings"] == ["All users like \x1b[31mthe same."]
    text = ok("inspect", tmp_path)
    assert "1 warning of the training" in text
    assert r"\x1b[31mthe same." in text
    assert "\x1b" not in text


def test_a_warning_on_the_command_line_is_a_line_on_stderr_and_in_the_log(
    kgrec, project, tmp_path, monkeypatch
):
    read = given_data.load_dataset

    def doubtful(*arguments, **options):
        warn("All titles are the same.")
        warn("All titles are the same.")
        return read(*arguments, **options)

    monkeypatch.setattr(given_data, "load_dataset", doubtful)
    code, _, err = kgrec("train", project, "--out", tmp_path / "run", "model={name: most_popular}")
    assert code == 0, err
    assert err.splitlines().count("kgrec: warning: All titles are the same.") == 1
    log = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")
    assert log.splitlines().count("Warning: All titles are the same.") == 1
