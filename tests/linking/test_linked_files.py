"""Links of the items that files name."""

import pytest

from kgrec.errors import DataError
from kgrec.kg.graph import KnowledgeGraph
from kgrec.linking.linked_files import links_from_files
from kgrec.rdf.namespaces import DBO

FILMS = KnowledgeGraph.from_triples(
    [(DBO + film, DBO + "director", DBO + "mann") for film in ("heat", "ali", "up")]
)


def test_items_and_links_of_files(tmp_path):
    items, links = tmp_path / "items.csv", tmp_path / "links.csv"
    items.write_text("id,title\n1,Heat\n2,Ali\n3,Ronin\n")
    links.write_text(f"id,entity\n1,{DBO}heat\n2,{DBO}ali\n9,{DBO}up\n")
    assert links_from_files(FILMS, None, None, "id", "entity") is None
    both = links_from_files(FILMS, items, links, "id", "entity")
    assert (len(both.items), len(both)) == (3, 2)
    only = links_from_files(FILMS, None, links, "id", "entity")
    assert (len(only.items), len(only)) == (3, 3)
    items.write_text(f"id\n{DBO}up\nother\n")
    by_iri = links_from_files(FILMS, items, None, "id", "entity")
    assert by_iri.items.take(by_iri.item) == [DBO + "up"]
    with pytest.raises(DataError, match=r"links\.csv.* no column 'iri'"):
        links_from_files(FILMS, None, links, "id", "iri")
