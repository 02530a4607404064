"""Answers that are whole: from the cache or from the endpoint, in parts where it must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kgrec.errors import EndpointError, printable
from kgrec.sparql import queries
from kgrec.sparql.cache import AnswerCache, Stored
from kgrec.sparql.client import Binding, Client, TooHeavyError
from kgrec.sparql.queries import Pattern

Check = Callable[[Sequence[str], list[Binding]], bool]

_FEW = 3  # keys without an answer that are put up with in any case
_SMALLEST_PAGE = 50  # rows; an endpoint that cannot give that many cannot be used


class AnswerSource:
    """An endpoint whose answers are checked for completeness before they are believed or kept.

    What is asked depends on the settings and on earlier answers only, so that a repeated run finds
    every answer in the cache. That a query has to be divided is kept there too.

    Attributes:
        config: The endpoint's settings.
        unanswered: What it gives no whole answer about even alone, as if there were nothing.

    Args:
        client: Asks the endpoint.
        cache: Keeps the answers.
    """

    def __init__(self, client: Client, cache: AnswerCache) -> None:
        self.config = client.config
        self._client = client
        # Part of what an answer is an answer to.
        self._where = " ".join([client.config.endpoint, *client.config.default_graph])
        self._cache = cache
        self._rows = client.config.rows  # less where the endpoint turns out to give no more
        self._last_cut = -1
        self._asked = 0
        self.unanswered: list[str] = []

    def whole(
        self, make: Callable[[Sequence[str]], str], keys: Sequence[str], is_whole: Check
    ) -> Iterator[tuple[Sequence[str], list[Binding]]]:
        """Ask for keys together, and in halves where the answer lacks rows or does not come.

        Args:
            make: Returns the query of some keys.
            keys: What is asked about.
            is_whole: Returns whether an answer about some keys is whole.

        Yields:
            Some of the keys, and the rows about them; none about a key in `unanswered`.

        Raises:
            EndpointError: The endpoint fails, or gives no whole answer about many keys.
        """
        self._asked += len(keys)
        bindings = self._ask(make(keys), lambda rows: is_whole(keys, rows), len(keys) > 1)
        if bindings is not None:
            yield keys, bindings
        elif len(keys) > 1:
            middle = len(keys) // 2
            yield from self.whole(make, keys[:middle], is_whole)
            yield from self.whole(make, keys[middle:], is_whole)
        else:
            self._give_up(keys[0])
            yield keys, []

    def _give_up(self, key: str) -> None:
        """Note a key that has no whole answer: an IRI, perhaps, that the endpoint writes anew."""
        self.unanswered.append(key)
        if len(self.unanswered) > max(_FEW, self._asked // 100):
            raise EndpointError(
                f"{printable(self.config.endpoint)} does not answer as SPARQL 1.1 wants it: asked "
                f"about {printable(key)} alone, it gives no whole answer, nor about "
                f"{len(self.unanswered) - 1} others."
            )

    def _ask(
        self, query: str, is_whole: Callable[[list[Binding]], bool], divisible: bool
    ) -> list[Binding] | None:
        """Return the rows; None if they are not all there, or have to be asked for in parts."""
        stored = self._cache.get(self._where, query)
        if stored is None or (stored.bindings is not None and not is_whole(stored.bindings)):
            try:
                rows = self._client.ask(query, divisible=divisible)
                stored = Stored(rows) if is_whole(rows) else Stored(None, len(rows))
            except TooHeavyError:
                if not divisible:
                    raise
                stored = Stored(None)
            if stored.bindings is not None or divisible:
                self._cache.put(self._where, query, stored)
        if stored.bindings is None:
            self._learn(stored.rows)
        return stored.bindings

    def _learn(self, rows: int) -> None:
        """Note how many rows a cut answer had: twice the same number is the endpoint's limit."""
        if rows > 0 and rows == self._last_cut:
            self._rows = min(self._rows, rows)
        self._last_cut = rows

    def counts(
        self, pattern: Pattern, entities: Sequence[str], done: Callable[[int], None]
    ) -> Iterator[dict[str, int]]:
        """Yield, batch by batch, the number of statements of each entity.

        Args:
            pattern: Which statements.
            entities: IRIs.
            done: Is told how many entities have been dealt with.

        Raises:
            EndpointError: The endpoint fails, or does not count as it should.
        """
        size = self.config.batch_size
        for start in range(0, len(entities), size):
            batch = entities[start : start + size]
            found: dict[str, int] = {}
            for _, rows in self.whole(
                lambda keys: queries.count_query(pattern, keys),
                batch,
                lambda keys, rows: _counted(rows, pattern.key).keys() == set(keys),
            ):
                found |= _counted(rows, pattern.key)
            yield {entity: found.get(entity, 0) for entity in batch}
            done(start + len(batch))

    def rows(self, pattern: Pattern, counts: dict[str, int]) -> Iterator[list[Binding]]:
        """Yield the statements of entities, at most `max_edges` of each.

        Args:
            pattern: Which statements.
            counts: Number of statements of each entity.

        Raises:
            EndpointError: The endpoint fails, or gives fewer statements than it has counted.
        """
        group: list[str] = []
        total = 0
        for entity, count in counts.items():
            if count > min(self.config.max_edges, self._rows):
                yield self._pages(pattern, entity, count)
                continue
            if total + count > self._rows:
                yield from self._group(pattern, group, counts)
                group, total = [], 0
            if count:
                group.append(entity)
                total += count
        yield from self._group(pattern, group, counts)

    def _group(
        self, pattern: Pattern, group: Sequence[str], counts: dict[str, int]
    ) -> Iterator[list[Binding]]:
        if len(group) < 2:
            for entity in group:
                yield self._pages(pattern, entity, counts[entity])
            return
        total = sum(counts[entity] for entity in group)
        query = queries.rows_query(pattern, group)
        found = self._ask(query, lambda rows: len(rows) >= total, divisible=True)
        if found is not None:
            yield found
            return
        middle = len(group) // 2
        yield from self._group(pattern, group[:middle], counts)
        yield from self._group(pattern, group[middle:], counts)

    def _pages(self, pattern: Pattern, entity: str, count: int) -> list[Binding]:
        wanted = min(count, self.config.max_edges)
        whole = queries.page_query(pattern, entity, wanted, 0)
        stored = self._cache.get(self._where, whole)
        if stored is not None and stored.bindings is not None:
            return stored.bindings
        found: list[Binding] = []
        limit = self._rows
        while len(found) < wanted:
            size = min(limit, wanted - len(found))
            try:
                page = self._client.ask(
                    queries.page_query(pattern, entity, size, len(found)),
                    divisible=size > _SMALLEST_PAGE,
                )
            except TooHeavyError:
                if size <= _SMALLEST_PAGE:
                    raise
                limit = max(size // 4, _SMALLEST_PAGE)
                continue
            if not page:
                self._check_changed(pattern, entity, len(found), wanted)
                break
            found += page
        self._cache.put(self._where, whole, Stored(found))
        return found

    def _check_changed(self, pattern: Pattern, entity: str, found: int, wanted: int) -> None:
        """Make sure that statements are missing because they are gone since they were counted."""
        rows = self._client.ask(queries.count_query(pattern, [entity]))
        now = _counted(rows, pattern.key).get(entity, wanted)
        if min(now, wanted) > found:
            raise EndpointError(
                f"{printable(self.config.endpoint)} counts {now} statements of "
                f"{printable(entity)} and gives only {found} of them. If it never gives more, set "
                "max_edges to that number."
            )


def _counted(rows: list[Binding], key: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        number = text_of(row, "n")
        if number.isascii() and number.isdigit():
            found[text_of(row, key)] = int(number[:18])
    return found


def text_of(row: Binding, name: str) -> str:
    """Return the value of a variable in a row, "" where it is unbound or no text."""
    binding: Any = row.get(name)
    value = binding.get("value") if isinstance(binding, dict) else None
    return value if isinstance(value, str) else ""
