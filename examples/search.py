"""Search in plain words: by meaning, by words, and by where the text lies among the items.

The language model on the CPU reads the description of each film once. Expect films with samurai for
the first query and French films for the second.
"""

import kg_data
import kgrec

films = kg_data.path("films")
kg = kgrec.KnowledgeGraph.read(films / "films.ttl")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
items = kgrec.AttributeTable.read(films / "items.csv")
links = kgrec.link(items, kg, films / "links.csv")

text = kgrec.TextConfig(entities=False)  # the films, not the people around them
rec = kgrec.Recommender(kg, links, items=items, model=kgrec.EASE(), text=text).fit(log)
for query in ("samurai defend a village", "a love story in Paris"):
    print(query, "->", ", ".join(found.title for found in rec.search(query, k=4)))
