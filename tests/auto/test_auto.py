"""The default model: right answers on planted data, chosen on validation alone."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from kgrec.auto.auto import Auto, AutoConfig
from kgrec.auto.choices import collect
from kgrec.auto.context import Context
from kgrec.auto.report import Report
from kgrec.errors import DataError, KgrecWarning, RunError
from kgrec.models.ease import EASE
from kgrec.models.popular import MostPopular
from kgrec.models.standardising import standardised
from kgrec.testing import FindsBlocks, ModelContract, planted


@cache
def validated():
    known = planted()
    return replace(known.data, valid=known.held_out)


class TestAuto(FindsBlocks, ModelContract):
    def make(self):
        return Auto(AutoConfig(effort="quick"))

    def data(self):
        return validated()


@cache
def fitted():
    return Auto(AutoConfig(effort="quick")).fit(validated())


def test_scores_are_the_weighted_sum_of_the_members_and_of_the_context():
    model, data = fitted(), validated()
    context = Context.of(data)
    users = context.of_histories(data.train.matrix())
    weights = model._weights
    by_hand = np.zeros((3, data.train.num_items))
    for row, user in enumerate((0, 5, 9)):
        active, means = users[user, 0], users[user, 1:]
        for place, member in enumerate(model.members):
            z = standardised(member.score(np.array([user])))[0]
            by_hand[row] += (weights.models[place, 0] + weights.models[place, 1] * active) * z
        of_items = weights.items[:, 0] + weights.items[:, 1] * active + weights.items[:, 2] * means
        by_hand[row] += context.items @ of_items
    np.testing.assert_allclose(model.score(np.array([0, 5, 9])), by_hand, rtol=1e-4, atol=1e-4)


def test_the_report_says_what_was_tried_and_chosen():
    report = fitted().report
    families = {trial.family for trial in report.trials}
    assert {"popularity", "users", "similar items", "items and their attributes"} <= families
    assert set(report.chosen) <= families
    assert len(report.chosen) == len(fitted().members)
    assert 0 < report.value <= 1
    text = "\n".join(report.lines())
    assert "interactions:" in text
    assert f"NDCG@10 {report.value:.4f}" in text


@pytest.mark.parametrize(
    ("chosen", "level", "says"),
    [
        (["items"], "none", "One model is used: NDCG@10 0.3000. No sum ranks better."),
        (["items", "users"], "none", "The weights are the same for all users and items."),
        (["items"], "popularity", "depend on the user's activity and the item's pop"),
    ],
)
def test_the_report_says_how_models_are_added(chosen, level, says):
    report = Report(chosen=chosen, value=0.3, without=[None] * len(chosen), level=level)
    assert any(says in line for line in report.lines())
    assert any("Together" in line for line in report.lines()) != says.startswith("One model")


def test_what_could_be_chosen_does_not_depend_on_what_was_chosen(monkeypatch):
    """Else a pair that no model ranks high would be known to be chosen."""
    monkeypatch.setattr("kgrec.auto.choices.CANDIDATES", 3)
    data = validated()
    models = [EASE().fit(data), MostPopular().fit(data)]
    users = Context.of(data).of_histories(data.train.matrix())
    had = data.train.matrix().toarray() > 0
    rng = np.random.default_rng(0)
    other = [rng.choice(np.flatnonzero(~had[user])) for user in data.valid.user]
    drawn = replace(data.valid, item=np.array(other))
    found = [collect(models, data, valid, users) for valid in (data.valid, drawn)]
    pairs = [set(zip(one.user, one.item, strict=True)) for one in found]
    assert pairs[0] == pairs[1]
    rows = np.unique(data.valid.user)
    for choices, valid in zip(found, (data.valid, drawn), strict=True):
        wanted = set(zip(valid.user, valid.item, strict=True))
        for user, item, chosen in zip(choices.user, choices.item, choices.chosen, strict=True):
            assert chosen == ((rows[user], item) in wanted)
            assert not had[rows[user], item]
        np.testing.assert_array_equal(choices.num_chosen, 1)
    assert found[1].chosen.sum() < len(rows)  # what no model ranks high counts as chosen, no more


def test_without_validation_safe_models_are_used_and_said():
    data = replace(validated(), valid=None)
    with pytest.warns(KgrecWarning, match="0 validation users, too few"):
        model = Auto().fit(data)
    assert len(model.members) >= 2
    assert model.report.value is None
    assert not any("NDCG" in line for line in model.report.lines())
    assert planted().found(model.score(planted().known_users)) > 0.9


def test_the_test_part_is_not_needed_and_the_seed_decides_nothing_in_closed_forms():
    other = Auto(AutoConfig(effort="quick", seed=3)).fit(validated())
    assert [member.name for member in other.members] == [m.name for m in fitted().members]


def test_each_model_is_said_and_a_time_limit_leaves_out_the_rest():
    model = Auto(AutoConfig(effort="quick", time_limit=1e-9))
    said = []
    model.say = said.append
    model.fit(validated())
    assert [trial.family for trial in model.report.trials] == ["popularity"]
    assert said[0].startswith("Model 1, popularity: NDCG@10 ")
    assert "users" in model.report.left_out
    assert "Not all was tried, since the time limit was over" in model.report.lines()[-1]
    assert model.report.figures().keys() == {"popularity", "together"}


def test_refit_learns_from_the_validation_part_too_with_the_choices_as_they_are():
    model, data = Auto(AutoConfig(effort="quick", refit=True)).fit(validated()), validated()
    assert model.refits
    before, chosen = model.score(np.arange(5)), [one.config for one in model.members]
    both = replace(data, train=data.train.joined(data.valid), valid=None)
    weights = model._weights
    model.refit(both)
    assert model._weights is weights
    assert [one.config for one in model.members] == chosen
    assert not np.allclose(model.score(np.arange(5)), before)
    alone = type(model.members[0])(chosen[0]).fit(both)
    np.testing.assert_array_equal(model.members[0].score(np.arange(5)), alone.score(np.arange(5)))
    with pytest.raises(DataError, match="the same features of items"):
        model.refit(replace(both, attributes=None))


def test_a_state_with_unknown_members_is_refused():
    state = fitted().state()
    text = state["about"].tobytes().replace(b'"name": "', b'"name": "no_')
    state["about"] = np.frombuffer(text, dtype=np.uint8)
    with pytest.raises(RunError, match="damaged"):
        Auto(AutoConfig(effort="quick")).load_state(state, validated())
