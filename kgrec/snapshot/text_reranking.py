"""The best items of a list, ordered anew by a language model that reads user and item together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from weakref import ref

import numpy as np
from scipy.sparse import csr_matrix

from kgrec.errors import ConfigError, DataError, check_kind, option, printable
from kgrec.snapshot.deriving import texts_of_items
from kgrec.snapshot.snapshot import Snapshot
from kgrec.text.settings import TextConfig
from kgrec.types import FloatArray, IntArray

if TYPE_CHECKING:
    from kgrec.text.tuning.one_tower import OneTower
    from kgrec.text.tuning.user_texts import UserText, UserTexts

TOP: Final = 50
"""Items that are ordered anew, if nothing else is said."""


class TextReranker:
    """Orders the best items of a model or a search by the answers of a tuned encoder.

    Cross-encoders that read both texts at once are too slow for a whole catalogue, so they follow
    a model that retrieves (Nogueira and Cho, arXiv 1901.04085). It keeps the texts of the snapshot
    that it was last used for.

    Args:
        tower: The encoder with the head of a task `rating`, `stars` or `click`.
        top: How many of the best items are ordered anew; more take longer.

    Raises:
        ConfigError: The head answers about items alone, or `top` is below 1.
    """

    def __init__(self, tower: OneTower, top: int = TOP) -> None:
        whole = isinstance(top, int | np.integer) and not isinstance(top, bool)
        check_kind("rerank_top", top, whole, "a whole number, such as 50")
        if top < 1:
            raise ConfigError(f"{option('rerank_top', top)} must be at least 1.")
        if not tower.ranks:
            raise ConfigError(
                f"{option('rerank')}: the head of the task `{tower.task}` answers about items "
                "alone; it cannot rank for a user. Use one of `rating`, `stars` or `click`."
            )
        self.tower, self.top = tower, int(top)
        self._texts: tuple[ref[Snapshot], list[str], UserTexts] | None = None

    @classmethod
    def load(cls, folder: str | Path, top: int = TOP, task: str | None = None) -> Self:
        """Read a folder that `kgrec tune-text` wrote; see `OneTower.load`.

        Args:
            folder: The folder.
            top: As above.
            task: The task of the head; None: the first one with a head.

        Raises:
            RunError: The folder has no head, or it is damaged.
            ConfigError: As above, or the encoder cannot be loaded.
        """
        from kgrec.text.tuning.one_tower import OneTower

        return cls(OneTower.load(folder, task), top)

    def pool(self, k: int, num_items: int) -> int:
        """Return how many items to retrieve for a list of k."""
        return min(max(k, self.top), num_items)

    def scores(
        self,
        now: Snapshot,
        config: TextConfig | None,
        items: IntArray,
        *,
        user: int | None = None,
        history: csr_matrix,
        disliked: Sequence[int] = (),
        own: str = "",
    ) -> FloatArray:
        """Return the answers about items, float32 of shape (n,).

        Args:
            now: The snapshot.
            config: How its items are written as text; None: it was made without text.
            items: Rows of items, int64 of shape (n,).
            user: Row of a known user; None: somebody else.
            history: What the user likes, float32 CSR of shape (1, num_items).
            disliked: Rows of further items that the user dislikes.
            own: Further words of the user, such as a query.

        Raises:
            ConfigError: The snapshot was made without text.
            DataError: Items or user have no text.
        """
        texts, users = self._texts_of(now, config)
        about = self._about(now, users, user, history, disliked, own)
        if not str(about):
            raise DataError(
                "There is no text on this user: the head was trained on other texts than the ones "
                f"given ({', '.join(k for k, v in self.tower.texts.items() if v)})."
            )
        return self.tower.scores(about, [texts[row] for row in items.tolist()])

    def _about(
        self,
        now: Snapshot,
        users: UserTexts,
        user: int | None,
        history: csr_matrix,
        disliked: Sequence[int],
        own: str,
    ) -> UserText:
        from dataclasses import replace

        from kgrec.text.tuning.user_texts import UserText

        known = UserText() if user is None else users.of(user)
        about = replace(known, own=" ".join(part for part in (known.own, own) if part))
        if not self.tower.texts["history"]:
            return about
        bad = set(disliked)
        if user is not None and now.disliked is not None:
            bad |= set(now.disliked[user].indices.tolist())
        rows = np.array(sorted(bad), dtype=np.int64)
        ones = np.ones(len(rows), dtype=np.float32)
        no = csr_matrix((ones, (np.zeros_like(rows), rows)), shape=(1, len(now.items)))
        return replace(about, liked=users.listed(history, 0), disliked=users.listed(no, 0))

    def _texts_of(self, now: Snapshot, config: TextConfig | None) -> tuple[list[str], UserTexts]:
        from kgrec.text.tuning.user_texts import user_texts

        kept = self._texts
        if kept is not None and kept[0]() is now:
            return kept[1], kept[2]
        if config is None:
            raise ConfigError(
                f"{option('rerank')} reads the texts of items, and this recommender was made "
                "without text (`text: null`). Train with text."
            )
        texts = texts_of_items(now.inputs, now.items, config)
        if not any(texts):
            raise DataError(
                f"{option('rerank')} reads the texts of items, and none of the "
                f"{len(now.items):,} items has one, such as {printable(now.items.id(0))}."
            )
        titles = [now.title(row) for row in range(len(now.items))]
        texts = [text or title for text, title in zip(texts, titles, strict=True)]
        table = now.inputs.users
        if table is not None:
            table = table.reindex(now.users)
        users = user_texts(titles, now.histories, now.disliked, table, **self.tower.texts)
        self._texts = (ref(now), texts, users)
        return texts, users
