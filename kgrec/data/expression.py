"""The small language of `rating >= 4 and "drama" in genre`, read without executing anything."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from kgrec import errors
from kgrec.data.tables import as_numbers
from kgrec.errors import (
    ConfigError,
    DataError,
    KgrecError,
    check_kind,
    did_you_mean,
    nearest,
    printable,
    warn,
)
from kgrec.types import BoolArray, IntArray

_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_MIRRORED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
_GRAMMAR = (
    "comparisons of a column with a number, text, true or false, joined with and, or, not; the "
    "name of a column that is not one plain word stands in `backticks`"
)
_QUOTED_OR_NAME = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|`([^`]*)`""", re.DOTALL)
_TRUE, _FALSE = {"true", "yes", "1", "1.0"}, {"false", "no", "0", "0.0"}


@dataclass(frozen=True, eq=False)
class ListColumn:
    """A column whose cells are lists, as pairs of a row and one of its values.

    Attributes:
        row: Rows of the table, int64 of shape (p,).
        values: The value of each pair: objects (text) or numbers, of shape (p,).
    """

    row: IntArray
    values: npt.NDArray[Any]


Column = ListColumn | pd.Series
"""A column that an expression names: lists, or one value for each row."""


class Columns(Protocol):
    """A table as an expression reads it."""

    def names(self) -> Collection[str]:
        """Return the names of all columns."""

    def column(self, name: str) -> Column:
        """Return one of them."""

    def __len__(self) -> int:
        """Return the number of rows."""


class FrameColumns:
    """The columns of a data frame. Cells may be lists.

    Args:
        frame: The frame.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def names(self) -> Collection[str]:
        """Return the names of all columns."""
        return [str(name) for name in self._frame.columns]

    def column(self, name: str) -> Column:
        """Return one of them."""
        series = self._frame.iloc[:, list(self.names()).index(name)]
        cells = series[series.notna()] if series.dtype == object else series[:0]
        if len(cells) and isinstance(cells.iloc[0], list | tuple | np.ndarray):
            listed = series.reset_index(drop=True).explode().dropna()
            return ListColumn(listed.index.to_numpy(np.int64), listed.to_numpy(dtype=object))
        return series

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._frame)


def evaluate_expression(
    expression: str, table: pd.DataFrame | Columns, *, option: str = "positive"
) -> BoolArray:
    """Return for each row of `table` whether `expression` holds, as bool of shape (n,).

    The expression is parsed, never executed: only comparisons (`< <= > >= == != in`) of columns
    with constants, joined by `and`, `or`, `not`, are understood. `true` and `false` are constants.
    A column of any name can be written in backticks. A missing value fulfils no comparison. A
    column of text that is compared with a number is read as numbers.

    A column of lists fulfils a comparison if one of its values does, and `!=` and `not in` if none
    is the same. `"noir" in title` asks whether a text contains another, `genre in ["war",
    "drama"]` whether the column has one of the constants.

    Args:
        expression: The expression.
        table: The table.
        option: What messages call the argument that held the expression.

    Raises:
        ConfigError: The expression is something else.
        DataError: It names a column that the table does not have, or compares a number with a
            column that holds other text, or a column of numbers with text.

    >>> frame = pd.DataFrame({"rating": [3, 4, 5], "kind": ["buy", "view", "buy"]})
    >>> evaluate_expression("rating >= 4 and kind == 'buy'", frame).tolist()
    [False, False, True]
    """
    check_kind(option, expression, isinstance(expression, str), "a text, such as 'rating >= 4'")
    columns = FrameColumns(table) if isinstance(table, pd.DataFrame) else table
    reader = _Reader(expression, option, columns)
    try:
        return np.asarray(reader.truth(reader.tree()), dtype=bool)
    except KgrecError:
        raise
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        example = "rating >= 4" if option == "positive" else 'price < 30 and "drama" in genre'
        raise ConfigError(
            f"{reader.shown} cannot be read: expected {_GRAMMAR}, such as {example!r}."
            f"{reader.decimal_comma()}"
        ) from error


class _Reader:
    """Evaluates one expression over one table."""

    def __init__(self, expression: str, option: str, table: Columns) -> None:
        self.expression, self.table = expression, table
        self.shown = errors.option(option, printable(expression))
        self.where = f"the table of {'an' if option[0] in 'aeiou' else 'a'} `{option}` expression"
        self._backticked: dict[str, str] = {}

    def tree(self) -> ast.expr:
        """Return the parsed expression, with a plain word for each name in backticks."""

        def plain(found: re.Match[str]) -> str:
            if found.group(1) is not None:
                return found.group(1)
            name = found.group(2) if found.group(2) is not None else found.group(3)
            word = f"_backticked_{len(self._backticked)}_"
            while word in self.expression:
                word += "_"
            self._backticked[word] = name
            return word

        # Names such as Book-Rating, which no expression can mean otherwise, need no backticks.
        odd = [name for name in self.table.names() if not name.isidentifier() and name.strip()]
        names = "|".join(re.escape(name) for name in sorted(odd, key=len, reverse=True))
        pattern = rf"{_QUOTED_OR_NAME.pattern}|(?<!\w)({names or '(?!)'})(?!\w)"
        text = re.sub(pattern, plain, self.expression, flags=re.DOTALL)
        return ast.parse(text.strip(), mode="eval").body

    def truth(self, node: ast.expr) -> BoolArray:
        """Return where a condition holds, bool of shape (n,)."""
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(value) for value in node.values]
            combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return np.asarray(combine.reduce(parts))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.truth(node.operand)
        if isinstance(node, ast.Compare):
            sides = [self._value(side) for side in (node.left, *node.comparators)]
            if not any(isinstance(side, pd.Series | ListColumn) for side in sides):
                sides = [self._quoted(side) for side in sides]  # "Book-Rating" >= 6
            holds = np.ones(len(self.table), dtype=bool)
            for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
                try:
                    holds &= self._compared(left, op, right)
                except TypeError as error:
                    raise DataError(f"{self.shown} compares text with a number.") from error
            return holds
        raise self._not_understood()

    def _quoted(self, side: Any) -> Any:
        """Return the column that a text names; other texts and values as they are."""
        is_name = isinstance(side, str) and side in self.table.names()
        return self.table.column(side) if is_name else side

    def _compared(self, left: Any, op: ast.cmpop, right: Any) -> BoolArray:
        if isinstance(op, ast.NotIn):
            known = self._known(left) & self._known(right)
            return np.asarray(known & ~self._compared(left, ast.In(), right))
        if isinstance(op, ast.In):
            if isinstance(right, tuple):
                if not isinstance(left, pd.Series | ListColumn):
                    raise self._not_understood()
                none = np.zeros(len(self.table), dtype=bool)
                found = [self._compared(left, ast.Eq(), value) for value in right]
                return np.asarray(np.logical_or.reduce([none, *found]))
            if isinstance(left, pd.Series | ListColumn | tuple):
                raise self._not_understood()
            if isinstance(right, pd.Series):
                return self._contains(right, left)
            if not isinstance(right, ListColumn):
                raise self._not_understood()
            return self._compared(right, ast.Eq(), left)
        if isinstance(left, tuple) or isinstance(right, tuple) or type(op) not in _COMPARE:
            raise self._not_understood()
        if isinstance(right, ListColumn):
            if isinstance(left, pd.Series | ListColumn):
                raise self._not_understood()
            left, op, right = right, _MIRRORED.get(type(op), type(op))(), left
        if isinstance(left, ListColumn):
            return self._any(left, op, right)
        result = _COMPARE[type(op)](self._alike(left, right), self._alike(right, left))
        holds = np.asarray(pd.Series(result).fillna(False), dtype=bool)
        # `!=` holds for a missing value in pandas; here a missing value fulfils nothing.
        return np.asarray(holds & self._known(left) & self._known(right))

    def _any(self, column: ListColumn, op: ast.cmpop, value: Any) -> BoolArray:
        """Return the rows of which a value fulfils the comparison."""
        if isinstance(value, pd.Series):
            raise self._not_understood()
        if isinstance(op, ast.NotEq):
            return ~self._any(column, ast.Eq(), value)
        values = pd.Series(column.values)
        if isinstance(value, str) and values.dtype == object:
            values = values.astype(str)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers = pd.to_numeric(values, errors="coerce")
            if len(numbers) and numbers.isna().all():
                raise TypeError("the column holds text")
            values = numbers
        left = self._alike(values, value)
        same = np.asarray(pd.Series(_COMPARE[type(op)](left, value)).fillna(False), dtype=bool)
        if not same.any() and isinstance(value, str) and isinstance(op, ast.Eq):
            known = pd.unique(values.astype(str))
            if (meant := nearest(value, known[:5_000])) is not None and meant != value:
                warn(
                    f"{self.shown}: no row has the value {printable(value)!r}. Did you mean "
                    f"'{printable(meant)}'?"
                )
        holds = np.zeros(len(self.table), dtype=bool)
        holds[column.row[same]] = True
        return holds

    def _contains(self, column: pd.Series[Any], part: Any) -> BoolArray:
        if not isinstance(part, str) or pd.api.types.is_numeric_dtype(column):
            raise TypeError("only a text contains a text")
        text = column.astype("string").str.contains(part, regex=False, na=False)
        return np.asarray(text, dtype=bool)

    def _known(self, side: Any) -> Any:
        return side.notna().to_numpy() if isinstance(side, pd.Series) else True

    def _alike(self, side: Any, other: Any) -> Any:
        """Return a column as the kind of values that the constant on the other side is."""
        if not isinstance(side, pd.Series):
            return side
        if isinstance(other, bool):
            return _truth_values(side)
        if isinstance(other, int | float) and not pd.api.types.is_numeric_dtype(side):
            words = side.dropna().astype(str).str.strip().str.lower()
            if other in (0, 1) and words.isin(["true", "false"]).all():
                return words.eq("true").astype(float).reindex(side.index)
            return as_numbers(side.to_frame(), str(side.name), self.where)
        if isinstance(other, str):
            if pd.api.types.is_numeric_dtype(side):
                raise TypeError(f"{side.name} holds numbers")
            return side.astype(object)
        return side

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            name = self._backticked.get(node.id, node.id)
            names = self.table.names()
            if name in names:
                return self.table.column(name)
            if node.id in ("true", "false"):
                return node.id == "true"
            raise DataError(
                f"{self.shown} names the column {printable(name)!r}, which the table does not "
                "have." + did_you_mean(name, names)
            )
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            return node.value
        if isinstance(node, ast.List | ast.Tuple):
            return tuple(self._constants(node.elts))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self._value(node.operand)
            if isinstance(inner, int | float) and not isinstance(inner, bool):
                return -inner if isinstance(node.op, ast.USub) else inner
        raise self._not_understood()

    def _constants(self, nodes: list[ast.expr]) -> Iterator[Any]:
        for node in nodes:
            value = self._value(node)
            if isinstance(value, pd.Series | ListColumn | tuple):
                raise self._not_understood()
            yield value

    def _not_understood(self) -> ConfigError:
        return ConfigError(
            f"{self.shown} is not understood: expected {_GRAMMAR}.{self.decimal_comma()}"
        )

    def decimal_comma(self) -> str:
        """Return how to write a number that has a comma, "" if none has."""
        found = re.search(r"[<>=]\s*(-?\d+),(\d+)(?![\d,])", self.expression)
        if found is None:
            return ""
        whole, part = found.groups()
        thousands = f" or {whole}{part}" if len(part) == 3 else ""
        return f" Numbers have no comma: write {whole}.{part}{thousands}."


def _truth_values(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of truth values, text such as `yes` or the numbers 0 and 1 as True or False.

    Raises:
        TypeError: It holds other values.
    """
    text = column.astype("string").str.strip().str.lower()
    found = pd.Series(np.full(len(column), None, dtype=object), index=column.index)
    found[text.isin(_TRUE).to_numpy()] = True
    found[text.isin(_FALSE).to_numpy()] = False
    wrong = found.isna() & text.notna()
    if wrong.any():
        value = printable(str(column[wrong.to_numpy()].iloc[0]), 40)
        raise DataError(
            f"The column {printable(str(column.name))!r} is compared with true or false, and holds "
            f"{value!r}; truth values are true, false, yes, no, 1 and 0."
        )
    return found
