"""Several logs over the same vocabularies as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kgrec.data.interactions import Interactions


def joined(logs: Sequence[Interactions]) -> Interactions:
    """Return the interactions of all logs, in their order.

    Ratings and times are kept if all logs have them. What one log holds as a like is no dislike.

    Args:
        logs: At least one, over the same vocabularies and without a pair that is in two of them.
    """
    disliked = [log.dislikes for log in logs if log.dislikes is not None]
    columns = {
        name: [getattr(log, name) for log in logs]
        for name in ("user", "item", "rating", "timestamp")
    }
    made: Any = {
        name: None if any(part is None for part in parts) else np.concatenate(parts)
        for name, parts in columns.items()
    }
    both = replace(logs[0], **made, dislikes=None)
    if not disliked:
        return both
    bad = joined(disliked)
    num = len(both.items)
    pairs = bad.user * num + bad.item
    _, first = np.unique(pairs, return_index=True)
    kept = np.sort(first[~np.isin(pairs[first], both.user * num + both.item)])
    return replace(both, dislikes=bad.select(kept))
