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
