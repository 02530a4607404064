"""Save a recommender and load it: the folder is complete and holds nothing that is executed.

Expect the names of its files, and the same recommendations from what was loaded.
"""

import tempfile
from pathlib import Path

import kg_data
import kgrec

shop = kg_data.path("shop")
kg = kgrec.KnowledgeGraph.read(shop / "shop.ttl")
log = kgrec.Interactions.read(shop / "ratings.csv", positive="rating >= 4")
items = kgrec.AttributeTable.read(shop / "items.csv")
links = kgrec.link(items, kg, shop / "links.csv")
rec = kgrec.Recommender(kg, links, items=items, model=kgrec.AttributeEASE(), text=None).fit(log)

with tempfile.TemporaryDirectory() as folder:
    kgrec.save(rec, folder)
    print(*sorted(path.name for path in Path(folder).iterdir()), sep="\n")
    loaded = kgrec.load(folder)
    print("the same:", loaded.recommend("1", k=2) == rec.recommend("1", k=2))
