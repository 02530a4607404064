"""Which interactions that come in count as liked: by the rule of the run's config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kgrec.data.expression import evaluate_expression
from kgrec.errors import ConfigError, DataError, KgrecError, option


class Judge:
    """Decides whether an interaction is a like, a dislike, or nothing.

    Args:
        data: The section `data` of the run's config.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._positive, self._negative = data.get("positive"), data.get("negative")
        self._rating = data.get("rating") or "rating"

    def liked(self, liked: bool | None, rating: float | None) -> bool | None:
        """Return whether an interaction is a like; None: it is neither like nor dislike.

        Args:
            liked: What was said of it; None: nothing, so that the rating decides.
            rating: Its rating; None: it has none, and counts as a like.

        Raises:
            DataError: The rule of the run needs more than a rating.
        """
        if liked is not None:
            return liked
        if rating is None or self._positive is None:
            return True
        if self._holds(self._positive, rating):
            return True
        return False if self._negative is None or self._holds(self._negative, rating) else None

    def _holds(self, rule: str, rating: float) -> bool:
        frame = pd.DataFrame({self._rating: [rating]})
        try:
            return bool(evaluate_expression(rule, frame)[0])
        except ConfigError:
            raise
        except KgrecError as error:
            raise DataError(
                f"The run's rule of what is liked needs more than a rating ({rule}): say it with "
                f"{option('liked')}."
            ) from error
