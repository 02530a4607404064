"""`kgrec evaluate RUN --queries` and `kgrec tune-search`."""

import json
import shutil
import warnings

import pytest
from project import SIZES, THEMES

from kgrec import load
from kgrec.errors import KgrecWarning
from kgrec.runs.query_evaluation import evaluate_queries, measured
from kgrec.runs.serving import load_for_serving
from kgrec.search.examples import read_examples

FIRST = [1, 1 + SIZES[0], 1 + SIZES[0] + SIZES[1]]


def single(folder):
    """Return a file of themes as queries, with the items of the theme."""
    path = folder / "themes.jsonl"
    lines = []
    for theme, first, size in zip(THEMES, FIRST, SIZES, strict=True):
        gold = [f"i{number:02}" for number in range(first, first + size)]
        lines.append(json.dumps({"query": theme, "gold": gold}))
    path.write_text("\n".join(lines) + "\n")
    return path


def conversations(folder, count=36):
    """Return a file of conversations in which i05 is always recommended."""
    path = folder / "talks.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "dialog": number,
                    "turn": 3,
                    "said": ["hello", "hi", "what is good"],
                    "mentioned": [f"i{10 + number % 9}"],
                    "gold": ["i05"],
                }
            )
            + "\n"
            for number in range(count)
        )
    )
    return path


def test_queries_are_measured(ok, run_folder, tmp_path):
    path = single(tmp_path)
    found = json.loads(
        ok("evaluate", run_folder, "--queries", path, "--json", "--trec", tmp_path / "a.trec")
    )
    assert found["protocol"] == "queries"
    assert found["k"] == [1, 10]  # 23 items
    assert found["num_users"] == 3
    assert found["num_judgements"] == sum(SIZES)
    assert found["metrics"]["hit@1"] == 1.0
    assert found["metrics"]["recall@1"] == pytest.approx(3 / sum(SIZES))
    lines = (tmp_path / "a.trec").read_text().splitlines()
    assert lines[0].split()[:2] == ["q1", "Q0"]
    judged = (tmp_path / "a.qrels").read_text().splitlines()
    assert len(judged) == sum(SIZES)
    assert "hit@1" in ok("evaluate", run_folder, "--queries", path)


def test_mentioned_items_are_no_answers(run_folder, tmp_path):
    path = tmp_path / "queries.jsonl"
    line = {"query": "space", "mentioned": ["i01", "i02"], "gold": ["i03"]}
    path.write_text(json.dumps(line) + "\n" + json.dumps({**line, "said": ["space"]}) + "\n")
    # Both lines have `said` for the table; the first one's is missing.
    found = evaluate_queries(run_folder, path, k=[10])
    assert found.num_judgements == 2


def test_learning_by_the_command(ok, kgrec, run_folder, tmp_path):
    talks, out = conversations(tmp_path), tmp_path / "learnt"
    before = evaluate_queries(run_folder, talks, k=[1])
    code, _, err = kgrec(
        "tune-search", run_folder, "folds=3", "negatives=20", "rank=4",
        "--queries", talks, "--out", out,
    )  # fmt: skip
    assert code == 0, err
    assert "learnt from 36 moments of conversations and 0 single queries" in err
    assert before.metrics["recall@1"] < 1.0
    with pytest.warns(KgrecWarning, match=r"has learnt from 36 of these 36 lines.*too good"):
        assert evaluate_queries(out, talks, k=[1]).metrics["recall@1"] == 1.0
    # Lines of other conversations may have the same words.
    others = tmp_path / "others.jsonl"
    others.write_text(talks.read_text().replace('"dialog": ', '"dialog": 9'))
    with warnings.catch_warnings():
        warnings.simplefilter("error", KgrecWarning)
        evaluate_queries(out, others, k=[1])
    # The rest of the run is as it was, and serving reads what was learnt.
    assert ok("recommend", out, "--user", "u00") == ok("recommend", run_folder, "--user", "u00")
    assert load_for_serving(out).snapshot.taught.conversations == 36
    weights = json.loads((out / "search.json").read_text())["weights"]
    assert set(weights) == {"query", "talk"}
    code, _, err = kgrec("tune-search", run_folder, "--queries", talks, "--out", out)
    assert code == 2
    assert "--force" in err


def test_a_damaged_file_is_refused(kgrec, run_folder, tmp_path, monkeypatch):
    out = tmp_path / "learnt"
    talks = conversations(tmp_path)
    assert kgrec(
        "tune-search", run_folder, "folds=3", "rank=4", "--queries", talks, "--out", out
    )[0] == 0  # fmt: skip
    damaged = tmp_path / "damaged"
    shutil.copytree(out, damaged)
    with (damaged / "search.safetensors").open("r+b") as file:
        file.seek(-3, 2)
        file.write(b"xyz")
    code, _, err = kgrec("search", damaged, "space")
    assert code == 2
    assert "search.safetensors" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["ranks=4"], "rank"),
        (["folds=1"], "folds"),
        ([], "another folder"),
    ],
)
def test_wrong_settings(kgrec, run_folder, tmp_path, options, message):
    out = tmp_path / "new" if options else run_folder
    code, _, err = kgrec(
        "tune-search", run_folder, *options, "--queries", conversations(tmp_path), "--out", out
    )
    assert code == 2
    assert message in err


def test_a_cut_off_above_the_catalogue(kgrec, run_folder, tmp_path):
    code, _, err = kgrec("evaluate", run_folder, "--queries", single(tmp_path), "-k", 99)
    assert code == 2
    assert "99" in err


def test_training_learns_what_the_config_names(ok, project, word_encoder, tmp_path):
    talks = conversations(tmp_path)
    run = tmp_path / "run"
    ok(
        "train", project, "model=ease", f"search.queries={talks}", "search.folds=3",
        "search.rank=4", "--out", run,
    )  # fmt: skip
    assert evaluate_queries(run, talks, k=[1]).metrics["recall@1"] == 1.0


def test_queries_that_are_not_there(kgrec, project, word_encoder, tmp_path):
    code, _, err = kgrec("train", project, "search.queries=no.jsonl", "--out", tmp_path / "run")
    assert code == 2
    assert "search.queries" in err
    assert not (tmp_path / "run").exists()


def test_withdrawn_items_are_no_candidates(run_folder, tmp_path):
    """As in `search`: what stood behind them moves up, and as answers they are missed."""
    rec = load(run_folder)
    path = tmp_path / "space.jsonl"
    best = [one.item for one in rec.search("space", 4)]
    path.write_text(json.dumps({"query": "space", "gold": [best[1], best[3]]}) + "\n")
    examples = read_examples(path, rec.item_vocabulary)
    before = measured(rec, examples, k=[1, 2, 3, 4]).evaluation.metrics
    assert [before[f"recall@{k}"] for k in (1, 2, 3, 4)] == [0, 0.5, 0.5, 1]
    rec.update(remove_items=[best[0], best[3]], at_once=True)
    assert [one.item for one in rec.search("space", 2)] == best[1:3]
    results = measured(rec, examples, k=[1, 23])
    assert results.evaluation.metrics["recall@1"] == 0.5
    assert results.evaluation.metrics["recall@23"] == 0.5
    ranked = rec.item_vocabulary.take(results.ranking.items[0][results.ranking.items[0] >= 0])
    assert len(ranked) == 21
    assert not {best[0], best[3]} & set(ranked)
