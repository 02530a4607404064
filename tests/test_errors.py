"""Bad input: one message on stderr that says what and where, exit code 2, and no traceback."""

import os
import shutil
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
import torch
from project import write_project

import kgrec
from kgrec.cli import main
from kgrec.errors import (
    ConfigError,
    DataError,
    KgrecError,
    KgrecWarning,
    RunError,
    UnknownIdError,
    collecting,
    did_you_mean,
    nearest,
    option,
    printable,
    warn,
    worded,
)


@pytest.fixture
def fails(monkeypatch, capsys, word_encoder):
    """Run the command in this process, which must fail; return what it says."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["kgrec", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        assert done.value.code == 2, captured.err
        assert captured.out == ""
        assert "Traceback" not in captured.err
        last = captured.err[captured.err.index("kgrec: ") :]
        return last.removeprefix("kgrec: ").strip()

    return run


@pytest.fixture
def own(tmp_path):
    """Return a project's config that a test may damage."""
    return write_project(tmp_path / "project")


def changed(config, name, old, new):
    path = config.parent / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("graph.ttl", "does not exist"),
        ("ratings.csv", "does not exist"),
        ("links.csv", "does not exist"),
        ("items.csv", "does not exist"),
        ("users.csv", "does not exist"),
        ("config.yaml", "does not exist"),
    ],
)
def test_a_missing_file(fails, own, tmp_path, name, what):
    (own.parent / name).unlink()
    message = fails("train", own, "--out", tmp_path / "run")
    assert name in message
    assert what in message
    assert not (tmp_path / "run").exists()


def test_a_misspelt_file_gets_the_nearest(fails, own, tmp_path):
    message = fails("train", own, "data.interactions=rating.csv", "--out", tmp_path / "run")
    assert "Did you mean 'ratings.csv'?" in message


def test_broken_turtle(fails, own, tmp_path):
    path = own.parent / "graph.ttl"
    lines = path.read_text().splitlines()
    lines.insert(7, "ex:film1 ex:director .")
    path.write_text("\n".join(lines))
    for arguments in (("train", own, "--out", tmp_path / "run"), ("inspect", path)):
        message = fails(*arguments)
        assert f"{path}, line 8" in message
        assert "not valid Turtle" in message


@pytest.mark.parametrize(
    ("name", "column", "key"),
    [
        ("ratings.csv", "user_id", "data.user"),
        ("ratings.csv", "item_id", "data.item"),
        ("links.csv", "iri", "data.iri"),
        ("items.csv", "item_id", "data.items.id"),
        ("users.csv", "user_id", "data.users.id"),
    ],
)
def test_a_missing_column(fails, own, tmp_path, name, column, key):
    changed(own, name, column, "something_else")
    message = fails("train", own, "--out", tmp_path / "run")
    assert f"{name} has no column '{column}'" in message
    # Naming the column that is there mends it.
    if not (name == "ratings.csv" and column == "item_id"):
        from kgrec.config import load_config
        from kgrec.datasets.loading import load_dataset

        load_dataset(load_config(own, [f"{key}=something_else"]).data)


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("data.user=user_ids", "user_id"),
        ("data.rating=ratings", "rating"),
        ("data.timestamp=timestmp", "timestamp"),
        ("data.items.numbers=[prise]", "price"),
        ("data.items.categories=[tag]", "tags"),
        ("data.items.title=titel", "title"),
        ("data.users.categories=[jobs]", "job"),
        ("data.positive=raitng >= 4", "rating"),
    ],
)
def test_a_misspelt_column_gets_the_nearest(fails, project, tmp_path, override, nearest):
    message = fails("train", project, override, "--out", tmp_path / "run")
    assert f"Did you mean '{nearest}'?" in message
    assert ".csv" in message or "positive" in message


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("data.positiv=rating >= 4", "positive"),
        ("model.training.learnig_rate=1", "learning_rate"),
        ("sed=1", "seed"),
        ("model.name=eas", "ease"),
        ("graph.drop_relations=[http://ex.org/directr]", "http://ex.org/director"),
    ],
)
def test_a_misspelt_setting_gets_the_nearest(fails, project, tmp_path, override, nearest):
    message = fails("train", project, override, "--out", tmp_path / "run")
    assert f"Did you mean '{nearest}'?" in message


@pytest.mark.parametrize(
    "setting",
    ["data.split=randm", "data.duplicates=lst", "seed=one", "model.training.metric=ndgc@10"],
)
def test_a_wrong_value(fails, project, tmp_path, setting):
    message = fails("train", project, setting, "--out", tmp_path / "run")
    key, _, value = setting.partition("=")
    assert key in message
    assert value in message


def test_a_rating_that_is_no_number(fails, own, tmp_path):
    changed(own, "ratings.csv", "i03,5,", "i03,five,")
    message = fails("train", own, "--out", tmp_path / "run")
    assert "ratings.csv" in message
    assert "'rating'" in message
    assert "'five'" in message
    assert "line 4" in message


def test_an_empty_graph(fails, own, tmp_path):
    path = own.parent / "graph.ttl"
    path.write_text("# nothing\n")
    for arguments in (("train", own, "--out", tmp_path / "run"), ("inspect", path)):
        message = fails(*arguments)
        assert "The graph is empty" in message
        assert str(path) in message
    path.write_bytes(b"")
    assert "The graph is empty" in fails("inspect", path)


def test_an_empty_table(fails, own, tmp_path):
    path = own.parent / "ratings.csv"
    path.write_text("user_id,item_id,rating\n")
    assert "ratings.csv has no rows" in fails("train", own, "--out", tmp_path / "run")
    path.write_bytes(b"")
    assert "ratings.csv is empty" in fails("train", own, "--out", tmp_path / "run")


def test_no_positive_rating(fails, project, tmp_path):
    message = fails("train", project, "data.positive=rating > 9", "--out", tmp_path / "run")
    assert "rating > 9" in message
    assert "nothing to learn from" in message


def test_links_to_entities_that_do_not_exist(fails, own, tmp_path):
    path = own.parent / "links.csv"
    path.write_text(path.read_text().replace("http://ex.org/", "http://elsewhere.org/"))
    message = fails("train", own, "--out", tmp_path / "run")
    assert "None of 22 links is valid" in message
    assert "http://elsewhere.org/film1" in message
    assert "http://ex.org/" in message  # what an entity looks like


def test_some_links_to_entities_that_do_not_exist_are_told_and_no_error(run_folder):
    log = (run_folder / "log.txt").read_text()
    assert "links to entities that are not in the graph: i03 → http://ex.org/unheard-of" in log


def test_an_unknown_user(fails, run_folder):
    for command in (("recommend", run_folder), ("explain", run_folder, "--item", "i01")):
        message = fails(*command, "--user", "u000")
        assert "No user has the id 'u000'" in message
        assert "Did you mean 'u0" in message


def test_an_unknown_item(fails, run_folder):
    message = fails("explain", run_folder, "--user", "u00", "--item", "i011")
    assert "No item has the id 'i011'" in message
    assert "Did you mean 'i" in message
    message = fails("recommend", run_folder, "--liked", "i011")
    assert "'i011'" in message
    assert "Did you mean 'i" in message


def test_neither_user_nor_liked(fails, run_folder):
    assert "Give --user ID, or --liked ITEM" in fails("recommend", run_folder)
    assert "Give --user, or the items that" in fails("explain", run_folder, "--item", "i01")


def test_k_larger_than_the_catalogue(fails, run_folder):
    for command in (
        ("recommend", run_folder, "--user", "u00"),
        ("search", run_folder, "pirates"),
    ):
        assert "23 items of the catalogue, found 24" in fails(*command, "-k", 24)
    message = fails("evaluate", run_folder, "-k", 20)
    assert "-k 20 is larger than the catalogue: 19 items are ranked" in message


def test_an_empty_query(fails, run_folder):
    assert "query is empty" in fails("search", run_folder, "  ")


def test_an_unknown_part(fails, run_folder):
    message = fails("evaluate", run_folder, "--split", "tst")
    assert "'tst'" in message
    assert "Did you mean 'test'?" in message


@pytest.mark.parametrize(
    "name",
    ["config.yaml", "weights.safetensors", "features.safetensors", "numbers.json",
     "data/histories.parquet", "data/names.parquet", "words.safetensors", "about.json",
     "data/items.parquet", "data/item_table.parquet", "data/links.parquet",
     "data/graph/triples.arrow", "data/graph/manifest.json"],
)  # fmt: skip
@pytest.mark.parametrize("how", ["deleted", "cut off"])
def test_a_damaged_run_folder(fails, run_folder, tmp_path, name, how):
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    path = copy / name
    content = path.read_bytes()
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2])
    message = fails("recommend", copy, "--user", "u00")
    assert path.name in message or str(copy) in message
    assert len(message) < 2000


def test_no_run_folder(fails, tmp_path):
    for command in (
        ("recommend", tmp_path, "--user", "u00"),
        ("evaluate", tmp_path / "nothing"),
        ("search", tmp_path, "x"),
        ("explain", tmp_path, "--item", "x", "--user", "y"),
    ):
        message = fails(*command)
        assert "is no run folder" in message
        assert "kgrec train" in message


def test_the_run_folder_is_a_file(fails, project, tmp_path):
    (tmp_path / "run").write_text("precious")
    message = fails("train", project, "--out", tmp_path / "run")
    assert "is a file" in message
    assert (tmp_path / "run").read_text() == "precious"


def test_resuming_what_never_began_and_what_was_otherwise(fails, project, run_folder, tmp_path):
    message = fails("train", project, "--resume", "--out", tmp_path / "run")
    assert "checkpoint.safetensors does not exist" in message
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    message = fails("train", project, "model.training.loss=bpr", "--resume", "--out", copy)
    assert "loss={'name': 'softmax'" in message
    assert "'bpr'" in message
    checkpoint = copy / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    message = fails("train", project, "--resume", "--out", copy)
    assert "checkpoint.safetensors is damaged" in message


FULL_DISK = """
    import resource, signal, sys
    sys.path.insert(0, sys.argv[1])
    import kgrec.recommender
    from project import WordEncoder
    from kgrec.cli import main
    kgrec.text.settings.TextEncoder = WordEncoder
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
    sys.argv = ["kgrec", "train", sys.argv[2], "model.training.max_epochs=20", "--resume",
                "--out", sys.argv[3]]
    main()
"""


def test_a_full_disk_while_a_checkpoint_is_written(run_folder, project, tmp_path):
    """The system lets no file grow beyond 30 kB, and a checkpoint has 43 kB."""
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    before = (copy / "checkpoint.safetensors").read_bytes()
    assert len(before) > 31_000
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(FULL_DISK),
            os.path.join(os.path.dirname(__file__), "support"),
            project,
            copy,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "checkpoint.safetensors cannot be written" in done.stderr
    assert "The previous one is kept." in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert (copy / "checkpoint.safetensors").read_bytes() == before
    # With room again, training goes on from it.
    from kgrec.config import load_config
    from kgrec.runs.training import train_run

    metrics = train_run(load_config(project, ["model.training.max_epochs=16"]), copy, resume=True)
    assert metrics["training"]["epochs"] == 16


def test_files_that_cannot_be_written(fails, run_folder, tmp_path):
    (tmp_path / "file").write_text("")
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    message = fails("evaluate", copy, "-k", 3, "--trec", tmp_path / "file" / "x.trec")
    assert "x.trec cannot be written" in message
    picture = tmp_path / "file" / "x.png"
    message = fails("explain", copy, "--user", "u00", "--item", "n0", "--picture", picture)
    assert "x.png" in message


def test_an_unknown_picture_format(fails, run_folder, tmp_path):
    message = fails("explain", run_folder, "--user", "u00", "--item", "n0",
                    "--picture", tmp_path / "why.xyz")  # fmt: skip
    assert "why.xyz" in message or ".xyz" in message


@pytest.mark.parametrize(
    "arguments",
    [["recommand"], ["recommend"], ["recommend", "x", "-k", "0"], ["recommend", "x", "--usr", "1"]],
)
def test_a_wrong_command_line(monkeypatch, capsys, arguments):
    monkeypatch.setattr(sys, "argv", ["kgrec", *arguments])
    with pytest.raises(SystemExit) as done:
        main()
    captured = capsys.readouterr()
    assert done.value.code == 2
    assert captured.out == ""
    assert "Usage" in captured.err
    assert "Traceback" not in captured.err


def test_an_interruption_is_code_130_and_no_traceback(monkeypatch, capsys, project, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("kgrec.runs.given_data.load_dataset", interrupted)
    monkeypatch.setattr(sys, "argv", ["kgrec", "train", str(project), "--out", str(tmp_path / "r")])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_the_classes_are_what_python_expects():
    for error, base in (
        (DataError, ValueError), (ConfigError, ValueError), (UnknownIdError, LookupError),
        (RunError, OSError),
    ):  # fmt: skip
        assert issubclass(error, KgrecError)
        assert issubclass(error, base)
    assert str(UnknownIdError("No item has the id 'x'.")) == "No item has the id 'x'."
    assert str(RunError("full")) == "full"


def test_nearest_and_did_you_mean():
    assert nearest("Rating", ["rating", "time"]) == "rating"
    assert nearest("IRI", ["iri"]) == "iri"
    assert nearest("zzz", ["rating"]) is None
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("zzz", ["a", "b"]) == " Known: a, b."
    assert did_you_mean("zzz", [str(n) for n in range(30)]).endswith("6, 7, … (30 in all).")
    assert "\x1b" not in did_you_mean("rating\x1b", ["ratin\x1b"])


def test_printable():
    assert printable("Amélie 日本") == "Amélie 日本"
    assert printable("\x1b[2J\x9b\n\u202e\x00") == r"\x1b[2J\x9b\n\u202e\x00"
    assert printable("x" * 300, 10) == "x" * 9 + "…"
    assert printable("\ud800").isprintable()
    assert printable("a\ufeff\u2066\u2028\x85") == r"a\ufeff\u2066\u2028\x85"


@pytest.mark.parametrize(
    "text",
    [
        "Qui sait\xa0?",
        "千と\u3000千尋",
        "می\u200cخواهم",
        "👩\u200d👧",
        "co\xadop",
        "שלום\u200f",
        "𠀀\U0001fae9",
        "क्\u200dष",
    ],
)
def test_letters_blanks_and_joiners_of_all_scripts_stay(text):
    assert printable(text) == text


def test_a_warning_is_shown_where_the_user_called_kgrec_and_collected_once():
    with collecting() as outer, collecting() as inner:
        for _ in range(2):
            with pytest.warns(KgrecWarning) as shown:
                warn("All 3 titles are the same.")
    assert outer == inner == ["All 3 titles are the same."]
    assert {warning.filename for warning in shown} == {__file__}
    with collecting() as found, pytest.warns(KgrecWarning):
        warn("Another.")
    assert found == ["Another."]
    assert len(outer) == 1


def test_messages_name_arguments_in_the_words_of_the_interface():
    assert option("positive", "x > 1") == "positive='x > 1'"
    with worded(lambda name, value: f"--{name}" if name != "test" else None):
        with worded(lambda name, value: f"data.{name}: {value}" if name == "valid" else None):
            assert option("valid", 0.1) == "data.valid: 0.1"
            assert option("links") == "--links"
            assert option("test") == "test="
        assert option("valid", 0.1) == "--valid"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rec: rec.recommend(liked=None), "liked must be a list of ids"),
        (lambda rec: rec.recommend("a", filter=3), "filter must be a text"),
        (lambda _: kgrec.Interactions.read(None), "must be the path of a file or a pandas"),
        (lambda _: kgrec.Interactions.read([("a", 1)]), "must be the path of a file or a pandas"),
        (lambda _: kgrec.AttributeTable.read(3), "must be the path of a file or a pandas"),
    ],
)
def test_arguments_of_another_kind_are_told(call, message):
    frame = pd.DataFrame({"user_id": list("aabbcc"), "item_id": list("xyyzzx")})
    log = kgrec.Interactions.read(frame)
    rec = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(log)
    with pytest.raises(kgrec.errors.DataError, match=message):
        call(rec)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "There is not enough memory: the data is too large."),
        (MemoryError("Unable to allocate 9 GiB"), "not enough memory: Unable to allocate 9 GiB."),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes.\nException raised"),
            "not enough memory: DefaultCPUAllocator: can't allocate memory: 9 bytes.",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB. GPU 0 has …"),
            "memory: CUDA out of memory. Tried to allocate 9 GiB. Training takes less with fewer",
        ),
    ],
)
def test_too_little_memory_is_said_whatever_the_library_calls_it(error, said, monkeypatch, capsys):
    def command():
        raise error

    monkeypatch.setattr("kgrec.cli.app", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_another_error_of_a_library_is_not_hidden(monkeypatch):
    def command():
        raise RuntimeError("something else")

    monkeypatch.setattr("kgrec.cli.app", command)
    with pytest.raises(RuntimeError, match="something else"):
        main()
