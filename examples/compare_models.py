"""Is one model better than another? A paired test over the users, corrected for their number.

All models are measured on the same split. Expect a gain of about 0.05 NDCG by the attributes
of the graph, with an interval around it and a p value near 0, and popularity far below.
"""

import kg_data
import kgrec

films = kg_data.path("films")
kg = kgrec.KnowledgeGraph.read(films / "films.ttl")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
links = kgrec.link(log.items, kg, films / "links.csv")
split = log.split("random", valid=0, test=0.2, seed=0)

measured = {}
for model in (kgrec.EASE(), kgrec.AttributeEASE(), kgrec.MostPopular()):
    rec = kgrec.Recommender(kg, links, model=model, text=None).fit(split.train)
    measured[model.name] = kgrec.evaluate(rec, split.test)

found = kgrec.compare_models(measured, ["ndcg@10"])  # the first model is the reference
shown = ["mean", "reference", "gain", "low", "high", "t_test_holm"]
print(found.to_pandas("ndcg@10")[shown].round(4).to_string())
