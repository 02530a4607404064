"""Tasks with one tower, from a config to a folder whose head is read again: planted answers."""

import json

import numpy as np
import pandas as pd
import pytest
from tiny_bert import topic_texts, write_tiny_bert
from typer.testing import CliRunner

from kgrec.cli import app
from kgrec.config import make_config
from kgrec.errors import ConfigError, DataError, KgrecWarning, RunError
from kgrec.outputs.tensors import load_tensors, save_tensors
from kgrec.runs.text_tuning import tune_text
from kgrec.text.tuning.loop import Tuner
from kgrec.text.tuning.one_tower import OneTower
from kgrec.text.tuning.user_texts import UserText

ITEMS, USERS = 48, 24
JOBS = ("alien", "thief", "paris")
TEXTS, TOPICS = topic_texts(ITEMS)


def _rating(user, item):
    """Topic 0 is better by a star and topic 2 worse; users with one job give more, others less."""
    return 3 + (1 - TOPICS[item]) + (1 - user % 3)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    random = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{item}", _rating(user, item))
        for user in range(USERS)
        for item in random.choice(ITEMS, 16, replace=False)
    ]
    pd.DataFrame(rows, columns=["user_id", "item_id", "rating"]).to_csv(
        folder / "ratings.csv", index=False
    )
    kinds = np.array(["space", "heist", "love"])[TOPICS]
    extra = np.where(np.arange(ITEMS) % 2 == 0, "|long", "")
    pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)], "title": TEXTS,
                  "kind": [a + b for a, b in zip(kinds, extra, strict=True)],
                  "one": kinds, "rare": [f"r{n // 2}" for n in range(ITEMS)]}
                 ).to_csv(folder / "items.csv", index=False)  # fmt: skip
    pd.DataFrame({"user_id": [f"u{n}" for n in range(USERS)],
                  "job": [JOBS[n % 3] for n in range(USERS)],
                  "about": [f"story of {JOBS[n % 3]}" for n in range(USERS)]}
                 ).to_csv(folder / "users.csv", index=False)  # fmt: skip
    return {
        "data": {"root": str(folder), "interactions": "ratings.csv", "positive": "rating >= 3",
                 "split": "random", "valid": 0.2, "test": 0.1,
                 "items": {"path": "items.csv", "title": "title"},
                 "users": {"path": "users.csv", "categories": ["job"]}},
        "text": {"model": str(write_tiny_bert(folder / "tiny", layers=2, dropout=0.0)),
                 "cache": str(folder / "cache")},
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user's cache"))


def _config(tree, task, *, epochs=6, **data):
    tuning = {
        "regime": "full", "epochs": epochs, "learning_rate": 3e-3, "projection_rate": 3e-3,
        "patience": 6, "precision": "float32", "token_budget": 1024, "tasks": [task],
    }  # fmt: skip
    items = {**tree["data"]["items"], **data.pop("items", {})}
    return make_config(
        {
            **tree,
            "data": {**tree["data"], "items": items, **data},
            "text": {**tree["text"], "tuning": tuning},
        }
    )


def _pair(user, item):
    return UserText(profile=f"Job: {JOBS[user % 3]}."), f"{TEXTS[item]}."


@pytest.fixture(scope="module")
def rated(tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "rating"
    task = {"name": "rating", "batch_size": 16, "history": False}
    return tune_text(_config(tree, task), out), out


def test_ratings_are_learnt_from_both_texts_and_the_head_is_read_again(rated):
    figures, out = rated
    assert figures["before"]["rmse"] > 1.0
    assert figures["valid"]["rmse"] < 0.4
    tower = OneTower.load(out)
    assert (tower.task, tower.ranks) == ("rating", True)
    assert tower.texts == {"history": False, "profile": True, "user_text": None}
    pairs = [(user, item) for user in range(3) for item in range(ITEMS)]
    users, items = zip(*(_pair(*pair) for pair in pairs), strict=True)
    wanted = np.array([_rating(*pair) for pair in pairs])
    found = tower.pair_scores(users, items)
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.5
    np.testing.assert_allclose(tower.scores(users[0], items[:5]), found[:5], atol=1e-5)
    with pytest.raises(ConfigError, match="says no values"):
        tower.values(["a"])


def test_the_validation_figures_are_those_of_the_folder(tree, rated):
    from kgrec.datasets.loading import load_dataset

    valid = load_dataset(_config(tree, "rating").data).split.valid.rated()
    users = [int(valid.users.id(row)[1:]) for row in valid.user.tolist()]
    items = [int(valid.items.id(row)[1:]) for row in valid.item.tolist()]
    pairs = [_pair(*one) for one in zip(users, items, strict=True)]
    found = OneTower.load(rated[1]).pair_scores(*zip(*pairs, strict=True))
    error = found - valid.rating
    assert np.sqrt(np.mean(error**2)) == pytest.approx(rated[0]["valid"]["rmse"], abs=1e-5)
    assert np.abs(error).mean() == pytest.approx(rated[0]["valid"]["mae"], abs=1e-5)


def test_the_commands_rerank_by_it(tree, rated, tmp_path):
    from kgrec.runs.training import train_run

    config = make_config({**tree, "model": {"name": "most_popular"}})
    train_run(config, tmp_path / "run")
    command = ["recommend", str(tmp_path / "run"), "--user", "u0", "-k", "4", "--json"]
    plain = json.loads(CliRunner().invoke(app, command).stdout)
    more = [*command, "--rerank", str(rated[1]), "--rerank-top", "100"]
    answer = CliRunner().invoke(app, more)
    assert answer.exit_code == 0, answer.stderr
    found = json.loads(answer.stdout)
    # The best films are those of topic 0: with a user of the first job, 5 stars.
    assert {TOPICS[int(one["item"][1:])] for one in found} == {0}
    assert min(one["score"] for one in found) > 4
    assert [one["item"] for one in found] != [one["item"] for one in plain]
    several = ["recommend", str(tmp_path / "run"), "--all", "--out", str(tmp_path / "all.csv")]
    refused = CliRunner().invoke(app, [*several, "--rerank", str(rated[1])])
    assert "--rerank is for one user" in str(refused.exception)
    none = CliRunner().invoke(app, [*command, "--rerank", str(tmp_path / "run")])
    assert "has no head" in str(none.exception)


def test_stars_and_clicks_are_learnt(tree, tmp_path):
    stars = {"name": "stars", "batch_size": 16, "history": False}
    found = tune_text(_config(tree, stars), tmp_path / "stars")["valid"]
    assert found["auc"] > 0.9
    assert found["accuracy"] > 0.6
    click = {"name": "click", "batch_size": 16, "positive": 4, "history": False,
             "profile": False, "user_text": "about"}  # fmt: skip
    figures = tune_text(_config(tree, click), tmp_path / "click")
    assert figures["before"]["auc"] == 0.5
    assert figures["valid"]["auc"] > 0.95
    tower = OneTower.load(tmp_path / "click", "click")
    space, love = TEXTS[0], TEXTS[2]
    generous = UserText(own="story of alien")
    yes = tower.scores(generous, [space])[0]
    no = tower.scores(UserText(own="story of paris"), [love])[0]
    assert yes > 0.6 > 0.3 > no


def test_clicks_are_likes_and_dislikes_without_a_threshold(tree, tmp_path):
    task = {"name": "click", "batch_size": 32, "pairs_per_epoch": 64}
    tune_text(_config(tree, task, epochs=1), tmp_path / "out")
    saved = load_tensors(tmp_path / "out/tuning/heads.safetensors")[1]["0"]
    config = _config(tree, task)
    from kgrec.datasets.loading import load_dataset

    train = load_dataset(config.data).split.train
    share = len(train) / len(train.rated())
    assert saved["target"]["share"] == pytest.approx(share)
    with pytest.raises(ConfigError, match=r"both yes and no.*are yes"):
        tune_text(_config(tree, task, positive=None), tmp_path / "none")


def test_an_item_in_question_is_not_in_its_own_users_text(tree, tmp_path, monkeypatch):
    from kgrec.text.tuning.user_texts import PairReader

    seen, real = [], PairReader.tokens

    def tokens(self, user, item):
        seen.append((user, item))
        return real(self, user, item)

    monkeypatch.setattr(PairReader, "tokens", tokens)
    task = {"name": "rating", "batch_size": 64, "profile": False}
    config = _config(tree, task, epochs=1)
    tune_text(config, tmp_path / "out")
    assert len(seen) > 300
    for user, item in seen:
        assert user.liked or user.disliked
        assert all(not item.startswith(f"{title}.") for title in (*user.liked, *user.disliked))


def test_values_of_items_are_learnt_and_hidden_from_the_texts(tree, tmp_path):
    items = {"categories": ["kind", "one", "rare"]}
    task = {"name": "attributes", "of": ["one"], "single": True, "batch_size": 8}
    figures = tune_text(_config(tree, task, items=items), tmp_path / "single")
    assert figures["before"]["macro_f1"] < 0.4
    # The column `kind` is still there, and says it.
    assert figures["valid"]["macro_f1"] > 0.9
    shown = {"name": "attributes", "of": ["kind"], "batch_size": 8}
    with pytest.warns(KgrecWarning, match=r"left out.*min_items"):
        tune_text(
            _config(
                tree,
                {**shown, "of": ["kind", "rare"]},
                epochs=1,
                items={"categories": ["kind", "rare"]},
            ),
            tmp_path / "rare",
        )
    several = tune_text(_config(tree, shown, items={"categories": ["kind"]}), tmp_path / "several")[
        "valid"
    ]
    assert several["macro_f1"] > 0.7
    tower = OneTower.load(tmp_path / "several")
    found = tower.values([f"{text}." for text in TEXTS])
    right = [f"kind: {('space', 'heist', 'love')[topic]}" in one
             for topic, one in zip(TOPICS, found, strict=True)]  # fmt: skip
    assert np.mean(right) > 0.8
    assert not tower.ranks
    with pytest.raises(ConfigError, match="cannot rank for a user"):
        tower.scores(UserText(own="a"), ["b"])


def test_the_texts_of_hidden_values_do_not_have_them(tree, tmp_path, monkeypatch):
    from kgrec.text.tuning.tasks.attributes import AttributesTask

    seen = []
    real = AttributesTask.__init__

    def made(self, config, texts, *more):
        seen.append(list(texts))
        real(self, config, texts, *more)

    monkeypatch.setattr(AttributesTask, "__init__", made)
    for hide in (True, False):
        task = {"name": "attributes", "of": ["kind"], "hide": hide, "batch_size": 32}
        config = _config(tree, task, epochs=1, items={"categories": ["kind", "one"]})
        tune_text(config, tmp_path / str(hide))
    assert all("kind:" not in text and "one:" in text for text in seen[0])
    assert all("kind:" in text for text in seen[1])


def _with_few_labels(tree, folder):
    """Return a config in which every other three items have no value, and the right values."""
    table = pd.read_csv(f"{tree['data']['root']}/items.csv")
    right = table["one"].tolist()
    table.loc[np.arange(ITEMS) // 3 % 2 > 0, "one"] = ""
    table.to_csv(folder / "few.csv", index=False)
    items = {"path": str(folder / "few.csv"), "categories": ["kind", "one"]}  # `kind` says it
    task = {"name": "attributes", "of": ["one"], "single": True, "batch_size": 4, "min_items": 2,
            "pseudo_labels": 0.7, "valid": 0.3}  # fmt: skip
    return _config(tree, task, items=items, epochs=12), right


def test_items_without_values_are_learnt_from_by_sure_answers(tree, tmp_path, monkeypatch):
    from kgrec.text.tuning.tasks.attributes import AttributesTask

    made, real = [], AttributesTask.__init__

    def init(self, *given):
        made.append(self)
        real(self, *given)

    monkeypatch.setattr(AttributesTask, "__init__", init)
    config, right = _with_few_labels(tree, tmp_path)
    figures = tune_text(config, tmp_path / "whole")
    task = made[0]
    curve = json.loads((tmp_path / "whole/tuning/curve.json").read_text())
    counts = [one.get("pseudo_labelled", 0) for one in curve]
    assert counts[0] == 0  # the model as it was labels nothing
    assert counts[-1] >= 8
    assert figures["valid"]["macro_f1"] > 0.75
    place = {text: n for n, text in enumerate(TEXTS)}
    own = [place[text.partition(".")[0]] for text in task.texts]
    rows = [row for row in range(len(own)) if task._known[row].any()]
    said = [task.target.values[int(task.labels[row].argmax())] for row in rows]
    assert np.mean([one == f"one: {right[own[row]]}" for one, row in zip(said, rows, strict=True)]
                   ) > 0.9  # fmt: skip


def _check_that_it_resumes(config, folder, monkeypatch, done):
    """Train twice, once with a stop after some epochs; return the figures of the whole training.

    The curves are compared, too: the best weights may be those of before the stop.
    """
    whole, real = tune_text(config, folder / "whole"), Tuner._epoch

    def epoch(self, steps):
        if self.progress.epoch == done:
            raise KeyboardInterrupt
        return real(self, steps)

    with monkeypatch.context() as patch:
        patch.setattr(Tuner, "_epoch", epoch)
        with pytest.raises(KeyboardInterrupt):
            tune_text(config, folder / "parts")
    assert tune_text(config, folder / "parts", resume=True)["valid"] == whole["valid"]
    for name in ("model.safetensors", "tuning/heads.safetensors"):
        assert (folder / "parts" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    curves = [
        [
            {key: value for key, value in one.items() if key != "seconds"}
            for one in json.loads((folder / part / "tuning/curve.json").read_text())
        ]
        for part in ("whole", "parts")
    ]
    assert curves[0] == curves[1]
    return whole


def test_pseudo_labels_resume_to_the_bit(tree, tmp_path, monkeypatch):
    config, _ = _with_few_labels(tree, tmp_path)
    _check_that_it_resumes(config, tmp_path, monkeypatch, 9)
    curve = json.loads((tmp_path / "whole/tuning/curve.json").read_text())
    assert curve[9]["pseudo_labelled"] > 0  # there was something to restore
    assert len(curve) > 10


def test_no_item_without_values_is_told(tree, tmp_path):
    task = {"name": "attributes", "of": ["one"], "single": True, "pseudo_labels": 0.9}
    with pytest.warns(KgrecWarning, match="nothing to label"):
        tune_text(_config(tree, task, epochs=1, items={"categories": ["one"]}), tmp_path / "all")


def test_relations_of_the_graph_are_values_too(tree, tmp_path):
    root = tmp_path
    lines = [
        "@prefix ex: <http://ex.org/> .",
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .",
        'ex:s rdfs:label "space" . ex:h rdfs:label "heist" . ex:l rdfs:label "love" .',
    ]
    lines += [f"ex:i{n} ex:about ex:{'shl'[TOPICS[n]]} ; ex:part ex:all ." for n in range(ITEMS)]
    (root / "g.ttl").write_text("\n".join(lines))
    pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)],
                  "iri": [f"http://ex.org/i{n}" for n in range(ITEMS)]}
                 ).to_csv(root / "links.csv", index=False)  # fmt: skip
    task = {"name": "attributes", "of": ["about"], "single": True, "batch_size": 8}
    more = {"graph": str(root / "g.ttl"), "links": str(root / "links.csv")}
    figures = tune_text(_config(tree, task, **more), tmp_path / "out")
    assert figures["valid"]["macro_f1"] > 0.6
    saved = json.loads((tmp_path / "out/tuning/tuning.json").read_text())
    assert saved["settings"]["tasks"][0]["of"] == ["about"]
    target = load_tensors(tmp_path / "out/tuning/heads.safetensors")[1]["0"]["target"]
    assert target["values"] == ["about: heist", "about: love", "about: space"]
    with pytest.raises(ConfigError, match=r"'abuot' is neither a column.*Did you mean"):
        tune_text(_config(tree, {**task, "of": ["abuot"]}, **more), tmp_path / "bad")
    with pytest.raises(DataError, match="two values"):
        tune_text(_config(tree, {**task, "of": ["part"]}, **more), tmp_path / "bad")


def test_mistakes_of_the_data_are_told(tree, tmp_path):
    items = {"categories": ["kind"]}
    with pytest.raises(DataError, match=r"items have several values.*single: false"):
        tune_text(
            _config(tree, {"name": "attributes", "of": ["kind"], "single": True}, items=items),
            tmp_path / "out",
        )
    with pytest.raises(ConfigError, match=r"no column of categories 'genre'"):
        tune_text(_config(tree, {"name": "attributes", "of": ["genre"]}), tmp_path / "out")
    with pytest.raises(DataError, match=r"`rating` needs ratings.*data\.rating"):
        tune_text(_config(tree, "rating", rating=None, positive=None), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_head_is_refused(rated, tmp_path):
    import shutil

    out = tmp_path / "copy"
    shutil.copytree(rated[1], out)
    path = out / "tuning/heads.safetensors"
    tensors, about = load_tensors(path)
    with pytest.raises(ConfigError, match=r"no head of the task 'click'"):
        OneTower.load(out, "click")
    save_tensors(path, {**tensors, "0.weight": tensors["0.weight"][:, :5]}, about)
    with pytest.raises(RunError, match="does not fit the encoder"):
        OneTower.load(out)
    save_tensors(path, {**tensors, "0.bias": tensors["0.bias"] * float("nan")}, about)
    with pytest.raises(RunError, match="not finite"):
        OneTower.load(out)
    bad = {"0": {**about["0"], "target": {"kind": "number", "mean": "x", "low": 1, "high": 2}}}
    save_tensors(path, tensors, bad)
    with pytest.raises(RunError, match="does not say what its heads are"):
        OneTower.load(out)
    path.write_bytes(b"junk")
    with pytest.raises(RunError, match="damaged"):
        OneTower.load(out)
    path.unlink()
    with pytest.raises(RunError, match="has no head"):
        OneTower.load(out)


def test_a_stopped_training_of_a_head_goes_on_to_the_same_bits(tree, tmp_path, monkeypatch):
    tasks = [
        {"name": "click", "positive": 4, "batch_size": 32, "pairs_per_epoch": 96},
        {"name": "attributes", "of": ["kind"], "batch_size": 16},
    ]
    config = _config(tree, tasks[0], items={"categories": ["kind"]})
    told = config.model_dump(mode="json")
    told["text"]["tuning"] |= {
        "tasks": tasks,
        "regime": {"name": "top_layers", "n": 1},
        "epochs": 3,
    }
    whole = _check_that_it_resumes(make_config(told), tmp_path, monkeypatch, 2)
    assert {"auc", "log_loss", "macro_f1", "micro_f1"} <= set(whole["valid"])
    assert OneTower.load(tmp_path / "whole", "attributes").values(["space ship"])
    assert OneTower.load(tmp_path / "whole").task == "click"
