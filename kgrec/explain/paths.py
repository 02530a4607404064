"""The best paths from what a user liked to a recommended item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from kgrec.errors import ConfigError, DataError, UnknownIdError
from kgrec.explain.counts import Counts, Scored
from kgrec.explain.explanation import (
    YOU,
    Contribution,
    Explanation,
    Kind,
    Node,
    Path,
    Relation,
)
from kgrec.explain.network import Network
from kgrec.explain.path_table import PathTable, ranked
from kgrec.explain.phrases import ENGLISH, chosen_language, phrases_of
from kgrec.explain.sentences import Others, basis_of, sentence
from kgrec.explain.settings import ExplainConfig, Length, Tone
from kgrec.graph.arrays import GraphArrays
from kgrec.graph.node_names import NodeNames
from kgrec.graph.relation_names import INTERACTS
from kgrec.types import BoolArray, Float64Array, IntArray

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Similarity = Callable[[IntArray], npt.ArrayLike]
"""Takes rows of liked items, int64 (m,), and returns their similarity to the recommended item."""

SharedWords = Callable[[IntArray], Sequence[str]]
"""Takes rows of liked items and returns the words that the recommended item shares with them."""

_MOST_COMMON: Final = 2
WORTH_TELLING: Final = 0.3  # of the best score
MIN_SPECIFICITY: Final = 0.05
"""Paths of lower specificity are too general to explain an item."""
_TELLING: Final = 0.2
"""Below this, many items have what a path leads over; other users' choices are then said too."""


def explain(
    graph: HeteroData | GraphArrays,
    item: int,
    *,
    user: int | None = None,
    liked: npt.ArrayLike | None = None,
    names: NodeNames | None = None,
    similarity: Similarity | None = None,
    weights: Mapping[str, float] | None = None,
    k: int = 5,
    language: str = ENGLISH,
) -> Explanation:
    """Explain one recommendation; for many, `PathFinder` is faster."""
    finder = PathFinder(graph, names, weights=weights)
    return finder.explain(
        item, user=user, liked=liked, similarity=similarity, k=k, language=language
    )


class PathFinder:
    """Finds the best paths user → liked item → … → recommended item in a graph.

    It needs nothing but the graph of the training interactions, so it explains the
    recommendations of any model. The score of a path is the product of

    - the weight of its relations: the geometric mean of those given in `weights`, 1 otherwise;
    - the specificity of its nodes, log(N / n) / log(N) if n of the N items in the catalogue are
      next to the node (its inverse document frequency, 0 to 1); the lower one of two nodes; for a
      direct relation, n counts the items next to the end that has more of them;
    - the closeness of the liked item, (1 + c) / 2 with c = max(0, similarity) divided by the
      greatest similarity of a liked item; without a similarity, the sum of the specificities of
      the nodes that the two items share replaces it;
    - 0.75 if the two items have different relations to the node, and 0.5 for a path over two
      nodes, which are used only if there are fewer than k others.

    A node next to every item is not specific and makes no path. At most three paths lead over the
    same nodes if there are others. If no path has a specificity of at least 0.05, paths over other
    users who liked both items are used; their score is the cosine of the two audiences, without
    the user.

    Args:
        graph: A graph that `build_graph` made, or its arrays.
        names: Labels; None: ids.
        weights: Weights of relations by IRI or name, at least 0; a relation of weight 0 makes no
            path.
        config: Which relations may be named, their weights, and how much these depend on what a
            relation tells; None: all, and equally.

    Raises:
        ConfigError: `weights` names a relation that the graph does not have, or holds a number
            below 0.
    """

    def __init__(
        self,
        graph: HeteroData | GraphArrays,
        names: NodeNames | None = None,
        *,
        weights: Mapping[str, float] | None = None,
        config: ExplainConfig | None = None,
    ) -> None:
        arrays = graph if isinstance(graph, GraphArrays) else GraphArrays.of(graph)
        self._names = names or NodeNames(ids=arrays.ids)
        self._network = Network.from_graph(arrays, weights or {}, config)

    def explain(
        self,
        item: int,
        *,
        user: int | None = None,
        liked: npt.ArrayLike | None = None,
        similarity: Similarity | None = None,
        scored: Scored | None = None,
        words: SharedWords | None = None,
        k: int = 5,
        language: str = ENGLISH,
        length: Length = "normal",
        tone: Tone = "polite",
        similar: bool = False,
    ) -> Explanation:
        """Explain why an item is recommended.

        With `scored`, what the liked items add to the score is their closeness; the paths of the
        three that add most come first, and the sentence names only these, if there is a path, or
        other users who liked them, at all.

        Args:
            item: Row of the item.
            user: Row of the user; None: a user outside of the graph.
            liked: Rows of the items that the user liked, int (m,), the item itself left out; None:
                those in the graph.
            similarity: The model's similarity of liked items to the recommended item.
            scored: The score of the item, and what the liked items add to it.
            words: Finds the words that the item shares with liked ones, where all else says
                nothing.
            k: Number of paths at most.
            language: Language of the sentence, such as "de"; if there is none in it, English, with
                a warning.
            length: How much the sentence says; see `ExplainConfig`.
            tone: How it addresses people; see `ExplainConfig`.
            similar: Whether it tells why the item is like a single liked one.

        Raises:
            UnknownIdError: A row is outside of the graph.
            ConfigError: Neither `user` nor `liked` is given, or `k` is below 1.
            DataError: `similarity` does not return one finite number for each liked item.
        """
        if k < 1:
            raise ConfigError(f"k must be at least 1, found {k}.")
        network, language = self._network, chosen_language(language)
        _check_row(item, network.num_items, "item")
        history = self._liked(item, user, liked)
        counts = Counts.of(history, scored)
        shared = network.shared(item, history)
        found = PathTable.concatenate([shared, network.direct(item, history)])
        if (found.specificity >= MIN_SPECIFICITY).sum() < k:
            found = PathTable.concatenate([found, network.two_hop(item, history)])
        closeness = counts.closeness
        if closeness is None:
            closeness = _closeness(similarity, history, shared)
        score = found.weight * found.specificity * (1 + closeness[found.liked]) / 2
        strong = (found.specificity >= MIN_SPECIFICITY) & (score > 0)
        first = strong & counts.is_top[found.liked]
        who, target = self._user(user), self._node("item", item)
        paths: list[Path] = []
        if strong.any():
            order = np.where(strong, score + 10.0 * score.max() * first, 0)
            paths = self._paths(who, item, history, found, score, k, order)
        told = [path for path in paths if counts.is_top[_place(history, path)]] or paths
        if scored is not None:  # beside a good reason, a poor one only distracts
            least = WORTH_TELLING * max((path.score for path in told), default=0.0)
            told = [path for path in told if path.score >= least]
        some = first if first.any() else strong
        weak = bool(found.specificity[some].max(initial=0) < _TELLING)
        audience: list[Path] = []
        if weak or (counts.is_top.any() and not first.any()):
            audience = self._audience_paths(who, item, user, history, k, language, counts.is_top)
        if not paths:
            paths = told = audience or self._paths(who, item, history, found, score, k)
        elif audience and counts.is_top.any() and not first.any():
            told, paths = audience, [*audience, *paths][:k]
        nothing = not told and len(history) > 0
        in_common = tuple(words(counts.first)) if nothing and words is not None else ()
        others = Others(
            self._network.chosen(item, user),
            self._network.num_users - (user is not None),
            self._network.num_items,
            self._common(item, history) if nothing else (),
            weak,
            tuple(audience),
            in_common,
            tuple(self._node("item", int(row)).label for row in counts.first) if in_common else (),
            self.about(item, _MOST_COMMON) if not told else (),
            bool(strong.any()),
        )
        if scored is not None:
            paths, told = ([self._shared_of(path, history, counts) for path in some]
                           for some in (paths, told))  # fmt: skip
        said = sentence(
            target.label, told, len(history) > 0, others,
            language=language, length=length, tone=tone, similar=similar,
        )  # fmt: skip
        return Explanation(
            who,
            target,
            tuple(paths),
            said,
            basis_of(told, others),
            None if scored is None else scored.score,
            tuple(
                Contribution(self._node("item", int(history[place])), value, share)
                for place, value, share in counts.told()
            ),
            None if scored is None else scored.base,
            {} if scored is None else dict(scored.towers),
            in_common,
            tuple(dict.fromkeys(self._told(told, others, length))),
        )

    @staticmethod
    def _told(told: Sequence[Path], others: Others, length: Length) -> list[str]:
        """Return the ids of the liked items that a sentence names."""
        if length == "short":
            return [path.liked.id for path in told[:1]]
        return [path.liked.id for path in (*told, *(others.audience if others.weak else ()))]

    def _shared_of(self, path: Path, history: IntArray, counts: Counts) -> Path:
        """Return a path with the shares of the score that pass through what it names."""
        place = _place(history, path)
        through = np.zeros(len(history), dtype=bool)
        if path.kind != "audience" and path.between:
            nodes = [self._network.number(node.type, node.row) for node in path.between[:1]]
            through = self._network.near(nodes, history)
        through[place] = True
        share, whole = float(counts.share[place]), float(counts.share[through].sum())
        return replace(path, share=share, through=whole)

    def about(self, item: int, most: int) -> tuple[tuple[Relation, str], ...]:
        """Return what an item is, as relations and labels, the most particular first.

        Args:
            item: Row of the item.
            most: How many at most.
        """
        return self._labelled(self._network.about(item)[:most])

    def typical(self, items: IntArray, most: int) -> tuple[tuple[Relation, str], ...]:
        """Return what several of some items have, as relations and labels, most typical first.

        Args:
            items: Rows of the items, distinct, int64 (m,).
            most: How many at most.
        """
        return self._labelled(self._network.typical(items)[:most])

    def _labelled(self, found: list[tuple[int, int]]) -> tuple[tuple[Relation, str], ...]:
        return tuple(
            (self._relation(number, True), self._node(*self._network.node(node)).label)
            for number, node in found
        )

    def _common(self, item: int, history: IntArray) -> tuple[tuple[Relation, str], ...]:
        """Return what the item shares with a liked one, and with every other item."""
        shared = self._network.shared(item, history)
        found = {}
        for place in np.flatnonzero((shared.specificity == 0) & (shared.weight > 0)).tolist():
            node = self._node(*self._network.node(shared.between(place)[0]))
            first, last = (self._relation(*step) for step in shared.steps(place))
            if first.name == last.name and first.direction == "forward":
                found[node.label] = (first, node.label)
            if len(found) == _MOST_COMMON:
                break
        return tuple(found.values())

    def _liked(self, item: int, user: int | None, liked: npt.ArrayLike | None) -> IntArray:
        if user is not None:
            _check_row(user, self._network.num_users, "user")
        if liked is None:
            if user is None:
                raise ConfigError("Give the row of a user, or the rows of liked items.")
            history = self._network.items_of(user)
        else:
            history = np.unique(np.asarray(liked, dtype=np.int64))
            for row in history[[0, -1]] if len(history) else ():
                _check_row(int(row), self._network.num_items, "liked item")
        others: IntArray = history[history != item]
        return others

    def _user(self, user: int | None) -> Node:
        return Node("user", -1, "", YOU) if user is None else self._node("user", user)

    def _node(self, kind: str, row: int) -> Node:
        row = int(row)
        return Node(kind, row, self._names.id(kind, row), self._names.node(kind, row))

    def _relation(self, number: int, forward: bool) -> Relation:
        kind, iri = self._network.relations[number]
        label = self._names.relation(kind, iri)
        return Relation(kind[1], iri, label, "forward" if forward else "backward")

    def _liking(self, direction: bool = True) -> Relation:
        label = self._names.relation(INTERACTS)
        return Relation(INTERACTS[1], "", label, "forward" if direction else "backward")

    def _paths(
        self,
        who: Node,
        item: int,
        history: IntArray,
        found: PathTable,
        score: Float64Array,
        k: int,
        order: Float64Array | None = None,
    ) -> list[Path]:
        paths = []
        for place in ranked(found, score if order is None else order, k):
            kind: Kind = found.kind_of(place)
            between = [self._node(*self._network.node(node)) for node in found.between(place)]
            steps = [self._relation(number, forward) for number, forward in found.steps(place)]
            liked = self._node("item", int(history[found.liked[place]]))
            paths.append(
                Path(
                    kind,
                    (who, liked, *between, self._node("item", item)),
                    (self._liking(), *steps),
                    float(score[place]),
                )
            )
        return paths

    def _audience_paths(
        self,
        who: Node,
        item: int,
        user: int | None,
        history: IntArray,
        k: int,
        language: str,
        top: BoolArray,
    ) -> list[Path]:
        """Return paths over other users; over the items that count most, if there are some."""
        history = history[top] if top.any() else history
        count, size, cosine = self._network.audiences(item, history, user)
        order = np.lexsort((history, -cosine))[:k]
        paths = []
        for place in order[count[order] > 0]:
            number = int(count[place])
            label = phrases_of(language).other_people(number)
            liked = self._node("item", int(history[place]))
            others = Node("users", liked.row, "", label)
            paths.append(
                Path(
                    "audience",
                    (who, liked, others, self._node("item", item)),
                    (self._liking(), self._liking(direction=False), self._liking()),
                    float(cosine[place]),
                    number,
                    int(size[place]),
                )
            )
        return paths


def _closeness(similarity: Similarity | None, liked: IntArray, shared: PathTable) -> Float64Array:
    """Return the closeness of each liked item, 0 to 1, float64 of shape (m,)."""
    if similarity is None or not len(liked):
        raw = shared.total_specificity(len(liked))
    else:
        raw = np.asarray(similarity(liked), dtype=np.float64)
        if raw.shape != liked.shape or not np.isfinite(raw).all():
            raise DataError(
                f"similarity must return one finite number for each of the {len(liked)} liked "
                f"items, found the shape {raw.shape}."
            )
        raw = np.maximum(raw, 0)
    greatest = raw.max(initial=0)
    return raw / greatest if greatest > 0 else raw


def _place(history: IntArray, path: Path) -> int:
    return int(np.searchsorted(history, path.liked.row))


def _check_row(row: Any, count: int, what: str) -> None:
    if not 0 <= row < count:
        raise UnknownIdError(f"{what} row {row} is outside of 0 … {count - 1}.")
