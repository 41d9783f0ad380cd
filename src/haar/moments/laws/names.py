"""Laws of one variable in words: ``gauss``, ``2 * laplace + 1``, ``t(5)``."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping

from haar.errors import ArgumentError
from haar.moments.laws.continuous import Exponential, Gamma, Laplace, Normal, StudentT, TwoBump, Uniform
from haar.moments.laws.discrete import Poisson, Rademacher
from haar.moments.laws.law import Law

#: Names of laws of one variable: mean 0 and variance 1, but for ``poisson``, ``gamma`` and what is said otherwise.
NAMED: Mapping[str, Callable[..., Law]] = {
    "gauss": Normal,
    "normal": Normal,
    "uniform": Uniform,
    "laplace": Laplace,
    "exponential": Exponential,
    "gamma": Gamma,
    "rademacher": Rademacher,
    "mixture": TwoBump,
    "t": StudentT,
    "t5": lambda: StudentT(5),
    "poisson": Poisson,
}
_FORMS = f"laws made of {', '.join(NAMED)} with numbers, as in 'gauss(0, 0.5)', '2 * laplace + 1', 'uniform; t(5)'"
_WHOLE = 1e15  # below it every whole number is a float of its own


def named_law(text: str, *, argument: str = "law") -> Law:
    """The law that an expression means; nothing is evaluated but the names and arithmetic with numbers.

    Args:
        text: A name, with numbers in brackets where it takes some, times numbers and plus numbers.
        argument: What the user calls it, for the message.

    Raises:
        ArgumentError: If a word is unknown, the law has no mean or variance, or a number is too large.

    Example:
        >>> law = named_law("2 * laplace + 1")
        >>> law.require(1), law.require(2)
        (1.0, 4.0)
    """
    try:
        found = _read(ast.parse(text.strip(), mode="eval").body)
        if isinstance(found, Law):
            for order in (1, 2):  # every use needs them
                found.require(order)
            return found
    except _OtherNumbersError as error:
        raise ArgumentError(argument, expected=f"{error} with other numbers", got=repr(text)) from error
    except ArgumentError:
        raise
    except ArithmeticError as error:
        raise ArgumentError(argument, expected="numbers that float64 holds", got=f"{text[:80]!r}") from error
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ArgumentError(argument, expected=_FORMS, got=f"{text[:80]!r}") from error
    raise ArgumentError(argument, expected=_FORMS, got=repr(text))


class _OtherNumbersError(Exception):
    """A law does not take these numbers."""


def _read(node: ast.expr) -> Law | float:
    """A law, or a number, of an expression."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if math.isinf(number := float(value)):
                raise OverflowError
            return number
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            inner = _read(node.operand)
            sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
            return sign * inner if isinstance(inner, float) else inner.affine(sign, 0.0)
        case ast.Name(id=name) if name in NAMED:
            return _built(name, [])
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in NAMED:
            return _built(name, [_read(argument) for argument in node.args])
        case ast.BinOp():
            return _combined(node.op, _read(node.left), _read(node.right))
    raise ValueError


def _combined(by: ast.operator, left: Law | float, right: Law | float) -> Law:
    """A law times a number, over one, plus or minus one; a number minus a law."""
    if isinstance(left, Law) and isinstance(right, float) and math.isfinite(right):
        moves = {ast.Mult: (right, 0.0), ast.Add: (1.0, right), ast.Sub: (1.0, -right)}
        if right:
            moves[ast.Div] = (1.0 / right, 0.0)
        if type(by) in moves:
            return left.affine(*moves[type(by)])
    if isinstance(right, Law) and isinstance(left, float) and math.isfinite(left):
        moves = {ast.Mult: (left, 0.0), ast.Add: (1.0, left), ast.Sub: (-1.0, left)}
        if type(by) in moves:
            return right.affine(*moves[type(by)])
    raise ValueError


def _built(name: str, numbers: list[Law | float]) -> Law:
    plain = [x for x in numbers if isinstance(x, float)]
    if len(plain) < len(numbers):
        raise ValueError
    whole = [int(x) if x.is_integer() and abs(x) < _WHOLE else x for x in plain]
    try:
        return NAMED[name](*whole)
    except TypeError as error:
        raise _OtherNumbersError(name) from error
