"""The same lists in this process and by two workers of a Ray cluster.

Expect one worker for each core that is asked for, and the same lists. With `address="auto"` the
cluster that this machine is a part of does the work. Needs `kgrec[ray]`.
"""

from dataclasses import replace

import kg_data
import kgrec
from kgrec.engine import RayEngineConfig

films = kg_data.path("films")
log = kgrec.Interactions.read(films / "ratings.csv", positive="rating >= 4")
rec = kgrec.Recommender(model=kgrec.EASE(), text=None).fit(log)

# Blocks of a few users, so that there is something to divide; by default they are larger.
lists = replace(rec.recommend_all(3), chunk_elements=100 * len(rec.item_vocabulary))
here = lists.to_pandas()

if __name__ == "__main__":
    with RayEngineConfig(address="local", workers=2).build() as engine:
        there = lists.to_pandas()
        print("workers:", engine.num_workers)
    print("the same:", there.equals(here))
