"""What was tried and chosen, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Trial:
    """One model that was tried.

    Attributes:
        family: What it looks at.
        settings: Its settings.
        value: NDCG@10 on validation; None: it could not be fitted.
        error: Why it could not be fitted.
    """

    family: str
    settings: Mapping[str, Any]
    value: float | None
    error: str = ""


@dataclass(frozen=True)
class Report:
    """What was tried and chosen.

    Attributes:
        facts: See `Facts.lines`.
        trials: All models that were tried.
        chosen: The family of each model that stays.
        value: Cross-validated NDCG@10 of all together; None: nothing was chosen by validation.
        without: The same without each of them.
        level: What the weights depend on.
        left_out: Families of which not all was tried, since the time was over.
        on_folds: Families whose values are means over validation and folds of training items.
    """

    facts: Sequence[str] = ()
    trials: Sequence[Trial] = ()
    chosen: Sequence[str] = ()
    value: float | None = None
    without: Sequence[float | None] = ()
    level: str = "none"
    left_out: Sequence[str] = ()
    on_folds: Sequence[str] = ()

    def figures(self) -> dict[str, float]:
        """Return NDCG@10 on validation of the best of each family, and of all together."""
        best: dict[str, float] = {}
        for trial in self.trials:
            if trial.value is not None:
                best[trial.family] = max(trial.value, best.get(trial.family, 0.0))
        return best if self.value is None else best | {"together": self.value}

    def lines(self) -> list[str]:
        """Return the report as lines for people."""
        lines = [*self.facts]
        best = self.figures()
        best.pop("together", None)
        for family, value in best.items():
            tried = sum(trial.family == family for trial in self.trials)
            where = "on validation"
            if family in self.on_folds:
                where += " and on training items that play new ones"
            lines.append(f"{family}: NDCG@10 {value:.4f} {where}, best of {tried}.")
        if self.value is not None and len(self.chosen) == 1 and self.level == "none":
            lines.append(f"One model is used: NDCG@10 {self.value:.4f}. No sum ranks better.")
        elif self.value is not None and self.level == "equal":
            lines.append(
                f"Together: NDCG@10 {self.value:.4f}, with equal weights. Most ranked items are "
                "new, and weights that are fitted on some of them hold for these only."
            )
        elif self.value is not None:
            lines.append(
                f"Together: NDCG@10 {self.value:.4f}, each user ranked by weights that were "
                f"fitted without them. The weights {_DEPENDS[self.level]}."
            )
        for family, without in zip(self.chosen, self.without, strict=True):
            if without is not None and self.value is not None:
                lines.append(f"  without {family}: {without:.4f} ({without - self.value:+.4f})")
            else:
                lines.append(f"  {family}")
        dropped = [family for family in best if family not in self.chosen]
        if dropped:
            lines.append(f"Left out, since they add next to nothing: {', '.join(dropped)}.")
        if self.left_out:
            lines.append(
                f"Not all was tried, since the time limit was over: {', '.join(self.left_out)}."
            )
        return lines


_DEPENDS: Final = {
    "none": "are the same for all users and items",
    "popularity": "depend on the user's activity and the item's popularity",
    "all": "depend on the user's activity and history, and the item's popularity, age, ratings and "
    "numbers",
}
