"""All questions that begin with "why", asked of a recommender by ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kgrec.data.vocabulary import id_list
from kgrec.errors import ConfigError, DataError, printable
from kgrec.explain.counterfactuals import smallest_removal
from kgrec.explain.explanation import Explanation, Written, WrittenPart
from kgrec.explain.phrases import chosen_language, phrases_of
from kgrec.explain.search_words import search_sentence
from kgrec.explain.writing.describing import MOST_FACTS, MOST_TAGS, names_in, statement_of
from kgrec.explain.writing.statement import Statement
from kgrec.recommender import Recommender
from kgrec.search.reasons import SearchReason, search_reason
from kgrec.snapshot import masking as _masking
from kgrec.snapshot.masking import Masking
from kgrec.snapshot.reasons import Counterfactual, Named, WhyNot
from kgrec.snapshot.scored import content_direction
from kgrec.snapshot.searching import Asked, find
from kgrec.text.attribution import WordAttributions, word_attributions
from kgrec.text.encoder import TextEncoder
from kgrec.text.module import TextModule
from kgrec.types import BoolArray, Float64Array, FloatArray, IntArray

if TYPE_CHECKING:
    from kgrec.explain.writing.writer import Writer


@dataclass(frozen=True)
class SearchExplanation:
    """Why a search finds an item.

    Attributes:
        item: The item.
        reason: What matches, and what each signal adds to the score.
        sentence: The same in a sentence.
    """

    item: Named
    reason: SearchReason
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in types of JSON."""
        return asdict(self)


@dataclass(frozen=True)
class StatementEffect:
    """What a statement about an item adds to a score.

    Attributes:
        statement: The statement.
        effect: By how much the score falls without it; below 0: it rises. With gradients, its part
            of how much the score falls without all of them.
    """

    statement: _masking.Statement
    effect: float


class Reasons:
    """Answers to "why?", of the snapshot that the recommender has when it is asked.

    Args:
        recommender: A fitted recommender.
    """

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender

    def explain_list(
        self,
        user: str | int | None,
        items: Iterable[str | int],
        *,
        words: Writer | None = None,
        **options: Any,
    ) -> list[Explanation]:
        """Return why each of some items fits a user, faster than one by one.

        Args:
            user: Id of a known user; None: a new one, described by `liked`.
            items: Ids of the items.
            words: As for `Recommender.explain`; it writes all at once.
            options: As for `Recommender.explain`: `liked`, `k`, `language`, `length`, `tone`.
        """
        now = self._recommender.snapshot
        rows = [now.available(item) for item in items]
        found = now.reasons.explain(self._user(user), rows, **options)
        return found if words is None else words.explained(found)

    def summary(self, item: str | int, words: Writer | None = None) -> Written:
        """Return what an item is, in a sentence or two in English.

        Args:
            item: Id of the item.
            words: A language model that rewrites the template; None: the template.
        """
        now = self._recommender.snapshot
        row = now.available(item)
        facts = now.paths.about(row, MOST_FACTS)
        return _written(statement_of("summary", facts, now.title(row)), words)

    def tags(self, item: str | int, words: Writer | None = None) -> list[str]:
        """Return tags of an item: labels of the graph, the most particular first.

        Args:
            item: Id of the item.
            words: A language model that chooses among them; None: the first ones.
        """
        now = self._recommender.snapshot
        names = names_in(now.paths.about(now.available(item), MOST_FACTS))
        if words is None:
            return names[:MOST_TAGS]
        return [tag for tag in words.tags(names).text.split("; ") if tag]

    def profile(
        self,
        user: str | int | None,
        *,
        liked: Iterable[str | int] = (),
        words: Writer | None = None,
    ) -> Written:
        """Return what somebody likes in a sentence or two in English: what liked items have.

        Only what at least two of them have is named, the most typical first.

        Args:
            user: Id of a known user; None: a new one.
            liked: Ids of liked items.
            words: A language model that rewrites the template; None: the template.
        """
        now = self._recommender.snapshot
        history = now.history(self._user(user), id_list(liked, "liked"))
        rows = np.unique(history.indices).astype(np.int64)
        facts = now.paths.typical(rows, MOST_FACTS)
        return _written(statement_of("profile", facts), words)

    def counterfactual(
        self,
        user: str | int | None,
        item: str | int,
        *,
        liked: Iterable[str | int] = (),
        k: int = 10,
    ) -> Counterfactual:
        """Return the smallest set of liked items without which an item is not among the k best.

        Args:
            user: Id of a known user; None: a new one.
            item: Id of the item.
            liked: Ids of items that a new user likes, or of further ones.
            k: How many are the best.
        """
        now = self._recommender.snapshot
        row = now.available(item)
        return now.reasons.counterfactual(self._user(user), row, liked=liked, k=k)

    def why_not(
        self,
        user: str | int | None,
        item: str | int,
        *,
        liked: Iterable[str | int] = (),
        k: int = 10,
    ) -> WhyNot:
        """Return why an item is not among the k best, and what would bring it up; see above."""
        now = self._recommender.snapshot
        return now.reasons.why_not(self._user(user), now.available(item), liked=liked, k=k)

    def similar(self, item: str | int, other: str | int, **options: Any) -> Explanation:
        """Return why another item is like an item.

        Args:
            item: Id of the item.
            other: Id of the other one.
            options: `k` and `language`, as for `Recommender.explain`.
        """
        now = self._recommender.snapshot
        rows = now.available(item), [now.available(other)]
        return now.reasons.similar(*rows, **options)[0]

    def search(
        self,
        query: str,
        item: str | int,
        *,
        user: str | int | None = None,
        liked: Iterable[str | int] = (),
        language: str | None = None,
    ) -> SearchExplanation:
        """Return why `Recommender.search` finds an item for a query.

        Args:
            query: The query.
            item: Id of the item.
            user: As for `Recommender.search`.
            liked: As for `Recommender.search`.
            language: Language of the sentence; None: the first of the labels.

        Raises:
            DataError: There is no text in the model.
        """
        taste, encode = self._recommender.taste(), self._recommender.query_encoder()
        now = self._recommender.snapshot
        row, owner = now.available(item), self._user(user)
        good = tuple(now.items.rows(id_list(liked, "liked")).tolist())
        history = () if owner is None else tuple(now.history(owner).indices.tolist())
        talks = bool(good or history)
        found = find(taste, Asked((query,), good, (), history), encode, talks=talks)
        reason = search_reason(taste, found, row, encode, talks=talks)
        chosen = language or now.explain.language or next(iter(now.languages), "")
        phrases = phrases_of(chosen_language(chosen), now.explain.tone)
        likes = [now.title(one) for one in reason.liked] if reason.taste > 0 else []
        near = reason.signals.get("meaning", 0.0) + reason.signals.get("alone_meaning", 0.0) > 0
        parts = (reason.words, reason.values, likes, phrases)
        said = search_sentence(now.title(row), *parts, near=near)
        return SearchExplanation(Named(now.items.id(row), now.title(row)), reason, said)

    def words(
        self,
        item: str | int,
        *,
        query: str | None = None,
        user: str | int | None = None,
        liked: Iterable[str | int] = (),
    ) -> WordAttributions:
        """Return which words of an item's text count: for a query, or for a user.

        For a query it is the cosine of the text's vector with that of the query. For a user it is
        what the model makes of the text where it places content (`Model.content_space`): to first
        order at this text, the product of the user's vector with the place that the text alone
        would have. See `kgrec.text.attribution.word_attributions`.

        Args:
            item: Id of the item.
            query: A query; None: for the user.
            user: Id of a known user; None: a new one.
            liked: Ids of liked items.

        Raises:
            DataError: There is no text, the encoder is no `TextEncoder`, or the model does not
                place content.
        """
        from kgrec.snapshot.deriving import texts_of_items

        rec = self._recommender
        now, encoder, config = rec.snapshot, rec.encoder, rec.text_config
        if not isinstance(encoder, TextEncoder) or config is None:
            raise DataError(
                "Words are told by the gradients of the text encoder, which takes a "
                f"kgrec.TextEncoder; found {type(encoder).__name__}."
            )
        row = now.available(item)
        text = texts_of_items(now.inputs, now.items, config)[row]
        if not text.strip():
            raise DataError(f"The item {printable(str(item))!r} has no text.")
        module = TextModule.load(encoder.files, max_length=encoder.max_length)
        if query is not None:
            toward = encoder.encode_query(query)[0]
        else:
            space = now.model.content_space()
            if space is None:
                raise DataError(
                    f"The model {now.model.name} does not place texts, so no word of a text counts "
                    "for a user. Ask with a query."
                )
            history = now.history(self._user(user), liked)[:, : now.num_scored]
            taste = space.vectors_of_histories(history.tocsr())[0]
            toward = content_direction(space, encoder.encode([text])[0], taste)
        return word_attributions(module, text, np.asarray(toward, dtype=np.float32))

    def statements(
        self,
        user: str | int | None,
        item: str | int,
        *,
        about: str | int | None = None,
        liked: Iterable[str | int] = (),
        method: Literal["masking", "gradients"] = "masking",
    ) -> list[StatementEffect]:
        """Return what each statement about an item adds to a score, the most first.

        By masking, each is left out of the graph, and the model, which is not trained again, is
        asked anew: one update of the model for each statement. Statements of which one is enough
        get little then. By gradients, they share what the score loses without all of them: the
        effects add up to it, within 1 %. See `kgrec.snapshot.masking.Masking`.

        Args:
            user: Id of a known user; None: a new one.
            item: Id of the item whose score is asked for.
            about: Id of the item that the statements are about, such as a liked one; None: `item`.
            liked: Ids of items that a new user likes, or of further ones; with these, the scores
                are those of a new user with all of these items.
            method: "masking", for every model; or "gradients", for link predictors whose encoder is
                lightgcn, xsimgcl or rgcn, and for items with interactions.

        Raises:
            ConfigError: There is no such method.
            DataError: The recommender was loaded without its interactions, or the model has no
                gradients for this.
        """
        if method not in ("masking", "gradients"):
            found = printable(str(method))
            raise ConfigError(f"method is 'masking' or 'gradients', found {found!r}.")
        now, liked = self._recommender.snapshot, id_list(liked, "liked")
        row, owner = now.available(item), self._user(user)
        masking = Masking(now, row if about is None else now.available(about))
        history = now.history(owner, liked)
        ask = masking.effects if method == "masking" else masking.attributions
        effects = ask(None if liked else owner, history, row)
        order = np.argsort(-effects, kind="stable").tolist()
        return [StatementEffect(masking.statements[one], float(effects[one])) for one in order]

    def without_statements(
        self,
        user: str | int | None,
        item: str | int,
        *,
        liked: Iterable[str | int] = (),
        k: int = 10,
    ) -> tuple[_masking.Statement, ...]:
        """Return the smallest set found of statements without which an item leaves the k best.

        Empty: it is not among them, or stays without any statement. Arguments as for
        `counterfactual`; each set that is tried takes one update of the model.
        """
        now, liked = self._recommender.snapshot, id_list(liked, "liked")
        row, owner = now.available(item), self._user(user)
        history, allowed = now.reasons.asked(owner, liked, k)
        allowed[row] = True
        owner, masking = None if liked else owner, Masking(now, row)
        alone = masking.effects(owner, history, row).astype(np.float64)

        def scores_of(kept: BoolArray) -> FloatArray:
            return masking.scores(owner, history, kept)

        def effects_of(rows: IntArray) -> Float64Array:
            return np.where(rows[None] == row, alone[:, None], 0.0)

        found = smallest_removal(scores_of, effects_of, len(alone), row, allowed, k)
        return () if found is None else tuple(masking.statements[one] for one in found.parts)

    def _user(self, user: str | int | None) -> int | None:
        return None if user is None else self._recommender.snapshot.users.row(user)


def _written(statement: Statement, words: Writer | None) -> Written:
    """Return a statement in other words, or as its template has it; "" if it names nothing."""
    if not statement.values:
        return Written("", False, "" if words is None else words.model.name, ())
    if words is not None:
        return words.text(statement)
    part = WrittenPart(statement.template, statement.template, generated=False)
    return Written(part.text, False, "", (part,))
