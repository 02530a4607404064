"""Triples of one's own, in Turtle: ids of items are IRIs of the graph, so no links are needed.

Nobody has eaten the pie. Expect it to be recommended to Ann all the same, because it contains the
leek that is in her soup, with that as the reason.
"""

import io

import pandas as pd

import kgrec

EX = "http://example.org/"
TURTLE = """
@prefix : <http://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .

:soup rdfs:label "Leek soup" ; :contains :leek, :potato .
:pie  rdfs:label "Leek pie" ;  :contains :leek, :flour .
:cake rdfs:label "Cake" ;      :contains :flour, :sugar .
:jam  rdfs:label "Jam" ;       :contains :sugar .
"""

kg = kgrec.KnowledgeGraph.read(io.BytesIO(TURTLE.encode()), format="ttl")
menu = pd.DataFrame({"item_id": [EX + "soup", EX + "pie", EX + "cake", EX + "jam"]})
eaten = pd.DataFrame({"user_id": ["ann", "ben"], "item_id": [EX + "soup", EX + "cake"]})

items = kgrec.AttributeTable.read(menu)
links = kgrec.link(items, kg)
rec = kgrec.Recommender(kg, links, items=items, model=kgrec.AttributeEASE(), text=None)
rec.fit(kgrec.Interactions.read(eaten))
best = rec.recommend("ann", k=1)[0]
print("For Ann:", best.title)
print(rec.explain("ann", best.item).sentence)
