"""A project on disk: users who like films about one of three things, which their titles say."""

import pandas as pd
from tiny_bert import topic_choices, topic_texts, write_tiny_bert

NUM, NEW = 60, 12


def write_topic_films(folder, **tuning):
    """Write the data and a tiny model into a folder; return the tree of a config.

    The words of a title differ from film to film: what belongs together has to be learnt.
    """
    texts, topics = topic_texts(NUM)
    old = topic_choices(topics[: NUM - 2 * NEW], num_users=24, per_user=6)
    new = topic_choices(topics[: 2 * NEW], num_users=24, per_user=3)
    rows = {"train": [], "valid": [], "test": []}
    for user, item in zip(*old.nonzero(), strict=True):
        rows["train"].append((f"u{user}", f"i{item}"))
    for user, item in zip(*new.nonzero(), strict=True):
        place = NUM - 2 * NEW + item
        rows["valid" if item < NEW else "test"].append((f"u{user}", f"i{place}"))
    for part, pairs in rows.items():
        (folder / "splits" / "cold_items").mkdir(parents=True, exist_ok=True)
        pd.DataFrame(pairs, columns=["user_id", "item_id"]).to_csv(
            folder / "splits/cold_items" / f"{part}.csv", index=False
        )
    table = pd.DataFrame({"item_id": [f"i{i}" for i in range(NUM)], "title": texts})
    table.to_csv(folder / "items.csv", index=False)
    return {
        "data": {"root": str(folder), "splits": "splits", "split": "cold_items",
                 "items": {"path": "items.csv"}},
        "text": {
            "model": str(write_tiny_bert(folder / "tiny")),
            "cache": str(folder / "cache"),
            "tuning": {
                "regime": "full", "epochs": 8, "learning_rate": 0.01, "patience": 8,
                "precision": "float32",
                "tasks": [{"name": "interactions", "batch_items": 12, "ease_l2": 5}],
                **tuning,
            },
        },
    }  # fmt: skip
