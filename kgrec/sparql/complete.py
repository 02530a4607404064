"""Complete answers, from the cache or from the endpoint; large queries are divided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kgrec.errors import EndpointError, printable
from kgrec.sparql import queries
from kgrec.sparql.cache import AnswerCache, Stored
from kgrec.sparql.client import Binding, Client, TooHeavyError
from kgrec.sparql.queries import Pattern

Check = Callable[[Sequence[str], list[Binding]], bool]

_FEW = 3  # keys that may lack a complete answer in any case
_SMALLEST_PAGE = 50  # rows; an endpoint that cannot return that many cannot be used


class AnswerSource:
    """An endpoint whose answers are checked for completeness before they are used or stored.

    The queries depend only on the settings and on earlier answers, so that a repeated run finds
    every answer in the cache. The cache also stores that a query must be divided.

    Attributes:
        config: The endpoint's settings.
        unanswered: Keys without a complete answer, even alone; they count as without rows.

    Args:
        client: Sends the queries.
        cache: Stores the answers.
    """

    def __init__(self, client: Client, cache: AnswerCache) -> None:
        self.config = client.config
        self._client = client
        # The cache key: an answer depends on the default graphs too.
        self._where = " ".join([client.config.endpoint, *client.config.default_graph])
        self._cache = cache
        self._rows = client.config.rows  # fewer if the endpoint returns no more
        self._last_cut = -1
        self._requested = 0
        self.unanswered: list[str] = []

    def complete(
        self, make: Callable[[Sequence[str]], str], keys: Sequence[str], is_complete: Check
    ) -> Iterator[tuple[Sequence[str], list[Binding]]]:
        """Query all keys together, and in halves if the answer is incomplete or missing.

        Args:
            make: Returns the query for some keys.
            keys: The keys.
            is_complete: Returns whether an answer for some keys is complete.

        Yields:
            Some of the keys, and their rows; no rows for a key in `unanswered`.

        Raises:
            EndpointError: The endpoint fails, or returns no complete answer for many keys.
        """
        self._requested += len(keys)
        bindings = self._ask(make(keys), lambda rows: is_complete(keys, rows), len(keys) > 1)
        if bindings is not None:
            yield keys, bindings
        elif len(keys) > 1:
            middle = len(keys) // 2
            yield from self.complete(make, keys[:middle], is_complete)
            yield from self.complete(make, keys[middle:], is_complete)
        else:
            self._give_up(keys[0])
            yield keys, []

    def _give_up(self, key: str) -> None:
        """Note a key without a complete answer, such as an IRI that the endpoint rewrites."""
        self.unanswered.append(key)
        if len(self.unanswered) > max(_FEW, self._requested // 100):
            raise EndpointError(
                f"{printable(self.config.endpoint)} does not answer as SPARQL 1.1 requires: it "
                f"returns no complete answer about {printable(key)} alone, nor about "
                f"{len(self.unanswered) - 1} others."
            )

    def _ask(
        self, query: str, is_complete: Callable[[list[Binding]], bool], divisible: bool
    ) -> list[Binding] | None:
        """Return the rows; None if the answer is incomplete or the query must be divided."""
        stored = self._cache.get(self._where, query)
        if stored is None or (stored.bindings is not None and not is_complete(stored.bindings)):
            try:
                rows = self._client.ask(query, divisible=divisible)
                stored = Stored(rows) if is_complete(rows) else Stored(None, len(rows))
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
        """Note the number of rows of a cut answer; twice the same is the endpoint's limit."""
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
            done: Called with the number of entities so far.

        Raises:
            EndpointError: The endpoint fails, or does not count correctly.
        """
        size = self.config.batch_size
        for start in range(0, len(entities), size):
            batch = entities[start : start + size]
            found: dict[str, int] = {}
            for _, rows in self.complete(
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
            EndpointError: The endpoint fails, or returns fewer statements than it counted.
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
        """Check that missing statements were removed after they were counted."""
        rows = self._client.ask(queries.count_query(pattern, [entity]))
        now = _counted(rows, pattern.key).get(entity, wanted)
        if min(now, wanted) > found:
            raise EndpointError(
                f"{printable(self.config.endpoint)} counts {now} statements of "
                f"{printable(entity)} and returns only {found} of them. If it never returns more, "
                "set max_edges to that number."
            )


def _counted(rows: list[Binding], key: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        number = text_of(row, "n")
        if number.isascii() and number.isdigit():
            found[text_of(row, key)] = int(number[:18])
    return found


def text_of(row: Binding, name: str) -> str:
    """Return the value of a variable in a row, "" if it is unbound or no text."""
    binding: Any = row.get(name)
    value = binding.get("value") if isinstance(binding, dict) else None
    return value if isinstance(value, str) else ""
