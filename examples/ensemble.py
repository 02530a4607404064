"""An ensemble: the weighted sum of other models, with weights that are fitted on validation.

Expect the figures of the ensemble and of each member alone, and the weight of each. Popularity gets
none: the others know better.
"""

import kg_data
import kgrec

films = kg_data.path("films")
kg = kgrec.KnowledgeGraph.read(films / "films.ttl")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
links = kgrec.link(log.items, kg, films / "links.csv")
split = log.split("random", valid=0.1, test=0.1, seed=0)

members = [kgrec.MostPopular(), kgrec.ItemKNN(), kgrec.AttributeEASE()]
for model in (*members, kgrec.Ensemble(members)):
    rec = kgrec.Recommender(kg, links, model=model, text=None).fit(split.train, split.valid)
    metrics = kgrec.evaluate(rec, split.test).metrics
    print(f"{model.name:15} ndcg@10 {metrics['ndcg@10']:.4f}")
for member, weight in zip(members, rec.model.weights, strict=True):
    print(f"weight of {member.name}: {weight:.2f}")
