"""Somebody new, who is known by a few films that they like: nothing is trained again.

Any model serves unseen users. Expect other films by Hitchcock for the
first, who likes two of his, and other science fiction for the second.
"""

import kg_data
import kgrec

films = kg_data.path("films")
kg = kgrec.KnowledgeGraph.read(films / "films.ttl")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
items = kgrec.AttributeTable.read(films / "items.csv")
links = kgrec.link(items, kg, films / "links.csv")
rec = kgrec.Recommender(kg, links, items=items, model=kgrec.AttributeEASE(), text=None).fit(log)

ids = {rec.title(item): item for item in rec.item_vocabulary.ids}
for liked in (["Rope", "Rear Window"], ["Alien", "Blade Runner"]):
    best = rec.recommend(liked=[ids[title] for title in liked], k=5)
    print(" and ".join(liked), "->", ", ".join(found.title for found in best))
