"""Tables of text as people have them: encodings, separators, headers, bad rows, numbers, lists."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from kgrec.data.attribute_table import AttributeTable
from kgrec.data.expression import evaluate_expression
from kgrec.data.interactions import Interactions
from kgrec.data.list_cells import guess_separator, parse_lists
from kgrec.data.numbers import read_numbers
from kgrec.data.table_format import NamedFormat
from kgrec.data.tables import as_numbers, read_table
from kgrec.errors import ConfigError, DataError, KgrecWarning

LOG = "user_id,item_id,rating\nJosé,x,8\nZoë,y,3\nJosé,y,9\n"


def write(path, content, encoding="utf-8"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path, encoding):
    log = Interactions.read(write(tmp_path / "a.csv", LOG, encoding))
    assert log.users.ids == ["José", "Zoë"]


def test_latin_1_is_read_and_said_with_line_column_and_byte(tmp_path):
    path = write(tmp_path / "a.csv", LOG, "latin-1")
    with pytest.warns(KgrecWarning, match=r"line 2, column 4 holds the byte 0xE9.*cp1252.*'José'"):
        assert Interactions.read(path).users.ids == ["José", "Zoë"]
    assert Interactions.read(path, encoding="latin-1").users.ids == ["José", "Zoë"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Привет", "cp1251"), ("Łódź żółty", "cp1250"), ("名侦探柯南", "gb18030")],
)
def test_an_encoding_that_is_not_certain_is_an_error_that_names_likely_ones(
    tmp_path, text, encoding
):
    path = write(tmp_path / "a.csv", f"user_id,item_id\n{text},x\n", encoding)
    with pytest.raises(DataError, match=rf"line 2, column \d+ .*byte 0x.* in {encoding}"):
        read_table(path)
    assert read_table(path, format=NamedFormat(encoding=encoding))["user_id"][0] == text


def test_an_encoding_that_does_not_fit_names_the_place(tmp_path):
    path = write(tmp_path / "a.csv", LOG, "latin-1")
    with pytest.raises(DataError, match=r"not in the encoding utf-8: line 2, column 4 .*0xE9"):
        Interactions.read(path, encoding="utf-8")
    with pytest.raises(ConfigError, match="encoding"):
        Interactions.read(path, encoding="latin-11")


@pytest.mark.parametrize(
    ("name", "separator"),
    [
        ("a.csv", ";"),
        ("a.csv", "\t"),
        ("a.csv", "|"),
        ("a.dat", "::"),
        ("a.txt", "\t"),
        ("a.tsv", ","),
    ],
)
def test_another_separator_is_found_and_said(tmp_path, name, separator):
    path = write(tmp_path / name, LOG.replace(",", separator))
    with pytest.warns(KgrecWarning, match="separated by"):
        guessed = Interactions.read(path)
    said = Interactions.read(path, separator=separator)
    for log in (guessed, said):
        rows = log.to_pandas().to_numpy().tolist()
        assert rows == [["José", "x", 8], ["Zoë", "y", 3], ["José", "y", 9]]


def test_a_comma_in_a_title_does_not_separate(tmp_path):
    path = write(tmp_path / "a.csv", "id;title\n1;Good, Bad and Ugly\n2;Up, up, up\n")
    with pytest.warns(KgrecWarning, match="separated by ';'"):
        assert read_table(path)["title"].tolist() == ["Good, Bad and Ugly", "Up, up, up"]


def test_files_without_a_header_get_names(tmp_path):
    path = write(tmp_path / "ratings.dat", "1::10::5::978300760\n1::20::3::978302109\n")
    with pytest.warns(KgrecWarning, match="has no header"):
        log = Interactions.read(path)
    assert (log.users.ids, log.items.ids) == (["1"], ["10", "20"])
    assert log.rating.tolist() == [5, 3]
    assert log.timestamp.tolist() == [978300760, 978302109]
    edges = write(tmp_path / "e.txt", "# from to\n1 10\n2 20\n")
    with pytest.warns(KgrecWarning, match="comments"):
        log = Interactions.read(edges, columns=["user_id", "item_id"])
    assert log.to_pandas().to_numpy().tolist() == [["1", "10"], ["2", "20"]]
    words = write(tmp_path / "w.csv", "ann,x\nben,y\n")
    with pytest.raises(DataError, match="no column 'user_id'"):
        Interactions.read(words)
    assert len(Interactions.read(words, columns=["user_id", "item_id"])) == 2


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.jsonl"])
def test_json_is_a_list_or_lines(tmp_path, name):
    rows = [{"user_id": "007", "item_id": "é", "rating": 5}, {"user_id": "8", "item_id": "x"}]
    lines = "\n".join(map(json.dumps, rows)).encode()
    texts = [lines] if name.endswith("l") else [lines, json.dumps(rows, indent=1).encode()]
    for text in texts:
        path = write(tmp_path / name, gzip.compress(text) if name.endswith("gz") else text)
        assert Interactions.read(path).items.ids == ["x", "é"]
    literals = write(tmp_path / "b.json", "{'asin': 'x', 'title': \"It's\"}\n")
    with pytest.warns(KgrecWarning, match="literals of Python"):
        assert read_table(literals)["title"].tolist() == ["It's"]


BAD = 'user_id,item_id,rating\na,x,1\nb,y\nc,"z\nz",3\nd,w,4,5\n,v,2\ne,u,no\nf,t,5\n'


def test_a_bad_row_is_an_error_with_line_content_and_remedy(tmp_path):
    path = write(tmp_path / "a.csv", BAD)
    with pytest.raises(DataError, match=r"line 3: 3 columns are expected and 2 .*'b,y'.*on_error"):
        Interactions.read(path)
    path = write(tmp_path / "a.csv", BAD.replace("b,y\n", "b,y,2\n").replace(",5\n,v", "\n,v"))
    with pytest.raises(DataError, match=r"have no user_id; the first is line 7"):
        Interactions.read(path)


def test_bad_rows_can_be_left_out_counted_and_written(tmp_path):
    path, rejects = write(tmp_path / "a.csv", BAD), tmp_path / "bad.jsonl"
    with pytest.warns(KgrecWarning) as said:
        log = Interactions.read(path, on_error="skip", rejects=rejects)
    assert log.users.ids == ["a", "c", "f"]
    assert log.items.ids == ["t", "x", "z\nz"]
    text = " ".join(str(one.message) for one in said)
    assert "lines 3, 6" in text
    assert "lines 7, 8" in text
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [one["line"] for one in found] == [3, 6, 7, 8]
    assert found[0]["text"] == "b,y"


@pytest.mark.parametrize("separator", ["::", "  "])
def test_a_row_that_was_left_out_is_written_as_it_was(tmp_path, separator):
    text = LOG.replace(",", separator) + f"Zoë{separator}é\n"
    path, rejects = write(tmp_path / "a.dat", text), tmp_path / "bad.jsonl"
    with pytest.warns(KgrecWarning, match="1 of 4 rows"):
        Interactions.read(
            path, separator=separator.strip() or " ", on_error="skip", rejects=rejects
        )
    found = json.loads(rejects.read_text())
    assert (found["line"], found["text"]) == (5, f"Zoë{separator}é")


def test_a_file_of_rejects_replaces_an_older_one_and_nothing_else(tmp_path):
    path, rejects = write(tmp_path / "a.csv", BAD), tmp_path / "bad.jsonl"
    rejects.write_text("of somebody else")
    for other in (path, rejects):
        before = other.read_bytes()
        with pytest.raises(DataError, match=r"The file of rejects: .* Choose another name"):
            Interactions.read(path, on_error="skip", rejects=other)
        assert other.read_bytes() == before
    with pytest.raises(DataError, match=r"The file of rejects: .*bad.jsonl cannot be written"):
        Interactions.read(path, on_error="skip", rejects=path / "bad.jsonl")
    rejects.unlink()
    with pytest.warns(KgrecWarning, match="left out"):
        Interactions.read(path, on_error="skip", rejects=rejects)
    assert rejects.read_text()
    Interactions.read(write(tmp_path / "b.csv", LOG), on_error="skip", rejects=rejects)
    assert rejects.read_text() == ""  # none of this reading, so none of an older one


def test_quotation_marks(tmp_path):
    path = write(tmp_path / "a.csv", 'id,size\n1,5"\n2,"a ""b"", c"\n')
    assert read_table(path)["size"].tolist() == ['5"', 'a "b", c']
    open_mark = write(tmp_path / "b.csv", 'id,size\n1,"x\n2,y\n')
    with pytest.raises(DataError, match=r"line 2.*not closed.*`quote` to ''"):
        read_table(open_mark)
    assert read_table(open_mark, format=NamedFormat(quote=""))["size"].tolist() == ['"x', "y"]
    single = write(tmp_path / "c.csv", "id,size\n1,'a,b'\n")
    assert read_table(single, format=NamedFormat(quote="'"))["size"].tolist() == ["a,b"]
    escaped = write(tmp_path / "d.csv", '"id","t"\n"1","say \\"hi\\""\n')
    assert read_table(escaped, format=NamedFormat(escape="\\"))["t"].tolist() == ['say "hi"']


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["12", "1,234.50", "N/A"], [12, 1234.5, np.nan]),
        (["1.234,50", "2,5", "1.000"], [1234.5, 2.5, 1000]),
        (["$12", "€3.50", "-"], [12, 3.5, np.nan]),
        (["12 %", "3%"], [12, 3]),
        (["1 234,5", "(3)", "−2"], [1234.5, -3, -2]),
    ],
)
def test_numbers_as_people_write_them(texts, numbers):
    found = read_numbers(pd.Series(texts))
    np.testing.assert_array_equal(found.values, numbers)
    assert not found.wrong.any()


def test_a_number_that_has_two_meanings_needs_a_decimal_mark():
    column = pd.Series(["1,234", "5"])
    assert read_numbers(column).wrong.tolist() == [True, False]
    assert read_numbers(column, ",").values.tolist() == [1.234, 5]
    assert read_numbers(column, ".").values.tolist() == [1234, 5]
    with pytest.raises(DataError, match="Set `decimal`"):
        as_numbers(column.to_frame("p"), "p", "t")


def test_odd_values_of_a_numeric_column_are_named_with_their_line(tmp_path):
    path = write(tmp_path / "a.csv", 'item_id,price\na,"1,5"\nb,call us\nc,"2,5"\n')
    with pytest.warns(KgrecWarning) as said:
        table = AttributeTable.read(path, numbers=["price"])
    text = " ".join(str(one.message) for one in said)
    assert "line 3 holds 'call us' (1 such row)" in text
    assert "decimal comma" in text
    np.testing.assert_array_equal(table.numbers["price"], [1.5, np.nan, 2.5])


def test_lists_in_cells(tmp_path):
    rows = ["Drama, War", "War", "Drama", "War, Sea, Drama", "Sea"]
    frame = pd.DataFrame({"item_id": list("abcde"), "g": rows})
    with pytest.warns(KgrecWarning, match="separated by ','"):
        table = AttributeTable.read(frame, categories=["g"])
    assert table.words()[3]["g"] == ["War", "Sea", "Drama"]
    whole = AttributeTable.read(frame, categories=["g"], list_separator="")
    assert whole.words()[3]["g"] == ["War, Sea, Drama"]
    names = pd.Series(["Herbert, Frank", "Le Guin, Ursula", "Tolkien, John"])
    assert guess_separator(names) is None
    assert parse_lists(pd.Series(["['a', 'b']", '["c"]'])).tolist() == [["a", "b"], ["c"]]
    frame["g"] = ['["a, b"]', "[]", '["c", "d"]', "[]", "[]"]
    with pytest.warns(KgrecWarning, match="read as lists"):
        assert AttributeTable.read(frame, categories=["g"]).words()[0]["g"] == ["a, b"]
    with pytest.raises(ConfigError, match="list_separator"):
        AttributeTable.read(frame, separator=",")


@pytest.mark.parametrize(
    "expression",
    ["`Book-Rating` >= 5", "Book-Rating >= 5", '"Book-Rating" >= 5', "5 <= Book-Rating"],
)
def test_columns_of_any_name_in_expressions(expression):
    frame = pd.DataFrame({"Book-Rating": ["8", "3"], "Star Rating": [1, 2]})
    assert evaluate_expression(expression, frame).tolist() == [True, False]
    frame = frame.assign(liked=["True", "false"])
    for condition in ("liked == 0", "liked == False", "liked == false", "not liked == True"):
        found = evaluate_expression(f"Star Rating == 2 and {condition}", frame)
        assert found.tolist() == [False, True]


def test_a_name_that_the_header_repeats_is_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user_id,user_id,item_id,,\na,b,c,,\n")
    with pytest.warns(KgrecWarning, match="header has 'user_id' more than once") as found:
        frame = read_table(path)
    assert len(found) == 1
    assert list(frame.columns)[:3] == ["user_id", "user_id.1", "item_id"]


def test_a_sheet_is_to_be_saved_as_csv(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"found \.xlsx\. Save the sheet as CSV"):
        read_table(tmp_path / "t.xlsx")
