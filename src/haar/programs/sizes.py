"""Symbolic sizes: torch evaluates their text, so only arithmetic of symbols and numbers is let through."""

from __future__ import annotations

import ast
import re
from typing import Any

from haar.programs.grammar import refusal

#: As torch names them: sizes, floats, and both where they depend on data.
SYMBOL = re.compile(r"(s|zf)\d{1,6}|(u|zuf)\d{1,4}")
_DECIMAL = re.compile(r"-?\d{1,40}(\.\d{0,60})?(e[-+]?\d{1,3})?")
_CONSTANTS = {"oo", "int_oo", "true", "false"}
#: Functions of any number of arguments that are expressions themselves.
_FUNCTIONS = frozenset(
    {
        *("Add", "Mul", "Max", "Min", "Mod", "PythonMod", "FloorDiv", "CleanDiv", "CeilDiv", "ModularIndexing"),
        *("Where", "CeilToInt", "FloorToInt", "TruncToInt", "TruncToFloat", "RoundToInt", "RoundDecimal", "ToFloat"),
        *("IntTrueDiv", "FloatTrueDiv", "Identity", "IsNonOverlappingAndDenseIndicator", "Abs", "And", "Or", "Not"),
        *("Equality", "Eq", "Unequality", "Ne", "LessThan", "Le", "StrictLessThan", "Lt", "GreaterThan", "Ge"),
        *("StrictGreaterThan", "Gt", "Xor"),
    }
)
_POWERS = frozenset({"Pow", "PowByNatural", "FloatPow"})
_ASSUMPTIONS = frozenset({"positive", "integer", "nonnegative", "real", "nonzero", "finite"})
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_MOST_LETTERS, _MOST_PARTS, _MOST_BITS, _MOST_POWER = 20_000, 8000, 65_536, 64


def size_expression(value: Any, where: str) -> str:
    """A size as arithmetic of symbols and numbers of bounded length, in a spelling of our own.

    Args:
        value: The text, such as ``"Mul(Integer(2), Symbol('s65', positive=True, integer=True))"`` or ``"2*s65"``.
        where: Place in the description, for messages.

    Raises:
        DataError: If it is anything else.

    Example:
        >>> size_expression("FloorDiv(s0, 2)  + 1", "size")
        'FloorDiv(s0, 2) + 1'
    """
    wrong = refusal(where, "a size that is arithmetic of symbols and small numbers", value)
    if not isinstance(value, str) or len(value) > _MOST_LETTERS or not value.isascii():
        raise wrong
    try:
        tree = ast.parse(value, mode="eval").body
        bounded = sum(1 for _ in ast.walk(tree)) <= _MOST_PARTS and _bits(tree) <= _MOST_BITS
        checked = ast.unparse(tree) if bounded else ""
    except Exception as error:  # whatever a parser raises for text that is none of ours
        raise wrong from error
    if not bounded:
        raise wrong
    return checked


class _RefusedError(Exception):
    pass


def _bits(node: ast.expr) -> int:
    """How long the numbers can become that evaluating this makes; raises for what is not allowed."""
    match node:
        case ast.Constant(value=bool()):
            raise _RefusedError
        case ast.Constant(value=int() | float() as constant):
            return int(constant).bit_length() if isinstance(constant, int) else 1024
        case ast.Name(id=word) if word in _CONSTANTS or SYMBOL.fullmatch(word):
            return 64
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _bits(operand)
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            return _power(base, exponent)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _OPERATORS):
            return _bits(left) + _bits(right) + 1
        case ast.Compare(left=left, ops=[op], comparators=[right]) if isinstance(op, _COMPARISONS):
            return _bits(left) + _bits(right)
        case ast.Call(func=ast.Name(id=word), args=arguments, keywords=keywords):
            return _bits_of_call(word, arguments, keywords)
    raise _RefusedError


def _bits_of_call(word: str, arguments: list[ast.expr], keywords: list[ast.keyword]) -> int:
    match word, arguments:
        case "Symbol", [ast.Constant(value=str() as name)]:
            _check(SYMBOL.fullmatch(name) and all(_is_assumption(each) for each in keywords))
            return 64
        case "Float", [ast.Constant(value=str() as digits)]:
            _check(_DECIMAL.fullmatch(digits) and all(_is_precision(each) for each in keywords))
            return 4096
    _check(not keywords)
    match word, arguments:
        case "Integer", [inner]:
            return _literal(inner).bit_length()
        case "Rational", [above, below]:
            return _literal(above).bit_length() + _literal(below).bit_length()
        case _, [base, exponent] if word in _POWERS:
            return _power(base, exponent)
    _check(word in _FUNCTIONS)
    # A function of one number rounds or converts it: floats of 1024 bits become whole numbers of as many.
    return sum(_bits(each) + 1 for each in arguments)


def _check(allowed: object) -> None:
    if not allowed:
        raise _RefusedError


def _power(base: ast.expr, exponent: ast.expr) -> int:
    """Exponents are written out and small: a power of a power of numbers would fill the memory."""
    match exponent:
        case ast.Call(func=ast.Name(id="Rational"), args=[above, below], keywords=[]):
            power = max(abs(_literal(above)), abs(_literal(below)))
        case ast.Call(func=ast.Name(id="Integer"), args=[inner], keywords=[]):
            power = abs(_literal(inner))
        case ast.Call(func=ast.Name(id="Float"), args=[ast.Constant(value=str() as digits)]):
            _bits(exponent)
            power = int(abs(float(digits))) + 1
        case _:
            power = int(abs(_number(exponent))) + 1
    if power > _MOST_POWER:
        raise _RefusedError
    return _bits(base) * max(1, power)


def _literal(node: ast.expr) -> int:
    found = _number(node)
    if not isinstance(found, int):
        raise _RefusedError
    return found


def _number(node: ast.expr) -> int | float:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.Constant(value=int() | float() as constant) if not isinstance(constant, bool):
            if abs(constant) < 2**64:
                return constant
    raise _RefusedError


def _is_assumption(word: ast.keyword) -> bool:
    return word.arg in _ASSUMPTIONS and isinstance(word.value, ast.Constant) and isinstance(word.value.value, bool)


def _is_precision(word: ast.keyword) -> bool:
    return word.arg == "precision" and 1 <= _literal(word.value) <= 64
