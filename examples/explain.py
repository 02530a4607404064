"""Why a film is recommended: paths in the graph, in one sentence and as a picture.

Expect paths from liked films to the recommended one, with what they share between them, and the
file `explanation.png` in the current folder.
"""

import kg_data
import kgrec
from kgrec.drawing.neighborhood import draw_neighborhood

films = kg_data.path("films")
kg = kgrec.KnowledgeGraph.read(films / "films.ttl")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
items = kgrec.AttributeTable.read(films / "items.csv")
links = kgrec.link(items, kg, films / "links.csv")
rec = kgrec.Recommender(kg, links, items=items, model=kgrec.AttributeEASE(), text=None).fit(log)

best = rec.recommend("u0016", k=1)[0]
explanation = rec.explain("u0016", best.item, k=4)
print(explanation.sentence)
for path in explanation.paths:
    print(f"{path.score:.2f}  {path}")
print("picture:", draw_neighborhood(explanation, "explanation.png"))
