"""What is said while a run is trained: kept by the log, and shown by a reporter alone."""

import io

import pytest
from rich.console import Console

from kgrec.config import load_config
from kgrec.reporting.reporter import Reporter
from kgrec.runs.log import RunLog
from kgrec.runs.training import train_run


def test_training_is_silent_and_keeps_what_it_says(project, word_encoder, tmp_path, capfd):
    log, out = RunLog(), tmp_path / "run"
    train_run(load_config(project, ["model.training.max_epochs=4"]), out, log=log)
    assert capfd.readouterr() == ("", "")
    assert any("21 of 23 items linked" in line for line in log.lines)
    epoch = next(line for line in log.lines if line.startswith("epoch 4: loss "))
    assert "ndcg@10" in epoch
    # What follows is said after the file is written: the figures are in it, and the warnings.
    written = (out / "log.txt").read_text().splitlines()
    warnings = [line for line in written if line.startswith("Warning: ")]
    assert written == [*"\n".join(log.lines[:-1]).splitlines(), *warnings]
    assert len(warnings) == 1
    assert "line 5 holds 'cheap' (1 such row)" in warnings[0]
    assert log.lines[-2].startswith("run (validation): ndcg@10=")
    assert log.lines[-1] == f"Run folder: {out}"


def test_a_reporter_shows_what_the_log_keeps(project, capsys):
    reporter, log = Reporter(), RunLog()
    for one in (reporter, log):
        one.say("two\nlines\x1b[31m [bold]")
        with one.training(load_config(project)) as callback:
            callback({"epoch": 3, "loss": 0.5})
            callback({"epoch": 4, "loss": 0.25, "ndcg@10": 0.125, "best": 0.5})
    assert reporter.lines == log.lines
    assert log.lines == [
        "two\nlines\\x1b[31m [bold]",
        "epoch 3: loss 0.5000",
        "epoch 4: loss 0.2500, ndcg@10 0.1250, best 0.5000",
    ]
    assert capsys.readouterr() == ("", "two\nlines\\x1b[31m [bold]\n")


def test_without_a_terminal_progress_is_a_line_now_and_then(monkeypatch, capsys):
    clock = iter([0.0, 4.0, 11.0, 11.0, 15.0])
    monkeypatch.setattr("kgrec.reporting.reporter.time.monotonic", lambda: next(clock))
    with Reporter().fetching() as progress:
        for done in (1, 2, 3):
            progress("hop [1]", done, 3)
    assert capsys.readouterr() == ("", "hop [1]: 2 of 3\n")


def test_encoding_of_texts_is_a_line_now_and_then(project, tmp_path, monkeypatch, capsys):
    """A first training is not silent while it encodes: what counts the texts says so."""
    from project import WordEncoder

    class Slow(WordEncoder):
        fingerprint = "slow" * 16

        def encode(self, texts, *, progress=False):
            if callable(progress):
                for done in range(1, len(texts) + 1):
                    progress(done, len(texts))
            return super().encode(texts)

    seconds = iter(range(0, 10**6, 4))
    monkeypatch.setattr("kgrec.text.settings.TextEncoder", Slow)
    monkeypatch.setattr("kgrec.reporting.reporter.time.monotonic", lambda: next(seconds))
    train_run(
        load_config(project, ["model.training.max_epochs=1"]), tmp_path / "run", log=Reporter()
    )
    said = [line for line in capsys.readouterr().err.splitlines() if "Encoding texts" in line]
    assert len(said) > 1
    total = said[0].rpartition(" ")[2]
    assert said[0] == f"Encoding texts: 3 of {total}"  # the clock stands at 12 seconds
    assert all(line.endswith(f" of {total}") for line in said)
    assert Reporter().lines == RunLog().lines == []
    assert RunLog().encoding is False


def test_on_a_terminal_progress_is_a_bar(project, monkeypatch):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=200)
    monkeypatch.setattr("kgrec.reporting.reporter.make_console", lambda **_: console)
    with Reporter().training(load_config(project)) as callback:
        callback({"epoch": 12, "loss": 0.5})
    assert "epoch 12 of at most 12  loss 0.5000" in stream.getvalue()


@pytest.mark.parametrize("model", ["{name: ease}", "{name: most_popular}"])
def test_what_has_no_epochs_says_none(project, model):
    with RunLog().training(load_config(project, [f"model={model}"])) as callback:
        callback({"epoch": 1, "loss": 0.5})
