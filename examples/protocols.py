"""Evaluation protocols: the same model, measured in the ways that published tables use.

Figures of different protocols do not compare, so that each has names of its own. Expect the NDCG
among drawn candidates far above the one of the full ranking.
"""

import kg_data
import kgrec

films = kg_data.path("films")
ratings = kgrec.Interactions.read(films / "ratings.csv")
parts = ratings.split("random", valid=0.1, test=0.2, seed=0)
train, valid, test = (
    part.select(part.rating >= 4) for part in (parts.train, parts.valid, parts.test)
)
rec = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(train, valid)

for protocol in ("full", "candidates", "ctr", "kgat-ndcg"):
    metrics = rec.evaluate(test, protocol=protocol).metrics
    first = list(metrics.items())[:3]
    print(f"{protocol:10}", ", ".join(f"{name} {value:.4f}" for name, value in first))
found = rec.evaluate(parts.test, protocol="ratings", exclude=(parts.train, parts.valid)).metrics
print("ratings   ", ", ".join(f"{name} {value:.4f}" for name, value in found.items()))
