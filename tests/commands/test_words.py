"""Messages of commands: their own options and keys, and where was looked for a file."""

import pytest

PYTHON = ("loader=", "base_iri=", "format=", "links=", "tuple", "Input should", "<class")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/ratings.csv").write_text("user_id,item_id\nu,a\nv,b\n")
    (tmp_path / "shop/c.yaml").write_text(
        "data: {root: ., interactions: ratings.csv}\ntext: null\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content", "option"),
    [
        (
            "p.jsonld",
            '{"@context": "https://schema.org/", "@id": "x:a", "name": "Mug"}',
            "--context",
        ),
        ("g.ttl", "<a> <b> <c> .", "--base-iri"),
        ("g.xyz", "<a> <b> <c> .", "--format, such as --format ttl"),
    ],
)
def test_inspect_names_its_options(kgrec, shop, name, content, option):
    (shop / name).write_text(content)
    code, _, err = kgrec("inspect", shop / name)
    assert code == 2
    assert f"give {option}" in err
    assert not [word for word in (*PYTHON, "Callback") if word in err]


@pytest.mark.parametrize("iri", ["https://schema.org/", "http://schema.org"])
def test_a_context_can_be_given_as_a_file(kgrec, shop, iri):
    (shop / "p.jsonld").write_text(
        '{"@context": "https://schema.org/", "@id": "http://e.org/a", "@type": "Product"}'
    )
    (shop / "so.jsonld").write_text('{"@context": {"@vocab": "http://schema.org/"}}')
    code, out, err = kgrec("inspect", shop / "p.jsonld", "--context", f"{iri}=so.jsonld")
    assert (code, err) == (0, "")
    assert "1 statement" in out
    code, _, err = kgrec("inspect", shop / "p.jsonld", "--context", "https://other.org/=so.jsonld")
    assert code == 2
    assert "the JSON-LD context https://schema.org/ is not in --context" in err
    assert kgrec("inspect", shop / "p.jsonld", "--context", "so.jsonld")[0] == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "seed=1",
            "data.interactions: ratings.csv does not exist. Paths are relative to data.root",
        ),
        ("data.root=sho", "data.interactions: sho/ratings.csv does not exist."),
        ("data.interactions=~/x.csv", "/home/x.csv"),
        ("data.items.path=~/x.csv", "/home/x.csv"),
        ("data.links=~/x.csv", "links are given without a graph"),
        ("data.graph=~/x.nt", "/home/x.nt"),
        ("data.graph=*.nt", "*.nt: no file matches this pattern."),
        ("data.splits=~/x", "/home/x"),
        ("data.tables=[~/x.csv]", "/home/x.csv"),
        ("data.positive=rating > 3", "data.positive: rating > 3"),
        ("data.items.categories=form", "Did you mean [form]?"),
        ("data.items.numbers=form", "expected a list"),
    ],
)
def test_train_says_where_it_looked(kgrec, shop, setting, message):
    own = [] if setting in ("seed=1", "data.root=sho") else ["data.root=shop"]
    code, _, err = kgrec("train", "shop/c.yaml", *own, setting)
    assert code == 2
    assert message in err
    assert not [word for word in PYTHON if word in err]
    if not own:
        assert str(shop) in err  # the current folder


@pytest.mark.parametrize("command", ["inspect", "link"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--on-error", "foo"), "kgrec: --on-error: expected 'raise' or 'skip', found 'foo'."),
        (("--format", "foo"), "Unknown format 'foo'."),
        ((), "give --base-iri"),
    ],
)
def test_reading_options_are_named_and_are_there(kgrec, shop, command, options, message):
    (shop / "g.ttl").write_text("<a> <b> <c> .")
    (shop / "items.csv").write_text("item_id,title\n1,a\n")
    files = ["g.ttl"] if command == "inspect" else ["items.csv", "g.ttl"]
    code, _, err = kgrec(command, *files, *options)
    assert code == 2
    assert message in err


def test_link_names_its_options(kgrec, shop):
    (shop / "items.csv").write_text("item_id,title\n1,a\n")
    (shop / "g.nt").write_text("<x:a> <x:b> <x:c> .\n")
    code, _, err = kgrec("link", "items.csv", "g.nt", "--threshold", "7")
    assert (code, err) == (2, "kgrec: --threshold: expected a number of at most 1, found 7.0.\n")


def test_link_reads_contexts_and_relative_iris(kgrec, shop):
    context = '{"@context": "https://schema.org/", "@id": "a", "@type": "Product", "name": "Mug"}'
    (shop / "p.jsonld").write_text(context)
    (shop / "so.jsonld").write_text(
        '{"@context": {"@vocab": "http://schema.org/", "name": '
        '"http://www.w3.org/2000/01/rdf-schema#label"}}'
    )
    (shop / "items.csv").write_text("item_id,title\nm1,Mug\n")
    given = ("--context", "https://schema.org/=so.jsonld", "--base-iri", "http://e.org/")
    code, _, err = kgrec("link", "items.csv", "p.jsonld", "--no-meaning", *given)
    assert code == 0, err
    assert "m1,http://e.org/a" in (shop / "links.csv").read_text()
    assert kgrec("link", "items.csv", "p.jsonld", "--no-meaning", "--out", "n.csv")[0] == 2


@pytest.mark.parametrize(("protocol", "setting"), [("ratings", "damping"), ("ctr", "threshold")])
def test_what_needs_a_validation_part_speaks_of_settings(kgrec, run_folder, protocol, setting):
    code, _, err = kgrec("evaluate", run_folder, "--split", "valid", "--protocol", protocol)
    assert code == 2
    assert f"or give the setting {setting}=NUMBER" in err
    assert "exclude" not in err


def test_the_setting_that_a_message_names_reads_the_graph(kgrec, shop):
    (shop / "shop/g.nt").write_text("<x:a> <x:p> <x:o> .\n<x:a b> <x:p> <x:o> .\n")
    (shop / "shop/ratings.csv").write_text("user_id,item_id\nu,x:a\nv,x:a\nu,x:b\nv,x:b\n")
    given = ["train", shop / "shop/c.yaml", "--out", shop / "run", "data.root=shop",
             "data.graph=g.nt",
             "data.valid=0", "data.test=0", "model=ease"]  # fmt: skip
    code, _, err = kgrec(*given)
    assert code == 2
    assert "give data.reading.on_error: skip." in err
    code, _, err = kgrec(*given, "data.reading.on_error=skip")
    assert code == 0
    assert "1 statement is not valid and was left out" in err
