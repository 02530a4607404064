"""`kgrec inspect`: what is in a graph, as text, JSON and a picture."""

import json

from project import EX


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


def test_inspect_reads_as_it_is_told(ok, kgrec, tmp_path):
    quads = "<a:s> <a:p> <a:o> .\n<a:s> <a:p> <a:x> <a:g> .\nbad \x1b[2J\n"
    path = tmp_path / "graph.data"
    path.write_text(quads)
    rejects = tmp_path / "rejects.jsonl"
    out = ok("inspect", path, "--format", "nq", "--on-error", "skip", "--rejects", rejects)
    assert "1 statement is not valid and was left out" in out
    assert json.loads(rejects.read_text())["text"] == "bad \x1b[2J"
    options = ("--format", "application/n-quads", "--on-error", "skip", "--json")
    found = json.loads(ok("inspect", path, *options, "--graph", "a:g"))
    assert found["triples"] == 1
    assert found["reading"] == [
        f"1 statement is not valid and was left out: {path}, line 3: The subject of a triple must "
        "be an IRI or a blank node.",
        "1 statements are in graphs that were not asked for.",
    ]
    turtle = tmp_path / "g.ttl"
    turtle.write_text("<s> <p> <o> .")
    assert json.loads(ok("inspect", turtle, "--base-iri", "http://e/", "--json"))["triples"] == 1
    for arguments, message in (
        ([path], "no RDF format is known by this extension"),
        ([path, "--format", "nq"], "line 3, column 1: not valid N-Quads"),
        ([turtle], "give --base-iri"),
        ([turtle, "--on-error", "ignore"], "--on-error"),
    ):
        code, out, err = kgrec("inspect", *arguments)
        assert (code, out) == (2, "")
        assert message in err
        assert "\x1b" not in err
    turtle.write_text("# nothing")
    code, out, err = kgrec("inspect", turtle)
    assert (code, out) == (2, "")
    assert "The graph is empty: no statement was read from" in err


def test_inspect_a_run(ok, kgrec, run_folder, tmp_path):
    metrics = json.loads((run_folder / "metrics.json").read_text())
    figures = metrics["valid"]["metrics"]
    lines = ok("inspect", run_folder).splitlines()
    rows = [line.split() for line in lines]
    assert ["validation", "@10", "@20"] in rows
    assert ["ndcg", *(f"{figures[f'ndcg@{k}']:.4f}" for k in (10, 20))] in rows
    assert metrics["reading"]
    for line in "\n".join(metrics["reading"]).splitlines():
        assert f"  - {line}" in lines
    assert json.loads(ok("inspect", run_folder, "--json"))["metrics"] == metrics
    picture = tmp_path / "x.png"
    code, _, err = kgrec("inspect", run_folder, "--picture", picture)
    assert code == 2
    assert "has one model, link_prediction, so --picture has nothing to compare" in err
    assert not picture.exists()


def test_items_can_be_linked_by_a_template(tmp_path, kgrec):
    (tmp_path / "g.nt").write_text("<http://e.org/a> <http://e.org/by> <http://e.org/x> .\n")
    (tmp_path / "items.csv").write_text("item_id\na\nb\n")
    given = ("inspect", tmp_path / "g.nt", "--items", tmp_path / "items.csv")
    code, _, err = kgrec(*given)
    assert code == 2
    assert "give --template http://e.org/{id}." in err
    code, out, err = kgrec(*given, "--template", "http://e.org/{id}", "--json")
    assert code == 0, err
    assert json.loads(out)["items"]["num_items"] == 2
