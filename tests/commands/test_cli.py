"""The command: what it prints on stdout, and that JSON is alone there."""

import json
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from project import EX, HOSTILE, write_project

from kgrec.runs.reading import load_run


def test_version_and_help(ok):
    import kgrec

    assert ok("--version") == f"kgrec {kgrec.__version__}\n"
    text = ok("--help")
    for command in (
        "demo",
        "inspect",
        "fetch",
        "train",
        "evaluate",
        "compare",
        "recommend",
        "search",
        "explain",
    ):
        assert command in text


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
        assert entry["title"] in line
        assert f"{entry['score']:.3f}" in line
    liked = json.loads(
        ok("recommend", run_folder, "--liked", "i10", "--liked", "i11", "-k", 3, "--json")
    )
    assert liked == [entry.to_dict() for entry in recommender.recommend(liked=["i10", "i11"], k=3)]


def test_search(ok, run_folder):
    found = json.loads(ok("search", run_folder, "pirates", "-k", 3, "--json"))
    expected = load_run(run_folder)[0].search("pirates", 3)
    assert found == [entry.to_dict() for entry in expected]
    assert expected[0].title in ok("search", run_folder, "pirates", "-k", 3)


def test_explain(ok, run_folder, tmp_path):
    expected = load_run(run_folder)[0].explain("u00", "n0")
    found = json.loads(ok("explain", run_folder, "--user", "u00", "--item", "n0", "--json"))
    assert found == json.loads(json.dumps(expected.to_dict()))
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
    assert "do not compare with those of a full ranking" in table
    assert json.loads(ok(*sampled[:5], "--json"))["k"] == [2]  # no more than are drawn
    click = json.loads(ok("evaluate", run, "--protocol", "ctr", "seeds=[1, 2]", "--json"))
    assert set(click["metrics"]) == {"auc", "acc", "f1"}
    assert click["metrics"]["auc"] > 0.9
    assert len(click["details"]["thresholds"]) == 2
    rated = json.loads(ok("evaluate", run, "--protocol", "ratings", "--json"))
    assert rated["metrics"]["rmse"] == pytest.approx(0)  # all positives have five stars
    assert rated["details"]["range"] == [5.0, 5.0]
    assert "training ratings from 5 to 5" in ok("evaluate", run, "--protocol", "ratings")
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


def test_inspect(ok, project, tmp_path):
    found = json.loads(ok("inspect", project.parent / "graph.ttl", "--json"))
    assert found["entities"] == 29
    assert found["triples"] == 66
    text = ok("inspect", project.parent / "graph.ttl")
    assert f"{EX}director" in text
    assert "66 triples" in text
    two = tmp_path / "more.nt"
    two.write_text("<http://ex.org/a> <http://ex.org/b> <http://ex.org/c> .\n")
    both = json.loads(ok("inspect", project.parent / "graph.ttl", two, "--json"))
    assert both["triples"] == 67


def test_inspect_with_items_and_links(ok, kgrec, project, tmp_path):
    folder = project.parent
    arguments = ("inspect", folder / "graph.ttl", "--links", folder / "links.csv")
    text = ok(*arguments, "--items", folder / "items.csv")
    assert "21 of 23 items (91.3%) are linked" in text
    found = json.loads(ok(*arguments, "--json"))["items"]
    assert found["linked"] == found["num_items"]
    code, _, err = kgrec(*arguments, "--iri-column", "irri")
    assert code == 2
    assert "Did you mean 'iri'?" in err


def test_inspect_with_a_picture(ok, kgrec, project, tmp_path):
    graph, picture = project.parent / "graph.ttl", tmp_path / "graph.png"
    ok("inspect", graph, "--picture", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    code, _, err = kgrec("inspect", graph, "--picture", tmp_path / "graph.jpg")
    assert code == 2
    assert ".png or .svg" in err


def test_inspect_with_shapes(ok, kgrec, project, tmp_path):
    graph, shapes = project.parent / "graph.ttl", tmp_path / "shapes.ttl"
    head = f"@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix e: <{EX}> .\n"
    shape = "e:S sh:targetSubjectsOf e:director ; sh:property e:D ."
    shapes.write_text(head + shape + "e:D sh:path e:director ; sh:minCount 1 .")
    assert "The graph conforms to the shapes (1 shape with" in ok(
        "inspect", graph, "--shapes", shapes
    )
    shapes.write_text(
        head + shape + 'e:D sh:path e:director ; sh:minCount 9 ; sh:message "\x1b[31m[bold]few" .'
    )
    code, out, _ = kgrec("inspect", graph, "--shapes", shapes)
    assert code == 1
    assert "The graph does not conform" in out
    assert f"Violation: {EX}director: minCount 9 ({EX}D)" in out
    assert r"\x1b[31m[bold]few" in out
    assert "\x1b" not in out
    code, out, _ = kgrec("inspect", graph, "--shapes", shapes, "--json")
    assert code == 1
    report = json.loads(out)["shapes"]
    assert not report["conforms"]
    assert report["results"][0]["count"] == report["focus_nodes"] > 9


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
            seen += r"\x1b[31mRed" in out or r"\\x1b[31mRed" in out
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


def test_inspect_reads_as_it_is_told(ok, kgrec, tmp_path):
    quads = "<a:s> <a:p> <a:o> .\n<a:s> <a:p> <a:x> <a:g> .\nbad \x1b[2J\n"
    path = tmp_path / "graph.data"
    path.write_text(quads)
    rejects = tmp_path / "rejects.jsonl"
    out = ok("inspect", path, "--format", "nq", "--on-error", "skip", "--rejects", rejects)
    assert "1 statements are not valid and were left out" in out
    assert json.loads(rejects.read_text())["text"] == "bad \x1b[2J"
    options = ("--format", "application/n-quads", "--on-error", "skip", "--json")
    found = json.loads(ok("inspect", path, *options, "--graph", "a:g"))
    assert found["triples"] == 1
    assert found["reading"] == [
        "1 statements are not valid and were left out.",
        "1 statements are in graphs that were not asked for.",
    ]
    turtle = tmp_path / "g.ttl"
    turtle.write_text("<s> <p> <o> .")
    assert json.loads(ok("inspect", turtle, "--base-iri", "http://e/", "--json"))["triples"] == 1
    for arguments, message in (
        ([path], "no RDF format is known by this extension"),
        ([path, "--format", "nq"], "line 3, column 1: not valid N-Quads"),
        ([turtle], "give base_iri="),
        ([turtle, "--on-error", "ignore"], "on_error"),
    ):
        code, out, err = kgrec("inspect", *arguments)
        assert (code, out) == (2, "")
        assert message in err
        assert "\x1b" not in err
    turtle.write_text("# nothing")
    code, out, err = kgrec("inspect", turtle)
    assert (code, out) == (2, "")
    assert "The graph is empty: no statement was read from" in err


@pytest.fixture
def films(tmp_path):
    """Return a table of titles and a graph of labels with years."""
    label = "<http://www.w3.org/2000/01/rdf-schema#label>"
    lines = [
        f'<ex:net> {label} "The Net (1995 film)"@en .',
        f'<ex:heat> {label} "Heat (1986 film)"@en .',
        f'<ex:dust> {label} "Dust"@en .',
        '<ex:dust> <ex:imdb> "tt7" .',
    ]
    (tmp_path / "graph.nt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = ["item_id,title,year,imdb", '1,"Net, The",1995,', "2,Heat,1995,", "3,Gone,1990,tt7"]
    rows.append(f"4,{HOSTILE},1990,")
    (tmp_path / "items.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def test_link_writes_links_and_what_is_uncertain(ok, films):
    out = ok(
        "link", films / "items.csv", films / "graph.nt", "--no-meaning",
        "--out", films / "links.csv", "--review", films / "review.csv",
        "--property", "ex:imdb", "--column", "imdb",
    )  # fmt: skip
    lines = (films / "links.csv").read_text().splitlines()
    assert lines[0] == "item_id,iri,confidence,method"
    assert [line.split(",")[:2] + line.split(",")[3:] for line in lines[1:]] == [
        ["1", "ex:net", "title"],
        ["3", "ex:dust", "identifier"],
    ]
    review = (films / "review.csv").read_text()
    assert "2,Heat,1995,ex:heat,Heat (1986 film),1986," in review
    assert "2 of 4 items linked" in out
    assert "title from title, year from year" in out
    assert "the years differ: 1995 and 1986" in out
    assert "no entity has this title" in out
    assert "\x1b" not in out


def test_link_as_json_is_json_alone(ok, films):
    out = ok(
        "link", films / "items.csv", films / "graph.nt", "--no-meaning", "--json",
        "--out", films / "links.csv", "--one-to-one", "--threshold", "0.5",
    )  # fmt: skip
    found = json.loads(out)
    assert found["report"]["linked"] == 1
    assert found["report"]["methods"] == {"title": 1}
    assert found["settings"]["threshold"] == 0.5
    assert found["settings"]["one_to_one"] is True
    assert sum(found["confidence"].values()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--title", "titel"], "no column 'titel'"),
        (["--property", "ex:imbd", "--column", "imdb"], "no property 'ex:imbd'"),
        (["--threshold", "7"], "threshold"),
        (["--identifier", "issn"], "identifier"),
        (["--item", "id"], "no column 'id'"),
        (["--type", "ex:Film"], "type 'ex:Film'"),
    ],
)
def test_mistakes_in_linking_are_told(kgrec, films, arguments, message):
    code, out, err = kgrec(
        "link", films / "items.csv", films / "graph.nt", "--no-meaning", *arguments
    )
    assert code == 2
    assert out == ""
    assert message in err
