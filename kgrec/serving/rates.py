"""How often somebody may ask."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import Final

_MOST: Final = 100_000  # callers that are remembered


class Rates:
    """A bucket of requests for each caller, which fills at a steady rate (token bucket).

    Args:
        per_minute: Requests per minute; 0: any number.
        burst: Requests that a full bucket holds.
    """

    def __init__(self, per_minute: float, burst: int) -> None:
        self._rate, self._burst = per_minute / 60.0, float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, now: float | None = None) -> int:
        """Take one request of a caller; return 0, or after how many seconds to come again.

        Args:
            caller: Who asks.
            now: The time in seconds; None: that of the clock.
        """
        if not self._rate:
            return 0
        now = time.monotonic() if now is None else now
        left, before = self._buckets.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - before) * self._rate)
        allowed = left >= 1.0
        self._buckets[caller] = (left - 1.0 if allowed else left, now)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return 0 if allowed else math.ceil((1.0 - left) / self._rate)
