"""`kgrec link`: links, what is uncertain, and mistakes."""

import json

import pytest
from project import HOSTILE


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


def test_a_repeated_id_keeps_its_first_row(kgrec, films):
    with (films / "items.csv").open("a") as file:
        file.write('3,Heat,1986,\n1,"Dust",1995,\n')
    code, _, err = kgrec(
        "link", films / "items.csv", films / "graph.nt", "--no-meaning",
        "--out", films / "links.csv", "--property", "ex:imdb", "--column", "imdb",
    )  # fmt: skip
    assert code == 0
    assert "items.csv: 2 rows repeat an id of an earlier row, the first is '3' in line 6" in err
    rows = (films / "links.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [["1", "ex:net"], ["3", "ex:dust"]]


def test_what_is_not_valid_in_the_graph_is_left_out_as_the_message_says(kgrec, films):
    with (films / "graph.nt").open("a") as file:
        file.write("<ex:a b> <ex:p> <ex:c> .\n")
    given = ["link", films / "items.csv", films / "graph.nt", "--no-meaning",
             "--out", films / "links.csv"]  # fmt: skip
    code, _, err = kgrec(*given)
    assert code == 2
    assert "To leave out what is not valid, give --on-error skip." in err
    code, _, err = kgrec(*given, "--on-error", "skip")
    assert code == 0
    assert "1 statement is not valid and was left out" in err
    assert (films / "links.csv").read_text().splitlines()[1].startswith("1,ex:net,")


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
