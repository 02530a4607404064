"""The choice between the readers of N-Triples and N-Quads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from kgrec.rdf.arrow_reader import ArrowReader
from kgrec.rdf.line_errors import Mistake, Part
from kgrec.rdf.native import native_is_there
from kgrec.rdf.numbered import BlankNodes, GraphChoice
from kgrec.rdf.statements import Statements
from kgrec.rdf.syntaxes import Format
from kgrec.rdf.triple_terms import TripleTerms

LARGE: Final = 1 << 24
"""Where so many bytes are to be read, loading the compiled loops pays."""


class Reader(Protocol):
    """Reads the statements of one file of N-Triples or N-Quads, or of what a parser writes.

    All readers give the same statements, names of blank nodes and mistakes.
    """

    def read(
        self, pieces: Iterable[Sequence[Part]], on_mistake: Callable[[Mistake], None] | None
    ) -> list[Statements]:
        """Return the statements of the text of a file, in batches.

        Args:
            pieces: Whole lines, in parts that follow each other without a gap.
            on_mistake: Gets each line that is left out, in order, because it is not valid or has
                a triple term; its number counts from 1. None: a line that is not valid is an
                error.

        Raises:
            SyntaxError: A line is not valid, and `on_mistake` is None.
        """

    def read_written(self, texts: Iterable[bytes]) -> list[Statements]:
        """Return the statements that a parser has written, in canonical form, in batches."""


MakeReader = Callable[[Format, BlankNodes, GraphChoice, TripleTerms], Reader]
"""Makes the reader of one file: format, blank nodes, graphs, and what triple terms leave out."""


def choose_reader(size: int) -> MakeReader:
    """Return the reader of a file; nothing else chooses it.

    | the file, with those before it, is | numba | reader | why |
    | --- | --- | --- | --- |
    | smaller than `LARGE` | any | `ArrowReader` | it is done before the loops are loaded |
    | larger | is there | `CompiledReader` | several times as fast, and on all cores |
    | larger | is missing | `ArrowReader` | it needs no more than numpy and Arrow |

    Lines of N-Triples and N-Quads go to `read` as they are. pyoxigraph parses the other
    syntaxes and writes them as N-Triples, or as N-Quads where there can be graphs, for
    `read_written`. Settings decide nothing here: every reader leaves out lines that are not valid
    and graphs that are not asked for.

    Args:
        size: Number of bytes of the file and of those that were read before it for the same graph,
            decompressed; from `LARGE` on, any such number.
    """
    if size >= LARGE and native_is_there():
        from kgrec.rdf.compiled_reader import CompiledReader  # loads numba

        return CompiledReader
    return ArrowReader
