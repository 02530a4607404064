"""A log with a known answer: users who like all of one of four series of films."""

import numpy as np
import pandas as pd


def series_tree(folder, users):
    """Write such a log, and return the config of a search on it.

    A quarter of all other films is liked too; a huge penalty on EASE hides which series a user has.
    """
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", f"i{item:02}")
        for user in range(users)
        for item in range(24)
        if item // 6 == user % 4 or rng.random() < 0.25
    ]
    pd.DataFrame(rows, columns=["user_id", "item_id"]).to_csv(folder / "log.csv", index=False)
    return {
        "data": {"root": str(folder), "interactions": "log.csv", "valid": 0.2, "test": 0.2},
        "text": None,
        "model": {"name": "ease", "l2": 1e9},
    }
