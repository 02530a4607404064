"""Whatever lies in the way of a command, it stays as it is."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GRAPH = '<e:1> <e:by> <e:z> .\n<e:2> <e:by> <e:z> .\n<e:1> <http://www.w3.org/2000/01/rdf-schema#label> "Dune" .\n'  # noqa: E501
RATINGS = "user_id,item_id\n" + "".join(
    f"u{n},e:{1 + (n + k) % 2}\n" for n in range(4) for k in (0, 1)
)
FILES = {
    "config.yaml": "data: {interactions: ratings.csv, graph: g.nt, valid: 0.25, test: 0.25}\n"
    "text: null\nmodel: most_popular\n",
    "ratings.csv": RATINGS,
    "items.csv": "item_id,title\ne:1,Dune\ne:2,Emma\n",
    "g.nt": GRAPH,
    "bad.nt": GRAPH + "broken\n",
    "rb/rb.inter": "user_id:token\titem_id:token\nu1\ti1\nu1\ti2\nu2\ti1\nu2\ti2\n",
}
PLACES = (
    "out", "out.nt", "links.csv", "review.csv", "x.trec", "x.qrels", "x.png", "x.svg",
    "rejects.jsonl", "config.yaml", "items.csv", "g.nt", "run", "conv", ".", "ITEMS.csv", "soft",
    "rb", "new/deep.nt",
)  # fmt: skip
"""Where somebody may want to write to, well or not."""
IN_THE_WAY = (
    "out/data/graph/mine.nt", "out/config.yaml", "out/curve.png", "out/manifest.json", "out.nt",
    "links.csv", "review.csv", "x.trec", "x.qrels", "x.png", "rejects.jsonl", "conv/items.csv",
    "conv/notes.txt", "run/evaluation_test.json", "run/notes.md", "run/data/mine.parquet",
    "run/curve.json", "run/checkpoint.safetensors", "curve.json", "data/items.parquet",
    "new/deep.nt", ".kgrec-mine.tmp", ".out-old/x", "evaluation_test.json",
)  # fmt: skip
CONTENT = st.sampled_from(
    ["", "mine\n", '{"sha256": 1', '{"format": "x", "files": {}}', "a,b\n1,2\n"]
)
PLACE = st.sampled_from(PLACES)
COMMANDS = st.one_of(
    st.tuples(st.just("train"), st.just("config.yaml"), st.just("--out"), PLACE),
    st.tuples(st.just("link"), st.just("items.csv"), st.just("g.nt"), st.just("--no-meaning"),
              st.just("--out"), PLACE, st.just("--review"), PLACE),
    st.tuples(st.just("link"), st.just("items.csv"), st.just("g.nt"), st.just("--no-meaning")),
    st.tuples(st.just("map"), st.just("items.csv"), st.just("--out"), PLACE),
    st.tuples(st.just("convert"), st.just("rb"), st.just("--out"), PLACE),
    st.tuples(st.just("evaluate"), st.just("run"), st.just("--trec"), PLACE),
    st.tuples(st.just("evaluate"), st.just("run")),
    st.tuples(st.just("inspect"), st.just("bad.nt"), st.just("--on-error"), st.just("skip"),
              st.just("--rejects"), PLACE),
    st.tuples(st.just("inspect"), st.just("g.nt"), st.just("--picture"), PLACE),
)  # fmt: skip


def contents(folder):
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from kgrec.config import load_config
    from kgrec.runs.training import train_run

    folder = tmp_path_factory.mktemp("trained")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "soft").symlink_to("items.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train_run(load_config("config.yaml"), "run")
    return folder


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(IN_THE_WAY), CONTENT, max_size=6), COMMANDS)
def test_no_file_that_was_there_changes(trained, kgrec, tmp_path_factory, foreign, command):
    folder = tmp_path_factory.mktemp("w")
    shutil.copytree(trained, folder, symlinks=True, dirs_exist_ok=True)
    for name, text in foreign.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    before = contents(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code, _, err = kgrec(*command)
    assert code in (0, 1, 2)
    assert "Traceback" not in err
    after = contents(folder)
    assert {name: after.get(name) for name in before} == _rejected(before, after, command)
    shutil.rmtree(folder)


def _rejected(before, after, command):
    """Return what must be there: a list of rejects, empty here, may be written again."""
    rejects = command[-1]
    if "--rejects" in command and before.get(rejects) == b"":
        return before | {rejects: after[rejects]}
    return before


@pytest.mark.parametrize(
    "command", [("evaluate", "run", "--trec", "."), ("map", "items.csv", "--out", ".")]
)
def test_the_folder_itself_is_no_file_to_write(trained, kgrec, tmp_path, monkeypatch, command):
    folder = Path(shutil.copytree(trained, tmp_path / "w", symlinks=True))
    monkeypatch.chdir(folder)
    before = contents(folder)
    code, _, err = kgrec(*command)
    assert code == 2
    assert err.startswith("kgrec: . would be replaced, but ")
    assert contents(folder) == before


def test_force_replaces_files_and_runs_and_never_an_input(trained, kgrec, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(trained, tmp_path / "w", symlinks=True))
    monkeypatch.chdir(folder)
    for name in ("links.csv", "run/notes.md", "run/evaluation_test.json", "x.trec"):
        (folder / name).write_text("mine")
    link = ("link", "items.csv", "g.nt", "--no-meaning", "--force")
    assert kgrec(*link)[0] == 0
    assert (folder / "links.csv").read_text().startswith("item_id,iri")
    before = contents(folder)
    for out in ("items.csv", "soft", "g.nt"):
        code, _, err = kgrec(*link, "--out", out)
        assert code == 2
        assert "is read by the same command" in err
    code, _, err = kgrec("train", "run/config.yaml", "--out", "run", "--force")
    assert code == 2
    assert "config.yaml in it is read by the same command" in err
    code, _, err = kgrec("train", "config.yaml", "--out", "run")
    assert code == 2
    assert err == (
        "kgrec: run has files that kgrec did not write, with names that a run needs: "
        "evaluation_test.json. Move them away, or choose another folder.\n"
    )
    assert contents(folder) == before
    code, out, err = kgrec("evaluate", "run")
    assert code == 1
    assert "ndcg@" in out
    assert "evaluation_test.json exists already" in err
    assert (folder / "run/evaluation_test.json").read_text() == "mine"
    code, _, err = kgrec("evaluate", "run", "--trec", "x.trec", "--force")
    assert code == 0, err
    assert json.loads((folder / "run/evaluation_test.json").read_text())["sha256"]
    code, _, err = kgrec("train", "config.yaml", "--out", "run")
    assert err == "kgrec: run has a run already. Choose another folder; --force replaces it.\n"
    assert kgrec("train", "config.yaml", "--out", "run", "--force", "seed=1")[0] == 0
    assert (folder / "run/notes.md").read_text() == "mine"
    assert not (folder / "run/evaluation_test.json").exists()
    assert "seed: 1" in (folder / "run/config.yaml").read_text()
