"""Recommend in eight lines: a graph, a table of who liked what, and one object for the rest.

The model is EASE with the attributes of the graph, in closed form. Without `model` and `text` it
would be kgrec's link predictor with the texts of the films, which trains for minutes. Expect ten
films by the directors, actors and subjects of what the user liked.
"""

import kg_data
import kgrec

films = kg_data.path("films")
kg = kgrec.KnowledgeGraph.read(films / "films.ttl")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
items = kgrec.AttributeTable.read(films / "items.csv")
links = kgrec.link(items, kg, films / "links.csv")
rec = kgrec.Recommender(kg, links, items=items, model=kgrec.AttributeEASE(), text=None).fit(log)

print("Liked:", ", ".join(rec.title(item) for item in rec.history("u0016")))
for place, found in enumerate(rec.recommend("u0016", k=10), 1):
    print(f"{place:2}. {found.title}  {found.score:.3f}")
