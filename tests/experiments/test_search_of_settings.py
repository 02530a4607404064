"""The search of settings: its ranges, its budget, and the best settings that it wrote."""

import json
import sys
from pathlib import Path

import pytest
from all_facts import all_facts

pytest.importorskip("optuna")  # of the extra `tune`

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
sys.path.insert(0, str(EXPERIMENTS))

import search_space  # noqa: E402

from kgrec.config import MODELS, NamedEnsembleConfig, load_config, make_config  # noqa: E402

JOBS = search_space.jobs()
SEARCHED = [
    (dataset, model)
    for dataset, model in JOBS
    if model != search_space.OWN and search_space.does_not_apply(dataset, model) is None
]


def test_every_model_has_its_turn_on_every_data_set_once():
    models = {model for name, model in JOBS if name == "lastfm"}
    # Of models, of ratings, and EASE for catalogues where its square fits nowhere.
    others = {"ensemble", "auto", "kernel_ratings", "low_rank"}
    assert models == set(MODELS) - others | {search_space.OWN}
    assert len(JOBS) == len(set(JOBS)) == len(models) * len(search_space.DATASETS)


@pytest.mark.parametrize(("dataset", "model"), SEARCHED)
def test_ranges_hold_the_defaults_and_their_ends_are_settings(dataset, model):
    ranges = search_space.space(dataset, model, all_facts())
    first = search_space.defaults(dataset, model, ranges)
    assert first.keys() == ranges.keys()
    ends = {"low": {}, "high": {}}
    for name, values in ranges.items():
        choices = getattr(values, "values", None)
        if choices is None:
            assert values.low <= first[name] <= values.high
            choices = (values.low, values.high)
        assert choices[0] != choices[-1]
        assert first[name] in choices or not hasattr(values, "values")
        ends["low"][name], ends["high"][name] = choices[0], choices[-1]
    default = make_config({"data": {}, "model": {"name": model}}).model
    for settings in (ends["low"], ends["high"]):
        tree = {"name": model, **search_space.nested(settings, ranges)}
        made = make_config({"data": {}, "model": tree}).model
        assert not ranges or made != default  # each name reaches a setting
    assert model == "most_popular" or ranges


def place_now(name):
    """Return where a setting is whose name was measured by version 0.1."""
    section, _, rest = name.partition(".")
    if name == "training.contrast.weight":  # one for both
        return "training.contrast.user_weight"
    if name in ("training.temperature", "training.rating_power"):
        return f"training.loss.{rest}"
    if section != "model":
        return name
    of_predictor = {"fusion", "id_dropout", "knowledge.weight"}
    return f"predictor.{rest}" if rest in of_predictor else f"predictor.encoder.{rest}"


def best():
    return sorted((EXPERIMENTS / "best").glob("*/*.yaml"))


def test_the_best_settings_are_those_of_the_results():
    path = EXPERIMENTS / "results" / "search.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    found = {
        (dataset, model): row
        for dataset, models in results.items()
        for model, row in models.items()
        if "not_applicable" not in row
    }
    assert {(file.parent.name, file.stem) for file in best()} == found.keys()
    trials = {row["num_trials"] for row in found.values()}
    assert trials <= {1, 20}  # 1 where there is nothing to search
    for (dataset, model), row in found.items():
        chosen = max(value for value in row["trials"] if value is not None)
        assert abs(chosen - row["valid"][row["chosen_by"]]) < 1e-4
        assert row["chosen_by"] == search_space.METRIC.get(dataset, "ndcg@10")
        names = {place_now(name) for name in row["settings"]}
        # What was measured is among what is varied now.
        assert model == search_space.OWN or names <= set(
            search_space.space(dataset, model, all_facts())
        )


@pytest.mark.parametrize("file", best(), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_best_settings_are_configs(file):
    config = load_config(file)
    whole = isinstance(config.model, NamedEnsembleConfig)
    assert config.model.name == ("ensemble" if whole else file.stem)
    own = load_config(EXPERIMENTS / f"{search_space.DATASETS[file.parent.name]}.yaml")
    assert config.data == own.data
    assert config.text == own.text
