"""`kgrec compare`: run folders side by side, measured where they were not yet."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import xml.etree.ElementTree as ET
from html import unescape

import pandas as pd
import pytest
import yaml

from kgrec.config import load_config
from kgrec.drawing.results import draw_comparison_times
from kgrec.errors import ConfigError, DataError, RunError
from kgrec.evaluation.candidates import CandidatesConfig
from kgrec.evaluation.comparison import compare_models
from kgrec.evaluation.stored import read_evaluation
from kgrec.outputs.checked import write_checked_json
from kgrec.runs.comparing import compare_runs
from kgrec.runs.manifest import write_manifest
from kgrec.runs.training import train_run
from kgrec.runs.training_figures import training_seconds, validation_curves

pytestmark = pytest.mark.usefixtures("word_encoder")


@pytest.fixture(scope="module")
def runs(project, trained_run, tmp_path_factory):
    """Return two runs that were trained on the same split, and not measured yet."""
    folder = tmp_path_factory.mktemp("compared")
    shutil.copytree(trained_run, folder / "trained")
    train_run(load_config(project, ["model={name: most_popular}", "text=null"]), folder / "popular")
    return folder / "popular", folder / "trained"


def test_table_json_and_picture_agree(ok, runs, tmp_path):
    picture = tmp_path / "compared.svg"
    found = json.loads(ok("compare", *runs, "-k", 3, "-k", 7, "--picture", picture, "--json"))
    stored = {run.name: read_evaluation(run / "evaluation_test.json") for run in runs}
    metrics = [f"{kind}@{cut}" for cut in (3, 7) for kind in ("ndcg", "recall", "mrr")]
    expected = compare_models(stored, metrics)
    assert found == json.loads(json.dumps(expected.to_dict()))
    assert found["reference"] == "popular"
    test = found["tests"]["ndcg@3"]["trained"]
    assert test["gain"] > 0.1  # blocks are planted, and popularity knows none
    assert test["t_test_p"] < 0.001

    table = ok("compare", *runs, "-k", 3)
    lines = [line.split() for line in table.splitlines()]
    ndcg = next(place for place, line in enumerate(lines) if line[:1] == ["ndcg@3"])
    assert [line[0] for line in lines[ndcg + 1 : ndcg + 3]] == ["trained", "popular"]
    assert lines[ndcg + 1][1:3] == [f"{test['mean']:.4f}", f"{test['gain']:+.4f}"]
    assert lines[ndcg + 2][1:] == [f"{test['reference']:.4f}", "reference"]
    assert "ndcg@7" not in table
    assert "Differences are to popular" in table

    texts = " | ".join(svg_texts(picture))
    assert f"{test['mean']:.4f}  {test['gain']:+.4f}, p < 0.001" in texts
    assert f"{found['tests']['mrr@7']['trained']['mean']:.4f}  " in texts
    assert "popular" in texts
    assert "trained" in texts


def test_what_is_measured_already_is_not_measured_again(runs):
    said = []
    compare_runs(runs, k=[3, 5], say=said.append)
    compare_runs(runs, metrics=["hit@3"], say=said.append)
    assert len([text for text in said if "popular" in text]) <= 1
    before = len(said)
    compare_runs(runs, metrics=["hit@4"], say=said.append)
    assert [re.sub(r".*/", "", text) for text in said[before:]] == [
        "popular on test …",
        "trained on test …",
    ]
    # What had been measured is still there.
    assert {3, 4, 5} <= set(read_evaluation(runs[0] / "evaluation_test.json").k)
    valid = compare_runs(runs, "valid", k=[3], say=said.append)
    assert valid.reference.evaluation.num_judgements == read_evaluation(
        runs[1] / "evaluation_valid.json"
    ).num_judgements  # fmt: skip


def test_another_protocol_has_files_of_its_own(ok, runs):
    full = json.loads(ok("compare", *runs, "--json", "-k", 3))
    found = json.loads(ok("compare", *runs, "--protocol", "candidates", "-k", 3, "--json"))
    assert found["models"]["trained"]["protocol"] == "candidates"
    assert found["models"]["trained"]["metrics"] != full["models"]["trained"]["metrics"]
    stored = read_evaluation(runs[1] / "evaluation_test_candidates.json")
    assert found["models"]["trained"]["metrics"] == dict(stored.metrics)
    said = []
    compare_runs(runs, protocol="candidates", k=[3], say=said.append)
    assert said == []
    other = CandidatesConfig(num=5, seed=1)
    compare_runs(runs, protocol=other, k=[3], say=said.append)
    assert len(said) == 2  # other settings: measured again
    assert read_evaluation(runs[0] / "evaluation_test_candidates.json").num_candidates <= 6
    with pytest.raises(ConfigError, match="Did you mean 'candidates'"):
        compare_runs(runs, protocol="candidate")


def test_runs_that_differ_in_their_seed_are_one_model_if_asked(runs, tmp_path):
    popular, trained = runs
    compare_runs(runs, k=[3])
    twin = shutil.copytree(trained, tmp_path / "twin")
    config = yaml.safe_load((twin / "config.yaml").read_text())
    config["seed"] = 99
    (twin / "config.yaml").write_text(yaml.safe_dump(config))
    write_manifest(twin)
    evaluation = json.loads((twin / "evaluation_test.json").read_text())
    values = evaluation["per_user"]["ndcg@3"]
    evaluation["per_user"]["ndcg@3"] = [1.0] * len(values)
    del evaluation["sha256"]
    write_checked_json(twin / "evaluation_test.json", evaluation)
    found = compare_runs([popular, trained, twin], metrics=["ndcg@3"], seeds=True)
    assert [model.name for model in found.models] == ["popular", "trained (mean of 2)"]
    own = read_evaluation(trained / "evaluation_test.json").per_user["ndcg@3"].mean()
    assert found.tests["ndcg@3"]["trained (mean of 2)"].mean == pytest.approx((own + 1) / 2)
    separate = compare_runs([popular, trained, twin], metrics=["ndcg@3"])
    assert [model.name for model in separate.models] == ["popular", "trained", "twin"]
    with pytest.raises(ConfigError, match=r"found 1\. All runs differ only in their seeds"):
        compare_runs([trained, twin], seeds=True)


def svg_texts(path):
    tree = ET.parse(path, ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)))
    return [unescape(node.text.strip()) for node in tree.iter(ET.Comment)]


def test_pictures_of_curves_and_of_times(kgrec, runs, tmp_path):
    curves, times = tmp_path / "curves.svg", tmp_path / "times.svg"
    code, _, err = kgrec("compare", *runs, "-k", 3, "--curves", curves, "--times", times)
    assert code == 0, err
    assert "popular has no validation curve." in err
    best = max(point["ndcg@10"] for point in json.loads((runs[1] / "curve.json").read_text()))
    assert {f"trained: {best:.4f}", "validation ndcg@10"} <= set(svg_texts(curves))
    assert {"trained", "popular", "ndcg@3"} <= set(svg_texts(times))
    twin = shutil.copytree(runs[1], tmp_path / "twin")
    text = (twin / "config.yaml").read_text()
    (twin / "config.yaml").write_text(re.sub(r"^seed: \d+", "seed: 99", text, flags=re.M))
    write_manifest(twin)
    found = validation_curves([runs[1], twin], seeds=True)
    curve = json.loads((runs[1] / "curve.json").read_text())
    assert found.models == {"trained (mean of 2)": [curve, curve]}
    assert (found.metric, found.without) == ("ndcg@10", ())
    metrics = json.loads((twin / "metrics.json").read_text())
    first = metrics["seconds"]["fit"]
    metrics["seconds"]["fit"] = first + 8
    (twin / "metrics.json").write_text(json.dumps(metrics))
    write_manifest(twin)
    seconds = training_seconds([runs[1], twin], seeds=True)
    assert seconds == {"trained (mean of 2)": pytest.approx(first + 4)}


def test_pictures_of_runs_that_have_nothing_to_draw(runs, tmp_path):
    popular, trained = runs
    with pytest.raises(DataError, match="None of the runs has a validation curve"):
        validation_curves([popular])
    with pytest.raises(ConfigError, match="No seconds are given for the compared model trained"):
        draw_comparison_times(compare_runs(runs, k=[3]), {"popular": 1.0}, tmp_path / "t.png")
    other = shutil.copytree(trained, tmp_path / "other")
    config = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(config.replace("metric: ndcg@10", "metric: recall@10"))
    write_manifest(other)
    with pytest.raises(DataError, match=r"one metric that all have: ndcg@10, recall@10"):
        validation_curves([trained, other])
    point = '[{"epoch": %s, "ndcg@10": %s}]'
    unfit = [point % (1, value) for value in ("NaN", "Infinity", "true", 10**400)]
    unfit += [point % (1e308, 0.5), "[", "{}", '[{"epoch": "x"}]', '[{"epoch": 1}, {"loss": 1}]']
    for text in unfit:
        (other / "curve.json").write_text(text)
        write_manifest(other)
        with pytest.raises(RunError, match=r"curve\.json is damaged"):
            validation_curves([other])
    seconds = [f'{{"seconds": {{"fit": {value}}}}}' for value in (-1, '"x"', 1e308, 10**400)]
    for text in ("{}", "[]", *seconds):
        (other / "metrics.json").write_text(text)
        write_manifest(other)
        with pytest.raises(RunError, match=r"metrics\.json"):
            training_seconds([popular, other])


def test_folders_of_one_name_are_told_apart_by_their_paths(runs, tmp_path):
    other = shutil.copytree(runs[0], tmp_path / "popular")
    found = compare_runs([runs[0], other], k=[3])
    assert [model.name for model in found.models] == [str(runs[0]), str(other)]
    assert found.tests["ndcg@3"][str(other)].t_test_p == 1.0


def test_what_cannot_be_compared(kgrec, runs, tmp_path):
    popular, trained = runs
    other = shutil.copytree(trained, tmp_path / "other")
    path = other / "data" / "interactions.parquet"
    frame = pd.read_parquet(path)
    test = frame.index[frame["part"] == "test"]
    frame.loc[test[0], "part"] = "train"
    frame.to_parquet(path)
    write_manifest(other)
    with pytest.raises(DataError, match=rf"{len(test)} and {len(test) - 1} .* {len(test) - 1} are"):
        compare_runs([trained, other])
    with pytest.raises(ConfigError, match="named twice"):
        compare_runs([popular, trained, popular / ".." / "popular"])
    with pytest.raises(ConfigError, match="two models or more, found 1"):
        compare_runs([popular])
    with pytest.raises(RunError, match="is no run folder"):
        compare_runs([popular, tmp_path])
    with pytest.raises(ConfigError, match="Did you mean 'test'"):
        compare_runs(runs, "tset")
    with pytest.raises(ConfigError, match=r"Known: valid, test\."):
        compare_runs(runs, "train")
    with pytest.raises(ConfigError, match="protocol 'ctr' ranks nothing"):
        compare_runs(runs, protocol="ctr", k=[5])
    with pytest.raises(ConfigError, match="larger than the catalogue"):
        compare_runs(runs, k=[1000])
    with pytest.raises(ConfigError, match="no metric 'ndcg@999"):
        compare_runs(runs, metrics=["ndcg@" + "9" * 5000])
    code, out, err = kgrec("compare", *runs, "--metric", "ndgc@3")
    assert (code, out) == (2, "")
    assert "Did you mean 'ndcg@3'" in err
    for ids in (range(len(frame)), [[1]] * len(frame)):
        frame.assign(user_id=ids).to_parquet(path)
        write_manifest(other)
        with pytest.raises(RunError, match=r"interactions\.parquet is damaged: .* text"):
            compare_runs([trained, other])
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(RunError, match=r"interactions\.parquet is damaged"):
        compare_runs([trained, other])
    path.unlink()
    with pytest.raises(RunError, match="lacks"):
        compare_runs([trained, other])


def test_configs_that_are_damaged_or_grow_without_end(runs, tmp_path):
    other = shutil.copytree(runs[1], tmp_path / "other")
    bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    bomb += [f"{n}: &{n} [{','.join(['*' + p] * 9)}]" for p, n in itertools.pairwise("abcdefghi")]
    for text in ("[", "- 1", "sed: 1", "\n".join(bomb)):
        (other / "config.yaml").write_text(text)
        write_manifest(other)
        with pytest.raises(RunError, match=r"config\.yaml is damaged"):
            compare_runs([runs[0], other], seeds=True)
