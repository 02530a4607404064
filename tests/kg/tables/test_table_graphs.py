"""A shop with products and ratings gets a graph: tables in the data config."""

import pytest
import yaml

from kgrec.config import make_config
from kgrec.datasets.loading import load_dataset
from kgrec.errors import ConfigError, DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.models.ease import AttributeEASE
from kgrec.recommender import Recommender

PRODUCTS = "sku,title,brand,price\n" + "".join(
    f"p/{n},Thing {n},{('Acme', 'Böse')[n % 2]},{n}.5\n" for n in range(8)
)
RATINGS = "user_id,sku,rating\n" + "".join(
    f"u{user},p/{item},5\n" for user in range(6) for item in range(7) if (user + item) % 2
)
MAKERS = "name,city\nAcme,Ulm\nBöse,Rom\n"
MAPPING = """
id: sku
iri: http://shop.example/product/{sku}
namespace: http://shop.example/
label: title
relations: [brand]
literals: [price]
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    (tmp_path / "ratings.csv").write_text(RATINGS)
    (tmp_path / "makers.csv").write_text(MAKERS, encoding="utf-8")
    return tmp_path


def data(folder, **settings):
    tree = {"root": str(folder), "interactions": "ratings.csv", "item": "sku", **settings}
    return make_config({"data": tree}).data


def test_products_and_ratings_are_enough(shop):
    dataset = load_dataset(data(shop, tables=["products.csv"]))
    assert dataset.links.report.linked == dataset.links.report.num_items == 8
    assert dataset.links.report.linked_without_interactions == ("p/7",)
    row = dataset.links.items.row("p/3")
    entity = dataset.links.entity_of()[row]
    assert dataset.kg.entities.id(entity) == "http://example.org/sku/p%2F3"
    assert dataset.kg.labels([entity]) == ["Thing 3"]
    assert "Chosen: brand is a relation" in "\n".join(dataset.notes)
    recommender = Recommender(dataset.kg, dataset.links, model=AttributeEASE(), text=None)
    recommender.fit(dataset.split.train)
    assert "Böse" in recommender.explain("u0", "p/7").sentence  # bought by nobody, of that brand


def test_tables_and_rdf_are_one_graph(shop):
    (shop / "more.nt").write_text(
        "<http://shop.example/brand/Acme> <http://e.org/by> _:x .\n", encoding="utf-8"
    )
    makers = {
        "path": "makers.csv",
        "mapping": {
            "id": "name",
            "iri": "http://shop.example/brand/{name}",
            "relations": {"city": {"predicate": "http://e.org/in", "iri": "http://e.org/{value}"}},
        },
    }
    products = {"path": "products.csv", "mapping": yaml.safe_load(MAPPING)}
    tables = [products, makers]
    dataset = load_dataset(data(shop, tables=tables, graph="more.nt"))
    triples = set(map(tuple, dataset.kg.to_pandas().to_numpy()))
    acme = "http://shop.example/brand/Acme"
    assert ("http://shop.example/product/p%2F2", "http://shop.example/brand", acme) in triples
    assert (acme, "http://e.org/in", "http://e.org/Ulm") in triples
    assert len(triples) == 8 + 2 + 1
    assert dataset.links.report.linked == 8
    # The order of the tables does not matter where one of them is said to be that of the items.
    turned = [makers, products | {"items": True}]
    other = load_dataset(data(shop, tables=turned, graph="more.nt"))
    assert other.kg.equals(dataset.kg)
    assert other.links.report == dataset.links.report
    # A saved graph is one of the graphs, too.
    dataset.kg.save(shop / "saved")
    again = load_dataset(data(shop, tables=tables, graph=["saved"]))
    assert again.kg.equals(dataset.kg)
    assert KnowledgeGraph.load(shop / "saved").report == dataset.kg.report


def test_a_table_that_is_not_of_items_links_nothing(shop):
    tables = [{"path": "products.csv", "items": False}]
    with pytest.raises(DataError, match="No item id is the IRI"):
        load_dataset(data(shop, tables=tables))
    # The links that `kgrec map` wrote beside a graph hold, whatever other tables there are.
    (shop / "more.nt").write_text("<http://e.org/a> <http://e.org/b> <http://e.org/c> .\n")
    (shop / "more.links.csv").write_text("item_id,iri\np/2,http://example.org/sku/p%2F2\n")
    dataset = load_dataset(data(shop, tables=tables, graph="more.nt"))
    assert dataset.links.report.linked == 1
    (shop / "links.csv").write_text("sku,iri\np/1,http://example.org/sku/p%2F5\n")
    dataset = load_dataset(data(shop, tables=["products.csv"], links="links.csv"))
    assert dataset.links.report.linked == 1


def test_a_mapping_may_be_a_file_of_its_own(shop):
    (shop / "maps").mkdir()
    (shop / "maps" / "products.yaml").write_text(MAPPING)
    given = {"path": "products.csv", "mapping": "maps/products.yaml"}
    inside = {"path": "products.csv", "mapping": yaml.safe_load(MAPPING)}
    of_file, of_config = (load_dataset(data(shop, tables=[table])) for table in (given, inside))
    assert of_file.kg.equals(of_config.kg)
    with pytest.raises(
        DataError, match=r"data\.tables\.0\.mapping: .*product\.yaml does not exist"
    ):
        load_dataset(data(shop, tables=[given | {"mapping": "maps/product.yaml"}]))
    (shop / "maps" / "products.yaml").write_text("id: sku\nrelation: [brand]\n")
    with pytest.raises(ConfigError, match=r"products\.yaml.*Did you mean 'relations'"):
        load_dataset(data(shop, tables=[given]))


def test_a_wrong_mapping_in_the_config(shop):
    tables = [{"path": "products.csv", "mapping": {"id": "sku", "relation": ["brand"]}}]
    with pytest.raises(ConfigError, match="Did you mean 'relations'"):
        data(shop, tables=tables)
    relations = {"brand": {"seperator": "|"}}
    tables = [{"path": "products.csv", "mapping": {"id": "sku", "relations": relations}}]
    with pytest.raises(ConfigError, match="Did you mean 'separator'"):
        data(shop, tables=tables)
    tables = [{"path": "products.csv", "mapping": {"id": "sku", "relations": ["brands"]}}]
    with pytest.raises(DataError, match="Did you mean 'brand'"):
        load_dataset(data(shop, tables=tables))
