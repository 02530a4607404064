"""Comparisons of planted evaluations, and evaluations read from files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from kgrec.errors import ConfigError, DataError, RunError
from kgrec.evaluation.base import Evaluation
from kgrec.evaluation.comparison import compare_models
from kgrec.evaluation.significance import SignificanceConfig, bootstrap_interval, paired_tests
from kgrec.evaluation.stored import read_evaluation
from kgrec.outputs.checked import with_checksum

USERS = tuple(f"u{row}" for row in range(50))


def evaluation(shift, k=(5, 10), kinds=("ndcg", "recall", "mrr", "hit"), seed=0):
    base = np.random.default_rng(0).random(50)
    noise = np.random.default_rng(seed + 1).normal(shift, 0.05, 50)
    values = {f"{kind}@{cut}": base + noise + cut / 100 for cut in k for kind in kinds}
    return Evaluation(
        metrics={name: float(column.mean()) for name, column in values.items()},
        per_user=values,
        user_ids=USERS,
        k=tuple(k),
        num_candidates=300,
        num_judgements=120,
        num_unreachable=2,
    )


def test_the_first_is_the_reference_and_default_metrics_are_chosen():
    config = SignificanceConfig(samples=199)
    models = {"base": evaluation(0), "good": evaluation(0.1, seed=1), "bad": evaluation(-0.1)}
    found = compare_models(models, config=config)
    assert found.metrics == ("ndcg@5", "recall@5", "mrr@5")
    assert found.reference.name == "base"
    assert list(found.tests["mrr@5"]) == ["good", "bad"]
    assert found.tests["ndcg@5"]["good"].gain > 0.05 > -0.05 > found.tests["ndcg@5"]["bad"].gain
    expected = bootstrap_interval(models["bad"].per_user["ndcg@5"], config)
    assert found.models[2].intervals["ndcg@5"] == expected
    table = found.to_pandas("mrr@5")
    assert table.index.tolist() == ["good", "bad"]
    assert table.loc["bad", "t_test_holm"] == found.tests["mrr@5"]["bad"].t_test_holm
    assert found.to_pandas().index.name == "ndcg@5"
    with pytest.raises(ConfigError, match=r"'mrr@6' was not tested. Did you mean 'mrr@5'"):
        found.to_pandas("mrr@6")
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert written["reference"] == "base"
    assert written["models"]["good"]["metrics"] == models["good"].metrics
    assert written["tests"]["ndcg@5"]["good"] == found.tests["ndcg@5"]["good"].to_dict()


def test_runs_of_one_model_are_averaged_before_they_are_tested():
    runs = [evaluation(0.1, seed=seed) for seed in (1, 2, 3)]
    found = compare_models({"base": evaluation(0), "ours": runs}, ["ndcg@10"])
    ours = found.models[1]
    mean = np.mean([run.per_user["ndcg@10"] for run in runs], axis=0)
    assert ours.num_runs == 3
    assert ours.evaluation.per_user["ndcg@10"] == pytest.approx(mean)
    means = [run.per_user["ndcg@10"].mean() for run in runs]
    assert ours.ranges["ndcg@10"] == pytest.approx((min(means), max(means)))
    alone = paired_tests(mean, evaluation(0).per_user["ndcg@10"])
    assert found.tests["ndcg@10"]["ours"].t_test_p == pytest.approx(alone.t_test_p)


def test_what_only_one_of_several_runs_says_is_not_said_of_their_mean():
    runs = [
        replace(evaluation(0, seed=seed), details={"settings": {"num": 9}, "groups": {"by": seed}})
        for seed in (1, 2)
    ]
    mean = compare_models({"base": runs, "ours": runs}).reference.evaluation
    assert mean.details == {"settings": {"num": 9}}
    assert compare_models({"a": runs[0], "b": runs[1]}).reference.evaluation.details["groups"]


def test_of_errors_less_is_better():
    models = {"base": evaluation(0, (1,)), "good": evaluation(-0.1, (1,), seed=1)}
    errors = {
        name: replace(one, per_user={"rmse": one.per_user["ndcg@1"]}, k=())
        for name, one in models.items()
    }
    found = compare_models(errors)
    assert found.metrics == ("rmse",)
    assert [model.name for model in found.ranked("rmse")] == ["good", "base"]
    assert [model.name for model in compare_models(models).ranked("ndcg@1")] == ["base", "good"]


def test_only_cut_offs_that_all_have_are_chosen():
    models = {"a": evaluation(0, (5, 10)), "b": evaluation(0, (10, 20)), "c": evaluation(0, (10,))}
    assert compare_models(models).metrics == ("ndcg@10", "recall@10", "mrr@10")
    few = {"a": evaluation(0, (5, 7), ("hit", "mrr")), "b": evaluation(0, (7,), ("hit", "ndcg"))}
    assert compare_models(few).metrics == ("hit@7",)
    with pytest.raises(ConfigError, match="no per-user metric in common"):
        compare_models({"a": evaluation(0, (5,)), "b": evaluation(0, (7,))})


def test_too_few_models_and_what_does_not_fit():
    with pytest.raises(ConfigError, match="two models or more, found 1"):
        compare_models({"a": evaluation(0)})
    with pytest.raises(ConfigError, match=r"Did you mean 'recall@10'"):
        compare_models({"a": evaluation(0), "b": evaluation(0)}, ["recal@10"])
    other = Evaluation({}, evaluation(0).per_user, USERS, (5, 10), 301, 120)
    with pytest.raises(DataError, match="a and b were measured differently: 300 and 301 ranked"):
        compare_models({"a": evaluation(0), "b": other})


def test_what_is_written_is_read_again(tmp_path):
    path, first = tmp_path / "evaluation_test.json", evaluation(0.1)
    first.save_json(path)
    again = read_evaluation(path)
    assert again.to_dict(per_user=True) == first.to_dict(per_user=True)
    assert again.user_ids == first.user_ids
    np.testing.assert_array_equal(again.per_user["mrr@5"], first.per_user["mrr@5"])
    assert read_evaluation(path).num_unreachable == 2
    settings = {"settings": {"num": 100}}
    replace(first, protocol="candidates", sampled=True, details=settings).save_json(path)
    again = read_evaluation(path)
    assert (again.protocol, again.sampled, again.details) == ("candidates", True, settings)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tree: tree.pop("per_user"), "lacks the key 'per_user'"),
        (lambda tree: tree.pop("k"), "lacks the key 'k'"),
        (lambda tree: tree["per_user"]["user_id"].append("u0"), "each once"),
        (lambda tree: tree["per_user"]["user_id"].append("new"), "each of the 51 users"),
        (lambda tree: tree["per_user"].update({"ndcg@5": "x"}), "damaged"),
        (lambda tree: tree["per_user"].update({"ndcg@5": [float("nan")] * 50}), "needs a number"),
        (lambda tree: tree.update(num_candidates="\x1b[2J"), "integers"),
        (lambda tree: tree.update(k=5), "damaged"),
        (lambda tree: tree.update(metrics=[1]), "damaged"),
        (lambda tree: tree.update(protocol=1), "protocol must be a name"),
        (lambda tree: tree.update(details=[1]), "details must be an object"),
        (lambda tree: tree.update(metrics={"a": "b"}), "damaged"),
        (lambda tree: tree.update(metrics={"a": 10**400}), "damaged"),
        (lambda tree: tree["per_user"].update({"ndcg@5": [10**400] * 50}), "damaged"),
        (lambda tree: tree.update(metrics={"a": float("nan")}), "damaged"),
        (lambda tree: tree.update(k=[-1]), "cut-offs"),
        (lambda tree: tree.update(sampled="no"), "true or false"),
    ],
)
def test_damaged_files(tmp_path, change, says):
    path = tmp_path / "evaluation_test.json"
    tree = evaluation(0).to_dict(per_user=True)
    change(tree)
    path.write_text(json.dumps(with_checksum(tree)))  # as somebody malicious would
    with pytest.raises(RunError, match=says) as raised:
        read_evaluation(path)
    assert "evaluation_test.json" in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_a_changed_figure_is_found(tmp_path):
    path = tmp_path / "evaluation_test.json"
    evaluation(0).save_json(path)
    tree = json.loads(path.read_text())
    tree["per_user"]["ndcg@5"][3] += 0.25
    path.write_text(json.dumps(tree))
    with pytest.raises(RunError, match=r"evaluation_test\.json is damaged: its checksum"):
        read_evaluation(path)
    del tree["sha256"]
    path.write_text(json.dumps(tree))
    with pytest.raises(RunError, match=r"evaluation_test\.json is damaged: it has no checksum"):
        read_evaluation(path)


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "null", "[" * 100_000, '{"per_user": 3}', "\ud800"]
)
def test_files_that_are_no_evaluation(tmp_path, text):
    path = tmp_path / "e.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RunError, match="damaged"):
        read_evaluation(path)
    with pytest.raises(RunError, match="There is no evaluation"):
        read_evaluation(tmp_path / "none.json")
