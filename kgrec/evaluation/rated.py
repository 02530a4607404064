"""Ranking each user's own rated test items: does the model tell what is liked from what is not?

The candidates of a user are the items that this user rated in the test part, with relevant and
irrelevant ones among them. This is the methodology TestRatings of Bellogín, Castells and Cantador,
Precision-oriented evaluation of recommender systems, RecSys 2011. Its figures are far higher than
those of the full ranking (AllItems there), whose candidates are mostly unknown to the user, and
order models differently: it measures taste, and not what a user finds at all. Therefore its
metrics have their own names, such as `rated_ndcg@10`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from kgrec.data.interactions import Interactions
from kgrec.errors import DataError
from kgrec.evaluation.base import Evaluation, EvaluationTask, RankingConfig, Scorer, seen_items
from kgrec.evaluation.candidates import ranked_candidates, without
from kgrec.evaluation.ratings import ratings_of


class RatedConfig(RankingConfig):
    """Ranking of each user's own rated test items (TestRatings, Bellogín et al., RecSys 2011).

    Users count who have a relevant item among them; `details.num_all_relevant` is the number of
    those who have no other one, and so the best figures with any ranking.
    """

    name: Literal["test-ratings"] = "test-ratings"

    relevant_from: float | None = Field(
        default=None,
        description="Rating from which a test item is relevant; None: the likes of the test part, "
        "by `positive`, are, and its dislikes are not.",
    )

    def evaluate(self, model: Scorer, task: EvaluationTask) -> Evaluation:
        """Rank the rated test items of each user and measure the rankings.

        Raises:
            DataError: The logs do not share their vocabularies, no test item is relevant, or all
                are, or a score is not finite.
        """
        test = task.test
        seen = seen_items(test, task.exclude)
        relevant = _relevant(test, self.relevant_from).matrix()
        pairs = without(test.rated().matrix(), seen)
        relevant = without(relevant, seen)
        users = np.flatnonzero(np.diff(relevant.indptr)).astype(np.int64)
        if not len(users):
            raise DataError(
                "No rated test item is relevant (relevant_from is "
                f"{'not set' if self.relevant_from is None else format(self.relevant_from, 'g')})."
            )
        pairs, relevant = csr_matrix(pairs[users]), csr_matrix(relevant[users])
        others = np.diff(pairs.indptr) - np.diff(relevant.indptr)
        if not others.any():
            raise DataError(
                "All rated test items are relevant, so that any ranking is the best one. Set "
                "relevant_from to a rating, or read the interactions so that they keep dislikes "
                "(data.positive)."
            )
        details = {
            "settings": self.in_results(),
            "num_all_relevant": int((others == 0).sum()),
            "num_candidates_per_user": float(np.diff(pairs.indptr).mean()),
        }
        return ranked_candidates(model, task, users, relevant, pairs, self, "rated", details)


def _relevant(test: Interactions, relevant_from: float | None) -> Interactions:
    if relevant_from is None:
        return test
    rated = test.rated()
    return rated.select(ratings_of(rated, "test") >= relevant_from)
