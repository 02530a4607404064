"""Reading Turtle and TriG with mistakes: what is wrong is left out, and all else is read.

The parser gets large pieces of the text at a time. Only a piece that it refuses is divided into
statements, halving until the wrong one is alone. In that, wrong terms (an IRI, a name, a language
tag, a literal) are replaced by a mark: if the statement can be parsed then, it loses just the
triples with the mark. If not, all of it is left out up to the next line that begins a statement.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pyoxigraph

from kgrec.rdf.line_errors import Mistake, reason_of
from kgrec.rdf.syntaxes import FORMATS, Format
from kgrec.rdf.term_mistakes import iri_mistake, name_mistake, plain_reason, tag_mistake
from kgrec.rdf.turtle_tokens import Token, Unit, next_unit, skip_blanks, tokens

_PIECE: Final = 1 << 22  # bytes parsed at once
_GROUP: Final = 1 << 18  # bytes of statements parsed at once behind a mistake
_WRITTEN: Final = 1 << 20  # bytes given at once
_LONGEST: Final = 1 << 24  # bytes of a statement; the parser takes no longer term
_MOST_TRIES: Final = 100  # lines where a statement may begin again
_ENDS_NAMES: Final = (b"(", b"'", b"#")
_DIRECTIVES: Final = (b"@prefix", b"@base", b"@version")
_MARK: Final = "x-kgrec-wrong-term:"
_GRAPH: Final = b"_:kgrec-graph-%d"
_CONNECTORS: Final = frozenset((b";", b",", b"(", b"[", b"{|", b"^^", b"~", b"<<", b"<<("))
_AFTER_STRING: Final = frozenset((b".", b";", b",", b")", b"]", b"}", b"@", b"^", b"{", b"|", b"~"))
_END: Final = Token("blank", b"", 0)
_DIRECTIVE: Final = re.compile(rb"@?(?i:prefix)[\s]+([^\s:<]*):|@?(?i:base)(?=[\s<])")
# Terms that need no closer look; a name is valid if its prefix is known.
_SURE_IRI: Final = re.compile(rb"<[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~/#?=&;,:@!$'()*+-]*>")
_SURE_NAME: Final = re.compile(rb"([A-Za-z][A-Za-z0-9-]*|):[A-Za-z0-9_][A-Za-z0-9_-]*")
_SURE_WORD: Final = re.compile(rb"a|true|false|[+-]?[0-9]+(?:\.[0-9]+)?|_:[A-Za-z0-9_]+")

OnMistake = Callable[[Mistake], None]


class TurtleRecovery:
    """Reads one text of Turtle or TriG.

    Args:
        format: Turtle or TriG.
        base_iri: Base of relative IRIs.
        on_mistake: Gets what is left out, in order: its place, the reason, and the statement.
    """

    def __init__(self, format: Format, base_iri: str | None, on_mistake: OnMistake) -> None:
        self._format = format
        self._lines = FORMATS["nq" if format.has_graphs else "nt"]
        self._base = base_iri
        self._prefixes: dict[str, str] = {}
        self._graph = b""  # the name and brace of the graph that is open
        self._graphs = 0
        self._on_mistake = on_mistake
        self._lost: SyntaxError | None = None  # why all of the graph that is open is left out
        self._line, self._counted = 1, 0  # a place in the buffer, and its line
        self._written: list[bytes] = []

    def texts(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Give what can be read, as canonical N-Triples or N-Quads."""
        parts: list[bytes] = []
        for piece in pieces:
            parts.append(piece)
            if sum(map(len, parts)) >= _PIECE:
                parts = [self._rest(b"".join(parts), final=False)]
                yield from self._taken()
        self._rest(b"".join(parts), final=True)
        yield from self._taken(least=0)

    def _taken(self, least: int = _WRITTEN) -> Iterator[bytes]:
        if sum(map(len, self._written)) > least:
            yield b"".join(self._written)
            self._written = []

    # ------------------------------------------------------------------ dividing the text

    def _rest(self, buffer: bytes, *, final: bool) -> bytes:
        """Read what is complete, and return the rest."""
        done = self._at_once(buffer, final=final)
        while done < len(buffer):
            units = self._units(buffer, done, final=final)
            if units:
                done = self._read(buffer, units)
            elif final:
                break
            elif len(buffer) - done > _LONGEST:
                # Nothing ends: a string that is not closed, for example.
                done = self._read(
                    buffer, [Unit(skip_blanks(buffer, done), len(buffer), "statement")]
                )
            else:
                break
        self._line, self._counted = self._line_of(buffer, done), 0
        return buffer[done:]

    def _at_once(self, buffer: bytes, *, final: bool) -> int:
        """Read as much as can be read in one go; return where it ends."""
        if self._graph:
            return 0
        # If the parser accepts the text before, this is the end of a statement.
        end = buffer.rfind(b"}\n") if self._format.has_graphs else -1
        end = max(end, buffer.rfind(b".\n")) if end < 0 else end
        end = len(buffer) if final else end + 2 if end >= 0 else 0
        return end if end and self._parsed(buffer[:end]) is None else 0

    def _units(self, buffer: bytes, begin: int, *, final: bool) -> list[Unit]:
        """Return the next statements that can be parsed together."""
        units: list[Unit] = []
        size = 0
        while size < _GROUP:
            unit = next_unit(buffer, begin, final=final, braces=self._format.has_graphs)
            if unit is None or (unit.kind != "statement" and units):
                break
            units.append(unit)
            begin = unit.end
            size += unit.end - unit.begin
            if unit.kind != "statement":
                break
        return units

    def _read(self, buffer: bytes, units: Sequence[Unit]) -> int:
        """Read some units; return where to continue."""
        begin, end = units[0].begin, units[-1].end
        if units[0].kind == "open":
            return self._open(buffer, units[0])
        if units[0].kind == "close":
            return self._close(buffer, units[0])
        if self._lost is not None:
            for unit in units:
                self._reject(buffer, unit.begin, unit.end, self._lost)
            return end
        error = self._parsed(buffer[begin:end])
        if error is None:
            return end
        if len(units) == 1:
            return self._wrong(buffer, units[0], error)
        middle = len(units) // 2
        at = self._read(buffer, units[:middle])
        return at if at != units[middle - 1].end else self._read(buffer, units[middle:])

    def _open(self, buffer: bytes, unit: Unit) -> int:
        """Begin a graph."""
        head = buffer[unit.begin : unit.end]
        anonymous = re.fullmatch(rb"(?:(?i:graph)\s*)?\[\s*\]\s*\{", head)
        if anonymous:
            head = _GRAPH % self._graphs + b" {"
            self._graphs += 1
        error = self._error(head + b"}", in_graph=False)
        if error is not None:
            at = self._next_begin(buffer, unit)
            if at != unit.end:
                self._reject(buffer, unit.begin, at, error)
                return at
        if self._graph:
            reason = "the graph before this one is not closed"
            self._on_mistake(self._mistake(buffer, unit.begin, reason, unit))
            self._graph = b""
        self._lost = error and SyntaxError(_term_of(head) or reason_of(error))
        self._graph = head + b"\n"
        return unit.end

    def _close(self, buffer: bytes, unit: Unit) -> int:
        """End a graph, whose last statement may have no dot."""
        last = buffer[unit.begin : unit.end - 1]
        if not self._graph:
            self._reject(buffer, unit.begin, unit.end, SyntaxError("a brace that closes no graph"))
        elif last.strip():
            error = self._lost or self._parsed(last)
            if self._lost is not None:
                self._reject(buffer, unit.begin, unit.end - 1, self._lost)
                error = None
            if error is not None:
                statement = Unit(unit.begin, unit.end - 1, "statement")
                at = self._wrong(buffer, statement, error)
                if at < unit.end - 1:
                    return at
        self._graph, self._lost = b"", None
        return unit.end

    # ------------------------------------------------------------------ mistakes

    def _wrong(self, buffer: bytes, unit: Unit, error: SyntaxError) -> int:
        """Save what can be saved of a statement that is not valid; return where to continue."""
        if unit.end - unit.begin <= _PIECE and self._repaired(buffer, unit):
            return unit.end
        at = self._next_begin(buffer, unit)
        self._reject(buffer, unit.begin, at, error)
        return at

    def _next_begin(self, buffer: bytes, unit: Unit) -> int:
        """Return where a line begins in a unit that is a statement by itself; if none, its end."""
        budget = 8 * (unit.end - unit.begin) + _GROUP
        for at, is_certain in self._line_begins(buffer, unit):
            found = next_unit(buffer, at, final=True, braces=self._format.has_graphs)
            if found is None or budget < 0:
                break
            budget -= found.end - found.begin
            if is_certain or self._can_be_read(buffer, found):
                return at
        return unit.end

    def _can_be_read(self, buffer: bytes, unit: Unit) -> bool:
        text = buffer[unit.begin : unit.end]
        if unit.kind == "open":
            return self._error(text + b"}", in_graph=False) is None
        if unit.kind == "close":
            text = text[:-1]
        repaired, mistakes = self._with_marks(
            buffer, Unit(unit.begin, unit.begin + len(text), "statement")
        )
        return self._error(repaired if mistakes else text) is None

    def _repaired(self, buffer: bytes, unit: Unit) -> bool:
        """Read a statement without the triples that have a wrong term, if nothing else is wrong."""
        repaired, mistakes = self._with_marks(buffer, unit)
        if not mistakes:
            return False
        try:
            quads = list(self._parse(repaired))
        except SyntaxError:
            return False
        # Whoever counts triple terms needs those with a mark too: their reifier is gone with them.
        kept = [
            one for one in quads if isinstance(one.object, pyoxigraph.Triple) or not _marked(one)
        ]
        self._written.append(pyoxigraph.serialize(kept, format=self._lines.parser) or b"")
        for _, same_line in itertools.groupby(mistakes, lambda mistake: mistake.line):
            self._on_mistake(next(same_line))
        return True

    def _with_marks(self, buffer: bytes, unit: Unit) -> tuple[bytes, list[Mistake]]:
        """Return a statement with marks for its wrong terms, and what is wrong with each."""
        found = list(tokens(buffer, unit.begin, unit.end))
        parts: list[bytes] = []
        mistakes: list[Mistake] = []
        if _DIRECTIVE.match(buffer, unit.begin):
            return b"", []
        at, depth = unit.begin, 0
        for term in _terms(found):
            first, last = term[0], term[-1]
            if first.text in _DIRECTIVES:  # behind a statement without a dot
                return b"", []
            depth += {b"(": 1, b")": -1}.get(first.text, 0)
            reason = self._reason(term)
            if reason is None:
                continue
            if depth:  # a list without one of its members would be another list
                return b"", []
            parts += [buffer[at : first.begin], f" <{_MARK}{len(mistakes)}> ".encode()]
            at = last.end
            mistakes.append(self._mistake(buffer, first.begin, reason, unit))
        return b"".join([*parts, buffer[at : unit.end]]), mistakes

    def _reason(self, term: Sequence[Token]) -> str | None:
        """Return what is wrong with a term, or None."""
        first = term[0]
        if first.kind == "mark" or self._is_sure(term):
            return None
        if first.kind == "open":
            return term_reason(term)
        text = b"".join(token.text for token in term)
        error = self._error(b"<x:s> <x:p> " + text + b" .", in_graph=False)
        if error is None:
            return None
        return term_reason(term) or plain_reason(reason_of(error))

    def _is_sure(self, term: Sequence[Token]) -> bool:
        first = term[0]
        if len(term) > 1:
            return False
        if first.kind == "string":
            return b"\\" not in first.text and first.text.isascii()
        if first.kind == "iri":
            return _SURE_IRI.fullmatch(first.text) is not None
        name = _SURE_NAME.fullmatch(first.text)
        if name is not None:
            return name[1].decode() in self._prefixes
        return _SURE_WORD.fullmatch(first.text) is not None

    def _line_begins(self, buffer: bytes, unit: Unit) -> Iterator[tuple[int, bool]]:
        """Give the places inside of a statement where the next one may begin.

        Yields:
            The place, and whether the line before ends with a dot, though in a string or comment.
        """
        indent = unit.begin - 1 - buffer.rfind(b"\n", 0, unit.begin)
        before = b""
        tries = 0
        found = tokens(buffer, unit.begin, unit.end)
        for token, after in itertools.pairwise(itertools.chain(found, [_END])):
            line = buffer.rfind(b"\n", unit.begin, token.begin) + 1
            first = line and not buffer[line : token.begin].strip()
            ended = bool(first) and buffer[unit.begin : line].rstrip().endswith(b".")
            if first and before not in _CONNECTORS and (ended or token.begin - line <= indent):
                yield token.begin, ended
                tries += 1
            if token.kind == "long" and after.text[:1] not in _AFTER_STRING:
                # It took the beginning of the next string for its own end.
                for match in re.finditer(rb"\n(?=[^\s\"'])", token.text):
                    yield token.begin + match.end(), False
                    tries += 1
            if tries > _MOST_TRIES:
                return
            before = token.text

    def _reject(self, buffer: bytes, begin: int, end: int, error: SyntaxError) -> None:
        unit = Unit(begin, end, "statement")
        reason = _first_reason(buffer, unit) or plain_reason(reason_of(error))
        self._on_mistake(self._mistake(buffer, begin, reason, unit))
        directive = _DIRECTIVE.match(buffer, begin, end)
        if directive is None:
            return
        # What it was to declare is not known now, whatever it was before.
        for match in _DIRECTIVE.finditer(buffer, begin, end):
            if match[1] is None:
                self._base = None
            else:
                self._prefixes.pop(match[1].decode(errors="replace"), None)

    def _mistake(self, buffer: bytes, at: int, reason: str, unit: Unit) -> Mistake:
        line = self._line_of(buffer, at)
        column = len(buffer[buffer.rfind(b"\n", 0, at) + 1 : at].decode(errors="replace")) + 1
        text = buffer[unit.begin : unit.end].strip()
        return Mistake(line, column, reason, text)

    def _line_of(self, buffer: bytes, at: int) -> int:
        """Return the line of a place; places mostly come in order."""
        if at >= self._counted:
            self._line += _num_lines(buffer[self._counted : at])
        else:
            self._line -= _num_lines(buffer[at : self._counted])
        self._counted = at
        return self._line

    # ------------------------------------------------------------------ parsing

    def _parsed(self, text: bytes) -> SyntaxError | None:
        """Parse statements and keep what they say; return the error if they are not valid."""
        try:
            quads = self._parse(text)
            self._written.append(pyoxigraph.serialize(quads, format=self._lines.parser) or b"")
        except SyntaxError as error:
            return error
        except MemoryError:
            return SyntaxError("a term of more than 16 MiB")
        self._prefixes |= quads.prefixes
        self._base = quads.base_iri
        return None

    def _error(self, text: bytes, *, in_graph: bool = True) -> SyntaxError | None:
        """Return the error if statements are not valid."""
        try:
            for _ in self._parse(text, in_graph=in_graph):
                pass
        except SyntaxError as error:
            return error
        except MemoryError:
            return SyntaxError("a term of more than 16 MiB")
        return None

    def _parse(self, text: bytes, *, in_graph: bool = True) -> pyoxigraph.QuadParser:
        declared = b"".join(
            f"@prefix {name}: <{iri}> .\n".encode()
            for name, iri in self._prefixes.items()
            if name.encode() + b":" in text
        )
        if in_graph and self._graph:
            text = self._graph + text + b"\n}"
        return pyoxigraph.parse(declared + text, format=self._format.parser, base_iri=self._base)


def reason_at(line: bytes, column: int, before: bytes) -> str | None:
    """Return what is wrong in a line where a parser has found a mistake, or None.

    Args:
        line: The line.
        column: The character where the parser is, from 1.
        before: The line before, whose end may be what is wrong.
    """
    if not line[: column - 1].strip():
        reason = _first_reason(before, Unit(0, len(before), "statement"))
        if reason is not None:
            return reason
    at = len(line.decode(errors="replace")[: column - 1].encode())
    found = tokens(line)
    for token, after in itertools.pairwise(itertools.chain(found, [_END])):
        if token.begin <= at <= token.end:
            reason = term_reason([token]) or _name_goes_on(line, token, after)
            if reason is not None or token.end > at:
                return reason
    return None


def _first_reason(text: bytes, unit: Unit) -> str | None:
    """Return what is wrong with the first term of a statement that is wrong by itself, or None."""
    found = tokens(text, unit.begin, unit.end)
    for token, after in itertools.pairwise(itertools.chain(found, [_END])):
        reason = _name_goes_on(text, token, after)
        if reason is None and token.text not in _DIRECTIVES:
            reason = term_reason([token])
        if reason is not None:
            return reason
    return None


def _name_goes_on(text: bytes, token: Token, after: Token) -> str | None:
    """Return what is wrong if a name is followed directly by a character that it should escape."""
    char = text[token.end : token.end + 1]
    if token.kind != "word" or b":" not in token.text or char not in _ENDS_NAMES:
        return None
    if char == b"'" and after.kind != "open":
        return None
    return name_mistake((token.text + char).decode(errors="replace"))


def _term_of(head: bytes) -> str | None:
    return _first_reason(head, Unit(0, len(head), "open"))


def term_reason(term: Sequence[Token]) -> str | None:
    """Return what is wrong with a term by its characters, or None."""
    for token in term:
        text = token.text.decode(errors="replace")
        reason = None
        if token.kind == "tag":
            reason = tag_mistake(text[1:])
        elif token.kind == "iri":
            reason = iri_mistake(text[1:-1]) if text.endswith(">") else "an IRI that is not closed"
        elif token.kind == "word":
            reason = name_mistake(text)
        elif token.kind == "open":
            reason = "a string that is not closed on its line"
        if reason is not None:
            return reason
    return None


def _terms(found: Sequence[Token]) -> Iterator[list[Token]]:
    """Give the terms among some tokens: a literal with its language or datatype is one."""
    k = 0
    while k < len(found):
        end = k + 1
        if found[k].kind in ("long", "string", "open") and end < len(found):
            if found[end].kind == "tag":
                end += 1
            elif found[end].text == b"^^":
                end += 2
        yield list(found[k:end])
        k = end


def _marked(quad: pyoxigraph.Quad) -> bool:
    return _MARK in str(quad)


def _num_lines(text: bytes) -> int:
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
