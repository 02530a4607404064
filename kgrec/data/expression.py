"""The small language of `positive="rating >= 4"`, read without executing anything."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from kgrec.data.tables import as_numbers
from kgrec.errors import ConfigError, DataError, KgrecError, did_you_mean, printable
from kgrec.types import BoolArray

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_GRAMMAR = "comparisons of a column with a number or text, joined with and, or, not"


def evaluate_expression(expression: str, frame: pd.DataFrame) -> BoolArray:
    """Return for each row of `frame` whether `expression` holds, as bool of shape (n,).

    The expression is parsed, never executed: only comparisons (`< <= > >= == !=`) of columns with
    constants, joined by `and`, `or`, `not`, are understood. A missing value fulfils no comparison.
    A column of text that is compared with a number is read as numbers.

    Raises:
        ConfigError: The expression is something else.
        DataError: It names a column that the table does not have, or compares a number with a
            column that holds other text, or a column of numbers with text.

    >>> frame = pd.DataFrame({"rating": [3, 4, 5], "kind": ["buy", "view", "buy"]})
    >>> evaluate_expression("rating >= 4 and kind == 'buy'", frame).tolist()
    [False, False, True]
    """
    try:
        tree = ast.parse(expression, mode="eval")
        return np.asarray(_truth(tree.body, frame, expression), dtype=bool)
    except KgrecError:
        raise
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise ConfigError(
            f"positive={printable(expression)!r} cannot be read: expected {_GRAMMAR}, "
            "such as 'rating >= 4'."
        ) from error


def _truth(node: ast.expr, frame: pd.DataFrame, expression: str) -> Any:
    if isinstance(node, ast.BoolOp):
        parts = [_truth(value, frame, expression) for value in node.values]
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return combine.reduce(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ~_truth(node.operand, frame, expression)
    if isinstance(node, ast.Compare):
        sides = [_value(side, frame, expression) for side in (node.left, *node.comparators)]
        holds = np.ones(len(frame), dtype=bool)
        for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
            if type(op) not in _COMPARE:
                raise _not_understood(expression)
            try:
                result = _COMPARE[type(op)](_alike(left, right), _alike(right, left))
            except TypeError as error:
                raise DataError(
                    f"positive={printable(expression)!r} compares text with a number."
                ) from error
            holds &= np.asarray(pd.Series(result).fillna(False), dtype=bool)
        # `!=` holds for a missing value in pandas; here a missing value fulfils nothing.
        for side in sides:
            if isinstance(side, pd.Series):
                holds &= side.notna().to_numpy()
        return holds
    raise _not_understood(expression)


def _alike(side: Any, other: Any) -> Any:
    """Return a column of text as numbers if it is compared with one."""
    if (
        isinstance(side, pd.Series)
        and isinstance(other, int | float)
        and not pd.api.types.is_numeric_dtype(side)
    ):
        return as_numbers(side.to_frame(), str(side.name), "the table of a `positive` expression")
    if isinstance(side, pd.Series) and isinstance(other, str):
        if pd.api.types.is_numeric_dtype(side):
            raise TypeError(f"{side.name} holds numbers")
        return side.astype(object)
    return side


def _value(node: ast.expr, frame: pd.DataFrame, expression: str) -> Any:
    if isinstance(node, ast.Name):
        if node.id not in frame.columns:
            raise DataError(
                f"positive={printable(expression)!r} names the column {printable(node.id)!r}, "
                "which the table does not have." + did_you_mean(node.id, map(str, frame.columns))
            )
        return frame[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _value(node.operand, frame, expression)
        if isinstance(inner, int | float):
            return -inner if isinstance(node.op, ast.USub) else inner
    raise _not_understood(expression)


def _not_understood(expression: str) -> ConfigError:
    return ConfigError(
        f"positive={printable(expression)!r} is not understood: expected {_GRAMMAR}."
    )
