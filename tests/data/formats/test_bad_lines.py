"""Published files with bad lines, in another encoding, or with another separator."""

import json

import pytest

from kgrec.data.formats.lines import are_numbers, fields, numbers, read_lines
from kgrec.data.table_format import NamedFormat
from kgrec.datasets.loading import read_dataset
from kgrec.errors import ConfigError, DataError, KgrecWarning

KGAT = {
    "train.txt": "0 0 1\n1 x 2\n\n2 1 -3\n3 2\n",
    "test.txt": "0 2\n1 0\n",
    "kg_final.txt": "0 0 4\n1 0\n1 zero 4\n1 1 5\n2 1 5 6\n",
    "item_list.txt": "org_id remap_id\nB01 0\nB02\nB03 two\nB04 2\n",
}
KGCN = {
    "ratings.txt": "1\t10\t5\n1\t20\n1\t20\tmany\n\t20\t5\n2\t20\t4\n",
    "kg.txt": "a\tby\tx\nb\tby\nb\tby\ty\n",
    "item_index2entity_id.txt": "10\ta\n15\n20\tb\n",
}
RECBOLE = {
    "tiny.inter": "user_id:token\titem_id:token\n1\t10\n1\t20\n\t30\n2\t20\n3\t10\n",
    "tiny.kg": "head_id:token\trelation_id:token\ttail_id:token\na\tby\tx\nb\tby\tx\ty\nb\tby\ty\n",
    "tiny.link": "item_id:token\tentity_id:token\n10\ta\n20\tb\n",
}


def written(folder, files):
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def pairs(dataset):
    whole = dataset.split.whole()
    return sorted(zip(whole.users.take(whole.user), whole.items.take(whole.item), strict=True))


def triples(dataset):
    return sorted(map(tuple, dataset.kg.to_pandas().to_numpy()))


def test_the_lines_that_are_left_are_right():
    from pathlib import Path
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.txt"
        path.write_text("1 2\n\n3\n4  \n5 b\n6 7\n8 9 10\n")
        lines = read_lines(path, NamedFormat(on_error="skip"))
        with pytest.warns(KgrecWarning, match=r"3 of 6 rows .*lines 3, 4, 7\. .*expected 2 fields"):
            lines, found = fields(lines, ("a", "b"))
        assert are_numbers(found["b"]).tolist() == [True, False, True]
        with pytest.warns(KgrecWarning, match=r"1 of 3 rows .*line 5\. .*from 0 as b: '5 b'"):
            lines, rows = numbers(lines, found)
    assert {name: column.tolist() for name, column in rows.items()} == {"a": [1, 6], "b": [2, 7]}
    assert lines.number.tolist() == [1, 6]
    assert [bad.line for bad in lines.bad] == [3, 4, 7, 5]


@pytest.mark.parametrize(
    ("files", "rows", "graph", "rejected"),
    [
        (
            KGAT,
            [("0", "#1"), ("0", "B01"), ("0", "B04"), ("1", "B01"), ("3", "B04")],
            [("0", "0", "4"), ("1", "1", "5")],
            {"r.jsonl": [2, 4], "r.item_list.jsonl": [3, 4], "r.kg_final.jsonl": [2, 3, 5],
             "r.test.jsonl": []},
        ),
        (
            KGCN,
            [("1", "10"), ("2", "20")],
            [("a", "by", "x"), ("b", "by", "y")],
            {"r.jsonl": [2, 3, 4], "r.kg.jsonl": [2], "r.item_index2entity_id.jsonl": [2]},
        ),
        (
            RECBOLE,
            [("1", "10"), ("1", "20"), ("2", "20"), ("3", "10")],
            [("a", "by", "x"), ("b", "by", "y")],
            {"r.jsonl": [4], "r.kg.jsonl": [3], "r.link.jsonl": []},
        ),
    ],
    ids=["kgat", "kgcn", "recbole"],
)  # fmt: skip
def test_bad_lines_are_an_error_or_left_out_and_written_down(
    tmp_path, monkeypatch, files, rows, graph, rejected
):
    folder = written(tmp_path / "given", files)
    with pytest.raises(DataError, match=r"line \d"):
        read_dataset(folder, valid=0)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with pytest.warns(KgrecWarning, match="rows cannot be read and were left out"):
        dataset = read_dataset(folder, valid=0, on_error="skip", rejects="r.jsonl")
    assert pairs(dataset) == rows
    assert triples(dataset) == graph
    told = {
        path.name: sorted(json.loads(line)["line"] for line in path.read_text().splitlines())
        for path in (tmp_path / "cwd").iterdir()
    }
    assert told == rejected


def test_a_file_whose_lines_are_counted_loses_none(tmp_path):
    folder = written(tmp_path / "given", KGCN | {"ratings_final.txt": "1\t0\t1\n2\t1\t1\n"})
    with pytest.raises(DataError, match=r"entity_id\.txt, line 2: expected 2 fields"):
        read_dataset(folder, ratings="ratings_final.txt", valid=0, on_error="skip")


def test_the_encoding_can_be_given(tmp_path):
    kg = "a\tby\tMüller\nb\tby\tŁódź\n"
    folder = written(tmp_path / "given", {
        "ratings.txt": "ü\t10\t5\n2\t20\t4\n".encode("utf-16"),
        "kg.txt": kg.encode("utf-16"),
        "item_index2entity_id.txt": "10\ta\n20\tb\n".encode("utf-16"),
    })  # fmt: skip
    dataset = read_dataset(folder, valid=0, encoding="utf-16")
    assert {user for user, _ in pairs(dataset)} == {"ü", "2"}
    assert {tail for *_, tail in triples(dataset)} == {"Müller", "Łódź"}


def test_convert_takes_the_options_of_the_other_commands(tmp_path, kgrec):
    files = {name: text.replace("\t", ";").encode("cp1250") for name, text in RECBOLE.items()}
    files["tiny.item"] = "item_id:token;title:token\n10;Łódź\n20;Pot\n".encode("cp1250")
    folder, rejects = written(tmp_path / "given", files), tmp_path / "r.jsonl"
    given = ("convert", folder, "--out", tmp_path / "out", "valid=0", "--encoding", "cp1250")
    code, _, err = kgrec(*given)
    assert (code, "separator" in err) == (2, True)
    code, _, err = kgrec(*given, "--separator", ";")
    assert (code, "the first is line 4" in err) == (2, True), err
    more = ("--separator", ";", "--on-error", "skip", "--rejects", rejects)
    code, out, err = kgrec(*given, *more)
    assert (code, out) == (0, ""), err
    assert "were left out" in err
    assert "Łódź" in (tmp_path / "out" / "items.csv").read_text(encoding="utf-8")
    assert [json.loads(line)["line"] for line in rejects.read_text().splitlines()] == [4]
    assert not (tmp_path / "out" / "rejects").exists()


def test_what_a_format_does_not_have_is_told_in_its_words(tmp_path, kgrec):
    folder = written(tmp_path / "given", KGAT)
    code, _, err = kgrec("convert", folder, "--out", tmp_path / "out", "--decimal", ",")
    assert code == 2
    assert "decimal" in err
    with pytest.raises(ConfigError, match="on_error"):
        read_dataset(folder, on_error="leave")
