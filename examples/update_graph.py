"""A graph that changes: `update` returns a new graph in which all old rows stay what they are.

Expect two statements to come and one to go, and the stand mixer to have the same row in both.
"""

import kg_data
import kgrec

SHOP = "https://kgrec.example/shop/"
old = kgrec.KnowledgeGraph.read(kg_data.path("shop") / "shop.ttl")
mixer = SHOP + "product/2"

new = old.update(
    added=[
        (mixer, SHOP + "madeBy", SHOP + "maker/anmut"),
        (SHOP + "product/4", SHOP + "madeBy", SHOP + "maker/anmut"),
    ],
    removed=[(mixer, SHOP + "priceLevel", SHOP + "price-level/medium")],
)
print(new.report.updates[-1])
print("triples:", old.num_triples, "->", new.num_triples)
print("row of the mixer:", old.entities.row(mixer), "->", new.entities.row(mixer))
