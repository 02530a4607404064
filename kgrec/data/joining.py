"""Several logs over the same vocabularies as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kgrec.data.interactions import Interactions


def joined(logs: Sequence[Interactions]) -> Interactions:
    """Return the interactions of all logs, in their order.

    Ratings and times are kept if all logs have them.

    Args:
        logs: At least one, over the same vocabularies and without a pair that is in two of them.
    """
    columns = {
        name: [getattr(log, name) for log in logs]
        for name in ("user", "item", "rating", "timestamp")
    }
    made: Any = {
        name: None if any(part is None for part in parts) else np.concatenate(parts)
        for name, parts in columns.items()
    }
    return replace(logs[0], **made)
