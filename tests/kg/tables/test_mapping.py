"""Tables as graphs: a mapping gives the statements that a naive reading gives."""

import re
import warnings
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kgrec
from kgrec.errors import ConfigError, DataError, KgrecWarning
from kgrec.kg.graph import KnowledgeGraph
from kgrec.kg.tables.cells import column_cells, infer_datatype
from kgrec.kg.tables.mapped_table import map_table
from kgrec.kg.tables.mapping import TableMapping
from kgrec.kg.tables.suggestion import suggest_mapping
from kgrec.linking import link
from kgrec.rdf.namespaces import RDF_TYPE, RDFS, XSD

EX = "http://shop.example/"
PRODUCTS = (
    "sku,title,brand,genres,price,note\n"
    "a/1,Ärger & Co,Acme,Drama|Comedy,1.50,first\n"
    "b2,1984,Acme,Drama| Comedy,2,\n"
    "c3,,Böse,,n/a,third\n"
)
MAPPING = {
    "id": "sku",
    "iri": EX + "product/{sku}",
    "namespace": EX,
    "type": EX + "Product",
    "label": "title",
    "language": "en",
    "relations": {
        "brand": {"predicate": "https://schema.org/brand"},
        "genres": {"separator": "|", "iri": EX + "g/{value}", "label": False},
    },
    "literals": {"price": {"datatype": "xsd:decimal"}, "note": {"language": "EN-gb"}},
}


def triples(kg):
    return {tuple(row) for row in kg.to_pandas().to_numpy().tolist()}


def literals(kg):
    frame = kg.literals.to_pandas()
    return {
        (kg.entities.id(row.subject), kg.relations.id(row.relation), row.value, row.datatype,
         row.language)
        for row in frame.itertuples()
    }  # fmt: skip


@pytest.fixture
def products(tmp_path):
    path = tmp_path / "products.csv"
    path.write_text(PRODUCTS, encoding="utf-8")
    return path


def test_a_shop(products):
    kg = KnowledgeGraph.from_table(products, MAPPING)
    p = [EX + "product/" + name for name in ("a%2F1", "b2", "c3")]
    brand = {"Acme": EX + "brand/Acme", "Böse": EX + "brand/B%C3%B6se"}
    assert triples(kg) == {
        *((iri, RDF_TYPE, EX + "Product") for iri in p),
        (p[0], "https://schema.org/brand", brand["Acme"]),
        (p[1], "https://schema.org/brand", brand["Acme"]),
        (p[2], "https://schema.org/brand", brand["Böse"]),
        *((iri, EX + "genres", EX + f"g/{name}") for iri in p[:2] for name in ("Drama", "Comedy")),
    }
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
    label = RDFS + "label"
    assert literals(kg) == {
        (p[0], label, "Ärger & Co", rdf, "en"),
        (p[1], label, "1984", rdf, "en"),
        (brand["Acme"], label, "Acme", XSD + "string", ""),
        (brand["Böse"], label, "Böse", XSD + "string", ""),
        (p[0], EX + "price", "1.50", XSD + "decimal", ""),
        (p[1], EX + "price", "2", XSD + "decimal", ""),
        (p[2], EX + "price", "n/a", XSD + "string", ""),
        (p[0], EX + "note", "first", rdf, "en-gb"),
        (p[2], EX + "note", "third", rdf, "en-gb"),
    }
    notes = "\n".join(kg.report.notes)
    assert f"products.csv: 3 rows, 3 entities {EX}product/{{sku}}." in notes
    assert "price → literal http://shop.example/price, decimal: 3 values; 1 do not fit" in notes
    assert (
        "genres → relation http://shop.example/genres: 4 values, 2 distinct, 1 rows have" in notes
    )


def test_every_kind_of_table_gives_the_same_graph(products, tmp_path):
    expected = KnowledgeGraph.from_table(products, MAPPING)
    frame = pd.read_csv(products, dtype=str, keep_default_na=False, na_values=[""])
    frame.to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    frame.to_parquet(tmp_path / "p.parquet")
    listed = frame.assign(genres=[["Drama", "Comedy"], ["Comedy ", "Drama"], None])
    listed.to_json(tmp_path / "p.jsonl", orient="records", lines=True)
    arrow = pa.Table.from_pandas(listed.assign(genres=listed["genres"].astype(object)))
    (tmp_path / "m.yaml").write_text(TableMapping.from_tree(MAPPING).to_yaml(), encoding="utf-8")
    for table in (*(tmp_path / f"p.{end}" for end in ("tsv", "parquet", "jsonl")), frame, arrow):
        assert KnowledgeGraph.from_table(table, tmp_path / "m.yaml").equals(expected)


def test_notes_outlive_saving(products, tmp_path):
    kg = KnowledgeGraph.from_table(products, MAPPING)
    kg.save(tmp_path / "kg")
    loaded = KnowledgeGraph.load(tmp_path / "kg")
    assert loaded.equals(kg)
    assert loaded.report == kg.report


def test_items_link_by_the_template_alone(products):
    mapped = map_table(products, MAPPING)
    kg = KnowledgeGraph.from_table(products, MAPPING)
    catalogue = pd.DataFrame({"item_id": ["c3", "a/1", "unheard"]})
    found = link(catalogue, kg, mapped.ids.rename(columns={"id": "item_id"}))
    assert found.report.unlinked == ("unheard",)
    assert found.report.unknown_items == (("b2", EX + "product/b2"),)
    entity = found.entity_of()
    assert kg.entities.id(entity[0]) == EX + "product/a%2F1"


def test_without_settings_everything_has_a_place():
    frame = pd.DataFrame({"my id": [1, 2], "b c": ["x", "x"], "n": [1, 2]})
    kg = KnowledgeGraph.from_table(frame, {"id": "my id", "relations": ["b c"], "literals": "n"})
    base = "http://example.org/"
    assert triples(kg) == {(f"{base}my%20id/{n}", f"{base}b%20c", f"{base}b%20c/x") for n in (1, 2)}
    assert (f"{base}my%20id/2", base + "n", "2", XSD + "integer", "") in literals(kg)


def test_columns_with_braces_in_their_names():
    frame = pd.DataFrame({"{}id": ["a"], "{x": ["y"], "label": ["1"]})
    kg = KnowledgeGraph.from_table(frame, {"id": "{}id", "relations": ["{x"]})
    base = "http://example.org/"
    assert triples(kg) == {(f"{base}%7B%7Did/a", f"{base}%7Bx", f"{base}%7Bx/y")}


def test_values_that_are_iris_stay_as_they_are():
    iri = "http://dbpedia.org/resource/Amélie_(film)"
    frame = pd.DataFrame({"id": ["1"], "same": [iri]})
    mapping = {"id": "id", "iri": "{+same}", "relations": {"same": {"iri": "{+value}"}}}
    kg = KnowledgeGraph.from_table(frame, mapping)
    assert triples(kg) == {(iri, "http://example.org/same", iri)}
    assert not len(kg.literals)  # an IRI is no name


def test_whole_numbers_keep_every_digit(tmp_path):
    big = 12345678901234567
    table = pa.table({"id": ["a", "b"], "n": pa.array([big, None])})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    for source in (table, tmp_path / "t.parquet"):
        kg = KnowledgeGraph.from_table(source, {"id": "id", "literals": ["n"]})
        assert [value[2:4] for value in literals(kg)] == [(str(big), XSD + "integer")]


def test_several_rows_of_one_id():
    frame = pd.DataFrame({"id": ["a", "a", "b"], "by": ["x", "y", "x"]})
    kg = KnowledgeGraph.from_table(frame, {"id": "id", "relations": ["by"]})
    assert kg.num_triples == 3
    assert "3 rows, 2 entities" in kg.report.notes[0]
    assert "(1 rows repeat one)" in kg.report.notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "skuu"}, "no column 'skuu'. Did you mean 'sku'"),
        ({"iri": EX + "{brnad}"}, "no column 'brnad'. Did you mean 'brand'"),
        ({"label": "titel"}, "Did you mean 'title'"),
        ({"relations": ["brands"]}, "Did you mean 'brand'"),
        ({"literals": ["pirce"]}, "Did you mean 'price'"),
    ],
)
def test_a_misspelt_column_is_named(products, change, message):
    with pytest.raises(DataError, match=re.escape(message)):
        KnowledgeGraph.from_table(products, MAPPING | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relation": []}, "unknown key 'relation'. Did you mean 'relations'"),
        ({"relations": {"brand": {"seperator": "|"}}}, "Did you mean 'separator'"),
        ({"iri": "http://e.org/"}, "needs {name}"),
        ({"relations": {"brand": {"iri": "x/{brand}"}}}, "takes {value} and nothing else"),
        ({"literals": {"price": {"language": "en", "datatype": "xsd:date"}}}, "not both"),
        ({"relations": {"genres": {"separator": ""}}}, "relations.genres.separator"),
        ({"relations": 3}, "relations"),
        ({"namespace": "http://e.org/ x"}, "namespace: an IRI holds no blanks"),
        ({"type": ["http://e.org/<x>"]}, "type.0: an IRI holds no"),
        ({"literals": {"price": {"predicate": ""}}}, "literals.price.predicate"),
        ({"language": "english please"}, "a language tag looks like en"),
    ],
)
def test_a_wrong_mapping_is_explained(products, change, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        KnowledgeGraph.from_table(products, MAPPING | change)


@pytest.mark.parametrize("content", ["a: [", "- 1", "", "x: !!python/object:os.system {}"])
def test_a_mapping_file_that_is_none(products, tmp_path, content):
    path = tmp_path / "m.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"m\.yaml"):
        KnowledgeGraph.from_table(products, path)


def test_ids_must_be_there():
    frame = pd.DataFrame({"id": ["a", None], "by": ["x", "y"]})
    with pytest.raises(DataError, match="1 of 2 rows have no id; the first is data row 2"):
        KnowledgeGraph.from_table(frame, {"id": "id", "relations": ["by"]})


def test_a_table_without_rows_or_statements(tmp_path):
    with pytest.raises(DataError, match="no rows"):
        KnowledgeGraph.from_table(pd.DataFrame({"id": []}))
    with pytest.raises(DataError, match="graph is empty"):
        KnowledgeGraph.from_table(pd.DataFrame({"id": ["a"]}), {"id": "id"})
    with pytest.raises(DataError, match="does not exist"):
        KnowledgeGraph.from_table(tmp_path / "none.csv")


# ---------------------------------------------------------------- cells


@pytest.mark.parametrize(
    ("values", "texts", "datatype"),
    [
        ([1, 2], ["1", "2"], "integer"),
        ([1.0, None], ["1"], "integer"),
        ([0.1, np.inf, None], ["0.1", "INF"], "double"),
        ([True, False], ["true", "false"], "boolean"),
        (["true", "false"], ["true", "false"], "boolean"),
        (["1", "-2"], ["1", "-2"], "integer"),
        (["1", " 2.50"], ["1", "2.50"], "decimal"),
        (["1", "2e5"], ["1", "2e5"], "double"),
        (["01", "2"], ["01", "2"], "string"),
        (["1", "x"], ["1", "x"], "string"),
        (["2020-02-01"], ["2020-02-01"], "date"),
        (["2020-13-01"], ["2020-13-01"], "string"),
        (pd.to_datetime(["2020-02-01"]), ["2020-02-01"], "date"),
        (pd.to_datetime(["2020-02-01 10:00:01"]), ["2020-02-01T10:00:01"], "dateTime"),
        (
            pd.to_datetime(["2020-02-01 10:00+02:00"], utc=True),
            ["2020-02-01T08:00:00Z"],
            "dateTime",
        ),
        (pd.Categorical(["b", None, "a"]), ["b", "a"], "string"),
        ([["x", "y"], [], None, ["z"]], ["x", "y", "z"], "string"),
        ([1, "x", None], ["1", "x"], "string"),
        (["x", ["y", "z"], 3], ["x", "y", "z", "3"], "string"),
        (["", "  ", None, "x "], ["x "], "string"),
        ([2**70, 1], [str(2**70), "1"], "integer"),
    ],
)
def test_cells(values, texts, datatype):
    cells = column_cells(pd.Series(values))
    assert (cells.text.to_pylist(), cells.datatype) == (texts, XSD + datatype)


def test_cells_know_their_rows():
    cells = column_cells(pd.Series(["a|b", None, "| c |", "d"]), "|")
    assert cells.row.tolist() == [0, 0, 2, 3]
    assert cells.text.to_pylist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("value", [{"a": 1}, b"\xff", object(), [{"a": 1}], ["\ud800"], "\ud800"])
def test_what_has_no_text_form(value):
    with pytest.raises(DataError, match="Column 'c'"):
        column_cells(pd.Series([value, 1], name="c", dtype=object))
    with pytest.raises(DataError, match="Column 'c'"):
        column_cells(pd.Series([value], name="c", dtype=object))


@given(st.lists(st.integers() | st.decimals(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_look_like_numbers(numbers):
    found = infer_datatype(pa.array([str(number) for number in numbers]))
    if all(isinstance(number, int) for number in numbers):
        assert found == XSD + "integer"


# ---------------------------------------------------------------- against a naive reading


def naive(rows, mapping):
    """Return the triples and literals of rows of text, one cell at a time."""
    edges, values = set(), set()
    for row in rows:
        subject = mapping.iri.replace("{id}", quote(row["id"], safe=""))
        for column, relation in mapping.relations.items():
            for part in pieces(row[column], relation.separator):
                part = part.strip()
                object = mapping.namespace + column + "/" + quote(part, safe="")
                edges.add((subject, mapping.namespace + column, object))
                values.add((object, RDFS + "label", part, XSD + "string", ""))
        for column, literal in mapping.literals.items():
            for part in pieces(row[column], literal.separator):
                values.add((subject, mapping.namespace + column, part, XSD + "string", ""))
    return edges, values


def pieces(cell, separator):
    if cell is None:
        return []
    parts = [part.strip() for part in cell.split(separator)] if separator else [cell]
    return [part for part in parts if part.strip()]


text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
cell = st.none() | text | st.sampled_from(["a|b", " a", "a||c|", "|", "é ö"])
row = st.fixed_dictionaries(
    {"id": text.filter(lambda one: one != ""), "r": cell, "s": cell, "l": cell, "m": cell}
)


@settings(max_examples=150)
@given(st.lists(row, min_size=1, max_size=8))
@example([{"id": "1", "r": None, "s": None, "l": " 7", "m": None}])  # text, whatever it looks like
def test_against_a_naive_reading(rows):
    mapping = TableMapping(
        id="id",
        iri=EX + "p/{id}",
        namespace=EX,
        relations={"r": {}, "s": {"separator": "|"}},
        literals={
            "l": {"datatype": "xsd:string"},
            "m": {"datatype": "xsd:string", "separator": "|"},
        },
    )
    expected = naive(rows, mapping)
    frame = pd.DataFrame(rows, dtype=object)
    if not any(expected):
        with pytest.raises(DataError, match="graph is empty"):
            KnowledgeGraph.from_table(frame, mapping)
        return
    kg = KnowledgeGraph.from_table(frame, mapping)
    assert (triples(kg), literals(kg)) == expected
    # Neither the order of rows nor that of columns matters.
    other = KnowledgeGraph.from_table(frame.iloc[::-1, ::-1], mapping)
    assert other.equals(kg)


# ---------------------------------------------------------------- a mapping that nobody gave


def test_the_default_mapping():
    n = 12
    frame = pd.DataFrame(
        {
            "sku": [f"s{i}" for i in range(n)],
            "Name": [f"Thing {i}" for i in range(n)],
            "brand": ["Acme", "Böse", "Cute"] * 4,
            "genres": ["a|b", "b", "a"] * 4,
            "tags": [["x", "y"], ["x"], []] * 4,
            "maker_page": ["http://acme.example/", "http://boese.example/"] * 6,
            "price": [f"{i}.5" for i in range(n)],
            "year": [1990.0, None] * 6,
            "added": pd.date_range("2020-01-01", periods=n),
            "description": [f"A long text about something, number {i}. " * 3 for i in range(n)],
            "code": [f"0{i:03}" for i in range(n)],
            "empty": [None] * n,
            "nested": [{"a": 1}] * n,
        }
    )
    mapping, notes = suggest_mapping(frame)
    assert (mapping.id, mapping.label) == ("sku", "Name")
    assert list(mapping.relations) == ["brand", "genres", "tags", "maker_page"]
    assert mapping.relations["genres"].separator == "|"
    assert mapping.relations["maker_page"].iri == "{+value}"
    assert list(mapping.literals) == ["price", "year", "added", "description", "code"]
    assert len(notes) == 1 + 12  # the id, and one for each of the others
    assert "Chosen: empty is left out: it is empty." in notes
    kg = kgrec.KnowledgeGraph.from_table(frame)
    assert set(notes) <= set(kg.report.notes)
    assert "columns not used: empty, nested" in kg.report.notes[-1]
    # What was chosen can be written down, changed and given again.
    again = TableMapping.from_tree(yaml.safe_load(mapping.to_yaml()))
    assert again == mapping
    assert KnowledgeGraph.from_table(frame, again).equals(kg)


@pytest.mark.parametrize(
    "name", ["Title", "Bezeichnung", "Artikelbezeichnung", "Titre", "Nombre", "Название", "名称"]
)
def test_names_in_other_languages_become_the_label(name):
    frame = pd.DataFrame({"id": ["1", "2"], name: ["Tea pot", "Mug"], "Preis": ["1,5", "2,5"]})
    assert suggest_mapping(frame)[0].label == name


def test_a_table_without_a_label_says_what_looks_like_one():
    rows = range(12)
    frame = pd.DataFrame(
        {
            "id": [f"p{n}" for n in rows],
            "about": [f"A long text about a thing, number {n}. " * 3 for n in rows],
            "price": [f"{n}.5" for n in rows],
            "ware": [f"Mug {n // 2}" if n < 5 else f"Pot {n}" for n in rows],
        }
    )
    with pytest.warns(KgrecWarning, match="no column was taken for the label.*'ware'.*`label`"):
        assert suggest_mapping(frame)[0].label is None
    with warnings.catch_warnings(action="error", category=KgrecWarning):
        suggest_mapping(frame.drop(columns="ware"))  # a long text or a number is no name
        suggest_mapping(frame.rename(columns={"ware": "title"}))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"x": ["a", "b"], "item_id": ["1", "1"]}, "item_id"),
        ({"x": ["a", "b"], "id": ["1", "2"]}, "id"),
        ({"t": [["a"], ["b"]], "x": ["a", "a"], "y": [1, 2]}, "y"),
    ],
)
def test_the_id_is_found(columns, expected):
    assert suggest_mapping(pd.DataFrame(columns))[0].id == expected


def test_no_id():
    with pytest.raises(DataError, match="Name the column of the ids as `id`"):
        suggest_mapping(pd.DataFrame({"x": ["a", "a"]}))


def test_a_mapping_without_an_id_gets_the_one_that_would_be_chosen():
    frame = pd.DataFrame({"kind": ["a", "a"], "sku": ["s1", "s2"], "title": ["Pot", "Cup"]})
    mapped = map_table(frame, {"label": "title"})
    assert mapped.mapping == TableMapping(id="sku", label="title")
    assert mapped.notes[1] == "The mapping names no id. Chosen: sku is the id."
    assert literals(KnowledgeGraph.from_table(mapped)) == {
        (f"http://example.org/sku/{sku}", RDFS + "label", title, XSD + "string", "")
        for sku, title in (("s1", "Pot"), ("s2", "Cup"))
    }
    with pytest.raises(DataError, match="Name the column of the ids as `id` in a mapping"):
        map_table(frame[["kind"]], {"relations": ["kind"]})


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "null\n"])
def test_an_empty_mapping_is_said_to_be_empty(tmp_path, text):
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"The mapping .*m\.yaml is empty"):
        TableMapping.read(tmp_path / "m.yaml")
