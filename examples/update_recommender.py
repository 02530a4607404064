"""New users and interactions, and nothing is trained again: an update makes another snapshot.

A snapshot never changes, so that whoever asks the old one goes on with it. Rows are appended.
Expect what u0016 has now seen to be gone from the list, and science fiction for Zoe, who is new.
"""

import pandas as pd

import kg_data
import kgrec

films = kg_data.path("films")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
items = kgrec.AttributeTable.read(films / "items.csv")
rec = kgrec.Recommender(items=items, model=kgrec.EASE(), text=None).fit(log)
ids = {rec.title(item): item for item in rec.item_vocabulary.ids}
before = rec.snapshot
best = rec.recommend("u0016", k=3)
print("u0016:", [found.title for found in best])

seen = [("u0016", best[0].item), ("zoe", ids["Alien"]), ("zoe", ids["Blade Runner"])]
rec.update(interactions=kgrec.Interactions.read(pd.DataFrame(seen, columns=["user_id", "item_id"])))
for user in ("u0016", "zoe"):
    print(f"{user}:", [found.title for found in rec.recommend(user, k=3)])
print("users:", len(before.users), "->", len(rec.snapshot.users))
