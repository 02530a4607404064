"""Train kgrec's link predictor: a graph neural network over users, items and what the graph says.

Its parts are chosen by name (fusion, encoder, head, loss), and a callback sees each epoch. Expect
the loss to fall and the NDCG on validation to rise, in a few seconds.
"""

import kg_data
import kgrec

films = kg_data.path("films")
kg = kgrec.KnowledgeGraph.read(films / "films.ttl")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
links = kgrec.link(log.items, kg, films / "links.csv")
split = log.split("random", valid=0.1, test=0.1, seed=0)


def show(figures):
    print({name: round(figures[name], 4) for name in ("epoch", "loss", "ndcg@10")})


config = kgrec.LinkPredictionConfig(
    predictor={"dim": 32, "encoder": "lightgcn", "head": "cosine"},
    training={"max_epochs": 12, "eval_every": 4, "seed": 0},
)
rec = kgrec.Recommender(kg, links, model=kgrec.LinkPrediction(config), text=None)
rec.fit(split.train, split.valid, callback=show)
print("test:", round(kgrec.evaluate(rec, split.test).metrics["ndcg@10"], 4))
