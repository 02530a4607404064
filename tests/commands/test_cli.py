"""The command: what it prints on stdout, and that JSON is alone there."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from project import HOSTILE, write_project

from kgrec.errors import printable
from kgrec.runs.reading import load_run


def test_version_and_help(ok):
    import kgrec

    assert ok("--version") == f"kgrec {kgrec.__version__}\n"
    text = ok("--help")
    files = {path.stem for path in (Path(__file__).parents[2] / "kgrec/commands").glob("*.py")}
    for command in files - {"__init__", "options", "failure", "streams", "demonstration"}:
        assert f" {command.replace('_', '-')} " in text


def test_train_then_everything_else(kgrec, ok, project, word_encoder, tmp_path, monkeypatch):
    run = tmp_path / "run"
    code, out, err = kgrec("train", project, "model.training.max_epochs=4", "--out", run)
    assert code == 0, err
    assert out == ""  # what is said goes to stderr
    assert "21 of 23 items linked" in err
    assert f"Run folder: {run}" in err
    assert load_run(run)[1].model.training.max_epochs == 4
    # It needs none of the files that it was trained from.
    monkeypatch.chdir(tmp_path)
    moved = tmp_path / "moved"
    run.rename(moved)
    table = ok("evaluate", moved)
    assert "ndcg@10" in table
    assert "ndcg@20" not in table  # 19 items are ranked
    assert len(json.loads(ok("recommend", moved, "--user", "u00", "--json"))) == 10


def test_recommend(ok, run_folder):
    recommender, _, split = load_run(run_folder)
    # The test part was kept from the model; the user has those items all the same.
    test = split.test
    kept = test.items.take(test.item[test.user == test.users.row("u15")])
    assert kept
    assert set(kept) & {entry.item for entry in recommender.recommend("u15", 4)}
    found = recommender.recommend("u15", 4, exclude=kept)
    assert not set(kept) & {entry.item for entry in found}
    expected = [entry.to_dict() for entry in found]
    assert json.loads(ok("recommend", run_folder, "--user", "u15", "-k", 4, "--json")) == expected
    table = ok("recommend", run_folder, "--user", "u15", "-k", 4)
    for place, entry in enumerate(expected, 1):
        line = next(line for line in table.splitlines() if f" {entry['item']} " in line)
        assert line.split()[0] == str(place)
        assert printable(entry["title"]) in line
        assert f"{entry['score']:.3f}" in line
    liked = json.loads(
        ok("recommend", run_folder, "--liked", "i10", "--liked", "i11", "-k", 3, "--json")
    )
    expected = [entry.to_dict() for entry in recommender.recommend(liked=["i10", "i11"], k=3)]
    for entry in expected:  # a sum over the liked items, which the command adds in another order
        entry["score"] = pytest.approx(entry["score"], rel=1e-6)
    assert liked == expected


def test_search(ok, run_folder):
    found = json.loads(ok("search", run_folder, "pirates", "-k", 3, "--json"))
    expected = load_run(run_folder)[0].search("pirates", 3)
    assert found == [entry.to_dict() for entry in expected]
    assert expected[0].title in ok("search", run_folder, "pirates", "-k", 3)


def rounded(tree):
    """Return a tree of JSON with its numbers rounded: a run is served from stored vectors."""
    if isinstance(tree, dict):
        return {key: rounded(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [rounded(value) for value in tree]
    return round(tree, 5) if isinstance(tree, float) else tree


def test_explain(ok, run_folder, tmp_path):
    expected = load_run(run_folder)[0].explain("u00", "n0")
    found = json.loads(ok("explain", run_folder, "--user", "u00", "--item", "n0", "--json"))
    assert rounded(found) == rounded(json.loads(json.dumps(expected.to_dict())))
    picture = tmp_path / "why.png"
    text = ok("explain", run_folder, "--user", "u00", "--item", "n0", "--picture", picture)
    assert text.splitlines()[0] == expected.sentence
    assert str(expected.paths[0]) in text.splitlines()[1]
    assert picture.read_bytes()[:4] == b"\x89PNG"
    unseen = json.loads(ok("explain", run_folder, "--liked", "i10", "--item", "n1", "--json"))
    assert unseen["user"]["row"] == -1
    assert unseen["paths"][0]["nodes"][1]["id"] == "i10"


JUDGE = """
import json, sys, ranx
run = ranx.Run.from_file(sys.argv[1], kind="trec")
qrels = ranx.Qrels.from_file(sys.argv[1].replace(".trec", ".qrels"), kind="trec")
found = ranx.evaluate(qrels, run, sys.argv[2:])
print(json.dumps({name: float(value) for name, value in found.items()}))
"""


def test_evaluate_and_its_trec_files_by_an_outside_evaluator(ok, run_folder, tmp_path):
    run = shutil.copytree(run_folder, tmp_path / "run")
    trec = tmp_path / "ranking.trec"
    out = ok("evaluate", run, "-k", 3, "-k", 7, "--json", "--trec", trec)
    found = json.loads(out)
    assert found["k"] == [3, 7]
    assert json.loads((run / "evaluation_test.json").read_text())["metrics"] == found["metrics"]
    names = {"ndcg": "ndcg", "recall": "recall", "precision": "precision", "mrr": "mrr",
             "hit": "hit_rate"}  # fmt: skip
    judged = subprocess.run(
        [
            sys.executable,
            "-c",
            JUDGE,
            str(trec),
            *(f"{n}@{k}" for n in names.values() for k in (3, 7)),
        ],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},  # compiling it takes a minute
        capture_output=True,
        text=True,
        check=True,
    )
    judged = json.loads(judged.stdout)
    for ours, theirs in names.items():
        for k in (3, 7):
            assert found["metrics"][f"{ours}@{k}"] == pytest.approx(judged[f"{theirs}@{k}"])
    assert 0 < found["metrics"]["ndcg@3"] <= 1
    depth = trec.read_text().count("u00 Q0")
    assert depth > 7  # deeper than the cut-offs
    plain = ok("evaluate", run, "--split", "valid", "-k", 3)
    assert "ndcg@3" in plain
    assert (run / "evaluation_valid.json").exists()


def test_evaluate_by_other_protocols(kgrec, ok, run_folder, tmp_path):
    run = shutil.copytree(run_folder, tmp_path / "run")
    full = json.loads(ok("evaluate", run, "-k", 3, "--json"))
    assert (full["protocol"], full["sampled"], full["non_standard"]) == ("full", False, False)
    assert {"ild_graph@3", "ild_text@3", "novelty@3", "popularity_lift@3"} < set(full["metrics"])
    jobs = full["details"]["groups"]["job"]
    assert jobs["num_users"] == {"cook": 15, "pilot": 15}
    text = ok("evaluate", run, "-k", 3)
    for value in jobs["metrics"]["ndcg@3"]["by_group"].values():
        assert f"{value:.4f}" in text
    assert f"{jobs['metrics']['ndcg@3']['jain']:.4f}" in text
    kgat = json.loads(ok("evaluate", run, "--protocol", "kgat-ndcg", "-k", 3, "--json"))
    assert kgat["non_standard"]
    assert kgat["metrics"]["kgat_ndcg@3"] >= kgat["metrics"]["ndcg@3"] == full["metrics"]["ndcg@3"]
    sampled = ("evaluate", run, "--protocol", "candidates", "num=2", "seed=3", "-k", 2)
    found = json.loads(ok(*sampled, "--json"))
    assert found["sampled"]
    assert found["details"]["settings"] == {"k": [2], "num": 2, "sampling": "uniform", "seed": 3}
    assert all(name.startswith("sampled_") for name in found["metrics"])
    table = ok(*sampled)
    assert f"{found['metrics']['sampled_ndcg@2']:.4f}" in table
    assert "cannot be compared with those of a full ranking" in table
    assert json.loads(ok(*sampled[:5], "--json"))["k"] == [2]  # no more than are drawn
    click = json.loads(ok("evaluate", run, "--protocol", "ctr", "seeds=[1, 2]", "--json"))
    assert set(click["metrics"]) == {"auc", "acc", "f1"}
    assert click["metrics"]["auc"] > 0.9
    assert len(click["details"]["thresholds"]) == 2
    rated = json.loads(ok("evaluate", run, "--protocol", "ratings", "--json"))
    # Likes have five stars, and the ratings of dislikes are predicted too.
    assert rated["details"]["range"] == [2.0, 5.0]
    assert 0 < rated["metrics"]["rmse"] < 1
    assert "training ratings from 2 to 5" in ok("evaluate", run, "--protocol", "ratings")
    names = {path.name for path in run.glob("evaluation_*.json")}
    protocols = ("", "_kgat-ndcg", "_candidates", "_ctr", "_ratings")
    assert names == {f"evaluation_test{name}.json" for name in protocols}
    for arguments, says in (
        (("--protocol", "kgat"), "Did you mean 'kgat-ndcg'"),
        (("--protocol", "candidates", "nmu=3"), "Did you mean 'num'"),
        (("--protocol", "ctr", "-k", 3), "unknown setting 'k'"),
        (("--protocol", "ctr", "--split", "valid"), "threshold"),
        (("--protocol", "ratings", "--split", "valid"), "damping"),
        (("--protocol", "ctr", "--trec", tmp_path / "x.run"), "full ranking"),
        (("-k", 99), "larger than the catalogue"),
    ):
        code, out, err = kgrec("evaluate", run, *arguments)
        assert (code, out) == (2, "")
        assert says in err


def test_evaluate_given_candidates(kgrec, ok, run_folder, tmp_path):
    run = shutil.copytree(run_folder, tmp_path / "run")
    split = load_run(run)[2]
    pairs = [split.test.to_pandas()[["user_id", "item_id"]]]
    pairs.append(pairs[0].assign(item_id="n2"))  # nobody's
    pd.concat(pairs).to_csv(tmp_path / "offers.csv", index=False)
    options = ("--protocol", "candidates", "--candidates", tmp_path / "offers.csv", "-k", 1)
    found = json.loads(ok("evaluate", run, *options, "--json"))
    assert not found["sampled"]
    assert found["num_unreachable"] == 0
    assert found["metrics"]["given_hit@1"] > 0.7
    unknown = pairs[0].assign(item_id="nowhere")
    unknown.to_csv(tmp_path / "offers.csv", index=False)
    code, _, err = kgrec("evaluate", run, *options)
    assert code == 2
    assert "nowhere" in err


def commands(run, item="x0"):
    return [
        ("recommend", run, "--user", "u00", "-k", 23),
        ("recommend", run, "--liked", item, "-k", 3),
        ("search", run, "Red", "-k", 23),
        ("explain", run, "--user", "u29", "--item", item),
        ("explain", run, "--liked", item, "--item", "i15"),
    ]


def test_hostile_titles_reach_no_terminal(kgrec, run_folder):
    seen = 0
    for arguments in commands(run_folder):
        for extra in ((), ("--json",)):
            code, out, err = kgrec(*arguments, *extra)
            assert code == 0
            for char in ("\x1b", "\x9b", "\x00", "\x07"):
                assert char not in out
                assert char not in err
            if extra:
                assert json.loads(out)
            seen += r"\x1b[31mRed" in out or r"\u001b[31mRed" in out
    assert seen >= 6


def test_hostile_ids_and_labels_reach_no_terminal(kgrec, word_encoder, tmp_path):
    """Ids of users and items, labels in the graph, columns: all of them recolour the screen."""
    config = write_project(tmp_path)
    red = HOSTILE.replace(" ", "_")
    for name in ("ratings.csv", "items.csv", "links.csv"):
        path = tmp_path / name
        path.write_text(
            path.read_text().replace("i04,", f"i04{red},").replace("u00,", f"u00{red},")
        )
    graph = tmp_path / "graph.ttl"
    text = graph.read_text().replace("Director of space", r"Director\u001B[31m\u009B of space")
    graph.write_text(text)
    run = tmp_path / "run"
    results = [kgrec("train", config, "model.training.max_epochs=2", "--out", run)]
    results.append(kgrec("inspect", graph))
    user, item = f"u00{red}", f"i04{red}"
    results += [kgrec(*arguments) for arguments in commands(run, item)[1:3]]
    results += [
        kgrec("recommend", run, "--user", user),
        kgrec("recommend", run, "--user", user, "--json"),
        kgrec("explain", run, "--user", user, "--item", item),
        kgrec("explain", run, "--user", user, "--item", item, "--json"),
        kgrec("explain", run, "--liked", item, "--item", "n0"),
        kgrec("recommend", run, "--user", "u00" + HOSTILE),  # the message names the nearest
    ]
    assert [code for code, _, _ in results] == [0] * 9 + [2]
    for _, out, err in results:
        assert not {"\x1b", "\x9b"} & set(out + err)
    assert r"\x1b" in results[-1][2]
    assert any(r"Director\x1b[31m" in out for _, out, _ in results)


def test_rich_markup_in_titles_is_text(kgrec, word_encoder, tmp_path):
    config = write_project(tmp_path)
    table = tmp_path / "items.csv"
    table.write_text(table.read_text().replace("Title 19", "[bold]Title[/red] [link=x]19"))
    run = tmp_path / "run"
    kgrec("train", config, "model.training.max_epochs=2", "--out", run)
    code, out, _ = kgrec("recommend", run, "--user", "u00", "-k", 19)
    assert code == 0
    assert "[bold]Title[/red] [link=x]19" in out
    code, out, _ = kgrec("explain", run, "--user", "u00", "--item", "n0")
    assert "[bold]Title[/red] [link=x]19" in out


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    graph = tmp_path / "graph.nt"
    graph.write_text("".join(f"<e:{n}> <e:p{n % 500}> <e:{n + 1}> .\n" for n in range(3000)))
    command = [sys.executable, "-m", "kgrec.cli", "inspect", str(graph)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()


def test_films_from_files_to_search_with_the_language_model(ok, tmp_path):
    """Forty films of the embedded data and the real encoder, by the command alone."""
    import pandas as pd

    import kg_data

    films = kg_data.path("films")
    chosen = pd.read_csv(films / "items.csv").iloc[::10]
    chosen.to_csv(tmp_path / "items.csv", index=False)
    ratings = pd.read_csv(films / "ratings.csv")
    kept = ratings[ratings.item_id.isin(chosen.item_id)]
    kept.to_csv(tmp_path / "ratings.csv", index=False)
    config = tmp_path / "films.yaml"
    config.write_text(
        f"""data:
  root: {tmp_path}
  graph: {films / "films.ttl"}
  links: {films / "links.csv"}
  interactions: ratings.csv
  positive: rating >= 4
  items: {{path: items.csv}}
text: {{entities: false}}
model: {{training: {{max_epochs: 20}}}}
"""
    )
    run = tmp_path / "run"
    ok("train", config, "--out", run)
    found = json.loads((run / "metrics.json").read_text())["valid"]["metrics"]
    assert found["ndcg@10"] > 0.2
    titles = list(chosen.title)
    best = json.loads(ok("search", run, titles[7], "-k", 3, "--json"))
    assert best[0]["title"] == titles[7]
    user = kept.user_id.iloc[0]
    assert len(json.loads(ok("recommend", run, "--user", user, "-k", 5, "--json"))) == 5


def test_search_says_what_is_weak(kgrec, run_folder):
    code, out, err = kgrec("search", run_folder, "xqzv", "--json")
    assert code == 0
    assert '"confidence": 0' in out
    assert "kgrec: warning: Weak matches for “xqzv”" in err
    code, out, err = kgrec("search", run_folder, "space")
    assert (code, "Weak" in err) == (0, False)
    assert "confidence" in out
    assert "confidence" not in kgrec("recommend", run_folder, "--user", "u00")[1]
