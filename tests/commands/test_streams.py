"""Output on streams that lack characters, room or a reader."""

import io
import json
import os
import subprocess
import sys

import pytest

from kgrec.commands.streams import encoding_message, writable_streams
from kgrec.reporting.console import cut, print_json, print_lines, safe


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def written(made):
    return made.buffer.getvalue().decode(made.encoding)


class Full(io.TextIOBase):
    encoding = "utf-8"

    def write(self, text):
        raise OSError(28, "No space left on device")

    def flush(self):
        raise OSError(28, "No space left on device")


def test_what_an_encoding_lacks_is_written_in_ascii_and_told(monkeypatch):
    made = stream("cp1252")
    monkeypatch.setattr(sys, "stdout", made)
    with writable_streams() as lacking:
        print_lines(["Amélie → 千", "Amélie"])
        message = encoding_message(lacking)
    assert written(made) == "Amélie -> \\u5343\nAmélie\n"
    assert lacking == {"→", "千"}
    assert "cp1252" in message
    assert "2 characters (U+2192, U+5343)" in message
    assert made.errors == "strict"  # as it was


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_holds_the_texts_in_every_encoding(monkeypatch, encoding):
    titles = [
        "千と\u3000千尋",
        "Qui sait\xa0?",
        "می\u200cخواهم",
        "👩\u200d👧",
        "a\x1b[2J\u202e\n",
        "\ud800",
    ]
    made = stream(encoding)
    monkeypatch.setattr(sys, "stdout", made)
    with writable_streams() as lacking:
        print_json(titles)
    assert json.loads(written(made)) == titles
    assert not lacking
    assert "\x1b" not in written(made)
    assert "\u202e" not in written(made)


def test_stderr_that_is_full_does_not_end_the_work(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Full())
    with writable_streams():
        print("a note", file=sys.stderr)
        sys.stderr.flush()


def test_streams_that_were_closed_take_everything(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with writable_streams():
        print("figures")
        print("a note", file=sys.stderr)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_a_message_and_exit_code_2(tmp_path):
    graph = tmp_path / "g.nt"
    graph.write_text("<http://e.org/d> <http://e.org/by> <http://e.org/h> .\n")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kgrec.cli", "inspect", graph],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "kgrec: The output cannot be written: No space left on device.\n"


def test_output_in_another_encoding_says_so_once(tmp_path):
    graph = tmp_path / "g.nt"
    graph.write_text('<http://e.org/千> <http://e.org/by> "é" .\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "kgrec.cli", "inspect", graph],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert "\\u5343" in done.stdout.decode("cp1252")
    assert done.stderr.decode().count("kgrec: warning: the encoding of the output (cp1252)") == 1


def test_texts_are_cut_by_their_width_and_on_a_terminal_only(monkeypatch):
    long = "千" * 300
    assert safe(long) == long
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert safe(long) == "千" * 99 + "…"
    assert cut("e\u0301" * 5, 3) == "e\u0301e\u0301…"  # letters keep their accents
    assert cut("ab" + "👩\u200d👧" + "cd" * 9, 5) in ("ab…", "ab👩…")
